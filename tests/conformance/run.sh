#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the conformance binary over every store that can be had here: a local
# directory, the null store, versitygw (an S3 server we did not write; from
# $SL_VERSITYGW, PATH or Go's bin), Ceph's gateway (a session token for one
# prefix; no checksums but Content-MD5), and astra-sim when given. Says what it
# skipped. Further words go to the binary of each run (say: --only 'list_*').
set -u

if [ $# -lt 1 ]; then
	echo "usage: run.sh CONFORMANCE [ASTRA_SIM] [WORD...]" >&2
	exit 2
fi
conf=$1
shift
sim=
if [ $# -gt 0 ] && [ "${1#--}" = "$1" ]; then
	sim=$1
	shift
fi

here=$(cd "$(dirname "$0")" && pwd)
dir=$(mktemp -d "${TMPDIR:-/tmp}/sl-conf-XXXXXX") || exit 2
server=
failed=0

# shellcheck disable=SC2317 # also called by the trap
stop_server() {
	if [ -n "$server" ]; then
		kill "$server" 2>/dev/null
		wait "$server" 2>/dev/null
		server=
	fi
}

# shellcheck disable=SC2317 # called by the trap
finish() {
	stop_server
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# NAME ARG...: one run of the binary.
run() {
	echo "== $1"
	shift
	"$conf" "$@" || failed=1
}

# A port nobody answers on; whoever is faster makes the caller try again.
some_port() {
	awk -v seed="$$$1" 'BEGIN { srand(seed + systime());
		print 20000 + int(rand() * 12000) }'
}

find_versitygw() {
	if [ -n "${SL_VERSITYGW:-}" ]; then
		echo "$SL_VERSITYGW"
	elif command -v versitygw >/dev/null; then
		command -v versitygw
	elif command -v go >/dev/null &&
		[ -x "$(go env GOPATH)/bin/versitygw" ]; then
		echo "$(go env GOPATH)/bin/versitygw"
	fi
}

# Waits for the server; fails when it has ended or does not answer.
answers() {
	n=0
	while [ $n -lt 100 ]; do
		kill -0 "$server" 2>/dev/null || return 1
		curl -s -o "$dir/answer" "http://127.0.0.1:$1/" && return 0
		n=$((n + 1))
		sleep 0.1
	done
	return 1
}

start_versitygw() {
	mkdir -p "$dir/s3/bucket"
	try=0
	while [ $try -lt 10 ]; do
		port=$(some_port $try)
		"$1" --access conformance --secret conformance-secret \
			--port "127.0.0.1:$port" posix "$dir/s3" \
			>"$dir/versitygw.log" 2>&1 &
		server=$!
		answers "$port" && return 0
		stop_server
		try=$((try + 1))
	done
	cat "$dir/versitygw.log" >&2
	return 1
}

over_versitygw() {
	gw=$(find_versitygw)
	if [ -z "$gw" ]; then
		echo "# skipped: s3 over versitygw (not installed)"
		return
	fi
	if ! start_versitygw "$gw"; then
		echo "not ok - versitygw does not start"
		failed=1
		return
	fi
	run "s3 over versitygw" --url s3://bucket/some/dir/ \
		--endpoint "http://127.0.0.1:$port" --region us-east-1 \
		--access conformance --secret conformance-secret "$@"
	stop_server
}

# The value of NAME in FILE of rgw.py.
rgw_value() {
	sed -n "s/^$1=//p" "$2"
}

# Its bucket takes no more than the token allows: each case below the prefix.
start_rgw() {
	sh "$here/rgw.sh" "$dir/rgw" 2>"$dir/rgw.log" &
	server=$!
	n=0
	while [ ! -s "$dir/rgw/ready" ]; do
		kill -0 "$server" 2>/dev/null || return 1
		[ $n -lt 600 ] || return 1
		n=$((n + 1))
		sleep 0.1
	done
	python3 "$here/rgw.py" session "$dir/rgw/ready" lists >"$dir/session" \
		2>>"$dir/rgw.log"
}

over_rgw() {
	for tool in radosgw radosgw-admin ceph ceph-mon ceph-osd setpriv \
		python3; do
		command -v $tool >/dev/null && continue
		echo "# skipped: s3 over Ceph's radosgw (no $tool)"
		return
	done
	if ! start_rgw; then
		echo "not ok - radosgw does not start"
		cat "$dir/rgw.log" >&2
		failed=1
		return
	fi
	run "s3 over Ceph's radosgw" --url "s3://$(rgw_value bucket \
		"$dir/rgw/ready")/$(rgw_value prefix "$dir/rgw/ready")/" \
		--endpoint "$(rgw_value endpoint "$dir/session")" \
		--region us-east-1 \
		--access "$(rgw_value access "$dir/session")" \
		--secret "$(rgw_value secret "$dir/session")" \
		--token "$(rgw_value token "$dir/session")" "$@"
	stop_server
}

# The value of NAME in what astra-sim printed when it was ready.
sim_value() {
	sed -n "s/^$1=//p" "$dir/sim.ready"
}

# METHOD PATH: a DevOps call; the token goes by a file, not by argv.
sim_call() {
	curl -s -X "$1" -H "@$dir/sim.header" \
		"$(sim_value api_url)/v2/databases/$(sim_value database)/$2"
}

# Starts astra-sim and a migration; its status, receiving, in sim.status.
start_sim() {
	"$sim" --dir "$dir/sim" --ready-file "$dir/sim.ready" \
		>"$dir/sim.log" 2>&1 &
	server=$!
	n=0
	while [ ! -s "$dir/sim.ready" ]; do
		kill -0 "$server" 2>/dev/null || return 1
		[ $n -lt 100 ] || return 1
		n=$((n + 1))
		sleep 0.1
	done
	(
		umask 077
		sed -n 's/^export ASTRA_DB_APPLICATION_TOKEN=/Authorization: Bearer /p' \
			"$dir/sim.ready" >"$dir/sim.header"
	)
	migration=$(sim_call POST migrations/initialize | jq -r .migrationID)
	n=0
	while [ $n -lt 100 ]; do
		sim_call GET "migrations/$migration" >"$dir/sim.status"
		[ "$(sim_status .status)" = ReceivingFiles ] && return 0
		n=$((n + 1))
		sleep 0.1
	done
	return 1
}

sim_status() {
	jq -r "$1" <"$dir/sim.status"
}

over_sim() {
	if ! start_sim; then
		echo "not ok - astra-sim does not start a migration"
		cat "$dir/sim.log" >&2
		failed=1
		return
	fi
	run "s3 over astra-sim" --url "$(sim_status .uploadBucketDir)" \
		--endpoint "$(sim_value s3_endpoint)" --region us-east-1 \
		--access "$(sim_status .uploadCredentials.keys.accessKeyID)" \
		--secret "$(sim_status .uploadCredentials.keys.secretAccessKey)" \
		--token "$(sim_status .uploadCredentials.keys.sessionToken)" "$@"
	stop_server
}

mkdir "$dir/file"
run "file" --url "file://$dir/file/" "$@"
if [ -n "$(ls -A "$dir/file")" ]; then
	echo "not ok - the file store left something behind:"
	ls -lA "$dir/file"
	failed=1
fi
run "null" --url null: "$@"
over_versitygw "$@"
over_rgw "$@"
if [ -n "$sim" ]; then
	over_sim "$@"
fi
exit $failed
