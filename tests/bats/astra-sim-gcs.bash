# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034,SC2119,SC2120,SC2154
# Google's dialect of the rehearsal cloud, asked by clients that share no code
# with it: curl with assertions signed by openssl, CRC32C by python.

load astra-sim

gcs_start() { # [ASTRA-SIM OPTIONS]
	sim_start --cloud gcs "$@"
	GCS=$(sed -n s/^gcs_endpoint=//p "$T/ready")
	ID=$(api POST /initialize | jq -r .migrationID)
	wait_status ReceivingFiles
	take_file
	P=$ID/sstables
	OBJECTS=$T/cloud/buckets/$BUCKET/objects/$P
	B=$GCS/storage/v1/b/$BUCKET/o
	U=$GCS/upload/storage/v1/b/$BUCKET/o
	NOW=$(date +%s)
}

take_file() {
	status >"$T/status"
	jq -r .uploadCredentials.keys.file "$T/status" | base64 -d \
		>"$T/creds.json"
	jq -r '.private_key // ""' "$T/creds.json" >"$T/key.pem"
}

cred() { jq -r ".$1" "$T/creds.json"; }
b64url() { base64 -w0 | tr '+/' '-_' | tr -d '='; }

# jwt [IAT [EXP [AUD [KID [ISS]]]]]
jwt() {
	local iat=${1:-$NOW} head claims
	head=$(jq -nc --arg kid "${4:-$(cred private_key_id)}" \
		'{alg: "RS256", typ: "JWT", kid: $kid}' | b64url)
	claims=$(jq -nc --arg iss "${5:-$(cred client_email)}" \
		--arg aud "${3:-$(cred token_uri)}" --argjson iat "$iat" \
		--arg scope "https://www.googleapis.com/auth/${SCOPE:-devstorage.read_write}" \
		--argjson exp "${2:-$((iat + 3600))}" '{iss: $iss, aud: $aud,
		scope: $scope, iat: $iat, exp: $exp}' | b64url)
	printf '%s.%s.%s' "$head" "$claims" "$(printf %s "$head.$claims" |
		openssl dgst -sha256 -sign "$T/key.pem" -binary | b64url)"
}

# ask ASSERTION: answer in $T/body, status in $CODE.
ask() {
	CODE=$(curl -sS -o "$T/body" -w '%{http_code}' "$(cred token_uri)" \
		-d grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer \
		--data-urlencode "assertion=$1")
}

take_token() {
	ask "$(jwt)"
	[ "$CODE" = 200 ] || return 1
	AT=$(jq -r .access_token "$T/body")
}

# gcs METHOD URL [CURL ARGS]: as the holder of $AT.
gcs() {
	local m=$1 url=$2
	shift 2
	local -a how=(-X "$m")
	[ "$m" = HEAD ] && how=(-I)
	: >"$T/body"
	CODE=$(curl -sS --path-as-is "${how[@]}" -o "$T/body" -D "$T/head" \
		-w '%{http_code}' -H "Authorization: Bearer $AT" "$@" "$url")
}

escape() { jq -rn --arg s "$1" '$s | @uri'; }
object() { printf '%s/%s' "$B" "$(escape "$P/$1")"; }
field() { jq -r ".$1" "$T/body"; }
reason() { jq -r '.error.errors[0].reason' "$T/body"; }

crc32c() { # FILE -> base64 of the big-endian CRC32C, bit by bit
	python3 - "$1" <<-'EOF'
		import base64, sys
		table = []
		for i in range(256):
		    for _ in range(8):
		        i = i >> 1 ^ (0x82f63b78 if i & 1 else 0)
		    table.append(i)
		c = 0xffffffff
		for b in open(sys.argv[1], 'rb').read():
		    c = table[(c ^ b) & 255] ^ c >> 8
		print(base64.b64encode((c ^ 0xffffffff).to_bytes(4, 'big')).decode())
	EOF
}
md5_b64() { openssl dgst -md5 -binary "$1" | base64; }

# upload KEY FILE [JSON MEMBERS [QUERY]]: in one multipart/related request.
upload() {
	local name
	name=$(jq -n --arg n "$P/$1" '$n')
	{
		printf -- '--b0\r\nContent-Type: application/json\r\n\r\n'
		printf '{"name": %s%s}\r\n--b0\r\n' "$name" "${3:+, $3}"
		printf 'Content-Type: text/x-test\r\n\r\n'
		cat "$2"
		printf '\r\n--b0--\r\n'
	} >"$T/related"
	gcs POST "$U?uploadType=multipart${4:+&$4}" \
		-H 'Content-Type: multipart/related; boundary="b0"' \
		--data-binary @"$T/related"
}

x() { printf '%s/%s/%s' "$GCS" "$BUCKET" "$P/$1"; }
gcreate() {
	gcs POST "$(x "$1")?uploads" -H 'Content-Length: 0' "${@:2}"
	UP=$(xml UploadId)
}
gpart() { # KEY N FILE [CURL ARGS]
	gcs PUT "$(x "$1")?partNumber=$2&uploadId=$UP" -T "$3" "${@:4}"
}
gcomplete() { # KEY XML
	printf '<CompleteMultipartUpload>%s</CompleteMultipartUpload>' "$2" \
		>"$T/xml"
	gcs POST "$(x "$1")?uploadId=$UP" -H 'Content-Type: application/xml' \
		--data-binary @"$T/xml"
}

wait_for() { # SECONDS COMMAND...: until it succeeds
	local deadline=$((SECONDS + $1))
	until "${@:2}"; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.2
	done
}

# A python that has google-cloud-storage: the one there is, or that which
# tools/check.sh made.
google_python() {
	local p
	for p in python3 "$ROOT/build/tools/python/bin/python3"; do
		"$p" -c 'import google.cloud.storage' 2>/dev/null || continue
		echo "$p"
		return 0
	done
	return 1
}
