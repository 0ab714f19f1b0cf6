# SPDX-License-Identifier: MIT
"""
publish.py: the works about publishing. `key` beside llvm-pdbutil; `add` beside `aws s3 sync` (into Ceph's
gateway, whose data is in memory), `cp -r` and zstd; what `add` holds in memory with many large files on
their way; the upload door beside nginx.
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
import sink
from results import OURS, TOOL
from servers import Failure

sys.path.append(str(servers.ROOT / "tests" / "e2e"))
from rig import rgw  # noqa: E402

SIZE = 79_872
COPIES = 4
LARGE, LARGE_SIZE = 16, 600_000_000
BUCKET, TOKEN = "bench", "bench-token"
LAID_OUT = "the tool, as a store lies"
PEER_OF_DOOR = "nginx"


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


def sync(url, directory, bucket):
    return ["/usr/bin/aws", "--endpoint-url", url, "--region", "us-east-1", "s3", "sync", "--quiet",
            str(directory), f"s3://{bucket}/"]


def peak_mib(argv, **options):
    """The most that was resident of a program."""
    with subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          **options) as process:
        error = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if status:
        raise Failure(f"{' '.join(map(str, argv[:3]))}: {process.returncode}: {error.decode()[-300:]}")
    return used.ru_maxrss / 1024


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
def small_pdb(lab):
    """(content, where its GUID stands) of a true PDB of SIZE bytes, padded behind its last page."""
    directory = lab.fresh("small")
    directory.mkdir()
    (directory / "a.c").write_text("int start(void) { return 0; }\n")
    for argv in (forms.big_pdb.COMPILE + ["a.c"],
                 [word.replace("big.", "a.") for word in forms.big_pdb.LINK] + ["a.o"]):
        subprocess.run(argv, cwd=directory, check=True)
    content, at = guid_of(lab, directory / "a.pdb")
    return content + os.urandom(max(SIZE - len(content), 0)), at


@functools.cache
def many(lab):
    """A directory of lab.many of them, each with a GUID of its own."""
    directory = lab.fresh("many")
    directory.mkdir()
    content, at = small_pdb(lab)
    for i in range(lab.many):
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
    pdb = forms.plain(lab)
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
                results.add("add", f"{row}: files/s", OURS, lab.many / wall)
                results.add("add", f"{row}: CPU ms per file", OURS, cpu / lab.many * 1000)
            options["env"] |= {"PATH": "/usr/bin:/bin"}
            for row in ("first run", "second run"):
                cpu, wall, _ = timed(sync(running.url, directory, theirs), **options)
                results.add("add", f"{row}: files/s", TOOL, lab.many / wall)
                results.add("add", f"{row}: CPU ms per file", TOOL, cpu / lab.many * 1000)
            for bucket in (ours, theirs):
                kept = sum(page["KeyCount"] for page in running.client().get_paginator(
                    "list_objects_v2").paginate(Bucket=bucket) if page["KeyCount"])
                if kept < lab.many:
                    raise Failure(f"{bucket} has {kept} objects")
    results.note("add", f"{lab.many} PDBs of {SIZE} bytes; the tool is Debian's aws s3 sync.")


def local(lab, results, rounds):
    """
    What a round has made stays until the last: ext4 passes over each inode that was freed in the last minutes, which
    costs more than all the rest.
    """
    directory, made = many(lab), []
    for _ in range(rounds):
        store = lab.fresh("store")
        store.mkdir()
        argv, options = add(lab, "--compress", "none", directory, store=f"file://{store}")
        for server, what, how in ((OURS, argv, options),
                                  (TOOL, ["cp", "-r", str(directory), f"{store}.cp"], {}),
                                  (LAID_OUT, ["cp", "-r", str(store), f"{store}.laid"], {})):
            subprocess.run(["sync"], check=True)
            cpu, wall, _ = timed(what, **how)
            results.add("addlocal", "seconds", server, wall)
            results.add("addlocal", "CPU seconds", server, cpu)
        made += [store, f"{store}.cp", f"{store}.laid"]
    for each in made:
        shutil.rmtree(each)
    results.note("addlocal", f"{lab.many} PDBs of {SIZE} bytes into a directory; the tool is cp -r, which syncs and "
                 "checks nothing, of the files as they are (a folder for a hundred), and once more of the store that "
                 "came of them (two folders for each).")


@functools.cache
def copies(lab):
    """The large PDB, COPIES times, with a GUID of its own each."""
    directory = lab.fresh("copies")
    directory.mkdir()
    content, at = guid_of(lab, forms.plain(lab))
    for i in range(COPIES):
        (directory / f"big{i}.pdb").write_bytes(content[:at] + (i + 1).to_bytes(16, "big") + content[at + 16:])
    return directory


def pack(lab, results, rounds):
    directory, processors = copies(lab), len(os.sched_getaffinity(0))
    total = sum(file.stat().st_size for file in directory.iterdir())
    for _ in range(rounds):
        store = lab.fresh("store")
        store.mkdir()
        argv, options = add(lab, "--compress", "zstd", "--level", 3, directory, store=f"file://{store}")
        tools = lab.fresh("zstd")
        tools.mkdir()
        tool = [servers.tool("zstd"), "-3", f"-T{processors}", "-q", "-r", "--output-dir-flat", str(tools),
                str(directory)]
        for server, what, how in ((OURS, argv, options), (TOOL, tool, {})):
            cpu, wall, _ = timed(what, **how)
            results.add("pack", "MB/s", server, total / wall / 1e6)
            results.add("pack", "CPU ms per MB", server, cpu / total * 1e9)
        shutil.rmtree(store)
        shutil.rmtree(tools)
    results.note("pack", f"{COPIES} PDBs of 125 MB into a directory; the tool is zstd -3 -T{processors}.")


def large_files(lab):
    """LARGE PDBs of LARGE_SIZE bytes, whose tails are holes."""
    directory = lab.fresh("large")
    directory.mkdir()
    content, at = small_pdb(lab)
    for i in range(LARGE):
        with open(directory / f"large{i}.pdb", "wb") as file:
            file.write(content[:at] + (i + 1).to_bytes(16, "big") + content[at + 16:])
            file.truncate(LARGE_SIZE)
    return directory


def large(lab, results, rounds):
    """What is resident while all of them are on their way."""
    directory = large_files(lab)
    for _ in range(rounds):
        with sink.running() as bucket:
            store = f"s3://b?endpoint={bucket.url}&region=us-east-1"
            argv, options = add(lab, "--compress", "none", "--jobs", LARGE, directory, credentials=rgw.OWNER,
                                store=store)
            results.add("addlarge", "peak MiB", OURS, peak_mib(argv, **options))
            if bucket.taken < LARGE * LARGE_SIZE:
                raise Failure(f"the bucket has taken {bucket.taken} bytes")
            options["env"] |= {"PATH": "/usr/bin:/bin"}
            results.add("addlarge", "peak MiB", TOOL, peak_mib(sync(bucket.url, directory, "b"), **options))
    shutil.rmtree(directory)
    results.note("addlarge", f"{LARGE} PDBs of {LARGE_SIZE} bytes, as they are, into a bucket that takes everything; "
                 "the tool is Debian's aws s3 sync, with its ten requests at a time.")


# ---- the upload door ----

def door_of_nginx(lab):
    port = servers.free_port()
    return servers.Server("nginx", port, lab.nginx_argv(
        "door.conf", lab.fresh("door").name, port=port, answers=servers.free_port()))


def door_of_ours(lab, store):
    return lab.pepto(OURS, None, STORES=f"file://{store}", CACHE_DIR=str(lab.fresh("pepto-cache")),
                     UPLOAD_TOKENS=f"bench {TOKEN}")


def put_all(server, files, statuses):
    """(CPU seconds of the server, wall seconds) until all are answered, all at once."""
    words = [word for file in files for word in ("-T", str(file), "-o", os.devnull,
                                                 server.url(f"-/upload/{file.name}"))]
    before, began = server.cpu_seconds(), time.monotonic()
    done = subprocess.run(["curl", "-sS", "-Z", "--parallel-immediate", "-H", f"Authorization: Bearer {TOKEN}",
                           "-w", "%{http_code} ", *words], check=True, capture_output=True, text=True)
    wall, cpu = time.monotonic() - began, server.cpu_seconds() - before
    if not set(done.stdout.split()) <= statuses or len(done.stdout.split()) != len(files):
        raise Failure(f"{server.name} answers {done.stdout}")
    return cpu, wall


def door(lab, results, rounds):
    symbols = sorted(copies(lab).iterdir())
    others = lab.fresh("others")
    others.mkdir()
    for file in symbols:
        content = file.read_bytes()
        (others / file.name).write_bytes(b"no symbol file, " + content[16:])
    for _ in range(rounds):
        store = lab.fresh("store")
        store.mkdir()
        with contextlib.ExitStack() as stack:
            ours, nginx = door_of_ours(lab, store), door_of_nginx(lab)
            stack.callback(ours.stop)
            stack.callback(nginx.stop)
            for row, files, status in (("no symbol file", sorted(others.iterdir()), "422"),
                                       ("stored", symbols, "201")):
                total = sum(file.stat().st_size for file in files)
                for server, name in ((ours, OURS), (nginx, PEER_OF_DOOR)):
                    cpu, wall = put_all(server, files, {status, "201"} if server is nginx else {status})
                    results.add("door", f"{row}: MB/s", name, total / wall / 1e6)
                    results.add("door", f"{row}: CPU ms per MB", name, cpu / total * 1e9)
        shutil.rmtree(store)
    shutil.rmtree(others)
    results.note("door", f"{COPIES} PDBs of 125 MB at once by curl, until they are answered: what is no symbol file "
                 "is read into a file, and thrown away; what is one is hashed as well, put into a directory, and "
                 "on the disk. nginx (client_body_in_file_only) reads into a file, and throws away both.")


WORKS = {
    "key": ("the key of a PDB of 125 MB", key, 9),
    "add": ("many PDBs of 78 KB into a bucket, as they are", published, 3),
    "addlocal": ("the same into a directory", local, 5),
    "pack": ("four PDBs of 125 MB, compressed by zstd -3", pack, 5),
    "addlarge": ("16 files of 600 MB at once into a bucket", large, 1),
    "door": ("four PDBs of 125 MB at once to the upload door", door, 5),
}
