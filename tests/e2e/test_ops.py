# SPDX-License-Identifier: MIT
"""Running it: settings and their mistakes, start and stop, health, metrics, the log."""

import contextlib
import dataclasses
import json
import re
import signal
import socket
import struct
import threading

import pytest

from conftest import KEYS
from rig import aws, faults
from rig.client import Client, fetch, is_fault, is_miss
from rig.origin import Origin
from rig.pace import IMPATIENT, PATIENT, WAIT, within
from rig.rgw import free_ports
from rig.forms import genuine
from rig.samples import KEY, Pattern, body, path
from rig.server import run, s3, until
from rig.stage import Gate
from rig.stock import BAR
from rig.wire import Response

FOO, GONE = path("foo.pdb").lower(), path("gone.pdb").lower()


@pytest.fixture
def bucket(origin):
    origin.put("bucket", FOO, b"found")
    return origin


@pytest.fixture
def store(bucket):
    return s3("bucket", bucket)


# settings

BAD = [("PORT", "abc"), ("PORT", "65536"), ("PORT", "-1"), ("PORT", "50 00"), ("PORT", "0x50"),
       ("LISTEN_ADDRESS", "999.1.1.1"),
       ("LISTEN_ADDRESS", "not an address"), ("ADMIN_ADDRESS", "nonsense"),
       ("ADMIN_ADDRESS", "127.0.0.1:99999"),
       ("PUBLIC_URL", "ftp://x"), ("PUBLIC_URL", "symbols.example"), ("AUTH_TOKENS", "short"),
       ("AUTH_TOKENS_FILE", "/nonexistent/tokens"),
       ("SERVE_ANY_PATH", "maybe"), ("CORS", "2"), ("OUTAGE", "500"), ("REQUEST_BUDGET", "0"),
       ("REQUEST_BUDGET", "26s"),
       ("REQUEST_BUDGET", "eight"), ("REQUEST_BUDGET", "8 s s"), ("TRY_TIMEOUT", "1ms"),
       ("CONNECT_TIMEOUT", "1h"), ("STALL_TIMEOUT", "-1s"),
       ("MAX_TRANSFERS", "0"), ("STREAM_BUFFER", "1KiB"), ("STREAM_BUFFER", "lots"),
       ("MAX_CONNECTIONS", "0"), ("MAX_HEADER_SIZE", "1"),
       ("MAX_HEADER_SIZE", "99GiB"), ("HEADER_TIMEOUT", "0"), ("IDLE_TIMEOUT", "forever"),
       ("MIN_SEND_RATE", "fast"), ("THREADS", "65"),
       ("DRAIN_TIMEOUT", "2h"), ("LOG_LEVEL", "loud"), ("LOG_FORMAT", "xml"),
       ("ACCESS_LOG", "sometimes"),
       ("STORES", "ftp://host/x"), ("STORES", "bucket"), ("STORES", "s3://"),
       ("STORES", "s3://bucket?style=odd"),
       ("STORES", "s3://bucket?nonsense=1"), ("STORES", "s3://bucket?case=upper"),
       ("STORES", "s3://bucket?endpoint=ftp://x"),
       ("STORES", "s3://bucket?optional=perhaps"), ("STORES", "file://relative/path"),
       ("STORES", "http://"), ("STORES", "http://host:99999/"),
       ("S3_BUCKET", "no/such name")]


@pytest.mark.parametrize("name, value", BAD, ids=[f"{n}={v}" for n, v in BAD])
def test_bad_setting(name, value, tmp):
    """One clear line that names the variable, and exit code 2, before anything listens."""
    settings = {} if name in ("STORES", "S3_BUCKET") else {"STORES": f"file://{tmp}"}
    code, out, err = run(tmp, "serve", **{**settings, name: value})
    assert code == 2, (code, err)
    assert name in err and len(err.strip().splitlines()) == 1 and not out, err


def test_no_store_at_all(tmp, origin, serve):
    """Nothing is set and nothing is there: which variable to set, at once, in place of a server whose
    every answer is a 503. A directory that is named may come later."""
    for settings in ({}, {"PORT": "0"}):
        code, out, err = run(tmp, "serve", **settings)
        assert code == 2 and "S3_BUCKET" in err and "STORES" in err and not out
        assert len(err.splitlines()) == 1
    (tmp / "symbols").mkdir()
    assert is_miss(serve(cwd=tmp).fetch("/" + FOO))
    serve(stores=f"file://{tmp}/later")


