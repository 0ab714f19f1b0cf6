# SPDX-License-Identifier: MIT
"""The cache and its disk: damaged files, a full, read-only or vanished directory, eviction, many
files. A cache in trouble costs a request to the store, and never a wrong or failed answer. """

import contextlib
import os
import resource
import shutil
import subprocess
import uuid

import pytest

from rig import faults
from rig.cachedir import HEADER, REGIONS, CacheDir, fills, key_of, kept, quiet, spoil, told
from rig.samples import Pattern, body, path
from rig.server import until
from rig.stage import Gate

from test_misses import TOKEN, purge

pytestmark = pytest.mark.cache_on

LOWER = path("foo.pdb").lower()
FOO = "/" + LOWER
MIB = 1 << 20


def errors(server):
    return server.metrics()["pepto_cache_errors_total", ""]


def damaged(server):
    return server.metrics()["pepto_cache_damaged_total", ""]


def keys(n):
    return [path(f"file{k}.pdb").lower() for k in range(n)]


def take_away(directory, in_the_way=False):
    """Remove it, while files are made in it; `in_the_way`: a file stands in its place from then on, so
    that nobody makes it anew."""
    while directory.is_dir():
        away = directory.with_name(f"{directory.name}-{uuid.uuid4().hex}")
        directory.rename(away)
        if in_the_way:
            with contextlib.suppress(FileExistsError):
                directory.touch(exist_ok=False)
        while away.exists():
            shutil.rmtree(away, ignore_errors=True)
        if not in_the_way:
            return


def fill(server, origin, names, size):
    """Bring these into the cache, each with a body of its own."""
    for seed, key in enumerate(names):
        origin.put("bucket", key, body(size, seed % 8))
        assert server.fetch("/" + key).body == body(size, seed % 8)
    kept(server, len(names))


# damage

@pytest.mark.parametrize("size", [1_000, 300_000])
def test_a_damaged_header(size, origin, store, serve, tmp):
    """Any byte of it, in each region: fetched again, right, counted, and whole from then on."""
    places = sorted({*REGIONS.values(), *(at + 1 for at in REGIONS.values()), HEADER - 1})
    names = keys(len(places))
    first = serve(stores=store, CACHE_DIR=tmp)
    fill(first, origin, names, size)
    first.stop()
    cache = CacheDir(tmp)
    files = {key_of(file): file for file in cache.objects()}
    assert sorted(files) == sorted(names)
    for key, at in zip(names, places):
        spoil(files[key], at)
    origin.forget()
    second = serve(stores=store, CACHE_DIR=tmp)
    for seed, key in enumerate(names):
        assert second.fetch("/" + key).body == body(size, seed % 8), places[seed]
    assert damaged(second) == len(places) and len(origin.asked(method="GET")) >= len(places)
    kept(second, len(places))
    origin.stop()
    for seed, key in enumerate(names):
        assert second.fetch("/" + key).body == body(size, seed % 8)
    assert errors(second) == 0 and second.log(msg="damaged file in the cache removed")


def truncate(n):
    return lambda file, other: os.truncate(file, n)


def extend(file, other):
    with open(file, "ab") as f:
        f.write(b"x")


def instead(make):
    def act(file, other):
        file.unlink()
        make(file)
    return act


TORN = {"empty": truncate(0), "half a header": truncate(512), "a header": truncate(HEADER),
        "one byte short": truncate(HEADER + 299_999), "one byte long": extend,
        "the file of another": lambda file, other: shutil.copy2(other, file),
        "a link to another": lambda file, other: (file.unlink(), file.symlink_to(other)),
        "a link to nowhere": instead(lambda file: file.symlink_to("nowhere")),
        "a fifo": instead(os.mkfifo), "a directory": instead(os.mkdir),
        "not to be read": lambda file, other: file.write_bytes(b"\0" * 400_000)}


@pytest.mark.parametrize("name", TORN)
def test_a_file_that_is_none(name, origin, store, serve, tmp):
    first = serve(stores=store, CACHE_DIR=tmp)
    names = keys(2)
    fill(first, origin, names, 300_000)
    first.stop()
    files = {key_of(file): file for file in CacheDir(tmp).objects()}
    TORN[name](files[names[0]], files[names[1]])
    second = serve(stores=store, CACHE_DIR=tmp)
    assert second.fetch("/" + names[0]).body == body(300_000, 0)
    assert second.fetch("/" + names[1]).body == body(300_000, 1)
    quiet(second)
    for _ in range(2):
        assert second.fetch("/" + names[0]).body == body(300_000, 0)


