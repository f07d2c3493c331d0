#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copies that outlive their credentials, on each cloud: the same upload goes
# on, only what was refused goes again, one question renews for all writers,
# and clocks that differ or credentials that come back the same change nothing.
# Lives are $SL_CREDS_LIFE seconds.

# shellcheck disable=SC2154 # alone() sets what is used here
load credentials-life.bash

teardown() { end_sides; }

ALL="s3 gcs azure"

# For more than three lives.
several_lives() {
	local bytes=$((LIFE * 7 * RATE * MIB / 4)) n
	begin "rate=${RATE}M" --creds-life "$LIFE"
	settle
	mark
	faults 'match=s3.part after=3 count=1 do=expire-body'
	SECONDS=0
	for n in 1 2; do
		make_source "nb-$n-big-Blob.db" "$bytes"
		start_writer whole_copy "nb-$n-big-Blob.db"
	done
	sleep $((LIFE * 2))
	expire
	writers_end_well
	[ "$SECONDS" -ge $((LIFE * 3)) ]
	all_there
	same_uploads 2
	echo "$(refusals) refusals, $(count api.status) polls"
	# The part that was cut off in its body, at least.
	[ "$(refusals)" -ge 1 ]
	# Each life has its refresh, the two that were cut short one more.
	[ "$(count api.status)" -ge 3 ]
	[ "$(count api.status)" -le $((SECONDS / (LIFE * 3 / 4) + 5)) ]
	[ "$(status_of "$m" .local.credentials.state)" = valid ]
}

@test "a copy over several lives is the same upload to its end" {
	# shellcheck disable=SC2086
	side_by_side several_lives $ALL
}

sixteen() {
	local n
	begin "" --creds-life 3600
	settle
	for n in $(seq 10 25); do start_writer small_copies "$n"; done
	sleep 2
	mark
	# So slow an answer that everybody is refused before it.
	faults 'match=api.status count=1 do=stall:2'
	expire
	touch "$T/expired"
	# Everybody goes on.
	wait_for 30 newer_than "$T/expired" 16
	asked=$(count api.status)
	touch "$T/stop"
	writers_end_well
	all_there
	echo "$(refusals) refusals, $asked polls, $(count token) exchanges"
	[ "$(refusals)" -ge 12 ]
	[ "$asked" -eq 1 ]
	# The old keys are tried once more, then the new ones.
	[ "$cloud" != gcs ] || [ "$(count token)" -le 2 ]
}

@test "16 writers are refused at once: the API is asked once" {
	# shellcheck disable=SC2086
	side_by_side sixteen $ALL
}

# skewed: words are the server's clock, seconds ahead of ours.
skewed() {
	local span=$((LIFE + 3))
	begin rate=1M --creds-life "$span" --clock-offset "${words[0]}"
	mark
	make_source nb-1-big-Blob.db $((span * 3 * MIB / 2))
	make_source nb-2-big-Blob.db 4000
	whole_copy nb-1-big-Blob.db
	# By the server's clock, so nothing came late.
	echo "$(refusals) refusals, $(count api.status) polls"
	[ "$(refusals)" -eq 0 ]
	[ "$(count api.status)" -ge 2 ]
	[ "$(count api.status)" -le 8 ]
	expire
	whole_copy nb-2-big-Blob.db
	all_there
	same_uploads 1
	[ "$(status_of "$m" .local.credentials.state)" = valid ]
}

@test "clocks that differ by half an hour and by two hours" {
	local sides=() offset cloud
	for cloud in $ALL; do
		for offset in 1800 -1800 7200 -7200; do
			sides+=("$cloud:$offset")
		done
	done
	side_by_side skewed "${sides[@]}"
}

same_keys() {
	local n
	begin "rate=${RATE}M" --creds-life "$LIFE" --creds same
	settle
	mark
	make_source nb-1-big-Blob.db $((LIFE * 5 * RATE * MIB / 2))
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
	# At 75, 90 and 97 percent, and for the refusals at the end of a life.
	[ "$(count api.status)" -ge $((SECONDS / LIFE - 1)) ]
	[ "$(count api.status)" -le $(((SECONDS / LIFE + 1) * 6)) ]
	# A writer is refused once or twice in a life, not again and again.
	[ "$(refusals)" -le $(((SECONDS / LIFE + 1) * 12)) ]
}

@test "the same credentials come back, to their end" {
	# shellcheck disable=SC2086
	side_by_side same_keys $ALL
}
