# SPDX-License-Identifier: MIT
"""TLS towards clients: what comes over it, who is let in, and certificates that change while it runs.

The conformance table is run over TLS as well (tools/test.py)."""

import contextlib
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading

import pytest

from rig.client import Client, is_miss
from rig.pace import WAIT, ms
from rig.papers import Papers
from rig.samples import body, path
from rig.server import run, s3, until
from rig.stage import Gate
from rig import faults

KEY = path("foo.pdb").lower()
FOO, GONE = "/" + KEY, "/" + path("gone.pdb").lower()
LARGE = body(3_000_000)
TOKEN = "0123456789abcdef"
ALICE = "CN=alice,O=Pepto"


@pytest.fixture(scope="module")
def papers(new_directory):
    made = Papers(new_directory("papers"))
    for name, usage, by in (("server", "serverAuth", "ca"), ("next", "serverAuth", "ca"),
                            ("alice", "clientAuth", "ca"), ("servant", "serverAuth", "ca")):
        made.sign(name, usage, by)
    made.authority("stranger")
    return made


def pair(papers, name):
    return papers.at / f"{name}.pem", papers.at / f"{name}.key"


@pytest.fixture
def place(papers, tmp):
    """Files of its own for a server's certificate: (certificate, key)."""
    for source, name in zip(pair(papers, "server"), ("cert.pem", "key.pem")):
        shutil.copy(source, tmp / name)
    return tmp / "cert.pem", tmp / "key.pem"


@pytest.fixture
def store(origin):
    origin.listable = True
    origin.put("bucket", KEY, LARGE)
    return s3("bucket", origin)


@pytest.fixture
def secure(serve, store, place):
    def start(**settings):
        return serve(stores=store, TLS_PORT=0, TLS_CERT=place[0], TLS_KEY=place[1], **settings)
    return start


def name_of(server, papers):
    """Of the certificate that a new connection is shown."""
    with Client(server.tls_port, tls=papers.trusting()) as client:
        return dict(pair[0] for pair in client.sock.getpeercert()["subject"])["commonName"]


def refused(server, context):
    """The handshake comes to nothing; with TLS 1.3 the client hears of it after its own part."""
    try:
        with Client(server.tls_port, tls=context) as client:
            client.ask(FOO)
            return not client.sock.recv(1)
    except (ssl.SSLError, ConnectionError):
        return True


# what comes over it

