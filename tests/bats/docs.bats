#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Options, control files, --help, .help, manual and README say the same, and
# an installed tree works as mount(8) uses it.

load helpers

setup() {
	sl_root
	pod=$SL_ROOT/fs/sideloadfs.1.pod
}
teardown() { sl_cleanup; }

# Names before '=' or alone, of the -o options.
help_options() {
	sideloadfs --help | grep -oE '^ +(-o )?[a-z][a-z0-9_]+(=|  |$)' |
		grep -oE '[a-z][a-z0-9_]+' | sort -u
}

pod_options() {
	sed -n '/^After B<-o>/,/^=head1 CONTROL/p' "$pod" |
		sed -nE 's/^=item B<([a-z0-9_]+)=?>.*/\1/p' | sort -u
}

@test "options: --help and the manual are equal" {
	[ -n "$(pod_options)" ]
	diff <(help_options) <(pod_options)
}

@test "rules: --rules and the manual are equal, and --rules is a policy" {
	rules=$BATS_TEST_TMPDIR/rules
	sideloadfs --rules >"$rules"
	sed -nE 's/^([a-z0-9-]+) ([a-z]+) #.*/\1 \2/p' "$rules" |
		sort >"$BATS_TEST_TMPDIR/program"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/program")" -gt 70 ]
	sed -n '/^=head1 RULES/,/^=head1 FILES/p' "$pod" |
		sed -nE 's/^=item B<([a-z0-9-]+)> \(([a-z]+)\)$/\1 \2/p' | sort |
		diff "$BATS_TEST_TMPDIR/program" -
	# It is taken as it is; what is wrong in it is told with the line.
	run sideloadfs -o "policy=$rules" 0 /
	[[ $output != *policy* && $output != *line* ]]
	echo 'no-such-rule warn' >>"$rules"
	run sideloadfs -o "policy=$rules" 0 /
	[ "$status" -eq 2 ]
	[[ $output == *"line $(wc -l <"$rules"): 'no-such-rule' is no rule"* ]]
}

@test "control files: the mount, .help and the manual are equal" {
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	sl_mount "$m"
	(cd "$m" && find . -maxdepth 1 -type f -name '.*' | sed 's|^\./||') |
		sort >"$BATS_TEST_TMPDIR/mount"
	grep -oE '^ *\.[a-z]+[a-z.]*' "$m/.help" | tr -d ' ' | sort -u \
		>"$BATS_TEST_TMPDIR/help"
	sed -n '/^=head1 CONTROL/,/^=head1 FILES/p' "$pod" | grep '^=item' |
		grep -oE 'F<[^>]+>' | tr -d 'F<>' | sort -u \
		>"$BATS_TEST_TMPDIR/pod"
	grep -oE '── \.[a-z.]+' "$SL_ROOT/README.md" | grep -oE '\.[a-z.]+' |
		sort -u >"$BATS_TEST_TMPDIR/readme"
	[ -s "$BATS_TEST_TMPDIR/mount" ]
	diff "$BATS_TEST_TMPDIR/mount" "$BATS_TEST_TMPDIR/help"
	diff "$BATS_TEST_TMPDIR/mount" "$BATS_TEST_TMPDIR/pod"
	diff "$BATS_TEST_TMPDIR/mount" "$BATS_TEST_TMPDIR/readme"
	sl_umount "$m"
}

@test "manual pages have their sections and no fault" {
	for page in "$pod" "$SL_ROOT"/tools/*/*.pod; do
		podchecker -warnings -warnings "$page"
		for section in NAME SYNOPSIS DESCRIPTION OPTIONS \
			'EXIT STATUS' 'SEE ALSO'; do
			grep -q "^=head1 $section" "$page" || {
				echo "$page has no $section"
				return 1
			}
		done
	done
}

@test "install and uninstall, below a DESTDIR with a blank" {
	dest="$BATS_TEST_TMPDIR/a dest"
	make -C "$SL_ROOT" -s install DESTDIR="$dest" PREFIX=/usr
	for program in sideloadfs sideloadctl sideload-check astra-sim; do
		"$dest/usr/bin/$program" --version
		[ -s "$dest/usr/share/man/man1/$program.1" ]
	done
	make -C "$SL_ROOT" -s uninstall DESTDIR="$dest" PREFIX=/usr
	[ -z "$(find "$dest" -type f)" ]
}

@test "mount -t fuse.sideloadfs, as fstab does it" {
	[ "$(id -u)" -eq 0 ] || requires a-root-shell
	sl_sim_start
	m=$BATS_TEST_TMPDIR/m
	mkdir -p "$m"
	printf '%s\n' "$ASTRA_DB_APPLICATION_TOKEN" >"$BATS_TEST_TMPDIR/token"
	chmod 600 "$BATS_TEST_TMPDIR/token"
	unset ASTRA_DB_APPLICATION_TOKEN
	printf '%s %s fuse.sideloadfs node=node1,state=%s,token_file=%s,%s 0 0\n' \
		"$SL_DB" "$m" "$BATS_TEST_TMPDIR/st" "$BATS_TEST_TMPDIR/token" \
		"$SIM_OPTIONS" >"$BATS_TEST_TMPDIR/fstab"
	# mount(8) looks where programs are installed: in a mount namespace of
	# its own the build stands there.
	unshare -m sh -eu -c '
		mount --bind "$1" /usr/local/bin
		mount -T "$2" "$3"
		[ "$(/usr/bin/jq -r .status "$3/.status")" = none ]
		/usr/local/bin/sideloadctl umount "$3"
	' sh "$SL_BUILD" "$BATS_TEST_TMPDIR/fstab" "$m"
}
