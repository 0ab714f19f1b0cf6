# SPDX-License-Identifier: MIT
"""What is asked of a directory again and again is answered for a second without its being looked for.
Whatever changes meanwhile is seen then, and no answer mixes what was with what is."""

import gzip
import itertools
import os
import pathlib
import shutil
import time

import pytest

from rig import child
from rig.cachedir import told
from rig.client import is_fault, is_miss
from rig.samples import body, path
from rig.server import s3, until

FOO = path("foo.pdb").lower()
ASKED = path("Foo.pdb")
SIZES = pytest.mark.parametrize("size", [4_000, 200_000], ids=["in memory", "open file"])
TOKEN = "purge-token-of-the-tests"


@pytest.fixture
def store(tmp):
    root = tmp / "store"
    root.mkdir()

    def add(name, content):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        return file
    add.root = root
    return add


def heat(server, target, **how):
    """Ask until it is answered so: a file that was changed a moment ago is not. The last answer."""
    def again():
        before = told(server, "hit")
        answer = server.fetch(target, **how)
        return answer if told(server, "hit") > before else None
    return until(again)


def heat_miss(server, target):
    def again():
        before = told(server, "miss")
        assert is_miss(server.fetch(target))
        return told(server, "miss") > before
    until(again)


def until_seen(server, target, old, new):
    """Ask until `new` comes. Until then nothing else than `old` does, whole, and one ETag names one of
    them only."""
    named = {}

    def seen():
        answer = server.fetch(target)
        assert answer.status == 200 and not answer.cut and answer.body in (old, new)
        assert named.setdefault(answer["ETag"], answer.body) == answer.body
        assert int(answer["Content-Length"]) == len(answer.body)
        return answer.body == new
    until(seen)
    return named


def test_it_is_answered_so(store, serve):
    """And of that the log and the metrics tell."""
    store(FOO, body(4_000))
    server = serve(stores=f"file://{store.root}")
    first = server.fetch("/" + ASKED)
    assert server.wait_log(msg="request", path="/" + ASKED)["cache"] == "passed"
    again = heat(server, "/" + ASKED)
    assert again.body == first.body == body(4_000)
    assert [h for h in again.headers if h[0] != "Date"] == [h for h in first.headers if h[0] != "Date"]
    line = server.wait_log(msg="request", path="/" + ASKED, cache="hit")
    assert line["store"] == f"file://{store.root}" and line["bytes"] == "4000"


def replaced(file, content):
    file.with_name("new").write_bytes(content)
    file.with_name("new").rename(file)


def written(file, content):
    with open(file, "r+b") as out:
        out.write(content)
        out.truncate(len(content))


def removed(file, content):
    file.unlink()
    file.write_bytes(content)


def folder_renamed(file, content):
    file.parent.rename(file.parent.with_name("old"))
    file.parent.mkdir()
    file.write_bytes(content)


def relinked(file, content):
    elsewhere = file.with_name("elsewhere")
    elsewhere.write_bytes(content)
    file.with_name("link").symlink_to("elsewhere")
    file.with_name("link").rename(file)


def test_another_file_in_its_place(store, serve):
    """However it comes there, small and large, longer, as long or shorter than the one before."""
    changes = (replaced, written, removed, folder_renamed, relinked)
    cases = [(path(f"foo{n}.pdb").lower(), *case) for n, case in enumerate(
        itertools.product(changes, (4_000, 200_000), (1, 0, -1_000)))]
    files = [store(name, body(size, 1)) for name, _, size, _ in cases]
    server = serve(stores=f"file://{store.root}")
    for file, (name, change, size, more) in zip(files, cases):
        old, new = body(size, 1), body(size + more, 2)
        heat(server, "/" + name)
        change(file, new)
        assert len(until_seen(server, "/" + name, old, new)) <= 2, (change, size, more)
    for name, _, size, more in cases:
        assert heat(server, "/" + name).body == body(size + more, 2), "as it is now, it is hot again"


@SIZES
def test_a_changed_file_is_seen_at_once(size, store, serve):
    """It is looked at each time: only what happens around it takes a second to be seen."""
    file = store(FOO, body(size, 1))
    server = serve(stores=f"file://{store.root}")
    for n, change in enumerate((replaced, written), 2):
        heat(server, "/" + ASKED)
        change(file, body(size, n))
        assert server.fetch("/" + ASKED).body == body(size, n)
    heat(server, "/" + ASKED)
    file.unlink()
    assert is_miss(server.fetch("/" + ASKED))


