#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The rehearsal cloud's S3: who may, objects, uploads in parts.
# Variables set here are read by the helpers.
# shellcheck disable=SC2034

load astra-sim

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
