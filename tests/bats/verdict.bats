#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Judging what passes: real snapshots go in whole, whatever the order of
# arrival; a damaged file is refused when it is closed (or renamed), never
# gets into the bucket, and what it proves wrong is taken out again.

load helpers

setup() {
	T=$BATS_TEST_TMPDIR
	m=$T/m
	log=$T/requests
	sl_unpack "$T/real"
	src=$(find "$T/real" -type d -name node1 | head -n 1)
	snap=$(cd "$src" && find smart_home -type d \
		-path '*/devices-*/snapshots/migrate1')
	options=node=node1
}

teardown() { sl_cleanup; }

# begin [ASTRA-SIM OPTIONS...]
begin() {
	sl_sim_start --log "$log" "$@"
	sl_mount "$m" "$options"
	sl_begin "$m"
	to=$m/node1/$snap
}

# again: the same mount, after it has gone.
again() {
	sl_mount "$m" "$options"
	echo ReceivingFiles >"$m/.wait"
}

kill_mount() {
	kill -KILL "${MOUNT_PID[$m]}"
	wait "${MOUNT_PID[$m]}" || true
	fusermount3 -uz "$m"
	unset "MOUNT_PID[$m]"
}

# What of the source can be imported.
importable() {
	(cd "$src" && find . -type f \
		-path './smart_home/*/snapshots/migrate1/*' \
		! -path '*/.*/*' | sed 's|^\./|node1/|' | sort)
}

stored() { (cd "$(sl_bucket "$m")" && find . -type f | cut -c3- | sort); }
has() { [ -e "$(sl_bucket "$m")/node1/$snap/$1" ]; }
lacks() { [ ! -e "$(sl_bucket "$m")/node1/$snap/$1" ]; }
count() { status_of "$m" ".local.verdicts.$1"; }
attr() { getfattr --only-values -n "user.sideload.$2" "$to/$1"; }
# Requests of a kind so far.
asked() { grep -c "\"kind\":\"s3\\.$1" "$log" || true; }

# All of it is there, and nothing is said against it.
all_well() {
	diff <(importable) <(stored)
	(cd "$src" && find smart_home -type f -path '*/migrate1/*' \
		! -path '*/.*/*' -exec cmp {} "$(sl_bucket "$m")/node1/{}" \;)
	[ "$(count accept)" -eq "$(importable | wc -l)" ]
	[ "$(count warn)" -eq 0 ]
	[ "$(count reject)" -eq 0 ]
	grep -q '^no finding' "$m/.verify"
	if grep -qE 'EBADMSG|EOPNOTSUPP' "$m/.errors"; then return 1; fi
}

# flip FILE OFFSET: one bit there; a negative offset counts from the end.
flip() {
	python3 - "$@" <<-'END'
		import sys
		path, at = sys.argv[1], int(sys.argv[2])
		data = bytearray(open(path, "rb").read())
		data[at] ^= 4
		open(path, "wb").write(data)
	END
}

# damage COMPONENT OFFSET: a copy of the snapshot with a wrong bit, in $bad.
damage() {
	bad=$T/bad
	rm -rf "$bad"
	cp -r "$src/$snap" "$bad"
	rm -rf "$bad"/.[a-z]*
	flip "$bad/$1" "$2"
}

@test "a whole data directory: rsync ends with 0 and just the snapshot is there" {
	begin
	rsync -a "$src/" "$m/node1/"
	all_well
	[ "$(count skip)" -gt 100 ]
	[ "$(status_of "$m" .local.nothing)" = null ]
	grep -q 'CREATE TABLE .*smart_home.devices' "$m/.schema.cql"
	[ "$(attr nb-1-big-Data.db verdict)" = accept ]
	# Again, also after a remount: nothing is sent, and nothing read.
	sl_umount "$m"
	again
	: >"$log"
	rsync -ai "$src/" "$m/node1/" >"$T/again"
	if grep '^[<>ch]f' "$T/again"; then return 1; fi
	[ "$(($(asked put) + $(asked part)))" -eq 0 ]
	[ "$(count accept)" -eq "$(importable | wc -l)" ]
	grep -q '^no finding' "$m/.verify"
	sl_umount "$m"
}

@test "cp -r in the order of the directory" {
	begin
	cp -r "$src" "$m/"
	all_well
	sl_umount "$m"
}

