#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The rehearsal cloud is what the other tests believe in, so it is tested by
# itself, with clients that share no code with it: curl, openssl, aws.
# Here: its options, the DevOps API, faults.

load astra-sim

### start, options, control

@test "prints where it is, keeps the ready file private, ends on INT" {
	sim_start
	cmp "$T/out" "$T/ready"
	[ "$(stat -c %a "$T/ready")" = 600 ]
	grep -qx "options=api_url=$API,s3_endpoint=$S3" "$T/out"
	[[ $TOKEN == AstraCS:* ]]
	kill -INT "$SIM_PID"
	wait "$SIM_PID"
	SIM_PID=
}

@test "every option is in --help and in the manual page" {
	"$SIM" --help >"$T/help"
	grep -o -- '^  --[a-z0-9-]*' "$T/help" | tr -d ' ' | sort >"$T/a"
	grep -o -- '^=item B<--[a-z0-9-]*' \
		"$ROOT/tools/astra-sim/astra-sim.1.pod" |
		sed 's/.*<//' | sort >"$T/b"
	diff "$T/a" "$T/b"
}

@test "bad options are refused with the option named" {
	local o
	for o in "--port 70000" "--port x" "--db 12" "--creds-life 0" \
		"--deny everything" "--index-dirs maybe" "--creds x" \
		"--region A/b" "--nonsense" "--lag -1" "--cleanup-days 1.5"; do
		# shellcheck disable=SC2086
		run "$SIM" --dir "$T/x" $o
		[ "$status" = 2 ]
		[[ $output == *"${o#* }"* ]]
	done
	run "$SIM"
	[ "$status" = 2 ]
	printf 'match=s3.put do=nothing\n' >"$T/f"
	run "$SIM" --dir "$T/x" --faults "$T/f"
	[ "$status" = 1 ]
	[[ $output == *"do=nothing"* ]]
}

@test "a stalled request does not delay the end" {
	sim_start
	faults "match=api.status do=stall:600"
	ID=00000000-0000-0000-0000-000000000000
	status >/dev/null 2>&1 3>&- &
	sleep 0.3
	SECONDS=0
	sim_stop
	[ "$SECONDS" -lt 10 ]
}

### DevOps API

@test "initialize: documented JSON before and after the bucket is there" {
	sim_start --init-delay 1
	api POST /initialize >"$T/i"
	jq -e '.status == "Initializing" and .uploadBucketDir == "" and
		.uploadCredentials == {name: "", keys: null,
		credentialExpiration: null} and .progressInfo == ""' "$T/i"
	ID=$(jq -r .migrationID "$T/i")
	wait_status ReceivingFiles
	status >"$T/s"
	jq -e --arg d "s3://$BUCKET/$ID/sstables/" '.uploadBucketDir == $d and
		.uploadCredentials.name == "sessionToken" and
		(.uploadCredentials.keys | keys) == ["accessKeyID",
		"secretAccessKey", "sessionToken"]' "$T/s"
	jq -r .uploadCredentials.hint "$T/s" | grep -q "export AWS_SESSION_TOKEN="
	jq -e '.expectedCleanupTime | fromdate > now + 600000' "$T/s"
}

@test "errors: bad token, unknown ids, empty ids, unknown paths" {
	sim_start
	local u=$API/v2/databases H="Authorization: Bearer"
	run curl -sS -w ' %{http_code}' -H "$H AstraCS:wrong" "$u/$DB/migrations/x"
	[[ $output == *'340018'*'%s/v2/admin/tokens?%s'*' 401' ]]
	run curl -sS -w ' %{http_code}' -H "$H nope" "$u/$DB/migrations/x"
	[[ $output == *340012*' 401' ]]
	run api GET /6d0a2b9e-0000-4000-8000-000000000000 -w ' %{http_code}'
	[[ $output == '{"errors":[{"ID":'*' 404' ]]
	run curl -sS -w ' %{http_code}' -H "$H $TOKEN" "$u//migrations/"
	[[ $output == *'<a href="/v2/databases/migrations/">Moved Permanently</a>'*' 301' ]]
	run curl -sS -w ' %{http_code}' "$API/v2/nothing"
	[[ $output == "404 page not found"*" 404" ]]
}

@test "credentials: half, mint and same" {
	sim_start --creds mint
	migrate
	local a=$AK
	take_keys
	[ "$a" != "$AK" ]
	sim_stop
	# Long enough for a busy machine to ask twice within it.
	sim_start --same-creds --creds-life 5
	migrate
	a=$AK
	take_keys
	[ "$a" = "$AK" ]
	sleep 5.1
	take_keys
	[ "$a" != "$AK" ]
	sim_stop
	sim_start --creds-life 2
	migrate
	a=$AK
	sleep 1.1
	take_keys
	[ "$a" != "$AK" ]
	# The old ones still work until they end.
	AK_NEW=$AK
	[ -n "$AK_NEW" ]
}

