#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# 300 mounts of one migration against one astra-sim, twenty times faster than
# life: what they ask the DevOps API for is counted from its request log.
#   sh tests/crowd/run.sh BUILD-DIR [MOUNTS [SPEED]]
# Prints TAP. The cleanup date is 80 minutes away when they begin; one of them
# has to move it. Then some quiet minutes; then the API is down for a minute
# just when every mount has an upload refused.
set -u

if [ $# -lt 1 ] || [ ! -x "$1/tests/crowd" ] || [ ! -x "$1/astra-sim" ]; then
	echo "usage: run.sh BUILD-DIR [MOUNTS [SPEED]]" >&2
	exit 2
fi
build=$1 n=${2:-300} speed=${3:-20}
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
dir=$(mktemp -d "${TMPDIR:-/tmp}/sl-crowd-XXXXXX") || exit 2
sim='' crowd='' tests=0 failed=0

# shellcheck disable=SC2317 # called by the trap
finish() {
	exec 7>&-
	[ -z "$crowd" ] || kill "$crowd" 2>/dev/null
	[ -z "$sim" ] || kill "$sim" 2>/dev/null
	wait
	rm -rf "$dir"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

check() { # NAME COMMAND...
	name=$1
	shift
	tests=$((tests + 1))
	if "$@"; then
		echo "ok $tests - $name"
	else
		echo "not ok $tests - $name"
		failed=$((failed + 1))
	fi
}

wait_for() { # TENTHS COMMAND...
	tenths=$1
	shift
	until "$@"; do
		tenths=$((tenths - 1))
		[ "$tenths" -gt 0 ] || return 1
		sleep 0.1
	done
}

ready() { sed -n "s/^$1=//p" "$dir/ready"; }

api() { # PATH [CURL ARGUMENTS...]
	path=$1
	shift
	curl -fsS -X POST -H "Authorization: Bearer $ASTRA_DB_APPLICATION_TOKEN" \
		"$@" "$url/v2/databases/$db/migrations$path"
}

faults() { curl -fsS -o /dev/null --data-binary "$1" "$(ready control)/faults"; }

tell() { # WORD: and wait until it is done
	echo "$1" >&7
	wait_for 500 grep -q "^done $1\$" "$dir/out"
}

told() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p" "$dir/out" | tail -n 1; }

marks() { wc -l <"$dir/log"; }

# asked FROM TO KIND: how many of the log's lines from-to are of that kind
asked() {
	sed -n "$1,$2p" "$dir/log" | jq -c "select(.kind == \"$3\")" | wc -l
}

# The busiest five seconds of theirs in the log's lines FROM to TO.
busiest() {
	sed -n "$1,$2p" "$dir/log" |
		jq -r 'select(.kind == "api.status") |
			(.time[0:19] + "Z" | fromdateiso8601) +
			("0" + .time[19:23] | tonumber)' |
		awk -v w="$((5000 / speed))" '{ t[NR] = $1 * 1000
			while (t[NR] - t[low + 1] > w) low++
			if (NR - low > most) most = NR - low }
			END { print most + 0 }'
}

"$build/astra-sim" --dir "$dir/sim" --ready-file "$dir/ready" \
	--log "$dir/log" --init-delay 0 >"$dir/sim.out" 2>&1 &
sim=$!
wait_for 200 test -s "$dir/ready" || {
	cat "$dir/sim.out"
	echo "not ok 1 - astra-sim starts"
	exit 1
}
url=$(ready api_url) db=$(ready database)
ASTRA_DB_APPLICATION_TOKEN=$(sed -n \
	's/^export ASTRA_DB_APPLICATION_TOKEN=//p' "$dir/ready")
export ASTRA_DB_APPLICATION_TOKEN
id=$(api /initialize | jq -r .migrationID)
sleep 0.5
api "/$id/cleanup?option.cleanupTime=$(date -u -d '+80 minutes' \
	+%Y-%m-%dT%H:%M:%SZ)" -o /dev/null

mkfifo "$dir/in"
begin=$(($(marks) + 1))
"$build/tests/crowd" "$url" "$db" "$id" "$n" "$speed" <"$dir/in" \
	>"$dir/out" 2>&1 &
crowd=$!
exec 7>"$dir/in"
wait_for 300 grep -q '^started' "$dir/out"
tell used

# Eight of their minutes in which nothing happens but the cleanup.
quiet=$(($(marks) + 1)) from=$(date +%s%3N)
sleep $((480 / speed))
last=$(marks) ms=$(($(date +%s%3N) - from))
status=$(asked "$quiet" "$last" api.status)
# In thousandths: a status a minute each, and a refresh in 45 of them.
rate=$((status * 60000 * 1000 / (ms * n * speed)))
echo "# $status status requests of $n mounts in $((ms * speed / 1000)) s: $rate thousandths a minute and mount"
check "at most one status a minute and mount" test "$rate" -le 1050
check "and not many fewer" test "$rate" -ge 500

# Its moment may be as late as an eighth of the time there is.
moved() { [ "$(asked "$begin" "$(marks)" api.cleanup)" -ge 1 ]; }
wait_for 400 moved
sleep $((80 / speed + 1))
tell report
posts=$(asked "$begin" "$(marks)" api.cleanup)
echo "# $posts POST moved the cleanup date; $(told far) of $n know"
check "one mount moves the cleanup date" test "$posts" -ge 1 -a "$posts" -le 2
check "all know that it is moved" test "$(told far)" -eq "$n"

down=$(($(marks) + 1))
faults 'match=api.* do=503'
curl -fsS -X POST -o /dev/null "$(ready control)/expire"
tell refuse
sleep $((60 / speed))
faults ''
up=$(($(marks) + 1))
tell wait
echo "# after the outage $(told went_on) uploads go on, $(told ended) ended"
check "every upload goes on by itself" test "$(told went_on)" -eq "$n" -a \
	"$(told ended)" -eq 0
tell report
peak=$(busiest "$up" "$(marks)")
asks=$(asked "$down" $((up - 1)) api.status)
echo "# the outage: $asks requests; after it at most $peak in five seconds"
check "no crowd after the outage" test "$peak" -le $((n / 2))
check "few requests while it lasts" test "$asks" -le $((n * 7))
check "all have credentials again" test "$(told valid)" -eq "$n"
echo quit >&7
wait "$crowd" || failed=$((failed + 1))
crowd=
echo "1..$tests"
echo "$((tests - failed)) passed, $failed failed"
[ "$failed" -eq 0 ]
