# SPDX-License-Identifier: MIT
"""
report.py: what the works measured, and what is made of it: tables of medians with the ratio to the
main peer, the targets with met or not, and the machine it all holds for.
"""
import datetime
import os
import pathlib
import platform
import re
import statistics
import subprocess

from servers import tool

OURS, FLOOR = "pepto-symbol", "floor"
PEER, FORWARDER, TOOL = "nginx cache", "nginx forward, keepalive", "the tool"


class Results:
    """Values by (work, row, server); a row is a measure, or a cell of the hot works."""

    def __init__(self):
        self.values, self.notes = {}, {}

    def add(self, work, row, server, value):
        self.values.setdefault(work, {}).setdefault(row, {}).setdefault(server, []).append(value)

    def note(self, work, text):
        self.notes.setdefault(work, []).append(text)

    def get(self, work, row, server):
        """The median, or None."""
        found = self.values.get(work, {}).get(row, {}).get(server)
        return statistics.median(found) if found else None

    def ratio(self, work, row, server, peer, peer_row=None, peer_work=None):
        mine = self.get(work, row, server)
        other = self.get(peer_work or work, peer_row or row, peer)
        return mine / other if mine is not None and other else None


def number(value):
    if value is None:
        return ""
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.3g}"


def table(results, work, first):
    """A row per measure, a column per server, each with its ratio to the peer in brackets."""
    rows = results.values[work]
    servers = list(dict.fromkeys(name for row in rows.values() for name in row))
    peer = next((name for name in (PEER, TOOL) if name in servers), FORWARDER)
    lines = [f"| {first} | {' | '.join(servers)} |", f"|---{'|--:' * len(servers)}|"]
    for row in rows:
        cells = []
        for server in servers:
            ratio = results.ratio(work, row, server, peer) if server != peer else None
            text = number(results.get(work, row, server))
            cells.append(text + (f" ({ratio:.2f})" if ratio is not None else ""))
        lines.append(f"| {row} | {' | '.join(cells)} |")
    return lines


# ---- targets: each gives (what, target, measured, met), or nothing when the work was not done ----

def at_most(what, value, limit, unit="", form="{:.2f}"):
    if value is None:
        return []
    return [(what, f"<= {limit:g}{unit}", form.format(value) + unit, value <= limit)]


def at_least(what, value, limit, unit=""):
    return [] if value is None else [(what, f">= {limit:g}{unit}", f"{value:.2f}{unit}", value >= limit)]


def hot_targets(results, work, title, peer, limit):
    """Judged at 32 kept connections; how the other cells did is said beside it."""
    rows = results.values.get(f"{work} cpu", {})
    ratios = {row: results.ratio(f"{work} cpu", row, OURS, peer) for row in rows}
    if ratios.get("32") is None:
        return []
    met = sum(ratio <= limit for ratio in ratios.values())
    worst = max(ratios, key=ratios.get)
    text = f"{ratios['32']:.2f} (met in {met} of {len(ratios)} cells, worst {ratios[worst]:.2f} at {worst})"
    return [(f"{title}: CPU per request / {peer}, 32 kept connections", f"<= {limit:g}", text,
             ratios["32"] <= limit)]


def herd_targets(results, work, clients):
    first = results.ratio(work, "first p99, ms", OURS, OURS, peer_work="herd1")
    last = results.get(work, "last p99, ms", OURS)
    one_connection = 50 + 200_000_000 / 20_000_000 * 1000
    title = f"herd of {clients}"
    return (at_most(f"{title}: bytes from the bucket / size",
                    results.get(work, "bytes from the bucket / size", OURS), 1, form="{:.6f}") +
            at_most(f"{title}: p99 of time to first byte / a lone client's", first, 1.5) +
            at_least(f"{title}: one connection's time / p99 of time to last byte",
                     one_connection / last if last else None, 3.3))


def memory_targets(results):
    peaks = [results.get("memory", row, OURS) for row in results.values.get("memory", {})]
    peaks = [p for p in peaks if p is not None]
    return (at_most("most memory ever resident, idle connections aside", max(peaks, default=None), 40,
                    " MiB", "{:.1f}") +
            at_most("memory per idle connection (44 KiB of headers + 8)",
                    results.get("idle", "KiB per connection", OURS), 52, " KiB", "{:.1f}"))


def replay_targets(results):
    cold = results.get("replay", "cold, s", OURS)
    return (at_most("replay, cold: wall time / (modules x delay)", cold / 30 if cold else None, 1.15) +
            at_least("replay, cold: forwarding's wall time / ours", results.ratio(
                "replay", "cold, s", FORWARDER, OURS), 2.2) +
            at_most("replay, warm: requests to the bucket",
                    results.get("replay", "warm, requests to the bucket", OURS), 0, form="{:.0f}"))


def forms_targets(results):
    """A codec is judged by the clock, CPU or wall, that speaks less well of it."""
    judged = []
    for row in results.values.get("codec", {}):
        title, clock = row.rsplit(" ", 1)
        ratios = [results.ratio("codec", f"{title} {c}", OURS, TOOL) for c in ("CPU", "wall")]
        if clock == "CPU" and None not in ratios and not row.startswith("make "):
            judged += at_least(f"{row.split(':')[0]}: our speed / the tool's", min(ratios), 0.9)
    for row in results.values.get("decode", {}):
        if "bucket here: first byte" in row:
            judged += at_most(f"cold PDB of {row.removesuffix(', ms')}",
                              results.get("decode", row, OURS), 50, " ms", "{:.1f}")
    return judged


def targets(results):
    return (hot_targets(results, "hot4k", "hot 4 KiB", PEER, 0.6) +
            hot_targets(results, "hot78k", "hot 78 KB", PEER, 0.7) +
            hot_targets(results, "hot404", "hot 404", PEER, 0.9) +
            hot_targets(results, "hot404", "hot 404", FLOOR, 1.5) +
            at_most("hot 200 MB: CPU per byte / nginx cache",
                    results.ratio("hot200m", "CPU ms per GB", OURS, PEER), 1) +
            at_least("hot 200 MB: throughput / nginx cache",
                     results.ratio("hot200m", "GB/s", OURS, PEER), 1) +
            herd_targets(results, "herd64", 64) + herd_targets(results, "herd500", 500) +
            replay_targets(results) + memory_targets(results) +
            at_most("a million cached files: start to first answer",
                    results.get("million", "ms", OURS), 200, " ms", "{:.0f}") +
            forms_targets(results))


# ---- the page ----

FAIRNESS = """\
One run on one machine; servers, clients and bucket share its cores, talk over loopback, and keep their
files on one file system. CPU is user and system time of all processes of the server, from /proc: the
clients' and the bucket's do not count. The servers of a hot work all run at once and are asked in turn,
round after round. Numbers are medians; in brackets the ratio to nginx's cache with open_file_cache, or
to nginx that forwards with keepalive where nothing is cached. No server writes an access log.

nginx has two workers, perl to lower-case names (as fast as lua here), keepalive to the bucket, sendfile,
and a cache lock that is never given up. It hands on the bucket's own 404, which costs it less than an
empty one by error_page. Varnish holds everything in memory (malloc): its fastest form, and no disk cache.
`floor` is bench/floor.c: two threads that answer fixed bytes without parsing, bodies copied by send().
Misses live for ten minutes everywhere. Memory is the sum of VmHWM over a server's
processes, which counts pages that nginx's share several times; for an idle connection it is the growth
of Pss, without what the kernel holds. The caches' files are in the page cache. Requests to the bucket
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
