# SPDX-License-Identifier: Apache-2.0
# What the end-to-end tests share: the rehearsal cloud, mounts that are there
# when sl_mount returns and whose daemons are gone when sl_umount does, and a
# look at what the daemons wrote. Programs come from $SL_BUILD (default
# build/plain). Everything lives below $BATS_TEST_TMPDIR; no fixed port.
# shellcheck shell=bash

SL_ROOT=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)

sl_root() {
	SL_BUILD=${SL_BUILD:-$SL_ROOT/build/plain}
	export SL_ROOT SL_BUILD PATH="$SL_BUILD:$PATH"
}

# requires PROGRAM...: skip and name what is missing; in CI that is a failure.
requires() {
	local program
	for program in "$@"; do
		command -v "$program" >/dev/null 2>&1 && continue
		if [ "${CI:-}" = true ]; then
			echo "needs $program, which CI must have"
			return 1
		fi
		skip "$program is not there"
	done
}

# wait_for SECONDS COMMAND...: true as soon as the command is.
wait_for() {
	local deadline=$((SECONDS + $1))
	shift
	until "$@"; do
		[ "$SECONDS" -lt "$deadline" ] || return 1
		sleep 0.05
	done
}

# sl_sim_start [ASTRA-SIM OPTIONS...]: starts the cloud; sets SIM_DIR,
# SIM_OPTIONS (for -o), SL_DB, and exports the token.
sl_sim_start() {
	sl_root
	SIM_DIR=${SIM_DIR:-$BATS_TEST_TMPDIR/sim}
	SIM_LOG=$BATS_TEST_TMPDIR/sim.log
	mkdir -p "$SIM_DIR"
	rm -f "$BATS_TEST_TMPDIR/sim.ready"
	astra-sim --dir "$SIM_DIR" \
		--ready-file "$BATS_TEST_TMPDIR/sim.ready" "$@" \
		>"$SIM_LOG" 2>&1 </dev/null 3>&- &
	SIM_PID=$!
	wait_for 20 test -s "$BATS_TEST_TMPDIR/sim.ready" || {
		cat "$SIM_LOG"
		return 1
	}
	SIM_OPTIONS=$(sed -n 's/^options=//p' "$BATS_TEST_TMPDIR/sim.ready")
	SL_DB=$(sed -n 's/^database=//p' "$BATS_TEST_TMPDIR/sim.ready")
	eval "$(grep '^export ASTRA_DB_APPLICATION_TOKEN=' \
		"$BATS_TEST_TMPDIR/sim.ready")"
	[ -n "$SIM_OPTIONS" ] && [ -n "$SL_DB" ]
}

sl_sim_stop() {
	[ -n "${SIM_PID:-}" ] || return 0
	kill "$SIM_PID" 2>/dev/null || true
	wait "$SIM_PID" 2>/dev/null || true
	SIM_PID=
}

# Is a sideloadfs mounted at $1 (as the kernel sees it)?
sl_is_mounted() {
	local point=${1// /\\040}
	grep -qF " $point " /proc/self/mountinfo
}

# sl_mount DIR [OPTION,...]: mounts at DIR (made if need be), with a state
# directory of its own unless state= is given. The log is DIR.log; the pid of
# the daemon is in MOUNT_PID[DIR]. SL_MOUNT_ARGS: further words, say -d.
declare -gA MOUNT_PID
declare -ga SL_MOUNT_ARGS=()
sl_mount() {
	local dir=$1 options=${2:-node=node1}
	mkdir -p "$dir"
	case ",$options" in
	*,state=*) ;;
	*) options="$options,state=$dir.state" ;;
	esac
	sideloadfs -f "${SL_MOUNT_ARGS[@]}" -o "$options,$SIM_OPTIONS" \
		"$SL_DB" "$dir" >>"$dir.log" 2>&1 </dev/null 3>&- &
	MOUNT_PID[$dir]=$!
	if ! wait_for 20 sl_mounted_or_dead "$dir" || ! sl_is_mounted "$dir"; then
		cat "$dir.log"
		return 1
	fi
}

sl_mounted_or_dead() {
	sl_is_mounted "$1" || ! kill -0 "${MOUNT_PID[$1]}" 2>/dev/null
}

# sl_umount DIR: the daemon must end with 0 and have written nothing that
# smells of a fault.
sl_umount() {
	local status=0
	fusermount3 -u "$1" || return 1
	wait "${MOUNT_PID[$1]}" || status=$?
	unset "MOUNT_PID[$1]"
	sl_check_log "$1.log" || return 1
	if [ "$status" -ne 0 ]; then
		echo "the daemon of $1 ended with status $status"
		cat "$1.log"
		return 1
	fi
}

sl_check_log() {
	if grep -nE 'Sanitizer|runtime error:|SUMMARY:|Assertion|BUG|stack smashing|double free' \
		"$1"; then
		echo "faults in $1"
		return 1
	fi
}

# For teardown: nothing of a test outlives it, whatever happened.
sl_cleanup() {
	local dir
	for dir in "${!MOUNT_PID[@]}"; do
		fusermount3 -uz "$dir" 2>/dev/null || true
		kill -TERM "${MOUNT_PID[$dir]}" 2>/dev/null || true
		wait_for 10 sl_gone "${MOUNT_PID[$dir]}" ||
			kill -KILL "${MOUNT_PID[$dir]}" 2>/dev/null || true
		if [ -z "${BATS_TEST_COMPLETED:-}" ]; then
			echo "log of $dir:"
			tail -n 60 "$dir.log"
		fi
	done
	if [ -z "${BATS_TEST_COMPLETED:-}" ] && [ -n "${SIM_LOG:-}" ]; then
		echo "log of astra-sim:"
		grep -v TOKEN= "$SIM_LOG" | tail -n 40
	fi
	sl_sim_stop
}

# A child that has ended is a zombie until it is waited for.
sl_gone() {
	local state
	state=$(ps -o stat= -p "$1") || return 0
	[[ $state == Z* ]]
}

# sl_waits PID: has it begun to wait for a status? Its own echo writes there.
sl_waits() { [[ $(readlink "/proc/$1/fd/1") == */.wait ]]; }

# run_ctl STATUS ARGUMENTS...: sideloadctl must end with just that status.
run_ctl() {
	local expected=$1
	shift
	run sideloadctl "$@"
	# bats' run sets both.
	# shellcheck disable=SC2154
	if [ "$status" -ne "$expected" ]; then
		echo "sideloadctl $* ended with $status, not $expected: $output"
		return 1
	fi
}

# sl_begin DIR: a new migration through the mount, ready for files.
sl_begin() {
	echo new >"$1/.init" && echo ReceivingFiles >"$1/.wait"
}

# status_of DIR FILTER: a value out of .status.
status_of() { jq -r "$2" "$1/.status"; }

# sl_unpack DIR: the real three-node snapshot of tests/data.
sl_unpack() {
	mkdir -p "$1"
	tar -xJf "$SL_ROOT/tests/data/cluster-4.1-smart_home.tar.xz" -C "$1"
}

# bucket: where astra-sim keeps the objects of the migration of mount $1.
sl_bucket() {
	local id
	id=$(status_of "$1" .migrationID)
	find "$SIM_DIR" -type d -path "*/objects/$id/sstables" | head -n 1
}
