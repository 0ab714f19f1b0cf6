#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Run the fuzz targets in build/fuzz (build.sh fuzz), each for SECONDS, as many at a time as there are
# cores, and report in TAP:
#	fuzz.sh SECONDS [NAME...]
#
# A target starts from tests/fuzz/corpus/NAME and from what earlier runs found, which is kept in
# build/fuzz/corpus/NAME: the source tree stays as it is.
set -eu
cd "$(dirname "$0")/.."

seconds=${1:?usage: fuzz.sh SECONDS [NAME...]}
shift
names=("$@")
[ $# -gt 0 ] || mapfile -t names < <(find build/fuzz/tests/fuzz -type f -executable -name 'fuzz_*' \
	-printf '%f\n' | sed 's/^fuzz_//' | sort)

# clang 14's sanitizers do not know where newer kernels may put things when they randomise fully.
still=(setarch -R)
"${still[@]}" true 2>/dev/null || still=()

# One target; what is to be reported of it goes into build/fuzz/NAME.tap.
fuzz() {
	local name=$1
	local program=build/fuzz/tests/fuzz/fuzz_$name
	local found=build/fuzz/corpus/$name crash=build/fuzz/crash/$name log=build/fuzz/$name.log
	mkdir -p "$found" "$(dirname "$crash")"
	local options=(-max_total_time="$seconds" -timeout=60 -rss_limit_mb=1024 -print_final_stats=1
		-artifact_prefix="$crash-")
	[ ! -f "tests/fuzz/$name.dict" ] || options+=(-dict="tests/fuzz/$name.dict")
	local corpora=("$found")
	[ ! -d "tests/fuzz/corpus/$name" ] || corpora+=("tests/fuzz/corpus/$name")
	if "${still[@]}" "$program" "${options[@]}" "${corpora[@]}" >"$log" 2>&1; then
		echo "ok - fuzz $name ($(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs)"
	else
		echo "not ok - fuzz $name"
		(sed -n '/ERROR: \|runtime error: /,/^SUMMARY: /p' "$log" | grep . || tail -n 20 "$log") |
			sed -n '1,40s/^/# /p'
		local input
		input=$(sed -n 's/.*Test unit written to //p' "$log" | tail -n 1)
		echo "# again: $program ${input:-${corpora[*]}}"
	fi >"build/fuzz/$name.tap"
}

cores=$(nproc)
for name in "${names[@]}"; do
	while [ "$(jobs -rp | wc -l)" -ge "$cores" ]; do wait -n || true; done
	rm -f "build/fuzz/$name.tap"
	fuzz "$name" &
done
wait

n=0 failed=0
for name in "${names[@]}"; do
	n=$((n + 1))
	result=$(cat "build/fuzz/$name.tap" 2>/dev/null || echo "not ok - fuzz $name: it did not end")
	[[ $result == ok* ]] || failed=1
	echo "${result/ok -/ok $n -}"
done
echo "1..$n"
exit $failed
