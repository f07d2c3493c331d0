#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Mounting and what can be wrong with it: each fault is told at the terminal,
# with a nonzero exit, and nothing stays mounted.

load helpers

setup() {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	mkdir -p "$m"
}
teardown() { sl_cleanup; }

# refused PATTERN [ARGUMENTS...]: sideloadfs must end at once, saying PATTERN.
refused() {
	local pattern=$1
	shift
	run timeout 20 sideloadfs "$@"
	echo "$output"
	[ "$status" -ne 0 ] && [ "$status" -ne 124 ] || return 1
	[[ $output =~ $pattern ]] || return 1
	if sl_is_mounted "$m"; then return 1; fi
	# Never a usage flood, never a secret.
	[[ $output != *AstraCS:[A-Za-z0-9]* ]]
}

base_options() { echo "node=node1,state=$BATS_TEST_TMPDIR/st,$SIM_OPTIONS"; }

@test "without -f it returns when the mount answers, and is a daemon" {
	run timeout 20 sideloadfs -o "$(base_options)" "$SL_DB" "$m"
	echo "$output"
	[ "$status" -eq 0 ]
	sl_is_mounted "$m"
	[ "$(status_of "$m" .status)" = none ]
	sideloadctl umount "$m"
}

@test "mounted without a migration: control files work, copies say EROFS" {
	sl_mount "$m"
	[ "$(status_of "$m" .status)" = none ]
	run mkdir "$m/node1"
	[ "$status" -ne 0 ]
	[[ $output == *"Read-only"* ]]
	sl_umount "$m"
}

@test "the mount is of type fuse.sideloadfs and df works" {
	sl_mount "$m"
	[ "$(findmnt -no FSTYPE "$m")" = fuse.sideloadfs ]
	df "$m"
	sl_umount "$m"
}

@test "no token" {
	unset ASTRA_DB_APPLICATION_TOKEN
	HOME=$BATS_TEST_TMPDIR refused '[Tt]oken' -f -o "$(base_options)" \
		"$SL_DB" "$m"
}

@test "a token with a newline and quotes around it is taken" {
	# shellcheck disable=SC2089,SC2090
	export ASTRA_DB_APPLICATION_TOKEN="\"$ASTRA_DB_APPLICATION_TOKEN\"
"
	sl_mount "$m"
	sl_begin "$m"
	sl_umount "$m"
}

@test "a wrong token: the mount works, and says what the API says" {
	export ASTRA_DB_APPLICATION_TOKEN=AstraCS:wrong:wrong
	sl_mount "$m"
	run bash -c "echo new >'$m/.init'"
	[ "$status" -ne 0 ]
	grep -qiE '401|refused|token' "$m/.init"
	[ "$(status_of "$m" .status)" = none ]
	sl_umount "$m"
	if grep -F wrong:wrong "$m.log"; then return 1; fi
}

@test "a token file that others can read is refused" {
	printf '%s\n' "$ASTRA_DB_APPLICATION_TOKEN" >"$BATS_TEST_TMPDIR/token"
	chmod 644 "$BATS_TEST_TMPDIR/token"
	refused '0600|mode|permission' -f \
		-o "token_file=$BATS_TEST_TMPDIR/token,$(base_options)" \
		"$SL_DB" "$m"
}

@test "a database ID that is no UUID" {
	refused 'UUID' -f -o "$(base_options)" not-a-uuid "$m"
}

@test "no such mount point" {
	refused 'mount ?point|No such|cannot' -f -o "$(base_options)" \
		"$SL_DB" "$BATS_TEST_TMPDIR/absent"
}

@test "a mount point that is not empty" {
	touch "$m/file"
	refused 'empty' -f -o "$(base_options)" "$SL_DB" "$m"
}

@test "a mount point that is mounted already" {
	sl_mount "$m"
	run timeout 20 sideloadfs -f \
		-o "node=node2,state=$BATS_TEST_TMPDIR/st2,$SIM_OPTIONS" \
		"$SL_DB" "$m"
	echo "$output"
	[ "$status" -ne 0 ]
	[ "$status" -ne 124 ]
	sl_umount "$m"
}

@test "an unknown option, and a value out of range" {
	refused 'colour' -f -o "colour=red,$(base_options)" "$SL_DB" "$m"
	refused 'connections' -f -o "connections=0,$(base_options)" "$SL_DB" \
		"$m"
	refused 'memory' -f -o "memory=1,$(base_options)" "$SL_DB" "$m"
}

@test "a state directory that cannot be written" {
	touch "$BATS_TEST_TMPDIR/file"
	refused 'state' -f \
		-o "node=node1,state=$BATS_TEST_TMPDIR/file/x,$SIM_OPTIONS" \
		"$SL_DB" "$m"
}

@test "a second holder of the same node and state is told who has it" {
	sl_mount "$m" "node=node1,state=$BATS_TEST_TMPDIR/st"
	sl_begin "$m"
	id=$(status_of "$m" .migrationID)
	other=$BATS_TEST_TMPDIR/other
	mkdir -p "$other"
	run timeout 20 sideloadfs -f \
		-o "node=node1,migration=$id,state=$BATS_TEST_TMPDIR/st,$SIM_OPTIONS" \
		"$SL_DB" "$other"
	echo "$output"
	[ "$status" -ne 124 ] || {
		fusermount3 -u "$other"
		return 1
	}
	[ "$status" -ne 0 ]
	[[ $output == *"${MOUNT_PID[$m]}"* ]]
	sl_umount "$m"
}

@test "the API is down at mount time: mounted, says so" {
	sl_sim_stop
	sl_mount "$m"
	[ "$(status_of "$m" .status)" = none ]
	jq -e .local "$m/.status"
	sl_umount "$m"
}

@test "the migration is remembered over a remount" {
	sl_mount "$m"
	sl_begin "$m"
	id=$(status_of "$m" .migrationID)
	sl_umount "$m"
	sl_mount "$m"
	echo ReceivingFiles >"$m/.wait"
	[ "$(status_of "$m" .migrationID)" = "$id" ]
	sl_umount "$m"
}

@test "a mount point with blanks in its name" {
	blank="$BATS_TEST_TMPDIR/a mount point"
	sl_mount "$blank"
	[ "$(status_of "$blank" .status)" = none ]
	run_ctl 0 status "$blank"
	sl_umount "$blank"
}
