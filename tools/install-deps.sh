#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Install the Debian packages of the groups named, if any is missing:
#	install-deps.sh build|run|test|bench|lint...
#
# When nothing is missing this costs one dpkg-query. Nothing is ever removed to make room, and no
# service is started or left enabled: nginx, Varnish, Ceph and Prometheus (promtool) are here for the tests and the
# benchmark, which run their own.
set -eu

BUILD="gcc libc6-dev meson ninja-build pkg-config libcurl4-openssl-dev libssl-dev
	libexpat1-dev libjansson-dev libunistring-dev libxxhash-dev
	libmspack-dev zlib1g-dev libzstd-dev libzip-dev"
SAMPLES="clang lld python3 curl"
# chromium and npm are the browser's tests. Another node than Debian's does as well.
TEST="llvm libclang-rt-14-dev python3-pytest python3-pytest-xdist python3-boto3 openssl nginx gcab cabextract zstd
	debuginfod gdb ceph-mon ceph-osd ceph-common radosgw libarchive-tools python3-yaml
	prometheus chromium"
command -v node >/dev/null || TEST+=" nodejs"
command -v npm >/dev/null || TEST+=" npm"
BENCH="awscli chromium ceph-mon ceph-osd ceph-common radosgw openssl python3-boto3 llvm nginx libnginx-mod-http-perl libnginx-mod-http-lua varnish wrk python3
	clang lld gcab cabextract zstd"
LINT="clang-format clang-tidy shellcheck codespell cppcheck"

for group; do
	case $group in
	build) wanted+=" $BUILD" ;;
	run) wanted+=" $BUILD $SAMPLES" ;;
	test) wanted+=" $BUILD $SAMPLES $TEST" ;;
	bench) wanted+=" $BUILD $BENCH" ;;
	lint) wanted+=" $BUILD $SAMPLES $LINT" ;;
	*) echo "install-deps: no such group: $group" >&2; exit 2 ;;
	esac
done
read -ra wanted -d '' <<<"${wanted:?usage: install-deps.sh build|run|test|bench|lint...}" || true

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "install-deps: not a Debian system; what Debian calls ${wanted[*]} must be there" >&2
	exit 0
fi
installed=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${wanted[@]}" 2>/dev/null || true)
missing=()
for package in "${wanted[@]}"; do
	[[ $'\n'$installed$'\n' == *$'\n'"installed $package"$'\n'* ]] || missing+=("$package")
done
# LuaJIT comes in two packages that exclude each other, and nginx's lua takes one of them only. Where wrk
# came with the other, the benchmark does without that peer.
if [[ " ${missing[*]} " == *" libnginx-mod-http-lua "* ]] &&
	[ "$(dpkg-query -W -f '${db:Status-Status}' libluajit-5.1-2 2>/dev/null)" = installed ]; then
	echo "left out: libnginx-mod-http-lua, which would replace libluajit-5.1-2" >&2
	read -ra missing <<<"$(printf '%s\n' "${missing[@]}" | grep -vx libnginx-mod-http-lua | tr '\n' ' ')"
fi
[ ${#missing[@]} -gt 0 ] || exit 0

apt=(apt-get install -qq -o Dpkg::Use-Pty=0 --no-install-recommends --no-remove)
if [ "$(id -u)" = 0 ]; then
	root=(env)
elif command -v sudo >/dev/null && sudo true; then
	root=(sudo env)
else
	echo "install-deps: packages are missing and this is neither root nor sudo; as root:
    apt-get install --no-install-recommends ${missing[*]}" >&2
	exit 1
fi
echo "installing ${missing[*]}"
root+=(DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8)

# Maintainer scripts ask policy-rc.d before they start a service: 101 means no. A file that is
# already there is the machine's own answer and stays.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
	trap '"${root[@]}" rm -f $policy' EXIT
	"${root[@]}" install -m 755 /dev/stdin $policy <<<$'#!/bin/sh\nexit 101'
fi

# A fresh container has no package lists at all, an old one has stale ones.
update() {
	"${root[@]}" apt-get -qq update || true
}
"${apt[@]}" --simulate "${missing[@]}" >/dev/null 2>&1 || update
if ! "${root[@]}" "${apt[@]}" "${missing[@]}" >/dev/null 2>&1; then
	update
	if ! log=$("${root[@]}" "${apt[@]}" "${missing[@]}" 2>&1); then
		echo "$log" >&2
		exit 1
	fi
fi
# Nor shall they take a port at the next boot. (Ceph does nothing until it is told to.)
for service in nginx varnish varnishncsa prometheus; do
	if [[ " ${missing[*]} " == *" ${service%ncsa} "* ]]; then
		"${root[@]}" update-rc.d "$service" disable
	fi
done
