#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The rehearsal cloud's Azure by itself: signatures and policies, blobs,
# blocks, listings.
# Variables set here are read by the helpers.
# shellcheck disable=SC2034

load astra-sim
load astra-sim-azure

@test "status: the documented shape; the signature is what anyone computes" {
	sim_start --cloud azure
	migrate
	jq -e --arg id "$ID" '.uploadCredentials.name == "URL signature" and
		(.uploadCredentials.keys | keys) == ["url", "urlSignature"] and
		(.uploadBucketDir |
		 endswith("/devstoreaccount1/mig-upload-" + $id + "/sstables/"))
		and .uploadCredentials.keys.url ==
		.uploadBucketDir + "?" + .uploadCredentials.keys.urlSignature' \
		"$T/status"
	[[ $SAS == si=* ]] && [[ $SAS != *se=* ]] && [[ $SAS != *sp=* ]]
	local policy=${SAS#si=}
	policy=${policy%%&*}
	[ "$(python3 "$HELP" sas "$T/cloud/azure-key" "mig-upload-$ID" \
		"$policy")" = "$SAS" ]
	run grep s3_endpoint "$T/ready"
	[ "$status" = 1 ]
	grep -qx "options=api_url=$API" "$T/ready"
}

@test "who may: signature, policy, other container, revoked, expired, version" {
	sim_start --cloud azure
	migrate
	echo hello >"$T/f"
	put a "$T/f"
	[ "$CODE" = 201 ]
	local good=$SAS other
	SAS=${good%???}
	put a "$T/f"
	is 403 AuthenticationFailed
	grep -q 'AuthenticationErrorDetail.*String to sign' "$T/body"
	SAS=${good/sv=2021-12-02/sv=2021-12-03} put a "$T/f"
	is 403 AuthenticationFailed
	SAS=si=none put a "$T/f"
	is 401 NoAuthenticationInformation
	# Signed well, but there is no such policy.
	SAS=$(python3 "$HELP" sas "$T/cloud/azure-key" "mig-upload-$ID" none)
	put a "$T/f"
	is 403 AuthorizationFailure
	SAS=$good
	# The signature of one container is none for another.
	other=$ID
	migrate
	CONTAINER=${CONTAINER/$ID/$other} DIR=${DIR/$ID/$other} put a "$T/f"
	is 403 AuthenticationFailed
	# Nor is its policy, even when it is signed well.
	local policy=${SAS#si=}
	SAS=$(python3 "$HELP" sas "$T/cloud/azure-key" "mig-upload-$other" \
		"${policy%%&*}") CONTAINER=${CONTAINER/$ID/$other} \
		DIR=${DIR/$ID/$other} put a "$T/f"
	is 403 AuthorizationFailure
	V="x-ms-version: 2099-01-01" put a "$T/f"
	is 400 InvalidHeaderValue
	V="x-ms-version: latest" put a "$T/f"
	is 400 InvalidHeaderValue
	V="x-ms-version;" put a "$T/f"
	is 400 InvalidHeaderValue
	V="X: no version at all" put a "$T/f"
	[ "$CODE" = 201 ]
	az GET "" restype=container
	is 403 AuthorizationFailure
	curl -sS -X POST "$CONTROL/expire"
	put a "$T/f"
	is 403 AuthenticationFailed
	grep -q 'not valid in the specified time frame' "$T/body"
	take_keys
	put a "$T/f"
	[ "$CODE" = 201 ]
	api POST "/$ID/launch" >/dev/null
	put a "$T/f"
	is 403 AuthorizationFailure
}

@test "creds: same prolongs the policy, mint and half make others" {
	sim_start --cloud azure --creds same --creds-life 1
	migrate
	echo hello >"$T/f"
	local first=$SAS until
	until=$(jq -r .uploadCredentials.credentialExpiration "$T/status")
	put a "$T/f"
	[ "$CODE" = 201 ]
	sleep 1.1
	put a "$T/f"
	is 403 AuthenticationFailed
	take_keys
	[ "$SAS" = "$first" ]
	[[ $(jq -r .uploadCredentials.credentialExpiration "$T/status") \
		> $until ]]
	put a "$T/f"
	[ "$CODE" = 201 ]
	sim_stop
	sim_start --cloud azure --creds mint --creds-life 1
	migrate
	first=$SAS
	take_keys
	[ "$SAS" != "$first" ]
	put a "$T/f"
	[ "$CODE" = 201 ]
	SAS=$first put a "$T/f"
	[ "$CODE" = 201 ]
	sleep 1.1
	# The old policy is taken away, the newest is only out of its time.
	SAS=$first put a "$T/f"
	is 403 AuthorizationFailure
	put a "$T/f"
	is 403 AuthenticationFailed
}

@test "a policy takes a while to act, also when it is prolonged" {
	sim_start --cloud azure --creds same --policy-delay 1
	migrate
	echo hello >"$T/f"
	put a "$T/f"
	is 403 AuthorizationFailure
	sleep 1.1
	put a "$T/f"
	[ "$CODE" = 201 ]
	curl -sS -X POST "$CONTROL/expire"
	local first=$SAS
	take_keys
	[ "$SAS" = "$first" ]
	put a "$T/f"
	is 403 AuthorizationFailure
	sleep 1.1
	put a "$T/f"
	[ "$CODE" = 201 ]
}

@test "blobs: put, sums, get with ranges, conditions, metadata, delete" {
	sim_start --cloud azure
	migrate
	head -c 20000 /dev/urandom >"$T/f"
	local crc sum etag
	crc=$(crc64 "$T/f")
	sum=$(md5 "$T/f")
	put d/f "$T/f" -H "x-ms-content-crc64: $crc" -H "x-ms-meta-mtime: 5" \
		-H "If-None-Match: *"
	[ "$CODE" = 201 ]
	[ "$(header x-ms-content-crc64)" = "$crc" ]
	etag=$(header etag)
	[[ $etag == '"0x8D'* ]]
	cmp "$T/f" "$OBJECTS/d/f"
	put d/f "$T/f" -H "If-None-Match: *"
	is 409 BlobAlreadyExists
	put d/g "$T/f" -H "Content-MD5: $sum" -H "x-ms-content-crc64: $crc"
	is 400 BothCrc64AndMd5HeaderPresent
	put d/g "$T/f" -H "Content-MD5: 1B2M2Y8AsgTpgAmY7PhCfg=="
	is 400 Md5Mismatch
	put d/g "$T/f" -H "Content-MD5: nonsense"
	is 400 InvalidMd5
	# The right value with its bytes the other way round is wrong.
	put d/g "$T/f" -H "x-ms-content-crc64: $(printf %s "$crc" | base64 -d |
		xxd -p | fold -w2 | tac | tr -d '\n' | xxd -r -p | base64)"
	is 400 Crc64Mismatch
	az PUT d/g "" -T "$T/f"
	is 400 MissingRequiredHeader
	put d/g "$T/f" -H "x-ms-meta-no-good: 1"
	is 400 InvalidMetadata
	az HEAD d/g ""
	[ "$CODE $(header x-ms-error-code)" = "404 BlobNotFound" ]
	az GET d/f ""
	cmp "$T/body" "$T/f"
	[ "$(header x-ms-meta-mtime) $(header content-md5)" = "5 $sum" ]
	az GET d/f "" -H "x-ms-range: bytes=10-19" -H "Range: bytes=0-0" \
		-H "x-ms-range-get-content-crc64: true"
	tail -c +11 "$T/f" | head -c 10 >"$T/ten"
	[ "$CODE" = 206 ]
	cmp "$T/body" "$T/ten"
	[ "$(header x-ms-content-crc64)" = "$(crc64 "$T/ten")" ]
	[ "$(header x-ms-blob-content-md5)" = "$sum" ]
	az GET d/f "" -H "Range: bytes=19990-" -H "If-Match: $etag"
	[ "$CODE" = 206 ]
	cmp "$T/body" <(tail -c 10 "$T/f")
	az GET d/f "" -H "Range: bytes=20000-"
	is 416 InvalidRange
	az GET d/f "" -H 'If-Match: "0x8D0000000000000"'
	is 412 ConditionNotMet
	az GET d/f "" -H "If-None-Match: $etag"
	[ "$CODE" = 304 ]
	put d/f "$T/ten" -H 'If-Match: "0x8D0000000000000"'
	is 412 ConditionNotMet
	put d/f "$T/ten" -H "If-Match: $etag"
	[ "$CODE" = 201 ] && [ "$(header etag)" != "$etag" ]
	az DELETE d/f ""
	[ "$CODE" = 202 ]
	az DELETE d/f ""
	is 404 BlobNotFound
	[ ! -e "$OBJECTS/d" ] && [ -z "$(ls "$T/cloud/tmp")" ]
}

@test "blocks: staged, listed, put together; overwriting with what is there" {
	sim_start --cloud azure
	migrate
	local i
	for i in 1 2 3; do head -c $((i * 1000)) /dev/urandom >"$T/$i"; done
	block m 1 "$T/1" -H "x-ms-content-crc64: $(crc64 "$T/1")"
	[ "$CODE $(header x-ms-content-crc64)" = "201 $(crc64 "$T/1")" ]
	block m 2 "$T/2" -H "Content-MD5: $(md5 "$T/2")"
	[ "$CODE $(header content-md5)" = "201 $(md5 "$T/2")" ]
	[ -z "$(header x-ms-content-crc64)" ]
	block m 3 "$T/3" -H "x-ms-content-crc64: AAAAAAAAAAA="
	is 400 Crc64Mismatch
	block m 3 "$T/3"
	az GET m ""
	is 404 BlobNotFound
	list
	[ "$(names)" = "" ]
	list include=uncommittedblobs
	[ "$(names)" = "m " ]
	curl -sS "$CONTROL/state" | jq -e '.uploads == 1 and .objects == 0 and
		.requests["s3.uploads"] == 1'
	az GET m "comp=blocklist&blocklisttype=uncommitted"
	[ "$(names)" = "$(block_id 1) $(block_id 2) $(block_id 3) " ]
	[[ $(cat "$T/body") == *"<Size>3000</Size>"* ]]
	commit m Latest:1 Latest:4
	is 400 InvalidBlockList
	commit m Committed:1
	is 400 InvalidBlockList
	# 3 is left out: it is gone with the list.
	commit m Latest:2 Uncommitted:1 Latest:2 -H "x-ms-meta-mtime: 7" \
		-H "x-ms-blob-content-md5: $(md5 "$T/1")"
	[ "$CODE" = 201 ]
	cat "$T/2" "$T/1" "$T/2" | cmp - "$OBJECTS/m"
	az GET m "comp=blocklist&blocklisttype=all"
	[ "$(names)" = "$(block_id 2) $(block_id 1) $(block_id 2) " ]
	[[ $(cat "$T/body") == *"<UncommittedBlocks></UncommittedBlocks>"* ]]
	az HEAD m ""
	[ "$(header x-ms-meta-mtime)" = 7 ]
	[ "$(header content-md5)" = "$(md5 "$T/1")" ]
	block m 3 "$T/3"
	commit m Committed:1 Latest:3
	[ "$CODE" = 201 ]
	cat "$T/1" "$T/3" | cmp - "$OBJECTS/m"
	# A Put Blob drops what was staged.
	block m 1 "$T/1"
	put m "$T/2"
	az GET m "comp=blocklist&blocklisttype=all"
	[ "$(names)" = "" ]
	block m 1 "$T/1"
	commit m Latest:1 -H "If-None-Match: *"
	is 409 BlobAlreadyExists
	commit m Latest:1
	[ "$CODE" = 201 ]
	az DELETE m ""
	[ -z "$(ls "$T/cloud/tmp")" ]
	[ -z "$(find "$T/cloud/buckets" -type f)" ]
}

@test "block IDs: base64, 64 bytes, one length with what others left" {
	sim_start --cloud azure
	migrate
	echo 1 >"$T/f"
	local id
	az PUT m "comp=block" -T "$T/f"
	is 400 MissingRequiredQueryParameter
	for id in 'not+base64' QR%3D%3D ''; do
		az PUT m "comp=block&blockid=$id" -T "$T/f"
		is 400 InvalidQueryParameterValue
	done
	ID_LENGTH=65 block m 1 "$T/f"
	is 400 OutOfRangeInput
	ID_LENGTH=64 block m 1 "$T/f"
	[ "$CODE" = 201 ]
	block m 1 "$T/f"
	is 400 InvalidBlobOrBlock
	block n 1 "$T/f"
	[ "$CODE" = 201 ]
	ID_LENGTH=64 commit m Latest:1
	[ "$CODE" = 201 ]
	# The lengths of committed ones do not matter.
	block m 1 "$T/f"
	[ "$CODE" = 201 ]
	az PUT m comp=blocklist --data-binary "<BlockList><Latest>"
	is 400 InvalidXmlDocument
	az PUT m comp=blocklist --data-binary \
		"<BlockList><Latest>?</Latest></BlockList>"
	is 400 InvalidBlockId
	az PUT m comp=blocklist --data-binary "<BlockList></BlockList>"
	[ "$CODE" = 201 ] && [ ! -s "$OBJECTS/m" ]
}

@test "list: prefix, delimiter, pages, order, odd names, changed by hand" {
	sim_start --cloud azure
	migrate
	echo 1 >"$T/f"
	local k got marker
	for k in a.b a/1 a/2 b/1/x b/2 c; do
		put "$k" "$T/f" -H "x-ms-meta-mtime: $k"
	done
	block a/0 1 "$T/f"
	block a/1 1 "$T/f"
	block z/1 1 "$T/f"
	list "prefix=sstables/&delimiter=/"
	[ "$(names)" = "a.b a/ b/ c " ]
	list "prefix=sstables/&delimiter=/&include=uncommittedblobs,metadata"
	[ "$(names)" = "a.b a/ b/ c z/ " ]
	[[ $(cat "$T/body") == *"<Metadata><mtime>c</mtime></Metadata>"* ]]
	list include=uncommittedblobs
	[ "$(names)" = "a.b a/0 a/1 a/2 b/1/x b/2 c z/1 " ]
	put y/1 "$T/f"
	block y/2 1 "$T/f"
	list "prefix=sstables/y&delimiter=/&include=uncommittedblobs"
	[ "$(names)" = "y/ " ]
	az DELETE y/1 ""
	put y/2 "$T/f"
	az DELETE y/2 ""
	list "prefix=sstables/b"
	[ "$(names)" = "b/1/x b/2 " ]
	[[ $(cat "$T/body") != *"<mtime>"* ]]
	got=
	marker=
	faults 'match=s3.uploads after=1 every=3 do=empty-page'
	for _ in $(seq 20); do
		list "maxresults=1&include=uncommittedblobs${marker:+&marker=$marker}"
		got+=$(names)
		marker=$(xml NextMarker)
		[ -n "$marker" ] || break
	done
	[ "$got" = "a.b a/0 a/1 a/2 b/1/x b/2 c z/1 " ]
	[ "$(curl -sS "$CONTROL/faults" | jq '.[0].hits')" -ge 2 ]
	faults ''
	list maxresults=0
	is 400 OutOfRangeQueryParameterValue
	list marker=nonsense
	is 400 InvalidQueryParameterValue
	# A byte flipped, one added and one deleted by hand.
	printf 2 | dd of="$OBJECTS/c" conv=notrunc status=none
	cp "$T/f" "$OBJECTS/added"
	rm "$OBJECTS/a.b"
	list
	[ "$(names)" = "a/1 a/2 added b/1/x b/2 c " ]
	az HEAD c ""
	[ -z "$(header content-md5)" ]
	for k in "sp%20ace" "%25" "x%2By" "%C3%BC" "a//b" "d/" "%01"; do
		az PUT "n/$k" "" --data-binary @"$T/f" \
			-H "x-ms-blob-type: BlockBlob"
		az GET "n/$k" ""
		echo "$k $CODE"
		cmp "$T/body" "$T/f"
	done
	list prefix=sstables/n/
	[ "$(grep -o '<Blob>' "$T/body" | wc -l)" = 7 ]
	grep -q '<Name Encoded="true">sstables/n/%01</Name>' "$T/body"
}

@test "rights that are denied, a server without CRC64, faults" {
	sim_start --cloud azure --deny delete,list --no-crc64
	migrate
	echo 1 >"$T/f"
	put a "$T/f"
	[ "$CODE" = 201 ] && [ -z "$(header x-ms-content-crc64)" ]
	az DELETE a ""
	is 403 AuthorizationPermissionMismatch
	list
	is 403 AuthorizationPermissionMismatch
	put a "$T/f" -H "x-ms-content-crc64: $(crc64 "$T/f")"
	is 500 FeatureNotSupported
	block a 1 "$T/f" -H "x-ms-content-crc64: $(crc64 "$T/f")"
	is 500 FeatureNotSupported
	put a "$T/f" -H "Content-MD5: $(md5 "$T/f")"
	[ "$CODE" = 201 ]
	faults 'match=s3.part count=1 do=503 retry-after=3
match=s3.put count=1 do=lie-checksum
match=s3.get count=1 do=truncate
match=s3.complete count=1 do=500:OperationTimedOut
match=s3.complete count=1 after=1 do=cut-after
match=s3.head count=1 do=expire'
	block a 1 "$T/f"
	is 503 ServerBusy
	[ "$(header retry-after)" = 3 ]
	put a "$T/f" -H "Content-MD5: $(md5 "$T/f")"
	[ "$CODE" = 201 ] && [ "$(header content-md5)" != "$(md5 "$T/f")" ]
	az GET a ""
	[ "$(wc -c <"$T/body")" = 1 ]
	block a 1 "$T/f"
	commit a Latest:1
	is 500 OperationTimedOut
	run commit a Latest:1
	[ "$status" -ne 0 ]
	# It was done all the same.
	commit a Uncommitted:1
	is 400 InvalidBlockList
	az HEAD a ""
	[ "$CODE $(header x-ms-error-code)" = "403 AuthenticationFailed" ]
}

@test "the import reads it, cleanup empties it, no secret is in the log" {
	sim_start --cloud azure
	migrate
	echo 1 >"$T/f"
	put "$SNAP/nb-1-big-Data.db" "$T/f"
	block "$SNAP/nb-2-big-Data.db" 1 "$T/f"
	api POST "/$ID/launch" >/dev/null
	wait_status MigrationFailed
	api POST "/$ID/cleanup" >/dev/null
	wait_status Closed
	curl -sS "$CONTROL/state" | jq -e '.objects == 0 and .uploads == 0'
	[ -z "$(find "$T/cloud/buckets" -type f)" ]
	jq -se 'map(select(.kind == "s3.put")) | .[0].signed and
		.[0].query.sig == ""' "$T/log"
	run grep "${SAS##*sig=}" "$T/log" "$T/out"
	[ "$status" = 1 ]
}
