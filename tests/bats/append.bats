#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Writes that stand on what is there already: >>, rsync --append, dd
# conv=notrunc, truncate. Either the object has just the bytes that a disk
# would have, or the tool fails and the object is what it was.

load helpers

tag=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	disk=$BATS_TEST_TMPDIR/disk
	mkdir -p "$disk"
	sl_mount "$m"
	sl_begin "$m"
	mkdir -p "$m/$tag"
	d=$m/$tag
	head -c 300000 /dev/urandom >"$BATS_TEST_TMPDIR/first"
	head -c 5000 /dev/urandom >"$BATS_TEST_TMPDIR/more"
	cp "$BATS_TEST_TMPDIR/first" "$d/f"
	cp "$BATS_TEST_TMPDIR/first" "$disk/f"
	bucket=$(sl_bucket "$m")/$tag
}
teardown() { sl_cleanup; }

same() {
	local name
	for name in "$@"; do
		cmp "$disk/$name" "$bucket/$name" || return 1
		cmp "$disk/$name" "$d/$name" || return 1
	done
}

gate_counts_nothing() {
	local file
	for file in open queued interrupted failed; do
		[ "$(status_of "$m" ".local.files.$file")" -eq 0 ] || return 1
	done
	[ -z "$(find "$SIM_DIR" -path '*/uploads/*')" ]
}

# both COMMAND: in a directory on disk and in one of the mount.
both() {
	(cd "$disk" && eval "$1") || return 1
	(cd "$d" && eval "$1")
}

@test ">> on a new file, an old one, twice, and after a remount" {
	both "cat $BATS_TEST_TMPDIR/more >>new"
	same new
	both "cat $BATS_TEST_TMPDIR/more >>f"
	same f
	both '{ echo a; echo b; } >>f'
	both 'echo c >>f'
	same f
	sl_umount "$m"
	sl_mount "$m"
	echo ReceivingFiles >"$m/.wait"
	both 'echo d >>f; echo e | tee -a f new >/dev/null'
	same f new
	gate_counts_nothing
	sl_umount "$m"
}

@test ">> on an empty file and without any bytes" {
	both ': >empty'
	both 'printf x >>empty; : >>f; : >>new'
	same empty f new
	gate_counts_nothing
	sl_umount "$m"
}

@test "rsync --append and --append-verify" {
	cp "$BATS_TEST_TMPDIR/first" "$BATS_TEST_TMPDIR/f"
	rsync --append "$BATS_TEST_TMPDIR/f" "$d/"
	same f
	tee -a "$BATS_TEST_TMPDIR/f" <"$BATS_TEST_TMPDIR/more" >>"$disk/f"
	rsync --append "$BATS_TEST_TMPDIR/f" "$d/"
	same f
	tee -a "$BATS_TEST_TMPDIR/f" <"$BATS_TEST_TMPDIR/more" >>"$disk/f"
	rsync --append-verify "$BATS_TEST_TMPDIR/f" "$d/"
	same f
	# The beginning is not what was sent: all of it again.
	{ echo else; cat "$BATS_TEST_TMPDIR/f"; } | tee "$disk/f" \
		>"$BATS_TEST_TMPDIR/g"
	mv "$BATS_TEST_TMPDIR/g" "$BATS_TEST_TMPDIR/f"
	rsync --append-verify "$BATS_TEST_TMPDIR/f" "$d/"
	same f
	gate_counts_nothing
	sl_umount "$m"
}

@test "rsync --inplace with differences in the middle and at the end" {
	cp "$disk/f" "$BATS_TEST_TMPDIR/f"
	for change in \
		'dd if=/dev/urandom bs=1000 count=1 seek=150 conv=notrunc' \
		'dd if=/dev/urandom bs=1000 count=1 conv=notrunc' \
		'truncate -s 200000' 'truncate -s 250000' \
		'dd if=/dev/urandom bs=1000 count=1 seek=100 conv=notrunc'; do
		target=${change#truncate *}
		if [ "$target" = "$change" ]; then
			$change of="$BATS_TEST_TMPDIR/f" 2>/dev/null
		else
			$change "$BATS_TEST_TMPDIR/f"
		fi
		cp "$BATS_TEST_TMPDIR/f" "$disk/f"
		rsync --inplace --no-whole-file --checksum \
			"$BATS_TEST_TMPDIR/f" "$d/f"
		same f
	done
	rsync --inplace --whole-file --ignore-times "$BATS_TEST_TMPDIR/f" "$d/f"
	same f
	gate_counts_nothing
	sl_umount "$m"
}

@test "truncate, touch, install and dd on a file that is there" {
	both 'truncate -s 1000 f'
	same f
	both 'truncate -s 3000 f'
	same f
	both 'truncate -s +70 f; truncate -s 3070 f'
	same f
	run python3 -c 'import os, sys; os.truncate(sys.argv[1], 5)' "$d/f"
	[ "$status" -eq 1 ]
	[[ $output == *"not supported"* ]]
	grep -q 'as truncate(1) does' "$m/.errors"
	python3 -c 'import os, sys; os.truncate(sys.argv[1], 3070)' "$d/f"
	both 'touch f; touch touched'
	same f touched
	both "dd if=$BATS_TEST_TMPDIR/more of=f seek=2 bs=1500 status=none"
	same f
	both "install -m 640 $BATS_TEST_TMPDIR/more f"
	same f
	both 'truncate -s 0 f'
	same f
	both "install $BATS_TEST_TMPDIR/first f; : >f"
	same f
	gate_counts_nothing
	sl_umount "$m"
}

@test "a beginning written over without cutting off the rest is refused" {
	run dd if="$BATS_TEST_TMPDIR/more" of="$d/f" conv=notrunc bs=1000
	[ "$status" -ne 0 ]
	cmp "$BATS_TEST_TMPDIR/first" "$bucket/f"
	grep -q 'not cut off' "$m/.errors"
	cp "$BATS_TEST_TMPDIR/first" "$d/f"
	gate_counts_nothing
	sl_umount "$m"
}

@test "bytes added to a file larger than a part are refused, and how" {
	head -c 17000000 /dev/urandom >"$BATS_TEST_TMPDIR/big"
	cp "$BATS_TEST_TMPDIR/big" "$d/big"
	run bash -c "echo x >>'$d/big'"
	[ "$status" -ne 0 ]
	[[ $output == *"Illegal seek"* ]]
	grep -q 'copy the whole file again' "$m/.errors"
	cmp "$BATS_TEST_TMPDIR/big" "$bucket/big"
	run bash -c "echo launch node1 >'$m/.launch'"
	[ "$status" -ne 0 ]
	cp "$BATS_TEST_TMPDIR/big" "$d/big"
	gate_counts_nothing
	sl_umount "$m"
}

@test "a Data.db does not grow" {
	cp "$BATS_TEST_TMPDIR/first" "$d/nb-1-big-Data.db"
	run bash -c "cat '$BATS_TEST_TMPDIR/more' >>'$d/nb-1-big-Data.db'"
	[ "$status" -ne 0 ]
	grep -q 'other-data: ' "$m/.errors"
	cmp "$BATS_TEST_TMPDIR/first" "$bucket/nb-1-big-Data.db"
	sl_umount "$m"
}
