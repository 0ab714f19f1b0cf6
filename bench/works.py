# SPDX-License-Identifier: MIT
"""
works.py: the works of the benchmark. Each is a function of the lab, the results and the number of
rounds; it starts its servers, makes them ready (which is not measured), does the same to each in
turn, round after round (A B C A B C), and adds what it measured to the results. A wrong answer,
or a hot work that reached the bucket, ends it by a Failure.
"""
import contextlib
import functools
import itertools
import os
import time
from concurrent.futures import ThreadPoolExecutor

from clients import check_missing, check_object, load, note_peak, path, started, until_told, wrk
from servers import NGINX_MODULES, Failure

KIB4, KIB78, BIG, GIB = 4096, 79872, 200_000_000, 1 << 30
SIZES = {"4k": KIB4, "78k": KIB78, "200m": BIG, "1g": GIB}
CELLS = [(connections, kept) for kept in (True, False) for connections in (1, 32, 256)]
CELL_SECONDS = 1
WARM_SECONDS = 1
MODULES, PRESENT_EVERY = 1000, 5
IDLE = 10_000


def module(i):
    """(name, key) as a debugger asks for them, in mixed case."""
    return f"Module{i:04d}.pdb", f"{0xABCDEF0123456789ABCDEF0123456789 + i:032X}1"


def make_data(directory):
    """The bucket's files; the modules of the session are links to one file of 78 KB."""
    bucket = directory / "data" / "bucket"
    block = os.urandom(1 << 20)
    for name, size in SIZES.items():
        file = bucket / path(name)
        file.parent.mkdir(parents=True)
        with open(file, "wb") as f:
            for at in range(0, size, len(block)):
                f.write(block[:size - at])
    for i in range(0, MODULES, PRESENT_EVERY):
        name, key = (part.lower() for part in module(i))
        folder = bucket / name / key
        folder.mkdir(parents=True)
        os.link(bucket / path("78k"), folder / name)


# ---- hot: what the caches already hold ----

@contextlib.contextmanager
def nothing_fetched(lab, results, work, allowed=0):
    """What reaches the bucket meanwhile is noted; more than allowed is a Failure: it was not hot."""
    seen = len(lab.origin_lines("exact"))
    yield
    asked = lab.origin_lines("exact")[seen:]
    results.note(work, f"Requests that reached the bucket while hot, all servers together: {len(asked)}.")
    if len(asked) > allowed:
        raise Failure(f"{len(asked)} requests reached the bucket, {asked[0][2]} is the first")


def hot(lab, results, rounds, work, name, size, *more):
    """more: makers of peers besides."""
    what, status = (path(name), 200) if size else ("none.pdb/0000000011/none.pdb", 404)
    makers = (*lab.all_of_ours(lab.ours), lab.nginx_cache, lab.nginx_cache_closed, *more, lab.varnish)
    with started(lambda: lab.floor(size),
                 *(functools.partial(make, "exact") for make in makers)) as running:
        for server in running:
            if server.name != "floor":
                check_object(lab, server, name) if size else check_missing(server, what)
            wrk(server, what, 32, WARM_SECONDS, status=status)
        # Misses expire every minute, and a server may ask for a twin or two as well.
        allowed = 0 if size else 16 * (1 + rounds)
        with nothing_fetched(lab, results, work, allowed):
            for _, (connections, kept), server in itertools.product(range(rounds), CELLS, running):
                before = server.cpu_seconds()
                done, rate = wrk(server, what, connections, CELL_SECONDS, kept, status)
                cpu = server.cpu_seconds() - before
                cell = f"{connections}{'' if kept else ', close'}"
                results.add(f"{work} cpu", cell, server.name, cpu / done * 1e6)
                results.add(f"{work} rate", cell, server.name, rate / 1000)
        note_peak(results, work, running)


def hot4k(lab, results, rounds):
    hot(lab, results, rounds, "hot4k", "4k", KIB4)


def hot78k(lab, results, rounds):
    hot(lab, results, rounds, "hot78k", "78k", KIB78)


def hot404(lab, results, rounds):
    has_lua = os.path.exists(f"{NGINX_MODULES}/ngx_http_lua_module.so")
    if not has_lua:
        results.note("hot404", "There is no nginx lua here: libnginx-mod-http-lua is missing.")
    hot(lab, results, rounds, "hot404", "none", 0, *([lab.nginx_lua] if has_lua else []))


