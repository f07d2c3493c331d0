#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sideloadctl doctor: each check finds what is wrong, says the cure, and leaves
# nothing behind. What asks the store runs on each cloud; the rest on $SL_CLOUD
# (s3).

load helpers

setup() {
	sl_root
	SIM_WORDS=(--cloud "${SL_CLOUD:-s3}" --init-delay 0.1)
	state=$BATS_TEST_TMPDIR/state
}
teardown() { sl_cleanup; }

# doctor [OPTION,... [WORD...]]: as JSON lines in $output; its status, $status.
doctor() {
	local options=state=$state,$SIM_OPTIONS${1:+,$1}
	shift || true
	run sideloadctl doctor --json -o "$options" "$@"
	echo "$output"
}

# verdict CHECK: what it came to; message CHECK, cure CHECK: its words.
verdict() { jq -r --arg c "$1" 'select(.check == $c).verdict' <<<"$output"; }
message() { jq -r --arg c "$1" 'select(.check == $c).message' <<<"$output"; }
cure() { jq -r --arg c "$1" 'select(.check == $c).cure' <<<"$output"; }

new_migration() {
	local api
	api=$(sed -n 's/^api_url=//p' "$BATS_TEST_TMPDIR/sim.ready")
	id=$(curl -sf -X POST -H "Authorization: Bearer $ASTRA_DB_APPLICATION_TOKEN" \
		"$api/v2/databases/$SL_DB/migrations/initialize" |
		jq -r .migrationID)
	wait_for 20 receiving "$api"
}

receiving() {
	[ "$(curl -sf -H "Authorization: Bearer $ASTRA_DB_APPLICATION_TOKEN" \
		"$1/v2/databases/$SL_DB/migrations/$id" | jq -r .status)" = \
		ReceivingFiles ]
}

# Not an object, not a part, not a block.
nothing_left() {
	[ -z "$(find "$SIM_DIR/buckets" -type f -path '*objects*')" ]
	[ -z "$(find "$SIM_DIR/buckets" -type f -path '*/uploads/*')" ]
}

all_is_well() { # CLOUD
	sl_sim_start --cloud "$1" --init-delay 0.1
	new_migration
	sl_unpack "$BATS_TEST_TMPDIR/src"
	doctor "migration=$id" "$SL_DB" "$BATS_TEST_TMPDIR/src/node1"
	[ "$status" -eq 0 ]
	[ "$(jq -r 'select(.verdict != "ok").check' <<<"$output")" = "" ]
	[ "$(jq -rs 'map(.check) | join(" ")' <<<"$output")" = "fuse memory state proxy ca token api clock role database migration bucket list write delete time" ]
	[[ $(message write) =~ [1-9][0-9.]*" MB/s" ]]
	[[ $(message time) =~ ^[1-9][0-9]*" files" ]]
	[[ $(message database) == *rehearsal*ACTIVE* ]]
	nothing_left
	[[ $output != *"$ASTRA_DB_APPLICATION_TOKEN"* ]]
	[ ! -e "$state" ]
}

@test "all is well: every check ok, a rate, a time, and nothing left" {
	all_is_well s3
}

@test "all is well on Google Cloud" {
	all_is_well gcs
}

@test "all is well on Azure" {
	all_is_well azure
}

@test "as text: one line a check, the cure behind it" {
	sl_sim_start "${SIM_WORDS[@]}"
	run sideloadctl doctor -o "state=$state,$SIM_OPTIONS"
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 16 ]
	[[ ${lines[0]} == "ok    fuse "* ]]
	[[ $output == *"skip  database   none was named; sideloadctl doctor"* ]]
}

@test "the named snapshots are added up by tag, the rest is not" {
	sl_sim_start "${SIM_WORDS[@]}"
	mkdir -p "$BATS_TEST_TMPDIR/d/ks/t/snapshots/a" \
		"$BATS_TEST_TMPDIR/d/ks/t/snapshots/b"
	head -c 1000 /dev/zero >"$BATS_TEST_TMPDIR/d/ks/t/live"
	head -c 1000 /dev/zero >"$BATS_TEST_TMPDIR/d/ks/t/snapshots/a/one"
	head -c 1000 /dev/zero >"$BATS_TEST_TMPDIR/d/ks/t/snapshots/b/two"
	doctor rate=1M "$SL_DB" "$BATS_TEST_TMPDIR/d"
	[[ $(message time) == "2 files"*"by rate="* ]]
	doctor rate=1M,tag=a "$SL_DB" "$BATS_TEST_TMPDIR/d"
	[[ $(message time) == "1 files"* ]]
	doctor rate=1M,tag=c "$SL_DB" "$BATS_TEST_TMPDIR/d"
	[ "$(verdict time)" = warn ]
	doctor rate=1M "$SL_DB" "$BATS_TEST_TMPDIR/absent"
	[ "$(verdict time)" = fail ]
	[ "$status" -eq 1 ]
}

