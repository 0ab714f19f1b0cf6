# SPDX-License-Identifier: MIT
"""HTTP/1.1 as it goes over the wire: where a request ends, in which order answers come, and what
becomes of a connection whose client does something else than wait for them. What is taken for a head is
in tests/unit/http/test_head.c, row by row."""

import resource
import socket
import struct

import pytest

from rig import faults
from rig.cachedir import kept
from rig.client import Client, exchange, is_fault
from rig.samples import Pattern, body, path
from rig.server import s3, until
from rig.stage import Gate
from rig.stock import BAR

FOO, GONE = path("foo.pdb").lower(), path("gone.pdb").lower()


@pytest.fixture
def store_of_foo(origin):
    origin.put("bucket", FOO, b"found")
    return s3("bucket", origin)


# where a request ends

HIDDEN = "GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"
LENGTH = f"Content-Length: {len(HIDDEN)}"


# What a proxy before us may understand otherwise than we do: the headers, and what follows them.
SMUGGLED = {
    "CL.TE": (f"{LENGTH}\r\n{CHUNKED}", "0\r\n\r\n" + HIDDEN),
    "TE.CL": (f"{CHUNKED}\r\nContent-Length: 4", f"{len(HIDDEN):x}\r\n{HIDDEN}\r\n0\r\n\r\n"),
    "TE.TE, unknown first": ("Transfer-Encoding: x\r\n" + CHUNKED, "0\r\n\r\n" + HIDDEN),
    "TE.TE, unknown last": (CHUNKED + "\r\nTransfer-Encoding: x", "0\r\n\r\n" + HIDDEN),
    "TE.TE, identity": ("Transfer-Encoding: identity\r\n" + CHUNKED, "0\r\n\r\n" + HIDDEN),
    "a letter before": (f"{LENGTH}\r\nTransfer-Encoding: xchunked", HIDDEN),
    "a tab before": (f"{LENGTH}\r\nTransfer-Encoding:\tchunked", "0\r\n\r\n" + HIDDEN),
    "a vertical tab before": (f"{LENGTH}\r\nTransfer-Encoding: \x0bchunked", HIDDEN),
    "in quotes": (f"{LENGTH}\r\nTransfer-Encoding: \"chunked\"", HIDDEN),
    "a blank before the colon": (f"{LENGTH}\r\nTransfer-Encoding : chunked", HIDDEN),
    "a blank before the name": (f"{LENGTH}\r\n Transfer-Encoding: chunked", HIDDEN),
    "folded": (f"{LENGTH}\r\nTransfer-Encoding:\r\n chunked", HIDDEN),
    "in the value of another": (f"{LENGTH}\r\nX: y\rTransfer-Encoding: chunked", HIDDEN),
    "behind LF alone": (f"{LENGTH}\r\nX: y\nTransfer-Encoding: chunked", "0\r\n\r\n" + HIDDEN),
    "in a list": (f"{LENGTH}\r\nTransfer-Encoding: chunked, identity", HIDDEN),
    "two lengths": (f"Content-Length: 0\r\n{LENGTH}", HIDDEN),
    "the other way round": (f"{LENGTH}\r\nContent-Length: 0", HIDDEN),
    "two lengths in one": (f"Content-Length: 0, {len(HIDDEN)}", HIDDEN),
    "a folded length": (f"Content-Length: 0\r\n {len(HIDDEN)}", HIDDEN),
    "a length with a sign": (f"Content-Length: +{len(HIDDEN)}", HIDDEN),
    "a length in hex": ("Content-Length: 0x0", HIDDEN),
    "a negative length": ("Content-Length: -1", HIDDEN),
    "a chunk size with a sign": (CHUNKED, "+0\r\n\r\n" + HIDDEN),
    "a chunk size in hex": (CHUNKED, "0x0\r\n\r\n" + HIDDEN),
    "a chunk that ends early": (CHUNKED, "5\r\nabc\r\n0\r\n\r\n" + HIDDEN),
    "a chunk size beyond all": (CHUNKED, "fffffffffffffffff\r\n" + HIDDEN),
    "LF alone in the frame of chunks": (CHUNKED, "0\n\n" + HIDDEN),
    "a size behind LF in an extension": (CHUNKED, "0;\n" + HIDDEN),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_is_smuggled(method, stocked, serve):
    """One answer to each, a refusal; then the connection ends, and what was behind is no request."""
    token = "0123456789abcdef0123"
    server = serve(stores=stocked, ADMIN_TOKEN=token)
    target = f"/{BAR}" if method == "GET" else "/-/purge"
    for name, (headers, rest) in SMUGGLED.items():
        asked = f"{method} {target} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{headers}"
        came = exchange(server.port, f"{asked}\r\n\r\n{rest}".encode())
        head, _, content = came.partition(b"\r\n\r\n")
        status = int(head.split()[1])
        assert status in (400, 501), (name, came)
        assert b"connection: close" in head.lower() and content == b"", (name, came)
    server.fetch("/pingme.txt")
    server.wait_log(msg="request", path="/pingme.txt")
    assert not server.log(path="/hidden")


# What is no request, as a whole; behind it stands one, which is none then.
NO_REQUEST = {
    "HTTP/0.9": "GET /\r\n",
    "HTTP/0.9 and headers": "GET /\r\nHost: x\r\n\r\n",
    "HTTP/2": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "HTTP/2's method": "PRI * HTTP/1.1\r\nHost: x\r\n\r\n",
    "a version that is none": "GET / HTTP/2.0\r\n\r\n",
    "a method that is no token": "G[T / HTTP/1.1\r\n\r\n",
    "no target": "GET HTTP/1.1\r\n\r\n",
    "a bare CR in the line": "GET /a\rb HTTP/1.1\r\n\r\n",
    "a bare CR in a value": "GET / HTTP/1.1\r\nHost: x\ry\r\n\r\n",
    "a bare CR for an end": "GET / HTTP/1.1\r\nHost: x\r\r\n\r\n",
    "a folded line": "GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n",
    "a folded line, by a tab": "GET / HTTP/1.1\r\nHost: x\r\n\ty\r\n\r\n",
    "a blank before the first header": "GET / HTTP/1.1\r\n Host: x\r\n\r\n",
    "a blank in a name": "GET / HTTP/1.1\r\nHo st: x\r\n\r\n",
    "a blank behind a name": "GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "no name": "GET / HTTP/1.1\r\n: x\r\n\r\n",
    "no colon": "GET / HTTP/1.1\r\nHost\r\n\r\n",
    "a NUL in a value": "GET / HTTP/1.1\r\nHost: x\0y\r\n\r\n",
    "no length": "GET / HTTP/1.1\r\nContent-Length:\r\n\r\n",
    "two lengths that differ": "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\na",
    "a length beyond all": "GET / HTTP/1.1\r\nContent-Length: 18446744073709551620\r\n\r\n",
    "chunks in HTTP/1.0": "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}


def test_what_is_no_request(stocked, serve):
    """A refusal, and the end of the connection."""
    server = serve(stores=stocked)
    for name, text in NO_REQUEST.items():
        came = exchange(server.port, (text + HIDDEN).encode())
        head, _, content = came.partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 400 ") and content == b"", (name, came)
        assert b"connection: close" in head.lower(), (name, came)
    server.fetch("/pingme.txt")
    server.wait_log(msg="request", path="/pingme.txt")
    assert not server.log(path="/hidden")


@pytest.mark.parametrize("threads", ["1", "4"])
def test_a_thousand_requests_at_once(threads, stocked, serve):
    """Answered in their order, whatever each of them needs."""
    server = serve(stores=stocked, THREADS=threads)
    kinds = [(f"GET /{BAR}", 200, 5_000), ("GET /pingme.txt", 200, 0), (f"GET /{GONE}", 404, 0),
             (f"HEAD /{BAR}", 200, 0), ("GET /%zz", 404, 0)]
    asked = [kinds[i * i % 5] for i in range(1000)]
    with server.connect() as client:
        client.send("".join(f"{line} HTTP/1.1\r\nHost: x\r\n\r\n" for line, _, _ in asked).encode())
        for line, status, size in asked:
            answer = client.answer(line.split()[0])
            assert answer.status == status and len(answer.body) == size, (line, answer)
        assert client.fetch("/" + BAR).body == body(5_000, 2)


def test_a_byte_at_a_time(stocked, serve):
    server = serve(stores=stocked)
    with server.connect() as client:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(3):
            for byte in f"GET /{BAR} HTTP/1.1\r\nHost: x\r\n\r\n".encode():
                client.send(bytes([byte]))
            assert client.answer().body == body(5_000, 2)


@pytest.mark.cache_on
@pytest.mark.parametrize("version", ["HTTP/1.0", "HTTP/1.1"])
def test_the_client_ends_its_side(version, stocked, serve):
    """As some scripts do when they have said all that they had to say: it is answered with what is
    known, however long that takes."""
    server = serve(stores=stocked)
    server.fetch("/" + BAR)
    kept(server)
    for target, status in (BAR, 200), (BAR, 200), ("index2.txt", 404), ("pingme.txt", 200):
        with server.connect() as client:
            client.ask("/" + target, version=version)
            client.sock.shutdown(socket.SHUT_WR)
            answer = client.answer()
            assert answer.status == status and client.closed(), (target, answer)


def test_who_waits_no_longer_is_not_looked_for(origin, store_of_foo, serve):
    """The lookup of who has closed his side and does not come back ends, whatever the store does."""
    server = serve(stores=store_of_foo)
    gate = origin.hold(FOO)
    with server.connect() as client:
        client.ask("/" + FOO)
        gate.wait(1)
        client.sock.shutdown(socket.SHUT_WR)
        assert is_fault(client.answer()) and client.closed()
    line = server.wait_log(msg="request", path="/" + FOO)
    assert line["outcome"] == "left"
    gate.release()
    assert until(lambda: server.fetch("/" + FOO).status == 200)


def test_the_client_ends_its_side_in_mid_body(origin, store_of_foo, serve):
    """Who has been given the beginning is given the rest."""
    gate = Gate("")
    origin.put("bucket", FOO, Pattern(3_000_000))
    origin.fault(faults.pause_at(1_000_000, gate), FOO, times=1)
    server = serve(stores=store_of_foo)
    with server.connect() as client:
        client.ask("/" + FOO)
        gate.wait(1)
        assert client.head().status == 200
        client.sock.shutdown(socket.SHUT_WR)
        gate.release()
        assert client.read(3_000_000) == Pattern(3_000_000).bytes()


def reset(client):
    client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


@pytest.mark.tsan
def test_resets_in_every_state(origin, serve):
    """While it rests, in a head, in a body, waiting, being answered, behind the answer."""
    origin.put("bucket", FOO, Pattern(20_000_000))
    server = serve(stores=s3("bucket", origin), ADMIN_TOKEN="0123456789abcdef", THREADS="2")
    gate = origin.hold(GONE)
    purge = ("POST /-/purge HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer 0123456789abcdef\r\n"
             "Content-Length: 100\r\n\r\nfoo")
    for turn in range(5):
        clients = [Client(server.port, receive_buffer=4096) for _ in range(6)]
        clients[1].send(b"GET /")
        clients[2].send(purge.encode())
        clients[3].ask("/" + GONE)
        clients[4].ask("/" + FOO)
        assert clients[4].head().status == 200
        assert clients[5].fetch("/pingme.txt").status == 200
        gate.wait(1)
        for client in clients[turn:] + clients[:turn]:
            reset(client)
    gate.release()
    until(lambda: server.metrics()["pepto_connections", ""] <= 1)
    until(lambda: server.metrics()["pepto_active_requests", ""] <= 1)
    assert not server.log(level="error")


def test_a_refusal_is_not_eaten_by_a_reset(stocked, serve):
    """The rest of what was refused is read for a while: the client finds the answer, and no reset."""
    server = serve(stores=stocked, MAX_HEADER_SIZE="8KiB")
    for head, status in ((f"GET /{BAR} HTTP/1.1\r\nX: " + "a" * 60_000 + "\r\n\r\n", 431),
                         ("GET /" + "a" * 60_000 + " HTTP/1.1\r\n\r\n", 414),
                         (f"PUT /{BAR} HTTP/1.1\r\nContent-Length: 60000\r\n\r\n" + "a" * 60_000, 405),
                         ("nonsense\r\n" + "a" * 60_000, 400)):
        with server.connect() as client:
            client.send(head.encode())
            answer = client.answer()
            assert answer.status == status and answer.body == b"", answer
            assert answer["Connection"] == "close" and client.closed()


@pytest.mark.release
def test_memory_of_idle_connections(stocked, serve):
    """A kilobyte each, and some of the allocator's; nothing of what they have sent stays."""
    n = 1_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
    server = serve(stores=stocked, release=True)
    clients = []
    try:
        for _ in range(50):                     # so that all code and the cache are there
            server.fetch("/" + BAR)
        before = server.rss()
        for _ in range(n):
            client = server.connect()
            client.ask("/" + BAR, headers={"X": "x" * 8_000})
            clients.append(client)
        for client in clients:
            assert client.answer().status == 200
        grown = server.rss() - before
        assert grown < n * 1_300 + 200_000, grown / n
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_no_descriptors_for_a_while(stocked, serve):
    """Who comes while there are none, not even a spare one, waits; who is there is served."""
    server = serve(stores=stocked, THREADS="1")
    with server.connect() as kept:
        assert kept.fetch("/" + BAR).status == 200
        before = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (3, before[1]))
        crowd = [server.connect() for _ in range(5)]
        for client in crowd:
            client.ask("/" + BAR)
        assert kept.fetch("/pingme.txt").status == 200
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, before)
        for client in crowd:
            assert client.answer().status == 200
            client.close()
