# SPDX-License-Identifier: Apache-2.0
# The same on all clouds, side by side, since it is mostly waiting: each case
# has a mount, a cloud and a directory of its own, and runs in a subshell in
# which all of helpers.bash works as ever.
# shellcheck shell=bash

load helpers

# Seconds that credentials live. The nightly run has them live longer.
LIFE=${SL_CREDS_LIFE:-5}
# Long lives need not make large files: MiB a second.
# shellcheck disable=SC2034 # the tests use both
RATE=$((LIFE > 10 ? 1 : 2))
# shellcheck disable=SC2034
MIB=1048576

declare -ga SIDES=() WRITERS=()

# side_by_side FUNCTION NAME...: NAME is CLOUD or CLOUD:WORD:... The function
# finds $cloud, the words in ${words[@]}, and $T, $m, $src, $log, $dir.
side_by_side() {
	local what=$1 name bad=0 i=0
	shift
	for name in "$@"; do
		(alone "$what" "$name") >"$BATS_TEST_TMPDIR/out.$name" 2>&1 \
			3>&- &
		SIDES+=($!)
	done
	for name in "$@"; do
		wait "${SIDES[$i]}" || {
			echo "== $name"
			cat "$BATS_TEST_TMPDIR/out.$name"
			bad=1
		}
		i=$((i + 1))
	done
	SIDES=()
	return "$bad"
}

alone() { # FUNCTION NAME
	trap - DEBUG
	set -eE
	trap 'echo "failed: line $LINENO: $BASH_COMMAND" >&2' ERR
	trap 'end_alone' EXIT
	BATS_TEST_COMPLETED=
	IFS=: read -ra words <<<"$2"
	cloud=${words[0]}
	words=("${words[@]:1}")
	BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR/$2
	T=$BATS_TEST_TMPDIR m=$T/m src=$T/src log=$T/requests
	dir=node1/ks/t-0123456789abcdef0123456789abcdef/snapshots/migrate1
	mkdir -p "$src"
	: >"$log"
	"$1"
	sl_umount "$m"
	BATS_TEST_COMPLETED=1
}

end_alone() {
	local pid
	trap - ERR
	set +e
	touch "$T/stop"
	if [ -z "$BATS_TEST_COMPLETED" ] && [ -n "${MOUNT_PID[$m]:-}" ]; then
		jq .local "$m/.status" 2>&1 | head -n 80
		cat "$m/.errors"
	fi
	for pid in "${WRITERS[@]}"; do
		kill "$pid" 2>/dev/null
	done
	sl_cleanup
}

# For teardown: sides of a test that was cut short.
end_sides() {
	local pid
	for pid in "${SIDES[@]}"; do
		kill "$pid" 2>/dev/null || true
		wait "$pid" 2>/dev/null || true
	done
}

# begin MOUNT-OPTIONS [ASTRA-SIM OPTIONS...]
begin() {
	local options=$1
	shift
	sl_sim_start --cloud "$cloud" --log "$log" "$@"
	sl_mount "$m" "node=node1,memory=32${options:+,$options}"
	sl_begin "$m"
	mkdir -p "$m/$dir"
}

# The polls that still belong to the waiting for ReceivingFiles are over.
settle() { sleep 4; }

from_ready() { sed -n "s/^$1=//p" "$T/sim.ready"; }

faults() { # LINE...: from now on
	curl -fsS -o /dev/null --data-binary "$(printf '%s\n' "$@")" \
		"$(from_ready control)/faults"
}

expire() { # all credentials, now
	curl -fsS -X POST -o /dev/null "$(from_ready control)/expire"
}

# api VERB: a command that this mount does not know of.
api() {
	curl -fsS -o /dev/null -X POST \
		-H "Authorization: Bearer $ASTRA_DB_APPLICATION_TOKEN" \
		"$(from_ready api_url)/v2/databases/$SL_DB/migrations/$(status_of "$m" .migrationID)/$1"
}

make_source() { # NAME BYTES
	head -c "$2" /dev/urandom >"$src/$1"
}

