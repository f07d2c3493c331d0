#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The rehearsal cloud's objects by Google's two APIs, asked with curl.

load astra-sim-gcs

### JSON API

@test "one request for a small object: metadata, sums, conditions" {
	gcs_start
	take_token
	printf 'hello\r\n--b\r\nworld' >"$T/f"
	upload dir/a "$T/f" '"contentType": "text/plain", "crc32c": "'"$(
		crc32c "$T/f")"'", "md5Hash": "'"$(md5_b64 "$T/f")"'",
		"metadata": {"goog-reserved-file-mtime": "1700000000"}'
	[ "$CODE" = 200 ]
	cmp "$T/f" "$OBJECTS/dir/a"
	jq -e --arg n "$P/dir/a" --arg c "$(crc32c "$T/f")" \
		--arg m "$(md5_b64 "$T/f")" '.name == $n and .size == "17" and
		.crc32c == $c and .md5Hash == $m and
		.contentType == "text/plain" and
		.metadata["goog-reserved-file-mtime"] == "1700000000"' \
		"$T/body"
	local g
	g=$(field generation)
	upload dir/a "$T/f" "" ifGenerationMatch=0
	[ "$CODE $(reason)" = "412 conditionNotMet" ]
	upload dir/a "$T/f" '"crc32c": "AAAAAA=="'
	[ "$CODE $(reason)" = "400 invalid" ]
	[[ $(field error.message) == *'CRC32C "AAAAAA=="'* ]]
	upload dir/a "$T/f" '"md5Hash": "1B2M2Y8AsgTpgAmY7PhCfg=="'
	[ "$CODE" = 400 ]
	gcs GET "$(object dir/a)"
	[ "$(field generation)" = "$g" ]
	upload dir/a "$T/f" "" "ifGenerationMatch=$g"
	[ "$CODE" = 200 ]
	[ "$(field generation)" -gt "$g" ]
	[ "$(field contentType)" = text/x-test ]
	gcs POST "$U?uploadType=media&name=$(escape "$P/m")" \
		-H "x-goog-hash: crc32c=$(crc32c "$T/f")" \
		-H 'Content-Type: a/b' --data-binary @"$T/f"
	[ "$CODE $(field contentType)" = "200 a/b" ]
	gcs POST "$U?uploadType=media&name=$(escape "$P/m")" \
		-H "x-goog-hash: crc32c=AAAAAA==" --data-binary @"$T/f"
	[ "$CODE" = 400 ]
	gcs POST "$U?uploadType=media&name=other" --data-binary @"$T/f"
	[ "$CODE" = 403 ]
	: >"$T/empty"
	upload empty "$T/empty" '"crc32c": "AAAAAA=="'
	[ "$CODE $(field size)" = "200 0" ]
}

@test "a body that holds its own boundary, or none, is refused" {
	gcs_start
	take_token
	printf 'a\r\n--b0\r\nb' >"$T/f"
	upload a "$T/f"
	[ "$CODE" = 400 ]
	gcs POST "$U?uploadType=multipart" --data-binary @"$T/f" \
		-H 'Content-Type: multipart/related; boundary=b0'
	[ "$CODE" = 400 ]
	gcs POST "$U?uploadType=multipart" --data-binary @"$T/f"
	[ "$CODE" = 400 ]
	[ ! -e "$OBJECTS" ]
}

@test "resource, bytes, ranges, generations, delete" {
	gcs_start
	take_token
	seq 1 5000 >"$T/f"
	upload a "$T/f"
	local g
	g=$(field generation)
	gcs GET "$(object a)?alt=media"
	[ "$CODE" = 200 ]
	cmp "$T/f" "$T/body"
	[ "$(header x-goog-generation)" = "$g" ]
	[[ $(header x-goog-hash) == *"crc32c=$(crc32c "$T/f")"* ]]
	gcs GET "$GCS/download/storage/v1/b/$BUCKET/o/$(escape "$P/a")?alt=media" \
		-H 'Range: bytes=10-19'
	[ "$CODE" = 206 ]
	cmp <(tail -c +11 "$T/f" | head -c 10) "$T/body"
	gcs GET "$(object a)?alt=media" -H 'Range: bytes=99999-'
	[ "$CODE" = 416 ]
	gcs GET "$(object a)?alt=media&ifGenerationMatch=$g"
	[ "$CODE" = 200 ]
	gcs GET "$(object a)?ifGenerationMatch=1"
	[ "$CODE" = 412 ]
	gcs GET "$(object a)?ifGenerationNotMatch=$g"
	[ "$CODE" = 304 ]
	gcs GET "$(object a)?generation=1"
	[ "$CODE $(reason)" = "404 notFound" ]
	gcs HEAD "$(x a)"
	[ "$CODE" = 200 ]
	[ "$(header content-length)" = "$(stat -c %s "$T/f")" ]
	gcs GET "$(x a)" -H 'Range: bytes=-5'
	[ "$CODE" = 206 ]
	cmp <(tail -c 5 "$T/f") "$T/body"
	# A slash of a key that is not escaped is no part of the key.
	gcs GET "$B/$P/a"
	[ "$CODE" = 404 ]
	gcs GET "$(object none)?alt=media"
	[ "$CODE" = 404 ]
	gcs DELETE "$(object a)?ifGenerationMatch=1"
	[ "$CODE" = 412 ]
	gcs DELETE "$(object a)?ifGenerationMatch=$g"
	[ "$CODE" = 204 ]
	gcs DELETE "$(object a)"
	[ "$CODE" = 404 ]
	gcs GET "$(x a)"
	[ "$CODE $(error_code)" = "404 NoSuchKey" ]
}

