#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# One node launches while another still uploads. The one that uploads learns
# that its access is gone and fails its writers with EROFS and the reason,
# whatever they were doing: within a minute, not after hours of retries.
# SL_CLOUD: the store's dialect, s3 unless set; astra-sim names its requests
# s3.* in all of them.

load helpers

setup() {
	a=$BATS_TEST_TMPDIR/a
	b=$BATS_TEST_TMPDIR/b
	log=$BATS_TEST_TMPDIR/requests
	T1=ks/t1-0123456789abcdef0123456789abcdef/snapshots/migrate1
	head -c 200000 /dev/urandom >"$BATS_TEST_TMPDIR/small"
	head -c 40000000 /dev/urandom >"$BATS_TEST_TMPDIR/large"
}

teardown() {
	local pid
	for pid in "${writers[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	sl_cleanup
}
declare -ga writers=()

start() { # ASTRA-SIM OPTIONS...
	sl_sim_start --import-delay 600 --log "$log" \
		${SL_CLOUD:+--cloud "$SL_CLOUD"} "$@"
	sl_mount "$a" node=node1
	sl_begin "$a"
	sl_mount "$b" "node=node2,migration=$(status_of "$a" .migrationID)"
	mkdir -p "$a/node1/$T1" "$b/node2/$T1"
	cp "$BATS_TEST_TMPDIR/small" "$a/node1/$T1/nb-1-big-Blob.db"
}

faults() { # LINE...: from now on
	curl -fsS -o /dev/null --data-binary "$(printf '%s\n' "$@")" \
		"$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")/faults"
}

# A writer on node2, in the background; its words end in OUT.N.
writer() { # N COMMAND...
	local n=$1
	shift
	LC_ALL=C "$@" "$b/node2/$T1/nb-$n-big-Blob.db" \
		>"$BATS_TEST_TMPDIR/out.$n" 2>&1 3>&- &
	writers+=($!)
}

small_ones() { # TARGET: one file after the other
	local i
	for i in $(seq 1000); do
		cp "$BATS_TEST_TMPDIR/small" "${1/%-big-Blob.db/$i-big-Blob.db}" ||
			return 1
		sleep 0.2
	done
}

# Bytes so seldom that no request is under way for minutes.
slow_one() { # TARGET
	for _ in $(seq 600); do
		head -c 1000 "$BATS_TEST_TMPDIR/small" || return 1
		sleep 0.2
	done | dd of="$1" bs=1000 iflag=fullblock status=none
}

# Everybody has ended, badly, before the time is over.
all_fail() { # SECONDS
	local deadline=$((SECONDS + $1)) pid status
	for pid in "${writers[@]}"; do
		until sl_gone "$pid"; do
			if [ "$SECONDS" -ge "$deadline" ]; then
				echo "a writer goes on"
				cat "$b/.status" "$b/.errors"
				return 1
			fi
			sleep 0.2
		done
		status=0
		wait "$pid" || status=$?
		[ "$status" -ne 0 ] || {
			echo "a writer ended well"
			return 1
		}
	done
	writers=()
}

says_why() { # N...
	local n
	for n in "$@"; do
		cat "$BATS_TEST_TMPDIR/out.$n"
		grep -q 'Read-only file system' "$BATS_TEST_TMPDIR/out.$n"
		grep -E "EROFS .*nb-$n.*takes no files any more" "$b/.errors"
	done
	grep -E "EROFS .*'ImportInProgress'" "$b/.errors"
	[ "$(status_of "$b" .status)" = ImportInProgress ]
	[ "$(status_of "$b" .local.files.open)" -eq 0 ]
	[ "$(status_of "$b" .local.requests)" -eq 0 ]
}

@test "launch anyway: who uploads, quickly or slowly, is told" {
	start
	writer 1 small_ones
	writer 2 cp "$BATS_TEST_TMPDIR/large"
	writer 3 slow_one
	faults 'match=s3.part do=stall:4'
	sleep 1
	echo "launch anyway" >"$a/.launch"
	all_fail 45
	says_why 1 2 3
	cp "$BATS_TEST_TMPDIR/small" "$b/node2/$T1/nb-9-big-Blob.db" \
		2>"$BATS_TEST_TMPDIR/out.9" && return 1
	grep -q 'Read-only file system' "$BATS_TEST_TMPDIR/out.9"
	if grep 'launched or ended from elsewhere' "$a/.errors"; then
		return 1
	fi
	grep -q 'launched or ended from elsewhere' "$b/.errors"
	sl_umount "$b"
	sl_umount "$a"
}

launch_elsewhere() { # with curl: no mount knows of it
	curl -fsS -o /dev/null -X POST \
		-H "Authorization: Bearer $ASTRA_DB_APPLICATION_TOKEN" \
		"$(sed -n 's/^api_url=//p' "$BATS_TEST_TMPDIR/sim.ready")/v2/databases/$SL_DB/migrations/$(status_of "$a" .migrationID)/launch"
}

always_503() { # CLOUD
	SL_CLOUD=$1
	start
	# Look at the status often, as somebody who waits for the import does.
	echo MigrationDone >"$b/.wait" 2>/dev/null 3>&- &
	waiter=$!
	faults 'match=s3.* do=503'
	writer 1 cp "$BATS_TEST_TMPDIR/small"
	writer 2 cp "$BATS_TEST_TMPDIR/large"
	wait_for 20 sh -c '[ "$(jq .local.requests "$0")" -gt 0 ]' "$b/.status"
	sleep 3
	launch_elsewhere
	all_fail 45
	says_why 1 2
	kill -INT "$waiter" 2>/dev/null || true
	wait "$waiter" || true
	sl_umount "$b"
	sl_umount "$a"
}

@test "a store that answers 503 all the time: retries end too" {
	always_503 "${SL_CLOUD:-s3}"
}

@test "retries end on Google Cloud too, where tokens are another's" {
	always_503 gcs
}

@test "retries end on Azure too" {
	always_503 azure
}

@test "the API is down when it is launched: told when it is back" {
	start
	writer 1 small_ones
	writer 2 slow_one
	sleep 1
	faults 'match=api.status do=503'
	launch_elsewhere
	wait_for 20 sh -c '[ "$(jq -r .local.credentials.state "$0")" = \
		refreshing ]' "$b/.status"
	[[ $(status_of "$b" .local.credentials.reason) == *"cannot read"* ]]
	faults ''
	all_fail 45
	says_why 1 2
	sl_umount "$b"
	sl_umount "$a"
}

@test "the status lags behind the launch: no keys, then the reason" {
	start --lag 8
	writer 1 small_ones
	sleep 1
	echo "launch anyway" >"$a/.launch"
	wait_for 6 sh -c '[ "$(jq -r .local.credentials.state "$0")" = \
		refreshing ]' "$b/.status"
	[[ $(status_of "$b" .local.credentials.reason) == *credentials* ]]
	all_fail 45
	says_why 1
	sl_umount "$b"
	sl_umount "$a"
}
