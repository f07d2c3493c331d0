#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Google's credentials in the rehearsal cloud, and what goes wrong on purpose;
# and two clients that others wrote: rclone, and Google's own library.

load astra-sim-gcs

### credentials

@test "status hands out a credentials file as documented" {
	gcs_start
	jq -e --arg dir "gs://$BUCKET/$P/" '.uploadBucketDir == $dir and
		.uploadCredentials.name == "TYPE_GOOGLE_CREDENTIALS_FILE" and
		(.uploadCredentials.keys | keys == ["file"]) and
		(.uploadCredentials.credentialExpiration | length == 20)' \
		"$T/status"
	jq -e '.type == "service_account" and (.private_key_id | length == 40)
		and (.client_email | endswith(".iam.gserviceaccount.com"))' \
		"$T/creds.json"
	[ "$(cred token_uri)" = "$GCS/token" ]
	openssl pkey -in "$T/key.pem" -noout
	head -1 "$T/key.pem" | grep -qx -- '-----BEGIN PRIVATE KEY-----'
	grep -qx "options=api_url=$API,gcs_endpoint=$GCS" "$T/ready"
	run grep s3_endpoint "$T/ready"
	[ "$status" = 1 ]
}

@test "an assertion is really checked: signature, issuer, audience, times" {
	gcs_start
	ask "$(jwt)"
	[ "$CODE" = 200 ]
	jq -e '.token_type == "Bearer" and .expires_in <= 3599 and
		.expires_in > 3000 and
		(.access_token | startswith("ya29."))' "$T/body"
	local a
	local -a bad=("$((NOW + 400))" "$NOW $((NOW + 3601))"
		"$((NOW - 4000)) $((NOW - 400))" "$NOW $NOW")
	for a in "${bad[@]}"; do
		# shellcheck disable=SC2086
		ask "$(jwt $a)"
		[ "$CODE $(field error)" = "400 invalid_grant" ]
	done
	ask "$(jwt "$NOW" "" https://oauth2.googleapis.com/other)"
	[ "$CODE $(field error)" = "400 invalid_grant" ]
	ask "$(jwt "$NOW" "" https://oauth2.googleapis.com/token)"
	[ "$CODE" = 200 ]
	ask "$(jwt "$NOW" "" "" 0123456789012345678901234567890123456789)"
	[ "$CODE $(field error)" = "400 invalid_grant" ]
	ask "$(jwt "$NOW" "" "" "" other@astra-sim.iam.gserviceaccount.com)"
	[ "$CODE $(field error)" = "400 invalid_grant" ]
	ask "$(SCOPE=devstorage.read_only jwt)"
	[ "$CODE $(field error)" = "400 invalid_grant" ]
	ask "$(SCOPE=cloud-platform jwt)"
	[ "$CODE" = 200 ]
	a=$(jwt)
	ask "${a%????}AAAA"
	[ "$CODE $(field error)" = "400 invalid_grant" ]
	ask none
	[ "$CODE $(field error)" = "400 invalid_grant" ]
	openssl genpkey -quiet -algorithm RSA -out "$T/key.pem" 2>/dev/null ||
		openssl genrsa -out "$T/key.pem" 2048
	ask "$(jwt)"
	[ "$CODE $(field error)" = "400 invalid_grant" ]
	run curl -sS -d grant_type=password "$GCS/token"
	[[ $output == *unsupported_grant_type* ]]
}

@test "the clock that counts is the server's" {
	gcs_start --clock-offset 1200
	ask "$(jwt)"
	[ "$CODE" = 200 ] # past by 20 minutes, but not over
	ask "$(jwt "$((NOW - 2800))")"
	[ "$CODE" = 400 ]
	ask "$(jwt "$((NOW + 1200))")"
	[ "$CODE" = 200 ]
	ask "$(jwt "$((NOW + 1200 + 400))")"
	[ "$CODE" = 400 ]
	take_token
	gcs GET "$B?prefix=$P/"
	[ "$CODE" = 200 ]
}

