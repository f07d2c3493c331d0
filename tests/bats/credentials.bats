#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Credentials that live for 20 seconds, and copies that last longer: renewed
# before they end, renewed when a request says that they have, by one status
# request each, whoever waits; and what becomes of the writers when there is
# nothing to renew. What was asked is read from astra-sim's request log.

load helpers

setup() {
	log=$BATS_TEST_TMPDIR/requests
	m=$BATS_TEST_TMPDIR/m
	src=$BATS_TEST_TMPDIR/src
	mkdir -p "$src"
}
teardown() {
	touch "$BATS_TEST_TMPDIR/stop"
	wait_for_jobs
	sl_cleanup
}

# Background writers of a test that failed must not outlive it.
wait_for_jobs() {
	local pid
	for pid in "${writers[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}
declare -ga writers=()

faults() { # LINE...: from now on
	curl -fsS -o /dev/null --data-binary "$(printf '%s\n' "$@")" \
		"$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")/faults"
}

table() { # N: directory of writer N's table
	printf 'node1/ks/t%d-%032x/snapshots/migrate1' "$1" "$1"
}

# Small files, one after the other, until the time is over.
small_writer() { # N SECONDS
	local dir i=0
	dir=$(table "$1")
	mkdir -p "$m/$dir" "$src/$dir"
	while [ "$SECONDS" -lt "$2" ] && [ ! -e "$BATS_TEST_TMPDIR/stop" ]; do
		i=$((i + 1))
		head -c $((20000 + 7919 * i % 90000)) /dev/urandom \
			>"$src/$dir/nb-$i-big-Blob.db"
		cp "$src/$dir/nb-$i-big-Blob.db" "$m/$dir/" || return 1
		sleep 0.5
	done
}

# A source that a slow disk or network would be: 44 pieces of 512 KiB.
paced() { # FILE
	local i
	for i in $(seq 0 43); do
		dd if="$1" bs=512K skip="$i" count=1 status=none
		sleep 0.7
	done
}

# Files of two parts, half a minute each: no part waits for the next.
large_writer() { # N SECONDS
	local dir i=0 file
	dir=$(table "$1")
	mkdir -p "$m/$dir" "$src/$dir"
	sleep "$(($1 * 17 / 10))"
	while [ $((SECONDS + 30)) -lt "$2" ] &&
		[ ! -e "$BATS_TEST_TMPDIR/stop" ]; do
		i=$((i + 1))
		file=nb-$i-big-Blob.db
		head -c $((44 * 512 * 1024)) /dev/urandom >"$src/$dir/$file"
		case $(($1 % 2)) in
		0) rsync -a --bwlimit=700 "$src/$dir/$file" "$m/$dir/" ;;
		1) paced "$src/$dir/$file" |
			dd of="$m/$dir/$file" bs=512K iflag=fullblock \
				status=none ;;
		esac || return 1
	done
}

start_writer() { # FUNCTION ARGUMENTS...
	"$@" 3>&- &
	writers+=($!)
}

writers_end_well() {
	local pid failed=0
	for pid in "${writers[@]}"; do
		wait "$pid" || failed=$((failed + 1))
	done
	writers=()
	[ "$failed" -eq 0 ] || {
		echo "$failed writers failed"
		cat "$m/.errors"
		return 1
	}
}

# Every source file is committed, and nothing else; byte by byte.
all_there() {
	local bucket
	bucket=$(sl_bucket "$m")
	diff -rq "$src" "$bucket"
	[ "$(status_of "$m" .local.files.committed)" -eq \
		"$(find "$src" -type f | wc -l)" ]
	for state in open queued interrupted failed; do
		[ "$(status_of "$m" ".local.files.$state")" -eq 0 ]
	done
	[ -z "$(find "$SIM_DIR" -path '*/uploads/*')" ]
}

# refreshes [LINE]: the status requests of the log, from line LINE on, as
# "seconds generation new|same" with the time since the one before.
refreshes() {
	tail -n "+${1:-1}" "$log" | jq -rn '
		def t: (.time[0:19] + "Z" | fromdateiso8601) +
			("0" + .time[19:23] | tonumber);
		foreach (inputs | select(.kind == "api.status")) as $r
			({t: 0, g: 0};
			 .dt = ($r | t) - .t | .t = ($r | t) |
			 .status = $r.status |
			 .new = ($r.generation > .g) | .g = $r.generation;
			 "\(.dt) \(.g) \(if .status != 200 then .status
				elif .new then "new" else "same" end)")'
}

# How many of the lines of refreshes end so.
count_of() { # WORD FILE
	grep -c " $1\$" "$2" || true
}

# Nobody but the minute's regular poll asks without getting new ones.
no_herd() { # FILE
	awk '$3 == "same" && $1 < 40 { print "too early: " $0; bad = 1 }
		END { exit bad }' "$1"
}