def test_a_link_that_leads_elsewhere(store, serve):
    """The file stays, the link to it does not."""
    store("one", body(4_000, 1))
    store("two", body(4_000, 2))
    link = store(FOO, b"")
    link.unlink()
    link.symlink_to("../../one")
    server = serve(stores=f"file://{store.root}")
    heat(server, "/" + ASKED)
    link.with_name("new").symlink_to("../../two")
    link.with_name("new").rename(link)
    until_seen(server, "/" + ASKED, body(4_000, 1), body(4_000, 2))
    heat(server, "/" + ASKED)
    (store.root.parent / "outside").write_bytes(b"outside")
    link.unlink()
    link.symlink_to("../../../outside")
    until(lambda: server.fetch("/" + ASKED).status != 200)
    assert is_miss(server.fetch("/" + ASKED))


def test_a_store_that_is_moved(store, serve):
    store(FOO, body(4_000))
    server = serve(stores=f"file://{store.root}")
    heat(server, "/" + ASKED)
    store.root.rename(store.root.with_name("elsewhere"))
    until(lambda: server.fetch("/" + ASKED).status != 200)
    assert is_fault(server.fetch("/" + ASKED))
    store.root.with_name("elsewhere").rename(store.root)
    until(lambda: server.fetch("/" + ASKED).body == body(4_000))


def test_a_name_that_comes_before(store, serve):
    store(ASKED, body(4_000, 1))
    server = serve(stores=f"file://{store.root}")
    heat(server, "/" + ASKED)
    store(FOO, body(4_000, 2))
    until_seen(server, "/" + ASKED, body(4_000, 1), body(4_000, 2))


def test_a_store_that_comes_before(store, tmp, serve):
    first = tmp / "first"
    first.mkdir()
    store(FOO, body(4_000, 1))
    server = serve(stores=[f"file://{first}", f"file://{store.root}"])
    heat(server, "/" + ASKED)
    shutil.copytree(store.root, first, dirs_exist_ok=True)
    (first / FOO).write_bytes(body(4_000, 2))
    until_seen(server, "/" + ASKED, body(4_000, 1), body(4_000, 2))


def test_a_bucket_that_comes_before(origin, store, serve):
    """It is asked again as soon as its misses are no longer remembered."""
    origin.listable = True
    store(FOO, body(4_000, 1))
    server = serve(stores=[s3(origin.bucket("bucket"), origin), f"file://{store.root}"], MISS_TTL="1s")
    heat(server, "/" + ASKED)
    origin.put("bucket", FOO, body(4_000, 2))
    until_seen(server, "/" + ASKED, body(4_000, 1), body(4_000, 2))


def test_what_may_not_be_read_any_more(store, serve):
    file = store(FOO, body(4_000))
    server = serve(stores=f"file://{store.root}", obeys_modes=True)
    heat(server, "/" + ASKED)
    file.chmod(0)
    try:
        until(lambda: server.fetch("/" + ASKED).status != 200)
        assert is_fault(server.fetch("/" + ASKED))
    finally:
        file.chmod(0o644)
    until(lambda: server.fetch("/" + ASKED).status == 200)


@SIZES
def test_other_questions(size, store, serve):
    """Of a part, of the head alone, and whether it is still the same: as ever."""
    content = body(size)
    store(FOO, content)
    server = serve(stores=f"file://{store.root}")
    whole = heat(server, "/" + ASKED)
    head = server.fetch("/" + ASKED, "HEAD")
    assert head.status == 200 and head["ETag"] == whole["ETag"]
    assert head["Content-Length"] == str(size)
    part = server.fetch("/" + ASKED, headers={"Range": "bytes=10-19"})
    assert part.status == 206 and part.body == content[10:20]
    assert server.fetch("/" + ASKED, headers={"Range": f"bytes={size}-"}).status == 416
    same = server.fetch("/" + ASKED, headers={"If-None-Match": whole["ETag"]})
    assert same.status == 304 and not same.body
    other = server.fetch("/" + ASKED, headers={"If-None-Match": '"other"'})
    assert other.status == 200 and other.body == content
    assert heat(server, "/" + ASKED).body == content


