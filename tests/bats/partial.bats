#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# rsync interrupted in the middle of a file, with each way it has to keep
# what came; then the same command again.

load helpers

tag=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	src=$BATS_TEST_TMPDIR/src
	mkdir -p "$src/$tag"
	head -c 24000000 /dev/urandom >"$src/$tag/nb-1-big-Blob.db"
	head -c 1000 /dev/urandom >"$src/$tag/nb-1-big-Blob3.db"
	sl_mount "$m"
	sl_begin "$m"
}
teardown() { sl_cleanup; }

has_begun() {
	[ -n "$(find "$m" -path "$m/$tag/*" -name '.nb-1-big-Blob.db.*' -size +2M)" ]
}

# interrupted SIGNAL OPTIONS...: when some MiB have come, rsync's sender gets
# the signal. INT it passes on; of KILL the receiver sees the lost connection.
interrupted() {
	local pid status=0 signal=$1
	shift
	env --default-signal=INT rsync -a --bwlimit=8m "$@" "$src/node1" \
		"$m/" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	wait_for 20 has_begun || return 1
	kill "-$signal" "$pid"
	wait "$pid" || status=$?
	cat "$BATS_TEST_TMPDIR/out"
	[ "$status" -ne 0 ] || return 1
	# The receiver ends by itself, a little later.
	wait_for 20 has_ended
}

has_ended() { ! pgrep -f "rsync.* $m/" >/dev/null; }

nothing_short() {
	local bucket
	bucket=$(sl_bucket "$m")
	[ -z "$bucket" ] || [ ! -e "$bucket/$tag/nb-1-big-Blob.db" ] || return 1
	# The kernel may remember the name of a rename for a second.
	wait_for 20 test ! -e "$m/$tag/nb-1-big-Blob.db" || return 1
	run bash -c "echo launch node1 >'$m/.launch'"
	[ "$status" -ne 0 ]
}

again_completes() {
	rsync -a "$@" "$src/node1" "$m/" || return 1
	diff -r "$src/node1" "$(sl_bucket "$m")/node1" || return 1
	# Its directory may stay, if it had nothing to put there.
	diff -r -x half -x .half -x .rsync-partial "$src/node1" "$m/node1" ||
		return 1
	local file
	for file in open queued interrupted failed skipped; do
		[ "$(status_of "$m" ".local.files.$file")" -eq 0 ] || {
			status_of "$m" .local.files
			return 1
		}
	done
}

@test "rsync without --partial" {
	interrupted INT
	nothing_short
	again_completes
	rm -r "$m/node1/ks"
	interrupted KILL
	nothing_short
	again_completes
	sl_umount "$m"
}

@test "rsync --partial, interrupted" {
	interrupted INT --partial
	nothing_short
	again_completes --partial
	sl_umount "$m"
}

@test "rsync --partial, connection lost: the time 0 has nanoseconds" {
	interrupted KILL --partial
	nothing_short
	again_completes --partial
	sl_umount "$m"
}

@test "rsync --partial-dir=.rsync-partial" {
	local signal
	for signal in INT KILL; do
		interrupted $signal --partial-dir=.rsync-partial
		nothing_short
		again_completes --partial-dir=.rsync-partial
		rm -r "$m/node1/ks"
	done
	sl_umount "$m"
}

@test "rsync --partial-dir=half" {
	local signal
	for signal in INT KILL; do
		interrupted $signal --partial-dir=half
		nothing_short
		again_completes --partial-dir=half
		rm -r "$m/node1/ks"
	done
	sl_umount "$m"
}

@test "rsync --partial-dir=.half, as an index directory could be called" {
	local signal
	for signal in INT KILL; do
		interrupted $signal --partial-dir=.half
		nothing_short
		again_completes --partial-dir=.half
		rm -r "$m/node1/ks"
	done
	sl_umount "$m"
}

@test "rsync --partial-dir=half with deltas" {
	local signal
	for signal in INT KILL; do
		interrupted $signal --partial-dir=half --no-whole-file
		nothing_short
		again_completes --partial-dir=half --no-whole-file
		rm -r "$m/node1/ks"
	done
	sl_umount "$m"
}

@test "rsync --partial-dir=.half, a remount in between" {
	interrupted KILL --partial-dir=.half
	nothing_short
	sl_umount "$m"
	sl_mount "$m"
	echo ReceivingFiles >"$m/.wait"
	nothing_short
	again_completes --partial-dir=.half --no-whole-file
	sl_umount "$m"
}

@test "rsync --delay-updates with a partial directory of its own" {
	interrupted KILL --delay-updates --partial-dir=half
	nothing_short
	again_completes --delay-updates --partial-dir=half
	again_completes --delay-updates --partial-dir=half --ignore-times
	sl_umount "$m"
}

@test "rsync --delay-updates" {
	local signal
	for signal in INT KILL; do
		interrupted $signal --delay-updates
		nothing_short
		again_completes --delay-updates
		rm -r "$m/node1/ks"
	done
	sl_umount "$m"
}
