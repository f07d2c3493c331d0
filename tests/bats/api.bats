#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The DevOps API in trouble, seen through the mount: answers that are none,
# answers that get lost, a service that is away, late, or says what nobody
# has heard of. What was really asked is read from astra-sim's request log.

load helpers

setup() {
	log=$BATS_TEST_TMPDIR/requests
	m=$BATS_TEST_TMPDIR/m
	src=$BATS_TEST_TMPDIR/src
	fake_pid=
	SIM_PID=
}
teardown() {
	[ -z "$SIM_PID" ] || kill -CONT "$SIM_PID" 2>/dev/null || true
	sl_cleanup
	[ -z "$fake_pid" ] || {
		kill "$fake_pid" 2>/dev/null || true
		wait "$fake_pid" || true
	}
}

begin() { # ASTRA-SIM OPTIONS...
	sl_sim_start --log "$log" "$@"
	sl_mount "$m"
	sl_begin "$m"
	id=$(status_of "$m" .migrationID)
}

faults() { # LINE...: from now on
	curl -fsS -o /dev/null --data-binary "$(printf '%s\n' "$@")" \
		"$(sed -n 's/^control=//p' "$BATS_TEST_TMPDIR/sim.ready")/faults"
}

asked() { # KIND NUMBER: so many requests of this kind were made
	local n
	n=$(jq -s --arg k "$1" 'map(select(.kind == $k)) | length' "$log")
	[ "$n" -eq "$2" ] || {
		echo "$n requests of $1, not $2"
		return 1
	}
}

put() { # FILE LINE: writes it; $status and $output as of 'run'
	run timeout 60 bash -c 'printf "%s\n" "$1" >"$0"' "$m/.$1" "$2"
}

put_ok() { # FILE LINE
	put "$@"
	[ "$status" -eq 0 ] || {
		echo "$1 did not take '$2': $output"
		cat "$m/.$1"
		return 1
	}
}

refused() { # ERRNO-TEXT FILE LINE
	local text=$1
	shift
	put "$@"
	if [ "$status" -eq 0 ] || [[ $output != *"$text"* ]]; then
		echo "$1 $2: ended with $status, $output"
		cat "$m/.$1"
		return 1
	fi
}

copy_node1() {
	sl_unpack "$src"
	rsync -a "$src/node1/" "$m/node1/"
}

copy_one() {
	local dir=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/tag1
	mkdir -p "$m/$dir"
	head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/nb-1-big-Blob.db"
	cp "$BATS_TEST_TMPDIR/nb-1-big-Blob.db" "$m/$dir/"
}

