#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
bench.py: this server beside nginx and Varnish, on one machine, in one run.

An nginx on loopback plays the bucket (conf/origin.conf). In front of it stand this server, nginx as a
caching symbol proxy, Varnish, and a floor (floor.c) that no server can beat; they do the same works
(works.py, over TLS tls.py, with files of their own disk.py) in turn, several rounds. The codecs are
measured beside the usual tools (forms.py), and so is publishing (publish.py); the page is looked at in
a browser (paint.py). The tables (report.py) go to standard output, and after a run of all works into
bench/results.md.

	bench.py [--rounds N] [--binary build/pepto-symbol] [--against BINARY] [--files N] [WORK ...]
"""
import argparse
import os
import pathlib
import signal
import sys
import tempfile
import time

import disk
import forms
import paint
import publish
import report
import servers
import tls
import works
from results import OURS, Results, before

# Where they stand in the report, too.
WORKS = forms.WORKS | works.WORKS | tls.WORKS | publish.WORKS | paint.WORKS | disk.WORKS
RESULTS = servers.BENCH / "results.md"


def chosen(names):
    """In the order of the table; a herd is judged by what a lone client gets."""
    unknown = set(names) - set(WORKS)
    if unknown:
        sys.exit(f"bench: no such work: {' '.join(sorted(unknown))} (there are {' '.join(WORKS)})")
    if {"herd64", "herd500"} & set(names):
        names = [*names, "herd1"]
    return {name: work for name, work in WORKS.items() if not names or name in names}


def run(lab, chosen_works, rounds):
    """Returns the results and the names of the works that failed."""
    results, failed = Results(), []
    works.make_data(lab.directory)
    lab.start_origin()
    try:
        for name, (title, work, most) in chosen_works.items():
            began = time.monotonic()
            try:
                work(lab, results, min(rounds, most))
                print(f"{name}: {title}: {time.monotonic() - began:.0f} s", file=sys.stderr)
            except servers.Failure as e:
                failed.append(name)
                print(f"{name}: FAILED: {e}", file=sys.stderr)
    finally:
        lab.origin.stop()
    return results, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--binary", default=str(servers.ROOT / "build" / "pepto-symbol"))
    parser.add_argument("--against", action="append", default=[], metavar="BINARY",
                        help="another binary of ours that does the same in the same run; the same one "
                             "twice tells what differences mean nothing")
    parser.add_argument("--store-option", default="", metavar="NAME=VALUE",
                        help="one more of our servers in the replays, with this in its store's URL")
    parser.add_argument("--files", type=int, default=2000, help="so many small files are published (2000)")
    parser.add_argument("works", nargs="*", metavar="WORK", help=", ".join(WORKS))
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("bench: ended"))  # so that servers are stopped
    binary, todo = os.path.abspath(args.binary), chosen(args.works)
    with tempfile.TemporaryDirectory(prefix="pepto-bench-") as name:
        against = {OURS + before(i): os.path.abspath(other)
                   for i, other in enumerate(args.against, 1)}
        lab = servers.Lab(pathlib.Path(name), binary, servers.raise_file_limit(), against,
                          args.store_option, args.files)
        results, failed = run(lab, todo, args.rounds)
        text = report.page(results, todo, binary, args.rounds)
    print(text)
    if failed:
        sys.exit(f"bench: failed: {' '.join(failed)}")
    if len(todo) == len(WORKS) and not args.against and not args.store_option:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
