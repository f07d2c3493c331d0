#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sideloadctl: exit codes, JSON, and an unmount that tells the truth.

load helpers

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1
}
teardown() { sl_cleanup; }

@test "usage errors end with 2" {
	run_ctl 2
	run_ctl 2 frobnicate /tmp
	run_ctl 2 status
	run_ctl 2 status "$BATS_TEST_TMPDIR" --colour
	run_ctl 2 status "$BATS_TEST_TMPDIR" --force
	run_ctl 2 umount "$BATS_TEST_TMPDIR" --timeout
	run_ctl 2 umount "$BATS_TEST_TMPDIR" --timeout -1
}

@test "what is no sideloadfs mount ends with 2 and says what it is" {
	run_ctl 2 status "$BATS_TEST_TMPDIR"
	[[ $output == *"nothing is mounted"* ]]
	run_ctl 2 umount /proc
	[[ $output == *"type proc"* ]]
	run_ctl 2 status "$BATS_TEST_TMPDIR/absent"
}

@test "--help names every command and option of the manual, and back" {
	run_ctl 0 --help
	help=$output
	pod=$SL_ROOT/tools/sideloadctl/sideloadctl.1.pod
	diff <(grep -oE '\-\-[a-z]+' <<<"$help" | sort -u) \
		<(grep -oE 'B<--[a-z]+>' "$pod" | tr -d 'B<>' | sort -u)
	for word in status wait launch rate umount; do
		grep -qE "^  $word MOUNTPOINT" <<<"$help"
		grep -q "B<sideloadctl $word>" "$pod"
	done
}

@test "status, readable and as JSON" {
	sl_mount "$m"
	run_ctl 0 status "$m"
	[[ $output =~ status\ +none ]]
	run_ctl 0 status "$m/" --json
	[ "$(jq -r .status <<<"$output")" = none ]
	sl_begin "$m"
	run_ctl 0 --help
	run_ctl 0 status --json -- "$m"
	[ "$(jq -r .status <<<"$output")" = ReceivingFiles ]
	sl_umount "$m"
}

@test "wait: reached, timed out, impossible" {
	sl_mount "$m"
	echo new >"$m/.init"
	run_ctl 0 wait "$m" ReceivingFiles --timeout 30
	run_ctl 3 wait "$m" MigrationDone --timeout 1
	run_ctl 3 wait "$m" MigrationDone --timeout 1 --json
	[ "$(jq -r .errno <<<"$output")" = ETIMEDOUT ]
	run_ctl 4 wait "$m" Initializing --timeout 5
	run_ctl 2 wait "$m" "two words"
	sl_umount "$m"
}

@test "launch: refused with the report, then through with --wait" {
	sl_mount "$m"
	sl_begin "$m"
	sl_unpack "$BATS_TEST_TMPDIR/src"
	rsync -a "$BATS_TEST_TMPDIR/src/node1/" "$m/node1/"
	run_ctl 2 launch "$m"
	run_ctl 2 launch "$m" anyway
	run_ctl 2 launch "$m" node1 --anyway
	run_ctl 1 launch "$m" node1 node2
	[[ $output == *node2* ]]
	run_ctl 0 launch "$m" node1 --wait --timeout 60 --json
	[ "$(jq -r .ok <<<"$output")" = true ]
	[ "$(status_of "$m" .status)" = MigrationDone ]
	sl_umount "$m"
}

@test "umount returns when the daemon has gone" {
	sl_mount "$m"
	sl_begin "$m"
	pid=${MOUNT_PID[$m]}
	[ "$(status_of "$m" .local.pid)" = "$pid" ]
	run_ctl 0 umount "$m"
	sl_gone "$pid"
	wait "$pid"
	unset "MOUNT_PID[$m]"
	if sl_is_mounted "$m"; then return 1; fi
}

@test "umount refuses while a file is open, and says so" {
	sl_mount "$m"
	sl_begin "$m"
	mkdir -p "$m/$dir"
	exec 7>"$m/$dir/nb-1-big-Blob.db"
	echo data >&7
	run_ctl 1 umount "$m" --timeout 1
	[[ $output == *"1 open"* ]]
	sl_is_mounted "$m"
	run_ctl 1 umount "$m" --timeout 1 --json
	[ "$(jq -r .errno <<<"$output")" = EBUSY ]
	exec 7>&-
	run_ctl 0 umount "$m"
	wait "${MOUNT_PID[$m]}"
	unset "MOUNT_PID[$m]"
}

@test "umount after an interrupted copy: refused, with --force done" {
	sl_mount "$m"
	sl_begin "$m"
	mkdir -p "$m/$dir"
	bash -c 'exec 5>"$0"; head -c 100000 /dev/zero >&5; kill -KILL $$' \
		"$m/$dir/nb-1-big-Blob.db" || true
	wait_for 10 sh -c '[ "$(jq .local.files.interrupted "$0")" -eq 1 ]' \
		"$m/.status"
	run_ctl 1 umount "$m"
	[[ $output == *"1 interrupted"* ]]
	run_ctl 0 umount "$m" --force
	wait "${MOUNT_PID[$m]}"
	unset "MOUNT_PID[$m]"
}

@test "a mount whose daemon was killed is buried, with exit 1" {
	sl_mount "$m"
	kill -KILL "${MOUNT_PID[$m]}"
	wait "${MOUNT_PID[$m]}" || true
	run_ctl 1 status "$m"
	[[ $output == *"has died"* ]]
	run_ctl 1 umount "$m"
	if sl_is_mounted "$m"; then return 1; fi
	unset "MOUNT_PID[$m]"
}
