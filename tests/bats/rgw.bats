#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Over Ceph's S3 gateway, which we did not write: real session tokens that end
# and that hold for one prefix only, and a store that ignores checksums, so
# that each body must go with Content-MD5. One gateway for all tests, a bucket
# for each; tests/conformance/run.sh runs the store's contract on it as well.

load helpers

setup_file() {
	requires radosgw radosgw-admin ceph ceph-mon ceph-osd setpriv python3
	G=$BATS_FILE_TMPDIR/rgw
	sh "$SL_ROOT/tests/conformance/rgw.sh" "$G" later \
		>"$BATS_FILE_TMPDIR/rgw.log" 2>&1 </dev/null 3>&- &
	G_PID=$!
	export G G_PID
	wait_for 60 test -s "$G/ready" -o ! -d "/proc/$G_PID"
	[ -s "$G/ready" ] || {
		tail -n 60 "$BATS_FILE_TMPDIR/rgw.log"
		return 1
	}
}

teardown_file() {
	[ -n "${G_PID:-}" ] || return 0
	kill "$G_PID" 2>/dev/null || true
	wait_for 10 sl_gone "$G_PID"
}

setup() {
	unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY \
		HTTPS_PROXY ALL_PROXY NO_PROXY
	sl_root
	T=$BATS_TEST_TMPDIR
	m=$T/m
	src=$T/src
	PEERS=()
	prefix=$(of prefix "$G/ready")
	bucket=ds-mig-test-$BATS_TEST_NUMBER
	export ASTRA_DB_APPLICATION_TOKEN=AstraCS:of:rgw
	export SL_DB=b7e7761f-6f7f-4116-81a5-e8eefcf0cc1d
	echo "$ASTRA_DB_APPLICATION_TOKEN" >"$T/session.token"
	ask "$G/ready" PUT "/$bucket" </dev/null | grep -qx 200
	session
}

teardown() {
	local pid
	sl_cleanup
	for pid in "${PEERS[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
	[ -n "${BATS_TEST_COMPLETED:-}" ] || tail -n 20 "$T"/*.log "$T/api.asked"
}

of() { sed -n "s/^$1=//p" "$2"; }	# NAME FILE

# By code that is not the product's: answers, the last line "STATUS CODE".
ask() { python3 "$SL_ROOT/tests/conformance/rgw.py" request "$@"; }

session() {
	python3 "$SL_ROOT/tests/conformance/rgw.py" session "$G/ready" \
		>"$T/session"
}

# peer NAME PROGRAM ARGUMENTS...: its port in PEER_PORT.
peer() {
	local name=$1 program=$2 mode=$3
	python3 "$BATS_TEST_DIRNAME/$program" "$mode" "$T/$name.port" "${@:4}" \
		2>>"$T/$name.log" </dev/null 3>&- &
	PEERS+=($!)
	wait_for 20 test -s "$T/$name.port"
	PEER_PORT=$(cat "$T/$name.port")
}

# mount_at ENDPOINT [DIRECTORY]: with what the stand-in for the API gives.
mount_at() {
	peer api rgw-peer.py api "$T/session" \
		"s3://$bucket/${2:-$prefix/}" "$T/api.asked"
	export SIM_OPTIONS=api_url=http://127.0.0.1:$PEER_PORT,s3_endpoint=$1
	sl_mount "$m"
	sl_begin "$m"
}

# Through a proxy that writes down which requests carried Content-MD5.
mount_watched() {
	peer proxy netpeer.py proxy "$T/asked"
	export http_proxy=http://127.0.0.1:$PEER_PORT
	mount_at "$(of endpoint "$G/ready")"
	unset http_proxy
}

# fetch DIRECTORY <KEYS: the objects, as their owner gets them.
fetch() {
	python3 "$SL_ROOT/tests/conformance/rgw.py" fetch "$G/ready" \
		"/$bucket/$prefix/" "$1"
}

# stored KEY FILE: the object holds what the file does.
stored() {
	fetch "$T/down" <<<"$1" && cmp "$T/down/$1" "$2"
}

# Bodies went with Content-MD5; only the one whose answer revealed that
# checksums are ignored did not, and it was sent again.
all_with_md5() { # LEAST MOST: requests without
	local without url
	grep -E "^PUT [^ ]*/$bucket/" "$T/asked" >"$T/puts"
	grep -v ' content-md5' "$T/puts" >"$T/without" || true
	without=$(wc -l <"$T/without")
	echo "$(wc -l <"$T/puts") bodies, $without without Content-MD5"
	[ "$without" -ge "$1" ] && [ "$without" -le "$2" ] || return 1
	while read -r _ url _; do
		grep -qF "PUT $url content-md5" "$T/puts" || return 1
	done <"$T/without"
}

