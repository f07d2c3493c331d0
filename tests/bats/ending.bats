#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# However the daemon is ended, it ends, and the ledger says what was cut.

load helpers

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	sl_mount "$m"
	sl_begin "$m"
	dir=$m/node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1
	mkdir -p "$dir"
	exec 7>&-
}
teardown() { sl_cleanup; }

# The daemon of $m must end by itself after a TERM, without a fault.
ends_by_term() {
	kill -TERM "${MOUNT_PID[$m]}"
	wait_for 20 sl_gone "${MOUNT_PID[$m]}" || return 1
	sl_check_log "$m.log" || return 1
	fusermount3 -uz "$m" 2>/dev/null || true
	unset "MOUNT_PID[$m]"
}

@test "TERM while a file is being written" {
	exec 7>"$dir/nb-1-big-Blob.db"
	head -c 3000000 /dev/zero >&7
	ends_by_term
	exec 7>&-
	sl_mount "$m"
	[ "$(status_of "$m" .local.files.interrupted)" -eq 1 ]
	sl_umount "$m"
}

@test "a file that is removed while it is open: no error, nothing in the bucket" {
	run python3 - "$dir/nb-1-big-Blob.db" <<'P'
import os, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_WRONLY, 0o644)
os.write(fd, b"x" * 100000)
os.unlink(sys.argv[1])
os.write(fd, b"y" * 100000)
os.close(fd)
P
	echo "$output"
	[ "$status" -eq 0 ]
	[ ! -e "$dir/nb-1-big-Blob.db" ]
	[ -z "$(find "$SIM_DIR" -name 'nb-1-big-Blob.db')" ]
	[ "$(status_of "$m" '.local.files | add')" -eq 0 ]
	sl_umount "$m"
}

@test "TERM while a removed file is still open" {
	exec 7>"$dir/nb-1-big-Blob.db"
	echo bytes >&7
	rm "$dir/nb-1-big-Blob.db"
	ends_by_term
	exec 7>&-
}

@test "TERM with directories, readers and control files open" {
	echo bytes >"$dir/nb-1-big-Blob.db"
	exec 7<"$dir/nb-1-big-Blob.db" 8<"$m/.status" 9<"$dir"
	ends_by_term
	exec 7<&- 8<&- 9<&-
}

@test "TERM while somebody waits for a status" {
	(echo MigrationDone >"$m/.wait") 2>/dev/null 3>&- &
	waiter=$!
	wait_for 20 sl_waits "$waiter"
	ends_by_term
	wait "$waiter" && return 1
	true
}

@test "a new copy over one that failed, whose writer is still there" {
	exec 7>"$dir/nb-1-big-Blob.db"
	head -c 3000000 /dev/zero >&7
	run python3 -c "
import os, sys
fd = os.open(sys.argv[1], os.O_WRONLY)
os.pwrite(fd, b'x', 100)" "$dir/nb-1-big-Blob.db"
	[ "$status" -ne 0 ]
	echo fresh >"$dir/nb-1-big-Blob.db"
	exec 7>&-
	[ "$(cat "$dir/nb-1-big-Blob.db")" = fresh ]
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
	sl_umount "$m"
}

@test "TERM while a wait is watched for signals" {
	bash -c "sleep 0.5 & echo MigrationDone >'$m/.wait'" \
		>"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	waiter=$!
	wait_for 20 sl_waits "$waiter"
	# The job in the background ends meanwhile.
	sleep 1
	ends_by_term
	wait "$waiter" && return 1
	true
}