@test "authorized_user: a refresh token becomes an access token" {
	gcs_start --gcs-creds authorized_user
	[ "$(cred type)" = authorized_user ]
	curl -sS "$(cred token_uri)" -d grant_type=refresh_token \
		--data-urlencode "client_id=$(cred client_id)" \
		--data-urlencode "client_secret=$(cred client_secret)" \
		--data-urlencode "refresh_token=$(cred refresh_token)" \
		>"$T/body"
	AT=$(field access_token)
	printf x >"$T/f"
	upload a "$T/f"
	[ "$CODE" = 200 ]
	curl -sS "$(cred token_uri)" -d grant_type=refresh_token \
		--data-urlencode "client_id=$(cred client_id)" \
		-d client_secret=wrong \
		--data-urlencode "refresh_token=$(cred refresh_token)" \
		>"$T/body"
	[ "$(field error)" = invalid_grant ]
	ask x.y.z
	[ "$(field error)" = invalid_grant ]
}

@test "every request needs a token, and it is for one directory" {
	gcs_start
	take_token
	printf x >"$T/f"
	upload a "$T/f"
	[ "$CODE" = 200 ]
	local other=$AT
	AT=wrong gcs GET "$(object a)"
	[ "$CODE $(reason)" = "401 authError" ]
	[[ $(header WWW-Authenticate) == Bearer*invalid_token* ]]
	run curl -sS -D - "$(object a)"
	[[ $output == *" 401 "*"WWW-Authenticate: Bearer"*required* ]]
	run curl -sS "$(x a)"
	[[ $output == *"<Code>"* ]]
	for url in "$B?prefix=other" "$B" "$B/other%2Fkey" "$B/$ID%2Fx" \
		"$GCS/storage/v1/b/$BUCKET" "$GCS/$BUCKET/other" \
		"$GCS/$BUCKET?uploads"; do
		gcs GET "$url"
		[ "$CODE" = 403 ]
	done
	gcs GET "$GCS/storage/v1/b/elsewhere/o?prefix=$P/"
	[ "$CODE" = 404 ]
	ID=$(api POST /initialize | jq -r .migrationID)
	wait_status ReceivingFiles
	AT=$other gcs GET "$B?prefix=$ID/sstables/"
	[ "$CODE" = 403 ]
	take_file
	take_token
	gcs GET "$B?prefix=$ID/sstables/"
	[ "$CODE" = 200 ]
}

# answers CODE COMMAND...: does it now?
answers() {
	"${@:2}"
	[ "$CODE" = "$1" ]
}

@test "tokens and keys end with the credentials" {
	gcs_start --creds-life 8
	take_token
	jq -e '.expires_in <= 8' "$T/body"
	gcs GET "$B?prefix=$P/"
	[ "$CODE" = 200 ]
	wait_for 20 answers 401 gcs GET "$B?prefix=$P/"
	ask "$(jwt)"
	[ "$CODE $(field error)" = "400 invalid_grant" ]
	take_file
	take_token
	gcs GET "$B?prefix=$P/"
	[ "$CODE" = 200 ]
}

@test "POST /sim/expire, --creds-delay, launch and cleanup end access" {
	gcs_start --creds-delay 4
	ask "$(jwt)"
	[ "$CODE $(field error)" = "400 invalid_grant" ]
	wait_for 20 take_token
	printf x >"$T/f"
	upload a "$T/f"
	[ "$CODE" = 200 ]
	curl -sS -X POST "$CONTROL/expire"
	gcs GET "$(object a)"
	[ "$CODE" = 401 ]
	take_file
	wait_for 20 take_token
	gcreate b
	api POST "/$ID/launch" >/dev/null
	gcs GET "$(object a)"
	[ "$CODE $(reason)" = "403 forbidden" ]
	gcs PUT "$(x b)?partNumber=1&uploadId=$UP" -T "$T/f"
	[ "$CODE $(error_code)" = "403 AccessDenied" ]
	wait_status MigrationFailed
	[ -e "$OBJECTS/a" ]
	api POST "/$ID/cleanup" >/dev/null
	wait_status Closed
	[ ! -e "$OBJECTS" ]
	curl -sS "$CONTROL/state" | jq -e '.uploads == 0 and .objects == 0'
	ask "$(jwt)"
	[ "$CODE $(field error)" = "400 invalid_grant" ]
}

