# SPDX-License-Identifier: MIT
"""Who may read: tokens by Basic, Bearer or path; what is never asked for one; what never leaks."""

import base64

import pytest

from conftest import KEYS
from rig.client import is_miss
from rig.origin import Origin
from rig.samples import body, path
from rig.server import s3, until

HEX, WORD = "0123456789abcdef0123456789abcdef", "Correct-Horse_Battery~Staple"
FOO = "/" + path("foo.pdb")


def basic(password, user="anybody", scheme="Basic"):
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    return {"Authorization": f"{scheme} {encoded}"}


def bearer(token, scheme="Bearer"):
    return {"Authorization": f"{scheme} {token}"}


@pytest.fixture(scope="module")
def bucket():
    origin = Origin()
    origin.put("auth", FOO[1:].lower(), b"found")
    yield origin
    origin.stop()


@pytest.fixture(scope="module")
def server(bucket, serve_all):
    return serve_all(stores=s3("auth", bucket), AUTH_TOKENS=f"{HEX} {WORD}")


def is_refused(answer):
    assert answer.status == 401 and answer.body == b"" and answer["Content-Length"] == "0", answer
    assert answer["WWW-Authenticate"].startswith("Basic"), answer
    return True


@pytest.mark.row("C23")
@pytest.mark.parametrize("headers", [
    basic(HEX), basic(WORD), basic(WORD, ""), basic(WORD, "user name"), basic(HEX, scheme="basic"),
    bearer(HEX), bearer(WORD), bearer(WORD, "bearer"), bearer(WORD, "BEARER"),
])
def test_let_in(headers, server):
    with server.connect() as client:
        assert is_refused(client.fetch(FOO))
        assert client.fetch(FOO, headers=headers).body == b"found"
        assert is_miss(client.fetch("/" + path("gone.pdb"), headers=headers))


@pytest.mark.row("C23")
@pytest.mark.parametrize("headers", [
    {}, basic("wrong"), basic(HEX.upper()), basic(HEX[:-1]), basic(HEX + "0"), basic(""),
    basic(WORD.lower()), bearer("wrong"), bearer(""),
    bearer(HEX + " " + WORD), {"Authorization": "Basic"}, {"Authorization": "Basic !!!"},
    {"Authorization": "Basic " + "A" * 5_000},
    {"Authorization": "Digest username=x"}, {"Authorization": HEX},
    {"Authorization": "Basic " + base64.b64encode(HEX.encode()).decode()},
    {"Cookie": HEX}, {"X-Token": HEX},
])
def test_kept_out(headers, server, bucket):
    bucket.forget()
    for target in (FOO, "/" + path("gone.pdb"), FOO + f"?token={HEX}"):
        assert is_refused(server.fetch(target, headers=headers))
    head = server.fetch(FOO, "HEAD", headers)
    assert head.status == 401 and head["WWW-Authenticate"]
    assert not bucket.asked(), "who is not let in costs no S3 request"


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
@pytest.mark.parametrize("base,headers,shown", [
    (f"/t/{HEX}", {}, HEX), (f"/T/{HEX.upper()}/", {}, HEX.upper()), (f"/t/{HEX}", basic(WORD), HEX),
    ("", basic(HEX), "TOKEN"), ("", bearer(WORD), "TOKEN"), ("/t/0123", bearer(HEX), "TOKEN")])
def test_front_page_says_how_to_come_back(base, headers, shown, accept, server):
    """With the token of the path; else with the place for one, since a password stays unsaid."""
    page = server.fetch(base or "/", headers={"Host": "h", "Accept": accept, **headers})
    text = page.body.decode()
    assert page.status == 200 and page["Cache-Control"] == "private, no-store"
    for line in (f".sympath srv*C:\\Symbols*http://h/t/{shown}",
                 f"export DEBUGINFOD_URLS=http://h/t/{shown}"):
        assert f"{line}\n" in text or f"{line}</code>" in text, line
    assert ("in the place of TOKEN" in text) == (shown == "TOKEN")
    assert WORD not in text and (HEX in text.lower()) == (shown != "TOKEN")


@pytest.mark.row("C23")
def test_token_in_the_path(server):
    """For debuggers that can send no header; cdb lower-cases it, which hex survives."""
    for base in (f"/t/{HEX}", f"/T/{HEX.upper()}", f"//t//{HEX}"):
        assert server.fetch(base + FOO).body == b"found", base
        assert is_miss(server.fetch(base + "/" + path("gone.pdb")))
        assert is_miss(server.fetch(base + "/index2.txt"))
        assert server.fetch(base + "/pingme.txt").status == 200
        assert server.fetch(base + "/").status == 200
    for wrong in (f"/t/{HEX[:-1]}0", f"/t/{HEX[:-2]}", "/t/", "/t", f"/t/{WORD}"):
        assert is_refused(server.fetch(wrong + FOO)), wrong


def test_token_in_the_path_and_the_base_path(bucket, serve):
    server = serve(stores=s3("auth", bucket), AUTH_TOKENS=HEX, BASE_PATH="/symbols")
    assert server.fetch(f"/symbols/t/{HEX}{FOO}").body == b"found"
    assert server.fetch(f"/t/{HEX}/symbols{FOO}").body == b"found"
    assert server.fetch(f"/symbols{FOO}").status == 401


def test_tokens_from_a_file(bucket, tmp, serve):
    file = tmp / "tokens"
    file.write_text(f"# who may read\n\n{HEX}\n{WORD}\r\n")
    server = serve(stores=s3("auth", bucket), AUTH_TOKENS_FILE=file)
    assert is_refused(server.fetch(FOO))
    assert is_refused(server.fetch(FOO, headers=basic("# who may read")))
    for token in (HEX, WORD):
        assert server.fetch(FOO, headers=basic(token)).body == b"found"