def test_misspelt_setting_in_the_file(tmp):
    (tmp / ".env").write_text("S3_BUCKT=my-secret-value\nMY_OWN=x\n")
    for args, lines in (("serve",), 2), ((), None):
        code, _, err = run(tmp, *args, PORT=None)
        assert code == 2 and lines in (None, len(err.splitlines())), err
        assert "S3_BUCKT" in err and "did you mean S3_BUCKET?" in err and "MY_OWN" not in err
        assert "my-secret-value" not in err


def test_tokens_that_no_path_can_carry(store, serve):
    for tokens, n in ("0123456789abcdef", None), ("ABCDEF0123456789 Secret-Word 0123456789abcdef", "2"):
        server = serve(stores=store, AUTH_TOKENS=tokens)
        warned = server.log(level="warn", msg=lambda text: "lower-case hex" in text)
        assert [line["tokens"] for line in warned] == ([n] if n else [])
        assert "Secret" not in server.stderr()


@pytest.mark.parametrize("name", ["AWS_CA_BUNDLE", "SSL_CERT_FILE"])
def test_no_certificates_to_trust(name, store, tmp):
    (tmp / "empty.pem").write_text("")
    for file in (tmp / "nowhere.pem", tmp / "empty.pem", tmp):
        code, _, err = run(tmp, "serve", STORES=store, **{name: file})
        assert code == 2 and len(err.splitlines()) == 1 and name in err and str(file) in err


def test_admin_address_in_use(store, tmp, serve):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, _, err = run(tmp, "serve", STORES=store, ADMIN_ADDRESS=f"127.0.0.1:{port}")
    assert code == 1 and len(err.splitlines()) == 1
    assert "ADMIN_ADDRESS" in err and "PORT" not in err.replace("ADMIN_ADDRESS", "") and \
        str(port) in err


def test_bad_flag(tmp):
    for args, named in ((["--port=abc"], "port"), (["--nonsense"], "--nonsense"),
                        (["--port"], "--port"), (["extra"], "extra"),
                        (["--store=ftp://x"], "store")):
        code, out, err = run(tmp, "serve", *args)
        assert code == 2 and named in err, (args, err)


def test_two_forms_at_once(tmp):
    code, _, err = run(tmp, "serve", S3_BUCKET="bucket", STORES="s3://bucket")
    assert code == 2 and "S3_BUCKET" in err and "STORES" in err
    code, _, err = run(tmp, "serve", "--store=s3://bucket", S3_BUCKET="bucket")
    assert code == 2 and "S3_BUCKET" in err


def test_a_secret_in_a_bad_setting_is_not_printed(tmp):
    for settings in ({"AUTH_TOKENS": "pssst"}, {"STORES": "http://user:pssst@host:99999/"},
                     {"STORES": "ftp://user:pssst@host/"}):
        code, out, err = run(tmp, "serve", **settings)
        assert code == 2 and "pssst" not in err + out, err


def test_port_in_use(tmp, store):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, err = run(tmp, "serve", STORES=store, PORT=taken.getsockname()[1])
    assert code != 0 and "in use" in err


def test_dotenv(tmp, bucket, serve):
    """As foreman reads it; what is in the environment already wins."""
    (tmp / ".env").write_text(f"""\
# settings
STORES='{s3("bucket", bucket)}'
export CORS=on
BASE_PATH="/from/dotenv"
PORT=1
""")
    server = serve(cwd=tmp, BASE_PATH="/from/environment")
    answer = server.fetch("/from/environment/" + FOO)
    assert answer.body == b"found" and answer["Access-Control-Allow-Origin"] == "*"


def test_bad_dotenv(tmp):
    (tmp / ".env").write_text("S3_BUCKET=bucket\nthis is no setting pssst\n")
    code, _, err = run(tmp, "serve")
    assert code == 2 and ".env" in err and "2" in err and "pssst" not in err


def test_flags_win_over_the_environment(bucket, serve):
    server = serve("serve", "--base-path", "/flag", stores=s3("bucket", bucket),
                   BASE_PATH="/environment")
    assert server.fetch("/flag/" + FOO).body == b"found"


def test_without_a_subcommand(bucket, tmp, serve):
    """The original's Procfile: PORT, S3_BUCKET or STORES is enough; with nothing to go by, the
    usage."""
    server = serve(None, stores=s3("bucket", bucket))
    assert server.fetch("/" + FOO).body == b"found"
    code, out, err = run(tmp, PORT=None)
    assert "serve" in out + err and "listening" not in err


