# SPDX-License-Identifier: MIT
"""
forms.py: the works about stored forms, on a PDB of 125 MB (big_pdb.py) as cabinet, gzip, zstd and
MSFZ: each codec by itself beside the tool that everybody has for it, and a server that expands
while it answers.
"""
import contextlib
import functools
import itertools
import os
import resource
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import big_pdb
import servers
from clients import get, load, started
from results import OURS, TOOL
from servers import Failure

sys.path.append(str(servers.ROOT / "tests" / "e2e"))
from rig import cabinets, msfz  # noqa: E402

PASSES = 3
TOGETHER = 32
CABINET_LEVEL = 3  # as in src/flight/maker_form.c
# stored form: (what the report calls it, our codec's name, the tool that expands it)
FORMS = {
    "big.mszip.cab": ("MSZIP, cabextract -p", "cab", ["cabextract", "-q", "-p"]),
    "big.lzx.cab": ("LZX, cabextract -p", "cab", ["cabextract", "-q", "-p"]),
    "big.gz": ("gzip -6, gzip -dc", "gzip", ["gzip", "-dc"]),
    "big.3.zst": ("zstd -3, zstd -dc", "zstd", ["zstd", "-qdc"]),
    "big.19.zst": ("zstd -19, zstd -dc", "zstd", ["zstd", "-qdc"]),
    "big.msfz": ("MSFZ of zstd -3", "msfz", None),
}
CABINETS = ("big.mszip.cab", "big.lzx.cab")


@functools.cache
def plain(lab):
    """The PDB; its forms come beside it."""
    directory = lab.fresh("forms")
    directory.mkdir()
    return big_pdb.make(directory)


@functools.cache
def stored(lab):
    """Make the PDB and its forms; returns their directory."""
    pdb = plain(lab)
    directory = pdb.parent

    def run(*argv, to=None):
        with contextlib.ExitStack() as stack:
            out = stack.enter_context(open(directory / to, "wb")) if to else subprocess.DEVNULL
            subprocess.run([servers.tool(argv[0]), *argv[1:]], cwd=directory, stdout=out, check=True)

    run("gcab", "-c", "-z", "big.mszip.cab", "big.pdb")
    run("gzip", "-6", "-c", "big.pdb", to="big.gz")
    run("zstd", "-3", "-qc", "big.pdb", to="big.3.zst")
    run("zstd", "-19", "-T0", "-qc", "big.pdb", to="big.19.zst")
    content = pdb.read_bytes()
    (directory / "big.lzx.cab").write_bytes(cabinets.lzx("big.pdb", content))
    (directory / "big.msfz").write_bytes(
        msfz.build(msfz.streams(content), msfz.ZSTD, chunk=4 << 20))
    return directory


# ---- each codec by itself, one thread, what comes out discarded ----

def tool_seconds(argv):
    """(CPU, wall): the least of some runs of the whole program."""
    def once():
        before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True)
        wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, wall
    return [min(values) for values in zip(*(once() for _ in range(PASSES)))]


def codec_seconds(program, way, file):
    done = subprocess.run([program, way, file, str(PASSES)], check=True, capture_output=True, text=True)
    values = {k: float(v) for k, v in (word.split("=") for word in done.stdout.split())}
    return values["cpu_ms"] / 1000, values["wall_ms"] / 1000


def codec(lab, results, rounds):
    directory = stored(lab)
    sources = [*sorted((servers.ROOT / "src" / "codec").glob("*.c")),
               *sorted((servers.ROOT / "src" / "symfmt").glob("*.c"))]
    program = servers.compile_c(lab.directory, "codec", sources,
                                ("-lmspack", "-lz", "-lzstd", "-lunistring"))
    size = (directory / "big.pdb").stat().st_size

    def add(title, server, seconds):
        for clock, value in zip(("CPU", "wall"), seconds):
            results.add("codec", f"{title}: MB per s of {clock}", server, size / value / 1e6)

    for _ in range(rounds):
        for name, (title, way, tool) in FORMS.items():
            add(title, OURS, codec_seconds(program, way, directory / name))
            if tool:
                add(title, TOOL, tool_seconds([*tool, str(directory / name)]))
        add("make MSZIP, gcab -c", OURS,
            codec_seconds(program, str(CABINET_LEVEL), directory / "big.pdb"))
        add("make MSZIP, gcab -c", TOOL, tool_seconds(
            ["gcab", "-c", "-z", "-n", str(directory / "again.cab"), str(directory / "big.pdb")]))
    parts = (f"{name} {(directory / name).stat().st_size / size:.3f}" for name in FORMS)
    results.note("codec", f"The PDB has {size} bytes; its forms, in parts of that: {', '.join(parts)}. "
                 "Ours is fed from memory; a tool's time is that of its whole process. The least of "
                 f"{PASSES} passes counts.")