def hot200m(lab, results, rounds):
    with started(*(functools.partial(make, "exact") for make in (
            *lab.all_of_ours(lab.ours), lab.nginx_cache, lab.varnish))) as running:
        for server in running:
            check_object(lab, server, "200m")
        with nothing_fetched(lab, results, "hot200m"):
            for _, server in itertools.product(range(rounds), running):
                before = server.cpu_seconds()
                done = load(lab, "bulk", server, path("200m"), 4, BIG, 2000)
                cpu = server.cpu_seconds() - before
                results.add("hot200m", "CPU ms per GB", server.name, cpu / done["bytes"] * 1e12)
                results.add("hot200m", "GB/s", server.name, done["bytes"] / done["ms"] / 1e6)
        note_peak(results, "hot200m", running)


# ---- herd: clients on one cold object, all at once ----

def herd(lab, results, rounds, work, clients, view="slow", makers=None):
    for _ in range(rounds):
        for make in makers or (*lab.all_of_ours(lab.ours), lab.nginx_cache, lab.varnish):
            with started(lambda: make(view)) as running:
                seen = len(lab.origin_lines(view))
                before = running[0].cpu_seconds()
                done = load(lab, "herd", running[0], path("200m"), clients, BIG)
                cpu = running[0].cpu_seconds() - before
                lines = [l for l in lab.origin_lines(view)[seen:] if l[0] in (200, 206)]
                name = running[0].name
                for measure in ("first_p50_ms", "first_p99_ms", "last_p50_ms", "last_p99_ms"):
                    results.add(work, measure.replace("_", " ").replace(" ms", ", ms"), name,
                                done[measure])
                results.add(work, "CPU ms per GB", name, cpu / done["bytes"] * 1e12)
                results.add(work, "bytes from the bucket / size", name,
                            sum(l[1] for l in lines) / BIG)
                results.add(work, "requests to the bucket that gave bytes", name, len(lines))
                note_peak(results, work, running)


def herd1(lab, results, rounds):
    herd(lab, results, rounds, "herd1", 1)


def herd64(lab, results, rounds):
    herd(lab, results, rounds, "herd64", 64)


def herd500(lab, results, rounds):
    herd(lab, results, rounds, "herd500", 500)


def followers(lab, results, rounds):
    """The fill is slower than its followers, who wait for each piece of it: ours by one connection."""
    herd(lab, results, rounds, "followers", 200, "trickle",
         lab.all_of_ours(functools.partial(lab.ours, FETCH_PARALLEL="1")))


# ---- replay: a debugger's session ----

def session(known=0):
    """
    One request after another: a present module costs one, a missing one three. The first known of the
    missing ones bear names that the bucket has, under other keys.
    """
    lines = []
    names = iter([module(i)[0] for i in range(0, MODULES, PRESENT_EVERY)][:known])
    for i in range(MODULES):
        name, key = module(i)
        if i % PRESENT_EVERY == 0:
            lines.append(f"200 {name}/{key}/{name}")
        else:
            name = next(names, name)
            lines += [f"404 {name}/{key}/{last}" for last in (name, name[:-1] + "_", "file.ptr")]
    return "\n".join(lines) + "\n"


def replay_one(lab, results, work, make, view, requests, states):
    """Misses live for ten minutes everywhere, longer than anybody's cold run."""
    with started(lambda: make(view)) as running:
        name = running[0].name
        for state in states:
            seen = len(lab.origin_lines(view))
            done = load(lab, "replay", running[0], input=requests)
            results.add(work, f"{state}, s", name, done["ms"] / 1000)
            results.add(work, f"{state}, requests to the bucket", name,
                        len(lab.origin_lines(view)) - seen)
        results.add(work, "client connections", name, done["connections"])
        note_peak(results, work, running)


def replay_all(lab, results, rounds, work, peers=(), known=0):
    """
    All servers at the same time: it is a matter of waiting, a few per cent of one core each. First
    cold, then warm; but nginx that forwards keeps nothing, and names are lower-cased for it.
    """
    def with_option(view, option=lab.store_option):
        return lab.ours(view, "10m", f"pepto-symbol, {option}", STORES=f"{lab.store(view)}&{option}")

    ours = [*lab.all_of_ours(lab.ours), *([with_option] if lab.store_option else [])]
    runs = [(make, session(known), ("cold", "warm")) for make in (*ours, *peers)]
    if peers:
        runs.append((lab.nginx_forward_kept, session(known).lower(), ("cold",)))
    for _ in range(rounds):
        with ThreadPoolExecutor() as pool:
            for one in [pool.submit(replay_one, lab, results, work, make, f"distant{i}", *how)
                        for i, (make, *how) in enumerate(runs)]:
                one.result()