table=node1/ks/t-00112233445566778899aabbccddeeff/snapshots/migrate1

@test "a migration: copied, confirmed by Content-MD5, read back, launched" {
	requires rsync
	sl_unpack "$src"
	mount_watched
	rsync -a "$src/node1/" "$m/node1/"
	[ "$(status_of "$m" .local.store.checksum)" = md5 ]
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
	(cd "$src" && find node1 -type f -path '*/snapshots/migrate1/*' \
		-not -path 'node1/system*' -not -path '*/migrate1/.*') \
		>"$T/want"
	[ "$(status_of "$m" .local.files.committed)" -eq \
		"$(wc -l <"$T/want")" ]
	all_with_md5 1 1
	fetch "$T/down" <"$T/want"
	while read -r file; do
		cmp "$T/down/$file" "$src/$file"
	done <"$T/want"
	# What a client that we did not write put there is seen by the gate.
	ask "$T/session" PUT "/$bucket/$prefix/$table/nb-9-big-Blob.db" \
		<<<"alone" | grep -qx 200
	run bash -c "echo launch node1 >'$m/.launch'"
	[ "$status" -ne 0 ]
	grep -q nb-9-big-Blob.db "$m/.launch"
	ask "$T/session" DELETE "/$bucket/$prefix/$table/nb-9-big-Blob.db" \
		</dev/null | grep -qx 204
	echo launch node1 >"$m/.launch"
	grep -q '^POST .*/launch 200$' "$T/api.asked"
	sl_umount "$m"
}

@test "a file of parts: each with Content-MD5, whole as sent" {
	mount_watched
	mkdir -p "$m/$table"
	head -c 20000000 /dev/urandom >"$T/large"
	dd if="$T/large" of="$m/$table/nb-1-big-Blob.db" bs=1M status=none
	dd if="$T/large" of="$m/$table/nb-2-big-Blob.db" bs=1M status=none
	grep -c '^POST .*uploadId=' "$T/asked" | grep -qx 2
	# Parts side by side may each be the first to find it out.
	all_with_md5 1 4
	if grep nb-2-big-Blob.db "$T/without"; then return 1; fi
	[ "$(status_of "$m" .local.store.checksum)" = md5 ]
	for n in 1 2; do
		stored "$table/nb-$n-big-Blob.db" "$T/large"
	done
	cmp "$m/$table/nb-2-big-Blob.db" "$T/large"
	sl_umount "$m"
}

@test "bytes that were damaged on the way: refused, and sent again" {
	ask "$T/session" PUT "/$bucket/$prefix/x" \
		'content-md5: 1B2M2Y8AsgTpgAmY7PhCfg==' <<<"not empty" |
		tail -n 1 | grep -qx '400 BadDigest'
	endpoint=$(of endpoint "$G/ready")
	peer damage rgw-peer.py damage "${endpoint#http://}" 3 "$T/spoilt"
	mount_at "http://127.0.0.1:$PEER_PORT"
	mkdir -p "$m/$table"
	echo "please damage-me" >"$T/small"
	# The first one without Content-MD5: nobody notices until it is
	# repeated with it.
	cp "$T/small" "$m/$table/nb-1-big-Blob.db"
	cp "$T/small" "$m/$table/nb-2-big-Blob.db"
	[ "$(wc -l <"$T/spoilt")" -eq 3 ]
	for n in 1 2; do
		stored "$table/nb-$n-big-Blob.db" "$T/small"
	done
	[ "$(grep -h ' beast: ' "$G"/client.rgw.log |
		grep -cE "\"PUT /$bucket/.*HTTP/1.1\" 400 ")" -ge 2 ]
	[ "$(status_of "$m" .local.files.failed)" -eq 0 ]
	sl_umount "$m"
}