@test "one file after the other, backwards" {
	local file
	begin
	importable | sort -r | cut -d/ -f2- >"$T/list"
	while read -r file; do
		mkdir -p "$m/node1/${file%/*}"
		cp "$src/$file" "$m/node1/$file"
	done <"$T/list"
	all_well
	sl_umount "$m"
}

@test "many copies side by side, in any order" {
	begin
	(cd "$src" && find smart_home -type d -path '*/migrate1' \
		! -path '*/.*' -exec mkdir -p "$m/node1/{}" \;)
	importable | cut -d/ -f2- | shuf --random-source=<(yes) |
		xargs -P 16 -I{} cp "$src/{}" "$m/node1/{}"
	all_well
	sl_umount "$m"
}

@test "one wrong bit: close fails, nothing of it is in the bucket" {
	local line file at rule
	begin
	mkdir -p "$to"
	damage manifest.json 0
	cp "$src/$snap/"*.* "$to/"
	while read -r file at rule; do
		damage "$file" "$at"
		rm "$to/$file"
		run cp "$bad/$file" "$to/"
		[ "$status" -eq 1 ]
		[[ $output == *"Bad message"* ]]
		lacks "$file"
		line=$(grep "EBADMSG .*/$file: $rule: " "$m/.errors")
		[[ $line == *"; copy it again"* || $line == *"; copy "* ]]
		[ "$(count reject)" -eq 1 ]
		grep -q "^reject .*/$file: $rule: " "$m/.verify"
		# The right one goes in, and all is well.
		cp "$src/$snap/$file" "$to/"
		has "$file"
		[ "$(count reject)" -eq 0 ]
	done <<-'END'
		nb-1-big-Data.db 100 .*
		nb-1-big-CompressionInfo.db 40 .*
		nb-1-big-Index.db 30 .*
		nb-1-big-Summary.db -1 index-summary
		nb-1-big-Statistics.db -9 statistics
		nb-1-big-Digest.crc32 -1 digest-mismatch
	END
	grep -q '^no finding' "$m/.verify"
	sl_umount "$m"
}

@test "one wrong bit: rsync names the file, goes on and ends with 23" {
	begin
	mkdir -p "$to"
	damage nb-1-big-Statistics.db -9
	run rsync -a "$bad/" "$to/"
	[ "$status" -eq 23 ]
	[[ $output == *rename*nb-1-big-Statistics.db*"Bad message"* ]]
	lacks nb-1-big-Statistics.db
	[ "$(find "$(sl_bucket "$m")" -type f | wc -l)" -eq \
		$(($(find "$bad" -type f | wc -l) - 1)) ]
	# Missing is what it is now; the right one makes it whole.
	grep -q '^reject .*Statistics.db: missing' "$m/.verify"
	rsync -a "$src/$snap/" "$to/"
	has nb-1-big-Statistics.db
	grep -q '^no finding' "$m/.verify"
	# In place it is the close that fails: there is no rename.
	run rsync -a --inplace "$bad/nb-1-big-Statistics.db" "$to/"
	[ "$status" -ne 0 ]
	cmp "$src/$snap/nb-1-big-Statistics.db" \
		"$(sl_bucket "$m")/node1/$snap/nb-1-big-Statistics.db"
	sl_umount "$m"
}

# The wrong Data.db first, then the file that shows it.
bad_data_first() {
	mkdir -p "$to"
	damage nb-1-big-Data.db 100
	cp "$bad/nb-1-big-Data.db" "$to/"
	has nb-1-big-Data.db
}

shown_by_digest() {
	run cp "$src/$snap/nb-1-big-Digest.crc32" "$to/"
	[ "$status" -eq 1 ]
	[[ $output == *"Bad message"* ]]
	lacks nb-1-big-Digest.crc32
	grep -q 'EBADMSG .*-Digest.crc32: digest-mismatch: .*copy both' \
		"$m/.errors"
	grep -q 'EBADMSG .*-Data.db: digest-mismatch: ' "$m/.errors"
}

@test "fixtures: of trees with every oddity what is healthy goes in unflagged" {
	[ -n "${SL_FIXTURES:-}" ] || skip "SL_FIXTURES is not set"
	local dir
	begin
	mkdir "$T/odd"
	tar -xJf "$SL_FIXTURES/oddities-4.1.tar.xz" -C "$T/odd"
	for dir in d1 d2; do
		# The view is refused, as it should be.
		dir=$(find "$T/odd" -type d -name "$dir")
		rsync -a --exclude='mv_by_city-*' "$dir/" "$m/node1/"
	done
	[ "$(count reject)" -eq 0 ]
	grep '^reject' "$m/.verify" && return 1
	cat "$m/.verify"
	sl_umount "$m"
}

