# SPDX-License-Identifier: MIT
"""What an answer looks like: ranges, conditions, HEAD, methods, the fixed files, HTTP itself.

The same for all three kinds of store, each with one file of 1,000 bytes and one of 300,000.
"""

import email.utils
import gzip
import html
import os

import pytest

from rig.client import exchange, is_miss
from rig.origin import Origin, SymbolServer
from rig.pace import IMPATIENT
from rig.samples import KEY, body, path
from rig.server import s3
from rig.stock import BAR, FOO

SMALL, LARGE = path("small.pdb").lower(), path("large.pdb").lower()
MODIFIED = 1_700_000_000
FILES = {SMALL: body(1_000, 1), LARGE: body(300_000, 2)}


def date(seconds):
    return email.utils.formatdate(seconds, usegmt=True)


@pytest.fixture(scope="module")
def stores(new_directory):
    directory = new_directory("answers")
    for name, content in FILES.items():
        file = directory / name
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
        os.utime(file, (MODIFIED, MODIFIED))
    bucket, upstream = Origin(), SymbolServer()
    for name, content in FILES.items():
        bucket.put("answers", name, content)
        upstream.put("symbols/" + name, content)
    yield {"dir": f"file://{directory}", "s3": s3("answers", bucket),
           "http": f"{upstream.url}/symbols"}
    bucket.stop()
    upstream.stop()


@pytest.fixture(scope="module", params=["dir", "s3", "http"])
def server(request, stores, serve_all):
    return serve_all(stores=stores[request.param])


@pytest.fixture(scope="module")
def one(stores, serve_all):
    """For what does not depend on the store."""
    return serve_all(stores=stores["dir"])


@pytest.mark.row("C01")
def test_the_plain_answer(server):
    for name, content in FILES.items():
        answer = server.fetch("/" + name)
        assert answer.status == 200 and answer.body == content
        assert answer["Content-Type"] == "application/octet-stream"
        assert answer["Accept-Ranges"] == "bytes"
        assert answer["Last-Modified"] == date(MODIFIED)
        assert answer["ETag"].startswith('"') and answer["ETag"].endswith('"')
        assert answer["Date"]
        assert answer["Transfer-Encoding"] is None and answer["Content-Encoding"] is None
        assert "max-age=" in answer["Cache-Control"]


@pytest.mark.row("C47", "C71", "C72")
@pytest.mark.parametrize("asked, first, last", [
    ("bytes=0-0", 0, 0), ("bytes=0-999", 0, 999), ("bytes=0-134217727", 0, 999),
    ("bytes=500-", 500, 999),
    ("bytes=999-999", 999, 999), ("bytes=10-19", 10, 19), ("bytes=-1", 999, 999),
    ("bytes=-100", 900, 999),
    ("bytes=-1000", 0, 999), ("bytes=-5000", 0, 999), ("BYTES=0-9", 0, 9),
    ("bytes=0-99999999999999999999999999", 0, 999),
])
def test_range(asked, first, last, server):
    answer = server.fetch("/" + SMALL,
                          headers={"Range": asked, "Accept-Encoding": "br, deflate, gzip, zstd"})
    assert answer.status == 206 and answer.body == FILES[SMALL][first:last + 1], answer
    assert answer["Content-Range"] == f"bytes {first}-{last}/1000"
    assert answer["Content-Encoding"] is None
    assert answer["ETag"] == server.fetch("/" + SMALL)["ETag"]


@pytest.mark.row("C71")
@pytest.mark.parametrize("asked", [
    "bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "bytes=0-1,5-6", "bytes=0-1, 5-6", "items=0-5",
    "bytes 0-5",
    "bytes=0x0-5", "bytes=0-5x", "bytes=--5", "bytes=+0-5", "", "0-5", "bytes=0-5;q=1",
])
def test_range_that_is_none_gives_all(asked, server):
    answer = server.fetch("/" + SMALL, headers={"Range": asked})
    assert answer.status == 200 and answer.body == FILES[SMALL], answer


@pytest.mark.row("C72")
@pytest.mark.parametrize("asked", ["bytes=1000-", "bytes=1000-1000", "bytes=5000-6000", "bytes=-0",
                                   "bytes=99999999999999999999999999-"])
