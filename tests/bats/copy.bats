#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copies of real snapshots with the tools people use, and what became of them
# in the bucket, seen in astra-sim's own directory.

load helpers

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	src=$BATS_TEST_TMPDIR/src
	sl_unpack "$src"
	sl_mount "$m"
	sl_begin "$m"
}
teardown() { sl_cleanup; }

# The files of node $1 that belong in the bucket, by another rule than the
# product's: user keyspaces, snapshots/migrate1, no index directory.
wanted() {
	(cd "$src" && find "$1" -type f -path '*/snapshots/migrate1/*' \
		-not -path "$1/system*" -not -path '*/migrate1/.*' | LC_ALL=C sort)
}

# The bucket holds just those files, byte by byte.
bucket_equals() {
	local bucket
	bucket=$(sl_bucket "$m")
	(cd "$bucket" && find "$1" -type f | LC_ALL=C sort) \
		>"$BATS_TEST_TMPDIR/have"
	wanted "$1" >"$BATS_TEST_TMPDIR/want"
	[ -s "$BATS_TEST_TMPDIR/want" ]
	diff "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/have" || return 1
	while read -r file; do
		cmp "$src/$file" "$bucket/$file" || return 1
	done <"$BATS_TEST_TMPDIR/want"
}

no_leftovers() {
	local file
	for file in open queued interrupted failed; do
		[ "$(status_of "$m" ".local.files.$file")" -eq 0 ] || return 1
	done
	[ -z "$(find "$SIM_DIR" -path '*/uploads/*')" ]
}

@test "rsync -a of a whole data directory" {
	rsync -a "$src/node1/" "$m/node1/"
	bucket_equals node1
	no_leftovers
	sl_umount "$m"
}

@test "cp -r --preserve=timestamps of a whole data directory" {
	cp -r --preserve=timestamps "$src/node1" "$m/"
	bucket_equals node1
	no_leftovers
	sl_umount "$m"
}

@test "cp -a of a whole data directory, without its hard links" {
	cp -r --preserve=timestamps "$src/node1" "$BATS_TEST_TMPDIR/plain"
	cp -a "$BATS_TEST_TMPDIR/plain" "$m/node1"
	bucket_equals node1
	no_leftovers
	sl_umount "$m"
}

@test "what must not go up is listed in .skipped" {
	rsync -a "$src/node1/" "$m/node1/"
	grep -q 'node1/system' "$m/.skipped"
	grep -q '/backups' "$m/.skipped"
	grep -q '\.roomidx' "$m/.skipped"
	[ "$(status_of "$m" .local.files.skipped)" -gt 0 ]
	sl_umount "$m"
}

@test "a second rsync sends nothing, also after a remount" {
	rsync -a "$src/node1/" "$m/node1/"
	run rsync -ai "$src/node1/" "$m/node1/"
	[ "$status" -eq 0 ]
	[[ $'\n'$output != *$'\n>f'* ]]
	sl_umount "$m"
	sl_mount "$m"
	echo ReceivingFiles >"$m/.wait"
	run rsync -ai "$src/node1/" "$m/node1/"
	echo "$output"
	[ "$status" -eq 0 ]
	[[ $'\n'$output != *$'\n>f'* ]]
	sl_umount "$m"
}

@test "files read back equal, by diff over the whole snapshot" {
	rsync -a "$src/node1/" "$m/node1/"
	while read -r file; do
		cmp "$src/$file" "$m/$file"
	done < <(wanted node1)
	sl_umount "$m"
}

@test "a large file goes up in parts and reads back" {
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1
	mkdir -p "$m/$dir"
	head -c 70000000 /dev/urandom >"$BATS_TEST_TMPDIR/nb-1-big-Blob.db"
	cp "$BATS_TEST_TMPDIR/nb-1-big-Blob.db" "$m/$dir/"
	cmp "$BATS_TEST_TMPDIR/nb-1-big-Blob.db" "$m/$dir/nb-1-big-Blob.db"
	cmp "$BATS_TEST_TMPDIR/nb-1-big-Blob.db" \
		"$(sl_bucket "$m")/$dir/nb-1-big-Blob.db"
	no_leftovers
	sl_umount "$m"
}

@test "another node's directory cannot be written" {
	run mkdir "$m/node2"
	[ "$status" -ne 0 ]
	[[ $output == *"not permitted"* ]]
	sl_umount "$m"
}

@test "a write at an offset is refused and closes the gate" {
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1
	mkdir -p "$m/$dir"
	run python3 - "$m/$dir/nb-1-big-Blob.db" <<'P'
import os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o644)
block = bytes(1 << 20)
for i in range(40):
    os.write(fd, block)
try:
    os.pwrite(fd, b"x", 0)
except OSError as e:
    print("errno", e.errno)
    sys.exit(29)
os.close(fd)
P
	echo "$output"
	[ "$status" -eq 29 ]
	run bash -c "echo launch node1 >'$m/.launch'"
	[ "$status" -ne 0 ]
	sl_umount "$m"
}

@test "cp killed in the middle leaves no short object, and the gate closed" {
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1
	mkdir -p "$m/$dir"
	mkfifo "$BATS_TEST_TMPDIR/slow"
	for signal in INT TERM KILL; do
		# Bytes come, and then nothing: cp waits in read(2).
		(head -c 3000000 /dev/urandom; sleep 30) \
			>"$BATS_TEST_TMPDIR/slow" 3>&- &
		feeder=$!
		name=$dir/nb-$signal-big-Blob.db
		# A shell's background jobs ignore INT unless told not to.
		env --default-signal=INT cp "$BATS_TEST_TMPDIR/slow" \
			"$m/$name" 3>&- &
		copy=$!
		wait_for 20 test -e "$m/$name"
		sleep 0.3
		kill "-$signal" "$copy"
		wait "$copy" || true
		kill "$feeder" 2>/dev/null || true
		wait "$feeder" || true
		[ ! -e "$(sl_bucket "$m")/$name" ]
		run bash -c "echo launch node1 >'$m/.launch'"
		[ "$status" -ne 0 ]
	done
	[ "$(status_of "$m" .local.files.interrupted)" -ge 1 ]
	sl_umount "$m"
}