def test_version_and_help(tmp):
    code, out, _ = run(tmp, "--version")
    assert code == 0 and re.search(r"pepto-symbol \d+\.\d+", out)
    for args in (["--help"], ["serve", "--help"]):
        code, out, err = run(tmp, *args)
        assert code == 0 and not err
    for name in ("STORES", "S3_BUCKET", "PORT", "AUTH_TOKENS_FILE", "REQUEST_BUDGET", "LOG_FORMAT"):
        assert name in out
    assert run(tmp, "nonsense")[0] == 2


# serve --check

def test_check(rgw, make_bucket, tmp):
    """One line per store: credentials, region, exact or opaque, latency."""
    private, public = make_bucket(), make_bucket()
    rgw.allow(public, "GetObject")
    (tmp / "dir").mkdir()
    stores = f"{s3(private, rgw)} {s3(public, rgw, anonymous='true')} file://{tmp}/dir"
    code, out, err = run(tmp, "serve", "--check", STORES=stores, **KEYS)
    assert code == 0, err
    lines = out.strip().splitlines()
    assert len(lines) == 3, out
    assert all(word in lines[0] for word in (private, "environment", "us-east-1", "exact"))
    assert public in lines[1] and "opaque" in lines[1] and re.search("unsigned|anonymous", lines[1])
    assert [line.split()[0] for line in lines] == ["ok", "unsure", "ok"]
    assert "private and wants some" in lines[1] and "public" in lines[1], "both likely causes"
    assert "serve --check PATH" in lines[1]
    assert "file://" in lines[2] and all(re.search(r"\d ?ms", line) for line in lines)
    assert KEYS["AWS_SECRET_ACCESS_KEY"] not in out + err


def test_check_of_what_does_not_work(rgw, make_bucket, tmp):
    good = make_bucket()
    down, = free_ports(1)
    stores = [s3("e2e-no-such-bucket", rgw), s3("x-bucket", f"http://127.0.0.1:{down}"),
              s3(good, rgw), f"file://{tmp}/nowhere"]
    code, out, err = run(tmp, "serve", "--check", STORES=" ".join(stores), **IMPATIENT, **KEYS)
    assert code not in (0, 2), "a script can see it"
    lines = (out + err).strip().splitlines()
    assert any("NoSuchBucket" in line for line in lines) and any(good in line and "exact" in line
                                                                 for line in lines)
    for name in "NoSuchBucket", "x-bucket", "nowhere":
        assert len([line for line in lines if name in line]) == 1, "the same failure is told once"


def test_check_is_unsure(origin, upstream, tmp):
    """It answers, and that is no proof that anything can be read: no failure, but said."""
    denied = faults.status(403, "AccessDenied")
    origin.fault(denied, times=None)
    upstream.fault(faults.respond(lambda request: Response(403)), times=None)
    for stores, settings, why in ((s3("bucket", origin), {}, "wants some"),
                                  (s3("bucket", origin), KEYS, "s3:GetObject"),
                                  (f"{upstream.url}/symbols", {}, "403")):
        code, out, err = run(tmp, "serve", "--check", STORES=stores, **settings)
        assert code == 0 and out.startswith("unsure ") and why in out and not err, (out, err)


def test_check_of_an_endpoint_with_the_bucket_in_it(origin, tmp):
    origin.bucket("localhost")
    endpoint = origin.url.replace("127.0.0.1", "localhost.localhost")
    code, out, _ = run(tmp, "serve", "--check", STORES=s3("localhost", endpoint))
    assert out.startswith(("unsure", "FAIL"))
    if out.startswith("unsure"):
        assert code == 0 and "begins with the bucket's name" in out


