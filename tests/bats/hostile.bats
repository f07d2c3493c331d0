#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Tools and people at their worst: what must not be lost, believed or hang.

load helpers

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1
	sl_mount "$m"
	sl_begin "$m"
	mkdir -p "$m/$dir"
}
teardown() { sl_cleanup; }

# sim_faults LINES: what the cloud does wrong from now on.
sim_faults() {
	local control
	control=$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")
	curl -sf --data-binary "$1" "$control/faults" >/dev/null
}

# remount: after the daemon was killed.
remount() {
	fusermount3 -uz "$m"
	wait "${MOUNT_PID[$m]}" || true
	sl_mount "$m"
	echo ReceivingFiles >"$m/.wait"
}

@test "a copy judged cut off fails, also where EINTR is passed over" {
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/nb-1-big-Blob.db"
	run dd if="$BATS_TEST_TMPDIR/nb-1-big-Blob.db" bs=1000 count=100 \
		of="$m/$dir/nb-1-big-Blob.db" status=none
	echo "$output"
	[ "$status" -ne 0 ]
	[ "$(status_of "$m" .local.files.interrupted)" -eq 1 ]
	[ ! -e "$(sl_bucket "$m")/$dir/nb-1-big-Blob.db" ]
	sl_umount "$m"
}

@test "a listing that hangs can be interrupted" {
	requires curl
	echo x >"$m/$dir/nb-1-big-Blob.db"
	# What is known of the mount's root grows old after a second.
	sleep 1.2
	sim_faults 'match=s3.list do=stall:60'
	env --default-signal=INT ls "$m" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	lister=$!
	sleep 0.5
	kill -INT "$lister"
	wait_for 20 sl_gone "$lister"
	sim_faults ''
	[ -e "$m/$dir/nb-1-big-Blob.db" ]
	sl_umount "$m"
}

@test "a daemon killed before its first row: the gate stays closed" {
	# Rows are written a moment after the file: kill it before that.
	echo x >"$m/$dir/nb-1-big-Blob.db"
	kill -KILL "${MOUNT_PID[$m]}"
	[ -e "$(find "$SIM_DIR" -name nb-1-big-Blob.db)" ]
	remount
	run bash -c "echo launch node1 >'$m/.launch'"
	[ "$status" -ne 0 ]
	cat "$m/.launch"
	[ "$(status_of "$m" .status)" = ReceivingFiles ]
	# The same copy again is the cure.
	mkdir -p "$m/$dir"
	echo x >"$m/$dir/nb-1-big-Blob.db"
	run bash -c "echo launch node1 node2 >'$m/.launch'"
	[ "$status" -ne 0 ]
	grep -q 'node-missing' "$m/.launch"
	[ "$(grep -cE 'foreign|unclean' "$m/.launch")" -eq 0 ]
	sl_umount "$m"
}