def test_plain_http_is_told_so(secure, papers):
    """In plain HTTP, whatever follows; what is neither is closed without a word."""
    server = secure()
    for asked in (f"GET {FOO} HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD / HTTP/1.0\r\n\r\n",
                  "GET /" + "a" * 100_000 + " HTTP/1.1\r\n\r\n",
                  "POST /-/purge HTTP/1.1\r\nContent-Length: 60000\r\n\r\n" + "a" * 60_000):
        with Client(server.tls_port) as client:
            client.send(asked.encode())
            answer = client.answer()
            assert answer.status == 400 and answer["Connection"] == "close" and client.closed()
            assert answer.body == b"This port speaks https, and not http.\n", answer
    with Client(server.tls_port) as client:
        client.send(b"SSH-2.0-x\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            assert not client.sock.recv(100).startswith(b"HTTP/")
    with Client(server.tls_port, tls=papers.trusting()) as client:
        assert client.fetch(FOO).body == LARGE
    metrics = server.metrics()
    assert metrics["pepto_tls_handshakes_total", '{result="failed"}'] == 5
    assert metrics["pepto_tls_handshakes_total", '{result="made"}'] == 1


def test_who_waits_no_longer_is_not_looked_for(secure, origin, papers):
    """The goodbye of TLS, and the end of the connection behind it."""
    server = secure()
    gate = origin.hold(KEY)
    client = Client(server.tls_port, tls=papers.trusting())
    client.ask(FOO)
    gate.wait(1)
    with contextlib.suppress(OSError):      # it says goodbye, and does not wait for ours
        client.sock.settimeout(0.0)
        client.sock.unwrap()
    client.close()
    line = server.wait_log(msg="request", path=FOO)
    assert line["outcome"] == "left" or line["status"] == "503", line
    gate.release()


def test_both_ports(secure, papers):
    server = secure()
    assert server.port != server.tls_port
    assert server.fetch(FOO).body == LARGE
    with Client(server.tls_port, tls=papers.trusting()) as client:
        for _ in range(3):
            assert client.fetch(FOO).body == LARGE
            assert is_miss(client.fetch(GONE))
        assert client.fetch(FOO, headers={"Range": "bytes=5-9"}).body == LARGE[5:10]
        assert client.fetch(FOO, "HEAD")["Content-Length"] == str(len(LARGE))
        for _ in range(50):             # many small records in one read
            client.ask(GONE)
        assert all(is_miss(client.answer()) for _ in range(50))
    assert server.metrics()["pepto_tls_handshakes_total", '{result="made"}'] == 1


@pytest.mark.parametrize("way", ["--http1.0", "--http1.1", "--http2", "--http2-prior-knowledge",
                                 "-HExpect: 100-continue"])
@pytest.mark.parametrize("tls", [False, True])
def test_curl(tls, way, secure, papers):
    """In each version that it speaks. HTTP/2 falls back, by ALPN or as h2c that is not taken up; who insists
    on it in clear is refused."""
    server = secure()
    port = server.tls_port if tls else server.port
    base = f"http{'s' if tls else ''}://127.0.0.1:{port}"

    def curl(*args):
        return subprocess.run(["curl", "-s", "--max-time", str(WAIT), "--cacert", papers.at / "ca.pem", way,
                               *args], capture_output=True, check=False)
    if way == "--http2-prior-knowledge" and not tls:
        assert curl(base + FOO).returncode != 0
        return
    assert curl(base + FOO).stdout == LARGE
    assert curl("-r", "100000-199999", base + FOO).stdout == LARGE[100_000:200_000]
    told = curl("-w", "%{http_code} %{http_version} %{size_download}", base + GONE).stdout
    assert told == b"404 1.1 0"


def test_a_request_a_byte_at_a_time(secure, papers):
    server = secure()
    with Client(server.tls_port, tls=papers.trusting()) as client:
        for byte in f"GET {FOO} HTTP/1.1\r\nHost: x\r\n\r\n".encode():
            client.send(bytes([byte]))
        assert client.answer().body == LARGE


def test_who_reads_late(secure, papers):
    """Far more than the sockets hold waits for this client."""
    server = secure()
    with Client(server.tls_port, tls=papers.trusting(), receive_buffer=4096) as client:
        for _ in range(4):
            client.ask(FOO)
        assert all(client.answer().body == LARGE for _ in range(4))


@pytest.mark.cache_on
def test_a_file_that_still_comes(secure, origin, papers):
    gate = Gate("")
    origin.fault(faults.pause_at(1_000_000, gate), lambda r: r.path.endswith(KEY))
    server = secure()
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(Client(server.tls_port, tls=papers.trusting()))
                   for _ in range(5)]
        for client in clients:
            client.ask(FOO)
        gate.wait(1)
        heads = [client.head() for client in clients]
        parts = [client.read(500_000) for client in clients]
        gate.release()
        for head, part, client in zip(heads, parts, clients):
            assert head["Content-Length"] == str(len(LARGE))
            assert part + client.read(len(LARGE) - len(part)) == LARGE


