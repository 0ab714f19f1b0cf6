#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Check which way the files of src/ lean on each other.  layers.py [--circles]

Includes point one way only: a domain sees itself and the layers before its own; domains that share a
layer do not see each other. src/main.c stands above all of them.

Within a domain, files that name each other's functions, straight or by way of others, are a circle:
none of them can be understood, or tested, without the rest. No circle may be larger than LARGEST
says. --circles prints those there are, and for each file which functions lead where.
"""

import re
import sys
from pathlib import Path

LAYERS = [
    {"base"}, {"conf", "metric"}, {"symfmt", "codec", "http"}, {"store"}, {"cache"}, {"flight", "publish"}, {"serve"},
    {"cmd"},
]
# Files of the largest circle of a domain, as far as it has one. Lower it where one gets smaller.
LARGEST = {"store": 3, "cache": 2, "flight": 3, "serve": 4}
RANK = {domain: rank for rank, layer in enumerate(LAYERS) for domain in layer}
DOMAINS = sorted(RANK, key=lambda domain: (RANK[domain], domain))
SRC = Path(__file__).resolve().parent.parent / "src"

NO_CODE = re.compile(r'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)
# A definition, by the style of this tree: it begins its line, and so does its brace.
FUNCTION = re.compile(r"^(static\s+)?[A-Za-z_][^;{}=#]*?\b(\w+)\([^;{}]*\)\n\{", re.M)


def complaints(path):
    domain = path.relative_to(SRC).parts[0] if path.parent != SRC else None
    if domain and domain not in RANK:
        yield 1, f"domain {domain} has no place in tools/layers.py"
        return
    for number, line in enumerate(path.read_text().splitlines(), 1):
        include = re.match(r'\s*#\s*include\s*"([^"]*)"', line)
        if not include:
            continue
        target = include[1].split("/")[0]
        if "/" not in include[1] or target not in RANK:
            yield number, f'"{include[1]}" is not of the form "domain/module.h"'
        elif domain and target != domain and RANK[target] >= RANK[domain]:
            yield number, f"{domain} must not see {target}"


def uses_of(domain):
    """{file: {another file: the functions of it that are named}}, of the .c files of a domain."""
    owner, words = {}, {}
    for path in sorted((SRC / domain).glob("*.c")):
        text = NO_CODE.sub(" ", path.read_text())
        words[path.stem] = set(re.findall(r"\w+", text))
        for static, name in FUNCTION.findall(text):
            if static:
                words[path.stem].discard(name)      # its own, whoever else has one of that name
            else:
                owner[name] = path.stem
    uses = {}
    for file, named in words.items():
        for name in sorted(named & owner.keys()):
            if owner[name] != file:
                uses.setdefault(file, {}).setdefault(owner[name], []).append(name)
    return {file: uses.get(file, {}) for file in words}


def circles_of(uses):
    """The sets of more than one file that reach each other; the largest first."""
    def reach(file):
        seen, to_see = set(), [file]
        while to_see:
            for other in uses[to_see.pop()]:
                if other not in seen:
                    seen.add(other)
                    to_see.append(other)
        return seen
    reached = {file: reach(file) for file in uses}
    circles = {frozenset(other for other in reached[file] if file in reached[other])
               for file in uses if file in reached[file]}
    return sorted(circles, key=lambda circle: (-len(circle), sorted(circle)))


def print_circles():
    for domain in DOMAINS:
        uses = uses_of(domain)
        for circle in circles_of(uses):
            print(f"{domain}: {len(circle)} files: {' '.join(sorted(circle))}")
            for file in sorted(circle):
                for other in sorted(circle & uses[file].keys()):
                    print(f"\t{file} -> {other}: {' '.join(uses[file][other])}")


def main():
    found = 0
    if sys.argv[1:] == ["--circles"]:
        print_circles()
        return 0
    for path in sorted(SRC.rglob("*.[ch]")):
        for number, what in complaints(path):
            print(f"{path.relative_to(SRC.parent)}:{number}: {what}")
            found += 1
    for domain in DOMAINS:
        for circle in circles_of(uses_of(domain)):
            if len(circle) > LARGEST.get(domain, 1):
                print(f"src/{domain}: a circle of {len(circle)} files, of {LARGEST.get(domain, 1)} at "
                      f"most: {' '.join(sorted(circle))} (tools/layers.py --circles says by what)")
                found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