### trouble

@test "rights that are missing" {
	gcs_start --deny delete,uploads,list,parts,abort,get
	take_token
	printf x >"$T/f"
	upload a "$T/f"
	[ "$CODE" = 200 ]
	upload a "$T/f" # to replace is to delete
	[ "$CODE" = 403 ]
	gcreate b
	local url
	for url in "$B?prefix=$P/" "$(object a)?alt=media" "$(x a)" \
		"$GCS/$BUCKET?uploads&prefix=$P/" "$(x b)?uploadId=$UP" \
		"$(object none)"; do
		gcs GET "$url"
		[ "$CODE" = 403 ]
	done
	gcs DELETE "$(object a)"
	[ "$CODE $(reason)" = "403 forbidden" ]
	gcs DELETE "$(x b)?uploadId=$UP"
	[ "$CODE" = 403 ]
	gcs GET "$(object a)"
	[ "$CODE" = 200 ]
}

@test "faults: the kinds are S3's, and token" {
	gcs_start
	take_token
	printf x >"$T/f"
	faults "match=token count=1 do=503 retry-after=3
match=token after=1 count=1 do=400:invalid_grant
match=s3.put count=1 do=503
match=s3.put after=1 count=1 do=403:rateLimitExceeded
match=s3.put after=2 count=1 do=cut-after
match=s3.put after=3 count=1 do=lie-checksum
match=s3.create count=1 do=429
match=s3.complete count=1 do=200-error:InternalError
match=s3.complete after=1 count=1 do=lie-checksum
match=s3.part count=1 do=ignore-checksum
match=s3.part after=1 count=1 do=expire-body"
	ask "$(jwt)"
	[ "$CODE $(field error)" = "503 internal_failure" ]
	ask "$(jwt)"
	[ "$CODE $(field error)" = "400 invalid_grant" ]
	upload a "$T/f"
	[ "$CODE $(reason)" = "503 backendError" ]
	upload a "$T/f"
	[ "$CODE $(reason)" = "403 rateLimitExceeded" ]
	run upload a "$T/f"
	[ "$status" != 0 ]
	[ -e "$OBJECTS/a" ]
	upload a "$T/f"
	[ "$CODE" = 200 ]
	[ "$(field crc32c)" != "$(crc32c "$T/f")" ]
	gcreate b
	[ "$CODE $(error_code)" = "429 SlowDown" ]
	gcreate b
	gpart b 1 "$T/f" -H 'x-goog-hash: crc32c=AAAAAA=='
	[ "$CODE" = 200 ]
	gcomplete b "$(p_xml 1 "$T/f")"
	[ "$CODE $(error_code)" = "200 InternalError" ]
	[ ! -e "$OBJECTS/b" ]
	gcomplete b "$(p_xml 1 "$T/f")"
	[ "$CODE" = 200 ]
	[ "$(header x-goog-hash)" != "crc32c=$(crc32c "$T/f")" ]
	gcreate c
	gpart c 1 "$T/f"
	[ "$CODE" = 401 ]
	gcs GET "$(object a)"
	[ "$CODE" = 401 ]
	jq -es 'map(select(.kind == "token")) | map(.status) ==
		[200, 503, 400]' "$T/log"
	run grep -F -e "$AT" -e "$(cred private_key_id)" "$T/log"
	[ "$status" = 1 ]
}

