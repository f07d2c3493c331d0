#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The whole life of a migration on Google Cloud and on Azure, as the other
# tests show it piece by piece on S3: copied, killed, resumed, looked at, read
# back, removed, refused and let through by the gate, imported. And a
# directory whose listing takes several pages.

bats_require_minimum_version 1.5.0
load helpers

setup() {
	T=$BATS_TEST_TMPDIR
	m=$T/m
	log=$T/requests
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1
	name=nb-1-big-Blob.db
}
teardown() { sl_cleanup; }

# The snapshots, and nothing else: what is taken and not uploaded (live files,
# secondary indexes) is seen in other tests.
snapshots() { # FROM TO
	mkdir -p "$2/node1"
	rsync -am --exclude='.*' --include='*/' \
		--include='/smart_home/*/snapshots/migrate1/*' --exclude='*' \
		"$1/node1/" "$2/node1/"
}

mount_it() { sl_mount "$m" "node=node1,memory=64,state=$T/state"; }
mark() { first=$(($(wc -l <"$log") + 1)); }

# Requests of a kind that were answered well, since the last mark.
count() {
	tail -n "+$first" "$log" | jq -r --arg kind "s3.$1" \
		'select(.kind == $kind and .status < 300) | .kind' | wc -l
}

unfinished_uploads() { find "$SIM_DIR" -path '*/uploads/*' -type f | wc -l; }

xattr() { # FILE NAME
	python3 -c 'import os, sys
print(os.getxattr(sys.argv[1], "user.sideload." + sys.argv[2]).decode())' "$@"
}

# Parts that the ledger knows to be stored; a store may not tell their sums.
kept_parts() {
	python3 -c 'import glob, sqlite3, sys
for path in glob.glob(sys.argv[1] + "/*/*/node1.db"):
    print(sqlite3.connect("file:%s?mode=ro" % path, uri=True)
          .execute("SELECT count(*) FROM parts").fetchone()[0])' "$T/state"
}

# The daemon is gone when four of six parts have arrived.
kill_in_the_middle() {
	mark
	exec 7>"$m/$dir/$name"
	head -c 35000000 "$T/large" >&7
	wait_for 30 eval '[ "$(kept_parts)" -eq 4 ]'
	kill -KILL "${MOUNT_PID[$m]}"
	exec 7>&- || true
	fusermount3 -uz "$m"
	wait "${MOUNT_PID[$m]}" || true
	unset "MOUNT_PID[$m]"
}

# Nothing is sent again that is there: two parts, and no small file.
goes_on() {
	mount_it
	[ ! -e "$m/$dir/$name" ]
	[ "$(status_of "$m" .local.files.interrupted)" -eq 1 ]
	mark
	snapshots "$T/src" "$m"
	cp "$T/large" "$m/$dir/$name"
	[ "$(count put)" -eq 0 ]
	[ "$(count create)" -eq 0 ]
	[ "$(count part)" -eq 2 ]
	[ "$(count complete)" -eq 1 ]
	[ "$(status_of "$m" .local.files.interrupted)" -eq 0 ]
	wait_for 20 eval '[ "$(unfinished_uploads)" -eq 0 ]'
}

# What the mount says and gives back is what was copied.
is_whole() { # PROOF
	local crc
	cmp "$T/large" "$m/$dir/$name"
	[ "$(stat -c %s "$m/$dir/$name")" -eq 45000000 ]
	crc=$(python3 -c 'import sys, zlib
print("%08x" % zlib.crc32(open(sys.argv[1], "rb").read()))' "$T/large")
	[ "$(xattr "$m/$dir/$name" crc32)" = "$crc" ]
	[ "$(xattr "$m/$dir/$name" state)" = committed ]
	[ -n "$(xattr "$m/$dir/$name" etag)" ]
	snapshots "$T/src" "$T/want"
	cp -r "$m/node1/smart_home" "$T/back"
	diff -r "$T/want/node1/smart_home" "$T/back"
	[ "$(find "$T/back" -name '*-Data.db' | wc -l)" -ge 2 ]
	[ "$(status_of "$m" .local.store.checksum)" = "$1" ]
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
	[[ $(ls "$m/$dir") == "$name" ]]
	run ! grep . "$m/.errors"
}

is_removed() {
	rm "$m/$dir/$name"
	[ ! -e "$m/$dir/$name" ]
	[ ! -e "$(sl_bucket "$m")/$dir/$name" ]
	rm -r "$m/node1/ks"
}

is_verified() {
	grep -q '^no finding' "$m/.verify"
	echo verify node1 >"$m/.verify"
	head -n 1 "$m/.verify" | grep '^ok: '
	run ! grep '^reject' "$m/.verify"
}

# Names that are missing and seals that differ close it; the seal opens it.
is_launched() {
	local seal
	run ! sh -c "echo launch node1 node2 >'$m/.launch'"
	grep -q node2 "$m/.launch"
	seal=$(sideloadctl seal "$m")
	[[ $seal == node1=v1:* ]]
	run ! sh -c "echo launch '${seal%????}0000' >'$m/.launch'"
	echo "launch $seal" >"$m/.launch"
	echo MigrationDone >"$m/.wait"
	[ "$(status_of "$m" .status)" = MigrationDone ]
	LC_ALL=C run ! cp "$T/large" "$m/$dir.db"
}

life() { # CLOUD PROOF
	sl_sim_start --cloud "$1" --log "$log" --init-delay 0.1 --import-delay 1
	sl_unpack "$T/src"
	head -c 45000000 /dev/urandom >"$T/large"
	mount_it
	sl_begin "$m"
	snapshots "$T/src" "$m"
	mkdir -p "$m/$dir"
	kill_in_the_middle
	goes_on
	is_whole "$2"
	is_removed
	is_verified
	is_launched
	sl_umount "$m"
}

@test "a migration's whole life on Google Cloud" {
	life gcs crc32c
}

@test "a migration's whole life on Azure" {
	life azure crc64
}

# The objects are put into the rehearsal's directory, not one by one.
pages() { # CLOUD
	local there
	sl_sim_start --cloud "$1" --log "$log" --init-delay 0.1
	mount_it
	sl_begin "$m"
	mkdir -p "$m/$dir"
	cp "$BATS_TEST_FILENAME" "$m/$dir/nb-0-big-Blob.db"
	there=$(sl_bucket "$m")/node2/${dir#*/}
	mkdir -p "$there"
	(cd "$there" && seq -f 'nb-%.0f-big-Blob.db' 1 5200 |
		xargs sh -c 'for f; do echo "$f" >"$f"; done' sh)
	wait_for 10 test -d "$m/node2"
	mark
	[ "$(find "$m/node2" -type f -name 'nb-*' | sort -u | wc -l)" -eq 5200 ]
	[ "$(stat -c %s "$m/node2/${dir#*/}/nb-5200-big-Blob.db")" -eq 20 ]
	# Three directories above, and six pages.
	[ "$(count list)" -le 12 ]
	[ "$(cat "$m/node2/${dir#*/}/nb-4711-big-Blob.db")" = \
		nb-4711-big-Blob.db ]
	sl_umount "$m"
}

@test "5,200 objects in one directory on Google Cloud" {
	pages gcs
}

@test "5,200 objects in one directory on Azure" {
	pages azure
}