@test "a file that proves another wrong: that one is withdrawn" {
	begin
	bad_data_first
	shown_by_digest
	wait_for 10 lacks nb-1-big-Data.db
	wait_for 10 test ! -e "$to/nb-1-big-Data.db"
	[ "$(count reject)" -eq 2 ]
	[ "$(status_of "$m" .local.files.failed)" -eq 2 ]
	cp "$src/$snap/nb-1-big-Digest.crc32" "$src/$snap/nb-1-big-Data.db" \
		"$to/"
	cmp "$src/$snap/nb-1-big-Data.db" "$to/nb-1-big-Data.db"
	[ "$(count reject)" -eq 0 ]
	[ "$(count accept)" -eq 2 ]
	sl_umount "$m"
}

@test "what was learned outlives a remount and a kill" {
	local i
	begin
	for i in umount kill; do
		bad_data_first
		if [ "$i" = umount ]; then sl_umount "$m"; else
			wait_for 10 ledger_has_facts
			kill_mount
		fi
		again
		shown_by_digest
		wait_for 10 lacks nb-1-big-Data.db
	done
	sl_umount "$m"
}

ledger() { find "$m.state" -name node1.db; }
ledger_has_facts() {
	[ "$(python3 -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute(
    "SELECT count(*) FROM facts WHERE path LIKE ?",
    ("%Data.db",)).fetchone()[0])' "$(ledger)")" -eq 1 ]
}

@test "facts in the ledger that make no sense: the file counts as not judged" {
	begin
	mkdir -p "$to"
	cp "$src/$snap/nb-1-big-Data.db" "$src/$snap/nb-1-big-Index.db" "$to/"
	sl_umount "$m"
	python3 -c 'import sqlite3, sys
c = sqlite3.connect(sys.argv[1])
c.execute("UPDATE facts SET bytes=? WHERE path LIKE ?",
    (b"\xff" * 40, "%Index.db"))
c.commit()' "$(ledger)"
	again
	grep -q 'of 1 files makes no sense' "$m/.errors"
	grep -qE '^warn .*-Index.db: unread|^reject .*-Index.db: unread' \
		"$m/.verify"
	if grep -q 'Data.db: unread' "$m/.verify"; then return 1; fi
	sl_umount "$m"
}

faults() { # LINE...: from now on
	curl -sSf --data-binary "$(printf '%s\n' "$@")" \
		"$(sed -n 's/^control=//p' "$T/sim.ready")/faults" >/dev/null
}

# Judged, and its request is under way.
uploading() { [ "$(status_of "$m" .local.files.open)" -eq 1 ] && sleep 0.5; }

