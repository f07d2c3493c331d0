#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Copies whose credentials nothing can renew, on each cloud: the token is
# revoked, or the migration is closed, aborted or launched by somebody else.
# Every writer is told so, by its error and in words.

# shellcheck disable=SC2154 # alone() sets what is used here
load credentials-life.bash

teardown() { end_sides; }

ALL="s3 gcs azure"

# More than a part, a pause in which it happens, and the rest. Its words are
# in $T/large.
large_copy() {
	make_source nb-1-big-Blob.db 13000000
	{
		head -c 9000000 "$src/nb-1-big-Blob.db"
		sleep 3
		tail -c +9000001 "$src/nb-1-big-Blob.db"
	} | LC_ALL=C timeout 60 dd of="$m/$dir/nb-1-big-Blob.db" bs=512K \
		iflag=fullblock status=none 2>"$T/large"
}

# Its words are in $T/small.
small_ones() {
	LC_ALL=C small_copies 20 2>"$T/small"
}

# all_fail SECONDS: everybody, badly.
all_fail() {
	local pid
	for pid in "${WRITERS[@]}"; do
		wait_for "$1" sl_gone "$pid"
		if wait "$pid"; then
			echo "a writer ended well"
			return 1
		fi
	done
	WRITERS=()
	cat "$T/large" "$T/small" "$m/.errors"
}

# Neither of the two that failed is in the bucket.
nothing_half() {
	[ -z "$(find "$(sl_bucket "$m")" -name nb-1-big-Blob.db)" ]
	[ ! -e "$m/$dir/nb-1-big-Blob.db" ]
	[ "$(status_of "$m" .local.files.open)" -eq 0 ]
	[ "$(status_of "$m" .local.files.failed)" -ge 1 ]
}

# revoked: words are what the API answers.
revoked() {
	local answer=${words[0]}
	begin ""
	start_writer large_copy
	start_writer small_ones
	sleep 1
	faults "match=api.* do=$answer"
	expire
	all_fail 45
	grep -q 'Key has expired' "$T/large"
	grep -q 'Key has expired' "$T/small"
	grep -q 'EKEYEXPIRED.*nb-1-big-Blob.db' "$m/.errors"
	grep -q 'EKEYEXPIRED.*nb-2[0-9]*-big-Blob.db' "$m/.errors"
	grep -q "credentials cannot be renewed: .*${reasons[$answer]}" \
		"$m/.errors"
	[ "$(status_of "$m" .local.credentials.state)" = refused ]
	[[ $(status_of "$m" .local.credentials.reason) == \
		*${reasons[$answer]}* ]]
	nothing_half
	if grep -q "$ASTRA_DB_APPLICATION_TOKEN" "$m/.errors" "$m.log"; then
		return 1
	fi
}
declare -gA reasons=([401]="token is not accepted" [403]="role may not")

@test "the token is revoked, or its role may no more" {
	side_by_side revoked s3:401 gcs:401 azure:401 s3:403 gcs:403 azure:403
}

# taken_away: words are what somebody does, and what the status says then.
taken_away() {
	local verb=${words[0]} says=${words[1]} began
	begin "" --import-delay 600 --lag "${words[2]:-0}"
	start_writer large_copy
	start_writer small_ones
	sleep 1
	began=$SECONDS
	api "$verb"
	all_fail 45
	echo "after $((SECONDS - began)) seconds"
	grep -q 'Read-only file system' "$T/large"
	grep -q 'Read-only file system' "$T/small"
	grep -q 'EROFS.*nb-1-big-Blob.db.*takes no files any more' \
		"$m/.errors"
	grep -qE "EROFS.*status is '($says)'" "$m/.errors"
	[[ $(status_of "$m" .status) =~ ^($says)$ ]]
	nothing_half
	# What comes now is told at once.
	if LC_ALL=C cp "$SL_ROOT/README.md" "$m/$dir/nb-3-big-Blob.db" \
		2>"$T/late"; then
		return 1
	fi
	grep -q 'Read-only file system' "$T/late"
}

@test "the migration is closed, aborted or launched elsewhere" {
	local sides=() cloud
	for cloud in $ALL; do
		sides+=("$cloud:cleanup:CleaningUpFiles|Closed"
			"$cloud:abort:MigrationAborted"
			"$cloud:launch:ImportInProgress")
	done
	side_by_side taken_away "${sides[@]}"
}

@test "launched elsewhere, and the status is 5 seconds late" {
	side_by_side taken_away s3:launch:ImportInProgress:5 \
		gcs:launch:ImportInProgress:5 azure:launch:ImportInProgress:5
}