@test "launch revokes access; one import at a time; pause, resume, abort" {
	sim_start --import-delay 2
	migrate
	echo x >"$T/f"
	put "$SNAP/x" "$T/f"
	[ "$CODE" = 200 ]
	local one=$ID
	migrate
	api POST "/$one/launch" | jq -e '.status == "ImportInProgress" and
		.uploadCredentials.keys == null'
	run api POST "/$ID/launch" -w ' %{http_code}'
	[[ $output == *errors*' 409' ]]
	run api POST "/$one/launch" -w ' %{http_code}'
	[[ $output == *errors*' 400' ]]
	run api POST "/$one/cleanup" -w ' %{http_code}'
	[[ $output == *errors*' 400' ]]
	api POST "/$one/pause" | jq -e '.status == "MigrationPaused"'
	api POST "/$one/resume" | jq -e '.status == "ImportInProgress"'
	api POST "/$one/abort" | jq -e '.status == "MigrationAborted"'
	api POST "/$ID/resume" | jq -e '.status == "ReceivingFiles"'
	api POST "/$ID/launch" | jq -e '.status == "ImportInProgress"'
	put "$SNAP/x" "$T/f"
	[ "$CODE" = 403 ]
	[ "$(error_code)" = AccessDenied ]
}

@test "cleanup: rescheduled, refused, and it deletes everything" {
	sim_start
	migrate
	echo x >"$T/f"
	put a/b "$T/f"
	s3 POST "/$BUCKET/$P/c" "uploads="
	api POST "/$ID/cleanup?option.cleanupTime=2031-01-02T03:04Z" |
		jq -e '.expectedCleanupTime == "2031-01-02T03:04:00Z"'
	run api POST "/$ID/cleanup?option.cleanupTime=soon" -w ' %{http_code}'
	[[ $output == *errors*' 400' ]]
	api POST "/$ID/cleanup" >/dev/null
	wait_status Closed
	curl -sS "$CONTROL/state" | jq -e '.objects == 0 and .uploads == 0'
	[ -z "$(find "$T/cloud/buckets/$BUCKET/objects" -type f)" ]
}

@test "lag: the status shown is old" {
	sim_start --lag 5
	ID=$(api POST /initialize | jq -r .migrationID)
	sleep 0.5
	[ "$(status | jq -r .status)" = Initializing ]
	curl -sS "$CONTROL/state" | jq -e '.migrations[0].status == "ReceivingFiles"'
	wait_status ReceivingFiles
}

### faults

@test "faults: status, counts, retry-after, cuts, html, lies, late errors" {
	sim_start --min-part 0
	migrate
	echo x >"$T/f"
	faults "match=PUT:put after=1 count=2 do=503:SlowDown retry-after=7"
	put a "$T/f"; [ "$CODE" = 200 ]
	put a "$T/f"; [ "$CODE $(error_code)" = "503 SlowDown" ]
	[ "$(header retry-after)" = 7 ]
	put a "$T/f"; [ "$CODE" = 503 ]
	put a "$T/f"; [ "$CODE" = 200 ]
	faults "match=s3.put key=cutb do=cut-before
match=s3.put key=cuta do=cut-after
match=s3.get do=cut-body
match=api.status do=html"
	run put cutb "$T/f"; [ "$status" != 0 ]
	[ ! -e "$OBJECTS/cutb" ]
	run put cuta "$T/f"; [ "$status" != 0 ]
	[ -e "$OBJECTS/cuta" ]
	run s3 GET "/$BUCKET/$P/cuta" ""; [ "$status" = 18 ]
	[[ $(status) == *"502 Bad Gateway"* ]]
	faults "match=s3.put do=lie-checksum
match=s3.complete count=1 do=200-error:SlowDown"
	put a "$T/f" -H "x-amz-checksum-crc32: $(crc_b64 "$T/f")"
	[ "$CODE" = 200 ]
	[ "$(header x-amz-checksum-crc32)" != "$(crc_b64 "$T/f")" ]
	create m
	part m 1 "$T/f"
	complete m "$(p_xml 1 "$T/f")"
	[ "$CODE $(error_code)" = "200 SlowDown" ]
	[ ! -e "$OBJECTS/m" ]
	complete m "$(p_xml 1 "$T/f")"
	[ "$CODE" = 200 ]
	faults "match=* do=ignore-checksum"
	put a "$T/f" -H "x-amz-checksum-crc32: AAAAAA=="
	[ "$CODE" = 200 ]
	[ -z "$(header x-amz-checksum-crc32)" ]
	faults "match=api.status do=truncate"
	run jq . <(status); [ "$status" != 0 ]
	faults "match=api.* do=oversized:100000"
	[ "$(status | wc -c)" -gt 100000 ]
	faults ""
	status | jq -e .status
	run faults "match=s3.put do=what"; [ "$status" != 0 ]
	jq -se 'map(select(.fault == "cut-after")) |
		length == 1 and .[0].cut' "$T/log"
}

@test "faults drawn by seed are the same in every run" {
	sim_start
	migrate
	echo x >"$T/f"
	local run got='' first=''
	for run in 1 2; do
		faults "match=s3.put prob=50 seed=42 do=500"
		got=
		for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
			put a "$T/f"
			got+="$CODE "
		done
		[ "$run" = 1 ] && first=$got
	done
	[ "$got" = "$first" ]
	[[ $got == *200* && $got == *500* ]]
}

@test "the log holds no secret" {
	sim_start
	migrate
	echo x >"$T/f"
	put a "$T/f"
	jq -se 'all(.[]; has("time") and has("n") and has("kind") and has("status")
		and has("in") and has("out") and has("ms") and has("generation"))' \
		"$T/log"
	for s in "$SK" "$ST" "$TOKEN"; do ! grep -qF "$s" "$T/log"; done
	[ "$(jq -s 'map(.in) | max' "$T/log")" = 2 ]
}
