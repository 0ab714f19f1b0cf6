#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Check that includes in src/ point one way only.

A domain sees itself and the layers before its own; domains that share a layer do not see each
other. src/main.c stands above all of them.
"""

import re
import sys
from pathlib import Path

LAYERS = [
    {"base"}, {"conf", "metric"}, {"symfmt", "codec"}, {"store"}, {"cache"}, {"serve"}, {"cmd"},
]
RANK = {domain: rank for rank, layer in enumerate(LAYERS) for domain in layer}
SRC = Path(__file__).resolve().parent.parent / "src"


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


def main():
    found = 0
    for path in sorted(SRC.rglob("*.[ch]")):
        for number, what in complaints(path):
            print(f"{path.relative_to(SRC.parent)}:{number}: {what}")
            found += 1
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
