#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the conformance binary over every store that can be had here: a local
# directory, the null store, versitygw (an S3 server we did not write; from
# $SL_VERSITYGW, PATH or Go's bin), Ceph's gateway (a session token for one
# prefix; no checksums but Content-MD5), fake-gcs-server (Google's JSON API,
# found as versitygw is, or from $SL_FAKE_GCS; it has no multipart uploads),
# Azurite (from $SL_AZURITE or PATH; a SAS by stored access policy, made by
# Azure's own library beside it), and each dialect of astra-sim when given. Says
# what it skipped. Further words go to the binary of each run (say: --only
# 'list_*').
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
server=''
tokens=''
failed=0

# shellcheck disable=SC2317 # also called by the trap
stop_server() {
	for pid in $server $tokens; do
		kill "$pid" 2>/dev/null
		wait "$pid" 2>/dev/null
	done
	server=''
	tokens=''
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

# NAME [PATH]: a program of Go's; PATH if it is given. tools/check.sh puts them
# where the build is.
find_program() {
	if [ -n "${2:-}" ]; then
		echo "$2"
	elif command -v "$1" >/dev/null; then
		command -v "$1"
	elif [ -x "$here/../../build/tools/$1" ]; then
		echo "$here/../../build/tools/$1"
	elif command -v go >/dev/null &&
		[ -x "$(go env GOPATH)/bin/$1" ]; then
		echo "$(go env GOPATH)/bin/$1"
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
	gw=$(find_program versitygw "${SL_VERSITYGW:-}")
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

# Whom it lets in is nobody's business there; a token is asked for all the same.
start_fake_gcs() {
	python3 "$here/gcs_token.py" "$dir/gcs.json" \
		>"$dir/fake-gcs.log" 2>&1 &
	tokens=$!
	try=0
	while [ $try -lt 10 ]; do
		port=$(some_port "7$try")
		"$1" -backend memory -scheme http -host 127.0.0.1 \
			-port "$port" >>"$dir/fake-gcs.log" 2>&1 &
		server=$!
		answers "$port" && [ -s "$dir/gcs.json" ] &&
			curl -sf -o "$dir/answer" \
				-H 'Content-Type: application/json' \
				-d '{"name": "conformance"}' \
				"http://127.0.0.1:$port/storage/v1/b" &&
			return 0
		kill "$server" 2>/dev/null
		wait "$server" 2>/dev/null
		try=$((try + 1))
	done
	cat "$dir/fake-gcs.log" >&2
	stop_server
	return 1
}

over_fake_gcs() {
	fake=$(find_program fake-gcs-server "${SL_FAKE_GCS:-}")
	if [ -z "$fake" ]; then
		echo "# skipped: gcs over fake-gcs-server (not installed)"
		return
	fi
	if ! start_fake_gcs "$fake"; then
		echo "not ok - fake-gcs-server does not start"
		failed=1
		return
	fi
	run "gcs over fake-gcs-server" --url gs://conformance/some/dir/ \
		--endpoint "http://127.0.0.1:$port" --gcs-file "$dir/gcs.json" \
		--without multipart,uploads "$@"
	stop_server
}

# npm puts a package's programs beside its libraries.
find_azurite() {
	azurite=${SL_AZURITE:-$(command -v azurite-blob)}
	if [ -z "$azurite" ]; then
		azurite=$here/../../build/tools/node_modules/.bin/azurite-blob
	fi
	[ -x "$azurite" ] || return 1
	modules=$(cd "$(dirname "$azurite")/.." && pwd) || return 1
	[ -d "$modules/@azure/storage-blob" ]
}

start_azurite() {
	(umask 077 && head -c 64 /dev/urandom | base64 -w 0 >"$dir/key")
	try=0
	while [ $try -lt 10 ]; do
		port=$(some_port "9$try")
		AZURITE_ACCOUNTS="conformance:$(cat "$dir/key")" "$azurite" \
			--silent --location "$dir/azurite" \
			--blobHost 127.0.0.1 --blobPort "$port" \
			--disableTelemetry --skipApiVersionCheck \
			>"$dir/azurite.log" 2>&1 &
		server=$!
		answers "$port" && NODE_PATH=$modules node \
			"$here/azurite.js" \
			"http://127.0.0.1:$port/conformance" conformance \
			box <"$dir/key" >"$dir/sas" 2>>"$dir/azurite.log" &&
			return 0
		stop_server
		try=$((try + 1))
	done
	cat "$dir/azurite.log" >&2
	return 1
}

# What it cannot check (CRC64) is met with Content-MD5.
over_azurite() {
	if ! find_azurite; then
		echo "# skipped: azure over Azurite (not installed)"
		return
	fi
	if ! start_azurite; then
		echo "not ok - azurite does not start"
		failed=1
		return
	fi
	run "azure over Azurite" \
		--url "$(sed -n 's/^url=//p' "$dir/sas")/some/dir/" \
		--sas "$(sed -n 's/^sas=//p' "$dir/sas")" "$@"
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

# CLOUD: starts astra-sim and a migration; its status, receiving, in
# sim.status.
start_sim() {
	rm -rf "$dir/sim" "$dir/sim.ready"
	"$sim" --cloud "$1" --dir "$dir/sim" --ready-file "$dir/sim.ready" \
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

# CLOUD WORD...
over_sim() {
	cloud=$1
	shift
	if ! start_sim "$cloud"; then
		echo "not ok - astra-sim does not start a migration ($cloud)"
		cat "$dir/sim.log" >&2
		failed=1
		return
	fi
	"over_sim_$cloud" "$@"
	stop_server
}

# shellcheck disable=SC2317 # called by its name
over_sim_gcs() {
	(
		umask 077
		sim_status .uploadCredentials.keys.file | base64 -d \
			>"$dir/gcs.json"
	)
	run "gcs over astra-sim" --url "$(sim_status .uploadBucketDir)" \
		--endpoint "$(sim_value gcs_endpoint)" \
		--gcs-file "$dir/gcs.json" "$@"
}

# shellcheck disable=SC2317 # called by its name
over_sim_azure() {
	run "azure over astra-sim" --url "$(sim_status .uploadBucketDir)" \
		--sas "$(sim_status .uploadCredentials.keys.urlSignature)" "$@"
}

# shellcheck disable=SC2317 # called by its name
over_sim_s3() {
	run "s3 over astra-sim" --url "$(sim_status .uploadBucketDir)" \
		--endpoint "$(sim_value s3_endpoint)" --region us-east-1 \
		--access "$(sim_status .uploadCredentials.keys.accessKeyID)" \
		--secret "$(sim_status .uploadCredentials.keys.secretAccessKey)" \
		--token "$(sim_status .uploadCredentials.keys.sessionToken)" "$@"
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
over_fake_gcs "$@"
over_azurite "$@"
if [ -n "$sim" ]; then
	for cloud in s3 gcs azure; do
		over_sim "$cloud" "$@"
	done
fi
exit $failed
