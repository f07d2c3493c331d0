# SPDX-License-Identifier: Apache-2.0
# shellcheck shell=bash disable=SC2034
# For the tests of the rehearsal cloud's Azure: requests by curl. Signatures
# and CRC64 are computed once more by astra-sim-azure.py. After astra-sim.bash,
# whose take_keys and put it replaces.

HELP="$BATS_TEST_DIRNAME/astra-sim-azure.py"
V="x-ms-version: 2021-12-02"

take_keys() {
	status >"$T/status"
	SAS=$(jq -r .uploadCredentials.keys.urlSignature "$T/status")
	DIR=$(jq -r .uploadBucketDir "$T/status")
	CONTAINER=${DIR%/sstables/}
}

# az METHOD BLOB QUERY [CURL ARGS]: BLOB is below sstables/; a container's
# request has "" and its query says so. As s3: $T/body, $T/head, $CODE.
az() {
	local method=$1 url=$CONTAINER query=$3
	[ -z "$2" ] || url=$DIR$2
	shift 3
	: >"$T/body"
	local -a how=(-X "$method")
	[ "$method" = HEAD ] && how=(-I)
	CODE=$(curl -sS --path-as-is "${how[@]}" -o "$T/body" -D "$T/head" \
		-w '%{http_code}' -H "$V" "$@" \
		"$url?${query:+$query&}$SAS")
}
put() { # BLOB FILE [CURL ARGS]
	local blob=$1 file=$2
	shift 2
	az PUT "$blob" "" -T "$file" -H "x-ms-blob-type: BlockBlob" "$@"
}
block() { # BLOB N FILE [CURL ARGS]
	local blob=$1 id
	id=$(block_id "$2")
	local file=$3
	shift 3
	az PUT "$blob" "comp=block&blockid=${id//=/%3D}" -T "$file" "$@"
}
block_id() { printf "%0${ID_LENGTH:-16}d" "$1" | base64 -w0; }
crc64() { python3 "$HELP" crc64 "$1"; }
md5() { openssl dgst -md5 -binary "$1" | base64; }
blocks() { # Latest:1 Committed:2...  -> $T/xml
	local b
	{
		printf '<?xml version="1.0" encoding="utf-8"?><BlockList>'
		for b; do
			printf '<%s>%s</%s>' "${b%:*}" "$(block_id "${b#*:}")" \
				"${b%:*}"
		done
		printf '</BlockList>'
	} >"$T/xml"
}
commit() { # BLOB [Latest:1...] [-H...]
	local blob=$1
	local -a list=()
	shift
	while [[ ${1-} == [A-Z]* ]]; do
		list+=("$1")
		shift
	done
	blocks "${list[@]}"
	az PUT "$blob" comp=blocklist --data-binary @"$T/xml" "$@"
}
list() { az GET "" "restype=container&comp=list${1:+&$1}"; } # QUERY
names() { grep -o '<Name[^<]*' "$T/body" | sed 's/.*>//; s:^sstables/::' |
	tr '\n' ' '; }
is() { # STATUS CODE
	[ "$CODE $(error_code)" = "$1 $2" ] &&
		[ "$(header x-ms-error-code)" = "$2" ] && return
	echo "answered $CODE $(cat "$T/head" "$T/body")" >&2
	return 1
}