@test "list: pages, delimiter, order; changed by hand means a new generation" {
	gcs_start
	take_token
	printf x >"$T/f"
	local k
	for k in b a/1 a/2 a.b "sp ace" é; do
		upload "$k" "$T/f"
		[ "$CODE" = 200 ]
	done
	gcs GET "$B?prefix=$P/&fields=items(name)"
	[ "$(jq -r '.items[].name' "$T/body" | sed "s:^$P/::" | paste -sd,)" = \
		"a.b,a/1,a/2,b,sp ace,é" ]
	gcs GET "$B?prefix=$P/&delimiter=/"
	[ "$(jq -c .prefixes "$T/body")" = "[\"$P/a/\"]" ]
	[ "$(jq '.items | length' "$T/body")" = 4 ]
	local token="" seen=""
	while :; do
		gcs GET "$B?prefix=$P/&delimiter=/&maxResults=2${token:+&pageToken=$token}"
		[ "$CODE" = 200 ]
		seen+=$(jq -r '((.items // [])[].name), (.prefixes // [])[]' \
			"$T/body")$'\n'
		token=$(jq -r '.nextPageToken // ""' "$T/body")
		[ -n "$token" ] || break
	done
	[ "$(printf %s "$seen" | grep -c .)" = 5 ]
	[ "$(printf %s "$seen" | sort -u | grep -c .)" = 5 ]
	gcs GET "$B?prefix=$P/zzz"
	[ "$(jq -c keys "$T/body")" = '["kind"]' ]
	gcs GET "$B?prefix=$P/&pageToken=zz"
	[ "$CODE" = 400 ]
	gcs GET "$(object b)"
	local g
	g=$(field generation)
	printf yy >"$OBJECTS/b"
	gcs GET "$(object b)"
	[ "$(field generation)" -gt "$g" ]
	[ "$(field crc32c)" = "$(crc32c "$OBJECTS/b")" ]
	[ "$(field size)" = 2 ]
}

@test "resumable: pieces, how far it is, sums, generations" {
	gcs_start
	take_token
	head -c 600000 /dev/urandom >"$T/f"
	head -c 262144 "$T/f" >"$T/p1"
	tail -c +262145 "$T/f" >"$T/p2"
	begin() {
		gcs POST "$U?uploadType=resumable&ifGenerationMatch=0" \
			-H 'Content-Type: application/json' -d "$1"
		S=$(header location)
	}
	# Without a token: the URI is the credential.
	piece() { # RANGE FILE
		CODE=$(curl -sS -X PUT -o "$T/body" -D "$T/head" \
			-w '%{http_code}' -H "Content-Range: bytes $1" \
			--data-binary @"$2" "$S")
	}
	begin '{"name": "'"$P/r"'", "crc32c": "'"$(crc32c "$T/f")"'"}'
	: >"$T/empty"
	piece '*/*' "$T/empty"
	[ "$CODE$(header range)" = 308 ]
	piece '0-262143/*' "$T/p1"
	[ "$CODE $(header range)" = "308 bytes=0-262143" ]
	head -c 1000 "$T/p2" >"$T/odd"
	piece '262144-263143/*' "$T/odd"
	[ "$CODE" = 400 ]
	piece '*/*' "$T/empty"
	[ "$CODE $(header range)" = "308 bytes=0-262143" ]
	gcs GET "$GCS/$BUCKET?uploads&prefix=$P/"
	[ -z "$(xml UploadId)" ]
	piece '262144-599999/600000' "$T/p2"
	[ "$CODE $(field size)" = "200 600000" ]
	cmp "$T/f" "$OBJECTS/r"
	begin '{"name": "'"$P/r"'"}'
	[ "$CODE" = 412 ]
	begin '{"name": "'"$P/r2"'", "crc32c": "AAAAAA=="}'
	piece '0-599999/600000' "$T/f"
	[ "$CODE" = 400 ]
	[ ! -e "$OBJECTS/r2" ]
}

