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
			>"$src/$dir/nb-$i-big-Index.db"
		cp "$src/$dir/nb-$i-big-Index.db" "$m/$dir/" || return 1
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
		file=nb-$i-big-Index.db
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

