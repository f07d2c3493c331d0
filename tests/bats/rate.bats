#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# A guest on its host: the upload limit at the start and while it runs, and
# how the daemon stands back for others.

load helpers

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	data=node1/ks/t-0123456789abcdef0123456789abcdef/snapshots/s1
}
teardown() { sl_cleanup; }

begin() { # OPTIONS
	sl_mount "$m" "node=node1,$1"
	sl_begin "$m"
	mkdir -p "$m/$data"
}

# make_file FILE BYTES: a file with that many random bytes.
make_file() { head -c "$2" /dev/urandom >"$1"; }

# seconds_of COMMAND...: how long it takes, in hundredths of a second.
hundredths_of() {
	local began=${EPOCHREALTIME/./}
	"$@"
	HUNDREDTHS=$(((${EPOCHREALTIME/./} - began) / 10000))
}

limit_is() { [ "$(status_of "$m" .local.rate_limit)" = "$1" ]; }

@test "rate= holds with one connection and with 16" {
	make_file "$BATS_TEST_TMPDIR/f" $((4 << 20))
	for connections in 1 16; do
		begin "rate=2M,connections=$connections"
		limit_is 2097152
		hundredths_of cp "$BATS_TEST_TMPDIR/f" "$m/$data/a-$connections"
		echo "$connections connections: $HUNDREDTHS hundredths"
		# 4 MiB at 2 MiB/s; no more than 0.3 s of it may be saved.
		[ "$HUNDREDTHS" -ge 170 ]
		cmp "$BATS_TEST_TMPDIR/f" "$(sl_bucket "$m")/$data/a-$connections"
		sl_umount "$m"
		rm -rf "$m.state"
	done
}

@test "the limit is shared by files that are copied side by side" {
	begin "rate=2M"
	make_file "$BATS_TEST_TMPDIR/f" $((512 << 10))
	copy() {
		local i pids=()
		for i in {1..8}; do
			cp "$BATS_TEST_TMPDIR/f" "$m/$data/b-$i" 3>&- &
			pids+=($!)
		done
		wait "${pids[@]}"
	}
	hundredths_of copy
	echo "$HUNDREDTHS hundredths"
	[ "$HUNDREDTHS" -ge 170 ]
	sl_umount "$m"
}

@test "a copy at a tiny rate ends soon when the limit goes" {
	begin "rate=64K"
	make_file "$BATS_TEST_TMPDIR/f" $((64 << 20))
	cp "$BATS_TEST_TMPDIR/f" "$m/$data/big" 3>&- &
	copy=$!
	sleep 2
	kill -0 "$copy"
	run_ctl 0 rate "$m"
	[ "$output" = 64K ]
	run_ctl 0 rate "$m" off --json
	[ "$(jq -r .ok <<<"$output")" = true ]
	limit_is null
	# At 64 KiB/s it would have taken a quarter of an hour.
	timeout 60 tail --pid="$copy" -f /dev/null
	wait "$copy"
	cmp "$BATS_TEST_TMPDIR/f" "$(sl_bucket "$m")/$data/big"
	sl_umount "$m"
}

@test ".rate is read and written, garbage is refused" {
	begin "connections=4"
	grep -qx 'limit: off' "$m/.rate"
	echo 40M >"$m/.rate"
	grep -qx 'limit: 40M' "$m/.rate"
	limit_is 41943040
	echo 65537 >"$m/.rate"
	run_ctl 0 rate "$m"
	[ "$output" = 65537 ]
	for bad in 1 63K 2000G -1 40Mbit 4.5M "40M 1" fast; do
		run bash -c 'printf "%s\n" "$1" >"$0"' "$m/.rate" "$bad"
		[ "$status" -ne 0 ] || {
			echo "took $bad"
			return 1
		}
		head -n 1 "$m/.rate" | grep -q "such as 512K"
	done
	run_ctl 2 rate "$m" 40Mbit
	run_ctl 2 rate "$m" 1M 2M
	limit_is 65537
	run sideloadfs -o rate=1K "$SL_DB" "$m"
	[ "$status" -eq 2 ]
	sl_umount "$m"
}

@test "the daemon stands back: nice, I/O priority, OOM score, no core" {
	begin "connections=4"
	pid=${MOUNT_PID[$m]}
	own=$(cat /proc/self/oom_score_adj)
	echo "nice $(ps -o ni= -p "$pid"), score $(cat "/proc/$pid/oom_score_adj")"
	[ "$(ps -o ni= -p "$pid" | tr -d ' ')" -eq $(($(nice) > 10 ? $(nice) : 10)) ]
	# All threads, because the kernel keeps it for each.
	[ "$(ps -L -o ni= -p "$pid" | sort -u | wc -l)" -eq 1 ]
	[ "$(cat "/proc/$pid/oom_score_adj")" -eq $((own > 500 ? 1000 : own + 500)) ]
	[[ $(ionice -p "$pid") == *"best-effort: prio 7"* ]]
	grep -qE '^Max core file size +0 +0 ' "/proc/$pid/limits"
	sl_umount "$m"
	rm -rf "$m.state"
	begin "nice=15"
	[ "$(ps -o ni= -p "${MOUNT_PID[$m]}" | tr -d ' ')" -ge 15 ]
	sl_umount "$m"
}
