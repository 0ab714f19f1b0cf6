# SPDX-License-Identifier: MIT
"""A directory as a store: any case on disk, nothing outside it."""

import concurrent.futures
import email.utils
import os
import random
import resource
import shutil
import socket
import threading
from urllib.parse import quote

import pytest

from rig import child
from rig.client import is_fault, is_miss
from rig.forms import genuine
from rig.pace import IMPATIENT, PATIENT, within
from rig.samples import GUID, KEY, body, path
from rig.server import until
from rig.stock import BAR, FOO, others_are_served


def http_date():
    return email.utils.formatdate(usegmt=True)


@pytest.fixture
def store(tmp):
    root = tmp / "store"
    root.mkdir()

    def add(name, content):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return content
    add.root = root
    return add


def test_links_of_a_build_id_farm(store, tmp, serve):
    """/usr/lib/debug as Fedora and openSUSE have it: .build-id holds links to files beside it, some
    of them absolute; what leads out of it is not there."""
    files = genuine()
    long, short = files["debug"], files["short"]
    store("usr/bin/app.debug", long.data)
    store("usr/bin/lib.so.debug", short.data)
    (tmp / "outside").write_bytes(files["unpadded"].data)

    def farm(symbol, ending, target):
        link = store.root / f".build-id/{symbol.split}{ending}"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(target)
    farm(long, ".debug", "../../usr/bin/app.debug")
    farm(short, ".debug", store.root / "usr/bin/lib.so.debug")
    farm(files["unpadded"], ".debug", "../../../outside")
    store(f".build-id/{files['elf'].split}", files["elf"].data)
    server = serve(stores=f"file://{store.root}?layout=gdb")
    for symbol in (long, short):
        assert server.fetch(f"/buildid/{symbol.build_id}/debuginfo").body == symbol.data
        assert server.fetch(f"/.build-id/{symbol.split}.debug").body == symbol.data
        assert server.fetch(f"/{symbol.split}.debug").body == symbol.data
    assert server.fetch(f"/buildid/{files['elf'].build_id}/executable").body == files["elf"].data
    assert is_miss(server.fetch(f"/buildid/{files['unpadded'].build_id}/debuginfo"))
    assert is_miss(server.fetch(f"/.build-id/{files['unpadded'].split}.debug"))


@pytest.mark.row("C09", "C10", "C64")
@pytest.mark.parametrize("on_disk",
                         [path("Foo.pdb"), path("foo.pdb").lower(), path("FOO.PDB").upper(),
                          f"foo.PDB/{GUID}A/Foo.pdb"])
def test_any_case_on_disk(on_disk, store, serve):
    store(on_disk, b"found")
    server = serve(stores=f"file://{store.root}")
    for asked in (path("foo.pdb"), path("foo.pdb").lower(), path("FOO.pdb").upper(), on_disk):
        assert server.fetch("/" + asked).body == b"found", asked
    assert is_miss(server.fetch("/" + path("bar.pdb")))
    assert is_miss(server.fetch(f"/foo.pdb/{GUID}b/foo.pdb"))


def test_lower_case_goes_before_as_asked(store, serve):
    store(path("Foo.pdb"), b"as asked")
    store(path("foo.pdb").lower(), b"lower")
    assert serve(stores=f"file://{store.root}").fetch("/" + path("Foo.pdb")).body == b"lower"


@pytest.mark.row("C78")
def test_odd_names(store, serve):
    names = ["my app.pdb", "c++rt.pdb", "a#b.pdb", "100%.pdb", "Grün.pdb", "日本語.pdb", "..pdb",
             "a?b.pdb", "_.debug"]
    for name in names:
        store(path(name), name.encode())
    server = serve(stores=f"file://{store.root}")
    for name in names:
        assert server.fetch("/" + quote(path(name))).body == name.encode(), name
    assert server.fetch("/" + quote(path("GRÜN.PDB"))).body == "Grün.pdb".encode()