# fake_api: an API that answers what is in $BATS_TEST_TMPDIR/answer (status
# line, headers, blank line, body) and counts whom else it was asked for.
fake_api() {
	sl_root
	answer=$BATS_TEST_TMPDIR/answer
	python3 - "$BATS_TEST_TMPDIR" 3>&- <<'P' &
import os, socketserver, sys, threading
top = sys.argv[1]

class Api(socketserver.StreamRequestHandler):
    trap = False
    def handle(self):
        lines = []
        while (line := self.rfile.readline().strip()):
            lines.append(line)
        name = "trapped" if self.trap else "asked"
        with open(f"{top}/{name}", "ab") as f:
            f.write(lines[0] + b"\n")
        with open(f"{top}/answer", "rb") as f:
            head, _, body = f.read().partition(b"\n\n")
        head = head.replace(b"\n", b"\r\n")
        self.wfile.write(b"HTTP/1.1 " + head + b"\r\nConnection: close\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(body) + body)

class Trap(Api):
    trap = True

class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True

api = Server(("127.0.0.1", 0), Api)
trap = Server(("127.0.0.1", 0), Trap)
threading.Thread(target=trap.serve_forever, daemon=True).start()
with open(f"{top}/ports.tmp", "w") as f:
    f.write(f"{api.server_address[1]} {trap.server_address[1]}\n")
os.rename(f"{top}/ports.tmp", f"{top}/ports")
api.serve_forever()
P
	fake_pid=$!
	wait_for 20 test -s "$BATS_TEST_TMPDIR/ports"
	read -r port trap_port <"$BATS_TEST_TMPDIR/ports"
	id=6d54b7b4-2b3c-4f0e-9f67-1a2b3c4d5e6f
	SL_DB=1b2c3d4e-5f60-4718-8293-a4b5c6d7e8f9
	export ASTRA_DB_APPLICATION_TOKEN=AstraCS:fake:secret0123456789
	# shellcheck disable=SC2034 # for sl_mount
	SIM_OPTIONS="api_url=http://127.0.0.1:$port,s3_endpoint=http://127.0.0.1:$trap_port"
}

answer() { # STATUS-LINE BODY [HEADER]
	printf '%s\nContent-Type: application/json%s\n\n%s' "$1" \
		"${3:+$'\n'$3}" "$2" >"$answer"
}

state_json() { # STATUS
	printf '{"migrationID":"%s","dbID":"%s","status":"%s","progressInfo":"","uploadBucketDir":"","uploadCredentials":{"name":"","keys":null,"credentialExpiration":null},"expectedCleanupTime":"2030-01-01T00:00:00Z"}' \
		"$id" "$SL_DB" "$1"
}

@test "answers that are no status: refused, nothing known is forgotten" {
	begin
	for fault in 'do=truncate' 'do=oversized:3000000' \
		$'do=html\nmatch=api.status count=1 do=200'; do
		faults "match=api.status count=1 $fault"
		refused 'Protocol error' init "$id"
		head -n 3 "$m/.init"
		[ "$(status_of "$m" .status)" = ReceivingFiles ]
		[ "$(status_of "$m" .migrationID)" = "$id" ]
	done
	# Passing trouble is tried again within the command.
	for fault in do=html do=cut-body do=cut-before do=cut-after \
		do=503 'do=429 retry-after=1' do=stall:0.5; do
		faults "match=api.status count=1 $fault"
		put_ok init "$id"
	done
	copy_one
	sl_umount "$m"
}

@test "documents that are none of ours" {
	fake_api
	answer '200 OK' "$(state_json Initializing)"
	sl_mount "$m"
	put_ok init "$id"
	other=00000000-1111-4222-8333-444444444444
	for body in '' '{' '[]' 'null' '{}' '"ReceivingFiles"' \
		'{"status":"ReceivingFiles"}' \
		"$(state_json X | sed "s/$id/$other/")" \
		"$(state_json X | sed "s/$SL_DB/$other/")" \
		"$(state_json X | sed 's/"X"/7/')" \
		"$(head -c 20000 /dev/zero | tr '\0' '[')" \
		"$(printf '\377\376\001%%s%%n')"; do
		answer '200 OK' "$body"
		refused 'error' init "$id"
		[ "$(status_of "$m" .status)" = Initializing ]
		[ "$(status_of "$m" .migrationID)" = "$id" ]
	done
	# One that repeats the token: not shown anywhere.
	answer '400 Bad Request' \
		"{\"errors\":[{\"ID\":1,\"message\":\"bad $ASTRA_DB_APPLICATION_TOKEN\"}]}"
	refused 'Invalid argument' init "$id"
	answer '200 OK' "$(state_json "$ASTRA_DB_APPLICATION_TOKEN")"
	put init "$id"
	if grep -F secret0123456789 "$m"/.[a-z]* "$m.log"; then return 1; fi
	sl_umount "$m"
}

@test "redirects are not followed" {
	fake_api
	answer '200 OK' "$(state_json Initializing)"
	sl_mount "$m"
	put_ok init "$id"
	for code in 301 302 303 307 308; do
		answer "$code Moved" '{}' \
			"Location: http://127.0.0.1:$trap_port/v2/x"
		refused 'Protocol error' init "$id"
		grep -q redirect "$m/.init"
	done
	[ ! -e "$BATS_TEST_TMPDIR/trapped" ]
	sl_umount "$m"
}

@test "a status that nobody has heard of is shown, and takes no files" {
	fake_api
	answer '200 OK' "$(state_json ReticulatingSplines)"
	sl_mount "$m"
	put_ok init "$id"
	[ "$(status_of "$m" .status)" = ReticulatingSplines ]
	grep -q ReticulatingSplines "$m/.init"
	run mkdir -p "$m/node1/ks"
	[ "$status" -ne 0 ]
	[[ $output == *"Read-only"* ]]
	put_ok wait ReticulatingSplines
	sl_umount "$m"
}

@test "the answer to initialize is lost: asked once, and said so" {
	sl_sim_start --log "$log"
	sl_mount "$m"
	n=0
	for fault in cut-after cut-before cut-body html 502 504; do
		faults "match=api.initialize count=1 do=$fault"
		refused 'in progress' init new
		n=$((n + 1))
		asked api.initialize "$n"
		grep -q 'cannot tell whether a migration was started' \
			"$m/.init"
		[ "$(status_of "$m" .status)" = none ]
	done
	sl_begin "$m"
	asked api.initialize $((n + 1))
	sl_umount "$m"
}

@test "the answer to launch is lost: the status tells, asked once" {
	begin --import-delay 600
	copy_one
	faults 'match=api.launch count=1 do=cut-after'
	put_ok launch 'launch node1'
	asked api.launch 1
	grep -q 'answer was lost' "$m/.launch"
	[ "$(status_of "$m" .status)" = ImportInProgress ]
	sl_umount "$m"
}

@test "launch is lost on its way: never sent blindly, no second one" {
	begin
	copy_one
	faults 'match=api.launch count=1 do=cut-before'
	# The service may lag by minutes, so the writer waits; ^C lets go.
	run timeout -s INT 4 bash -c 'echo launch node1 >"$0"' "$m/.launch"
	[ "$status" -ne 0 ]
	asked api.launch 1
	grep -qi 'under way' "$m/.launch"
	refused busy launch 'launch node1'
	asked api.launch 1
	grep -q 'launch was lost' "$m/.errors"
	sl_umount "$m"
}

@test ".status answers while the API hangs, and says how old it is" {
	begin
	faults 'match=api.* do=503'
	# Somebody waits, so that the API is asked often.
	timeout 60 bash -c 'echo MigrationDone >"$0"' "$m/.wait" 3>&- &
	waiter=$!
	wait_for 20 jq -e .local.api.error "$m/.status"
	grep -q 'HTTP 503' "$m/.errors"
	[ "$(status_of "$m" .status)" = ReceivingFiles ]
	[ "$(status_of "$m" .migrationID)" = "$id" ]
	[ "$(status_of "$m" '.uploadCredentials.keys')" = null ]
	kill -STOP "$SIM_PID"
	before=$(status_of "$m" .local.api.age_s)
	sleep 2
	for _ in 1 2 3; do
		timeout 5 cat "$m/.status" "$m/.progress" "$m/.init" >/dev/null
	done
	[ "$(status_of "$m" .local.api.age_s)" -ge $((before + 2)) ]
	run_ctl 0 status "$m"
	[[ $output == *503* ]]
	kill -CONT "$SIM_PID"
	faults ''
	# The copy did not need the API.
	copy_one
	kill "$waiter"
	wait "$waiter" || true
	sl_umount "$m"
}

@test "the API is away when a migration is mounted again: it comes back" {
	begin
	sl_umount "$m"
	faults 'match=api.* do=503'
	sl_mount "$m"
	wait_for 10 jq -e .local.api.error "$m/.status"
	[ "$(status_of "$m" .migrationID)" = "$id" ]
	[ "$(status_of "$m" .local.api.age_s)" = null ]
	run mkdir "$m/node1"
	[ "$status" -ne 0 ]
	faults ''
	put_ok wait ReceivingFiles
	[ "$(status_of "$m" .local.api.error)" = null ]
	copy_one
	sl_umount "$m"
}

@test "a status that lags: no second launch meanwhile" {
	begin --lag 4
	copy_node1
	put_ok launch 'launch node1'
	[ "$(status_of "$m" .status)" = ReceivingFiles ]
	refused busy launch 'launch node1'
	grep -q 'launched already' "$m/.launch"
	# What came now would not be part of what the gate looked at.
	run mkdir "$m/node1/late"
	[[ $output == *"Read-only"* ]]
	asked api.launch 1
	put_ok wait MigrationDone
	sl_umount "$m"
}

@test ".pause, .resume and .abort go through" {
	begin --import-delay 600
	refused 'Invalid argument' pause pause
	asked api.pause 0
	copy_one
	put_ok launch 'launch node1'
	put_ok pause pause
	put_ok wait MigrationPaused
	asked api.pause 1
	put_ok resume resume
	put_ok wait ImportInProgress
	asked api.resume 1
	refused 'Invalid argument' abort 00000000-0000-4000-8000-000000000000
	asked api.abort 0
	# Who waits for the end is told that it does not come.
	bash -c 'echo MigrationDone >"$0"' "$m/.wait" \
		2>"$BATS_TEST_TMPDIR/waiter" 3>&- &
	waiter=$!
	wait_for 20 sl_waits "$waiter"
	put_ok abort "$id"
	asked api.abort 1
	if wait "$waiter"; then return 1; fi
	grep -q 'Operation canceled' "$BATS_TEST_TMPDIR/waiter"
	grep -q MigrationAborted "$m/.wait"
	[ "$(status_of "$m" .status)" = MigrationAborted ]
	sl_umount "$m"
}

@test ".cleanup: a time reschedules, the ID cleans up now" {
	begin
	put_ok cleanup 2031-02-03T04:05:06Z
	jq -se 'map(select(.kind == "api.cleanup")) | length == 1 and
		.[0].query["option.cleanupTime"] == "2031-02-03T04:05:06Z"' \
		"$log"
	[ "$(status_of "$m" .expectedCleanupTime)" = 2031-02-03T04:05:06Z ]
	[[ $(status_of "$m" .local.cleanup) == 2031-02-03T04:05:06* ]]
	[ "$(status_of "$m" .status)" = ReceivingFiles ]
	refused 'Invalid argument' cleanup tomorrow
	refused 'Invalid argument' cleanup 2031-02-30T04:05:06Z
	asked api.cleanup 1
	put_ok cleanup "$id"
	asked api.cleanup 2
	put_ok wait Closed
	run mkdir "$m/node1"
	[ "$status" -ne 0 ]
	sl_umount "$m"
}

@test "a role that may not, a database that is not there" {
	sl_sim_start --log "$log"
	sl_mount "$m"
	faults 'match=api.initialize do=403:340019'
	refused 'Permission denied' init new
	grep -q "role may not" "$m/.init"
	faults 'match=api.initialize do=404:2000404'
	refused 'No such file' init new
	faults 'match=api.initialize do=409:2000409'
	refused busy init new
	asked api.initialize 3
	sl_umount "$m"
}

@test "^C ends a .wait at once, and the next one works" {
	begin
	SECONDS=0
	run timeout -s INT -k 20 1 bash -c 'echo MigrationDone >"$0"' "$m/.wait"
	[ "$status" -ne 0 ]
	[ "$SECONDS" -lt 15 ]
	put_ok wait receivingfiles
	sl_umount "$m"
}