### XML API

@test "multipart: digests of parts, order, sizes, hash of the whole" {
	gcs_start --min-part 1000
	take_token
	seq 1 1000 >"$T/1"
	seq 1000 3000 >"$T/2"
	printf z >"$T/3"
	cat "$T/1" "$T/2" "$T/3" >"$T/all"
	gcreate big -H 'x-goog-meta-goog-reserved-file-mtime: 17' \
		-H 'Content-Type: a/b'
	[ "$CODE" = 200 ]
	gpart big 2 "$T/2" -H "x-goog-hash: crc32c=$(crc32c "$T/2")"
	[ "$CODE" = 200 ]
	[[ $(header x-goog-hash) == *"crc32c=$(crc32c "$T/2")"* ]]
	gpart big 1 "$T/1" -H "x-goog-hash: crc32c=$(crc32c "$T/2")"
	[ "$CODE $(error_code)" = "400 BadDigest" ]
	gpart big 1 "$T/1" -H 'Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg=='
	[ "$CODE $(error_code)" = "400 BadDigest" ]
	gpart big 1 "$T/1" -H "Content-MD5: $(md5_b64 "$T/1")"
	[ "$CODE" = 200 ]
	gpart big 3 "$T/3"
	gpart big 0 "$T/3"
	[ "$CODE" = 400 ]
	gcs GET "$(x big)?uploadId=$UP&max-parts=2"
	[ "$(xml NextPartNumberMarker)" = 2 ]
	gcs GET "$(x big)?uploadId=$UP&part-number-marker=2"
	[ "$(xml PartNumber) $(xml IsTruncated)" = "3 false" ]
	gcs GET "$GCS/$BUCKET?uploads&prefix=$P/"
	[ "$(xml UploadId)" = "$UP" ]
	gcomplete big "$(p_xml 2 "$T/2")$(p_xml 1 "$T/1")"
	[ "$CODE $(error_code)" = "400 InvalidPartOrder" ]
	gcomplete big "$(p_xml 1 "$T/2")"
	[ "$CODE $(error_code)" = "400 InvalidPart" ]
	gcs POST "$(x big)?uploadId=$UP" -d junk
	[ "$CODE" = 400 ]
	[ ! -e "$OBJECTS/big" ]
	gcomplete big "$(p_xml 1 "$T/1")$(p_xml 2 "$T/2")$(p_xml 3 "$T/3")"
	[ "$CODE" = 200 ]
	[ "$(header x-goog-hash)" = "crc32c=$(crc32c "$T/all")" ]
	[ "$(xml Key)" = "$P/big" ]
	local g
	g=$(header x-goog-generation)
	cmp "$T/all" "$OBJECTS/big"
	gcs GET "$(object big)"
	[ "$(field generation)" = "$g" ]
	jq -e --arg c "$(crc32c "$T/all")" '.crc32c == $c and
		(has("md5Hash") | not) and .contentType == "a/b" and
		.metadata == {"goog-reserved-file-mtime": "17"}' "$T/body"
	gcomplete big "$(p_xml 1 "$T/1")"
	[ "$CODE $(error_code)" = "404 NoSuchUpload" ]
	gcreate small
	gpart small 1 "$T/3"
	gpart small 2 "$T/1"
	gcomplete small "$(p_xml 1 "$T/3")$(p_xml 2 "$T/1")"
	[ "$CODE $(error_code)" = "400 EntityTooSmall" ]
	gcs DELETE "$(x small)?uploadId=$UP"
	[ "$CODE" = 204 ]
	gpart small 2 "$T/1"
	[ "$CODE $(error_code)" = "404 NoSuchUpload" ]
	curl -sS "$CONTROL/state" | jq -e '.uploads == 0'
	gcs PUT "$(x one)" -T "$T/1" -H "x-goog-hash: crc32c=$(crc32c "$T/1")"
	[ "$CODE" = 200 ]
	gcs PUT "$(x one)" -T "$T/1" -H 'x-goog-if-generation-match: 0'
	[ "$CODE $(error_code)" = "412 PreconditionFailed" ]
}