def test_packed_beside_plain(store, serve):
    """Where the plain file is there, it is what all are given."""
    store(FOO, body(4_000, 1))
    store(FOO + ".gz", gzip.compress(body(4_000, 2)))
    server = serve(stores=f"file://{store.root}")
    for accepted in ({}, {"Accept-Encoding": "gzip"}):
        answer = heat(server, "/" + ASKED, headers=accepted)
        assert answer.body == body(4_000, 1) and answer["Content-Encoding"] is None


def test_packed_alone(store, serve):
    """As it is for those who accept it, else expanded; however often either is asked for."""
    packed = gzip.compress(body(4_000, 2))
    file = store(FOO + ".gz", packed)
    server = serve(stores=f"file://{store.root}")
    until(lambda: time.time() > file.stat().st_ctime + 3)   # it could be kept by now
    for _ in range(5):
        answer = server.fetch("/" + ASKED, headers={"Accept-Encoding": "gzip"})
        assert answer.body == packed and answer["Content-Encoding"] == "gzip"
        answer = server.fetch("/" + ASKED)
        assert answer.body == body(4_000, 2) and answer["Content-Encoding"] is None


def test_who_may_read(store, serve):
    store(FOO, body(4_000))
    server = serve(stores=f"file://{store.root}", AUTH_TOKENS="a-token-of-the-tests")
    let_in = {"Authorization": "Bearer a-token-of-the-tests"}
    heat(server, "/" + ASKED, headers=let_in)
    for headers in ({}, {"Authorization": "Bearer another-token-of-them"}):
        assert server.fetch("/" + ASKED, headers=headers).status == 401
    assert server.fetch("/" + ASKED, headers=let_in).body == body(4_000)


def purge(server):
    with server.connect() as client:
        client.ask("/-/purge", "POST", {"Authorization": f"Bearer {TOKEN}", "Content-Length": "1"})
        client.send(b"*")
        assert client.answer("POST").status == 200


def test_purged(store, serve):
    """Nothing of before is answered any more, be it found or missing."""
    server = serve(stores=f"file://{store.root}", ADMIN_TOKEN=TOKEN)
    heat_miss(server, "/" + ASKED)
    store(FOO, body(4_000))
    purge(server)
    assert server.fetch("/" + ASKED).body == body(4_000)
    heat(server, "/" + ASKED)
    store.root.rename(store.root.with_name("elsewhere"))
    store.root.mkdir()
    purge(server)
    assert is_miss(server.fetch("/" + ASKED))


def test_what_was_missing(store, serve):
    """It is seen when it comes, and until then its 404 is kept by nobody for longer than we do."""
    server = serve(stores=f"file://{store.root}", MISS_TTL="1h")
    heat_miss(server, "/" + ASKED)
    kept = server.fetch("/" + ASKED)
    assert kept["Cache-Control"] in ("no-store", "public, max-age=1", "public, max-age=2")
    store(FOO, body(4_000))
    until(lambda: server.fetch("/" + ASKED).body == body(4_000))


def open_files(server, below):
    """Those of a server that lie there, whether they have been removed or not."""
    found = []
    for fd in pathlib.Path(f"/proc/{server.pid}/fd").iterdir():
        try:
            found += [to for to in [os.readlink(fd)] if to.startswith(str(below))]
        except FileNotFoundError:
            pass
    return found


def test_no_file_stays_open_for_long(store, serve):
    """Nor takes room on its disk after it was removed, though nobody asks any more."""
    targets = [path(f"foo{n}.pdb").lower() for n in range(20)]
    files = [store(target, body(200_000, n)) for n, target in enumerate(targets)]
    server = serve(stores=f"file://{store.root}")
    for target in targets:
        heat(server, "/" + target)
    assert open_files(server, store.root)
    for file in files:
        file.unlink()
    until(lambda: not open_files(server, store.root), what="all closed")


def test_few_descriptors(store, serve, monkeypatch):
    """An eighth of them at most is kept so; the rest is answered as if nothing were."""
    start = child.start
    monkeypatch.setattr(child, "start", lambda *command, **how: start(
        "prlimit", "--nofile=256:256", *command, **how))
    targets = [path(f"foo{n}.pdb").lower() for n in range(100)]
    for n, target in enumerate(targets):
        store(target, body(20_000, n))
    server = serve(stores=f"file://{store.root}")
    heat(server, "/" + targets[-1])
    with server.connect() as client:
        for _ in range(3):
            for n, target in enumerate(targets):
                assert client.fetch("/" + target).body == body(20_000, n)
            assert len(open_files(server, store.root)) <= 256 // 8 + 8, "and what is being sent"
