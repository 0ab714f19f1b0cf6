#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Write what the binary says about its settings into the tree: the section of README.md between its
# two "settings" comments, the man page, the shell completion.  settings.sh [--check] [BINARY]
#
# With --check nothing is written; a file that would change is named, and the exit code is 1.
set -eu
cd "$(dirname "$0")/.."

check=
if [ "${1-}" = --check ]; then
	check=yes
	shift
fi
binary=${1:-build/pepto-symbol}
begin='<!-- settings: begin (made by tools/settings.sh) -->'
end='<!-- settings: end -->'

new=$(mktemp)
trap 'rm -f "$new"' EXIT
status=0

# put FILE: FILE gets the content of $new.
put() {
	if cmp -s "$new" "$1"; then
		return
	elif [ -n "$check" ]; then
		echo "$1: out of date; run tools/settings.sh" >&2
		status=1
	else
		cat "$new" >"$1"
		echo "wrote $1"
	fi
}

for marker in "$begin" "$end"; do
	grep -qxF -- "$marker" README.md || { echo "README.md: no line $marker" >&2; exit 1; }
done
{
	sed "\|^$begin\$|q" README.md
	"$binary" help markdown
	sed -n "\|^$end\$|,\$p" README.md
} >"$new"
put README.md
"$binary" help man >"$new"
put docs/pepto-symbol.1
"$binary" help completion >"$new"
put deploy/completion.bash
exit $status
