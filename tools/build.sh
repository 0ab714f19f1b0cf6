#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Configure (when needed) and compile one flavour into build/FLAVOUR, all of it or some targets:
#	build.sh release|gcc|clang|asan|tsan|fuzz [TARGET...]
#
#	release	the program alone, as it is shipped; warnings do not stop it
#	gcc	the same with -Werror        clang	likewise, for clang-tidy
#	asan	build-dev.ini: clang, -Werror, address and undefined-behaviour sanitizers
#	tsan	the same with the thread sanitizer
#	fuzz	the same as asan, with the libFuzzer targets in place of the program
set -eu
cd "$(dirname "$0")/.."

flavour=${1:?usage: build.sh release|gcc|clang|asan|tsan|fuzz [TARGET...]}
targets=("${@:2}")
case $flavour in
release) options=(--buildtype=release) targets=(pepto-symbol) ;;
gcc | clang) options=(--buildtype=release --werror) && export CC=$flavour ;;
asan) options=(--native-file build-dev.ini) ;;
tsan) options=(--native-file build-dev.ini -Db_sanitize=thread) ;;
fuzz) options=(--native-file build-dev.ini -Dfuzz=true) ;;
*) echo "build: no such flavour: $flavour" >&2; exit 2 ;;
esac

# A folder that was configured otherwise is configured afresh. "configured" is written last, so
# that a set-up which was cut short counts as none.
dir=build/$flavour
recipe="CC=${CC-} CFLAGS=${CFLAGS-} LDFLAGS=${LDFLAGS-} ${options[*]} $(cksum <build-dev.ini)"
if [ "$(cat "$dir/configured" 2>/dev/null)" != "$recipe" ]; then
	rm -rf "$dir"
	meson setup "$dir" "${options[@]}"
	echo "$recipe" >"$dir/configured"
fi
ninja -C "$dir" "${targets[@]}"
