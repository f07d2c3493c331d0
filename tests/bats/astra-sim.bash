# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# For the tests of the rehearsal cloud by itself: starts it, asks its API with
# curl, signs S3 requests with openssl. Shares no code with the product.

# One key of a healthy SSTable's place, for the import tests.
TABLE=ks1/t1-0123456789abcdef0123456789abcdef
SNAP=node1/$TABLE/snapshots/tag1

setup() {
	ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
	SIM=${ASTRA_SIM:-${SL_BUILD:-$ROOT/build/plain}/astra-sim}
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
