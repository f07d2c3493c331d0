#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The demonstration is the first thing people run: it must end well, leave
# nothing behind, and must not end well when the bucket was tampered with.

load helpers

setup() {
	sl_root
	export TMPDIR=$BATS_TEST_TMPDIR/tmp
	mkdir -p "$TMPDIR"
}

nothing_left() {
	[ -z "$(ls -A "$TMPDIR")" ] || return 1
	if grep -F "$TMPDIR" /proc/self/mountinfo || pgrep -af "$TMPDIR"; then
		return 1
	fi
}

refused() {
	SL_DEMO_TAMPER=$1 run sh "$SL_ROOT/tools/demo.sh"
	echo "$output" | tail -n 60
	[ "$status" -ne 0 ]
	[[ $output == *"demo: the launch was refused"* ]]
	[[ $output == *"$2"* ]]
	nothing_left
}

migrates() {
	run sh "$SL_ROOT/tools/demo.sh" "$@"
	echo "$output" | tail -n 60
	[ "$status" -eq 0 ]
	[[ $output == *"The migration is done."* ]]
	[[ $output == *"$ echo new > mnt1/.init"* ]]
	[[ $output == *"0 rejected, 0 warnings"* ]]
	[[ $output == *"CREATE TABLE IF NOT EXISTS smart_home.devices"* ]]
	[[ $output == *"failed to close"*"data-chunk"* ]]
	[[ $output != *AstraCS:[A-Za-z0-9]* ]]
	nothing_left
}

@test "the demo migrates three nodes and removes what it made" {
	migrates
}

@test "the demo on Google Cloud" {
	migrates --cloud gcs
}

@test "the demo on Azure" {
	migrates --cloud azure
}

@test "the demo knows no other cloud" {
	run sh "$SL_ROOT/tools/demo.sh" --cloud oracle
	[ "$status" -eq 2 ]
	[[ $output == *usage* ]]
}

@test "a byte flipped in the bucket: the launch is refused" {
	refused flip Data.db
}

@test "an object deleted from the bucket: the launch is refused" {
	refused delete Data.db
}

@test "an object added to the bucket: the launch is refused" {
	refused add nb-99-big-Data.db
}
