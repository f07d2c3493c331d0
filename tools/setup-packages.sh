#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Installs the Debian packages that a set of tasks needs and that are missing:
#   sh tools/setup-packages.sh build|demo|test|lint|aws|bench ...
# Quiet when all are there. Needs root or sudo only when something is missing.
# On a system without apt-get it prints the list and leaves it at that.
set -u

packages_of() {
	case $1 in
	build) echo gcc make pkg-config libc6-dev libfuse3-dev fuse3 \
		libcurl4-openssl-dev libcjson-dev libssl-dev libsqlite3-dev \
		libisal-dev zlib1g-dev libexpat1-dev libmicrohttpd-dev ;;
	demo) echo jq rsync xz-utils ;;
	test) echo libcmocka-dev bats jq rsync xz-utils curl openssl strace \
		perl procps python3 python3-venv autofs radosgw ceph-mon \
		ceph-osd ceph-common libfaketime rclone python3-azure-storage ;;
	lint) echo clang clang-tidy cppcheck shellcheck ;;
	aws) echo awscli ;;
	bench) echo rclone rsync curl openssl python3 ;;
	*) return 1 ;;
	esac
}

missing_of() {
	for package in "$@"; do
		state=$(dpkg-query -W -f='${db:Status-Status}' "$package" \
			2>/dev/null) || state=absent
		[ "$state" = installed ] || printf '%s ' "$package"
	done
}

# Runs as root; sudo keeps no environment, so what matters goes through env.
as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		env DEBIAN_FRONTEND=noninteractive "$@"
	else
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	fi </dev/null
}

install_packages() {
	if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null 2>&1; then
		echo "setup-packages: these Debian packages are missing, and" \
			"installing them needs root or sudo: $*" >&2
		return 1
	fi
	echo "installing Debian packages: $*"
	log=$(mktemp) || return 1
	if ! { as_root apt-get update &&
		as_root apt-get install -y --no-install-recommends \
			-o Acquire::Retries=3 "$@"; } >"$log" 2>&1; then
		tail -n 30 "$log" >&2
		rm -f "$log"
		echo "setup-packages: cannot install: $*" >&2
		return 1
	fi
	rm -f "$log"
}

main() {
	wanted=
	for set in "$@"; do
		if ! more=$(packages_of "$set"); then
			echo "usage: sh tools/setup-packages.sh" \
				"build|demo|test|lint|aws|bench ..." >&2
			return 2
		fi
		wanted="$wanted $more"
	done
	if ! command -v apt-get >/dev/null 2>&1 ||
		! command -v dpkg-query >/dev/null 2>&1; then
		echo "setup-packages: no apt-get here; needed are what Debian" \
			"calls:$wanted" >&2
		return 0
	fi
	# Package names hold no blanks: splitting is meant.
	# shellcheck disable=SC2086
	missing=$(missing_of $wanted)
	[ -n "$missing" ] || return 0
	# shellcheck disable=SC2086
	install_packages $missing
}

main "$@"
