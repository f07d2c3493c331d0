#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs the tests of lost and wrong answers over astra-sim:
#   sh tests/conformance/lost.sh BUILD-DIR [RUNS [SEED]]
# For each cloud, RUNS (default 100, of others than s3 a tenth) seeded runs of
# 50 files with the answers of PUT, Create, UploadPart and Complete cut, then
# one case for each other kind of trouble.
# Prints TAP and ends with "N passed, N failed".
set -u

if [ $# -lt 1 ] || [ ! -x "$1/tests/lost" ] || [ ! -x "$1/astra-sim" ]; then
	echo "usage: lost.sh BUILD-DIR [RUNS [SEED]]" >&2
	exit 2
fi
build=$1
shift
# The simulator and the clients are on the loopback, whatever the host has.
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
status=0
"$build/tests/lost" "$build/astra-sim" s3 "$@" || status=1
runs=$((${1:-100} / 10))
[ $# -eq 0 ] || shift
"$build/tests/lost" "$build/astra-sim" gcs "$runs" "$@" || status=1
"$build/tests/lost" "$build/astra-sim" azure "$runs" "$@" || status=1
exit $status
