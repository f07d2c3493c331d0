#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Whole mounts over servers of Azure's and Google's dialects that we did not
# write: Azurite, whose signatures hold by a stored policy and are made by
# Azure's own library, and fake-gcs-server (JSON alone: no parts). A stand-in
# answers for the DevOps API. tests/conformance/run.sh runs the store's contract
# on both as well.

load helpers

setup() {
	unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY \
		HTTPS_PROXY ALL_PROXY NO_PROXY
	sl_root
	T=$BATS_TEST_TMPDIR
	m=$T/m
	src=$T/src
	dir=node1/ks/t-0123456789abcdef0123456789abcdef/snapshots/migrate1
	big=$dir/nb-1-big-Blob.db
	PEERS=()
	id=6d702b52-08ad-4100-bcb6-5a31e1d55616
	export ASTRA_DB_APPLICATION_TOKEN=AstraCS:of:another
	export SL_DB=b7e7761f-6f7f-4116-81a5-e8eefcf0cc1d
	echo "$ASTRA_DB_APPLICATION_TOKEN" >"$T/session.token"
	requires python3
}

teardown() {
	local pid
	sl_cleanup
	for pid in "${PEERS[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	[ -n "${BATS_TEST_COMPLETED:-}" ] || tail -n 20 "$T"/*.log "$T/asked"
}

# run_peer LOG PROGRAM...: ends with the test.
run_peer() {
	"${@:2}" >>"$T/$1.log" 2>&1 </dev/null 3>&- &
	PEERS+=($!)
}

# mount_at DIRECTORY [OPTION]: with what the stand-in for the API gives.
mount_at() {
	run_peer api python3 "$BATS_TEST_DIRNAME/rgw-peer.py" api "$T/port" \
		"$T/session" "$1" "$T/asked"
	wait_for 20 test -s "$T/port"
	SIM_OPTIONS=api_url=http://127.0.0.1:$(cat "$T/port")${2:+,$2}
	export SIM_OPTIONS
	remount
	sl_begin "$m"
}

remount() { sl_mount "$m" "node=node1,memory=64,state=$T/state"; }

# session LINE: what the API gives from now on, for a year.
session() {
	(
		umask 077
		printf '%s\n' "$1" "id=$id" "expires=$(date -u -d '+1 year' \
			+%Y-%m-%dT%H:%M:%SZ)" >"$T/session.new"
	)
	mv "$T/session.new" "$T/session"
}

# What the store took, by its own log.
writes() {
	cat "$T"/*.log |
		grep -cE 'PUT /peers/box/.* 201 |POST /upload/.* 200 ' || true
}

# A node is copied, compared, and copied again after a new mount.
copy_twice() {
	local file sent
	sl_unpack "$src"
	rsync -a "$src/node1/" "$m/node1/"
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
	sl_umount "$m"
	remount
	sent=$(writes)
	[ "$sent" -ge 10 ]
	rsync -a "$src/node1/" "$m/node1/"
	[ "$(writes)" -eq "$sent" ]
	while read -r file; do
		cmp "$src/$file" "$m/$file"
	done < <(cd "$src" && find node1 -path '*/snapshots/migrate1/*.db' \
		-not -path 'node1/system*' -not -path '*/migrate1/.*')
}

# --- Azurite

requires_azurite() {
	local modules
	azurite=${SL_AZURITE:-$(command -v azurite-blob)} ||
		azurite=$SL_ROOT/build/tools/node_modules/.bin/azurite-blob
	requires node "$azurite"
	modules=$(cd "$(dirname "$azurite")/.." && pwd)
	export NODE_PATH=$modules
	[ -d "$modules/@azure/storage-blob" ] || requires @azure/storage-blob
}

# policy NAME: the only one from now on; its signature is the session's.
policy() {
	node "$SL_ROOT/tests/conformance/azurite.js" "$endpoint" peers box \
		"$1" <"$T/key" >"$T/sas"
}
give_signature() { session "$(grep ^sas= "$T/sas")"; }