def test_range_past_the_end(asked, server):
    answer = server.fetch("/" + SMALL, headers={"Range": asked})
    assert answer.status == 416 and answer.body == b"", answer
    assert answer["Content-Range"] == "bytes */1000"


def test_range_of_the_large_one(server):
    """Across what is held back: the end of a range is not the end of the file."""
    for first, last in ((0, 299_999), (1, 70_000), (200_000, 299_999), (299_999, 299_999),
                        (100_000, 100_000)):
        answer = server.fetch("/" + LARGE, headers={"Range": f"bytes={first}-{last}"})
        assert answer.status == 206 and answer.body == FILES[LARGE][first:last + 1]


@pytest.mark.row("C47")
def test_range_of_a_miss(server):
    assert is_miss(server.fetch("/" + path("gone.pdb"), headers={"Range": "bytes=0-134217727"}))


def test_if_range(server):
    etag = server.fetch("/" + SMALL)["ETag"]
    for condition, status in ((etag, 206), ('"other"', 200), ("W/" + etag, 200),
                              (date(MODIFIED), 206), (date(MODIFIED - 60), 200),
                              (date(MODIFIED + 60), 200), ("nonsense", 200)):
        answer = server.fetch("/" + SMALL, headers={"Range": "bytes=0-9", "If-Range": condition})
        assert answer.status == status and len(answer.body) == (10 if status == 206
                                                                else 1_000), condition


@pytest.mark.row("C68")
def test_if_none_match(server):
    etag = server.fetch("/" + SMALL)["ETag"]
    for condition in (etag, "W/" + etag, f'"a", {etag}', f'"a",W/{etag} , "b"', "*"):
        answer = server.fetch("/" + SMALL, headers={"If-None-Match": condition})
        assert answer.status == 304 and answer["ETag"] == etag, condition
    for condition in ('"other"', etag.strip('"'), '"a", "b"', "", ","):
        assert server.fetch("/" + SMALL,
                            headers={"If-None-Match": condition}).body == FILES[SMALL], condition
    assert is_miss(server.fetch("/" + path("gone.pdb"), headers={"If-None-Match": "*"}))


def test_a_304_keeps_the_connection(server):
    with server.connect() as client:
        etag = client.fetch("/" + SMALL)["ETag"]
        assert client.fetch("/" + SMALL, headers={"If-None-Match": etag}).status == 304
        assert client.fetch("/" + SMALL).body == FILES[SMALL]


@pytest.mark.row("C68")
def test_if_modified_since(server):
    for since, status in ((date(MODIFIED), 304), (date(MODIFIED + 86400), 304),
                          (date(MODIFIED - 1), 200), ("nonsense", 200),
                          ("", 200)):
        assert server.fetch("/" + SMALL,
                            headers={"If-Modified-Since": since}).status == status, since
    answer = server.fetch("/" + SMALL,
                          headers={"If-Modified-Since": date(MODIFIED), "If-None-Match": '"other"'})
    assert answer.status == 200, "If-None-Match goes before If-Modified-Since"


@pytest.mark.row("C65")
@pytest.mark.parametrize("target, headers", [
    ("/" + SMALL, {}), ("/" + LARGE, {}), ("/" + path("gone.pdb"), {}),
    ("/" + SMALL, {"Range": "bytes=0-9"}),
    ("/" + SMALL, {"Range": "bytes=5000-"}), ("/" + SMALL, {"If-None-Match": "*"}),
    ("/pingme.txt", {}), ("/index2.txt", {}),
    ("/", {}), ("/", {"Accept": "text/html"}), ("/%zz", {}), ("/healthz", {}), ("/readyz", {}),
])
def test_head_is_get_without_the_body(target, headers, server):
    """On a kept-alive connection, where a body would be taken for the next answer."""
    with server.connect() as client:
        get = client.fetch(target, "GET", headers)
        head = client.fetch(target, "HEAD", headers)
        assert client.fetch("/pingme.txt").status == 200

    def face(answer):
        return answer.status, sorted((n, v) for n, v in answer.headers if n != "Date")
    assert face(head) == face(get)