@test "two minutes, 16 writers, a life of 20 seconds" {
	sl_sim_start --creds-life 20 --log "$log"
	sl_mount "$m"
	sl_begin "$m"
	# Past the poll that still belongs to the waiting for ReceivingFiles.
	sleep 4
	first=$(($(wc -l <"$log") + 1))
	faults 'match=s3.part after=2 every=3 do=stall:6' \
		'match=s3.part after=13 count=1 do=expire-body'
	SECONDS=0
	for n in $(seq 8); do start_writer large_writer "$n" 118; done
	for n in $(seq 9 16); do start_writer small_writer "$n" 118; done
	writers_end_well
	[ "$SECONDS" -ge 110 ]
	all_there
	[ "$(find "$src" -size +16M | wc -l)" -ge 16 ]

	refreshes "$first" >"$BATS_TEST_TMPDIR/polls"
	cat "$BATS_TEST_TMPDIR/polls"
	sed -i 1d "$BATS_TEST_TMPDIR/polls"
	new=$(count_of new "$BATS_TEST_TMPDIR/polls")
	[ "$new" -ge 5 ] && [ "$new" -le 14 ]
	no_herd "$BATS_TEST_TMPDIR/polls"

	tail -n "+$first" "$log" >"$BATS_TEST_TMPDIR/part-log"
	# A refresh came while a part was on its way; the part got through.
	jq -se 'def t: (.time[0:19] + "Z" | fromdateiso8601) +
			("0" + .time[19:23] | tonumber);
		map(.t = t) |
		(map(select(.kind == "api.status" and .status == 200))) as $s |
		map(select(.kind == "s3.part" and .status == 200 and
			.in > 1000000)) |
		map(. as $p | select(any($s[]; .t < $p.t and
			.t > $p.t - $p.ms / 1000 + 0.5 and
			.generation > $p.generation))) |
		length > 0' "$BATS_TEST_TMPDIR/part-log"
	# Credentials ended in the middle of a part, which was refused after
	# its last byte and sent again with newer ones.
	jq -se 'map(select(.kind == "s3.part")) as $p |
		[$p[] | select(.fault | test("expire-body"))] |
		length == 1 and (.[0] as $r |
			$r.status == 400 and $r.code == "ExpiredToken" and
			$r.in > 1000000 and
			([$p[] | select(.path == $r.path and
				.query == $r.query and .status == 200 and
				.generation > $r.generation)] | length == 1))' \
		"$BATS_TEST_TMPDIR/part-log"
	# Refused were only those of that moment, each at most twice.
	jq -se '[.[] | select(.code == "ExpiredToken")] |
		length >= 1 and length <= 40' "$BATS_TEST_TMPDIR/part-log"
	sl_umount "$m"
}

# api VERB: a command that this mount does not know of.
api() {
	curl -fsS -o /dev/null -X POST \
		-H "Authorization: Bearer $ASTRA_DB_APPLICATION_TOKEN" \
		"$(sed -n 's/^api_url=//p' "$BATS_TEST_TMPDIR/sim.ready")/v2/databases/$SL_DB/migrations/$id/$1"
}

@test "the same credentials are given again: no storm of requests" {
	sl_sim_start --same-creds --creds-life 20 --log "$log"
	sl_mount "$m"
	sl_begin "$m"
	sleep 4
	first=$(($(wc -l <"$log") + 1))
	SECONDS=0
	for n in 1 2 3 4; do start_writer small_writer "$n" 19; done
	writers_end_well
	all_there
	refreshes "$first" >"$BATS_TEST_TMPDIR/polls"
	cat "$BATS_TEST_TMPDIR/polls"
	sed -i 1d "$BATS_TEST_TMPDIR/polls"
	[ "$(count_of new "$BATS_TEST_TMPDIR/polls")" -ge 1 ]
	# At 75, 90 and 97 percent of a life, and for the refusal at its end.
	[ "$(count_of same "$BATS_TEST_TMPDIR/polls")" -le 6 ]
	awk '$1 < 0.5 { exit 1 }' "$BATS_TEST_TMPDIR/polls"
	sl_umount "$m"
}

@test "the API is down for 15 seconds while credentials end" {
	sl_sim_start --creds-life 8 --log "$log"
	sl_mount "$m"
	sl_begin "$m"
	SECONDS=0
	for n in 1 2 3 4; do start_writer small_writer "$n" 16; done
	# Past the poll that still belongs to the waiting for ReceivingFiles.
	sleep 2.8
	faults 'match=api.* do=503'
	end=$(($(date +%s%3N) + 15000))
	wait_for 14 sh -c 'jq -e ".local.api.error and
		.local.credentials.state == \"refreshing\" and
		.local.files.open == 4" "$0" >/dev/null' "$m/.status"
	[ "$(status_of "$m" .local.api.age_s)" -ge 4 ]
	while [ "$(date +%s%3N)" -lt "$end" ]; do sleep 0.1; done
	faults ''
	writers_end_well
	all_there
	[ "$(status_of "$m" .local.api.error)" = null ]
	[ "$(status_of "$m" .local.credentials.state)" = valid ]
	[ "$(jq -s 'map(select(.code == "ExpiredToken")) | length' \
		"$log")" -ge 1 ]
	grep -q 'answers again' "$m/.errors"
	sl_umount "$m"
}

