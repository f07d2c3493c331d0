#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The control files: reading is harmless, garbage is refused, commands act in
# the write that brings the newline.

load helpers

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	sl_mount "$m"
}
teardown() { sl_cleanup; }

controls() { (cd "$m" && find . -maxdepth 1 -type f -name '.*'); }

refused_line() { # FILE LINE
	run bash -c 'printf "%s\n" "$1" >"$0"' "$m/$1" "$2"
	[ "$status" -ne 0 ] || {
		echo "$1 took: $2"
		return 1
	}
}

@test "every control file of the design is there" {
	for name in init status launch pause resume abort cleanup wait rate \
		progress errors skipped help; do
		[ -f "$m/.$name" ]
	done
	sl_umount "$m"
}

@test "reading every control file works and does nothing" {
	for name in $(controls); do
		[ -r "$m/$name" ] || continue
		timeout 10 cat "$m/$name" >/dev/null
	done
	timeout 20 grep -r nothing-of-this-kind "$m" || [ $? -eq 1 ]
	timeout 20 tar -cf /dev/null -C "$m" .
	[ "$(status_of "$m" .status)" = none ]
	sl_umount "$m"
}

@test "they cannot be removed or renamed" {
	for name in $(controls); do
		run rm -f "$m/$name"
		[ "$status" -ne 0 ]
		run mv "$m/$name" "$m/.other"
		[ "$status" -ne 0 ]
	done
	sl_umount "$m"
}

@test "garbage into each control file is refused" {
	sl_begin "$m"
	for name in .init .launch .pause .resume .abort .cleanup .wait; do
		refused_line "$name" "garbage that nobody means"
		refused_line "$name" "$(head -c 3000 /dev/zero | tr '\0' x)"
	done
	[ "$(status_of "$m" .status)" = ReceivingFiles ]
	sl_umount "$m"
}

@test ".status is JSON without a secret" {
	sl_begin "$m"
	jq -e '.migrationID and .dbID and .status and .local.files' \
		"$m/.status"
	[ "$(status_of "$m" '.uploadCredentials.keys')" = null ]
	if grep -E 'AstraCS:[A-Za-z0-9]' "$m/.status"; then return 1; fi
	sl_umount "$m"
}

@test "the outcome of a write is the first line of a read" {
	refused_line .init "not-a-uuid"
	head -n 1 "$m/.init" | grep -qE 'not-a-uuid|UUID'
	sl_umount "$m"
}

@test "new is refused while a migration receives files" {
	sl_begin "$m"
	id=$(status_of "$m" .migrationID)
	refused_line .init new
	[ "$(status_of "$m" .migrationID)" = "$id" ]
	sl_umount "$m"
}

@test "a line that a shell splits is one command" {
	run bash -c '{ printf ne; printf "w\n"; } >"$0"' "$m/.init"
	[ "$status" -eq 0 ]
	echo ReceivingFiles >"$m/.wait"
	sl_umount "$m"
}

@test ">> works like >" {
	echo new >>"$m/.init"
	echo ReceivingFiles >>"$m/.wait"
	[ "$(status_of "$m" .status)" = ReceivingFiles ]
	sl_umount "$m"
}

@test ".wait is interruptible" {
	sl_begin "$m"
	run timeout -s INT 2 bash -c 'echo MigrationDone >"$0"' "$m/.wait"
	[ "$status" -ne 0 ]
	[ "$(status_of "$m" .status)" = ReceivingFiles ]
	sl_umount "$m"
}

@test "launch without names, with a name missing, with one too many" {
	sl_begin "$m"
	sl_unpack "$BATS_TEST_TMPDIR/src"
	rsync -a "$BATS_TEST_TMPDIR/src/node1/" "$m/node1/"
	refused_line .launch launch
	refused_line .launch "launch node1 node2"
	grep -q node2 "$m/.launch"
	refused_line .launch "launch node9"
	[ "$(status_of "$m" .status)" = ReceivingFiles ]
	sl_umount "$m"
}

@test "launch twice: the second is refused" {
	sl_begin "$m"
	sl_unpack "$BATS_TEST_TMPDIR/src"
	rsync -a "$BATS_TEST_TMPDIR/src/node1/" "$m/node1/"
	echo launch node1 >"$m/.launch"
	refused_line .launch "launch node1"
	echo MigrationDone >"$m/.wait"
	sl_umount "$m"
}

@test "nothing can be copied once it is launched" {
	sl_begin "$m"
	sl_unpack "$BATS_TEST_TMPDIR/src"
	rsync -a "$BATS_TEST_TMPDIR/src/node1/" "$m/node1/"
	echo launch node1 >"$m/.launch"
	echo MigrationDone >"$m/.wait"
	run cp "$SL_ROOT/README.md" "$m/node1/x"
	[ "$status" -ne 0 ]
	sl_umount "$m"
}

@test "abort wants the migration's own ID" {
	sl_begin "$m"
	refused_line .abort 00000000-0000-4000-8000-000000000000
	[ "$(status_of "$m" .status)" = ReceivingFiles ]
	status_of "$m" .migrationID >"$m/.abort"
	[ "$(status_of "$m" .status)" != ReceivingFiles ] ||
		wait_for 20 sh -c '[ "$(jq -r .status "$0")" != ReceivingFiles ]' \
			"$m/.status"
	sl_umount "$m"
}

@test "launch anyway goes past a closed gate, and that is noted" {
	sl_begin "$m"
	dir=$m/node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1
	mkdir -p "$dir"
	run python3 -c "
import os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o644)
os.write(fd, b'x' * 9)
os.pwrite(fd, b'x', 0)" "$dir/nb-1-big-Blob.db"
	run bash -c "echo launch node1 >'$m/.launch'"
	[ "$status" -ne 0 ]
	echo launch anyway >"$m/.launch"
	grep -i 'launch' "$m/.errors" | grep -i anyway
	echo ImportInProgress >"$m/.wait" || true
	[ "$(status_of "$m" .status)" != ReceivingFiles ]
}

@test "a background job that ends does not end the wait of its shell" {
	sl_begin "$m"
	run timeout -s KILL 30 bash -c "
		sleep 1 &
		(sleep 3; echo launch anyway >'$m/.launch') &
		echo ImportInProgress >'$m/.wait' && echo reached"
	echo "$output"
	[ "$output" = reached ]
}

@test "after such a job the wait can still be interrupted" {
	sl_begin "$m"
	SECONDS=0
	run timeout -s INT -k 20 4 bash -c "
		sleep 1 &
		echo ImportInProgress >'$m/.wait'"
	[ "$status" -ne 0 ]
	[ "$SECONDS" -lt 15 ]
}