@pytest.mark.row("C66")
@pytest.mark.parametrize("method",
                         ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get"])
def test_other_methods(method, one):
    answer = one.fetch("/" + SMALL, method, {"Content-Length": "0"})
    assert answer.status == 405 and answer.body == b"" and answer["Content-Length"] == "0", answer
    assert sorted(v.strip() for v in answer["Allow"].split(",")) == ["GET", "HEAD"]


@pytest.mark.row("C66")
def test_post_with_a_body(one):
    with one.connect() as client:
        client.ask("/" + SMALL, "POST", {"Content-Length": "100000"})
        client.send(bytes(100_000))
        assert client.answer().status == 405


@pytest.mark.row("C02", "C32", "C43", "C54")
def test_a_miss(server):
    """What radare2 would save as a PDB, LLDB warn about, symsrv drop the store for: nothing of
    it."""
    with server.connect() as client:
        for _ in range(3):
            answer = client.fetch("/" + path("gone.pdb"))
            assert is_miss(answer)
            assert len(answer.head) < 8192 and b"location:" not in answer.head.lower()
            assert answer["Connection"] in (None, "keep-alive", "Keep-Alive")
        assert client.fetch("/" + SMALL).body == FILES[SMALL]


@pytest.mark.row("C22", "C58")
def test_pingme(one):
    for target in ("/pingme.txt", "/PingMe.TXT", "//pingme.txt"):
        answer = one.fetch(target)
        assert answer.status == 200 and answer["Content-Length"] == "0"


@pytest.mark.row("C06", "C58")
def test_index2_of_a_one_tier_bucket(stage, serve):
    """Looked for once at start; asking again costs no S3 request."""
    bucket = stage(Origin)
    bucket.put("one-tier", SMALL, FILES[SMALL])
    server = serve(stores=s3("one-tier", bucket))
    assert is_miss(server.fetch("/index2.txt"))
    bucket.forget()
    for target in ("/index2.txt", "//index2.txt", "/INDEX2.TXT", "/index2.txt?x"):
        assert is_miss(server.fetch(target))
        assert server.fetch(target, "HEAD").status == 404
    assert server.fetch("/pingme.txt").status == 200
    assert not bucket.asked()


@pytest.mark.row("C57")
def test_front_page(one):
    answer = one.fetch("/", headers={"Host": "symbols.example:8080"})
    assert answer.status == 200 and answer["Content-Type"].startswith("text/plain")
    text = answer.body.decode()
    assert "srv*" in text.lower() and "http://symbols.example:8080" in text
    assert "DEBUGINFOD_URLS=http://symbols.example:8080\n" in text and "/t/" not in text
    assert one.fetch("/", "HEAD").status == 200
    page = one.fetch("/",
                     headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
                              "Host": "symbols.example"})
    assert page.status == 200 and page["Content-Type"].startswith("text/html")
    assert "http://symbols.example" in page.body.decode()


@pytest.mark.parametrize("host",
                         ['x"><script>alert(1)</script>', "a b", "x'onload='", "a/../b", "<b>",
                          "x:99999999", "&amp;"])
def test_front_page_with_a_host_that_is_none(host, one):
    for accept in ("text/html", "*/*"):
        answer = one.fetch("/", headers={"Host": host, "Accept": accept})
        assert answer.status == 200
        assert host not in answer.body.decode(), answer.body
        assert "<script>alert" not in html.unescape(answer.body.decode()), answer.body


def test_front_page_with_the_address_that_is_set(stores, serve):
    server = serve(stores=stores["dir"], PUBLIC_URL="https://symbols.example/base")
    text = server.fetch("/", headers={"Host": "other.example"}).body.decode()
    assert "https://symbols.example/base" in text and "other.example" not in text


def test_browser_gets_no_symbols_page_for_a_miss_with_a_body_that_debuggers_would_save(one):
    """Only who asks for HTML may get text with an error."""
    assert is_miss(one.fetch("/" + path("gone.pdb"), headers={"Accept": "*/*"}))
    assert one.fetch("/" + path("gone.pdb"), headers={"Accept": "text/html"}).status == 404