def test_the_default_is_symbols_in_the_working_directory(tmp, serve):
    file = tmp / "symbols" / path("foo.pdb")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"default")
    assert serve(cwd=tmp).fetch("/" + path("foo.pdb")).body == b"default"


def test_searches_by_build_id_hold_up_nobody(store, serve):
    """An executable is looked for under all names of the directory: so are random build-ids, and
    whoever asks for any other file does not wait for them."""
    (store.root / "lib.so").mkdir()
    (store.root / "lib0.so").symlink_to("lib.so")
    for n in range(1, 50_000):          # many folders are slow to remove, many names of one are not
        os.link(store.root / "lib0.so", store.root / f"lib{n}.so", follow_symlinks=False)
    store(path("foo.pdb").lower(), b"found")
    server = serve(stores=f"file://{store.root}", **PATIENT)
    over, searched = threading.Event(), []

    def search(seed):
        chance = random.Random(seed)
        while not over.is_set():
            answer = server.fetch(f"/buildid/{chance.randbytes(20).hex()}/executable")
            searched.append(answer.status)
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        searches = [pool.submit(search, seed) for seed in range(16)]
        until(lambda: server.metrics()["pepto_active_requests", ""] > 8)

        def overtakes():
            before = len(searched)
            assert server.fetch("/" + path("foo.pdb")).status == 200
            return len(searched) == before
        try:
            until(overtakes, what="a file that is served while no search ends")
        finally:
            over.set()
        for one in searches:
            one.result()
    assert set(searched) <= {404, 503}
    until(lambda: is_miss(server.fetch(f"/buildid/{'5' * 40}/executable")))


@pytest.mark.row("C67")
def test_nothing_outside(store, tmp, serve):
    (tmp / "secret.txt").write_bytes(b"outside")
    (tmp / "outside").mkdir()
    (tmp / "outside" / "x.pdb").write_bytes(b"outside")
    inside = store(path("foo.pdb").lower(), b"inside")
    links = {"abs.pdb": tmp / "secret.txt", "rel.pdb": "../../../secret.txt",
             "proc.pdb": "/proc/self/environ"}
    for name, target in links.items():
        directory = store.root / name / KEY.lower()
        directory.mkdir(parents=True)
        (directory / name).symlink_to(target)
    (store.root / "dirlink").symlink_to(tmp / "outside")
    (store.root / "up").symlink_to("..")
    server = serve(stores=f"file://{store.root}")
    for name in links:
        assert is_miss(server.fetch("/" + path(name))), name
    for target in ("/dirlink/x.pdb", "/up/secret.txt", "/../secret.txt", "/%2e%2e/secret.txt",
                   "/..%2fsecret.txt", "/..%5csecret.txt",
                   f"/{tmp}/secret.txt"):
        assert is_miss(server.fetch(target)), target
    assert server.fetch("/" + path("foo.pdb")).body == inside


def test_what_is_not_a_file(store, serve):
    """Fifos, sockets and directories: neither served nor waited for."""
    directory = store.root / "odd.pdb" / KEY.lower()
    directory.mkdir(parents=True)
    os.mkfifo(directory / "odd.pdb")
    with socket.socket(socket.AF_UNIX) as unix:
        here = os.getcwd()
        os.chdir(directory)             # a socket's path may not be long
        try:
            unix.bind("sock.pdb")
        finally:
            os.chdir(here)
        (directory / "dir.pdb").mkdir()
        (directory / "dev.pdb").symlink_to("/dev/zero")
        server = serve(stores=f"file://{store.root}")
        for name in ("odd.pdb", "sock.pdb", "dir.pdb", "dev.pdb"):
            assert is_miss(server.fetch("/" + path("odd.pdb", KEY, name))), name


@pytest.mark.row("C44", "C50")
def test_an_empty_file_is_a_miss(store, serve):
    store(path("foo.pdb"), b"")
    server = serve(stores=f"file://{store.root}")
    assert is_miss(server.fetch("/" + path("foo.pdb")))
    assert is_miss(server.fetch("/" + path("foo.pdb"), headers={"Range": "bytes=0-1"}))