# ---- expanding while answering ----

@functools.cache
def twins(lab, cabinet):
    """TOGETHER names in the bucket, each with nothing but that cabinet; returns their paths."""
    directory, stem = stored(lab), cabinet.replace(".", "-")
    key_tool = servers.ROOT / "tools" / "symkey.py"
    key = subprocess.run([key_tool, "--layout", "lower", directory / "big.pdb"], check=True,
                         capture_output=True, text=True).stdout.split("/")[1]
    paths = [f"{stem}{i}.pdb/{key}/{stem}{i}.pdb" for i in range(TOGETHER)]
    for path in paths:
        file = lab.directory / "data" / "bucket" / (path[:-1] + "_")
        file.parent.mkdir(parents=True)
        os.link(directory / cabinet, file)
    return paths


def alone(lab, results, cabinet, size):
    """
    One client, who waits for the bucket's headers first: none, or 50 ms and then 20 MB/s. Then three
    more names one after another, when the disk is busy with those before.
    """
    for view, where in (("exact", "here"), ("slow", "50 ms away")):
        with started(lambda: lab.ours(view)) as running:
            done = [load(lab, "herd", running[0], path, 1, size) for path in twins(lab, cabinet)[:4]]
        title = f"{cabinet}, bucket {where}"
        results.add("decode", f"{title}: first byte, ms", OURS, done[0]["first_p50_ms"])
        results.add("decode", f"{title}: first byte of the next, worst, ms", OURS,
                    max(one["first_p50_ms"] for one in done[1:]))
        results.add("decode", f"{title}: last byte, ms", OURS, done[0]["last_p50_ms"])


def together(lab, results, at_once, size):
    """LZX, which takes the most memory. A first and a last name are checked byte for byte, too."""
    paths, cache = twins(lab, "big.lzx.cab"), lab.fresh("pepto-cache")
    expected = plain(lab).read_bytes()
    settings = {"CACHE_DIR": str(cache), "CACHE_SIZE": "20GiB", "DECODE_MAX": str(at_once)}
    with started(lambda: lab.pepto(OURS, "exact", **settings)) as running:
        server, began = running[0], time.monotonic()
        with ThreadPoolExecutor(TOGETHER) as pool:
            for one in [pool.submit(load, lab, "herd", server, path, 1, size) for path in paths]:
                one.result()
        seconds, total = time.monotonic() - began, TOGETHER * size
        title = f"{TOGETHER} of LZX at once, DECODE_MAX={at_once}"
        results.add("decode", f"{title}: MB/s", OURS, total / seconds / 1e6)
        results.add("decode", f"{title}: CPU ms per GB", OURS, server.cpu_seconds() / total * 1e12)
        results.add("decode", f"{title}: peak MiB", OURS, server.peak_mib())
        for path in (paths[0], paths[-1]):
            if get(server, path) != expected:
                raise Failure(f"{path} is not what is in the cabinet")
    subprocess.run(["rm", "-rf", str(cache)], check=True)


def decode(lab, results, rounds):
    size = plain(lab).stat().st_size
    for _, cabinet in itertools.product(range(rounds), CABINETS):
        alone(lab, results, cabinet, size)
    for at_once in (0, TOGETHER):
        together(lab, results, at_once, size)


WORKS = {
    "codec": ("codecs on a PDB of 125 MB, one thread", codec, 9),
    "decode": ("cold PDB of 125 MB out of its cabinet", decode, 9),
}
