# SPDX-License-Identifier: MIT
"""
targets.py: what is wanted of the measures. Each function gives (what, wanted, measured, met) for each of
its targets, or nothing where the work was not done.
"""
from results import FLOOR, FORWARDER, LUA, OFF, OURS, PEER, STATIC, TOOL, before

KEPT, CLOSE = ("1", "32", "256"), ("32, close", "256, close")
BUSY = ("32", "256")
INDEXED = f"{OURS}, index=on"
# work, title, cells, peer, limit
HOT = [
    ("hot4k", "hot 4 KiB", ("1",), PEER, 0.75),
    ("hot4k", "hot 4 KiB", BUSY, PEER, 0.6),
    ("hot4k", "hot 4 KiB", CLOSE, PEER, 1),
    ("hot78k", "hot 78 KB", KEPT, PEER, 0.85),
    ("hot78k", "hot 78 KB", CLOSE, PEER, 1),
    ("hot404", "hot 404", ("1",), PEER, 0.75),
    ("hot404", "hot 404", BUSY, PEER, 0.6),
    ("hot404", "hot 404", CLOSE, PEER, 1),
    ("hot404", "hot 404", BUSY, LUA, 0.85),
    ("hot404", "hot 404", ("32",), FLOOR, 1.5),
]


def at_most(what, value, limit, unit="", form="{:.2f}"):
    if value is None:
        return []
    return [(what, f"<= {limit:g}{unit}", form.format(value) + unit, value <= limit)]


def at_least(what, value, limit, unit=""):
    return [] if value is None else [(what, f">= {limit:g}{unit}", f"{value:.2f}{unit}", value >= limit)]


def hot_targets(results):
    """The worst of the cells counts; the others are told."""
    judged = []
    for work, title, cells, peer, limit in HOT:
        ratios = [results.ratio(f"{work} cpu", cell, OURS, peer) for cell in cells]
        if None not in ratios:
            judged.append((f"{title}: CPU per request / {peer}, connections: {'; '.join(cells)}",
                           f"<= {limit:g}", "; ".join(f"{ratio:.2f}" for ratio in ratios),
                           max(ratios) <= limit))
    return (judged +
            at_most("hot 200 MB: CPU per byte / nginx cache",
                    results.ratio("hot200m", "CPU ms per GB", OURS, PEER), 1) +
            at_least("hot 200 MB: throughput / nginx cache",
                     results.ratio("hot200m", "GB/s", OURS, PEER), 1))


def disk_targets(results):
    judged = []
    for what in ("4 KiB", "404"):
        judged += at_most(f"file:// {what}: CPU per request / nginx static, 32 kept connections",
                          results.ratio("local", f"{what}: CPU us per request", OURS, STATIC), 0.9)
    return (judged +
            at_most("p99 of hot 4 KiB beside a cold 1 GB / nginx cache",
                    results.ratio("p99", "beside the cold file: p99, ms", OURS, PEER), 1) +
            at_most("a million cached files: start to first answer",
                    results.get("million", "ms", OURS), 200, " ms", "{:.0f}"))


def tls_targets(results):
    return (at_least("TLS: handshakes/s / nginx cache",
                     results.ratio("tls", "handshakes/s", OURS, PEER), 0.95) +
            at_most("TLS, 78 KB: CPU per request / nginx cache, 32 kept connections",
                    results.ratio("tls", "78 KB: CPU us per request", OURS, PEER), 1))


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


def follower_targets(results):
    return at_most("200 followers of one growing file: CPU per byte / before 1",
                   results.ratio("followers", "CPU ms per GB", OURS, OURS + before(1)), 0.8)


def memory_targets(results):
    peaks = [results.get("memory", row, OURS) for row in results.values.get("memory", {})]
    peaks = [p for p in peaks if p is not None]
    row = "KiB per connection"
    return (at_most("most memory ever resident, idle connections aside", max(peaks, default=None), 40,
                    " MiB", "{:.1f}") +
            at_most("memory per idle connection", results.get("idle", row, OURS), 1, " KiB") +
            at_most("memory per idle connection with TLS", results.get("idletls", row, OURS), 16,
                    " KiB", "{:.1f}") +
            at_most("memory per idle connection with TLS / nginx cache",
                    results.ratio("idletls", row, OURS, PEER), 1))


def replay_targets(results):
    cold, requests = "cold, s", "cold, requests to the bucket"
    ours = results.get("replay", cold, OURS)
    judged = (at_most("replay, cold: wall time / (modules x delay)", ours / 30 if ours else None, 1.15) +
              at_least("replay, cold: forwarding's wall time / ours",
                       results.ratio("replay", cold, FORWARDER, OURS), 2.2) +
              at_most("replay, warm: requests to the bucket",
                      results.get("replay", "warm, requests to the bucket", OURS), 0, form="{:.0f}"))
    for work, title, seconds, most in (("replay", "replay by the index", 7, 230),
                                       ("replaynames", "the same, 120 missing under names that are there",
                                        15, 1000)):
        judged += at_most(f"{title}, cold", results.get(work, cold, INDEXED), seconds, " s", "{:.1f}")
        judged += at_most(f"{title}, cold: requests to the bucket",
                          results.get(work, requests, INDEXED), most, form="{:.0f}")
    return judged


def forward_targets(results):
    """nginx asks once per request; we share an answer among those who ask at once, or ask for twins."""
    judged = []
    for work, title in (("78k", "78 KB"), ("miss", "a miss")):
        judged += at_most(f"{title} without cache: CPU per request to the bucket / {FORWARDER}",
                          results.ratio(work, "CPU us per request to the bucket", OFF, FORWARDER), 1)
    return judged


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


def page_targets(results):
    return at_most("the page: first paint (an empty page's: see there)", results.get("paint", "first paint, ms", OURS),
                   100, " ms", "{:.0f}")


def publish_targets(results):
    again = results.ratio("add", "second run: files/s", OURS, OURS, "first run: files/s")
    return (at_most("key of a PDB of 125 MB: KiB read", results.get("key", "KiB read beyond those of --version",
                                                                   OURS), 64, " KiB", "{:.1f}") +
            at_least("add to a bucket: files/s / aws s3 sync",
                     results.ratio("add", "first run: files/s", OURS, TOOL), 2) +
            at_most("add to a bucket: CPU / aws s3 sync",
                    results.ratio("add", "first run: CPU ms per file", OURS, TOOL), 1 / 3) +
            at_least("add to a bucket, all exist: files/s / the first run", again, 5) +
            at_most("add to a directory: seconds / cp -r",
                    results.ratio("addlocal", "seconds", OURS, TOOL), 1.5) +
            at_least("add, zstd -3: MB/s / zstd -3 on all processors",
                     results.ratio("pack", "MB/s", OURS, TOOL), 0.9) +
            at_most("add, 16 files of 600 MB at once: peak", results.get("addlarge", "peak MiB", OURS), 200,
                    " MiB", "{:.0f}") +
            at_least("upload door, no symbol file: MB/s / nginx",
                     results.ratio("door", "no symbol file: MB/s", OURS, "nginx"), 0.8))


def targets(results):
    return (hot_targets(results) + tls_targets(results) + disk_targets(results) +
            herd_targets(results, "herd64", 64) + herd_targets(results, "herd500", 500) +
            follower_targets(results) + replay_targets(results) + forward_targets(results) +
            memory_targets(results) + forms_targets(results) + publish_targets(results) +
            page_targets(results))
