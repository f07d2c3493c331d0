#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What answers at the endpoint is not the store: nothing it says is taken for
# a confirmation or for a listing.

load helpers

setup() {
	requires python3
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1
	echo x >"$BATS_TEST_TMPDIR/nb-1-big-Blob.db"
}
teardown() {
	sl_cleanup
	if [ -n "${PEER:-}" ]; then
		kill "$PEER" || true
		wait "$PEER" || true
	fi
}

# behind MODE: the mount's store is an impostor.
behind() {
	local port=$BATS_TEST_TMPDIR/port
	python3 "$BATS_TEST_DIRNAME/impostor.py" "$port" "$1" \
		2>"$BATS_TEST_TMPDIR/peer.log" </dev/null 3>&- &
	PEER=$!
	wait_for 20 test -s "$port"
	SIM_OPTIONS=${SIM_OPTIONS%%s3_endpoint=*}s3_endpoint=http://127.0.0.1:$(cat "$port")
	sl_mount "$m"
	sl_begin "$m"
}

@test "a page with status 200 confirms no object" {
	behind portal
	mkdir -p "$m/$dir"
	run cp "$BATS_TEST_TMPDIR/nb-1-big-Blob.db" "$m/$dir/"
	echo "$output"
	[ "$status" -ne 0 ]
	[ "$(status_of "$m" .local.files.committed)" -eq 0 ]
	sl_umount "$m"
}

@test "keys outside the directory that was asked for are refused" {
	behind elsewhere
	run ls "$m/node2-of-a-long-name"
	echo "$output"
	[ "$status" -ne 0 ]
	grep -q 'the listing makes no sense' "$m/.errors"
	sl_umount "$m"
}
