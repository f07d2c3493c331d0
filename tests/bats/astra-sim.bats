#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The rehearsal cloud is what the other tests believe in, so it is tested by
# itself, with clients that share no code with it: curl, openssl, aws.

# One key of a healthy SSTable's place, for the import tests.
TABLE=ks1/t1-0123456789abcdef0123456789abcdef
SNAP=node1/$TABLE/snapshots/tag1

setup() {
	ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	SIM=${ASTRA_SIM:-$ROOT/build/plain/astra-sim}
	[ -x "$SIM" ] || SIM=$(command -v astra-sim) || skip "no astra-sim"
	T=$BATS_TEST_TMPDIR
	SIM_PID=
	NOW_OFFSET=0
}

teardown() {
	sim_stop
}

sim_start() {
	rm -f "$T/ready"
	"$SIM" --dir "$T/cloud" --init-delay 0 --import-delay 0 \
		--log "$T/log" --ready-file "$T/ready" "$@" \
		>"$T/out" 2>"$T/err" 3>&- &
	SIM_PID=$!
	for _ in $(seq 200); do
		[ -s "$T/ready" ] && break
		kill -0 "$SIM_PID" || { cat "$T/err" >&2; return 1; }
		sleep 0.05
	done
	API=$(sed -n s/^api_url=//p "$T/ready")
	S3=$(sed -n s/^s3_endpoint=//p "$T/ready")
	DB=$(sed -n s/^database=//p "$T/ready")
	CONTROL=$(sed -n s/^control=//p "$T/ready")
	TOKEN=$(sed -n 's/^export ASTRA_DB_APPLICATION_TOKEN=//p' "$T/ready")
	BUCKET=ds-mig-$DB
	REGION=us-east-1
}

# Ends well on TERM, and never says anything on stderr (sanitizers do).
sim_stop() {
	[ -n "$SIM_PID" ] || return 0
	kill -TERM "$SIM_PID" || cat "$T/err" >&2
	local rc=0
	wait "$SIM_PID" || rc=$?
	SIM_PID=
	cat "$T/err" >&2
	[ "$rc" = 0 ] && [ ! -s "$T/err" ]
}

api() { # METHOD PATH [CURL ARGS]
	local m=$1 p=$2
	shift 2
	curl -sS -X "$m" -H "Authorization: Bearer $TOKEN" "$@" \
		"$API/v2/databases/$DB/migrations$p"
}

status() { api GET "/$ID"; }

wait_status() { # STATUS
	local got=
	for _ in $(seq 200); do
		got=$(status | jq -r .status)
		[ "$got" = "$1" ] && return 0
		sleep 0.05
	done
	echo "status is $got, not $1" >&2
	return 1
}

take_keys() {
	status >"$T/status"
	AK=$(jq -r .uploadCredentials.keys.accessKeyID "$T/status")
	SK=$(jq -r .uploadCredentials.keys.secretAccessKey "$T/status")
	ST=$(jq -r .uploadCredentials.keys.sessionToken "$T/status")
}

migrate() {
	ID=$(api POST /initialize | jq -r .migrationID)
	wait_status ReceivingFiles
	take_keys
	P=$ID/sstables
	OBJECTS=$T/cloud/buckets/$BUCKET/objects/$P
}

hmac() { # HEXKEY TEXT -> hex
	printf %s "$2" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" |
		sed 's/.* //'
}
sha() { openssl dgst -sha256 | sed 's/.* //'; }
hex() { printf %s "$1" | od -An -v -tx1 | tr -d ' \n'; }

signing_key() { # DAY -> hex
	local k
	k=$(hmac "$(hex "AWS4$SK")" "$1")
	k=$(hmac "$k" "$REGION")
	k=$(hmac "$k" s3)
	hmac "$k" aws4_request
}

# s3 METHOD PATH QUERY [-H "x-amz-...: v"]... [-- CURL ARGS]
# A request signed by openssl; QUERY must be canonical. Answer in $T/body,
# headers in $T/head, status in $CODE. HASH: the payload's, else unsigned.
s3() {
	local method=$1 path=$2 query=$3 names='' canon='' h n
	shift 3
	local -a sent=()
	STAMP=$(date -u -d "@$(($(date +%s) + NOW_OFFSET))" +%Y%m%dT%H%M%SZ)
	local host=${HOST:-${S3#http://}}
	local -a all=("host: $host"
		"x-amz-content-sha256: ${HASH:-UNSIGNED-PAYLOAD}"
		"x-amz-date: $STAMP" "x-amz-security-token: $ST")
	while [ "${1-}" = -H ]; do
		all+=("$2")
		shift 2
	done
	[ "${1-}" = -- ] && shift
	while IFS= read -r h; do
		n=${h%%:*}
		case $n in host | x-amz-*) ;; *) sent+=(-H "$h"); continue ;; esac
		canon+="$n:${h#*: }"$'\n'
		names+="${names:+;}$n"
		sent+=(-H "$h")
	done < <(printf '%s\n' "${all[@]}" | LC_ALL=C sort)
	local day=${STAMP%%T*}
	SCOPE=$day/$REGION/s3/aws4_request
	local creq sts
	creq="$method"$'\n'"$path"$'\n'"$query"$'\n'"$canon"$'\n'"$names"$'\n'
	creq+=${HASH:-UNSIGNED-PAYLOAD}
	sts="AWS4-HMAC-SHA256"$'\n'"$STAMP"$'\n'"$SCOPE"$'\n'
	sts+=$(printf %s "$creq" | sha)
	KEY=$(signing_key "$day")
	SIG=$(hmac "$KEY" "$sts")
	if [ -n "${PREPARE-}" ]; then "$PREPARE"; fi
	: >"$T/body"
	CODE=$(curl -sS --path-as-is -X "$method" -o "$T/body" -D "$T/head" \
		-w '%{http_code}' -H Content-Type: \
		-H "Authorization: AWS4-HMAC-SHA256 Credential=$AK/$SCOPE, SignedHeaders=$names, Signature=$SIG" \
		"${sent[@]}" "$@" "$S3$path${query:+?$query}")
}

put() { # KEY (relative to the migration directory) FILE [-H ...]
	local key=$1 file=$2
	shift 2
	s3 PUT "/$BUCKET/$P/$key" "" "$@" -- -T "$file"
}

error_code() { sed -n 's:.*<Code>\(.*\)</Code>.*:\1:p' "$T/body"; }
header() { tr -d '\r' <"$T/head" | sed -n "s/^$1: //Ip"; }
xml() { sed -n "s:.*<$1>\([^<]*\)</$1>.*:\1:p" "$T/body"; }

crc_b64() { # FILE -> base64 of its CRC32, from the gzip trailer
	local le
	le=$(gzip -c "$1" | tail -c8 | head -c4 | od -An -tx1 | tr -d ' \n')
	printf '%b' "\\x${le:6:2}\\x${le:4:2}\\x${le:2:2}\\x${le:0:2}" | base64
}
crc_dec() { # FILE -> decimal
	gzip -c "$1" | tail -c8 | head -c4 | od -An -tu4 --endian=little |
		tr -d ' \n'
}

faults() { curl -sS --fail -X POST --data-binary "$1" "$CONTROL/faults"; }

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
	sim_start --same-creds --creds-life 2
	migrate
	a=$AK
	take_keys
	[ "$a" = "$AK" ]
	sleep 2.1
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
	sim_start --lag 2
	ID=$(api POST /initialize | jq -r .migrationID)
	sleep 0.5
	[ "$(status | jq -r .status)" = Initializing ]
	curl -sS "$CONTROL/state" | jq -e '.migrations[0].status == "ReceivingFiles"'
	wait_status ReceivingFiles
}

### S3: who may

@test "signature: good, wrong key, changed header, region, skew, token" {
	sim_start --region eu-north-1
	migrate
	echo hello >"$T/f"
	REGION=eu-north-1
	put a "$T/f"
	[ "$CODE" = 200 ]
	REGION=us-east-1
	put a "$T/f"
	[ "$CODE $(error_code) $(xml Region)" = \
		"400 AuthorizationHeaderMalformed eu-north-1" ]
	REGION=eu-north-1
	SK=${SK}x put a "$T/f"
	[ "$CODE $(error_code)" = "403 SignatureDoesNotMatch" ]
	grep -q '<CanonicalRequest>PUT' "$T/body"
	ST=${ST}x put a "$T/f"
	[ "$CODE $(error_code)" = "400 InvalidToken" ]
	AK=ASIANOBODY put a "$T/f"
	[ "$CODE $(error_code)" = "403 InvalidAccessKeyId" ]
	NOW_OFFSET=1200
	put a "$T/f"
	[ "$CODE $(error_code)" = "403 RequestTimeTooSkewed" ]
	NOW_OFFSET=0
	s3 PUT "/$BUCKET/$P/a" "" -- -T "$T/f" -H "x-amz-meta-late: 1"
	[ "$CODE $(error_code)" = "403 AccessDenied" ]
	HASH=$(printf 1 | sha) put a "$T/f"
	[ "$CODE $(error_code)" = "400 XAmzContentSHA256Mismatch" ]
	HASH=$(sha <"$T/f") put a "$T/f"
	[ "$CODE" = 200 ]
}

@test "expired credentials: by time, by control, by fault" {
	sim_start --creds-life 1
	migrate
	echo x >"$T/f"
	sleep 1.1
	put a "$T/f"
	[ "$CODE $(error_code)" = "400 ExpiredToken" ]
	sim_stop
	sim_start
	migrate
	curl -sS -X POST "$CONTROL/expire"
	put a "$T/f"
	[ "$CODE $(error_code)" = "400 ExpiredToken" ]
	take_keys
	put a "$T/f"
	[ "$CODE" = 200 ]
	faults "match=s3.put count=1 do=expire"
	put a "$T/f"
	[ "$CODE $(error_code)" = "400 ExpiredToken" ]
	jq -se 'map(select(.kind == "s3.put")) | map(.generation) |
		unique | length == 2' "$T/log"
}

@test "only the migration directory; the bucket names its region" {
	sim_start --region ap-south-2
	migrate
	REGION=ap-south-2
	run curl -sS -I "$S3/$BUCKET"
	[[ $output == *" 403 "*"x-amz-bucket-region: ap-south-2"* ]]
	run curl -sS -o /dev/null -w '%{http_code}' -I "$S3/ds-mig-none"
	[ "$output" = 404 ]
	s3 GET "/$BUCKET" "list-type=2&prefix=$ID"
	[ "$CODE $(error_code)" = "403 AccessDenied" ]
	s3 GET "/$BUCKET/other/key" ""
	[ "$CODE" = 403 ]
	s3 HEAD "/$BUCKET/$P/none" "" -- -I
	[ "$CODE" = 404 ]
	[ ! -s "$T/body" ] || ! grep -q Code "$T/body"
	run curl -sS "$S3/$BUCKET/$P/none"
	[[ $output == *AccessDenied* ]]
	# virtual-host style
	HOST=$BUCKET.s3.example.test:80
	s3 GET / "list-type=2&prefix=$ID%2Fsstables%2F"
	[ "$CODE" = 200 ]
}

@test "--deny takes rights away" {
	sim_start --deny delete,uploads,list
	migrate
	echo x >"$T/f"
	put a "$T/f"
	s3 DELETE "/$BUCKET/$P/a" ""
	[ "$CODE" = 403 ]
	s3 GET "/$BUCKET" "prefix=$ID%2Fsstables%2F&uploads="
	[ "$CODE" = 403 ]
	s3 GET "/$BUCKET" "list-type=2&prefix=$ID%2Fsstables%2F"
	[ "$CODE" = 403 ]
	s3 HEAD "/$BUCKET/$P/none" "" -- -I
	[ "$CODE" = 403 ]
}

### S3: objects

@test "put, get, ranges, head, delete; checksums and digests are checked" {
	sim_start
	migrate
	head -c 100000 /dev/urandom >"$T/f"
	local crc
	crc=$(crc_b64 "$T/f")
	put d/f "$T/f" -H "x-amz-checksum-crc32: $crc" -H "x-amz-meta-mtime: 5"
	[ "$CODE" = 200 ]
	[ "$(header etag)" = "\"$(md5sum <"$T/f" | cut -c1-32)\"" ]
	[ "$(header x-amz-checksum-crc32)" = "$crc" ]
	cmp "$T/f" "$OBJECTS/d/f"
	s3 GET "/$BUCKET/$P/d/f" "" -H "x-amz-checksum-mode: ENABLED"
	cmp "$T/body" "$T/f"
	[ "$(header x-amz-checksum-crc32)" = "$crc" ]
	[ "$(header x-amz-checksum-type)" = FULL_OBJECT ]
	[ "$(header x-amz-meta-mtime)" = 5 ]
	s3 GET "/$BUCKET/$P/d/f" "" -- -H "Range: bytes=10-19"
	[ "$CODE" = 206 ]
	cmp "$T/body" <(tail -c +11 "$T/f" | head -c 10)
	s3 GET "/$BUCKET/$P/d/f" "" -- -H "Range: bytes=-7"
	cmp "$T/body" <(tail -c 7 "$T/f")
	s3 GET "/$BUCKET/$P/d/f" "" -- -H "Range: bytes=100000-"
	[ "$CODE $(error_code)" = "416 InvalidRange" ]
	put d/g "$T/f" -H "x-amz-checksum-crc32: AAAAAA=="
	[ "$CODE $(error_code)" = "400 BadDigest" ]
	put d/g "$T/f" -H "x-amz-checksum-crc32: nonsense"
	[ "$CODE $(error_code)" = "400 InvalidRequest" ]
	s3 PUT "/$BUCKET/$P/d/g" "" -- -T "$T/f" \
		-H "Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg=="
	[ "$CODE $(error_code)" = "400 BadDigest" ]
	s3 PUT "/$BUCKET/$P/d/f" "" -- -T "$T/f" -H "If-None-Match: *"
	[ "$CODE $(error_code)" = "412 PreconditionFailed" ]
	s3 HEAD "/$BUCKET/$P/d/g" "" -- -I
	[ "$CODE" = 404 ]
	s3 DELETE "/$BUCKET/$P/d/f" ""
	[ "$CODE" = 204 ]
	s3 DELETE "/$BUCKET/$P/d/f" ""
	[ "$CODE" = 204 ]
	[ ! -e "$OBJECTS/d" ]
	[ -z "$(ls "$T/cloud/tmp")" ]
}

@test "checksums of every algorithm agree with published check values" {
	sim_start
	migrate
	printf 123456789 >"$T/f"
	local a
	for a in crc32:y/Q5Jg== crc32c:4waSgw== crc64nvme:rosUhgp5mIg=; do
		put "${a%%:*}" "$T/f" -H "x-amz-checksum-${a%%:*}: ${a#*:}"
		echo "$a $CODE $(cat "$T/body")"
		[ "$CODE" = 200 ]
	done
	put sha256 "$T/f" -H "x-amz-checksum-sha256: $(openssl dgst -sha256 \
		-binary "$T/f" | base64)"
	[ "$CODE" = 200 ]
	put sha1 "$T/f" -H "x-amz-checksum-sha1: $(openssl dgst -sha1 \
		-binary "$T/f" | base64)"
	[ "$CODE" = 200 ]
	put none "$T/f"
	[ "$(header x-amz-checksum-crc64nvme)" = "rosUhgp5mIg=" ]
}

chunked_body() { # signed chunks of "hello " and "world", as $T/chunked
	local prev=$SIG data sig
	: >"$T/chunked"
	for data in "hello " world ""; do
		sig=$(hmac "$KEY" "AWS4-HMAC-SHA256-PAYLOAD
$STAMP
$SCOPE
$prev
$(printf '' | sha)
$(printf %s "$data" | sha)")
		printf '%x;chunk-signature=%s\r\n' ${#data} "$sig" >>"$T/chunked"
		[ -z "$data" ] || printf '%s\r\n' "$data" >>"$T/chunked"
		prev=$sig
	done
	if [ -n "${TRAILER-}" ]; then
		sig=$(hmac "$KEY" "AWS4-HMAC-SHA256-TRAILER
$STAMP
$SCOPE
$prev
$(printf '%s\n' "$TRAILER" | sha)")
		printf '%s\r\nx-amz-trailer-signature:%s\r\n' "$TRAILER" "$sig" \
			>>"$T/chunked"
	fi
	printf '\r\n' >>"$T/chunked"
	[ -z "${SPOIL-}" ] || sed -i "s/$SPOIL/" "$T/chunked"
}

@test "aws-chunked bodies: signed, signed trailer, unsigned trailer" {
	sim_start
	migrate
	printf 'hello world' >"$T/f"
	local PREPARE=chunked_body HASH=STREAMING-AWS4-HMAC-SHA256-PAYLOAD
	local L="x-amz-decoded-content-length: 11"
	put c1 "$T/chunked" -H "$L"
	[ "$CODE" = 200 ]
	cmp "$OBJECTS/c1" "$T/f"
	SPOIL=world/worle put c2 "$T/chunked" -H "$L"
	[ "$CODE $(error_code)" = "403 SignatureDoesNotMatch" ]
	put c2 "$T/chunked" -H "x-amz-decoded-content-length: 12"
	[ "$CODE $(error_code)" = "400 IncompleteBody" ]
	HASH=STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER
	local crc
	crc=$(crc_b64 "$T/f")
	TRAILER="x-amz-checksum-crc32:$crc" put c3 "$T/chunked" -H "$L" \
		-H "x-amz-trailer: x-amz-checksum-crc32"
	[ "$CODE" = 200 ]
	[ "$(header x-amz-checksum-crc32)" = "$crc" ]
	TRAILER="x-amz-checksum-crc32:AAAAAA==" put c4 "$T/chunked" -H "$L" \
		-H "x-amz-trailer: x-amz-checksum-crc32"
	[ "$CODE $(error_code)" = "400 BadDigest" ]
	PREPARE=
	HASH=STREAMING-UNSIGNED-PAYLOAD-TRAILER
	printf 'b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n' \
		"$crc" >"$T/chunked"
	put c5 "$T/chunked" -H "$L" -H "x-amz-trailer: x-amz-checksum-crc32"
	[ "$CODE" = 200 ]
	cmp "$OBJECTS/c5" "$T/f"
	[ ! -e "$OBJECTS/c2" ] && [ ! -e "$OBJECTS/c4" ]
}

@test "keys of any kind; an object that is also a directory" {
	sim_start
	migrate
	echo 1 >"$T/f"
	local k long
	long=$(printf 'x%.0s' $(seq 600))
	for k in a a/b a/b/c "sp%20ace" "%25" "x%2By" "%C3%BC" ".idx/f" \
		"a//b" "%01" "$long" "d/"; do
		# (curl -T would add a name to "d/")
		s3 PUT "/$BUCKET/$P/$k" "" -- --data-binary @"$T/f"
		echo "$k: $CODE $(cat "$T/body")"
		[ "$CODE" = 200 ]
		s3 GET "/$BUCKET/$P/$k" ""
		[ "$CODE" = 200 ]
		cmp "$T/body" "$T/f"
	done
	s3 GET "/$BUCKET" "encoding-type=url&list-type=2&prefix=$ID%2Fsstables%2F"
	[ "$(grep -o '<Key>' "$T/body" | wc -l)" = 12 ]
	grep -o '<Key>[^<]*' "$T/body" | sed "s:.*/sstables/::" >"$T/keys"
	LC_ALL=C sort -c <(sed 's/%\(..\)/\\x\1/g' "$T/keys" |
		while read -r k; do printf '%b\n' "$k"; done)
}

@test "list: delimiter, pages, start-after, order, objects changed by hand" {
	sim_start
	migrate
	echo 1 >"$T/f"
	local k got token
	for k in a.b a/1 a/2 b/1/x b/2 c; do put "$k" "$T/f"; done
	local base="list-type=2" pre="prefix=$ID%2Fsstables%2F"
	s3 GET "/$BUCKET" "delimiter=%2F&$base&$pre"
	[ "$(grep -o '<Prefix>[^<]*/</Prefix>' "$T/body" | wc -l)" = 3 ]
	[ "$(xml KeyCount)" = 4 ]
	got=
	token=
	for _ in 1 2 3 4 5 6 7; do
		s3 GET "/$BUCKET" \
			"${token:+continuation-token=$token&}$base&max-keys=1&$pre"
		got+="$(grep -o '<Key>[^<]*' "$T/body" | sed 's:.*/sstables/::') "
		token=$(xml NextContinuationToken)
		[ -n "$token" ] || break
	done
	[ "$got" = "a.b a/1 a/2 b/1/x b/2 c " ]
	s3 GET "/$BUCKET" "delimiter=%2F&$base&max-keys=2&$pre"
	token=$(xml NextContinuationToken)
	s3 GET "/$BUCKET" "continuation-token=$token&delimiter=%2F&$base&$pre"
	[ "$(xml KeyCount)" = 2 ]
	s3 GET "/$BUCKET" "$base&$pre&start-after=$ID%2Fsstables%2Fb%2F1%2Fx"
	[ "$(xml KeyCount)" = 2 ]
	# A byte flipped, an object added and one deleted by hand.
	printf 2 | dd of="$OBJECTS/c" conv=notrunc status=none
	cp "$T/f" "$OBJECTS/added"
	rm "$OBJECTS/a.b"
	s3 GET "/$BUCKET" "$base&$pre"
	[ "$(xml KeyCount)" = 6 ]
	grep -q "<Key>$P/added</Key>" "$T/body"
	grep -q "&quot;$(md5sum <"$OBJECTS/c" | cut -c1-32)&quot;" "$T/body"
	s3 HEAD "/$BUCKET/$P/c" "" -H "x-amz-checksum-mode: ENABLED" -- -I
	[ "$(header x-amz-checksum-crc32)" = "$(crc_b64 "$OBJECTS/c")" ]
}

### S3: multipart

create() { # KEY [-H...]
	local key=$1
	shift
	s3 POST "/$BUCKET/$P/$key" "uploads=" "$@"
	UP=$(xml UploadId)
}
part() { # KEY N FILE [-H...]
	local key=$1 n=$2 file=$3
	shift 3
	s3 PUT "/$BUCKET/$P/$key" "partNumber=$n&uploadId=$UP" "$@" -- -T "$file"
}
complete() { # KEY XML [-H...]
	local key=$1
	printf '<CompleteMultipartUpload>%s</CompleteMultipartUpload>' "$2" \
		>"$T/xml"
	shift 2
	s3 POST "/$BUCKET/$P/$key" "uploadId=$UP" "$@" -- --data-binary @"$T/xml"
}
p_xml() { # N FILE
	printf '<Part><PartNumber>%s</PartNumber><ETag>"%s"</ETag></Part>' \
		"$1" "$(md5sum <"$2" | cut -c1-32)"
}

@test "multipart with a full-object CRC32" {
	sim_start
	migrate
	head -c 5242880 /dev/urandom >"$T/1"
	head -c 1000 /dev/urandom >"$T/2"
	cat "$T/1" "$T/2" >"$T/all"
	local full="x-amz-checksum-type: FULL_OBJECT" crc
	crc=$(crc_b64 "$T/all")
	create m -H "x-amz-checksum-algorithm: CRC32" -H "$full"
	[ "$CODE" = 200 ]
	part m 1 "$T/1" -H "x-amz-checksum-crc32: $(crc_b64 "$T/1")"
	[ "$CODE" = 200 ]
	part m 2 "$T/2" -H "x-amz-checksum-crc32: AAAAAA=="
	[ "$CODE $(error_code)" = "400 BadDigest" ]
	part m 2 "$T/2" -H "x-amz-checksum-crc32: $(crc_b64 "$T/2")"
	part m 2 "$T/2" -H "x-amz-checksum-crc32: $(crc_b64 "$T/2")"
	part m 3 "$T/2" -H "x-amz-checksum-sha1: $(openssl dgst -sha1 \
		-binary "$T/2" | base64)"
	[ "$CODE $(error_code)" = "400 InvalidRequest" ]
	s3 GET "/$BUCKET/$P/m" "uploadId=$UP"
	[ "$(grep -o '<PartNumber>' "$T/body" | wc -l)" = 2 ]
	s3 GET "/$BUCKET" "prefix=$ID%2Fsstables%2F&uploads="
	[ "$(xml UploadId)" = "$UP" ]
	local both
	both=$(p_xml 1 "$T/1")$(p_xml 2 "$T/2")
	complete m "$both" -H "x-amz-mp-object-size: 1"
	[ "$CODE $(error_code)" = "400 InvalidRequest" ]
	complete m "$both" -H "x-amz-checksum-crc32: AAAAAA==" -H "$full"
	[ "$CODE $(error_code)" = "400 BadDigest" ]
	complete m "$both" -H "x-amz-checksum-crc32: $crc" \
		-H "x-amz-checksum-type: COMPOSITE"
	[ "$CODE $(error_code)" = "400 InvalidRequest" ]
	complete m "$both" -H "x-amz-checksum-crc32: $crc" -H "$full" \
		-H "x-amz-mp-object-size: 5243880"
	[ "$CODE $(xml ChecksumCRC32)" = "200 $crc" ]
	cmp "$OBJECTS/m" "$T/all"
	complete m "$both"
	[ "$CODE $(error_code)" = "404 NoSuchUpload" ]
	curl -sS "$CONTROL/state" | jq -e '.uploads == 0 and .objects == 1'
}

@test "multipart: composite, errors, abort" {
	sim_start --min-part 100
	migrate
	head -c 200 /dev/urandom >"$T/1"
	head -c 50 /dev/urandom >"$T/2"
	create m
	part m 1 "$T/1"
	part m 2 "$T/2"
	part m 3 "$T/1"
	complete m "$(p_xml 2 "$T/2")$(p_xml 1 "$T/1")"
	[ "$CODE $(error_code)" = "400 InvalidPartOrder" ]
	complete m "$(p_xml 1 "$T/2")"
	[ "$CODE $(error_code)" = "400 InvalidPart" ]
	complete m "$(p_xml 7 "$T/1")"
	[ "$CODE $(error_code)" = "400 InvalidPart" ]
	complete m "$(p_xml 1 "$T/1")$(p_xml 2 "$T/2")$(p_xml 3 "$T/1")"
	[ "$CODE $(error_code)" = "400 EntityTooSmall" ]
	complete m "nonsense"
	[ "$CODE $(error_code)" = "400 MalformedXML" ]
	s3 PUT "/$BUCKET/$P/m" "partNumber=10001&uploadId=$UP" -- -T "$T/1"
	[ "$CODE $(error_code)" = "400 InvalidArgument" ]
	s3 DELETE "/$BUCKET/$P/m" "uploadId=$UP"
	[ "$CODE" = 204 ]
	part m 1 "$T/1"
	[ "$CODE $(error_code)" = "404 NoSuchUpload" ]
	create n -H "x-amz-checksum-algorithm: CRC32"
	part n 1 "$T/1"
	complete n "$(p_xml 1 "$T/1")"
	[ "$CODE $(error_code)" = "400 InvalidRequest" ]
	local one
	one=$(p_xml 1 "$T/1")
	complete n "${one%</Part>}<ChecksumCRC32>$(crc_b64 "$T/1")</ChecksumCRC32></Part>"
	[ "$CODE" = 200 ]
	[[ $(xml ChecksumCRC32) == *-1 ]]
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

### import

# A small SSTable that the import check takes, in the bucket itself.
sstable() { # DIR STEM
	mkdir -p "$1"
	local s=$1/$2 c
	printf 'data of %s' "$2" >"$s-Data.db"
	crc_dec "$s-Data.db" >"$s-Digest.crc32"
	for c in Filter.db Summary.db TOC.txt; do echo x >"$s-$c"; done
	printf 'xx org.apache.cassandra.dht.Murmur3Partitioner xx' \
		>"$s-Statistics.db"
	echo LZ4Compressor >"$s-CompressionInfo.db"
	case $2 in
	*-bti) echo x >"$s-Partitions.db"; : >"$s-Rows.db" ;;
	*) echo x >"$s-Index.db" ;;
	esac
}

healthy() {
	D=$OBJECTS/$SNAP
	sstable "$D" nb-1-big
	sstable "$D" cc-3gdv_0vos_4jbmo2l3kqtv0q1se8-bti
	echo '{"files":["nb-1-big-Data.db"]}' >"$D/manifest.json"
	echo 'CREATE TABLE ks1.t1 (k int PRIMARY KEY)' >"$D/schema.cql"
}

import_says() { # TEXT: fails with the text; "" : is done
	api POST "/$ID/launch" >/dev/null
	if [ -z "$1" ]; then
		wait_status MigrationDone
	else
		wait_status MigrationFailed
		status | jq -r .progressInfo >"$T/why"
		cat "$T/why"
		grep -qF -- "$1" "$T/why"
	fi
}

@test "import: healthy, system keyspaces ignored, relaunch after a repair" {
	sim_start
	migrate
	healthy
	mkdir -p "$OBJECTS/node1/system/local-x/live"
	echo x >"$OBJECTS/node1/system/local-x/live/file"
	rm "$D/nb-1-big-Index.db"
	import_says "$SNAP/nb-1-big-Index.db: component is missing"
	echo x >"$D/nb-1-big-Index.db"
	import_says ""
}

@test "import: each kind of damage reaches the status, path and all" {
	sim_start --init-delay 0
	local spoil want n=0
	while IFS='|' read -r spoil want; do
		migrate
		healthy
		cd "$D"
		eval "$spoil"
		echo "case: $spoil"
		import_says "$want"
		n=$((n + 1))
	done <<-'CASES'
	sed -i s/^d/D/ nb-1-big-Data.db|snapshots/tag1/nb-1-big-Data.db: corrupt data
	echo abc >nb-1-big-Digest.crc32|nb-1-big-Digest.crc32: not a checksum
	: >nb-1-big-Statistics.db|nb-1-big-Statistics.db: component is empty
	: >nb-1-big-Filter.db|nb-1-big-Filter.db: component is empty
	rm nb-1-big-Data.db|nb-1-big-Data.db: component is missing
	rm nb-1-big-Statistics.db|nb-1-big-Statistics.db: component is missing
	rm *-bti-Rows.db|-bti-Rows.db: component is missing
	rm *-bti-Partitions.db|-bti-Partitions.db: component is missing
	rm nb-1-big-CompressionInfo.db|nb-1-big: needs exactly one of CompressionInfo.db and CRC.db
	echo x >nb-1-big-CRC.db|nb-1-big: needs exactly one of CompressionInfo.db and CRC.db
	sed -i s/Murmur3/Random/ nb-1-big-Statistics.db|nb-1-big-Statistics.db: the partitioner is not Murmur3Partitioner
	echo EncryptingLZ4Compressor >nb-1-big-CompressionInfo.db|encrypted SSTables
	rm nb-1-big-*|nb-1-big-Data.db: listed in manifest.json but missing
	echo nonsense >manifest.json|manifest.json: not a snapshot manifest
	echo CREATE MATERIALIZED VIEW >schema.cql|schema.cql: materialized views
	touch nb-2-big-Data.db.tmp|unknown SSTable component
	touch x.tmp|x.tmp: temporary file
	touch nb_txn_flush_1.log|nb_txn_flush_1.log: temporary file
	touch .nb-1-big-Data.db.Xa3f2x|.nb-1-big-Data.db.Xa3f2x: unexpected file
	touch ks1-t1-ka-1-Data.db|ks1-t1-ka-1-Data.db: unexpected file
	for f in nb-1-big-*; do mv $f oa-${f#nb-}; done; rm manifest.json|SSTable version 'oa'
	for f in cc-*; do mv $f da-${f#cc-}; done|SSTable version 'da'
	mkdir .idx; cp nb-1-big-* .idx|/.idx/nb-1-big-CompressionInfo.db: secondary index
	mkdir sub; touch sub/f|sub/f: malformed path
	touch ../../live-file|malformed path
	touch $OBJECTS/stray|stray: malformed path
	mv ../tag1 ../../tag1|/tag1/
	mkdir $OBJECTS/node1/ks1/t2; touch $OBJECTS/node1/ks1/t2/f|node1/ks1/t2/f: malformed path
	mkdir $D/%00; touch $D/%00/f|//f: malformed path
	cp -r ../tag1 ../tag2|a second snapshot of the table
	mkdir -p $OBJECTS/node2/ks1; cp -r $OBJECTS/node1/$TABLE $OBJECTS/node2/ks1/t1-ffffffffffffffffffffffffffffffff|a second table ID
	rm -r $OBJECTS/node1|no SSTables found
	CASES
	[ "$n" = 32 ]
}

@test "import: index directories may be ignored" {
	sim_start --index-dirs ignore
	migrate
	healthy
	mkdir "$D/.idx"
	echo x >"$D/.idx/nb-1-big-Data.db"
	import_says ""
}

fixture() { # sets FX to a directory with node1 node2 node3
	local a
	for a in "$ROOT/tests/data" "${SL_FIXTURES:-/nonexistent}"; do
		[ -e "$a/cluster-4.1-smart_home.tar.xz" ] || continue
		mkdir -p "$T/fx"
		tar -xJf "$a/cluster-4.1-smart_home.tar.xz" -C "$T/fx"
		FX=$(dirname "$(find "$T/fx" -maxdepth 2 -name node1)")
		return 0
	done
	skip "cluster-4.1-smart_home.tar.xz is not here"
}

@test "aws: syncs a real snapshot of three nodes, lists it, launch succeeds" {
	command -v aws >/dev/null || skip "no aws command"
	fixture
	sim_start --print-env
	migrate
	export AWS_ACCESS_KEY_ID=$AK AWS_SECRET_ACCESS_KEY=$SK
	export AWS_SESSION_TOKEN=$ST AWS_REGION=us-east-1
	local n
	for n in node1 node2 node3; do
		aws --endpoint-url "$S3" s3 sync --only-show-errors \
			--exclude '*' --include 'smart_home/*/snapshots/migrate1*' \
			--exclude '*/.roomidx/*' "$FX/$n/" "s3://$BUCKET/$P/$n"
	done
	head -c 12000000 /dev/urandom >"$T/big"
	aws --endpoint-url "$S3" s3 cp --only-show-errors "$T/big" \
		"s3://$BUCKET/$P/node1/big"
	aws --endpoint-url "$S3" s3 cp --only-show-errors \
		"s3://$BUCKET/$P/node1/big" "$T/back"
	cmp "$T/big" "$T/back"
	aws --endpoint-url "$S3" s3 rm --only-show-errors \
		"s3://$BUCKET/$P/node1/big"
	aws --endpoint-url "$S3" s3 ls --recursive "s3://$BUCKET/$P/" >"$T/ls"
	[ "$(wc -l <"$T/ls")" = "$(cd "$FX" && find node[123]/smart_home -path \
		'*/snapshots/migrate1/*' -type f ! -path '*/.roomidx/*' | wc -l)" ]
	# The CRC32 of an object is the number in its Digest.crc32.
	local d
	d=$(find "$OBJECTS" -name '*-Data.db' | head -1)
	[ "$(crc_dec "$d")" = "$(cat "${d%Data.db}Digest.crc32")" ]
	import_says ""
}