def test_a_file_that_is_replaced_under_a_running_server(origin, store, serve):
    """What is hot is looked at once a second: not served for longer than that once it is gone."""
    server = serve(stores=store)
    fill(server, origin, [LOWER], 3_000_000)
    for _ in range(3):
        assert server.fetch(FOO).body == body(3_000_000, 0)
    CacheDir(server).object().unlink()
    origin.put("bucket", LOWER, body(3_000_000, 2))
    until(lambda: server.fetch(FOO).body == body(3_000_000, 2))


# two at once

def test_two_processes_and_one_is_killed(origin, store, serve, tmp):
    """In mid-fill: the other one finds no torn file, fetches and keeps it, and its own fill that
    runs meanwhile is not reclaimed by a third that starts."""
    origin.put("bucket", LOWER, Pattern(3_000_000))
    one, two = serve(stores=store, CACHE_DIR=tmp), serve(stores=store, CACHE_DIR=tmp)
    gates = [Gate(""), Gate("")]
    for gate in gates:
        origin.fault(faults.pause_at(1_000_000, gate), lambda r: r.method == "GET" and LOWER in
                     r.path, times=1)
    with one.connect() as first, two.connect() as second:
        first.ask(FOO)
        gates[0].wait(1)
        second.ask(FOO)
        gates[1].wait(1)
        one.process.kill()
        one.wait()
        one.may_end = {-9}
        assert not CacheDir(tmp).objects()
        serve(stores=store, CACHE_DIR=tmp).fetch("/healthz")
        gates[1].release()
        assert second.answer().body == body(3_000_000)
        gates[0].release()
    kept(two)
    assert len(CacheDir(tmp).objects()) == 1 and not CacheDir(tmp).drafts()
    third = serve(stores=store, CACHE_DIR=tmp)
    origin.stop()
    assert third.fetch(FOO).body == body(3_000_000)


@pytest.mark.tsan
def test_two_processes_bring_the_same(origin, store, serve, tmp):
    servers = [serve(stores=store, CACHE_DIR=tmp) for _ in range(2)]
    names = keys(20)
    for seed, key in enumerate(names):
        origin.put("bucket", key, Pattern(200_000, seed % 8))
        clients = [server.connect() for server in servers]
        for client in clients:
            client.ask("/" + key)
        for client in clients:
            with client:
                assert client.answer().body == body(200_000, seed % 8)
    for server in servers:
        quiet(server)
        assert errors(server) == 0
    assert len(CacheDir(tmp).objects()) == 20 and not CacheDir(tmp).drafts()


# a disk in trouble

@pytest.fixture
def mounted(tmp):
    """A small tmpfs; its options can be changed by mount(...)."""
    def mount(options):
        return subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", tmp],
                              capture_output=True, text=True)

    def again(options):
        done = mount(options)
        assert not done.returncode, done.stderr
    first = mount("size=4m,mode=700")
    if first.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {first.stderr.strip()}")
    yield tmp, again
    subprocess.run(["umount", "-l", tmp], check=True)


def passed_through(server, origin, size, tries=True):
    """What cannot be cached is served all the same, and one line tells of all that fails."""
    names = [path(f"new{k}.pdb").lower() for k in range(4)]
    gate = origin.hold("/new")
    clients = [server.connect() for _ in names]
    for seed, (client, key) in enumerate(zip(clients, names)):
        origin.put("bucket", key, Pattern(size, seed))
        client.ask("/" + key)
    gate.wait(4)
    gate.release()
    for seed, client in enumerate(clients):
        with client:
            assert client.answer().body == body(size, seed)
    quiet(server)
    assert tries == (errors(server) >= 1), "after the first the others do not even try"
    for seed, key in enumerate(names):
        assert server.fetch("/" + key).body == body(size, seed)
    assert len(server.log(msg="the cache cannot be used, passing through")) == tries


@pytest.mark.parametrize("parallel", [1, 4])
def test_no_space(parallel, mounted, origin, store, serve):
    tmp, _ = mounted
    server = serve(stores=store, CACHE_DIR=tmp, CACHE_SIZE="1GiB", CACHE_MIN_FREE="0",
                   FETCH_BLOCK="1MiB", FETCH_PARALLEL=parallel)
    passed_through(server, origin, 6_000_000, tries=False)
    assert not CacheDir(tmp).objects()


