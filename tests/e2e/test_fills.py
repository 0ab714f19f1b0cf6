# SPDX-License-Identifier: MIT
"""An object on its way into the cache: fetched once for everybody, in parts when it is large,
followed at any place by who comes, finished or given up when they leave. What goes wrong with it is
test_fill_failures.py. """

import concurrent.futures
import re

import pytest

from rig import faults
from rig.cachedir import CacheDir, fills, kept, quiet, told
from rig.client import is_fault
from rig.pace import PATIENT
from rig.samples import Pattern, body, path
from rig.server import until
from rig.stage import Gate
from rig.wire import Response

pytestmark = pytest.mark.cache_on

LOWER = path("foo.pdb").lower()
FOO = "/" + LOWER
CASES = ["/" + path("foo.pdb"), "/" + path("FOO.PDB"), FOO, "/" + path("Foo.pdb", last="foo.Pdb")]
MIB = 1 << 20
SIZE = 7_000_003
PARTS = {"FETCH_BLOCK": "1MiB"}
HELD_BACK = 64 << 10
# nothing here may end because a gate stands for long


def gets(origin, match=LOWER):
    return [r for r in origin.asked(match, "GET") if r.sent]


def starts_at(request):
    """Where the part begins that is asked for."""
    span = re.match(r"bytes=(\d+)-", request.get("Range") or "")
    return int(span[1]) if span else 0


# once

@pytest.mark.tsan
@pytest.mark.row("C74")
@pytest.mark.parametrize("size, settings", [(5_000, {}), (HELD_BACK * 2, {}), (3_000_000, {}),
                                            (SIZE, PARTS),
                                            (SIZE, {**PARTS, "FETCH_PARALLEL": "1"})])
def test_a_herd_costs_every_byte_once(size, settings, origin, store, serve):
    """All ask before the first byte comes, in any case."""
    origin.put("bucket", LOWER, Pattern(size))
    server = serve(stores=store, LOG_LEVEL="debug", **settings, **PATIENT)
    gate = origin.hold(LOWER)
    clients = [server.connect() for _ in range(100)]
    for n, client in enumerate(clients):
        client.ask(CASES[n % len(CASES)])
    server.wait_in_flight(100, key=LOWER)
    gate.release()

    def take(client):
        with client:
            return client.answer().body == body(size)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(take, clients))
    assert origin.sent(LOWER) == size
    assert told(server, "filled") + told(server, "joined") == 100
    kept(server)
    assert fills(server, "started") == fills(server, "kept") == 1


def test_parts(origin, store, serve):
    """The first question is for a block; then others, four at a time, of the same version."""
    origin.put("bucket", LOWER, Pattern(SIZE))
    server = serve(stores=store, **PARTS, **PATIENT)
    first = origin.hold(lambda r: r.path.endswith(LOWER) and starts_at(r) == 0)
    rest = origin.hold(lambda r: r.path.endswith(LOWER) and starts_at(r) > 0)
    with server.connect() as client:
        client.ask(FOO)
        first.wait(1)
        assert origin.asked(LOWER)[0].get("Range") == f"bytes=0-{MIB - 1}"
        first.release()
        rest.wait(4)
        assert client.head().status == 200 and client.read(500_000) == body(SIZE)[:500_000]
        rest.release()
        assert client.read(SIZE - 500_000) == body(SIZE)[500_000:]
    etag = Pattern(SIZE).etag
    assert all(r.get("If-Match") == etag for r in gets(origin)[1:])
    assert server.metrics()["pepto_fill_parts_total", ""] == len(gets(origin)) - 1 >= 6
    assert origin.sent(LOWER) == SIZE


def test_a_broken_part_is_continued_alone(origin, store, serve):
    origin.put("bucket", LOWER, Pattern(SIZE))
    server = serve(stores=store, **PARTS)
    broken = origin.fault(faults.cut(300_000), lambda r: starts_at(r) == 2 * MIB, times=1)
    assert server.fetch(FOO).body == body(SIZE)
    assert broken.struck == 1 and origin.sent(LOWER) == SIZE
    assert any(starts_at(r) == 2 * MIB + 300_000 for r in gets(origin))
    kept(server)
    assert server.fetch(FOO).body == body(SIZE)


