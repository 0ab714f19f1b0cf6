# SPDX-License-Identifier: MIT
"""
publish.py: the works about publishing: `key` beside llvm-pdbutil, `add` beside `aws s3 sync` (into Ceph's
gateway, whose data is in memory) and `cp -r`.
"""
import contextlib
import functools
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import time

import forms
import servers
from results import OURS, TOOL
from servers import Failure

sys.path.append(str(servers.ROOT / "tests" / "e2e"))
from rig import rgw  # noqa: E402

FILES, SIZE = 10_000, 79_872
BUCKET = "bench"


def timed(argv, **options):
    """(CPU seconds, wall seconds, bytes read) of a program and what it started."""
    def read():
        return int(re.search(r"rchar: (\d+)", pathlib.Path("/proc/self/io").read_text())[1])

    before, so_far, began = resource.getrusage(resource.RUSAGE_CHILDREN), read(), time.monotonic()
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, **options)
    wall, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise Failure(f"{' '.join(map(str, argv[:3]))}: {done.returncode}: {done.stderr.decode()[-300:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return cpu, wall, read() - so_far - len(done.stdout) - len(done.stderr)


def add(lab, *words, store, credentials=None, **settings):
    environment = {"PATH": os.environ["PATH"], "HOME": str(lab.directory), "STORES": store,
                   "LOG_LEVEL": "error"} | settings
    if credentials:
        environment |= dict(zip(("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), credentials))
    return [lab.binary, "add", *map(str, words)], {"env": environment, "cwd": lab.directory}


def guid_of(lab, pdb):
    """Where the GUID of its key stands in a PDB."""
    told = json.loads(subprocess.run([lab.binary, "key", "--json", pdb], check=True,
                                     capture_output=True).stdout)
    digits = told["keys"][0]["key"][:32]
    guid = bytes.fromhex(digits)
    guid = guid[3::-1] + guid[5:3:-1] + guid[7:5:-1] + guid[8:]
    content = pdb.read_bytes()
    if content.count(guid) != 1:
        raise Failure(f"the GUID {digits} stands {content.count(guid)} times in {pdb.name}")
    return content, content.index(guid)


@functools.cache
def many(lab):
    """A directory of FILES true PDBs, each with a GUID of its own, padded behind their last page to one size."""
    directory = lab.fresh("many")
    directory.mkdir()
    (directory / "a.c").write_text("int start(void) { return 0; }\n")
    for argv in (forms.big_pdb.COMPILE + ["a.c"],
                 [word.replace("big.", "a.") for word in forms.big_pdb.LINK] + ["a.o"]):
        subprocess.run(argv, cwd=directory, check=True)
    content, at = guid_of(lab, directory / "a.pdb")
    content += os.urandom(SIZE - len(content)) if len(content) < SIZE else b""
    for name in ("a.c", "a.o", "a.exe", "a.pdb"):
        (directory / name).unlink()
    for i in range(FILES):
        folder = directory / f"{i // 100:02d}"
        folder.mkdir(exist_ok=True)
        (folder / f"module{i:05d}.pdb").write_bytes(
            content[:at] + (i + 1).to_bytes(16, "big") + content[at + 16:])
    return directory


@contextlib.contextmanager
def gateway(lab):
    directory = lab.fresh("rgw")
    (directory / "rgw").mkdir(parents=True)
    _, pem = rgw.make_authority(directory)
    running = rgw.Rgw(directory / "rgw", pem)
    try:
        yield running
    finally:
        running.stop()


def fresh_bucket(running, number):
    name = f"{BUCKET}{number}"
    running.client().create_bucket(Bucket=name)
    return name


# ---- the works ----

def key(lab, results, rounds):
    pdb = forms.stored(lab) / "big.pdb"
    for _ in range(rounds):
        for server, argv in ((OURS, [lab.binary, "key", pdb]),
                             (TOOL, [servers.tool("llvm-pdbutil"), "dump", "--summary", pdb])):
            nothing = timed([argv[0], "--version"])[2]
            cpu, wall, read = timed(argv)
            results.add("key", "CPU ms", server, cpu * 1000)
            results.add("key", "wall ms", server, wall * 1000)
            results.add("key", "KiB read beyond those of --version", server, (read - nothing) / 1024)


def published(lab, results, rounds):
    directory = many(lab)
    with gateway(lab) as running:
        for number in range(rounds):
            ours, theirs = (fresh_bucket(running, f"-{who}-{number}") for who in ("ours", "aws"))
            store = f"s3://{ours}?endpoint={running.url}&region=us-east-1"
            argv, options = add(lab, "--compress", "none", directory, store=store, credentials=rgw.OWNER)
            for row in ("first run", "second run"):
                cpu, wall, _ = timed(argv, **options)
                results.add("add", f"{row}: files/s", OURS, FILES / wall)
                results.add("add", f"{row}: CPU ms per file", OURS, cpu / FILES * 1000)
            sync = ["/usr/bin/aws", "--endpoint-url", running.url, "--region", "us-east-1", "s3", "sync",
                    "--quiet", str(directory), f"s3://{theirs}/"]
            options["env"] |= {"PATH": "/usr/bin:/bin"}
            for row in ("first run", "second run"):
                cpu, wall, _ = timed(sync, **options)
                results.add("add", f"{row}: files/s", TOOL, FILES / wall)
                results.add("add", f"{row}: CPU ms per file", TOOL, cpu / FILES * 1000)
            for bucket in (ours, theirs):
                kept = sum(page["KeyCount"] for page in running.client().get_paginator(
                    "list_objects_v2").paginate(Bucket=bucket) if page["KeyCount"])
                if kept < FILES:
                    raise Failure(f"{bucket} has {kept} objects")
    results.note("add", f"{FILES} PDBs of {SIZE} bytes; the tool is Debian's aws s3 sync.")


def local(lab, results, rounds):
    directory = many(lab)
    for _ in range(rounds):
        store = lab.fresh("store")
        store.mkdir()
        argv, options = add(lab, "--compress", "none", directory, store=f"file://{store}")
        for server, what, how in ((OURS, argv, options),
                                  (TOOL, ["cp", "-r", str(directory), str(store) + ".cp"], {})):
            subprocess.run(["sync"], check=True)
            cpu, wall, _ = timed(what, **how)
            results.add("addlocal", "seconds", server, wall)
            results.add("addlocal", "CPU seconds", server, cpu)
        for made in (store, pathlib.Path(str(store) + ".cp")):
            shutil.rmtree(made)
    results.note("addlocal", f"{FILES} PDBs of {SIZE} bytes into a directory; the tool is cp -r, which syncs nothing.")


WORKS = {
    "key": ("the key of a PDB of 125 MB", key, 9),
    "add": ("10,000 PDBs of 78 KB into a bucket, as they are", published, 3),
    "addlocal": ("the same into a directory", local, 9),
}