def test_what_is_promised_is_not_taken(mounted, origin, store, serve):
    """Two that fit alone: the second one passes by, and as much as has come is taken from others."""
    tmp, mount = mounted
    mount("remount,size=64m")
    server = serve(stores=store, CACHE_DIR=tmp, CACHE_SIZE="1GiB", CACHE_MIN_FREE="0",
                   FETCH_PARALLEL=1, STALL_TIMEOUT="60s")
    gate, size = Gate(""), 40_000_000
    origin.fault(faults.pause_at(1_000_000, gate), lambda r: "/file" in r.path and r.method == "GET")
    with server.connect() as one, server.connect() as two:
        for n, client in enumerate((one, two)):
            origin.put("bucket", keys(2)[n], Pattern(size, n))
            client.ask("/" + keys(2)[n])
            gate.wait(n + 1)
        assert one.head().status == two.head().status == 200
        free = os.statvfs(tmp)
        assert free.f_bavail * free.f_frsize > 40_000_000
        gate.release()
        assert one.read(size) == body(size, 0) and two.read(size) == body(size, 1)
    kept(server)
    assert told(server, "filled") == told(server, "passed") == 1 and errors(server) == 0


def test_others_fill_the_disk(mounted, origin, store, serve):
    """In mid-body: it goes on past the cache, and what lies there is had as before."""
    tmp, mount = mounted
    mount("remount,size=64m")
    server = serve(stores=store, CACHE_DIR=tmp, CACHE_SIZE="1GiB", CACHE_MIN_FREE="0",
                   FETCH_PARALLEL=1, STALL_TIMEOUT="60s")
    fill(server, origin, keys(1), 1_000_000)
    kept(server)
    gate, size = Gate(""), 40_000_000
    origin.put("bucket", LOWER, Pattern(size))
    origin.fault(faults.pause_at(1_000_000, gate), LOWER, times=1)
    with server.connect() as client:
        client.ask(FOO)
        gate.wait(1)
        assert client.head().status == 200
        with contextlib.suppress(OSError), open(tmp / "theirs", "wb", buffering=0) as theirs:
            while theirs.write(bytes(1 << 20)):
                pass
        gate.release()
        assert client.read(size) == body(size)
    assert errors(server) >= 1
    origin.forget()
    assert server.fetch("/" + keys(1)[0]).body == body(1_000_000, 0)


