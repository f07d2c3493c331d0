#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# As on AWS: the store is found by names alone, a client that we did not write
# reads what the mount wrote (and the mount what it wrote), no secret is left
# on the host, and a copy that is done costs no writes when it is run again.

load helpers

setup() {
	# Not what the machine itself is set to.
	unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY \
		HTTPS_PROXY ALL_PROXY NO_PROXY CURL_CA_BUNDLE SSL_CERT_FILE \
		SSL_CERT_DIR AWS_CA_BUNDLE
	T=$BATS_TEST_TMPDIR
	m=$T/m
	src=$T/src
	log=$T/requests
}
teardown() {
	sl_cleanup
	# A daemon in the background whose number was never known.
	if sl_is_mounted "$m"; then fusermount3 -uz "$m"; fi
}

# --- names, regions, certificates

make_ca() {
	openssl req -x509 -newkey rsa:2048 -nodes -days 2 \
		-keyout "$T/ca.key" -out "$T/ca.pem" -subj /CN=test-ca &&
		openssl req -newkey rsa:2048 -nodes -keyout "$T/tls.key" \
			-out "$T/tls.csr" -subj /CN=s3.amazonaws.com -addext \
			"subjectAltName=DNS:*.s3.amazonaws.com,DNS:*.s3.eu-central-1.amazonaws.com" &&
		openssl x509 -req -in "$T/tls.csr" -CA "$T/ca.pem" \
			-CAkey "$T/ca.key" -set_serial 7 -days 2 \
			-copy_extensions copyall -out "$T/tls.pem"
}

# isolated PROGRAM...: in a network and a mount table of its own, as the init
# of a process tree that ends with it. Root needs no user namespace for that.
isolated() {
	local spaces=(-n -m -p --fork --kill-child --mount-proc
		--propagation private)
	[ "$(id -u)" -eq 0 ] || spaces+=(-U -r)
	requires unshare
	if ! unshare "${spaces[@]}" true; then
		[ "${CI:-}" != true ] || return 1
		skip "no namespaces for us here"
	fi
	unshare "${spaces[@]}" "$@" 3>&-
}

# A whole migration with nothing but api_url; what was asked is in $log.
as_on_aws() { # VARIABLE TREE [FAULT LINE]
	requires openssl python3 rsync
	sl_root
	make_ca 2>"$T/openssl.log" || {
		cat "$T/openssl.log"
		return 1
	}
	export "$1=$T/ca.pem" BATS_TEST_DIRNAME BATS_TEST_TMPDIR
	isolated bash "$BATS_TEST_DIRNAME/aws-namespace.sh" "$T/tls.pem" \
		"$T/tls.key" "$2" "${3:-}" || {
		echo "what TLS said:"
		cat "$T/peer.log"
		return 1
	}
	# Gone with their namespaces.
	if grep -F "$T" /proc/self/mountinfo; then return 1; fi
}

# Questions without a signature to the global name; then signed requests to
# the name in the region, and only those. At mount two requests begin side by
# side: each asks for itself, as each has its own time to give up.
asked_as_aws_wants() { # STATUS-OF-THE-HEAD
	jq -r 'select(.kind | startswith("s3.")) |
		.host |= sub("^ds-mig-[-0-9a-f]{36}[.]"; "BUCKET.") |
		"\(if .kind == "s3.bucket" then "\(.method) \(.status)"
			else "data" end) " +
		"\(if .signed then "signed" else "unsigned" end) \(.host)",
		(select(.code | test("Region|Malformed|Signature|TooSkewed")) |
			"refused: \(.path)")' "$log" >"$T/asked"
	sort "$T/asked" | uniq -c
	sort -u "$T/asked" | diff - <(LC_ALL=C sort <<-EOF
	HEAD $1 unsigned BUCKET.s3.amazonaws.com
	data signed BUCKET.s3.eu-central-1.amazonaws.com
	EOF
	)
	head -n 1 "$T/asked" | grep -q '^HEAD '
	[ "$(grep -c '^HEAD ' "$T/asked")" -le 2 ]
	[ "$(jq -r 'select(.kind == "s3.put" and .status == 200) | .n' \
		"$log" | wc -l)" -ge 8 ]
}

@test "by names alone: the region is found, then each request goes there" {
	as_on_aws AWS_CA_BUNDLE node1
	asked_as_aws_wants 403
}