def replay(lab, results, rounds):
    replay_all(lab, results, rounds, "replay", (lab.nginx_cache, lab.varnish))


def replaynames(lab, results, rounds):
    """Nothing that changes a peer's work."""
    replay_all(lab, results, rounds, "replaynames", known=120)


# ---- idle: connections kept open after one request each ----

def hold(lab, results, work, make, count, *args, program=None):
    """What a server's memory grows by, per connection; load.c or the program holds them."""
    with started(lambda: make("exact")) as running:
        server = running[0]
        check_object(lab, server, "4k")
        before = server.pss_kib()
        with until_told(lab, "idle", server, path("4k"), count, *args, program=program) as client:
            if client.stdout.readline() != "ready=1\n":
                raise Failure(f"{server.name}: cannot hold {count} connections")
            time.sleep(0.5)
            results.add(work, "KiB per connection", server.name, (server.pss_kib() - before) / count)


def idle(lab, results, rounds):
    """As many as there may be: a server keeps descriptors for the files that its clients may ask for."""
    count = min(IDLE, lab.files // 3)
    results.note("idle", f"{count} connections, with {lab.files} descriptors.")
    for _, make in itertools.product(range(rounds), (
            *lab.all_of_ours(lab.ours), lab.nginx_cache, lab.varnish)):
        hold(lab, results, "idle", make, count)


# ---- forwarding: CACHE_DIR=off beside nginx's proxy_pass ----

def forward(lab, results, rounds, work, measure):
    for _ in range(rounds):
        for make in (*lab.all_of_ours(lab.ours_off), lab.nginx_forward_kept, lab.nginx_forward):
            with started(lambda: make("opaque")) as running:
                for name, value in measure(running[0]).items():
                    results.add(work, name, running[0].name, value)


def forward_small(lab, results, rounds, work, what, status):
    def measure(server):
        wrk(server, what, 32, WARM_SECONDS, status=status)
        before, asked = server.cpu_seconds(), lab.origin_requests()
        done, rate = wrk(server, what, 32, 2, status=status)
        cpu, asked = server.cpu_seconds() - before, lab.origin_requests() - asked - 1
        return {"CPU us per request": cpu / done * 1e6,
                "CPU us per request to the bucket": cpu / asked * 1e6,
                "requests to the bucket per request": asked / done,
                "thousand requests/s": rate / 1000}
    forward(lab, results, rounds, work, measure)


def off78k(lab, results, rounds):
    forward_small(lab, results, rounds, "78k", path("78k"), 200)


def offmiss(lab, results, rounds):
    """nginx hands the bucket's 403 on; we make the 404 of it that debuggers need."""
    forward_small(lab, results, rounds, "miss", "none.pdb/0000000011/none.pdb", 404)


def off1g(lab, results, rounds):
    def measure(server):
        before = server.cpu_seconds()
        done = load(lab, "bulk", server, path("1g"), 1, GIB, 0)
        return {"MB/s": done["bytes"] / done["ms"] / 1e3,
                "CPU ms per GB": (server.cpu_seconds() - before) / done["bytes"] * 1e12}
    forward(lab, results, rounds, "1g", measure)


def offrss(lab, results, rounds):
    def measure(server):
        load(lab, "herd", server, path("200m"), 64, BIG)
        return {"peak MiB": server.peak_mib()}
    forward(lab, results, rounds, "rss", measure)


# name: (title, function, most rounds: what waits rather than works varies little, but takes long)
WORKS = {
    "hot4k": ("4 KiB object, hot", hot4k, 9),
    "hot78k": ("78 KB object, hot", hot78k, 9),
    "hot404": ("missing object, hot", hot404, 9),
    "hot200m": ("200 MB object, hot, 4 connections", hot200m, 9),
    "herd1": ("one client on a cold object of 200 MB", herd1, 1),
    "herd64": ("64 clients at once on a cold object of 200 MB", herd64, 1),
    "herd500": ("500 clients at once on a cold object of 200 MB", herd500, 1),
    "followers": ("200 clients at once on a file of 200 MB that comes at 8 MB/s", followers, 3),
    "replay": ("session of 1,000 modules, 20 % present, bucket 30 ms away", replay, 1),
    "replaynames": ("the same session, 120 of the missing under names that the bucket has", replaynames, 1),
    "idle": ("up to 10,000 idle connections", idle, 1),
    "78k": ("78 KB object, 32 connections", off78k, 9),
    "miss": ("missing object, 32 connections", offmiss, 9),
    "1g": ("1 GiB object, one client", off1g, 9),
    "rss": ("64 downloads of 200 MB at once", offrss, 1),
}