@test "a whole that is not the parts that were sent: refused" {
	endpoint=$(of endpoint "$G/ready")
	peer etag rgw-peer.py etag "${endpoint#http://}"
	mount_at "http://127.0.0.1:$PEER_PORT"
	mkdir -p "$m/$table"
	run dd if=/dev/zero of="$m/$table/nb-1-big-Blob.db" bs=1M count=20
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"Bad message"* ]]
	grep -q 'EBADMSG.*nb-1-big-Blob.db.*ETag' "$m/.errors"
	[ "$(status_of "$m" .local.files.committed)" -eq 0 ]
	sl_umount "$m"
}

@test "outside of the token's prefix: EACCES, after a look for new ones" {
	mount_at "$(of endpoint "$G/ready")" \
		"99999999-8888-7777-6666-555544443333/sstables/"
	mkdir -p "$m/$table" || true
	run timeout 60 cp "$SL_ROOT/README.md" "$m/$table/nb-1-big-Blob.db"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"Permission denied"* ]]
	cat "$m/.errors"
	grep -q 'EACCES.*nb-1-big-Blob.db.*403 AccessDenied' "$m/.errors"
	[ "$(grep -c '^GET ' "$T/api.asked")" -le 8 ]
	sl_umount "$m"
}

# The gateway with another clock needs a library.
needs_later() {
	[ -z "$(of later "$G/ready")" ] || return 0
	[ "${CI:-}" != true ] || return 1
	skip "libfaketime is not there"
}

# later_session: as session, of the gateway that is 20 minutes ahead, where
# those of the other one have ended for five minutes.
later_session() {
	sed "s|^endpoint=.*|endpoint=$(of later "$G/ready")|" "$G/ready" \
		>"$T/later"
	RGW_AHEAD=1200 python3 "$SL_ROOT/tests/conformance/rgw.py" session \
		"$T/later" >"$T/session.new"
}

# renewed ENDPOINT LOG CODE: the mount begins with $T/session; then the API has
# $T/session.new, and the first refusal leads to them. What is refused is
# written in the gateway's LOG.
renewed() {
	mount_at "$1"
	mv "$T/session.new" "$T/session"
	mkdir -p "$m/$table"
	cp "$SL_ROOT/README.md" "$m/$table/nb-1-big-Blob.db"
	sed -nE "s|.*\"([A-Z]+) /${bucket}[/? ][^\"]*\" ([0-9]+) .*|\2 \1|p" \
		"$2" | sort | uniq -c | tee "$T/said"
	grep -q " $3 GET$" "$T/said"
	grep -q ' 200 PUT$' "$T/said"
	# One for the whole of what was refused, and the wait for .init before.
	[ "$(grep -c '^GET ' "$T/api.asked")" -le 6 ]
	stored "$table/nb-1-big-Blob.db" "$SL_ROOT/README.md"
	sl_umount "$m"
}

@test "a token that has ended: renewed, and the copy goes on" {
	needs_later
	later_session
	renewed "$(of later "$G/ready")" "$G/client.later.log" 403
}

# changed_token: $T/session with a byte of the token changed, in $T/broken.
changed_token() {
	awk -F= '$1 == "token" { n = int(length($0) / 2)
		c = substr($0, n + 1, 1) == "x" ? "y" : "x"
		$0 = substr($0, 1, n) c substr($0, n + 2) } 1' "$T/session" \
		>"$T/broken"
}

@test "a token that is broken: renewed, and the copy goes on" {
	changed_token
	mv "$T/session" "$T/session.new"
	mv "$T/broken" "$T/session"
	renewed "$(of endpoint "$G/ready")" "$G/client.rgw.log" '40[03]'
}

@test "a token that has ended, and none to be had: the writer is told" {
	needs_later
	mount_at "$(of later "$G/ready")"
	echo AstraCS:another >"$T/session.token"
	run bash -c "mkdir -p '$m/$table' &&
		timeout 60 cp '$SL_ROOT/README.md' '$m/$table/nb-1-big-Blob.db'"
	echo "$output"
	[ "$status" -ne 0 ]
	[[ $output == *"Key has expired"* ]]
	cat "$m/.errors"
	# AccessDenied is all that Ceph says; the reason is what we know.
	grep -q 'EKEYEXPIRED.*nb-1-big-Blob.db.*have expired.*AccessDenied' \
		"$m/.errors"
	[ "$(grep -c ' 401$' "$T/api.asked")" -ge 1 ]
	sl_umount "$m"
}
