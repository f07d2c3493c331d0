#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# sideloadctl doctor on hosts as they are: data directories behind links, with
# more in them than goes up; a limit that holds for what it sends as well; a
# clock an hour off; ended by a signal; and that each cure is of the trouble.
# $SL_CLOUD: the cloud to rehearse with (s3).

load helpers

setup() {
	sl_root
	SIM_WORDS=(--cloud "${SL_CLOUD:-s3}" --init-delay 0)
	state=$BATS_TEST_TMPDIR/state
	unset https_proxy HTTPS_PROXY http_proxy all_proxy ALL_PROXY
}
teardown() { sl_cleanup; }

# doctor [OPTION,... [WORD...]]: as JSON lines in $output; its status, $status.
doctor() {
	local options=state=$state,$SIM_OPTIONS${1:+,$1}
	shift || true
	run sideloadctl doctor --json -o "$options" "$@"
	echo "$output"
}

# tells CHECK VERDICT [PATTERN]: what it came to, and what its cure is like.
tells() {
	local line
	line=$(jq -c --arg c "$1" 'select(.check == $c)' <<<"$output")
	[ "$(jq -r .verdict <<<"$line")" = "$2" ]
	# shellcheck disable=SC2254 # a pattern
	case $(jq -r .cure <<<"$line") in ${3:-*}) ;; *) return 1 ;; esac
}

message() { jq -r --arg c "$1" 'select(.check == $c).message' <<<"$output"; }
ready() { sed -n "s/^$1=//p" "$BATS_TEST_TMPDIR/sim.ready"; }
faults() { curl -fsS -o /dev/null --data-binary "$1" "$(ready control)/faults"; }
unfinished() { curl -fsS "$(ready control)/state" | jq .uploads; }

new_migration() {
	local url
	url=$(ready api_url)/v2/databases/$SL_DB/migrations
	id=$(curl -sf -X POST "$url/initialize" \
		-H "Authorization: Bearer $ASTRA_DB_APPLICATION_TOKEN" |
		jq -r .migrationID)
	wait_for 20 sh -c 'curl -sf -H "Authorization: Bearer $1" "$2" |
		grep -q ReceivingFiles' - "$ASTRA_DB_APPLICATION_TOKEN" \
		"$url/$id"
}

# What a data directory holds, of which three files go up.
data_dir() { # DIR
	local table=$1/ks/t-0123456789abcdef0123456789abcdef
	local snaps=$table/snapshots
	mkdir -p "$snaps/mine/.idx" "$snaps/1600000000000" \
		"$snaps/dropped-1600000000000-t" "$table/backups" \
		"$1/system/local-0123456789abcdef0123456789abcdef/snapshots/mine"
	head -c 1000 /dev/zero >"$table/nb-1-big-Data.db"
	ln "$table/nb-1-big-Data.db" "$snaps/mine/nb-1-big-Data.db"
	ln "$table/nb-1-big-Data.db" "$snaps/mine/nb-2-big-Data.db"
	cp "$table/nb-1-big-Data.db" "$snaps/mine/manifest.json"
	ln -s /etc/passwd "$snaps/mine/link"
	cp "$table/nb-1-big-Data.db" "$snaps/mine/.idx/nb-1-big-Data.db"
	cp "$table/nb-1-big-Data.db" "$snaps/1600000000000/"
	cp "$table/nb-1-big-Data.db" "$snaps/dropped-1600000000000-t/"
	cp "$table/nb-1-big-Data.db" "$table/backups/"
	cp "$table/nb-1-big-Data.db" "$1"/system/*/snapshots/mine/
}

@test "what goes up is added up, and no more, also behind a link" {
	local d=$BATS_TEST_TMPDIR/disk
	sl_sim_start "${SIM_WORDS[@]}"
	data_dir "$d"
	doctor rate=1M "$SL_DB" "$d"
	[[ $(message time) == "3 files, "* ]]
	ln -s "$d" "$BATS_TEST_TMPDIR/data"
	doctor rate=1M,tag=mine "$SL_DB" "$BATS_TEST_TMPDIR/data"
	[[ $(message time) == "3 files, "* ]]
	doctor rate=1M,tag=16* "$SL_DB" "$BATS_TEST_TMPDIR/data"
	[[ $(message time) == "1 files, "* ]]
	# A snapshot is one whatever it is called by.
	cd "$d"/ks/t-*/snapshots/mine
	doctor rate=1M,tag=mine "$SL_DB" .
	[[ $(message time) == "3 files, "* ]]
	doctor rate=1M,tag=mine "$SL_DB" ..
	[[ $(message time) == "3 files, "* ]]
	doctor rate=1M "$SL_DB" "$BATS_TEST_TMPDIR/none"
	tells time fail 'check the path'
}