@test "no token, a strange one, a revoked one, a wrong database" {
	sl_sim_start "${SIM_WORDS[@]}"
	good=$ASTRA_DB_APPLICATION_TOKEN
	HOME=$BATS_TEST_TMPDIR ASTRA_DB_APPLICATION_TOKEN='' \
		doctor "" "$SL_DB"
	[ "$status" -eq 1 ]
	[ "$(verdict token)" = fail ]
	[ "$(verdict role)" = skip ]
	ASTRA_DB_APPLICATION_TOKEN=notatoken doctor "" "$SL_DB"
	[ "$(verdict token)" = warn ]
	[ "$(verdict role)" = fail ]
	ASTRA_DB_APPLICATION_TOKEN=${good}0 doctor "" "$SL_DB"
	[ "$(verdict role)" = fail ]
	[[ $(cure role) == *revoked* ]]
	doctor "" 00000000-1111-2222-3333-444444444444
	[ "$(verdict role)" = fail ]
	[[ $(cure role) == *"database ID"* ]]
}

@test "a role that may not, a database asleep, a classic one, a web page" {
	sl_sim_start "${SIM_WORDS[@]}"
	control=$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")
	curl -sf --data-binary "match=api.database do=403" "$control/faults"
	doctor "" "$SL_DB"
	[ "$(verdict role)" = fail ]
	[[ $(cure role) == *"Database Administrator"* ]]
	curl -sf --data-binary "match=api.database do=html" "$control/faults"
	doctor "" "$SL_DB"
	[[ $(message role) == *"not the service"* ]]
	sl_sim_stop
	sl_sim_start "${SIM_WORDS[@]}" --db-status HIBERNATED
	doctor "" "$SL_DB"
	[[ $(message database) == *HIBERNATED* ]]
	[ "$(verdict database)" = fail ]
	sl_sim_stop
	sl_sim_start "${SIM_WORDS[@]}" --db-tier classic
	doctor "" "$SL_DB"
	[[ $(message database) == *classic* ]]
	[ "$(verdict database)" = fail ]
}

@test "an API that cannot be reached, a CA file that is none, a proxy" {
	sl_sim_start "${SIM_WORDS[@]}"
	SIM_OPTIONS=api_url=http://127.0.0.1:1 doctor "" "$SL_DB"
	[ "$(verdict api)" = fail ]
	[ "$(verdict clock)" = skip ]
	echo nothing >"$BATS_TEST_TMPDIR/ca"
	CURL_CA_BUNDLE=$BATS_TEST_TMPDIR/ca doctor "" "$SL_DB"
	[ "$(verdict ca)" = fail ]
	[ "$(verdict api)" = skip ]
	https_proxy=http://me:secret@proxy.example:3128 no_proxy=127.0.0.1 \
		doctor "" "$SL_DB"
	[[ $(message proxy) == *"***@proxy.example:3128"*"127.0.0.1"* ]]
	[[ $output != *secret* ]]
}

@test "a clock that is off is told" {
	sl_sim_start "${SIM_WORDS[@]}" --clock-offset 900
	doctor "" "$SL_DB"
	[ "$(verdict clock)" = warn ]
	[[ $(message clock) == *behind* ]]
}

no_rights() { # CLOUD [CODE]
	sl_sim_start --cloud "$1" --init-delay 0.1 --deny delete,list
	new_migration
	control=$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")
	curl -sf --data-binary "match=PUT:part do=403${2:+:$2}" "$control/faults"
	doctor "migration=$id" "$SL_DB"
	[ "$status" -eq 1 ]
	[ "$(verdict list)" = warn ]
	[ "$(verdict delete)" = warn ]
	[ "$(verdict write)" = fail ]
	nothing_left
}

@test "rights that are missing: to delete and list a warning, to write fails" {
	no_rights s3
	curl -sf --data-binary "" "$control/faults"
	doctor "migration=$id" "$SL_DB"
	[ "$status" -eq 0 ]
	[ "$(verdict list)" = warn ]
	[ "$(verdict delete)" = warn ]
	[ "$(verdict write)" = ok ]
}

@test "rights that are missing on Google Cloud" {
	no_rights gcs
}

@test "rights that are missing on Azure" {
	no_rights azure AuthorizationPermissionMismatch
}

@test "a migration that takes no files, one that is not there" {
	sl_sim_start "${SIM_WORDS[@]}"
	new_migration
	curl -sf -X POST -H "Authorization: Bearer $ASTRA_DB_APPLICATION_TOKEN" \
		"$(sed -n 's/^api_url=//p' "$BATS_TEST_TMPDIR/sim.ready")/v2/databases/$SL_DB/migrations/$id/abort"
	doctor "migration=$id" "$SL_DB"
	[ "$(verdict migration)" = fail ]
	[ "$(verdict bucket)" = skip ]
	doctor "migration=00000000-1111-2222-3333-444444444444" "$SL_DB"
	[ "$(verdict migration)" = fail ]
}

@test "usage" {
	run sideloadctl doctor -o
	[ "$status" -eq 2 ]
	run sideloadctl doctor -o nonsense=1
	[ "$status" -eq 2 ]
	run sideloadctl doctor not-a-uuid
	[ "$status" -eq 2 ]
}
