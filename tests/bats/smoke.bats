#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# One mount from begin to end, short enough for a build with sanitizers: a
# real node copied, read back, launched, unmounted.

load helpers

setup() { sl_sim_start; }
teardown() { sl_cleanup; }

@test "a node is copied, compared, launched and unmounted" {
	m=$BATS_TEST_TMPDIR/m
	sl_unpack "$BATS_TEST_TMPDIR/src"
	sl_mount "$m"
	sl_begin "$m"
	rsync -a "$BATS_TEST_TMPDIR/src/node1/" "$m/node1/"
	[ "$(status_of "$m" '.local.files.failed')" -eq 0 ]
	[ "$(status_of "$m" '.local.files.committed')" -gt 0 ]
	diff -r "$BATS_TEST_TMPDIR/src/node1/smart_home/"devices-*/snapshots/migrate1/nb-1-big-Data.db \
		"$m/node1/smart_home/"devices-*/snapshots/migrate1/nb-1-big-Data.db
	echo launch node1 >"$m/.launch"
	echo MigrationDone >"$m/.wait"
	sl_umount "$m"
}
