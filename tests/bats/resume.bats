#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A half-sent file goes on where it was: the same copy again lists the parts
# that are stored and sends only the others.

load helpers

setup() {
	m=$BATS_TEST_TMPDIR/m
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1
	name=nb-1-big-Blob.db
	file=$BATS_TEST_TMPDIR/src/$name
	requests=$BATS_TEST_TMPDIR/requests
	mkdir -p "${file%/*}"
	# With memory=64 the parts are 8 MiB: five of them, and a short one.
	head -c 45000000 /dev/urandom >"$file"
}
teardown() { sl_cleanup; }

begin() {
	sl_sim_start --log "$requests"
	mount_it
	sl_begin "$m"
	mkdir -p "$m/$dir"
}

mount_it() {
	sl_mount "$m" "node=node1,memory=64,state=$BATS_TEST_TMPDIR/state"
}

# Requests of a kind that were answered well, since the last mark.
mark() { first=$(($(wc -l <"$requests") + 1)); }
count() {
	tail -n "+${first:-1}" "$requests" | jq -r --arg kind "s3.$1" \
		'select(.kind == $kind and .status < 300) | .kind' | wc -l
}
parts() { count part; }

unfinished_uploads() {
	find "$SIM_DIR" -path '*/uploads/*' -type f | wc -l
}

interrupted_is() {
	[ "$(status_of "$m" .local.files.interrupted)" -eq "$1" ]
}

# The copy again, which sends $1 to $2 parts, and is whole.
heals() {
	cp "$file" "$m/$dir/$name"
	local n
	n=$(parts)
	echo "# parts sent again: $n"
	[ "$n" -ge "$1" ]
	[ "$n" -le "$2" ]
	cmp "$file" "$(sl_bucket "$m")/$dir/$name"
	wait_for 20 eval '[ "$(unfinished_uploads)" -eq 0 ]'
	interrupted_is 0
}

# A copy that is killed when four parts have arrived.
cut_copy() {
	local fifo=$BATS_TEST_TMPDIR/fifo pid
	mkfifo "$fifo"
	cat 3>&- <"$fifo" >"$m/$dir/$name" &
	pid=$!
	exec 8>"$fifo"
	head -c 35000000 "$file" >&8
	wait_for 30 eval '[ "$(parts)" -ge 4 ]'
	kill -KILL "$pid"
	wait "$pid" || true
	exec 8>&-
	wait_for 20 interrupted_is 1
}

@test "a killed copy, then the same copy in the same mount" {
	begin
	cut_copy
	mark
	heals 2 2
	[ "$(count create)" -eq 0 ]
	[ "$(count abort)" -eq 0 ]
	[ "$(count complete)" -eq 1 ]
	sl_umount "$m"
}

@test "a daemon killed with -9, a new mount, and the same copy" {
	begin
	exec 7>"$m/$dir/$name"
	head -c 35000000 "$file" >&7
	wait_for 30 eval '[ "$(parts)" -ge 4 ]'
	kill -KILL "${MOUNT_PID[$m]}"
	exec 7>&- || true
	fusermount3 -uz "$m"
	wait "${MOUNT_PID[$m]}" || true
	unset "MOUNT_PID[$m]"
	mount_it
	mark
	heals 2 2
	[ "$(count create)" -eq 0 ]
	sl_umount "$m"
}

@test "rsync goes on as cp does" {
	begin
	cut_copy
	mark
	rsync -a "$file" "$m/$dir/"
	[ "$(parts)" -eq 2 ]
	cmp "$file" "$(sl_bucket "$m")/$dir/$name"
	wait_for 20 eval '[ "$(unfinished_uploads)" -eq 0 ]'
	sl_umount "$m"
}

@test "a file that changed meanwhile: what differs is sent again" {
	begin
	cut_copy
	printf x | dd of="$file" bs=1 seek=9000000 conv=notrunc status=none
	mark
	heals 3 3
	sl_umount "$m"
}

@test "cut once more while the parts are listed, which hangs" {
	local api pid
	begin
	cut_copy
	api=$(sed -n 's/.*api_url=\([^,]*\).*/\1/p' <<<"$SIM_OPTIONS")
	curl -fsS --data-binary 'match=s3.parts do=stall:60' "$api/sim/faults"
	cp "$file" "$m/$dir/$name" 3>&- &
	pid=$!
	wait_for 20 eval '[ "$(status_of "$m" .local.files.open)" -eq 1 ]'
	wait_for 20 eval '[ "$(curl -fsS "$api/sim/faults" |
		jq "[.. | .hits? // empty] | add")" -ge 1 ]' || sleep 1
	kill -KILL "$pid"
	wait "$pid" || true
	wait_for 20 interrupted_is 1
	curl -fsS --data-binary '' "$api/sim/faults"
	mark
	heals 2 2
	sl_umount "$m"
}

@test "a process that is killed does not wait until a hole is filled" {
	local api pid
	begin
	api=$(sed -n 's/.*api_url=\([^,]*\).*/\1/p' <<<"$SIM_OPTIONS")
	curl -fsS --data-binary 'match=s3.part do=stall:300' "$api/sim/faults"
	dd if=/dev/zero of="$m/$dir/$name" bs=1M seek=300 count=1 \
		status=none 3>&- &
	pid=$!
	wait_for 20 eval '[ "$(status_of "$m" .local.files.open)" -eq 1 ]'
	sleep 0.5
	kill -KILL "$pid"
	wait_for 20 sl_gone "$pid"
	wait "$pid" || true
	wait_for 20 interrupted_is 1
	curl -fsS --data-binary '' "$api/sim/faults"
	heals 1 100
	sl_umount "$m"
}

@test "an upload that is gone from the store" {
	begin
	cut_copy
	find "$SIM_DIR" -path '*/uploads/*' -type f -delete
	mark
	heals 6 6
	sl_umount "$m"
}