def test_check_of_a_path(origin, tmp):
    """What a client would get, of each store alone; 1 when none has it."""
    big = Pattern(3_000_000)
    origin.put("bucket", FOO, big)
    (tmp / "dir").mkdir()
    stores = [f"file://{tmp}/dir", s3("bucket", origin), s3("bucket", origin) + "&not=foo*",
              s3("bucket", "http://127.0.0.1:1")]
    for path_of in (FOO, "/" + FOO, "http://symbols.example/" + FOO, "/" + FOO.upper()):
        code, out, err = run(tmp, "serve", "--check", path_of, STORES=" ".join(stores), **IMPATIENT)
        assert code == 0, (out, err)
        assert [line.split()[0] for line in out.splitlines()] == ["miss", "ok", "skip", "FAIL"]
        assert "3000000 bytes" in out and not err
    code, out, _ = run(tmp, "serve", "--check", GONE, STORES=" ".join(stores[:2]), **IMPATIENT)
    assert code == 1 and [line.split()[0] for line in out.splitlines()] == ["miss", "miss"]
    assert not (tmp / "cache").exists(), "nothing is kept"
    for bad in ("/", "a/../b", "index2.txt"):
        code, out, err = run(tmp, "serve", "--check", bad, STORES=stores[0], **IMPATIENT)
        assert code == 2 and not out and len(err.splitlines()) == 1
    code, _, err = run(tmp, "serve", "--check", FOO, "more", STORES=stores[0], **IMPATIENT)
    assert code == 2 and "more" in err
    origin.fault(faults.cut(200_000), FOO, times=None)
    code, out, _ = run(tmp, "serve", "--check", FOO, STORES=stores[1], **IMPATIENT)
    assert code == 1 and out.startswith("FAIL") and "broke off" in out