@pytest.mark.parametrize("size", [100_000, 1_000_000])
def test_space_runs_out(size, mounted, origin, store, serve):
    """Many that fit alone, but not together, with a cap that does not help."""
    tmp, _ = mounted
    server = serve(stores=store, CACHE_DIR=tmp, CACHE_SIZE="1GiB", CACHE_MIN_FREE="0")
    for n, key in enumerate(keys(5_500_000 // size)):
        origin.put("bucket", key, Pattern(size, n % 8))
        assert server.fetch("/" + key).body == body(size, n % 8)
        quiet(server)
    for n, key in enumerate(keys(5_500_000 // size)):
        assert server.fetch("/" + key).body == body(size, n % 8)
    for file in CacheDir(tmp).objects():
        assert file.stat().st_size == HEADER + size


@pytest.mark.parametrize("size", [50_000, 500_000])
def test_read_only_under_a_running_server(size, tmp, origin, store, serve):
    server = serve(stores=store, CACHE_DIR=tmp, CACHE_MIN_FREE="0", obeys_modes=True)
    fill(server, origin, keys(1), size)
    quiet(server)
    for at in (tmp, *(path for path in tmp.rglob("*") if path.is_dir())):
        at.chmod(0o500)
    origin.forget()
    assert server.fetch("/" + keys(1)[0]).body == body(size, 0) and not origin.asked()
    passed_through(server, origin, size)


def test_read_only_at_the_start(mounted, origin, store, serve):
    """What is in it already is served; nothing else fails."""
    tmp, mount = mounted
    first = serve(stores=store, CACHE_DIR=tmp, CACHE_MIN_FREE="0")
    fill(first, origin, keys(1), 5_000)
    first.stop()
    mount("remount,ro")
    server = serve(stores=store, CACHE_DIR=tmp)
    assert server.fetch("/" + keys(1)[0]).body == body(5_000, 0)
    origin.put("bucket", LOWER, body(5_000, 2))
    for _ in range(2):
        assert server.fetch(FOO).body == body(5_000, 2)


@pytest.mark.parametrize("size", [50_000, 3_000_000])
def test_the_directory_vanishes(size, origin, store, serve, tmp):
    server = serve(stores=store, CACHE_DIR=tmp / "cache")
    fill(server, origin, keys(1), size)
    quiet(server)
    for n, back in enumerate((False, True)):
        take_away(tmp / "cache", in_the_way=back)
        if back:
            until(lambda: server.log(msg="the cache cannot be used, passing through"))
        assert server.fetch("/" + keys(1)[0]).body == body(size, 0)
        if back:
            assert server.fetch("/" + keys(1)[0]).body == body(size, 0)
            (tmp / "cache").unlink()
        until(lambda: (tmp / "cache" / "CACHEDIR.TAG").exists(), timeout=60)
        until(lambda: server.fetch("/" + keys(1)[0]).body == body(size, 0) and
              CacheDir(tmp / "cache").objects(), timeout=60)
        assert (tmp / "cache").stat().st_mode & 0o777 == 0o700
        assert len(server.log(msg="the cache directory was removed, and has been made anew")) == n + 1


@pytest.mark.parametrize("purged", ["*", "{}"])
def test_purges_that_cannot_be_told(purged, origin, store, serve, tmp):
    """To other processes, nor to a later start: then none is called done, and what was kept meanwhile is
    of use to nobody else."""
    (tmp / "generations").mkdir()
    settings = {"stores": store, "CACHE_DIR": tmp, "ADMIN_TOKEN": TOKEN}
    first = serve(**settings)
    fill(first, origin, keys(1), 5_000)
    quiet(first)
    assert len(first.log(msg="purges cannot be told to other processes or kept: the cache is "
                             "of use until the end of this process, and purges fail")) == 1
    origin.put("bucket", keys(1)[0], body(5_000, 1))
    assert first.fetch("/" + keys(1)[0]).body == body(5_000, 0) and told(first, "hit") == 1
    second = serve(**settings)
    assert second.fetch("/" + keys(1)[0]).body == body(5_000, 1)
    kept(second)
    origin.put("bucket", keys(1)[0], body(5_000, 2))
    answer = purge(first, purged.format(keys(1)[0]).encode())
    assert answer.status == 500 and b"generations" in answer.body
    assert first.fetch("/" + keys(1)[0]).body == body(5_000, 2)
    kept(first, 2)
    origin.forget()
    assert first.fetch("/" + keys(1)[0]).body == body(5_000, 2)
    assert not origin.asked() and errors(first) == 0, "the disk is well, and is used"
    (tmp / "generations").rmdir()
    until(lambda: purge(first, b"*").status == 200)


def test_what_is_below_the_directory_vanishes(origin, store, serve):
    """By hand, or by another process that purges: made again when it is needed."""
    server = serve(stores=store)
    fill(server, origin, keys(1), 5_000)
    shutil.rmtree(CacheDir(server).path / "objects")
    until(lambda: server.fetch("/" + keys(1)[0]).body == body(5_000, 0))
    fill(server, origin, keys(3)[1:], 5_000)
    kept(server, 3)
    assert errors(server) == 0


def in_the_way(tmp):
    (tmp / "cache").write_text("a file")


def foreign(tmp):
    (tmp / "cache").mkdir()
    (tmp / "cache" / "thesis.tex").write_text("not ours")


def open_to_all(tmp):
    (tmp / "cache").mkdir()
    (tmp / "cache").chmod(0o777)


@pytest.mark.parametrize("make", [in_the_way, foreign, open_to_all])
def test_a_directory_that_cannot_be_used(make, origin, store, serve, tmp):
    make(tmp)
    before = sorted(p.name for p in tmp.rglob("*"))
    server = serve(stores=store, CACHE_DIR=tmp / "cache")
    origin.put("bucket", LOWER, body(5_000))
    for _ in range(2):
        assert server.fetch(FOO).body == body(5_000)
    assert told(server, "passed") == 2 and errors(server) == 1
    assert server.log(msg="no cache on disk")
    assert sorted(p.name for p in tmp.rglob("*")) == before


def test_a_disk_that_fails_in_mid_body(origin, store, serve):
    """Readers go on past the cache, at the very byte, in the same version."""
    size = 3_000_000
    origin.put("bucket", LOWER, Pattern(size))
    server = serve(stores=store)
    gate = Gate("")
    origin.fault(faults.pause_at(1_000_000, gate), LOWER, times=1)
    with server.connect() as client, server.connect() as second:
        client.ask(FOO)
        gate.wait(1)
        assert client.head().status == 200 and client.read(500_000) == body(500_000)
        second.ask(FOO, headers={"Range": "bytes=2000000-2999999"})
        assert second.head().status == 206
        resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (MIB, MIB))
        gate.release()
        assert client.read(size - 500_000) == body(size)[500_000:]
        assert second.read(1_000_000) == body(size)[2_000_000:]
    assert server.metrics()["pepto_fills_rescued_total", ""] == 2 and errors(server) >= 1
    quiet(server)
    assert server.fetch(FOO).body == body(size) and not CacheDir(server).objects()


# size

def test_eviction_keeps_within_the_cap(origin, store, serve):
    """Thrice what it may hold is brought; who reads slowly what is evicted reads it to its end."""
    cap, size = 20 * MIB, 1_000_000
    server = serve(stores=store, CACHE_SIZE="20MiB", CACHE_MIN_FREE="0", MIN_SEND_RATE="0")
    fill(server, origin, keys(1), size)
    until(lambda: server.metrics()["pepto_cache_objects", ""] == 1)
    with server.connect(receive_buffer=4096) as slow:
        slow.ask("/" + keys(1)[0])
        assert slow.head().status == 200
        os.utime(CacheDir(server).object(), (1_000_000_000, 1_000_000_000))
        for n, key in enumerate(keys(61)[1:]):
            origin.put("bucket", key, Pattern(size, n % 8))
            assert server.fetch("/" + key).body == body(size, n % 8)
        kept(server, 61)
        until(lambda: CacheDir(server).size() <= cap)
        assert keys(1)[0] not in map(key_of, CacheDir(server).objects())
        assert slow.read(size) == body(size, 0)
    metrics = server.metrics()
    assert metrics["pepto_evicted_objects_total", ""] >= 40
    assert metrics["pepto_evicted_bytes_total", ""] >= 40 * size
    assert metrics["pepto_cache_max_bytes", ""] == cap
    until(lambda: server.metrics()["pepto_cache_bytes", ""] <= cap)
    assert len(CacheDir(server).objects()) >= 10, "it is no more eager than it has to be"


def test_what_was_used_last_stays(origin, store, serve, tmp):
    first = serve(stores=store, CACHE_DIR=tmp)
    names = keys(20)
    fill(first, origin, names, MIB)
    first.stop()
    by_age = CacheDir(tmp).objects()
    for age, file in enumerate(by_age):
        os.utime(file, (1_700_000_000 + age * 1_000, file.stat().st_mtime))
    second = serve(stores=store, CACHE_DIR=tmp, CACHE_SIZE="11MiB", CACHE_MIN_FREE="0")
    until(lambda: CacheDir(tmp).size() <= 11 * MIB)
    until(lambda: second.metrics()["pepto_evicted_objects_total", ""] ==
          20 - len(CacheDir(tmp).objects()))
    left = CacheDir(tmp).objects()
    assert len(left) >= 8 and left == by_age[-len(left):]


def test_many_files_do_not_delay_the_start(origin, store, serve, tmp):
    """20,000 of them: it answers at once, and has counted them later."""
    first = serve(stores=store, CACHE_DIR=tmp)
    fill(first, origin, keys(1), 100)
    first.stop()
    file = CacheDir(tmp).object()
    content = file.read_bytes()
    for n in range(256):
        (tmp / "objects" / f"{n:02x}").mkdir(exist_ok=True)
    for n in range(20_000):
        (tmp / "objects" / f"{n % 256:02x}" / f"{n:030x}").write_bytes(content)
    origin.stop()
    server = serve(stores=store, CACHE_DIR=tmp)
    assert server.fetch("/" + keys(1)[0]).body == body(100, 0)
    until(lambda: server.metrics()["pepto_cache_objects", ""] == 20_001)


def unnamed(response):
    response.set("ETag", None)


def test_no_disk_and_no_name(upstream, serve, tmp):
    """A version without a name cannot be continued; clients that have nothing yet get it from its
    beginning."""
    upstream.fault(faults.edit(unnamed))
    server = serve(stores=upstream.url, CACHE_DIR=tmp / "cache")
    take_away(tmp / "cache", in_the_way=True)
    upstream.put(LOWER, Pattern(3_000_000))
    for _ in range(2):
        answer = server.fetch(FOO)
        assert answer.status == 200 and answer.body == body(3_000_000)
    quiet(server)
    assert fills(server, "kept") == 0