@test "the global name answers 301" {
	as_on_aws SSL_CERT_FILE node1/smart_home \
		'match=s3.bucket do=301:PermanentRedirect'
	asked_as_aws_wants 301
}

@test "the global name answers 307" {
	as_on_aws AWS_CA_BUNDLE node1/smart_home \
		'match=s3.bucket do=307:TemporaryRedirect'
	asked_as_aws_wants 307
}

@test "the global name answers 400" {
	as_on_aws AWS_CA_BUNDLE node1/smart_home \
		'match=s3.bucket do=400:BadRequest'
	asked_as_aws_wants 400
}

@test "the global name fails at first" {
	as_on_aws AWS_CA_BUNDLE node1/smart_home \
		'match=s3.bucket count=3 do=503:SlowDown'
	[ "$(jq -r 'select(.kind == "s3.bucket" and .status == 503) | .n' \
		"$log" | wc -l)" -eq 3 ]
	sed -i '/"kind":"s3.bucket".*"status":503/d' "$log"
	asked_as_aws_wants 403
}

# --- a client we did not write

sim_and_mount() {
	sl_sim_start --log "$log"
	sl_unpack "$src"
	sl_mount "$m"
	sl_begin "$m"
}

wanted() {
	(cd "$src" && find node1 -type f -path '*/snapshots/migrate1/*' \
		-not -path 'node1/system*' -not -path '*/migrate1/.*' |
		LC_ALL=C sort)
}

# What the service says to whoever has the token.
ask_service() {
	local api
	api=$(sed -n 's/^api_url=//p' "$T/sim.ready")
	curl -fsS -H @- "$api/v2/databases/$SL_DB/migrations/$(status_of "$m" \
		.migrationID)" <<<"Authorization: Bearer $ASTRA_DB_APPLICATION_TOKEN"
}