@pytest.mark.parametrize("what, word, why", [
    (b"<!DOCTYPE html><title>Sign in</title>", "miss", None),
    (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n", "miss", None),
    (b"Access denied.\n", "unsure", "a text"), (b"404: Not Found", "unsure", "a text"),
    (b"MODULE windows x86_64 497B72F6390A44FC878E5A2D63B6CC4B1 other.pdb\n", "miss", None),
    ("another PDB", "miss", "PDB "), ("the PDB", "ok", None), (b"\x00\x01" * 8, "ok", None)])
@pytest.mark.parametrize("kind", ["s3", "file"])
def test_check_of_what_is_no_such_file(kind, what, word, why, origin, tmp):
    """As a server that keeps it would judge it, by the whole of it; and a text is told to be one."""
    pdb = genuine()["pdb"]
    if isinstance(what, str):   # too long to be known by what a client is kept waiting for
        what = pdb.data + bytes(400_000)
    else:
        pdb = dataclasses.replace(pdb, name="foo.pdb")
    key = pdb.key if word == "ok" else KEY
    where = f"{pdb.name}/{key}/{pdb.name}".lower()
    origin.put("bucket", where, what)
    (tmp / "dir" / where).parent.mkdir(parents=True)
    (tmp / "dir" / where).write_bytes(what)
    store = s3("bucket", origin) if kind == "s3" else f"file://{tmp}/dir"
    code, out, err = run(tmp, "serve", "--check", where, STORES=store, **IMPATIENT)
    assert out.split()[0] == word and code == (word == "miss"), (out, err)
    if kind == "s3":
        assert (why or "") in out


def test_check_shows_no_escapes_of_a_server(origin, tmp):
    """What a server says about its failure is printed to a terminal."""
    said = [("x-amz-request-id", "\x1b[2Jred\u00ad")]
    origin.fault(faults.respond(lambda request: Response(503, said)))
    code, out, err = run(tmp, "serve", "--check", STORES=s3("bucket", origin), **IMPATIENT, **KEYS)
    assert code not in (0, 2) and "request \\u001b[2Jred" in out
    assert (out + err).replace("\n", "").isprintable()


def test_check_with_a_wrong_secret(rgw, make_bucket, tmp):
    code, out, err = run(tmp, "serve", "--check", STORES=s3(make_bucket(), rgw),
                         AWS_ACCESS_KEY_ID=KEYS["AWS_ACCESS_KEY_ID"],
                         AWS_SECRET_ACCESS_KEY="pssst", AWS_REGION="us-east-1")
    assert code not in (0, 2) and "SignatureDoesNotMatch" in out + err and "pssst" not in out + err


# start and stop

def test_start_with_an_unreachable_store(serve, stage):
    """It starts, says so, answers 503, and works as soon as the store does."""
    port, = free_ports(1)
    server = serve(stores=s3("bucket", f"http://127.0.0.1:{port}"))
    assert server.fetch("/healthz").status == 200
    assert server.fetch("/readyz").status == 503
    assert server.fetch("/" + FOO).status == 503


def test_sigterm_when_idle(store, serve):
    """Connections without a request are not waited for."""
    server = serve(stores=store, DRAIN_TIMEOUT="1h")
    with server.connect() as idle:
        assert idle.fetch("/" + FOO).body == b"found"
        assert server.stop() == 0
        assert idle.closed()


def test_sigint_too(store, serve):
    server = serve(stores=store)
    server.signal(signal.SIGINT)
    assert server.wait() == 0


def test_sigterm_at_once_after_start(store, serve):
    for _ in range(3):
        assert serve(stores=store).stop() == 0


@pytest.mark.tsan
@pytest.mark.parametrize("threads", [1, 4])
def test_drain_with_100_suspended_requests(threads, origin, serve):
    """All wait for S3 when SIGTERM comes; all are answered, then the program ends."""
    for n in range(100):
        origin.put("bucket", path(f"n{n}.pdb").lower(), body(5_000 + n, n % 5))
    server = serve(stores=s3("bucket", origin), THREADS=threads, DRAIN_TIMEOUT="60s")
    gate = origin.hold(".pdb")
    clients = [Client(server.port) for _ in range(100)]
    for n, client in enumerate(clients):
        client.ask("/" + path(f"n{n}.pdb").lower())
    gate.wait(100)
    server.signal(signal.SIGTERM)
    until(lambda: refuses(server.port), what="no new connections")
    assert server.process.poll() is None
    gate.release()
    for n, client in enumerate(clients):
        answer = client.answer()
        assert answer.status == 200 and answer.body == body(5_000 + n, n % 5)
        client.close()
    assert server.wait() == 0


def refuses(port):
    """No longer served: refused, reset, or closed without an answer."""
    try:
        with Client(port) as client:
            client.ask("/healthz")
            return client.head().status != 200
    except (OSError, AssertionError):
        return True


@pytest.mark.tsan
def test_drain_ends_at_its_timeout(origin, serve):
    """Requests that S3 never answers, bodies in the middle: cut short, and still exit code 0."""
    origin.put("bucket", FOO, Pattern(50_000_000))
    server = serve(stores=s3("bucket", origin), DRAIN_TIMEOUT="1s", MIN_SEND_RATE="0")
    gate = origin.hold(lambda r: "held" in r.path and r.path.endswith(".pdb"))
    waiting = [Client(server.port) for _ in range(50)]
    for n, client in enumerate(waiting):
        client.ask("/" + path(f"held{n}.pdb").lower())
    gate.wait(50)
    reading = [Client(server.port, receive_buffer=65536) for _ in range(10)]
    for client in reading:
        client.ask("/" + FOO)
        assert client.head().status == 200
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    for client in waiting:
        assert client.closed() and (not client.buffer
                                     or b" 503 " in client.buffer.split(b"\r\n")[0])
    for client in reading:
        assert client.skip(50_000_000) < 50_000_000
    lines = server.log(msg="request", path="/" + FOO)
    assert [(line["outcome"], line["limit"]) for line in lines] == [("closed", "drain_timeout")] * 10


def test_second_sigterm_ends_at_once(origin, serve):
    server = serve(stores=s3("bucket", origin), DRAIN_TIMEOUT="1h")
    gate = origin.hold("held")
    with server.connect() as client:
        client.ask("/" + path("held.pdb").lower())
        gate.wait(1)
        server.signal(signal.SIGTERM)
        server.wait_log(msg="draining")
        server.signal(signal.SIGTERM)
        assert server.wait() != 0, "it did not drain, and says so"
        server.may_end = {server.wait()}


@pytest.mark.row("C45")
@pytest.mark.both_ways
def test_download_finishes_while_draining(origin, serve):
    origin.put("bucket", FOO, Pattern(20_000_000))
    server = serve(stores=s3("bucket", origin), DRAIN_TIMEOUT="60s")
    with server.connect(receive_buffer=65536) as client:
        client.ask("/" + FOO)
        assert client.head().status == 200
        server.signal(signal.SIGTERM)
        until(lambda: refuses(server.port))
        assert client.read(20_000_000) == Pattern(20_000_000).bytes()
    assert server.wait() == 0


def test_systemd_is_told(store, serve, tmp):
    """sd_notify: READY=1 when it listens, STOPPING=1 when it drains."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.settimeout(WAIT)
        notify.bind("\0pepto-e2e-" + tmp.name)
        server = serve(stores=store, NOTIFY_SOCKET="@pepto-e2e-" + tmp.name)
        assert b"READY=1" in notify.recv(4096)
        server.stop()
        assert b"STOPPING=1" in notify.recv(4096)


@pytest.mark.tsan
def test_requests_until_the_last_moment(origin, stocked, serve):
    """What comes on open connections while the drain ends is answered or closed."""
    for _ in range(2):
        server = serve(stores=stocked, THREADS=4, DRAIN_TIMEOUT="300ms", ACCESS_LOG="off")
        gate = origin.hold(GONE)
        started = threading.Barrier(9)

        def hammer():
            with contextlib.suppress(OSError, AssertionError), server.connect() as client:
                client.fetch("/" + BAR)
                started.wait(WAIT)
                while True:
                    client.fetch("/" + BAR)
        threads = [threading.Thread(target=hammer) for _ in range(8)]
        with server.connect() as held:
            held.ask("/" + GONE)
            gate.wait(1)
            for thread in threads:
                thread.start()
            started.wait(WAIT)
            server.signal(signal.SIGTERM)
            assert server.wait() == 0
        origin.heal()
        for thread in threads:
            thread.join()


@pytest.fixture
def hanging(stage, stocked, serve):
    """A server whose credentials are being asked for and do not come."""
    service = stage(aws.Container, aws.Keys(("a", "b")))
    service.fault(faults.hang())

    def start(**settings):
        server = serve(stores=stocked, AWS_REGION="us-east-1", **settings,
                       AWS_CONTAINER_CREDENTIALS_FULL_URI=service.url + "/c")
        service.wait_asked(1)
        return server
    return start


def test_second_signal_while_credentials_hang(hanging):
    """It ends at once, also when the drain is over."""
    server = hanging()
    server.may_end = {143, -signal.SIGTERM}
    server.signal(signal.SIGTERM)
    server.wait_log(msg="stopped")
    server.signal(signal.SIGTERM)
    assert server.wait() in server.may_end


def test_end_while_credentials_hang(hanging):
    """Nor does the first signal wait for a service that does not answer."""
    server = hanging(DRAIN_TIMEOUT="0s")
    server.signal(signal.SIGTERM)
    with within(2):
        assert server.wait() == 0


# health

def test_readyz(origin, serve):
    """Not before the first successful probe; and it never asks S3 itself."""
    origin.put("bucket", FOO, b"found")
    origin.fault(faults.hang())
    server = serve(stores=s3("bucket", origin))
    assert server.fetch("/readyz").status == 503
    assert server.fetch("/healthz").status == 200
    origin.heal()
    origin.listener.drop()
    until(lambda: server.fetch("/readyz").status == 200)
    origin.forget()
    for _ in range(50):
        assert server.fetch("/readyz").status == 200
        assert server.fetch("/healthz").status == 200
    assert len(origin.asked()) <= 2


def test_one_store_is_enough_to_be_ready(bucket, stage, serve):
    dead = stage(Origin)
    dead.stop()
    server = serve(stores=[s3("dead", dead), s3("bucket", bucket)])
    until(lambda: server.fetch("/readyz").status == 200)


def test_readyz_while_draining(origin, serve):
    admin, = free_ports(1)
    origin.put("bucket", FOO, b"found")
    server = serve(stores=s3("bucket", origin), ADMIN_ADDRESS=f"127.0.0.1:{admin}",
                   DRAIN_TIMEOUT="60s")
    until(lambda: fetch(admin, "/readyz").status == 200)
    gate = origin.hold(FOO)
    with server.connect() as client:
        client.ask("/" + FOO)
        gate.wait(1)
        server.signal(signal.SIGTERM)
        until(lambda: fetch(admin, "/readyz").status == 503)
        assert fetch(admin, "/healthz").status == 200
        gate.release()
        assert client.answer().body == b"found"
    assert server.wait() == 0


def test_admin_address(store, serve):
    admin, = free_ports(1)
    server = serve(stores=store, ADMIN_ADDRESS=f"127.0.0.1:{admin}")
    assert fetch(admin, "/healthz").status == 200 and fetch(admin, "/metrics").status == 200
    assert fetch(admin, "/" + FOO).status == 404
    for name in ("/healthz", "/readyz", "/metrics"):
        assert is_miss(server.fetch(name)), "these are not for the clients then"
    assert server.fetch("/" + FOO).body == b"found"


# metrics and the log

def test_metrics_text(store, serve):
    """Prometheus' text format, version 0.0.4: HELP and TYPE once, before the samples; every name
    ours."""
    server = serve(stores=store)
    server.fetch("/" + FOO)
    server.fetch("/" + GONE)
    answer = server.fetch("/metrics")
    assert answer["Content-Type"].startswith("text/plain")
    seen, kind = set(), {}
    for line in answer.body.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind_of = line.split(" ")
            assert name not in kind and kind_of in ("counter", "gauge", "histogram")
            kind[name] = kind_of
        elif line.startswith("# HELP "):
            assert re.fullmatch(r"# HELP [a-z0-9_]+ \S.*", line)
        else:
            sample = re.fullmatch(r'([a-z0-9_]+)(\{\w+="[^"]*"(?:,\w+="[^"]*")*\})? [0-9.e+-]+',
                                  line)
            assert sample and sample[1].startswith(("pepto_", "process_")), line
            assert re.sub("_(bucket|sum|count)$", "", sample[1]) in kind, "TYPE comes first"
            assert (sample[1], sample[2]) not in seen, "twice"
            seen.add((sample[1], sample[2]))
    assert answer.body.endswith(b"\n")


def test_metrics_count(store, serve):
    """Bytes are counted once they have been sent. One thread, which does so before it takes the next
    request: a client may be faster than that."""
    server = serve(stores=store, THREADS="1")
    before = server.metrics()
    for _ in range(3):
        server.fetch("/" + FOO)
    server.fetch("/" + GONE)
    server.fetch("/" + FOO, "POST", {"Content-Length": "0"})
    server.fetch("/" + FOO, headers={"Range": "bytes=100-"})
    server.fetch("/" + FOO, headers={"If-None-Match": "*"})
    after = server.metrics()

    def grown(name, labels=""):
        return after[name, labels] - before[name, labels]
    assert grown("pepto_requests_total", '{outcome="found"}') == 3
    assert grown("pepto_requests_total", '{outcome="miss"}') == 1
    assert grown("pepto_requests_total", '{outcome="method"}') == 1
    assert grown("pepto_requests_total", '{outcome="range"}') == 1
    assert grown("pepto_requests_total", '{outcome="not_modified"}') == 1
    page = server.wait_log(msg="request", path="/metrics")
    assert grown("pepto_client_bytes_total") == 15 + int(page["bytes"])


def test_the_request_line(store, serve):
    server = serve(stores=store)
    server.fetch("/" + FOO + "?query=secret",
                 headers={"User-Agent": "Microsoft-Symbol-Server/10.0.0.0"})
    server.fetch("/" + GONE)
    hit = server.wait_log(msg="request", status=200)
    assert hit["method"] == "GET" and hit["path"] == "/" + FOO
    assert hit["outcome"] == "found" and hit["bytes"] == "5"
    assert hit["store"].startswith("s3://bucket") and float(hit["dur_ms"]) > 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z",
                        hit["time"] if "time" in hit else hit["ts"])
    assert server.wait_log(msg="request", status=404)["outcome"] == "miss"
    assert "secret" not in server.stderr()


def test_json_log(store, serve):
    server = serve(stores=store, LOG_FORMAT="json")
    server.fetch("/" + FOO)
    server.fetch('/"odd"%5c/' + FOO)
    until(lambda: len(server.log(msg="request")) == 2)
    for line in server.text:
        json.loads(line)
    first, = server.log(msg="request", path="/" + FOO)
    assert first["status"] == 200 and first["bytes"] == 5


def test_access_log_off(store, serve):
    server = serve(stores=store, ACCESS_LOG="off")
    server.fetch("/" + FOO)
    server.stop()
    assert not server.log(msg="request")


def test_log_level(bucket, store, serve):
    """debug tells what each store was asked and what it said; info does not."""
    asked, answered = {"msg": "candidate asked"}, {"msg": "candidate answered"}
    server = serve(stores=store, LOG_LEVEL="debug", CACHE_DIR="off")
    assert server.fetch("/" + FOO).body == b"found" and is_miss(server.fetch("/" + GONE))
    bucket.fault(faults.status(500, "InternalError"), "bar.pdb")
    assert is_fault(server.fetch("/" + BAR))
    server.wait_log(msg="request", path="/" + BAR)
    twin = FOO[:-1] + "_"
    assert server.log(**asked, key=FOO, level="debug", store=lambda name: name.startswith("s3://"),
                      **{"for": "itself"}, form="stored")
    assert server.log(**asked, key=twin, form="expanded", **{"for": "whether it is there"})
    assert [line["answer"] for line in server.log(**answered, key=FOO)] == ["found"]
    assert [line["answer"] for line in server.log(**answered, key=GONE)] == ["denied"]
    fault, = server.log(**answered, key=BAR)
    assert fault["answer"] == "fault" and "InternalError" in fault["error"]
    server = serve(stores=store, LOG_LEVEL="info", CACHE_DIR="off")
    assert server.fetch("/" + FOO).body == b"found"
    server.wait_log(msg="request")
    assert not server.log(level="debug")


def test_the_debug_log_shows_no_token(bucket, store, serve):
    """What lets a client in may stand in any path, and then the keys of that are not told."""
    server = serve(stores=store, LOG_LEVEL="debug", AUTH_TOKENS="token-in-a-path", CACHE_DIR="off")
    shown = {"Authorization": "Bearer token-in-a-path"}
    server.fetch("/" + path("token-in-a-path.pdb"), headers=shown)
    server.fetch("/" + path("Token-In-A-Path.pdb"), headers=shown)
    assert server.fetch("/" + FOO, headers=shown).body == b"found"
    server.wait_log(msg="request", count=3)
    assert server.log(msg="candidate asked", key=FOO)
    assert "token-in-a-path" not in server.stderr().lower()


def test_no_secrets_anywhere(rgw, make_bucket, serve, tmp):
    """In no log line, on no page, in no header: keys, tokens, signatures."""
    server = serve(stores=s3(make_bucket(), rgw), LOG_LEVEL="debug", AUTH_TOKENS="tokentokentoken",
                   **KEYS)
    pages = b"".join(server.fetch(t, headers={"Authorization": "Bearer tokentokentoken"}).body
                     for t in ("/", "/metrics", "/readyz", "/healthz", "/" + FOO))
    text = server.stderr() + pages.decode()
    for secret in (KEYS["AWS_SECRET_ACCESS_KEY"], "tokentokentoken", "Signature=", "AWS4-HMAC"):
        assert secret not in text


def test_process_limits_are_raised(store, serve):
    server = serve(stores=store)
    limits = open(f"/proc/{server.pid}/limits").read()
    soft, hard = re.search(r"Max open files\s+(\d+)\s+(\d+)", limits).groups()
    assert soft == hard


def test_start_is_fast(store, serve):
    """Static credentials: listening and answering well within a second even with sanitizers."""
    with within(1):
        server = serve(stores=store)
        assert server.fetch("/pingme.txt").status == 200


def test_clients_that_reset(store, serve):
    """RST right behind the request."""
    server = serve(stores=store)
    for _ in range(20):
        client = server.connect()
        client.ask("/" + FOO)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        client.close()
    assert server.fetch("/" + FOO).body == b"found"


def test_long_path_leaves_room_in_its_log_line(stocked, serve):
    """A path that is none is cut, so that status and client can be seen."""
    server = serve(stores=stocked)
    assert server.fetch("/" + "%" + "a" * 7_000).status == 404
    line = server.wait_log(msg="request", path=lambda p: "aaaa" in p)
    assert line["status"] == "404" and line["client"] and len(line["path"]) <= 1024


def test_proxy_password_is_not_in_the_log(stocked_http, serve):
    """Nor on any page or in any error."""
    server = serve(stores=stocked_http, http_proxy="socks9://user:pass-word@127.0.0.1:1",
                   no_proxy=None, **IMPATIENT)
    assert is_fault(server.fetch("/" + FOO))
    assert "pass-word" not in server.stderr()


@pytest.mark.parametrize("target", ["http://user:pass-word@127.0.0.1/" + FOO,
                                    "http://user:pass-word@127.0.0.1",
                                    "HTTP://user:pass-word@127.0.0.1/%00"])
def test_user_in_an_absolute_target_is_not_in_the_log(target, stocked, serve):
    """What stands before the path is nobody's business."""
    server = serve(stores=stocked)
    server.fetch(target)
    server.wait_log(msg="request")
    assert "pass-word" not in server.stderr()


@pytest.mark.cache_on
def test_the_address_of_a_client_that_has_reset(bucket, store, serve):
    """The kernel does not tell it any more when the line is written."""
    gate = Gate("")
    bucket.put("bucket", FOO, Pattern(3_000_000))
    bucket.fault(faults.pause_at(1_000_000, gate), FOO, times=1)
    server = serve(stores=store, **PATIENT)
    with server.connect(receive_buffer=4096) as client:
        client.ask("/" + FOO)
        gate.wait(1)
        assert client.head().status == 200
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    gate.release()
    line = server.wait_log(msg="request", path="/" + FOO)
    assert line["client"] == "127.0.0.1" and line["outcome"] == "left"