@pytest.mark.row("C37", "C39")
@pytest.mark.parametrize("accept",
                         ["application/msfz0", "*/*", None, "text/html", "image/png;q=0.1",
                          "nonsense"])
def test_accept_is_never_a_reason_to_refuse(accept, one):
    answer = one.fetch("/" + SMALL, headers={"Accept": accept})
    assert answer.status == 200 and answer.body == FILES[SMALL]
    assert answer["Content-Type"] == "application/octet-stream"


@pytest.mark.row("C39")
def test_msfz_twin_is_not_given_to_who_did_not_ask(one, stores):
    answer = one.fetch("/" + SMALL, headers={"Accept": "*/*"})
    assert answer.body == FILES[SMALL] and answer["x-ms-symbol-format"] in (None, "")


def test_cors(stores, serve, one):
    server = serve(stores=stores["dir"], CORS="on")
    origin = {"Origin": "https://profiler.example"}
    for target in ("/" + SMALL, "/" + path("gone.pdb")):
        assert server.fetch(target, headers=origin)["Access-Control-Allow-Origin"] == "*"
        assert one.fetch(target, headers=origin)["Access-Control-Allow-Origin"] is None


def test_cors_preflight(stores, serve):
    """A browser asks without the token whether a script may send it; on any path, which costs
    nothing and tells nothing."""
    token = "0123456789abcdef"
    server = serve(stores=stores["dir"], CORS="on", AUTH_TOKENS=token)
    ask = {"Origin": "https://profiler.example", "Access-Control-Request-Method": "GET",
           "Access-Control-Request-Headers": "authorization, range"}
    with server.connect() as client:
        for target in ("/" + SMALL, "/" + path("gone.pdb"), "/", "/%zz", "/metrics", "*"):
            answer = client.fetch(target, "OPTIONS", ask)
            assert answer.status == 204 and answer["Access-Control-Allow-Origin"] == "*", answer
            assert "GET" in answer["Access-Control-Allow-Methods"]
            allowed = answer["Access-Control-Allow-Headers"].lower().split(", ")
            assert {"authorization", "range", "symbolchecksum"} <= set(allowed)
            assert client.fetch("/" + SMALL, "GET", ask).status == 401
        answer = client.fetch("/" + SMALL, headers={"Authorization": f"Bearer {token}", **ask})
        assert answer.body == FILES[SMALL]
    closed = serve(stores=stores["dir"]).fetch("/" + SMALL, "OPTIONS", ask)
    assert closed.status == 405 and closed["Access-Control-Allow-Headers"] is None


def test_cache_control(stores, serve):
    ours = "public, max-age=31536000, immutable"
    server = serve(stores=stores["dir"], CACHE_CONTROL=ours)
    assert server.fetch("/" + SMALL)["Cache-Control"] == ours
    assert server.fetch("/" + path("gone.pdb"))["Cache-Control"] != ours


# HTTP itself

@pytest.mark.row("C76")
def test_http_1_0(one):
    answer = exchange(one.port, f"GET /{SMALL} HTTP/1.0\r\n\r\n".encode())
    assert b" 200 " in answer.split(b"\r\n")[0] and answer.endswith(FILES[SMALL])
    assert b"chunked" not in answer.split(b"\r\n\r\n")[0]


@pytest.mark.row("C76")
def test_connection_close(one):
    with one.connect() as client:
        answer = client.fetch("/" + SMALL, headers={"Connection": "close"})
        assert answer.body == FILES[SMALL] and client.closed()


@pytest.mark.row("C76")
def test_expect_100_continue(one):
    with one.connect() as client:
        assert client.fetch("/" + SMALL, headers={"Expect": "100-continue"}).body == FILES[SMALL]


@pytest.mark.row("C26")
def test_a_session_on_one_connection(one):
    """index2.txt, then the triple, as SYMSRV2 asks; 404s keep the connection."""
    with one.connect() as client:
        asked = ["/index2.txt", "/" + path("gone.pdb"), "/" + path("gone.pdb", KEY, "gone.pd_"),
                 "/" + path("gone.pdb", KEY, "file.ptr")]
        assert [client.fetch(target).status for target in asked] == [404] * 4
        assert client.fetch("/" + LARGE).body == FILES[LARGE]