# The environment of the aws command, by the service's own words.
aws_setup() {
	requires aws
	ask_service >"$T/service.json"
	up=$(jq -r .uploadBucketDir "$T/service.json")
	bucket=${up#s3://}
	prefix=${bucket#*/}
	bucket=${bucket%%/*}
	export AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN
	AWS_ACCESS_KEY_ID=$(jq -r .uploadCredentials.keys.accessKeyID \
		"$T/service.json")
	AWS_SECRET_ACCESS_KEY=$(jq -r .uploadCredentials.keys.secretAccessKey \
		"$T/service.json")
	AWS_SESSION_TOKEN=$(jq -r .uploadCredentials.keys.sessionToken \
		"$T/service.json")
	export AWS_DEFAULT_REGION=us-east-1 AWS_PAGER='' \
		AWS_EC2_METADATA_DISABLED=true \
		AWS_CONFIG_FILE="$T/no-config" \
		AWS_SHARED_CREDENTIALS_FILE="$T/no-credentials"
	unset AWS_PROFILE AWS_DEFAULT_PROFILE
	store=$(sed -n 's/^s3_endpoint=//p' "$T/sim.ready")
}

# The endpoint by option: older ones know no variable for it.
aws_() { aws --endpoint-url "$store" "$@"; }

# CRC32 as S3 writes it, base64 of four bytes, as the number of Digest.crc32.
decimal() { printf '%d\n' "0x$(base64 -d <<<"$1" | od -An -tx1 | tr -d ' \n')"; }

# stored_crc32 KEY: the checksum that S3 keeps with an object, as a number.
stored_crc32() {
	aws_ s3api head-object --bucket "$bucket" --key "$prefix$1" \
		--checksum-mode ENABLED --output json >"$T/head" || return 1
	[ "$(jq -r .ChecksumType "$T/head")" = FULL_OBJECT ] || return 1
	decimal "$(jq -r .ChecksumCRC32 "$T/head")"
}

# crc32_of FILE: by code that is not the product's.
crc32_of() {
	python3 -c 'import sys, zlib
print(zlib.crc32(open(sys.argv[1], "rb").read()))' "$1"
}

# same_files DIR: holds just what node1 was to send, byte by byte.
same_files() {
	local file
	wanted >"$T/want"
	[ -s "$T/want" ] || return 1
	(cd "$1" && find . -type f -printf '%P\n' | LC_ALL=C sort) |
		diff "$T/want" - || return 1
	while read -r file; do
		cmp "$src/$file" "$1/$file" || return 1
	done <"$T/want"
}

@test "the aws command lists and gets what the mount wrote, and its CRC32" {
	requires aws rsync python3
	sim_and_mount
	rsync -a "$src/node1/" "$m/node1/"
	# In parts (nobody can know its size): the checksum is not that of a
	# request.
	big=$(wanted | grep -e '-Data.db$' | head -n 1)
	big=${big%/*}/nb-77-big-Blob.db
	head -c 40000000 /dev/urandom | tee "$src/$big" |
		dd bs=1M of="$m/$big" status=none
	[ "$(jq -r 'select(.kind == "s3.complete") | .status' "$log")" = 200 ]
	aws_setup
	aws_ s3 ls --recursive "$up" >"$T/ls"
	sed -E "s|^[^ ]+ +[^ ]+ +([0-9]+) $prefix|\1 |" "$T/ls" |
		LC_ALL=C sort >"$T/listed"
	(cd "$src" && wanted | xargs stat -c '%s %n' | LC_ALL=C sort) |
		diff - "$T/listed"
	aws_ s3 cp --recursive --only-show-errors "$up" "$T/down"
	same_files "$T/down"
	wanted | grep -e '-Data.db$' >"$T/data"
	[ "$(wc -l <"$T/data")" -ge 4 ]
	while read -r file; do
		[ "$(stored_crc32 "$file")" = \
			"$(cat "$src/${file%Data.db}Digest.crc32")" ]
	done <"$T/data"
	[ "$(stored_crc32 "$big")" = "$(crc32_of "$src/$big")" ]
	sl_umount "$m"
}

# gate_refuses TEXT...: to launch both nodes, and the report has the texts.
gate_refuses() {
	local text
	run bash -c "echo launch node1 node2 >'$m/.launch'"
	[ "$status" -ne 0 ] || return 1
	cat "$m/.launch" >"$T/report"
	for text; do
		grep -F "$text" "$T/report" || {
			cat "$T/report"
			return 1
		}
	done
}

@test "the mount reads what the aws command wrote; a foreign file is no launch" {
	requires aws rsync
	sim_and_mount
	rsync -a "$src/node1/" "$m/node1/"
	aws_setup
	mkdir "$T/node2"
	(cd "$src" && find node2 -type f -path '*/snapshots/migrate1/*' \
		-not -path 'node2/system*' -not -path '*/migrate1/.*' \
		-exec cp --parents {} "$T/node2" \;)
	(cd "$T/node2" && find . -type f -printf '%P\n') >"$T/want2"
	[ -s "$T/want2" ]
	aws_ s3 cp --recursive --only-show-errors "$T/node2" "${up%/}"
	last=$(tail -n 1 "$T/want2")
	wait_for 60 test -e "$m/$last"
	while read -r file; do
		cmp "$src/$file" "$m/$file"
	done <"$T/want2"
	# Ours, but not by us.
	own=$(wanted | head -n 1)
	own=${own%/*}/nb-99-big-Blob.db
	head -c 1000 /dev/urandom >"$T/foreign"
	aws_ s3 cp --only-show-errors "$T/foreign" "$up$own"
	gate_refuses foreign "$own"
	[ "$(status_of "$m" .status)" = ReceivingFiles ]
	aws_ s3 rm --only-show-errors "$up$own"
	# Ours, but not as we wrote it.
	own=$(wanted | grep -e '-Index.db$' | head -n 1)
	aws_ s3 cp --only-show-errors "$T/foreign" "$up$own"
	gate_refuses "$own"
	aws_ s3 cp --only-show-errors "$src/$own" "$up$own"
	echo launch node1 node2 >"$m/.launch" || {
		cat "$m/.launch"
		return 1
	}
	echo MigrationDone >"$m/.wait"
	sl_umount "$m"
}

# --- secrets

# Pieces of everything that must stay secret, also of what was cut short; one
# per line, out of a file: argv is for all to see.
add_needles() {
	ask_service >"$T/service.json"
	{
		echo "${ASTRA_DB_APPLICATION_TOKEN##*:}"
		jq -r '.uploadCredentials.keys | .secretAccessKey, .sessionToken' \
			"$T/service.json"
	} | fold -w 16 | grep -E '.{12}' >>"$T/needles"
}

control() { # PATH CURL-ARGUMENTS...
	curl -fsS -o /dev/null "${@:2}" \
		"$(sed -n 's/^control=//p' "$T/sim.ready")/$1"
}

# no_secret PATH...: none of the needles is in any of these.
no_secret() {
	if grep -rlaFf "$T/needles" "$@"; then
		echo "a secret is in these"
		return 1
	fi
}

process_holds_none() { # PID
	tr '\0' ' ' <"/proc/$1/cmdline" | grep -q sideloadfs || return 1
	no_secret "/proc/$1/environ" "/proc/$1/cmdline"
}

@test "no secret in state, logs, reports, environment or arguments" {
	requires rsync
	# sl_mount reads it.
	# shellcheck disable=SC2034
	SL_MOUNT_ARGS=(-d)
	sim_and_mount
	add_needles
	# The needles are right: the service's own answer has them.
	grep -qFf "$T/needles" "$T/service.json"
	[ "$(wc -l <"$T/needles")" -ge 5 ]
	# And with things to complain of: texts are made of what was sent.
	control faults --data-binary "$(printf '%s\n' \
		'match=s3.put after=3 count=2 do=503:SlowDown' \
		'match=s3.put after=9 count=1 do=400:InvalidToken' \
		'match=s3.put after=12 count=1 do=403:SignatureDoesNotMatch' \
		'match=s3.put after=15 count=2 do=cut-after' \
		'match=api.status count=2 do=html')"
	rsync -a "$src/node1/smart_home" "$m/node1/" || true
	control expire -X POST
	rsync -a "$src/node1/" "$m/node1/"
	add_needles
	[ "$(sort -u "$T/needles" | wc -l)" -gt 8 ]
	for name in status errors launch init progress skipped help; do
		cat "$m/.$name" >"$T/report.$name"
	done
	[ -s "$T/report.status" ]
	no_secret "$T"/report.*
	process_holds_none "${MOUNT_PID[$m]}"
	# While the database is in use, and after.
	[ -n "$(find "$m.state" -name '*.db')" ]
	no_secret "$m.state"
	sl_umount "$m"
	grep -q "debug: s3: put 'node1/" "$m.log"
	no_secret "$m.state" "$m.log"
}

@test "no secret in the environment of a daemon in the background" {
	sl_sim_start
	mkdir "$m"
	sideloadfs -o "node=node1,state=$m.state,$SIM_OPTIONS" "$SL_DB" "$m" \
		3>&- >"$m.log" 2>&1
	pid=$(status_of "$m" .local.pid)
	# By name: helpers.bash declares it so.
	# shellcheck disable=SC2004
	MOUNT_PID[$m]=$pid
	sl_begin "$m"
	add_needles
	process_holds_none "$pid"
	no_secret "$m.state" "$m.log"
	run_ctl 0 umount "$m"
	wait_for 10 sl_gone "$pid"
	unset "MOUNT_PID[$m]"
}

# --- what a second copy costs

# asked_since LINE: "kind count" of the requests after that line of the log.
asked_since() {
	tail -n "+$(($1 + 1))" "$log" | jq -r .kind | sort | uniq -c |
		awk '{ print $2, $1 }'
}

# cheap LINE WHEN [KINDS]: since that line nothing was written, no more was
# listed than there are directories. KINDS, a pattern: may be there once.
cheap() {
	local lists dirs
	asked_since "$1" >"$T/asked"
	sed "s/^/# $2: /" "$T/asked" >&3
	if grep -vE "^${3:-nothing} 1\$" "$T/asked" | grep -E \
		'^s3\.(put|create|part|complete|abort|delete|multidelete) '; then
		return 1
	fi
	lists=$(awk '$1 == "s3.list" { print $2 }' "$T/asked")
	dirs=$(find "$src/node1" -type d | wc -l)
	[ "${lists:-0}" -le "$dirs" ]
}

@test "a second rsync writes nothing to the store, nor after a remount" {
	requires rsync
	sim_and_mount
	rsync -a "$src/node1/" "$m/node1/"
	mark=$(wc -l <"$log")
	[ "$mark" -gt 8 ]
	rsync -a "$src/node1/" "$m/node1/"
	cheap "$mark" "a second rsync"
	sl_umount "$m"
	mark=$(wc -l <"$log")
	sl_mount "$m"
	echo ReceivingFiles >"$m/.wait"
	rsync -a "$src/node1/" "$m/node1/"
	# Whether deletes are granted is asked with a key that nobody has.
	cheap "$mark" "after a remount" 's3\.delete'
	same_files "$(sl_bucket "$m")"
	sl_umount "$m"
}
