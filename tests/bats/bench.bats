#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The benchmark itself: its sink answers as a store would, and a tiny run of
# it ends in a table that counts what was asked. No time is looked at.

load helpers

setup() {
	sl_root
	requires python3 curl jq
	[ -x "$SL_BUILD/tests/sink" ] || {
		[ "${CI:-}" != true ] || return 1
		skip "the sink is not built: make bench-programs"
	}
	BENCH_JSON=$BATS_TEST_TMPDIR/rows
	export BENCH_DIR=$BATS_TEST_TMPDIR BENCH_JSON
	cd "$BATS_TEST_TMPDIR" || return 1
}

teardown() {
	[ -z "${SINK_PID:-}" ] || kill "$SINK_PID"
}

# bench SCALE TOOLS SCENARIO
bench() {
	BENCH_SCALE=$1 BENCH_TOOLS=$2 \
		run python3 -B "$SL_ROOT/tests/bench/run.py" "$3"
	echo "$output"
	[ "$status" -eq 0 ]
}

# rows FILTER: how many rows hold what the filter says. 'own': requests for
# files, without those of the mount for itself: it lists directories, and tries
# at its start whether it may delete.
rows() {
	jq -s "def own: .sink.total - .sink.requests.list -
		.sink.requests.delete; map(select($1)) | length" "$BENCH_JSON"
}

# start_sink [OPTION...]: sets U
start_sink() {
	local ready=$BATS_TEST_TMPDIR/ready
	"$SL_BUILD/tests/sink" --ready-file "$ready" "$@" 3>&- &
	SINK_PID=$!
	wait_for 10 test -s "$ready"
	U=$(cat "$ready")
}

stat_of() { curl -sS "$U/stats" | jq -r "$1"; }

@test "a file in N parts makes N+2 requests, and the table says so" {
	bench 0.01 sideloadfs big
	[ "$(rows '.table == "4 GiB in one file"')" -eq 1 ]
	[ "$(rows '.table == "4 GiB in one file" and
		.sink.requests.create == 1 and .sink.requests.complete == 1 and
		.sink.requests.part >= 2 and .sink.bytes == .bytes and
		own == .sink.requests.part + 2')" -eq 1 ]
	[ "$(rows '.table == "8 x 512 MiB" and .sink.bytes == .bytes')" -eq 1 ]
	total=$(jq -s '.[0].sink.total' "$BENCH_JSON")
	[[ "$output" == *"sideloadfs cp "*" $total.00 "* ]]
}

@test "a small file is one request, by cp and by rsync" {
	requires rsync
	bench 0.02 "sideloadfs nullfs" small
	[ "$(rows '.tool == "sideloadfs" and .files == 80 and
		.sink.requests.put == 80 and .sink.bytes == .bytes and
		own == 80')" -eq 2 ]
	[ "$(rows '.tool == "nullfs" and .sink.total == 0')" -eq 2 ]
	[[ "$output" == *"sideloadfs rsync "*" 1.0"* ]]
}

@test "sixteen copies side by side, each answer delayed" {
	bench 0.02 sideloadfs latency
	[ "$(rows '.how == "16 cp" and .sink.requests.put == .files and
		own == .files and .sink.bytes == .bytes')" -eq 1 ]
}

@test "a tool that is not there is named" {
	local program python
	# Where python3 is a shim, what it stands for.
	python=$(python3 -c 'import sys; print(sys.executable)')
	mkdir bin
	for program in sh cp sed uname env awk curl; do
		ln -s "$(command -v "$program")" bin/
	done
	PATH=$BATS_TEST_TMPDIR/bin BENCH_SCALE=0.001 \
		BENCH_TOOLS="rclone-copy curl" run "$python" -B \
		"$SL_ROOT/tests/bench/run.py" percon
	echo "$output"
	[ "$status" -eq 0 ]
	[[ "$output" == *"rclone-copy : skipped, no rclone here"* ]]
	[[ "$output" == *"curl -T "* ]]
}

@test "the sink stores names and sizes, lists them and gives zeros back" {
	start_sink
	head -c 3000000 /dev/urandom >f
	for key in a/1 a/2 b/c/1 d; do
		curl -sSf -T f \
			-H 'x-amz-checksum-crc32: AAAAAA==' \
			-D head "$U/bucket/$key"
	done
	grep -qi '^x-amz-checksum-crc32: AAAAAA==' head
	[ "$(stat_of '[.requests.put, .bytes, .objects] | @csv')" = \
		4,12000000,4 ]
	curl -sSf "$U/bucket?list-type=2&delimiter=/&max-keys=2" >page
	[ "$(grep -o '<Prefix>[ab]/</Prefix>' page | wc -l)" -eq 2 ]
	grep -q '<IsTruncated>true' page
	token=$(sed -n 's/.*<NextContinuationToken>\(.*\)<.Next.*/\1/p' page)
	curl -sSf -G "$U/bucket?list-type=2&delimiter=/" \
		--data-urlencode "continuation-token=${token%%<*}" >page
	[ "$(grep -o '<Key>[^<]*' page)" = '<Key>d' ]
	[ "$(grep -c CommonPrefixes page)" -eq 0 ]
	curl -sSf -r 2999990-4000000 "$U/bucket/d" >got
	cmp got <(head -c 10 /dev/zero)
	curl -sSf -X DELETE "$U/bucket/d"
	[ "$(curl -s -o got -w '%{http_code}' "$U/bucket/d")" = 404 ]
	curl -sSf -X POST "$U/stats/reset" >got
	[ "$(stat_of '.total')" -eq 0 ]
}

@test "the sink over TLS, with delays and slow connections" {
	requires openssl
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=sink \
		-addext subjectAltName=IP:127.0.0.1 -keyout key.pem \
		-out cert.pem 2>openssl.log
	start_sink --tls cert.pem key.pem --latency-ms 50 --conn-mbps 20
	export CURL_CA_BUNDLE=$PWD/cert.pem
	head -c 2000000 /dev/urandom >f
	seq 8 | xargs -P 8 -I{} curl -sSf -T f "$U/bucket/{}"
	[ "$(stat_of '[.requests.put, .bytes, .in_flight] | @csv')" = \
		8,16000000,0 ]
	# Delays are not in each other's way.
	[ "$(stat_of .max_in_flight)" -gt 1 ]
	cmp <(curl -sSf "$U/bucket/1") <(head -c 2000000 /dev/zero)
}

@test "validate: the same bytes, judged and not" {
	BENCH_REPEAT=1 bench 0.01 sideloadfs validate
	[ "$(rows '.table == "judging" and .ratio > 0')" -eq 4 ]
}

@test "check: sideload-check reads all of it and finds nothing wrong" {
	bench 0.05 "cksum sideload-check" check
	[ "$(rows '.tool == "cksum"')" -eq 2 ]
	[ "$(rows '.tool == "sideload-check" and .cpu > 0 and
		.bytes > 90000000')" -eq 4 ]
}