azurite_begin() {
	requires_azurite
	(umask 077 && head -c 64 /dev/urandom | base64 -w 0 >"$T/key")
	AZURITE_ACCOUNTS=peers:$(cat "$T/key") run_peer azurite "$azurite" \
		--location "$T/azurite" --blobHost 127.0.0.1 --blobPort 0 \
		--disableTelemetry --skipApiVersionCheck
	wait_for 30 grep -q 'listens on' "$T/azurite.log"
	endpoint=$(sed -n 's/.*listens on //p' "$T/azurite.log")/peers
	policy first
	give_signature
	mount_at "$endpoint/box/sstables/"
}

blocks() { grep -cE '"PUT /peers/box/.*comp=block&.* 201 ' "$T/azurite.log" || true; }

@test "Azurite: a node is copied, compared, copied again and launched" {
	azurite_begin
	copy_twice
	echo launch node1 >"$m/.launch"
	echo MigrationDone >"$m/.wait"
	sl_umount "$m"
}

@test "Azurite: killed in the middle, the same copy goes on with its blocks" {
	azurite_begin
	mkdir -p "$m/$dir"
	head -c 45000000 /dev/urandom >"$T/file"
	exec 7>"$m/$big"
	head -c 35000000 "$T/file" >&7
	wait_for 30 eval '[ "$(blocks)" -ge 4 ]'
	kill -KILL "${MOUNT_PID[$m]}"
	exec 7>&- || true
	fusermount3 -uz "$m"
	wait "${MOUNT_PID[$m]}" || true
	unset "MOUNT_PID[$m]"
	remount
	cp "$T/file" "$m/$big"
	[ "$(blocks)" -eq 6 ]
	cmp "$T/file" "$m/$big"
	sl_umount "$m"
}

@test "Azurite: its policy ends and another comes while a file is on its way" {
	azurite_begin
	mkdir -p "$m/$dir"
	head -c 45000000 /dev/urandom >"$T/file"
	exec 7>"$m/$big"
	head -c 20000000 "$T/file" >&7
	wait_for 30 eval '[ "$(blocks)" -ge 1 ]'
	policy second
	tail -c +20000001 "$T/file" >&7
	wait_for 30 grep -qE '"PUT /peers/.* 403 ' "$T/azurite.log"
	give_signature
	exec 7>&-
	cmp "$T/file" "$m/$big"
	[ "$(blocks)" -eq 6 ]
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
	sl_umount "$m"
}

# --- fake-gcs-server

free_port() {
	python3 -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

bucket_made() {
	curl -fsS -o "$T/made" -H 'Content-Type: application/json' \
		-d '{"name": "box"}' "$endpoint/storage/v1/b" 2>"$T/curl.log"
}

# A port may be taken by another in the meantime.
fake_gcs_listens() {
	for _ in 1 2 3; do
		endpoint=http://127.0.0.1:$(free_port)
		run_peer gcs "$fake" -backend memory -scheme http \
			-host 127.0.0.1 -port "${endpoint##*:}"
		wait_for 5 bucket_made && return
	done
	return 1
}

# It knows of no unfinished uploads, without whose list nothing is launched.
@test "fake-gcs-server: a node is copied, compared, and copied again" {
	fake=${SL_FAKE_GCS:-$(PATH=$PATH:$SL_ROOT/build/tools command -v \
		fake-gcs-server)} || fake="fake-gcs-server"
	requires "$fake"
	fake_gcs_listens
	run_peer tokens python3 "$SL_ROOT/tests/conformance/gcs_token.py" \
		"$T/gcs.json"
	wait_for 20 test -s "$T/gcs.json"
	session "file=$(base64 -w 0 "$T/gcs.json")"
	mount_at "gs://box/$id/sstables/" "gcs_endpoint=$endpoint"
	copy_twice
	run sh -c "echo launch node1 >'$m/.launch'"
	[ "$status" -ne 0 ]
	grep -q '^failed: cannot list unfinished uploads' "$m/.launch"
	sl_umount "$m"
}
