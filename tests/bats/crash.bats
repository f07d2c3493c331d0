#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copies and daemons that die at bad moments, and clocks that are wrong: the
# same copy again is the cure, and nothing short ever passes the gate.

load helpers

setup() {
	m=$BATS_TEST_TMPDIR/m
	src=$BATS_TEST_TMPDIR/src
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1
}
teardown() { sl_cleanup; }

begin() {
	sl_sim_start
	sl_mount "$m" "node=node1,state=$BATS_TEST_TMPDIR/state"
	sl_begin "$m"
}

unfinished_uploads() {
	find "$SIM_DIR" -path '*/uploads/*' | wc -l
}

@test "the daemon is killed in the middle of a multipart upload" {
	begin
	mkdir -p "$m/$dir"
	head -c 45000000 /dev/urandom >"$BATS_TEST_TMPDIR/file"
	exec 7>"$m/$dir/nb-1-big-Blob.db"
	head -c 40000000 "$BATS_TEST_TMPDIR/file" >&7
	wait_for 20 test "$(unfinished_uploads)" -gt 0
	kill -KILL "${MOUNT_PID[$m]}"
	exec 7>&- || true
	fusermount3 -uz "$m"
	wait "${MOUNT_PID[$m]}" || true
	unset "MOUNT_PID[$m]"

	sl_mount "$m" "node=node1,state=$BATS_TEST_TMPDIR/state"
	[ ! -e "$m/$dir/nb-1-big-Blob.db" ]
	[ "$(status_of "$m" .local.files.interrupted)" -eq 1 ]
	run bash -c "echo launch node1 >'$m/.launch'"
	[ "$status" -ne 0 ]
	grep -q 'interrupted.*nb-1-big-Blob.db' "$m/.launch"

	mkdir -p "$m/$dir"
	cp -p "$BATS_TEST_TMPDIR/file" "$m/$dir/nb-1-big-Blob.db"
	cmp "$BATS_TEST_TMPDIR/file" \
		"$(sl_bucket "$m")/$dir/nb-1-big-Blob.db"
	wait_for 20 eval '[ "$(unfinished_uploads)" -eq 0 ]'
	[ "$(status_of "$m" .local.files.interrupted)" -eq 0 ]
	[ "$(status_of "$m" .local.ledger.unclean)" = false ]
	sl_umount "$m"
}

@test "rsync is killed by TERM and KILL at many points, then run again" {
	begin
	sl_unpack "$src"
	local delay signal pid
	for delay in 0.03 0.08 0.15 0.25; do
		for signal in TERM KILL; do
			rsync -a "$src/node1/" "$m/node1/" >/dev/null 2>&1 3>&- &
			pid=$!
			sleep "$delay"
			kill "-$signal" "$pid" 2>/dev/null || true
			wait "$pid" || true
		done
	done
	rsync -a "$src/node1/" "$m/node1/"
	for state in open interrupted failed unproven; do
		[ "$(status_of "$m" ".local.files.$state")" -eq 0 ]
	done
	run rsync -ai "$src/node1/" "$m/node1/"
	[ "$status" -eq 0 ]
	[[ $'\n'$output != *$'\n>f'* ]]
	while read -r file; do
		cmp "$src/$file" "$(sl_bucket "$m")/$file"
	done < <(cd "$src" && find node1/smart_home -type f \
		-path '*/snapshots/*' -not -path '*/.*')
	[ "$(unfinished_uploads)" -eq 0 ]
	# The gate finds nothing; only the import of one node of three is left.
	echo launch node1 >"$m/.launch"
	sl_umount "$m"
}

@test "a host whose clock is 40 minutes slow, and one that is fast" {
	for offset in 2400 -2400; do
		SIM_DIR=$BATS_TEST_TMPDIR/sim$offset
		sl_sim_start --clock-offset "$offset"
		sl_mount "$m" "node=node1,state=$BATS_TEST_TMPDIR/st$offset"
		sl_begin "$m"
		mkdir -p "$m/$dir"
		head -c 20000000 /dev/urandom >"$BATS_TEST_TMPDIR/file"
		cp "$BATS_TEST_TMPDIR/file" "$m/$dir/nb-1-big-Blob.db"
		cmp "$BATS_TEST_TMPDIR/file" "$m/$dir/nb-1-big-Blob.db"
		sl_umount "$m"
		sl_sim_stop
	done
}

@test "a tool that is killed leaves no open temporary behind" {
	begin
	mkdir -p "$m/$dir"
	python3 - "$m/$dir/.nb-1-big-Blob.db.AbC123" <<'P' || true
import os, signal, sys
fd = os.open(sys.argv[1], os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
os.write(fd, b"x" * 1000)
os.kill(os.getpid(), signal.SIGKILL)
P
	wait_for 10 eval '[ "$(status_of "$m" .local.files.interrupted)" -eq 1 ]'
	jq -c .local.files "$m/.status"
	[ "$(status_of "$m" .local.files.open)" -eq 0 ]
	# The path is what counts: once it is copied, all is well.
	echo x >"$m/$dir/nb-1-big-Blob.db"
	[ "$(status_of "$m" '.local.files | del(.committed) | add')" -eq 0 ]
	echo launch node1 >"$m/.launch"
	sl_umount "$m"
}

@test "rsync that dies between close and rename: the next copy clears it" {
	begin
	mkdir -p "$m/$dir"
	for i in 1 2 3; do
		echo old >"$m/$dir/.nb-1-big-Blob.db.AbC12$i"
	done
	[ "$(status_of "$m" .local.files.open)" -eq 3 ]
	run bash -c "echo launch node1 >'$m/.launch'"
	[ "$status" -ne 0 ]
	mkdir "$src"
	echo new >"$src/nb-1-big-Blob.db"
	rsync -a "$src/" "$m/$dir/"
	[ "$(status_of "$m" '.local.files | del(.committed) | add')" -eq 0 ]
	[ "$(cat "$m/$dir/nb-1-big-Blob.db")" = new ]
	echo launch node1 >"$m/.launch"
	sl_umount "$m"
}

@test "a copy that dies late says nothing about a path that arrived meanwhile" {
	begin
	mkdir -p "$m/$dir"
	head -c 3000000 /dev/urandom >"$BATS_TEST_TMPDIR/file"
	# What a dying rsync does: its temporary is open while another one ends.
	(exec 7>"$m/$dir/.nb-1-big-Blob.db.AbCdEf"
	head -c 1000000 "$BATS_TEST_TMPDIR/file" >&7
	exec sleep 60) 3>&- &
	local pid=$!
	wait_for 20 test -s "$m/$dir/.nb-1-big-Blob.db.AbCdEf"
	cp -p "$BATS_TEST_TMPDIR/file" "$m/$dir/nb-1-big-Blob.db"
	kill -KILL "$pid"
	wait "$pid" || true
	wait_for 20 test ! -e "$m/$dir/.nb-1-big-Blob.db.AbCdEf"
	[ "$(status_of "$m" .local.files.interrupted)" -eq 0 ]
	[ "$(status_of "$m" .local.files.open)" -eq 0 ]
	[ "$(status_of "$m" .local.files.committed)" -eq 1 ]
	[ "$(unfinished_uploads)" -eq 0 ]
	sl_umount "$m"
}
