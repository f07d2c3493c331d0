#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What lies between a database host and the cloud: proxies and private CAs,
# found by the usual variables.

load helpers

setup() {
	requires python3 openssl
	# Not what the machine itself is set to.
	unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY \
		HTTPS_PROXY ALL_PROXY NO_PROXY CURL_CA_BUNDLE SSL_CERT_FILE \
		SSL_CERT_DIR AWS_CA_BUNDLE
	PEERS=()
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	log=$BATS_TEST_TMPDIR/proxy.log
	: >"$log"
	data=node1/ks/t-0123456789abcdef0123456789abcdef/snapshots/s1
	src=$BATS_TEST_TMPDIR/src
	mkdir -p "$src"
	head -c 300000 /dev/urandom >"$src/nb-1-big-Data.db"
}

teardown() {
	sl_cleanup
	local pid
	for pid in "${PEERS[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}

# peer NAME MODE ARGUMENTS...: sets PEER_PORT.
peer() {
	local file=$BATS_TEST_TMPDIR/$1.port
	shift
	python3 "$BATS_TEST_DIRNAME/netpeer.py" "$1" "$file" "${@:2}" \
		2>>"$BATS_TEST_TMPDIR/peer.log" </dev/null 3>&- &
	PEERS+=($!)
	wait_for 20 test -s "$file" || {
		cat "$BATS_TEST_TMPDIR/peer.log"
		return 1
	}
	PEER_PORT=$(cat "$file")
}

# port_of NAME: of an address in SIM_OPTIONS.
port_of() { sed -n "s|.*$1=http://127.0.0.1:\([0-9]*\).*|\1|p" <<<"$SIM_OPTIONS"; }

# A CA of our own and a certificate for 127.0.0.1 that it has signed.
make_ca() {
	local d=$BATS_TEST_TMPDIR
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout "$d/ca.key" \
		-out "$d/ca.pem" -subj /CN=test-ca 2>"$d/openssl.log" &&
		openssl req -newkey rsa:2048 -nodes -keyout "$d/tls.key" \
			-out "$d/tls.csr" -subj /CN=127.0.0.1 \
			-addext subjectAltName=IP:127.0.0.1 \
			2>>"$d/openssl.log" &&
		openssl x509 -req -in "$d/tls.csr" -CA "$d/ca.pem" \
			-CAkey "$d/ca.key" -set_serial 7 -days 2 \
			-copy_extensions copyall -out "$d/tls.pem" \
			2>>"$d/openssl.log"
}

# The API and S3 behind TLS; PLAIN_API keeps the API as it was.
behind_tls() {
	local api s3 d=$BATS_TEST_TMPDIR
	make_ca || {
		cat "$d/openssl.log"
		return 1
	}
	peer api tls "$d/tls.pem" "$d/tls.key" "$(port_of api_url)"
	api=https://127.0.0.1:$PEER_PORT
	peer s3 tls "$d/tls.pem" "$d/tls.key" "$(port_of s3_endpoint)"
	s3=https://127.0.0.1:$PEER_PORT
	[ -z "${PLAIN_API:-}" ] || api=http://127.0.0.1:$(port_of api_url)
	SIM_OPTIONS="api_url=$api,s3_endpoint=$s3"
}

# A file up, and what the store's own disk says.
copies() {
	sl_begin "$m"
	mkdir -p "$m/$data"
	cp "$src/nb-1-big-Data.db" "$m/$data/"
	cmp "$src/nb-1-big-Data.db" "$(sl_bucket "$m")/$data/nb-1-big-Data.db"
}

@test "http_proxy is used, for the API and for S3" {
	peer proxy proxy "$log"
	http_proxy=http://127.0.0.1:$PEER_PORT sl_mount "$m"
	copies
	sl_umount "$m"
	grep -qE '^POST http://.*/migrations/initialize' "$log"
	grep -qE '^PUT http://.*/nb-1-big-Data.db x-amz-checksum-crc32$' "$log"
}

@test "NO_PROXY is honoured" {
	peer proxy proxy "$log"
	http_proxy=http://127.0.0.1:$PEER_PORT NO_PROXY=127.0.0.1,localhost \
		sl_mount "$m"
	copies
	sl_umount "$m"
	[ ! -s "$log" ]
}

@test "a store that ignores checksums gets Content-MD5" {
	peer proxy proxy "$log"
	echo 'match=s3.* do=ignore-checksum' >"$BATS_TEST_TMPDIR/faults"
	sl_sim_stop
	SIM_DIR=$BATS_TEST_TMPDIR/sim2 sl_sim_start \
		--faults "$BATS_TEST_TMPDIR/faults"
	http_proxy=http://127.0.0.1:$PEER_PORT sl_mount "$m"
	SIM_DIR=$BATS_TEST_TMPDIR/sim2 copies
	sl_umount "$m"
	grep -E '^PUT http://.*Data.db' "$log" | tail -n 1 | grep -q content-md5
}

@test "HTTPS_PROXY tunnels to the API and to S3 with a private CA" {
	behind_tls
	peer proxy proxy "$log"
	HTTPS_PROXY=http://127.0.0.1:$PEER_PORT \
		SSL_CERT_FILE=$BATS_TEST_TMPDIR/ca.pem sl_mount "$m"
	copies
	sl_umount "$m"
	[ "$(grep -c '^CONNECT 127.0.0.1:' "$log")" -ge 2 ]
	if grep -v '^CONNECT ' "$log"; then return 1; fi
}

# with_ca VARIABLE: a mount that trusts our CA by it.
with_ca() {
	behind_tls
	export "$1=$BATS_TEST_TMPDIR/ca.pem"
	sl_mount "$m"
	copies
	sl_umount "$m"
}

@test "a private CA by CURL_CA_BUNDLE" { with_ca CURL_CA_BUNDLE; }
@test "a private CA by SSL_CERT_FILE" { with_ca SSL_CERT_FILE; }
@test "a private CA by AWS_CA_BUNDLE" { with_ca AWS_CA_BUNDLE; }

api_says() { status_of "$m" .local.api.error | grep -qi "$1"; }

@test "an API that is not trusted: mounted, and .status says why" {
	behind_tls
	sl_mount "$m" node=node1,migration=6e6f2c5e-4d1c-4a0b-8a53-6a1f0b6d3c11
	wait_for 20 api_says 'certificate' || {
		cat "$m/.status"
		return 1
	}
	run mkdir -p "$m/$data"
	[ "$status" -ne 0 ]
	sl_umount "$m"
}

@test "a store that is not trusted: no copy begins, and why is said" {
	PLAIN_API=1 behind_tls
	sl_mount "$m"
	sl_begin "$m"
	run timeout 20 cp -r "$src" "$m/node1"
	echo "$output"
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
	grep -i 'certificate is not trusted' "$m/.errors"
	[ "$(find "$SIM_DIR" -path '*/objects/*' -type f | wc -l)" -eq 0 ]
	sl_umount "$m"
}

# refused_bundle PATTERN FILE: no mount with such a bundle.
refused_bundle() {
	mkdir -p "$m"
	SSL_CERT_FILE=$2 run timeout 20 sideloadfs -f \
		-o "node=node1,state=$BATS_TEST_TMPDIR/st,$SIM_OPTIONS" \
		"$SL_DB" "$m"
	echo "$output"
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || return 1
	[[ $output == *SSL_CERT_FILE* ]] || return 1
	[[ $output =~ $1 ]]
}

@test "a CA bundle that is absent or holds no certificate" {
	refused_bundle 'No such file' "$BATS_TEST_TMPDIR/absent.pem"
	echo hello >"$BATS_TEST_TMPDIR/empty.pem"
	refused_bundle 'no PEM certificate' "$BATS_TEST_TMPDIR/empty.pem"
}