@pytest.mark.row("C26")
def test_pipelined(one):
    with one.connect() as client:
        for target in ("/" + SMALL, "/" + path("gone.pdb"), "/" + LARGE):
            client.ask(target)
        assert client.answer().body == FILES[SMALL]
        assert client.answer().status == 404
        assert client.answer().body == FILES[LARGE]


@pytest.mark.row("C26")
def test_a_slow_answer_holds_back_nobody(stage, serve):
    """One connection waits for S3, others go on."""
    bucket = stage(Origin)
    bucket.put("bucket", SMALL, FILES[SMALL])
    server = serve(stores=s3("bucket", bucket), THREADS="1")
    gate = bucket.hold("held.pdb")
    with server.connect() as waiting, server.connect() as client:
        waiting.ask("/" + path("held.pdb"))
        gate.wait(1)
        assert client.fetch("/" + SMALL).body == FILES[SMALL]
        gate.release()
        assert waiting.answer().status == 404


@pytest.mark.row("C24")
def test_http_stays_http(one):
    """No redirect to https, whatever the client would like."""
    answer = one.fetch("/" + SMALL,
                       headers={"Upgrade-Insecure-Requests": "1", "X-Forwarded-Proto": "http"})
    assert answer.status == 200 and answer["Location"] is None


@pytest.mark.row("C67")
@pytest.mark.parametrize("data", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"GET\r\n\r\n", b"nonsense\r\n\r\n",
    b"\r\n\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
    b"GET /x HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
    b"GET /x HTTP/1.1\r\nno colon\r\n\r\n", b"\0" * 100, b"GET " + b"\xff" * 50,
])
def test_what_is_not_http_harms_nobody(data, one):
    """Any answer or none, but the next client is served. (TLS to this port is the commonest of
    these.)"""
    with one.connect() as client:
        client.send(data)
        client.sock.shutdown(1)
        client.closed(0.2)
        assert b" 500 " not in client.buffer[:20]
    assert one.fetch("/" + SMALL).status == 200


def test_forwarded_things_are_not_believed(one):
    answer = one.fetch("/", headers={"Host": "real.example", "X-Forwarded-Host": "evil.example"})
    assert "evil.example" not in answer.body.decode()


@pytest.mark.parametrize("accept, good", [("*;q=0, gzip", True), ("gzip;q=0.00", False),
                                          ("*, gzip;q=0", False), ("*", True)])
def test_accept_encoding(accept, good, origin, serve):
    """What is said of gzip by name counts, and no weight is no weight however it is written. Who
    does not accept it gets it decoded."""
    packed = gzip.compress(b"unpacked")
    origin.put("bucket", FOO, packed, [("Content-Encoding", "gzip")])
    answer = serve(stores=s3("bucket", origin), **IMPATIENT).fetch(
        "/" + FOO, headers={"Accept-Encoding": accept})
    assert answer.body == (packed if good else b"unpacked")
    assert answer["Content-Encoding"] == ("gzip" if good else None)


HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: x\r\n\r\n"


LENGTHS = {"two lengths": f"Content-Length: 0\r\nContent-Length: {len(HIDDEN)}",
           "the other way round": f"Content-Length: {len(HIDDEN)}\r\nContent-Length: 0",
           "length and chunks": f"Content-Length: {len(HIDDEN)}\r\nTransfer-Encoding: chunked"}


@pytest.mark.parametrize("name", LENGTHS)
def test_request_with_two_lengths(name, stocked, serve):
    """Whoever stands in front may see its end elsewhere, so nothing behind it is a request."""
    server = serve(stores=stocked)
    rest = b"0\r\n\r\n" + HIDDEN if "chunks" in name else HIDDEN
    answer = exchange(server.port, f"GET /{BAR} HTTP/1.1\r\nHost: x\r\n{LENGTHS[name]}\r\n\r\n"
                      .encode() + rest, 5)
    head = answer.partition(b"\r\n\r\n")[0].lower()
    assert b"connection: close" in head and answer.count(b"HTTP/1.1 ") == 1, head
    server.fetch("/pingme.txt")
    server.wait_log(msg="request", path="/pingme.txt")
    assert not server.log(path="/hidden")