def test_files_that_appear_later(store, serve):
    """A miss in a directory is remembered for two seconds, whatever MISS_TTL says."""
    server = serve(stores=f"file://{store.root}", MISS_TTL="1h")
    for n in range(3):
        assert is_miss(server.fetch("/" + path(f"n{n}.pdb")))
        store(path(f"n{n}.pdb"), b"new")
    for n in range(3):
        until(lambda n=n: server.fetch("/" + path(f"n{n}.pdb")).body == b"new")


@pytest.mark.row("C69")
def test_replaced_during_the_download(store, serve):
    """By rename, as every careful writer does: the old version completes."""
    old = store(path("foo.pdb"), body(20_000_000, 1))
    server = serve(stores=f"file://{store.root}")
    with server.connect(receive_buffer=65536) as client:
        client.ask("/" + path("foo.pdb"))
        head = client.head()
        start = client.read(100_000)
        store("new", body(20_000_000, 2))
        (store.root / "new").rename(store.root / path("foo.pdb"))
        assert start + client.read(len(old) - len(start)) == old
        again = client.fetch("/" + path("foo.pdb"))
        assert again.body == body(20_000_000, 2) and again["ETag"] != head["ETag"]


@pytest.mark.row("C69", "C70")
def test_truncated_during_the_download(store, serve):
    """A careless writer: the promised length cannot be kept, and the connection is cut when there
    is nothing more to send (sendfile at the end of a file says nothing). That is told as what it
    is, with the bytes that came of the file, whatever the connection has carried before."""
    foo = "/" + path("foo.pdb")
    store(path("foo.pdb"), body(20_000_000, 1))
    store(path("bar.pdb"), body(1_234, 2))
    server = serve(stores=f"file://{store.root}", IDLE_TIMEOUT="1s", CORS="on")
    with server.connect(receive_buffer=65536) as client:
        client.fetch("/", "OPTIONS")
        for before, how in (("/", {}), ("/metrics", {}), ("/pingme.txt", {}), ("/" + path("no"), {}),
                            ("/" + path("bar.pdb"), {}),
                            ("/" + path("bar.pdb"), {"Range": "bytes=2-4"}),
                            ("/" + path("bar.pdb"), {"Range": "bytes=9999-"}),
                            ("/" + path("bar.pdb"), {"If-Modified-Since": http_date()})):
            client.fetch(before, headers=how)
            client.fetch(before, "HEAD", headers=how)
        client.ask(foo)
        assert client.head().status == 200
        os.truncate(store.root / path("foo.pdb"), 1_000)
        came = len(client.read(20_000_000))
        assert came < 20_000_000
    line = server.wait_log(msg="request", path=foo)
    assert line["outcome"] == "closed" and line["limit"] == "short_file"
    assert 0 <= int(line["bytes"]) - came <= 1, "the end of a connection may count as a byte"
    assert server.metrics()["pepto_requests_cut_total", '{by="limit"}'] == 1
    pages = server.log(msg="request", outcome="page", path="/metrics")
    assert int(pages[0]["bytes"]) > 5_000 and pages[1]["bytes"] == "0", "GET and HEAD"


def test_bytes_that_a_client_took_before_it_left(store, serve):
    """Of a file, nobody counts them but the kernel, to which the client's has acknowledged them: all
    but what lay in its buffer, twice as large as it is asked to be, when it ended by a reset."""
    store(path("foo.pdb"), body(50_000_000, 1))
    server = serve(stores=f"file://{store.root}")
    with server.connect(receive_buffer=65536) as client:
        client.ask("/" + path("foo.pdb"))
        client.head()
        client.read(3_000_000)
    line = server.wait_log(msg="request", path="/" + path("foo.pdb"))
    assert line["outcome"] == "left" and 3_000_000 - 2 * 65536 <= int(line["bytes"]) < 50_000_000
    until(lambda: server.metrics()["pepto_client_bytes_total", ""] >= int(line["bytes"]))


