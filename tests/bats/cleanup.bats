#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The date at which the service deletes what was uploaded: moved away while a
# mount uploads and just before a launch, by one request for many mounts, or
# left alone with a warning.

load helpers

setup() {
	log=$BATS_TEST_TMPDIR/requests
	T1=ks/t1-0123456789abcdef0123456789abcdef/snapshots/migrate1
	head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/small"
}
teardown() { sl_cleanup; }

# A migration whose cleanup is so far away (in words of date).
begin() { # WHEN [ASTRA-SIM OPTIONS...]
	local when=$1
	shift
	sl_sim_start --init-delay 0 --import-delay 600 --log "$log" \
		${SL_CLOUD:+--cloud "$SL_CLOUD"} "$@"
	id=$(api POST /initialize | jq -r .migrationID)
	when=$(date -u -d "$when" +%Y-%m-%dT%H:%M:%SZ)
	wait_for 10 receives
	api POST "/$id/cleanup?option.cleanupTime=$when" >/dev/null
	first=$(($(wc -l <"$log") + 1))
}

receives() { [ "$(api GET "/$id" | jq -r .status)" = ReceivingFiles ]; }

api() { # METHOD PATH
	curl -fsS -X "$1" \
		-H "Authorization: Bearer $ASTRA_DB_APPLICATION_TOKEN" \
		"$(sed -n 's/^api_url=//p' "$BATS_TEST_TMPDIR/sim.ready")/v2/databases/$SL_DB/migrations$2"
}

# Kinds of the requests that mounts sent, of those that are named.
sent() { # KIND...
	tail -n "+$first" "$log" | jq -r .kind | grep -xF "$(printf '%s\n' "$@")" |
		tr '\n' ' '
}

days_left() {
	api GET "/$id" | jq '(.expectedCleanupTime | fromdate) - now |
		. / 86400 | floor'
}

copy() { # MOUNT NODE
	mkdir -p "$1/$2/$T1"
	cp "$BATS_TEST_TMPDIR/small" "$1/$2/$T1/nb-1-big-Blob.db"
}

watch_is() { [ "$(status_of "$1" .local.cleanup_watch.state)" = "$2" ]; }

@test "a close date is moved while files are uploaded, once for three mounts" {
	local i m=$BATS_TEST_TMPDIR/m
	begin '+3 minutes'
	for i in 1 2 3; do
		sl_mount "$m$i" "node=node$i,migration=$id"
		watch_is "$m$i" left
		copy "$m$i" "node$i"
		wait_for 10 sh -c 'jq -e ".local.cleanup_watch.state |
			test(\"close|moving|far\")" "$0"' "$m$i/.status"
	done
	wait_for 40 sh -c 'grep -l "moved to" "$@"' sh "$m"?/.errors
	[ "$(days_left)" -eq 6 ]
	# The others' moments have passed as well, and they have looked.
	for i in 1 2 3; do wait_for 40 watch_is "$m$i" far; done
	[ "$(sent api.cleanup)" = 'api.cleanup ' ]
	# It was read again before.
	tail -n "+$first" "$log" | jq -r .kind | grep -v '^s3' |
		grep -B1 -x api.cleanup | grep -qx api.status
	for i in 1 2 3; do sl_umount "$m$i"; done
}

@test "keep=off: left alone, and warned of; also before a launch" {
	local m=$BATS_TEST_TMPDIR/m
	begin '+90 minutes'
	sl_mount "$m" "node=node1,migration=$id,keep=off"
	copy "$m" node1
	wait_for 10 sh -c 'grep -q "deletes the uploaded files" "$0/.errors"' \
		"$m" || wait_for 70 grep -q "deletes the uploaded" "$m/.errors"
	watch_is "$m" left
	[[ $(status_of "$m" .local.cleanup_watch.text) == *keep=off* ]]
	grep 'ETIME.*keep=off' "$m/.errors"
	grep -q 'deletes the uploaded files' "$m.log"
	grep -q 'keep=off' "$m/.cleanup"
	echo 'launch anyway' >"$m/.launch"
	[ "$(sent api.cleanup api.launch)" = 'api.launch ' ]
	sl_umount "$m"
}

@test "before a launch the date is moved if that does not restart it" {
	local m=$BATS_TEST_TMPDIR/m
	begin '+4 days'
	sl_mount "$m" "node=node1,migration=$id"
	copy "$m" node1
	watch_is "$m" far
	[ -z "$(sent api.cleanup)" ]
	echo 'launch anyway' >"$m/.launch"
	[ "$(sent api.cleanup api.launch)" = 'api.cleanup api.launch ' ]
	[ "$(days_left)" -eq 6 ]
	sl_umount "$m"
}

@test "a reschedule that is refused: said, and the launch goes on" {
	local m=$BATS_TEST_TMPDIR/m
	begin '+20 hours'
	curl -fsS -o /dev/null --data-binary 'match=api.cleanup do=403' \
		"$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")/faults"
	sl_mount "$m" "node=node1,migration=$id"
	copy "$m" node1
	echo 'launch anyway' >"$m/.launch"
	[ "$(sent api.cleanup api.launch)" = 'api.cleanup api.launch ' ]
	grep 'EACCES.*could not be moved' "$m/.errors"
	sl_umount "$m"
}