@pytest.mark.parametrize("offered, chosen", [
    (["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "http/1.1"), (["h2"], None)])
def test_protocols(offered, chosen, secure, papers):
    server = secure()
    context = papers.trusting(alpn=offered)
    if not chosen:
        assert refused(server, context)
    else:
        with Client(server.tls_port, tls=context) as client:
            assert client.sock.selected_alpn_protocol() == chosen
            assert client.fetch(FOO).status == 200
    assert server.fetch(FOO).status == 200


def test_plain_http_to_the_port(secure, papers):
    server = secure()
    with Client(server.tls_port) as client:
        client.ask(FOO)
        assert client.closed()
    assert name_of(server, papers) == "server"
    until(lambda: server.metrics()["pepto_tls_handshakes_total", '{result="failed"}'] == 1)


def test_the_end_is_told(secure, papers):
    """Who gets no close_notify cannot know that it has got all."""
    server = secure()
    with Client(server.tls_port, tls=papers.trusting()) as client:
        client.sock.suppress_ragged_eofs = False
        assert client.fetch(FOO, headers={"Connection": "close"}).body == LARGE
        assert client.sock.recv(1) == b""


def test_the_page_shows_https(secure, papers):
    server = secure()
    with Client(server.tls_port, tls=papers.trusting()) as client:
        assert b"https://" in client.fetch("/").body
    assert b"https://127.0.0.1" not in server.fetch("/").body


def test_a_session_is_resumed(secure, papers):
    server = secure()
    context = papers.trusting(version=ssl.TLSVersion.TLSv1_2)

    def connect(session):
        raw = socket.create_connection(("127.0.0.1", server.tls_port), WAIT)
        with context.wrap_socket(raw, server_hostname="127.0.0.1", session=session) as s:
            return s.session, s.session_reused
    first, reused = connect(None)
    assert not reused and connect(first)[1]
    server.signal(signal.SIGHUP)
    server.wait_log(msg="certificate read again")
    assert not connect(first)[1]        # new keys of tickets come with it


# bounds

def test_handshakes_are_bounded(secure, papers):
    """Of 40 connections a quarter may be shaking hands; who says nothing has HEADER_TIMEOUT."""
    server = secure(MAX_CONNECTIONS=40, HEADER_TIMEOUT=ms(3))
    silent = [Client(server.tls_port) for _ in range(11)]
    assert all(client.closed() for client in silent)
    metrics = server.metrics()
    assert metrics["pepto_refused_total", '{limit="handshakes"}'] == 1
    assert metrics["pepto_closed_total", '{limit="header_timeout"}'] == 10
    assert metrics["pepto_tls_handshakes_total", '{result="failed"}'] == 10
    assert name_of(server, papers) == "server"
    for client in silent:
        client.close()


def test_who_says_nothing_after_the_handshake(secure, papers):
    server = secure(HEADER_TIMEOUT=ms(1))
    with Client(server.tls_port, tls=papers.trusting()) as client:
        assert client.closed()
    assert server.metrics()["pepto_closed_total", '{limit="header_timeout"}'] == 1


# who is let in

@pytest.mark.parametrize("need", ["optional", "require"])
@pytest.mark.parametrize("tokens", [True, False])
@pytest.mark.parametrize("shown, token, status", [
    ("alice", False, {"optional": 200, "require": 200}),
    ("alice", True, {"optional": 200, "require": 200}),
    ("servant", True, {"optional": None, "require": None}),     # not for clients
    ("stranger", True, {"optional": None, "require": None}),
    (None, True, {"optional": 200, "require": None}),
    (None, False, {"optional": 401, "require": None})])
def test_client_certificates(need, tokens, shown, token, status, secure, papers):
    """status: None where there is no handshake."""
    guards = {"AUTH_TOKENS": TOKEN} if tokens else {"PORT": "off"}
    server = secure(TLS_CLIENT_CA=papers.at / "ca.pem", TLS_CLIENT=need, **guards)
    want = status[need]
    if want == 200 and not shown and not tokens:
        want = 401                      # a token of nobody
    context = papers.trusting(pair(papers, shown) if shown else None)
    if want is None:
        assert refused(server, context)
        return
    headers = {"Authorization": f"Bearer {TOKEN}"} if token else {}
    with Client(server.tls_port, tls=context) as client:
        answer = client.fetch(FOO, headers=headers)
    assert answer.status == want
    line = server.wait_log(msg="request", status=want)
    assert line.get("subject") == (ALICE if shown else None)
    if want == 200:
        assert answer.body == LARGE and "private" in answer["Cache-Control"]
    if tokens:                          # the plain port asks for the token, whoever comes
        assert server.fetch(FOO).status == 401


def test_the_plain_port_of_this_machine_stays_open(secure, papers):
    server = secure(TLS_CLIENT_CA=papers.at / "ca.pem")
    assert server.fetch(FOO).status == 200


MISTAKES = [
    ({"TLS_PORT": 0}, "TLS_CERT and TLS_KEY"),
    ({"TLS_PORT": 0, "TLS_CERT": "cert.pem"}, "TLS_CERT and TLS_KEY"),
    ({"TLS_PORT": 0, "TLS_CERT": "none.pem", "TLS_KEY": "key.pem"}, "TLS_CERT 'none.pem'"),
    ({"TLS_PORT": 0, "TLS_CERT": "cert.pem", "TLS_KEY": "other.pem"}, "TLS_KEY 'other.pem'"),
    ({"TLS_PORT": 0, "TLS_CERT": "cert.pem", "TLS_KEY": "key.pem", "TLS_CLIENT_CA": "none.pem"},
     "TLS_CLIENT_CA 'none.pem'"),
    ({"TLS_CLIENT_CA": "ca.pem"}, "TLS_CLIENT_CA needs"),
    ({"TLS_PORT": 0, "TLS_CERT": "cert.pem", "TLS_KEY": "key.pem", "TLS_CLIENT_CA": "ca.pem",
      "LISTEN_ADDRESS": "127.0.0.1 0.0.0.0"}, "the plain port would let everybody in"),
    ({"TLS_CLIENT": "maybe"}, "TLS_CLIENT: 'maybe' is not one of"),
    ({"TLS_PORT": "443x"}, "TLS_PORT: '443x' is not a port"),
    ({"PORT": "off"}, "nothing to listen on"),
]


@pytest.mark.parametrize("settings, why", MISTAKES, ids=[str(i) for i in range(len(MISTAKES))])
def test_mistakes(settings, why, place, papers):
    shutil.copy(papers.at / "ca.pem", place[0].parent)
    shutil.copy(papers.at / "next.key", place[0].parent / "other.pem")
    code, _, errors = run(place[0].parent, "serve", STORES="file:///tmp", **settings)
    assert code == 2 and why in errors and len(errors.splitlines()) == 1


def test_check_tells_of_the_certificate(place, papers, store):
    papers.sign("brief", alternatives="DNS:symbols.example,DNS:sym.example", days=30)
    for source, to in zip(pair(papers, "brief"), place):
        shutil.copy(source, to)
    code, out, _ = run(place[0].parent, "serve", "--check", STORES=store, TLS_PORT=0,
                       TLS_CERT="cert.pem", TLS_KEY="key.pem")
    assert code == 0
    assert re.search("^ok   certificate cert.pem: symbols.example sym.example; valid for (29|30) more days$",
                     out, re.M)


# certificates that change

def test_a_new_certificate(secure, place, papers):
    """For new connections; those that are there keep theirs."""
    server = secure()
    assert name_of(server, papers) == "server"
    before = server.metrics()["pepto_tls_certificate_expires_seconds", ""]
    with Client(server.tls_port, tls=papers.trusting()) as old:
        assert old.fetch(FOO).status == 200
        papers.sign("later", days=9)
        for source, to in zip(pair(papers, "later"), place):
            shutil.copy(source, to)
        server.signal(signal.SIGHUP)
        server.wait_log(msg="certificate read again")
        assert name_of(server, papers) == "later"
        assert old.fetch(FOO).status == 200
    assert server.metrics()["pepto_tls_certificate_expires_seconds", ""] > before + 5 * 86400


def test_a_bad_certificate_is_not_used(secure, place, papers):
    server = secure()
    shutil.copy(papers.at / "next.pem", place[0])       # and not its key
    server.signal(signal.SIGHUP)
    line = server.wait_log(level="error")
    assert "TLS_KEY" in line["error"]
    assert name_of(server, papers) == "server"
    shutil.copy(papers.at / "next.key", place[1])
    server.signal(signal.SIGHUP)
    server.wait_log(msg="certificate read again")
    assert name_of(server, papers) == "next"


def test_sighup_without_tls(serve, store):
    server = serve(stores=store, TLS_PORT="off")
    server.signal(signal.SIGHUP)
    assert server.fetch(FOO).body == LARGE


def test_handshakes_while_it_changes(secure, papers):
    server, stop = secure(), threading.Event()

    def change():
        while not stop.is_set():
            server.signal(signal.SIGHUP)
            stop.wait(0.01)
    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(50):
            with Client(server.tls_port, tls=papers.trusting()) as client:
                assert is_miss(client.fetch(GONE))
    finally:
        stop.set()
        changing.join()
