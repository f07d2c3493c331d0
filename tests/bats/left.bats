#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Versions that nobody waits for any more, and migrations that are left while
# something is under way: nothing is forgotten, nothing hangs.

load helpers

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1
	sl_mount "$m" "node=node1"
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

# A fault has met a request.
hit() {
	local control
	control=$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")
	[ "$(curl -sf "$control/faults" | jq '[.. | .hits? // empty] | add')" -ge 1 ]
}

# count_is STATE N: so many files in .status.
count_is() { [ "$(status_of "$m" ".local.files.$1")" -eq "$2" ]; }

new_migration() {
	echo "launch anyway" >"$m/.launch"
	echo MigrationFailed >"$m/.wait"
	echo new >"$m/.init"
	timeout 60 sh -c "echo ReceivingFiles >'$m/.wait'"
	mkdir -p "$m/$dir"
	echo y >"$m/$dir/nb-1-big-Blob.db"
	[ -e "$(sl_bucket "$m")/$dir/nb-1-big-Blob.db" ]
}

@test "a new migration while a closed temporary was never renamed" {
	echo x >"$m/$dir/nb-1-big-Blob.db"
	echo x >"$m/$dir/.nb-1-big-Data.db.AbC123"
	count_is open 1
	new_migration
	count_is interrupted 0
	sl_umount "$m"
}

@test "a new migration while a listing of the old one is under way" {
	requires curl
	echo x >"$m/$dir/nb-1-big-Blob.db"
	sleep 1.2
	sim_faults 'match=s3.list do=stall:4'
	ls "$m" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	local pid=$!
	sleep 0.5
	sim_faults ''
	new_migration
	wait "$pid" || true
	sleep 1
	for i in 1 2 3 4; do
		echo "$i" >"$m/$dir/nb-$i-big-Blob.db"
	done
	sl_umount "$m"
}

@test "rsync ends in the middle of a rename: the gate waits for the outcome" {
	requires curl rsync
	local src=$BATS_TEST_TMPDIR/src pid
	echo TOC >"$m/$dir/nb-1-big-Blob.txt"
	sim_faults 'match=s3.put do=stall:8'
	mkdir -p "$src"
	head -c 10000 /dev/urandom >"$src/nb-1-big-Data.db"
	# As a terminal does it: to all of rsync's processes.
	env --default-signal=INT setsid rsync -a "$src/" "$m/$dir/" 3>&- &
	pid=$!
	wait_for 20 hit
	kill -INT -- "-$pid"
	wait "$pid" || true
	count_is open 1
	run sh -c "echo launch node1 >'$m/.launch'"
	[ "$status" -ne 0 ]
	wait_for 20 count_is committed 2
	count_is open 0
	cmp "$src/nb-1-big-Data.db" "$m/$dir/nb-1-big-Data.db"
	cmp "$src/nb-1-big-Data.db" "$(sl_bucket "$m")/$dir/nb-1-big-Data.db"
	sl_umount "$m"
}

@test "a copy begun anew while the last is sent, then left: it is adopted" {
	requires curl
	local src=$BATS_TEST_TMPDIR/nb-1-big-Blob.db pid
	head -c 10000 /dev/urandom >"$src"
	sim_faults 'match=s3.put do=stall:4'
	cp "$src" "$m/$dir/" 2>/dev/null 3>&- &
	pid=$!
	wait_for 20 hit
	timeout -s INT 1 cp "$src" "$m/$dir/" || true
	wait "$pid" || true
	sim_faults ''
	wait_for 20 count_is committed 1
	count_is open 0
	sl_umount "$m"
}