@pytest.mark.row("C07")
@pytest.mark.parametrize("name", ["fo", "Fo", "FO"])
def test_two_tier_directory(name, store, serve):
    store("index2.txt", b"")
    store(f"{name}/{path('Foo.pdb')}", b"two-tier")
    server = serve(stores=f"file://{store.root}")
    one_tier = server.fetch("/index2.txt").status == 404
    assert server.fetch("/" + ("" if one_tier else "fo/") + path("foo.pdb")).body == b"two-tier"
    assert server.fetch("/fo/" + path("foo.pdb")).body == b"two-tier"


@pytest.mark.row("C30")
def test_two_tier_unprompted(store, serve):
    store(path("Foo.pdb"), b"one-tier")
    assert serve(stores=f"file://{store.root}").fetch("/fo/" + path("foo.pdb")).body == b"one-tier"


def test_missing_directory_is_an_outage(tmp, serve):
    server = serve(stores=f"file://{tmp}/nowhere")
    assert is_fault(server.fetch("/" + path("foo.pdb")))
    assert server.fetch("/readyz").status == 503


@pytest.mark.row("C48")
def test_beyond_four_gibibytes(store, serve):
    """Offsets are 64-bit everywhere; the file is sparse and costs nothing."""
    size = (5 << 30) + 123
    file = store.root / path("huge.pdb")
    file.parent.mkdir(parents=True)
    with open(file, "wb") as out:
        out.truncate(size)
        out.seek(size - 4)
        out.write(b"tail")
    server = serve(stores=f"file://{store.root}")
    assert server.fetch("/" + path("huge.pdb"), "HEAD")["Content-Length"] == str(size)
    answer = server.fetch("/" + path("huge.pdb"), headers={"Range": "bytes=-4"})
    assert answer.body == b"tail"
    assert answer["Content-Range"] == f"bytes {size - 4}-{size - 1}/{size}"
    assert server.fetch("/" + path("huge.pdb"), headers={"Range": f"bytes={size}-"}).status == 416


@pytest.mark.tsan
def test_many_at_once(store, serve):
    for n in range(8):
        store(path(f"N{n}.pdb"), body(200_000 + n, n))
    server = serve(stores=f"file://{store.root}", THREADS=4)

    def session(k):
        with server.connect() as client:
            for n in range(8):
                n = (n + k) % 8
                assert client.fetch("/" + path(f"n{n}.pdb")).body == body(200_000 + n, n)
                assert is_miss(client.fetch("/" + path(f"none{n}.pdb")))
    with concurrent.futures.ThreadPoolExecutor(24) as pool:
        list(pool.map(session, range(24)))


def test_one_folder_that_may_not_be_read(stocked_dir, serve, monkeypatch):
    """A folder without permissions closes no other. (root needs to be made to respect them.)"""
    start = child.start
    monkeypatch.setattr(child, "start", lambda *command, **how: start(
        "setpriv", "--bounding-set=-all", "--inh-caps=-all", *command, **how))
    (stocked_dir / FOO).parent.chmod(0)
    server = serve(stores=f"file://{stocked_dir}", **IMPATIENT)
    try:
        for _ in range(6):
            assert is_fault(server.fetch("/" + FOO))
        assert others_are_served(server)
    finally:
        (stocked_dir / FOO).parent.chmod(0o755)


def test_no_descriptors_left(stocked_dir, serve):
    """Our own limits say nothing about the store."""
    server = serve(stores=f"file://{stocked_dir}", THREADS="1", **IMPATIENT)
    with server.connect() as client:
        assert client.fetch("/" + BAR).status == 200
        before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (0, before[1]))
        for _ in range(6):
            assert is_fault(client.fetch("/" + FOO))
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
        assert client.fetch("/" + BAR).body == body(5_000, 2)


