# SPDX-License-Identifier: MIT
"""What is in the cache is served from it: whole, in parts, under conditions, in any case, fresh or
stale; and it is told where each answer came from.

The cache on its way is test_fills.py, misses test_misses.py, the disk test_cache_disk.py. """

import gzip
import time

import pytest

from rig import faults
from rig.cachedir import CacheDir, fills, kept, quiet, set_times, told, ways
from rig.client import is_miss
from rig.origin import Origin
from rig.samples import GUID, Pattern, body, path
from rig.server import s3, until
from rig.stage import Gate

pytestmark = pytest.mark.cache_on

LOWER = path("foo.pdb").lower()
FOO = "/" + LOWER
SMALL, LARGE = 5_000, 3_000_000
SIZES = pytest.mark.parametrize("size", [SMALL, LARGE])
OLD = 2_000_000                     # seconds: longer than anything is fresh


@pytest.fixture
def cached(origin, store, serve):
    """A server that has the object of this size already, and an origin that was not asked since."""
    def make(size, **settings):
        origin.put("bucket", LOWER, body(size))
        server = serve(stores=store, **settings)
        assert server.fetch(FOO).body == body(size)
        kept(server)
        quiet(server)
        origin.forget()
        return server
    return make


# where it came from

def test_each_way_is_told(origin, store, serve):
    origin.put("bucket", LOWER, Pattern(LARGE))
    server = serve(stores=store)
    gate = Gate("")
    origin.fault(faults.pause_at(LARGE // 2, gate), LOWER, times=1)
    with server.connect() as first, server.connect() as second:
        first.ask(FOO)
        gate.wait(1)
        second.ask(FOO)
        second.head()
        gate.release()
        assert first.answer().body == second.read(LARGE) == body(LARGE)
    kept(server)
    for _ in range(2):              # the second one by another door, where what is hot is kept
        assert server.fetch(FOO).body == body(LARGE)
    server.wait_log(count=4, msg="request", path=FOO)
    assert ways(server, FOO) == ["filled", "hit", "hit", "joined"]
    assert [told(server, way) for way in ("filled", "joined", "hit", "passed")] == [1, 1, 2, 0]


def test_a_head_of_what_is_not_cached_passes(origin, store, serve):
    origin.put("bucket", LOWER, body(SMALL))
    server = serve(stores=store)
    assert server.fetch(FOO, "HEAD")["Content-Length"] == str(SMALL)
    assert server.wait_log(msg="request", path=FOO)["cache"] == "passed"
    assert told(server, "passed") == 1 and fills(server, "started") == 0


def test_without_a_cache_everything_passes(origin, store, serve):
    origin.put("bucket", LOWER, body(SMALL))
    server = serve(stores=store, CACHE_DIR="off")
    for n in (1, 2):
        assert server.fetch(FOO).body == body(SMALL)
        assert server.wait_log(count=n, msg="request", path=FOO)["cache"] == "passed"
    assert len(origin.asked(LOWER, "GET")) == 2
    assert not (server.cwd / "cache").exists()


def test_a_remembered_miss_is_told(store, serve):
    server = serve(stores=store)
    for _ in range(2):
        assert is_miss(server.fetch(FOO))
    server.wait_log(count=2, msg="request", path=FOO)
    assert ways(server, FOO) == ["", "miss"] and told(server, "miss") == 1


def test_what_it_saves_is_counted(cached, origin):
    server = cached(LARGE)
    for _ in range(3):
        server.fetch(FOO)
    metrics = server.metrics()
    assert LARGE <= metrics["pepto_store_bytes_total", ""] < LARGE + 10_000, "and a byte of presence"
    assert 4 * LARGE <= metrics["pepto_client_bytes_total", ""] < 4 * LARGE + 200_000, "and pages"
    assert metrics["pepto_cache_objects", ""] == 1
    assert metrics["pepto_cache_bytes", ""] >= LARGE


# hits

@SIZES
def test_a_hit_asks_nobody(size, cached, origin):
    server = cached(size)
    origin.stop()
    first, second = server.fetch(FOO), server.fetch(FOO)
    for answer in first, second:
        assert answer.status == 200 and answer.body == body(size)
        assert answer["ETag"] and answer["Last-Modified"] and answer["Accept-Ranges"] == "bytes"


def test_the_headers_of_a_hit_are_those_of_the_fill(origin, store, serve):
    origin.put("bucket", LOWER, body(SMALL))
    server = serve(stores=store)
    answers = [server.fetch(FOO)]
    kept(server)
    answers += [server.fetch(FOO), server.fetch(FOO)]
    def told_of(answer):
        return sorted(h for h in answer.headers if h[0] != "Date")
    assert told_of(answers[0]) == told_of(answers[1]) == told_of(answers[2])


@pytest.mark.parametrize("target", [path("FOO.pdb"), path("foo.pdb", GUID.lower() + "A"),
                                    path("Foo.Pdb", last="foo.PDB")])
def test_any_case_is_the_same_object(target, cached, origin):
    server = cached(LARGE)
    assert server.fetch("/" + target).body == body(LARGE)
    assert not origin.asked()
    assert len(CacheDir(server).objects()) == 1


@SIZES
def test_head_of_a_hit(size, cached, origin):
    server = cached(size)
    answer = server.fetch(FOO, "HEAD")
    assert answer.status == 200 and answer["Content-Length"] == str(size) and not origin.asked()
    assert server.wait_log(msg="request", method="HEAD")["cache"] == "hit"


@SIZES
@pytest.mark.parametrize("span", [(0, 0), (0, 99), (1_000, 3_000), (4_999, 4_999)])
def test_ranges_of_a_hit(span, size, cached, origin):
    server = cached(size)
    for _ in range(2):
        answer = server.fetch(FOO, headers={"Range": "bytes=%d-%d" % span})
        assert answer.status == 206 and answer.body == body(size)[span[0]:span[1] + 1]
        assert answer["Content-Range"] == "bytes %d-%d/%d" % (*span, size)
    assert server.fetch(FOO, headers={"Range": "bytes=-10"}).body == body(size)[-10:]
    assert server.fetch(FOO, headers={"Range": f"bytes={size - 5}-"}).body == body(size)[-5:]
    assert not origin.asked()


@SIZES
def test_range_outside_of_a_hit(size, cached, origin):
    server = cached(size)
    answer = server.fetch(FOO, headers={"Range": f"bytes={size}-"})
    assert answer.status == 416 and answer["Content-Range"] == f"bytes */{size}"
    assert not origin.asked()


@SIZES
def test_conditions_on_a_hit(size, cached, origin):
    server = cached(size)
    known = server.fetch(FOO)
    for headers in ({"If-None-Match": known["ETag"]}, {"If-None-Match": "*"},
                    {"If-Modified-Since": known["Last-Modified"]}):
        answer = server.fetch(FOO, headers=headers)
        assert answer.status == 304 and answer["ETag"] == known["ETag"], headers
    assert server.fetch(FOO, headers={"If-None-Match": '"other"'}).body == body(size)
    part = {"Range": "bytes=10-19"}
    assert server.fetch(FOO, headers={**part, "If-Range": known["ETag"]}).body == body(size)[10:20]
    whole = server.fetch(FOO, headers={**part, "If-Range": '"other"'})
    assert whole.status == 200 and whole.body == body(size)
    assert not origin.asked()


def test_an_encoded_object(origin, store, serve):
    """Who does not accept gzip gets it decoded, out of what has come for who does (it was refused
    before there were decoders). Both forms are kept; the store sends its bytes once."""
    packed = gzip.compress(body(SMALL), mtime=0)
    origin.put("bucket", LOWER, packed, [("Content-Encoding", "gzip")])
    server = serve(stores=store)
    for _ in range(2):
        encoded = server.fetch(FOO, headers={"Accept-Encoding": "gzip"})
        assert encoded.body == packed and encoded["Content-Encoding"] == "gzip"
        kept(server)
        plain = server.fetch(FOO)
        assert plain.body == body(SMALL) and plain["Content-Encoding"] is None
        assert plain["ETag"] != encoded["ETag"]
        kept(server, 2)
    assert origin.sent(LOWER) == len(packed)
    assert len(CacheDir(server).objects()) == 2


@SIZES
def test_an_object_that_only_says_that_it_is_encoded(size, origin, store, serve):
    """It is what it is, for everybody: its bytes unchanged, without the claim."""
    origin.put("bucket", LOWER, body(size), [("Content-Encoding", "gzip")])
    server = serve(stores=store)
    for _ in range(2):
        for accepts in "gzip", None:
            answer = server.fetch(FOO, headers={"Accept-Encoding": accepts})
            assert answer.status == 200 and answer.body == body(size)
            assert answer["Content-Encoding"] is None
        kept(server)


def test_a_directory_is_not_cached(tmp, serve):
    """It is on a disk already, and who changes it wants to see that."""
    file = tmp / path("foo.pdb")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"one")
    server = serve(stores=f"file://{tmp}")
    assert server.fetch("/" + path("foo.pdb")).body == b"one"
    file.write_bytes(b"another")
    assert server.fetch("/" + path("foo.pdb")).body == b"another"
    assert not CacheDir(server).objects()


def test_stores_do_not_share_objects(stage, serve, tmp):
    """Another bucket on the same directory: never another's file."""
    origin = stage(Origin, listable=True)
    origin.put("one", LOWER, body(SMALL, 1))
    origin.put("two", LOWER, body(SMALL, 2))
    one = serve(stores=s3("one", origin), CACHE_DIR=tmp)
    two = serve(stores=s3("two", origin), CACHE_DIR=tmp)
    for _ in range(2):
        assert one.fetch(FOO).body == body(SMALL, 1) and two.fetch(FOO).body == body(SMALL, 2)
        kept(one), kept(two)
    assert len(CacheDir(tmp).objects()) == 2


def test_a_restart_keeps_what_there_is(origin, store, serve, tmp):
    origin.put("bucket", LOWER, body(LARGE))
    first = serve(stores=store, CACHE_DIR=tmp)
    assert first.fetch(FOO).body == body(LARGE)
    kept(first)
    first.stop()
    second = serve(stores=store, CACHE_DIR=tmp)
    origin.stop()
    assert second.fetch(FOO).body == body(LARGE) and told(second, "hit") == 1


# fresh and stale

def confirmed(server, answer, n=1):
    key = "pepto_confirms_total", f'{{answer="{answer}"}}'
    until(lambda: server.metrics()[key] >= n, what=f"{n} times {answer}")


def test_a_stale_object_is_served_and_confirmed(cached, origin):
    server = cached(SMALL, CACHE_FRESH="1h")
    file = CacheDir(server).object()
    set_times(file, time.time(), time.time() - OLD)
    assert server.fetch(FOO).body == body(SMALL)
    confirmed(server, "same")
    assert [r.method for r in origin.asked(LOWER)] == ["HEAD"]
    until(lambda: time.time() - file.stat().st_mtime < 60)
    assert server.wait_log(msg="request", path=FOO, cache="stale")
    until(lambda: told(server, "stale") == 1)


def test_a_changed_object_is_fetched_anew(cached, origin):
    server = cached(SMALL, CACHE_FRESH="0s")
    origin.put("bucket", LOWER, body(SMALL, 2))
    assert server.fetch(FOO).body == body(SMALL), "the old one, at once"
    confirmed(server, "changed")
    until(lambda: server.fetch(FOO).body == body(SMALL, 2))


def test_only_a_404_removes(cached, origin):
    server = cached(SMALL, CACHE_FRESH="0s")
    del origin.objects["bucket", LOWER]
    assert server.fetch(FOO).body == body(SMALL)
    confirmed(server, "gone")
    until(lambda: not CacheDir(server).objects())
    assert is_miss(server.fetch(FOO))


SLIPS = {"policy": faults.status(403, "AccessDenied"), "outage": faults.status(503, "SlowDown"),
         "reset": faults.reset(), "no bucket": faults.status(404, "NoSuchBucket"),
         "keys": faults.status(403, "InvalidAccessKeyId")}


@pytest.mark.parametrize("slip", SLIPS)
def test_a_slip_does_not_empty_the_cache(slip, cached, origin):
    """Denied, broken, gone as a whole: what is cached is served, stale, and stays."""
    server = cached(SMALL, CACHE_FRESH="0s")
    origin.fault(SLIPS[slip])
    for _ in range(3):
        assert server.fetch(FOO).body == body(SMALL)
    confirmed(server, "failed")
    assert CacheDir(server).object() and told(server, "stale") == 3
    origin.heal()
    assert server.fetch(FOO).body == body(SMALL)


def test_the_store_is_asked_once_for_many_stale_hits(cached, origin):
    server = cached(SMALL, CACHE_FRESH="0s")
    gate = origin.hold(LOWER)
    for _ in range(20):
        assert server.fetch(FOO).body == body(SMALL)
    gate.wait(1)
    gate.release()
    confirmed(server, "same")
    assert told(server, "stale") == 20


@pytest.mark.parametrize("jump", [-OLD, OLD])
def test_the_clock_jumps(jump, cached, origin):
    """A time in the future proves nothing: the object is served, and confirmed."""
    server = cached(SMALL)
    file = CacheDir(server).object()
    set_times(file, time.time() + jump, time.time() + jump)
    assert server.fetch(FOO).body == body(SMALL)
    confirmed(server, "same")
    now = time.time()
    until(lambda: abs(file.stat().st_mtime - now) < 600 and abs(file.stat().st_atime - now) < 600)
    assert server.fetch(FOO).body == body(SMALL)
