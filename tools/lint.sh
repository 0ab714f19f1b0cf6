#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Every static check, each by its name (lint.sh [CHECK...]); prints what a failed one says and goes
# on to the next. cppcheck is advisory: it never fails the run.
set -eu
cd "$(dirname "$0")/.."

CHECKS=(format spdx layers settings banned headers gcc clang tidy shell spelling cppcheck)

mapfile -t c_files < <(find src tests -name '*.[ch]' | sort)
mapfile -t src_files < <(find src -name '*.c' | sort)
mapfile -t headers < <(find src -name '*.h' | sort)
mapfile -t sh_files < <(find tools tests -name '*.sh' | sort; echo .ci/run)
mapfile -t py_files < <(find tools tests -name '*.py' | sort)

check_format() {
	clang-format --dry-run --Werror "${c_files[@]}"
}

check_spdx() {
	local file status=0
	for file in "${c_files[@]}" "${sh_files[@]}" "${py_files[@]}"; do
		head -n 2 "$file" | grep -q 'SPDX-License-Identifier: MIT$' ||
			{ echo "$file: no SPDX line"; status=1; }
	done
	return $status
}

check_layers() {
	/usr/bin/python3 tools/layers.py
}

# What is written out of the tables of settings is what they say.
check_settings() {
	/usr/bin/python3 tools/settings.py --check
}

# Unbounded, or with hidden state, or silent about errors.
check_banned() {
	local banned="strcpy|strcat|v?sprintf|strtok|ato(i|l|ll)|strtou?ll?|gmtime|localtime|ctime"
	banned+="|rand|srand|alloca|sscanf|gets"
	! grep -nE "\\b($banned)\\(" "${src_files[@]}" "${headers[@]}"
}

check_headers() {
	local header status=0
	for header in "${headers[@]}"; do
		echo "#include \"${header#src/}\"" |
			gcc -std=gnu11 -D_GNU_SOURCE -Wall -Wextra -Werror -Wno-unused-parameter -Isrc \
				-fsyntax-only -x c - || { echo "$header: does not compile alone"; status=1; }
	done
	return $status
}

check_gcc() {
	tools/build.sh gcc
}

check_clang() {
	tools/build.sh clang
}

check_tidy() {
	tools/build.sh clang >/dev/null
	printf '%s\0' "${src_files[@]}" |
		xargs -0 -n 1 -P "$(nproc)" clang-tidy --quiet -p build/clang 2>/dev/null
}

check_shell() {
	shellcheck "${sh_files[@]}"
}

# Not the tests, which misspell on purpose; "fo_" is what is left of a compressed "foo".
check_spelling() {
	codespell --ignore-words-list fo src tools docs ./*.md
}

check_cppcheck() {
	cppcheck --quiet --enable=warning,portability,performance --inline-suppr --std=c11 \
		-D_GNU_SOURCE -Isrc src
	return 0
}

failed=()
[ $# -gt 0 ] || set -- "${CHECKS[@]}"
for check; do
	declare -F "check_$check" >/dev/null || { echo "lint: no such check: $check" >&2; exit 2; }
	if output=$("check_$check" 2>&1 </dev/null); then
		echo "ok      $check"
		[ "$check" != cppcheck ] || [ -z "$output" ] || echo "$output"
	else
		echo "FAILED  $check"
		echo "$output"
		failed+=("$check")
	fi
done
[ ${#failed[@]} = 0 ] || { echo "failed: ${failed[*]}"; exit 1; }