@test "a token that is revoked: writers are told" {
	sl_sim_start --log "$log"
	sl_mount "$m"
	sl_begin "$m"
	mkdir -p "$m/$(table 1)"
	head -c 100000 /dev/urandom >"$src/nb-1-big-Blob.db"
	faults 'match=api.* do=401:340018'
	curl -fsS -X POST -o /dev/null "$(sed -n 's/^control=//p' \
		"$BATS_TEST_TMPDIR/sim.ready")/expire"
	run timeout 60 cp "$src/nb-1-big-Blob.db" "$m/$(table 1)/"
	echo "$output"
	[ "$status" -eq 1 ]
	[[ $output == *"Key has expired"* ]]
	cat "$m/.errors"
	grep 'EKEYEXPIRED.*nb-1-big-Blob.db' "$m/.errors"
	grep -q 'token is not accepted' "$m/.errors"
	[ ! -e "$m/$(table 1)/nb-1-big-Blob.db" ]
	[ "$(status_of "$m" .local.files.failed)" -eq 1 ]
	if grep -q "$ASTRA_DB_APPLICATION_TOKEN" "$m/.errors"; then
		return 1
	fi
	sl_umount "$m"
}

# Written by a slow cp when 'api $1' takes the access away.
taken_away() { # VERB STATUS
	mkdir -p "$m/$(table 1)"
	head -c $((44 * 512 * 1024)) /dev/urandom >"$src/large"
	start_writer slow_copy "$src/large" "$m/$(table 1)/nb-1-big-Blob.db"
	sleep 1
	id=$(status_of "$m" .migrationID)
	api "$1"
	wait "${writers[0]}" || true
	writers=()
	cat "$BATS_TEST_TMPDIR/copy" "$m/.errors"
	grep -q 'Read-only file system' "$BATS_TEST_TMPDIR/copy"
	grep -q 'EROFS.*nb-1-big-Blob.db.*takes no files' "$m/.errors"
	grep -qE "EROFS.*status is '$2'" "$m/.errors"
	[[ $(status_of "$m" .status) =~ ^($2)$ ]]
	[ ! -e "$m/$(table 1)/nb-1-big-Blob.db" ]
	run cp "$SL_ROOT/README.md" "$m/$(table 1)/nb-2-big-Blob.db"
	[[ $output == *"Read-only file system"* ]]
}

slow_copy() { # FROM TO
	{ head -c 17000000 "$1"; sleep 2; tail -c +17000001 "$1"; } |
		dd of="$2" bs=512K iflag=fullblock status=none \
			2>"$BATS_TEST_TMPDIR/copy"
}

@test "launched elsewhere in the middle of a copy" {
	sl_sim_start --import-delay 600 --log "$log"
	sl_mount "$m"
	sl_begin "$m"
	taken_away launch ImportInProgress
	sl_umount "$m"
}

@test "cleaned up elsewhere in the middle of a copy" {
	sl_sim_start --log "$log"
	sl_mount "$m"
	sl_begin "$m"
	taken_away cleanup '(CleaningUpFiles|Closed)'
	sl_umount "$m"
}

@test "the daemon ends although writers wait for credentials" {
	# The kernel sends no RELEASE any more: open handles end as the process.
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
	sl_sim_start --log "$log"
	sl_mount "$m"
	sl_begin "$m"
	mkdir -p "$m/$(table 1)"
	head -c 100000 /dev/urandom >"$src/large"
	faults 'match=api.* do=503'
	curl -fsS -X POST -o /dev/null "$(sed -n 's/^control=//p' \
		"$BATS_TEST_TMPDIR/sim.ready")/expire"
	cp "$src/large" "$m/$(table 1)/nb-1-big-Blob.db" \
		2>"$BATS_TEST_TMPDIR/copy" 3>&- &
	writers=($!)
	wait_for 10 sh -c '[ "$(jq -r .local.credentials.state "$0")" = \
		refreshing ]' "$m/.status"
	kill -TERM "${MOUNT_PID[$m]}"
	wait_for 10 sl_gone "${MOUNT_PID[$m]}"
	if wait "${writers[0]}"; then return 1; fi
	writers=()
	wait "${MOUNT_PID[$m]}" || true
	unset "MOUNT_PID[$m]"
	sl_check_log "$m.log"
	grep -q 'EINTR.*nb-1-big-Blob.db' "$m.log"
	[ -z "$(find "$SIM_DIR" -name 'nb-1-big-Blob.db')" ]
}