def test_without_tokens_nobody_is_asked(bucket, serve):
    server = serve(stores=s3("auth", bucket))
    assert server.fetch(FOO).body == b"found"
    assert server.fetch(FOO, headers=basic("whatever")).body == b"found"


def test_health_needs_no_token(server):
    assert server.fetch("/healthz").status == 200
    assert until(lambda: server.fetch("/readyz").status == 200)


def test_no_token_in_the_log(server):
    server.fetch(f"/t/{HEX}{FOO}")
    server.fetch(f"/t/{HEX[:-1]}0{FOO}?secret-query")
    server.fetch(FOO, headers=basic(WORD))
    server.wait_log(msg="request", status=401)
    text = server.stderr()
    assert HEX not in text and WORD not in text and basic(WORD)["Authorization"][6:] not in text
    assert HEX[:-1] not in text, "a mistyped token is nearly one"
    assert "secret-query" not in text


def test_a_refused_client_is_counted(server):
    before = server.metrics()["pepto_requests_total", '{outcome="denied"}']
    server.fetch(FOO)
    assert server.metrics()["pepto_requests_total", '{outcome="denied"}'] == before + 1


def test_with_tokens_a_signed_store_serves_only_who_is_let_in(bucket, serve):
    """Rule 10 protects against accident; who set tokens has decided, but everybody else still
    gets nothing."""
    server = serve(stores=s3("auth", bucket), AUTH_TOKENS=HEX, **KEYS)
    assert server.fetch(FOO, headers=basic(HEX)).body == b"found"
    assert is_refused(server.fetch("/000Admin/server.txt"))


def test_warning_when_a_private_bucket_is_open_to_the_network(bucket, serve):
    warned = serve(stores=s3("auth", bucket), LISTEN_ADDRESS="0.0.0.0", **KEYS)
    until(lambda: warned.log(level="warn"))
    assert len(warned.log(level="warn")) == 1
    for quiet in (serve(stores=s3("auth", bucket), **KEYS),
                  serve(stores=s3("auth", bucket), LISTEN_ADDRESS="0.0.0.0"),
                  serve(stores=s3("auth", bucket), LISTEN_ADDRESS="0.0.0.0", AUTH_TOKENS=HEX,
                        **KEYS)):
        assert quiet.fetch("/pingme.txt", headers=basic(HEX)).status == 200
        assert not quiet.log(level="warn"), quiet.stderr()


ADMIN = "Purge-Token+of~the.tests"


@pytest.mark.parametrize("method, target", [
    ("POST", "/-/purge/" + ADMIN), ("GET", "/-/purge/" + ADMIN), ("GET", "/t/" + ADMIN + "/foo.pdb"),
    ("POST", "/-/purge?token=" + ADMIN), ("GET", "/foo.pdb/" + ADMIN.upper() + "/foo.pdb"),
    ("OPTIONS", "/-/purge/" + ADMIN), ("GET", "/../" + ADMIN), ("GET", f"/%2e%2e/{ADMIN[:-1]}%73"),
    ("GET", f"/-/purge/{ADMIN[:-1]}%73")])
@pytest.mark.parametrize("tokens", [{}, {"AUTH_TOKENS": HEX}])
def test_a_purge_token_at_the_wrong_place(tokens, method, target, origin, serve):
    """Is in no log line, and no store hears of it."""
    origin.listable = True
    server = serve(stores=s3(origin.bucket("bucket"), origin), ADMIN_TOKEN=ADMIN, CORS="true",
                   SERVE_ANY_PATH="true", **tokens)
    with server.connect() as client:
        client.ask(target, method, {"Content-Length": "0", "User-Agent": "x " + ADMIN,
                                    "Authorization": "Bearer " + (HEX if tokens else "x")})
        assert client.answer().status in (204, 401, 404, 405)
    until(lambda: server.log(msg="request"))
    assert ADMIN.lower()[:-1] not in server.stderr().lower()
    assert not origin.asked("purge-token") and not origin.asked("Purge-Token")


def test_a_short_purge_token_stands_in_no_file_s_way(origin, serve):
    """Any text may be one; then the name of a file may hold it."""
    name = path("symbols.pdb").lower()
    origin.put("bucket", name, body(10))
    server = serve(stores=s3(origin.bucket("bucket"), origin), ADMIN_TOKEN="symbols")
    assert server.fetch("/" + name).body == body(10)
    assert len(server.log(level="warn", msg=lambda text: "ADMIN_TOKEN is short" in text)) == 1


def test_a_short_token_stands_in_no_file_s_way(origin, serve):
    name = path("contoso1.pdb").lower()
    origin.put("bucket", name, body(10))
    server = serve(stores=s3(origin.bucket("bucket"), origin), AUTH_TOKENS="contoso1")
    assert server.fetch("/" + name, headers=bearer("contoso1")).body == body(10)


@pytest.mark.parametrize("target", [f"/t/{HEX}/x/t/{HEX}/a.pdb", f"/x/t/{HEX}",
                                    f"/x/t/{HEX.upper()}/a.pdb", f"/{HEX}/{HEX}",
                                    f"/t/{HEX}%"])
def test_token_anywhere_in_the_path_is_not_in_the_log(target, bucket, serve):
    """Also where it is not what lets the client in; and no store hears of it."""
    server = serve(stores=s3("auth", bucket), AUTH_TOKENS=HEX, SERVE_ANY_PATH="true")
    assert server.fetch(target, headers=bearer(HEX)).status in (400, 404)
    server.fetch(target)
    server.wait_log(msg="request", count=2)
    assert HEX not in server.stderr().lower()
    assert not bucket.asked(HEX) and not bucket.asked(HEX.upper())