# Every writer has to end by itself; the limit is for those that never do.
start_writer() { # FUNCTION ARGUMENTS...
	(
		trap - ERR EXIT
		"$@"
	) &
	WRITERS+=($!)
}

whole_copy() { # NAME
	timeout $((LIFE * 18)) cp "$src/$1" "$m/$dir/"
}

# One small file after the other until $T/stop is there.
small_copies() { # N
	local i=0 name
	until [ -e "$T/stop" ]; do
		i=$((i + 1))
		name=nb-$1$(printf %04d $i)-big-Blob.db
		make_source "$name" $((3000 + 7919 * i % 30000))
		whole_copy "$name" || return 1
		sleep 0.3
	done
}

writers_end_well() {
	local pid failed=0
	for pid in "${WRITERS[@]}"; do
		wait "$pid" || failed=$((failed + 1))
	done
	WRITERS=()
	[ "$failed" -eq 0 ] || {
		echo "$failed writers failed"
		return 1
	}
}

# Every source file is committed, byte by byte, and nothing else.
all_there() {
	local state
	diff -rq "$src" "$(sl_bucket "$m")/$dir"
	[ "$(status_of "$m" .local.files.committed)" -eq \
		"$(find "$src" -type f | wc -l)" ]
	for state in open queued interrupted failed; do
		[ "$(status_of "$m" ".local.files.$state")" -eq 0 ]
	done
	[ -z "$(find "$SIM_DIR" -path '*/uploads/*')" ]
}

# newer_than FILE N: the bucket has files that are, of N writers at least.
newer_than() {
	[ "$(find "$(sl_bucket "$m")/$dir" -type f -newer "$1" -printf '%f\n' |
		cut -c1-6 | sort -u | wc -l)" -ge "$2" ]
}

mark() { FROM=$(($(wc -l <"$log") + 1)); }

# requests JQ-FILTER: of those since the mark, one array of them.
requests() { tail -n "+$FROM" "$log" | jq -s "$1"; }

# count KIND: requests of that kind since the mark, however answered.
count() { requests "map(select(.kind == \"$1\")) | length"; }

# How often a refusal was answered by nothing but credentials.
refusals() {
	requests 'map(select((.kind | startswith("s3.")) and
		(.status == 400 or .status == 401 or .status == 403))) | length'
}

# What a part is: its number, or on Azure its block's id, which begins with
# the upload (8 random bytes, so 10 characters of base64) and tells what is
# in it.
# shellcheck disable=SC2016 # jq's own names
PART='def part: .query.partNumber // .query.blockid;
	def upload: .query.uploadId // (.query.blockid | .[0:10]);
	def parts: map(select(.kind == "s3.part"));
	def good: map(select(.status < 300 and (.cut | not)));'

# Each file was one upload, of which each part was taken once; what was
# refused came again, and nothing else did.
# shellcheck disable=SC2016 # jq's own names
same_uploads() { # FILES
	local files=$1
	requests "$PART"'(parts | good | group_by(.path)) as $files |
		map(select(.kind == "s3.create")) as $creates |
		map(select(.kind == "s3.complete")) | good | length as $made |
		{ files: ($files | length),
		  made: $made,
		  creates: ($creates | good | length),
		  uploads: ($files | map(map(upload) | unique | length) | max),
		  twice: ($files | map(group_by(part) |
			map(length)) | flatten | max) }' >"$T/uploads"
	cat "$T/uploads"
	jq -e --argjson n "$files" --arg cloud "$cloud" '
		.files == $n and .made == $n and .uploads == 1 and
		.twice == 1 and
		.creates == (if $cloud == "azure" then 0 else $n end)' \
		"$T/uploads"
	# Refused parts: each is among those that were taken, later.
	requests "$PART"'parts as $p | [$p[] | select(.status >= 400)] |
		all(.[]; . as $r | any($p[]; .path == $r.path and
			part == ($r | part) and .status < 300 and .n > $r.n))' |
		grep -qx true
}
