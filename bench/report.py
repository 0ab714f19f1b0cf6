# SPDX-License-Identifier: MIT
"""
report.py: what is made of the results: tables of medians with the ratio to the main peer, the targets
with met or not, what changed since other binaries of ours, and the machine it all holds for.
"""
import datetime
import os
import pathlib
import platform
import re
import subprocess

from results import FORWARDER, PEER, STATIC, TOOL, changes, is_worse
from servers import tool
from targets import targets


def number(value):
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(results, work, first):
    """A row per measure, a column per server, each with its ratio to the peer in brackets."""
    rows = results.values[work]
    servers = list(dict.fromkeys(name for row in rows.values() for name in row))
    peer = next((name for name in (PEER, STATIC, TOOL) if name in servers), FORWARDER)
    lines = [f"| {first} | {' | '.join(servers)} |", f"|---{'|--:' * len(servers)}|"]
    for row in rows:
        cells = []
        for server in servers:
            ratio = results.ratio(work, row, server, peer) if server != peer else None
            text = number(results.get(work, row, server))
            cells.append(text + (f" ({ratio:.2f})" if ratio is not None else ""))
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return lines


def change_table(results):
    """Every cell of today's server beside that of the first --against."""
    found = list(changes(results))
    if not found:
        return []
    lines = ["## Before and after", "",
             "A ratio is of costs, so above 1 is worse; rates are turned round. Noise is the same ratio of the",
             "second --against to the first, and means that only where both are the same binary.", ""]
    head = ["| work | measure | server | before | after | ratio | noise |", "|---|---|---|--:|--:|--:|--:|"]
    rows = [(f"| {work} | {row} | {server} | {number(old)} | {number(new)} | {cost:.2f} | "
             f"{f'{noise:.2f}' if noise is not None else ''} |", is_worse(cost, noise))
            for work, row, server, old, new, cost, noise in found]
    worse = [row for row, is_bad in rows if is_bad]
    lines += [f"Worse by more than 5 % beyond noise: {len(worse)} of {len(rows)} cells.", ""]
    if worse:
        lines += [*head, *worse, "", "All of them:", ""]
    return [*lines, *head, *(row for row, _ in rows), ""]


# ---- the page ----

FAIRNESS = """\
One run on one machine; servers, clients and bucket share its cores, talk over loopback, and keep their
files on one file system. CPU is user and system time of all processes of the server, by their clocks: the
clients' and the bucket's do not count. The servers of a hot work all run at once and are asked in turn,
round after round. Numbers are medians; in brackets the ratio to nginx's cache with open_file_cache, or
to nginx that forwards with keepalive where nothing is cached. No server writes an access log.

nginx has two workers, perl to lower-case names, keepalive to the bucket, sendfile, and a cache lock that
is never given up. It hands on the bucket's own 404. `nginx lua` is its fastest form of a remembered miss:
the raw path lower-cased by lua, the status kept in shared memory and no body in a file
(proxy_intercept_errors). Varnish holds everything in memory (malloc): its fastest form, and no disk cache.
`floor` is bench/floor.c: two threads that answer fixed bytes without parsing, bodies copied by send().
Over TLS nginx has its defaults and our certificate, and no client resumes a session. Latency counts from
when a client should have asked. Misses live for ten minutes everywhere. Memory is the sum of VmHWM over
a server's processes, which counts pages that nginx's share several times; for an idle connection it is
the growth of Pss, without what the kernel holds. The caches' files are in the page cache. Requests to the bucket
are those for objects: our health probe of a quiet store is not counted.
"""


def version(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).split("\n", 1)[0].strip()


def machine(binary):
    cpu = pathlib.Path("/proc/cpuinfo").read_text()
    memory = pathlib.Path("/proc/meminfo").read_text()
    model = re.search(r"model name\s*: (.*)", cpu)
    gib = int(re.search(r"MemTotal:\s*(\d+)", memory)[1]) / (1 << 20)
    varnish = re.search(r"varnish-[\d.]+", version(tool("varnishd"), "-V"))
    return [f"- {datetime.date.today().isoformat()}, {os.cpu_count()} cores"
            f"{' of ' + model[1] if model else ''}, {gib:.0f} GiB, Linux {platform.release()}",
            f"- {version(binary, '--version')}; {version(tool('nginx'), '-v').split(': ')[-1]}; "
            f"{varnish[0] if varnish else 'varnish'}; {' '.join(version(tool('wrk'), '-v').split()[:2])}"]


def page(results, works, binary, rounds):
    lines = ["# Benchmark", "", *machine(binary), f"- at most {rounds} rounds", "", FAIRNESS]
    judged = targets(results)
    if judged:
        lines += ["## Targets", "", "| target | wanted | measured | |", "|---|--:|--:|---|"]
        lines += [f"| {what} | {wanted} | {got} | {'met' if met else '**not met**'} |"
                  for what, wanted, got, met in judged] + [""]
    lines += change_table(results)
    for name, (title, _, _) in works.items():
        for key, first in ((f"{name} cpu", "connections: CPU us per request"),
                           (f"{name} rate", "connections: thousand requests/s"), (name, "")):
            if key in results.values:
                lines += [f"## {name}: {title}", ""] if key != f"{name} rate" else []
                lines += table(results, key, first) + [""]
        lines += [f"{note}\n" for note in results.notes.get(name, [])]
    if "memory" in results.values:
        lines += ["## Most memory ever resident, MiB", "", *table(results, "memory", "work"), ""]
    return "\n".join(lines)