# Another process keeps the file open when its commit has turned out wrong.
@test "proven wrong while it is being committed: close fails, it is withdrawn" {
	local pid
	begin
	mkdir -p "$to"
	damage nb-1-big-Data.db 100
	faults 'match=s3.put key=nb-1-big-Data.db count=1 do=stall:1.5'
	python3 - "$bad/nb-1-big-Data.db" "$to/nb-1-big-Data.db" \
		>"$T/closed" <<-'END' &
		import os, sys, time
		data = open(sys.argv[1], "rb").read()
		out = os.open(sys.argv[2], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
		os.write(out, data)
		if not os.fork():
		    time.sleep(4)
		    os._exit(0)
		try:
		    os.close(out)
		    print("fine")
		except OSError as e:
		    print(e.strerror)
		sys.stdout.flush()
		os.wait()
	END
	pid=$!
	wait_for 10 uploading nb-1-big-Data.db
	run cp "$src/$snap/nb-1-big-Digest.crc32" "$to/"
	[ "$status" -eq 1 ]
	wait_for 10 grep -q 'Bad message' "$T/closed"
	wait_for 10 lacks nb-1-big-Data.db
	# It counts as failed although it is still open, and afterwards.
	[ "$(status_of "$m" .local.files.committed)" -eq 0 ]
	wait "$pid"
	[ "$(status_of "$m" .local.files.committed)" -eq 0 ]
	[ "$(status_of "$m" .local.files.failed)" -eq 2 ]
	[ ! -e "$to/nb-1-big-Data.db" ]
	rsync -a --exclude='.*' "$src/$snap/" "$to/"
	grep -q '^no finding' "$m/.verify"
	sl_umount "$m"
}

@test "a copy while the wrong file is on its way out, and the cure" {
	begin
	bad_data_first
	faults 'match=s3.delete key=nb-1-big-Data.db count=1 do=stall:1.5'
	run cp "$src/$snap/nb-1-big-Digest.crc32" "$to/"
	[ "$status" -eq 1 ]
	run cp "$src/$snap/nb-1-big-Data.db" "$to/"
	[ "$status" -eq 0 ] || [[ $output == *"resource busy"* ]]
	wait_for 10 lacks nb-1-big-Data.db
	# The bucket never loses what was reported as copied.
	rsync -a --exclude='.*' "$src/$snap/" "$to/"
	sleep 1.5
	has nb-1-big-Data.db
	[ "$(count reject)" -eq 0 ]
	grep -q '^no finding' "$m/.verify"
	sl_umount "$m"
}

@test "refused files that are left out: rm -r of their directory opens the gate" {
	local i
	begin
	mkdir "$m/node1"
	cp -r "$src/smart_home" "$m/node1/"
	for i in here remount; do
		damage nb-1-big-Statistics.db -9
		rm -r "$to"
		mkdir -p "$to"
		run cp -r "$bad/"*.* "$to/"
		[ "$status" -eq 1 ]
		[ "$(count reject)" -ge 1 ]
		if [ "$i" = remount ]; then sl_umount "$m" && again; fi
		rm -r "$to"
		[ ! -e "$to" ]
		[ "$(count reject)" -eq 0 ]
		[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
		grep -q '^reject .*devices' "$m/.verify" && return 1
		mkdir -p "$to"
	done
	# What is left out stays so.
	sl_umount "$m"
	again
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
	sl_umount "$m"
}

@test "where delete is not granted it stays, the gate is closed, a copy cures" {
	begin --deny delete
	bad_data_first
	shown_by_digest
	wait_for 10 grep -q 'EACCES .*-Data.db: .*grants no delete' "$m/.errors"
	has nb-1-big-Data.db
	[ "$(status_of "$m" .local.files.failed)" -eq 2 ]
	run bash -c "echo launch node1 >'$m/.launch'"
	[ "$status" -ne 0 ]
	cp "$src/$snap/nb-1-big-Digest.crc32" "$src/$snap/nb-1-big-Data.db" \
		"$to/"
	cmp "$src/$snap/nb-1-big-Data.db" \
		"$(sl_bucket "$m")/node1/$snap/nb-1-big-Data.db"
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
	sl_umount "$m"
}

@test "a second tag or id of a table is refused" {
	local table=${snap%/snapshots/*} other
	begin
	cp -r "$src" "$m/"
	run mkdir "$m/node1/$table/snapshots/other"
	[ "$status" -eq 1 ]
	[[ $output == *"Operation not supported"* ]]
	grep -q 'EOPNOTSUPP .*/snapshots/other: second-tag: .*; ' "$m/.errors"
	other=${table%-*}-00112233445566778899aabbccddeeff
	mkdir -p "$m/node1/$other/snapshots"
	run mkdir "$m/node1/$other/snapshots/migrate1"
	[ "$status" -eq 1 ]
	grep -q 'EOPNOTSUPP .*second-table-id: ' "$m/.errors"
	sl_umount "$m"
	again
	run mkdir "$m/node1/$table/snapshots/other"
	[ "$status" -eq 1 ]
	sl_umount "$m"
}

@test "a policy changes what is done about a file" {
	printf '%s\n' 'digest-mismatch warn' 'data-chunk warn' \
		'chunk-table warn' >"$T/policy"
	options=$options,policy=$T/policy
	begin
	bad_data_first
	cp "$src/$snap/nb-1-big-Digest.crc32" "$to/"
	has nb-1-big-Data.db
	[ "$(attr nb-1-big-Data.db verdict)" = warn ]
	[[ $(attr nb-1-big-Data.db rules) == *digest-mismatch* ]]
	grep -q 'note .*-Data.db: digest-mismatch: ' "$m/.errors"
	[ "$(count warn)" -ge 1 ]
	sl_umount "$m"
}

@test "a copy that brought nothing says so" {
	begin
	mkdir -p "$m/node1/smart_home"
	cp -r "$src/system" "$m/node1/"
	[ "$(count skip)" -gt 0 ]
	[[ $(status_of "$m" .local.nothing) == nothing:* ]]
	grep -q '^nothing: .* skipped' "$m/.verify"
	sl_umount "$m"
	grep -q 'ENODATA -: nothing: ' "$m.log"
}
