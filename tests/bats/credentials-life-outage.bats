#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A service that is down or late, on each cloud: for longer than credentials
# live nobody can be asked for others; or they are given at once, and the store
# knows them some seconds later. Writers wait, are told why, and go on by
# themselves. Lives are $SL_CREDS_LIFE seconds.

# shellcheck disable=SC2154 # alone() sets what is used here
load credentials-life.bash

teardown() { end_sides; }

ALL="s3 gcs azure"

# A way to the API that can be cut; the store has its own.
open_way() { # [PORT]
	rm -f "$T/way"
	python3 "$BATS_TEST_DIRNAME/netpeer.py" pipe "$T/way" \
		"$(from_ready api_url | sed 's/.*://')" "$@" </dev/null 3>&- &
	way=$!
	wait_for 20 test -s "$T/way"
}

cut_way() {
	kill "$way"
	wait "$way" || true
	WRITERS=("${WRITERS[@]/$way/}")
}

blocked() { # WRITERS
	jq -e --argjson n "$1" '.local.credentials.state == "refreshing" and
		(.local.credentials.reason | length) > 10 and
		.local.files.open == $n' "$m/.status" >/dev/null
}

is_valid() { [ "$(status_of "$m" .local.credentials.state)" = valid ]; }

# Nobody failed while it lasted, and all goes on after it.
outage() { # WORDS-OF-THE-REASON
	local n
	wait_for $((LIFE * 2 + 10)) blocked 5
	[[ $(status_of "$m" .local.credentials.reason) == *$1* ]]
	[ "$(status_of "$m" .local.api.error)" != null ]
	touch "$T/blocked"
	# Long enough for several attempts.
	sleep $((LIFE + 3))
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
	blocked 5
	for n in "${WRITERS[@]}"; do kill -0 "$n"; done
}

goes_on() {
	wait_for 60 is_valid
	touch "$T/back"
	wait_for 30 newer_than "$T/back" 4
	[ "$(status_of "$m" .local.api.error)" = null ]
}

# A third at once, a third while nothing can go out, a third at the end.
fed_copy() {
	local i signs=(start blocked stop)
	make_source nb-1-big-Blob.db 18000000
	for i in 0 1 2; do
		wait_for 600 test -e "$T/${signs[i]}"
		dd if="$src/nb-1-big-Blob.db" bs=6000000 skip="$i" count=1 \
			status=none
	done | dd of="$m/$dir/nb-1-big-Blob.db" bs=512K iflag=fullblock \
		status=none
}

api_down() {
	local port n
	sl_sim_start --cloud "$cloud" --log "$log" --creds-life "$LIFE"
	open_way
	port=$(cat "$T/way")
	SIM_OPTIONS=${SIM_OPTIONS/"$(from_ready api_url)"/"http://127.0.0.1:$port"}
	sl_mount "$m" node=node1,memory=32
	sl_begin "$m"
	mkdir -p "$m/$dir"
	mark
	touch "$T/start"
	start_writer fed_copy
	for n in 10 11 12 13; do start_writer small_copies "$n"; done
	settle
	faults 'match=api.status do=503'
	outage 503
	faults ''
	goes_on
	cut_way
	outage 'cannot reach'
	open_way "$port"
	goes_on
	touch "$T/stop"
	writers_end_well
	all_there
	same_uploads 1
	grep -q 'uploads wait for new credentials' "$m/.errors"
	grep -q 'there are new credentials: uploads go on' "$m/.errors"
	cut_way
}

@test "the API is down, twice, for longer than a life" {
	# shellcheck disable=SC2086
	side_by_side api_down $ALL
}

# late: words are the way in which new ones are given.
late() {
	local n
	begin "rate=${RATE}M" --creds-life $((LIFE * 2)) --creds "${words[0]}" \
		--creds-delay 3
	mark
	make_source nb-1-big-Blob.db $((LIFE * 5 * RATE * MIB))
	SECONDS=0
	start_writer whole_copy nb-1-big-Blob.db
	for n in 10 11 12 13; do start_writer small_copies "$n"; done
	wait "${WRITERS[0]}"
	touch "$T/stop"
	WRITERS=("${WRITERS[@]:1}")
	writers_end_well
	all_there
	same_uploads 1
	echo "$(refusals) refusals, $(count api.status) polls in $SECONDS s"
	[ "$(count api.status)" -le "$SECONDS" ]
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
}

@test "credentials that begin to work 3 seconds after they were given" {
	side_by_side late s3:half gcs:half azure:half s3:mint gcs:mint \
		azure:mint azure:same
}