@test "the import reads what came by this API" {
	gcs_start
	take_token
	printf x >"$T/f"
	upload bad "$T/f"
	api POST "/$ID/launch" >/dev/null
	wait_status MigrationFailed
	status | jq -e '.progressInfo | contains("bad")'
}

### clients that others wrote

lacks() { # PROGRAM: a skip, and in CI a failure
	[ "${CI:-}" != true ] || { echo "CI must have $1"; return 1; }
	skip "no $1"
}

@test "rclone lists, reads back, copies in" {
	command -v rclone >/dev/null || lacks rclone
	gcs_start
	take_token
	seq 1 100000 >"$T/f"
	upload "d1/one file" "$T/f"
	gcreate d1/two
	gpart d1/two 1 "$T/f"
	gcomplete d1/two "$(p_xml 1 "$T/f")"
	[ "$CODE" = 200 ]
	export RCLONE_CONFIG=$T/rclone.conf
	cat >"$RCLONE_CONFIG" <<-EOF
		[g]
		type = google cloud storage
		service_account_file = $T/creds.json
		endpoint = $GCS/storage/v1/
		bucket_policy_only = true
	EOF
	rclone --retries 1 lsf -R --format ps "g:$BUCKET/$P" >"$T/list"
	grep -qx "d1/one file;588895" "$T/list"
	grep -qx "d1/two;588895" "$T/list"
	rclone --retries 1 copy "g:$BUCKET/$P/d1" "$T/back"
	cmp "$T/f" "$T/back/one file"
	cmp "$T/f" "$T/back/two"
	mkdir "$T/up"
	cp "$T/f" "$T/up/three"
	rclone --retries 1 copy "$T/up" "g:$BUCKET/$P/d2"
	cmp "$T/f" "$OBJECTS/d2/three"
}

@test "Google's own library lists, reads back, uploads" {
	local python
	python=$(google_python) || lacks google-cloud-storage
	gcs_start
	take_token
	head -c 3000000 /dev/urandom >"$T/f"
	upload "d1/a b" "$T/f"
	gcreate d1/c
	gpart d1/c 1 "$T/f"
	gcomplete d1/c "$(p_xml 1 "$T/f")"
	"$python" - "$T" "$GCS" "$BUCKET" "$P" <<-'EOF'
		import sys
		from google.cloud import storage
		t, endpoint, bucket, p = sys.argv[1:]
		data = open(t + '/f', 'rb').read()
		client = storage.Client.from_service_account_json(
		    t + '/creds.json', client_options={'api_endpoint': endpoint})
		b = client.bucket(bucket)
		names = [x.name for x in client.list_blobs(b, prefix=p + '/')]
		assert names == [p + '/d1/a b', p + '/d1/c'], names
		for n in names:
		    blob = b.blob(n)
		    assert blob.download_as_bytes(checksum='crc32c') == data
		    blob.reload()
		    assert blob.size == len(data)
		assert b.blob(names[0]).download_as_bytes(start=5, end=9) == \
		    data[5:10]
		up = b.blob(p + '/d2/multipart')
		up.metadata = {'k': 'v'}
		up.upload_from_string(data, checksum='crc32c')
		big = b.blob(p + '/d2/resumable', chunk_size=1 << 20)
		big.upload_from_filename(t + '/f', checksum='crc32c',
		                         if_generation_match=0)
		try:
		    b.blob(p + '/d2/multipart').upload_from_string(
		        b'x', if_generation_match=0)
		    raise SystemExit('412 was expected')
		except Exception as e:
		    assert e.code == 412, e
		it = client.list_blobs(b, prefix=p + '/', delimiter='/')
		list(it)
		assert it.prefixes == {p + '/d1/', p + '/d2/'}, it.prefixes
		b.blob(names[0]).delete()
		assert not b.blob(names[0]).exists()
	EOF
	cmp "$T/f" "$OBJECTS/d2/multipart"
	cmp "$T/f" "$OBJECTS/d2/resumable"
}