def test_misses_in_a_large_directory(stocked_dir, serve):
    """A folder of 50,000 names, searched in any case by 200 at once, holds up nobody: each is
    answered in its time, and what nobody waits for any more is not searched for."""
    for n in range(50_000):
        os.mknod(stocked_dir / f"n{n:06}.pdb")
    server = serve(stores=f"file://{stocked_dir}", **IMPATIENT)

    clients = [server.connect() for _ in range(200)]
    for n, client in enumerate(clients):
        client.ask("/" + path(f"Gone{n}.pdb"))
    with within(5):
        assert {client.answer().status for client in clients} <= {404, 503}
    for client in clients:
        client.close()
    until(lambda: is_miss(server.fetch("/" + path("Gone.pdb"))))
    assert until(lambda: server.fetch("/" + BAR).status == 200)


# the names of the directory are known while it stands still

def reads(server):
    """Directories that were read for a name in any case."""
    return server.metrics()["pepto_dir_reads_total", ""]


def until_names_are_known(server):
    """Names count once the directory has stood still for two seconds."""
    serial = iter(range(1_000_000))

    def known():
        before = reads(server)
        assert is_miss(server.fetch("/" + path(f"unknown{next(serial)}.pdb")))
        return reads(server) == before

    until(known, what="names that are known")


def test_misses_among_many_names(store, serve):
    """30,000 names are read once, not for each miss, nor for a file in another case."""
    for n in range(30_000):
        os.mknod(store.root / f"n{n:06}.pdb")
    store(path("Foo.PDB"), b"found")
    server = serve(stores=f"file://{store.root}")
    until_names_are_known(server)
    before = reads(server)
    for n in range(100):
        assert is_miss(server.fetch("/" + path(f"Gone{n}.pdb")))
    assert reads(server) == before
    assert server.fetch("/" + path("foo.pdb")).body == b"found"
    assert before < reads(server), "of that, its own folders are read"


@pytest.mark.parametrize("folder", ["", "Fo/"], ids=["one tier", "two tiers"])
def test_published_while_names_are_known(folder, store, serve):
    """A file that came a moment ago is found in any case, and goes when it goes."""
    if folder:
        store("index2.txt", b"")
    store(folder + path("Fob.pdb"), b"other")
    server = serve(stores=f"file://{store.root}")
    until_names_are_known(server)
    asked = iter(f"/{path('foo.pdb', key=f'{n:033x}')}" for n in range(100))

    def publish(name, content):
        target = next(asked)
        store(folder + target.replace("foo.pdb", name)[1:].upper().replace(name.upper(), name),
              content)
        assert server.fetch(target).body == content

    publish("FOO.pdb", b"new")
    until_names_are_known(server)
    publish("Foo.PDB", b"a twin of it")
    until_names_are_known(server)
    publish("FOO.pdb", b"another key")
    for twin in ("FOO.pdb", "Foo.PDB"):
        shutil.rmtree(store.root / (folder + twin))
    assert is_miss(server.fetch(next(asked)))
    until_names_are_known(server)
    publish("foO.pdb", b"again")
    (store.root / (folder + "foO.pdb")).rename(store.root / (folder + "bar.PDB"))
    assert is_miss(server.fetch(next(asked)))


def test_another_directory_takes_its_place(store, tmp, serve):
    """A tree that is published whole: what lies under the path now counts."""
    store(path("Foo.PDB"), b"before")
    (tmp / "next" / path("BAR.pdb")).parent.mkdir(parents=True)
    (tmp / "next" / path("BAR.pdb")).write_bytes(b"after")
    server = serve(stores=f"file://{store.root}")
    until_names_are_known(server)
    assert is_miss(server.fetch("/" + path("baz.pdb")))
    store.root.rename(tmp / "before")
    (tmp / "next").rename(store.root)
    assert server.fetch("/" + path("bar.pdb")).body == b"after"
    assert until(lambda: is_miss(server.fetch("/" + path("foo.pdb"))))