@test "a directory that may not be read is said, not left out" {
	local d=$BATS_TEST_TMPDIR/disk
	requires setpriv
	[ "$(id -u)" -eq 0 ] || skip "only root can become somebody else"
	sl_sim_start "${SIM_WORDS[@]}"
	data_dir "$d"
	chmod 700 "$d"/ks/t-*/snapshots
	chmod -R a+rX "$BATS_RUN_TMPDIR" "$SL_BUILD/sideloadctl" 2>/dev/null
	chmod 700 "$d"/ks/t-*/snapshots
	run setpriv --reuid 65534 --clear-groups "$SL_BUILD/sideloadctl" \
		doctor --json -o "state=/tmp,$SIM_OPTIONS" "$SL_DB" "$d"
	tells time fail 'run as the user*'
}

@test "rate= holds for the parts that are sent to measure" {
	sl_sim_start "${SIM_WORDS[@]}"
	new_migration
	data_dir "$BATS_TEST_TMPDIR/disk"
	doctor "migration=$id,rate=1M" "$SL_DB" "$BATS_TEST_TMPDIR/disk"
	tells write ok
	[[ $(message write) =~ "; "([0-9]+)"."[0-9]+" MB/s" ]]
	[ "${BASH_REMATCH[1]}" -lt 20 ]
	[[ $(message time) == *"at 1.0 MB/s, by rate="* ]]
	[ "$(unfinished)" -eq 0 ]
}

@test "a clock an hour off: told, and every right is tried all the same" {
	local off
	for off in 3600 -3600; do
		sl_sim_start "${SIM_WORDS[@]}" --clock-offset "$off"
		new_migration
		doctor "migration=$id,rate=4M" "$SL_DB"
		[ "$status" -eq 0 ]
		tells clock warn '*ntp*'
		tells write ok
		tells list ok
		tells delete ok
		sl_sim_stop
	done
}

@test "ended by a signal: the upload is given up first" {
	local pid rc=0
	sl_sim_start "${SIM_WORDS[@]}" --log "$BATS_TEST_TMPDIR/requests"
	new_migration
	sideloadctl doctor -o "state=$state,migration=$id,rate=4M,$SIM_OPTIONS" \
		"$SL_DB" >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	pid=$!
	wait_for 20 grep -q s3.part "$BATS_TEST_TMPDIR/requests"
	kill -TERM "$pid"
	wait "$pid" || rc=$?
	[ "$rc" -eq 143 ]
	[ "$(unfinished)" -eq 0 ]
	[ -z "$(find "$SIM_DIR/buckets" -type f -path '*/uploads/*')" ]
}

@test "the cure is of the trouble: a store, a service, a proxy, a database" {
	sl_sim_start "${SIM_WORDS[@]}"
	new_migration
	faults 'match=s3.head,s3.delete do=503'
	doctor "migration=$id,rate=4M" "$SL_DB"
	[ "$status" -eq 1 ]
	tells bucket fail '*in trouble*'
	tells list ok
	tells delete fail '*in trouble*'
	faults 'match=api.database do=503'
	doctor "" "$SL_DB"
	tells role fail 'ask again later'
	faults ''
	http_proxy=http://me:word@127.0.0.1:1 doctor "" "$SL_DB"
	tells api fail '*the proxy in $http_proxy*'
	[[ $output != *word@* ]]
	sl_sim_stop
	sl_sim_start "${SIM_WORDS[@]}" --db-status TERMINATED
	doctor "" "$SL_DB"
	tells database fail '*another database*'
	sl_sim_stop
	sl_sim_start "${SIM_WORDS[@]}" --db-status HIBERNATED
	doctor "" "$SL_DB"
	tells database fail 'resume it*'
}
