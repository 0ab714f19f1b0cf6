#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
#
# Make real Windows programs with their PDBs and lay them out as a symbol store:
#	make-samples.sh [--layout symstore|lower|twotier] [--odd-names] STORE
#
# Prints the path of each file in the store (layouts: symkey.py). Needs clang and lld only, no
# Windows headers or libraries: the programs import nothing. The same tools give the same bytes,
# wherever this runs. --odd-names adds DLLs whose names have a space, a +, letters beyond ASCII.
set -eu

usage="usage: make-samples.sh [--layout symstore|lower|twotier] [--odd-names] STORE"
layout=symstore names=(Hello)
while [ $# -gt 1 ]; do
	case $1 in
	--layout) layout=$2 && shift ;;
	--odd-names) names+=("Engine Core" "Lab+C++" "Grün日本") ;;
	*) break ;;
	esac
	shift
done
if [ $# != 1 ] || [ "${1#-}" != "$1" ]; then
	echo "$usage" >&2
	exit 2
fi
mkdir -p "$1"
store=$(cd "$1" && pwd)
symkey=$(cd "$(dirname "$0")" && pwd)/symkey.py

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export LC_ALL=C.UTF-8

cat >sample.c <<'C'
/* The thread that starts at the entry point ends the process with what it returns. */
struct point {
	int x, y;
};

int _fltused = 1;

static int dot(const struct point *a, const struct point *b)
{
	return a->x * b->x + a->y * b->y;
}

__declspec(dllexport) int answer(int x)
{
	struct point a = {x, 2}, b = {2, 1};
	return dot(&a, &b);
}

int start(void)
{
	return answer(20);
}
C
clang --target=x86_64-pc-windows-msvc -g -gcodeview -O1 -ffreestanding -fno-stack-protector \
	-mno-stack-arg-probe -ffile-compilation-dir=. -c sample.c -o sample.obj

# link NAME EXTENSION [option...]; -Brepro derives time stamp and GUID from the contents
link() {
	local name=$1 extension=$2
	shift 2
	lld-link -nologo -machine:x64 -nodefaultlib -subsystem:console -entry:start -debug \
		-Brepro -pdbsourcepath:'C:\src' -pdb:"$name.pdb" -pdbaltpath:%_PDB% \
		-out:"$name.$extension" "$@" sample.obj
}
for name in "${names[@]}"; do
	case $name in
	Hello) link "$name" exe ;;
	*) link "$name" dll -dll ;;
	esac
done

shopt -s nullglob
/usr/bin/python3 "$symkey" --layout "$layout" --store "$store" ./*.exe ./*.dll ./*.pdb
: >"$store/pingme.txt"
[ "$layout" != twotier ] || : >"$store/index2.txt"
