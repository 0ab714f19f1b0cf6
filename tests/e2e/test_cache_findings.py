# SPDX-License-Identifier: MIT
"""What a review and an attack have found in the cache that needs the whole program to be shown, one
test for each. The others are in tests/unit/cache/test_findings.c. """

import shutil
import socket
import struct
import threading

import pytest

from rig import faults
from rig.cachedir import CacheDir, fills, kept, quiet, told
from rig.samples import Pattern, Plain, body, path
from rig.server import s3, until
from rig.stage import Gate, send
from rig.wire import Response

from test_fills import FOO, HELD_BACK, LOWER, PARTS, PATIENT, SIZE, starts_at
from test_misses import TOKEN, purge

pytestmark = pytest.mark.cache_on


@pytest.fixture
def store(origin):
    origin.listable = True
    return s3(origin.bucket("bucket"), origin)


def errors(server):
    return server.metrics()["pepto_cache_errors_total", ""]


# transfers

def test_parts_begin_while_the_first_one_comes(upstream, serve):
    """Started in a callback of libcurl they lay there until TRY_TIMEOUT."""
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
    """As those: the question anew, for the client alone, is asked out of the first one's head."""
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
    """A part that found none free cut off its body, which has to come by the one that runs."""
    origin.put("bucket", LOWER, Pattern(SIZE))
    server = serve(stores=store, MAX_TRANSFERS=2, **PARTS)
    assert server.fetch(FOO).body == body(SIZE)
    kept(server)
    assert server.fetch(FOO).body == body(SIZE)


# purging

@pytest.mark.tsan
@pytest.mark.parametrize("what", ["*", LOWER])
@pytest.mark.parametrize("size", [5_000, 300_000])
def test_a_purge_under_clients_is_not_undone(size, what, origin, store, serve):
    """Who found the file just before it went made it hot, and it was served on."""
    origin.put("bucket", LOWER, body(size, 0))
    server = serve(stores=store, ADMIN_TOKEN=TOKEN)
    server.fetch(FOO)
    over = threading.Event()

    def ask():
        with server.connect() as client:
            while not over.is_set():
                client.fetch(FOO)
    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        for seed in range(1, 9):
            kept(server, seed)
            origin.put("bucket", LOWER, body(size, seed))
            assert purge(server, what.encode()).status == 200
            for _ in range(5):
                assert server.fetch(FOO).body == body(size, seed)
    finally:
        over.set()
        for client in clients:
            client.join()


# stores

@pytest.mark.parametrize("cache", ["off", None])
def test_416_to_a_probe(cache, upstream, serve):
    """It became a download that nobody had asked for, and without a disk a crash. Now it tells that
    the twin is there, which is the answer to both."""
    twin = LOWER[:-1] + "_"
    upstream.put(twin, body(300_000))
    upstream.fault(faults.respond(lambda r: Response(416, [("Content-Range", "bytes */300000")])),
                   lambda r: r.path.endswith(twin) and r.get("Range") == "bytes=0-0")
    server = serve(stores=upstream.url, **({"CACHE_DIR": cache} if cache else {}), **PATIENT)
    gate = upstream.hold(twin)
    with server.connect() as client, server.connect() as other:
        client.ask(FOO)
        gate.wait(1)
        other.ask("/" + twin)
        until(lambda: server.metrics()["pepto_active_requests", ""] == 3)
        gate.release()
        assert client.answer().body == other.answer().body == body(300_000)
    quiet(server)
    assert upstream.sent(twin) <= 300_000 * (2 if cache else 1)


# the disk

def unnamed(response):
    response.set("ETag", None)


def test_no_disk_and_no_name(upstream, serve, tmp):
    """The version could not be continued, so clients that had nothing yet were cut off."""
    upstream.fault(faults.edit(unnamed))
    server = serve(stores=upstream.url, CACHE_DIR=tmp / "cache")
    shutil.rmtree(tmp / "cache")
    upstream.put(LOWER, Pattern(3_000_000))
    for _ in range(2):
        answer = server.fetch(FOO)
        assert answer.status == 200 and answer.body == body(3_000_000)
    quiet(server)
    assert not CacheDir(tmp / "cache").objects()


@pytest.mark.parametrize("settings", [{"CACHE_DIR": "off"}, {"CACHE_SIZE": "2MiB"}])
def test_what_passes_is_checked(settings, origin, store, serve):
    """The MD5 that is its ETag was compared with what was kept, not with what passed."""
    damaged = Plain(body(3_000_000))
    damaged.etag = Plain(b"another").etag
    origin.put("bucket", LOWER, damaged)
    server = serve(stores=store, **settings)

    def change(connection, request, answer):
        """What is asked for once more, to see whether the same comes, is another object by then."""
        if len([r for r in origin.asked(LOWER, "GET") if not r.get("Range")]) > 1:
            origin.put("bucket", LOWER, Pattern(3_000_000, 2))
        send(connection, request, answer(request))
    origin.fault(change, LOWER)
    answer = server.fetch(FOO)
    assert answer.cut and answer.body == body(3_000_000)[:3_000_000 - HELD_BACK]
    assert fills(server, "corrupt") == 1


# the log

def test_the_address_of_a_client_that_has_reset(origin, store, serve):
    """The kernel does not tell it any more when the line is written."""
    gate = Gate("")
    origin.put("bucket", LOWER, Pattern(3_000_000))
    origin.fault(faults.pause_at(1_000_000, gate), LOWER, times=1)
    server = serve(stores=store, **PATIENT)
    with server.connect(receive_buffer=4096) as client:
        client.ask(FOO)
        gate.wait(1)
        assert client.head().status == 200
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gate.release()
    line = server.wait_log(msg="request", path=FOO)
    assert line["client"] == "127.0.0.1" and line["outcome"] == "left"