@pytest.mark.parametrize("size", [5_000, 300_000, SIZE])
def test_lower_case_goes_before_as_asked_however_late(size, origin, store, serve):
    """Both are there, and differ: what comes first must not become the object of both."""
    mixed = path("Foo.pdb")
    origin.put("bucket", LOWER, Pattern(size, 1))
    origin.put("bucket", mixed, Pattern(size, 2))
    server = serve(stores=store, **PARTS, **PATIENT)
    gate, other = origin.hold(LOWER), Gate("")
    origin.fault(faults.pause_at(min(size // 2, 500_000), other), mixed, times=1)
    with server.connect() as client:
        client.ask("/" + mixed)
        gate.wait(1)
        other.wait(1)
        gate.release()
        assert client.head().status == 200
        other.release()
        assert client.read(size) == body(size, 1)
    quiet(server)
    for target in (FOO, "/" + mixed):
        assert server.fetch(target).body == body(size, 1)


@pytest.mark.tsan
def test_a_herd_in_two_spellings(origin, store, serve):
    """Stored under both, they are two objects: whoever asks gets no mixture, and each comes once."""
    mixed = path("Foo.pdb")
    for key in (LOWER, mixed):
        origin.put("bucket", key, Pattern(SIZE))
    server = serve(stores=store, **PARTS, **PATIENT)
    clients = [server.connect() for _ in range(40)]
    for n, client in enumerate(clients):
        client.ask((FOO, "/" + mixed)[n % 2])
    for client in clients:
        with client:
            assert client.answer().body == body(SIZE)
    quiet(server)
    assert max(origin.sent(LOWER), origin.sent(mixed)) <= SIZE


# coming and leaving

def start(origin, server, after, size, **how):
    """A client of an object that has come up to here: (client, gate)."""
    origin.put("bucket", LOWER, Pattern(size))
    gate = Gate("")
    origin.fault(faults.pause_at(after, gate), LOWER, times=1)
    client = server.connect(**how)
    client.ask(FOO)
    gate.wait(1)
    return client, gate


@pytest.mark.row("C45")
@pytest.mark.parametrize("reads", [0, 50_000])
def test_who_leaves_does_not_stop_it(reads, origin, store, serve):
    server = serve(stores=store, **PATIENT)
    # with so small a buffer it is in the middle of what is there, where the end is noticed at once
    client, gate = start(origin, server, 1_000_000, 3_000_000, receive_buffer=4096)
    with client:
        client.head()
        client.read(reads)
    until(lambda: server.metrics()["pepto_requests_cut_total", '{by="client"}'] == 1)
    gate.release()
    kept(server)
    assert server.fetch(FOO).body == body(3_000_000) and origin.sent(LOWER) == 3_000_000


def test_the_first_leaves_the_second_stays(origin, store, serve):
    server = serve(stores=store, **PATIENT)
    client, gate = start(origin, server, 1_000_000, 3_000_000)
    with server.connect() as second:
        second.ask(FOO)
        assert second.head().status == 200
        client.close()
        gate.release()
        assert second.read(3_000_000) == body(3_000_000)
    assert origin.sent(LOWER) == 3_000_000


def large(origin, serve, store, held):
    """A client of 100 MB of which every part from `held` on is held back."""
    origin.put("bucket", LOWER, Pattern(100_000_000))
    server = serve(stores=store, **PATIENT)
    gate = origin.hold(lambda r: r.path.endswith(LOWER) and starts_at(r) >= held)
    client = server.connect()
    client.ask(FOO)
    assert client.head().status == 200
    return server, client, gate


@pytest.mark.row("C45")
def test_a_large_one_is_given_up_when_all_have_left(origin, store, serve):
    server, client, gate = large(origin, serve, store, 16 * MIB)
    gate.wait(3)
    client.close()
    until(lambda: fills(server, "cancelled") == 1)
    gate.release()
    quiet(server)
    assert not CacheDir(server).objects() and not server.log(level="error")
    assert server.fetch(FOO, headers={"Range": "bytes=0-99"}).body == body(100)


def test_more_than_half_is_finished(origin, store, serve):
    server, client, gate = large(origin, serve, store, 64 * MIB)
    gate.wait(1)
    until(lambda: origin.sent(LOWER) >= 64 * MIB)
    until(lambda: server.metrics()["pepto_store_bytes_total", ""] >= 64 * MIB)
    client.close()
    until(lambda: server.metrics()["pepto_active_requests", ""] == 1)
    gate.release()
    kept(server)
    assert origin.sent(LOWER) == 100_000_000


# at any place of it

def test_ranges_of_a_running_fill(origin, store, serve):
    """What is there already comes at once, what is near is waited for."""
    server = serve(stores=store, **PATIENT)
    client, gate = start(origin, server, 1_000_000, 3_000_000)
    with client, server.connect() as near:
        there = server.fetch(FOO, headers={"Range": "bytes=1000-1999"})
        assert there.status == 206 and there.body == body(2_000)[1_000:]
        assert there["Content-Range"] == "bytes 1000-1999/3000000"
        near.ask(FOO, headers={"Range": "bytes=1500000-1999999"})
        assert near.head().status == 206 and not near.closed(0.1) and not near.buffer
        gate.release()
        assert near.read(500_000) == body(2_000_000)[1_500_000:]
        assert client.answer().body == body(3_000_000)
    assert origin.sent(LOWER) == 3_000_000


@pytest.mark.parametrize("parallel", [1, 4])
def test_a_range_far_ahead_is_fetched_first(parallel, origin, store, serve):
    """All connections stand still; the bytes that somebody waits for get one more."""
    size, at = 40 * MIB, 30 * MIB + 12_345
    origin.put("bucket", LOWER, Pattern(size))
    server = serve(stores=store, **PARTS, FETCH_PARALLEL=parallel, **PATIENT)
    # the first block comes in part, the others stand still but for those near the far place
    slow = Gate("")
    origin.fault(faults.pause_at(500_000, slow), LOWER, times=1)
    held = origin.hold(lambda r: r.path.endswith(LOWER) and 0 < starts_at(r) < 30 * MIB)
    with server.connect() as client, server.connect() as far:
        client.ask(FOO)
        slow.wait(1)
        held.wait(parallel - 1)
        far.ask(FOO, headers={"Range": f"bytes={at}-{at + 99_999}"})
        answer = far.answer()
        assert answer.status == 206 and answer.body == Pattern(size).bytes(at, at + 100_000)
        slow.release()
        held.release()
        assert client.answer().body == Pattern(size).bytes()
    assert origin.sent(LOWER) == size
    kept(server)


def test_head_and_conditions_during_a_fill(origin, store, serve):
    server = serve(stores=store, **PATIENT)
    client, gate = start(origin, server, 1_000_000, 3_000_000)
    with client:
        head = server.fetch(FOO, "HEAD")
        assert head.status == 200 and head["Content-Length"] == "3000000"
        assert server.fetch(FOO, headers={"If-None-Match": head["ETag"]}).status == 304
        part = {"Range": "bytes=5-9", "If-Range": head["ETag"]}
        assert server.fetch(FOO, headers=part).body == body(10)[5:]
        out = server.fetch(FOO, headers={"Range": "bytes=3000000-"})
        assert out.status == 416 and out["Content-Range"] == "bytes */3000000"
        assert len(origin.asked(LOWER, "GET")) == 1
        with server.connect() as other:
            other.ask(FOO, headers={"Range": "bytes=5-9", "If-Range": '"other"'})
            assert other.head().status == 200
        gate.release()
        assert client.answer().body == body(3_000_000)


# limits

def test_more_fills_than_allowed_pass(origin, store, serve):
    server = serve(stores=store, MAX_FILLS="1", **PATIENT)
    other = path("bar.pdb").lower()
    origin.put("bucket", other, body(5_000, 2))
    client, gate = start(origin, server, 1_000_000, 3_000_000)
    with client:
        assert server.fetch("/" + other).body == body(5_000, 2)
        assert told(server, "passed") == 1
        assert server.metrics()["pepto_refused_total", '{limit="fills"}'] == 1
        gate.release()
        assert client.answer().body == body(3_000_000)


def test_more_waiters_than_allowed_are_refused(origin, store, serve):
    server = serve(stores=store, MAX_FILL_WAITERS="2", **PATIENT)
    client, gate = start(origin, server, 1_000_000, 3_000_000)
    with client, server.connect() as second:
        second.ask(FOO)
        assert second.head().status == 200
        assert is_fault(server.fetch(FOO))
        assert server.metrics()["pepto_refused_total", '{limit="fill_waiters"}'] >= 1
        gate.release()
        assert client.answer().body == second.read(3_000_000) == body(3_000_000)


def test_what_is_larger_than_the_cache_passes(origin, store, serve):
    origin.put("bucket", LOWER, Pattern(3_000_000))
    server = serve(stores=store, CACHE_SIZE="2MiB")
    for _ in range(2):
        assert server.fetch(FOO).body == body(3_000_000)
    assert told(server, "passed") == 2 and not CacheDir(server).objects()


# stores that are not S3

def test_a_store_without_ranges(upstream, serve):
    """It sends the whole whatever is asked; that is kept."""
    upstream.put(LOWER, Pattern(SIZE))
    upstream.fault(faults.edit_request("Range", None), LOWER)
    server = serve(stores=upstream.url, **PARTS)
    assert server.fetch(FOO).body == body(SIZE)
    kept(server)
    assert server.fetch(FOO).body == body(SIZE) and upstream.sent(LOWER) == SIZE


def test_an_answer_without_a_length_is_kept(upstream, serve):
    def unknown(request):
        return Response(200, [("ETag", '"x"'), ("Connection", "close")],
                        Pattern(300_000).chunks())
    upstream.fault(faults.respond(unknown), LOWER)
    server = serve(stores=upstream.url)
    assert server.fetch(FOO).body == body(300_000)
    kept(server)
    assert server.fetch(FOO).body == body(300_000) and len(gets(upstream)) == 1


def test_an_empty_object_says_nothing_about_ranges(origin, store, serve):
    """A range of nothing is 416; the next object is fetched in parts all the same."""
    empty = path("empty.pdb").lower()
    origin.put("bucket", empty, b"")
    origin.put("bucket", LOWER, Pattern(SIZE))
    server = serve(stores=store, **PARTS)
    server.fetch("/" + empty)
    assert server.fetch(FOO).body == body(SIZE)
    assert server.metrics()["pepto_fill_parts_total", ""] >= 5


def test_parts_begin_while_the_first_one_comes(upstream, serve):
    """A part that is begun in a callback of libcurl is sent while the first one stands in mid-body."""
    upstream.put(LOWER, Pattern(SIZE))
    server = serve(stores=upstream.url, **PARTS, **PATIENT)
    first = Gate("")
    upstream.fault(faults.pause_at(500_000, first), LOWER, times=1)
    rest = upstream.hold(lambda r: r.path.endswith(LOWER) and starts_at(r) > 0)
    with server.connect() as client:
        client.ask(FOO)
        first.wait(1)
        rest.wait(3)
        rest.release()
        first.release()
        assert client.answer().body == body(SIZE)


@pytest.mark.parametrize("settings", [{"CACHE_SIZE": "2MiB"}, {"MAX_FILLS": "1"}])
def test_what_is_declined_is_fetched_at_once(settings, upstream, serve):
    """What the cache declines is asked for anew, for the client alone, out of the first one's head."""
    other, gate = path("bar.pdb").lower(), Gate("")
    server = serve(stores=upstream.url, **settings, **PATIENT)
    upstream.put(other, Pattern(1_000_000, 2))
    upstream.put(LOWER, Pattern(3_000_000))
    upstream.fault(faults.pause_at(500_000, gate), other, times=1)
    with server.connect() as filler, server.connect() as client:
        filler.ask("/" + other)
        gate.wait(1)
        client.ask(FOO)
        upstream.wait_asked(2, LOWER)
        assert client.answer().body == body(3_000_000) and told(server, "passed") == 1
        gate.release()
        assert filler.answer().body == body(1_000_000, 2)


def test_few_transfers_are_enough(origin, store, serve):
    """A part that finds no transfer free waits; its body comes by the one that runs."""
    origin.put("bucket", LOWER, Pattern(SIZE))
    server = serve(stores=store, MAX_TRANSFERS=2, **PARTS)
    assert server.fetch(FOO).body == body(SIZE)
    kept(server)
    assert server.fetch(FOO).body == body(SIZE)
