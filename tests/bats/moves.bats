#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# mv into the mount and within it, and what a comparison of whole trees says
# of files that were skipped.

load helpers

table=node1/ks/t-00112233445566778899aabbccddeeff
tag=$table/snapshots/migrate1
other=node1/ks/u-00112233445566778899aabbccddeeff

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	src=$BATS_TEST_TMPDIR/src
	mkdir -p "$src/$tag/.idx" "$src/$table/backups"
	head -c 300000 /dev/urandom >"$src/$tag/nb-1-big-Blob.db"
	head -c 1000 /dev/urandom >"$src/$tag/nb-1-big-Blob3.db"
	: >"$src/$tag/nb-1-big-Blob2.db"
	echo live >"$src/$table/nb-9-big-Blob.db"
	echo index >"$src/$tag/.idx/nb-1-big-Blob.db"
	echo old >"$src/$table/backups/nb-3-big-Blob.db"
	cp -r "$src" "$BATS_TEST_TMPDIR/other"
	sl_mount "$m"
	sl_begin "$m"
}
teardown() { sl_cleanup; }

# Only the snapshot is in the bucket, byte by byte.
bucket_has_snapshot() {
	rm -rf "$BATS_TEST_TMPDIR/want"
	mkdir -p "$BATS_TEST_TMPDIR/want/$tag"
	cp "$BATS_TEST_TMPDIR/other/$tag/"*.db "$BATS_TEST_TMPDIR/want/$tag/"
	diff -r "$BATS_TEST_TMPDIR/want/node1" "$(sl_bucket "$m")/node1" ||
		return 1
	local file
	for file in open queued interrupted failed; do
		[ "$(status_of "$m" ".local.files.$file")" -eq 0 ] || return 1
	done
}

@test "mv of a tree into the mount" {
	mv "$src/node1" "$m/"
	[ ! -e "$src/node1" ]
	bucket_has_snapshot
	[ "$(status_of "$m" .local.files.skipped)" -eq 3 ]
	sl_umount "$m"
}

@test "mv within the mount: files, over files, directories" {
	local d=$m/$tag
	cp -r "$src/node1" "$m/"
	mv "$d/nb-1-big-Blob.db" "$d/nb-5-big-Blob.db"
	[ ! -e "$d/nb-1-big-Blob.db" ]
	cmp "$src/$tag/nb-1-big-Blob.db" "$d/nb-5-big-Blob.db"
	mv "$d/nb-1-big-Blob2.db" "$d/nb-1-big-Blob3.db"
	# What was skipped cannot be read, so it stays; and so does the tree.
	mkdir -p "$m/$other/snapshots"
	run mv "$m/$tag" "$m/$other/snapshots/migrate2"
	[ "$status" -eq 1 ]
	[[ $output == *"No data available"* ]]
	rm -r "$m/$other/snapshots/migrate2"/ "$m/$tag/.idx"
	mv "$m/$tag" "$m/$other/snapshots/migrate2"
	[ ! -e "$m/$tag" ]
	ls -A "$m/$other/snapshots/migrate2"
	[ "$(find "$(sl_bucket "$m")" -type f | wc -l)" -eq 2 ]
	cmp "$src/$tag/nb-1-big-Blob.db" \
		"$(sl_bucket "$m")/$other/snapshots/migrate2/nb-5-big-Blob.db"
	[ -e "$(sl_bucket "$m")/$other/snapshots/migrate2/nb-1-big-Blob3.db" ]
	[ "$(status_of "$m" .local.files.open)" -eq 0 ]
	sl_umount "$m"
}

@test "mv of skipped files: among their like, not into a snapshot" {
	cp -r "$src/node1" "$m/"
	mv "$m/$table/nb-9-big-Blob.db" "$m/$table/nb-8-big-Blob.db"
	grep -q "$table/nb-8-big-Blob.db" "$m/.skipped"
	[ "$(grep -c "$table/nb-9-big-Blob.db" "$m/.skipped")" -eq 0 ]
	run mv "$m/$table/nb-8-big-Blob.db" "$m/$tag/"
	[ "$status" -eq 1 ]
	grep -q 'copy it from its source' "$m/.errors"
	bucket_has_snapshot
	sl_umount "$m"
}

@test "an open file cannot be renamed, and commits where it began" {
	mkdir -p "$m/$tag"
	run python3 - "$m/$tag" <<'P'
import errno, os, sys
f = open(sys.argv[1] + "/nb-1-big-Blob.db", "wb")
f.write(b"bytes")
f.flush()
try:
    os.rename(f.name, sys.argv[1] + "/nb-2-big-Blob.db")
except OSError as e:
    sys.exit(errno.EXDEV if e.errno != errno.EXDEV else 0)
sys.exit(1)
P
	[ "$status" -eq 0 ]
	[ "$(cat "$(sl_bucket "$m")/$tag/nb-1-big-Blob.db")" = bytes ]
	[ ! -e "$(sl_bucket "$m")/$tag/nb-2-big-Blob.db" ]
	sl_umount "$m"
}

@test "diff -rq of a tree names the skipped files and nothing else" {
	rsync -a "$src/node1" "$m/"
	run diff -rq "$src/node1" "$m/node1"
	echo "$output"
	[ "$status" -eq 2 ]
	[ "$(grep -c 'No data available' <<<"$output")" -eq 3 ]
	[ "$(grep -cv 'No data available' <<<"$output")" -eq 0 ]
	sl_umount "$m"
	sl_mount "$m"
	echo ReceivingFiles >"$m/.wait"
	run diff -rq "$src/node1" "$m/node1"
	[ "$status" -eq 2 ]
	[ "$(wc -l <<<"$output")" -eq 3 ]
	diff -rq -x .idx -x backups -x 'nb-9*' "$src/node1" "$m/node1"
	sl_umount "$m"
}

@test "every way of rsync with skipped files" {
	rsync -a "$src/node1" "$m/"
	rsync -a --inplace --ignore-times "$src/node1" "$m/"
	rsync -a --no-whole-file --ignore-times "$src/node1" "$m/"
	rsync -a --inplace --no-whole-file --ignore-times "$src/node1" "$m/"
	rsync -ac --delay-updates "$src/node1" "$m/"
	rsync -ac --partial-dir=half "$src/node1" "$m/"
	rsync -aAXc --append-verify "$src/node1" "$m/"
	bucket_has_snapshot
	[ "$(status_of "$m" .local.files.skipped)" -eq 3 ]
	sl_umount "$m"
}

@test "components of no bytes, by every way to make them" {
	local d=$m/$tag
	mkdir -p "$d"
	: >"$d/nb-1-big-A.db"
	touch "$d/nb-1-big-B.db"
	cp /dev/null "$d/nb-1-big-C.db"
	true | tee "$d/nb-1-big-D.db" >"$d/nb-1-big-E.db"
	dd if=/dev/null of="$d/nb-1-big-F.db" status=none
	install /dev/null "$d/nb-1-big-G.db"
	rsync -a "$src/$tag/nb-1-big-Blob2.db" "$d/nb-1-big-H.db"
	truncate -s 0 "$d/nb-1-big-I.db"
	tar -C "$src/$tag" -c nb-1-big-Blob2.db | tar -C "$d" -x
	[ "$(find "$(sl_bucket "$m")/$tag" -type f -size 0 | wc -l)" -eq 10 ]
	[ "$(status_of "$m" .local.files.committed)" -eq 10 ]
	[ "$(status_of "$m" .local.files.open)" -eq 0 ]
	sl_umount "$m"
}
