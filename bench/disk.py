# SPDX-License-Identifier: MIT
"""
disk.py: the works that are about this machine's own disk: a file:// store, a cold file beside a hot
one, and how soon a server is there, with a million files in its cache, too.
"""
import contextlib
import functools
import itertools
import os
import subprocess
import time
import urllib.request

import servers
from clients import check_missing, check_object, load, note_peak, path, started, until_told, values, wrk
from servers import Failure, Server, free_port
from works import GIB, KIB4, nothing_fetched

MISSING = "none.pdb/0000000011/none.pdb"


# ---- a directory of symbols, served as it is ----

def nginx_static(lab):
    port = free_port()
    return Server("nginx static", port, lab.nginx_argv("static.conf", lab.fresh("static").name, port=port))


def ours_local(lab, name):
    return lab.pepto(name, "exact", STORES=f"file://{lab.directory}/data/bucket", CACHE_DIR="off")


def local(lab, results, rounds):
    with started(*lab.all_of_ours(functools.partial(ours_local, lab)),
                 lambda: nginx_static(lab)) as running:
        for server in running:
            check_object(lab, server, "4k")
            check_missing(server, MISSING)
        works = (("4 KiB", path("4k"), 200), ("404", MISSING, 404))
        for (title, what, status), server in itertools.product(works, running):
            wrk(server, what, 32, 1, status=status)
        for _, (title, what, status), server in itertools.product(range(rounds), works, running):
            before = server.cpu_seconds()
            done, rate = wrk(server, what, 32, 2, status=status)
            cpu = server.cpu_seconds() - before
            results.add("local", f"{title}: CPU us per request", server.name, cpu / done * 1e6)
            results.add("local", f"{title}: thousand requests/s", server.name, rate / 1000)
        note_peak(results, "local", running)


# ---- what a file that has to be read from the disk does to those who ask for a hot one ----

def make_cold(directory):
    """All large files below the directory leave the page cache."""
    for folder, _, names in os.walk(directory):
        for name in names:
            with contextlib.suppress(OSError), open(os.path.join(folder, name), "rb") as file:
                if os.fstat(file.fileno()).st_size >= GIB:
                    os.fsync(file.fileno())
                    os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def latency(lab, server, meanwhile):
    """Of 8 clients that ask for 4 KiB at a fixed pace; returns what they measured, and meanwhile's value."""
    with until_told(lab, "paced", server, path("4k"), 8, KIB4) as client:
        value = meanwhile()
        client.stdin.close()
        measured = values(client.stdout.read())
    if not measured:
        raise Failure(f"{server.name}: no latency")
    return measured, value


def beside_cold(lab, results, server):
    def read_it():
        return load(lab, "bulk", server, path("1g"), 1, GIB, 0)

    alone, _ = latency(lab, server, lambda: time.sleep(3))
    make_cold(lab.directory)
    from_disk = server.read_from_disk_mib()
    cold, reading = latency(lab, server, read_it)
    from_disk = server.read_from_disk_mib() - from_disk
    hot, _ = latency(lab, server, read_it)
    for title, measured in (("alone", alone), ("beside the cold file", cold),
                            ("beside the same, hot", hot)):
        results.add("p99", f"{title}: p99, ms", server.name, measured["answer_p99_ms"])
        results.add("p99", f"{title}: worst, ms", server.name, measured["answer_max_ms"])
    results.add("p99", "cold file: MB/s", server.name, reading["bytes"] / reading["ms"] / 1000)
    results.add("p99", "cold file: MiB read from the disk", server.name, from_disk)


def p99(lab, results, rounds):
    with started(*(functools.partial(make, "exact") for make in (
            *lab.all_of_ours(lab.ours), lab.nginx_cache))) as running:
        for server in running:
            check_object(lab, server, "4k")
            load(lab, "bulk", server, path("1g"), 1, GIB, 0)
        with nothing_fetched(lab, results, "p99"):
            for _, server in itertools.product(range(rounds), running):
                beside_cold(lab, results, server)
        note_peak(results, "p99", running)


# ---- how soon it is there ----

def first_answer_ms(lab, **settings):
    """From exec to the end of the first answer that came from the bucket or the cache."""
    port = free_port()
    began = time.monotonic()
    with subprocess.Popen([lab.binary, "serve"], env=lab.pepto_env("opaque", port, **settings),
                          cwd=lab.directory, stderr=subprocess.DEVNULL) as process:
        try:
            while time.monotonic() < began + 30:
                with contextlib.suppress(OSError):
                    server = f"http://127.0.0.1:{port}/{path('4k')}"
                    urllib.request.urlopen(server).read()
                    return (time.monotonic() - began) * 1000
                time.sleep(0.0005)
            raise Failure("pepto-symbol: no answer within 30 s of its start")
        finally:
            process.terminate()


def start(lab, results, rounds):
    for _ in range(rounds):
        results.add("start", "ms", "pepto-symbol, cache off", first_answer_ms(lab, CACHE_DIR="off"))
        results.add("start", "ms", "pepto-symbol", first_answer_ms(
            lab, CACHE_DIR=str(lab.fresh("pepto-cache"))))


def million(lab, results, rounds):
    """
    First the object is fetched into the cache, in later rounds it is a hit. Then a server is left
    alone with the files, for what its walks over them take of memory.
    """
    program = servers.compile_c(lab.directory, "objects", [servers.ROOT / "src" / "cache" / "object.c"],
                                ("-lxxhash", "-lunistring"))
    cache = lab.fresh("pepto-cache")
    settings = {"CACHE_DIR": str(cache), "CACHE_SIZE": "100GiB"}
    try:
        subprocess.run([program, str(cache), "0", "1000000"], check=True)
        for _ in range(rounds):
            results.add("million", "ms", "pepto-symbol", first_answer_ms(lab, **settings))
        with started(lambda: lab.pepto("pepto-symbol", "opaque", **settings)) as running:
            time.sleep(10)
            note_peak(results, "million", running)
    finally:
        subprocess.run(["rm", "-rf", str(cache)], check=True)


WORKS = {
    "local": ("file:// store, 32 connections", local, 9),
    "p99": ("4 KiB hot for 8 clients, 500 times a second each, beside 1 GiB cold", p99, 3),
    "start": ("start to first answer", start, 9),
    # Last, because the disk is busy with so many files for a while.
    "million": ("start to first answer with a million files in the cache", million, 9),
}
