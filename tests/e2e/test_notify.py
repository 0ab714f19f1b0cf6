# SPDX-License-Identifier: MIT
"""POST /-/notify: who has published tells so, and the misses of just these keys are forgotten."""

import pathlib

import pytest

from rig import faults
from rig.cachedir import PURGE_TOKEN, kept, purge, quiet, ways
from rig.client import is_miss
from rig.listed import Listed
from rig.samples import KEY, body, path
from rig.server import run, s3, until

pytestmark = pytest.mark.cache_on

TOKEN = "notify-token-of-tests"
FOO, GONE, OTHER = (path(name) for name in ("foo.pdb", "gone.pdb", "other.pdb"))
SETTINGS = {"NOTIFY_TOKEN": TOKEN, "ADMIN_TOKEN": PURGE_TOKEN, "MISS_TTL": "1h"}


def notify(server, *paths, token=TOKEN, method="POST"):
    what = "".join(p + "\n" for p in paths).encode()
    headers = {"Content-Length": str(len(what)), "Connection": "close"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with server.connect() as client:
        client.ask("/-/notify", method, headers)
        client.send(what)
        return client.answer()


def asked(origin):
    return {r.path.lower() for r in origin.asked("pdb")}


def test_exactly_these_misses(origin, store, serve):
    server = serve(stores=store, **SETTINGS)
    for target in (GONE, OTHER):
        assert is_miss(server.fetch("/" + target)) and is_miss(server.fetch("/" + target))
    quiet(server)
    origin.put("bucket", GONE.lower(), body(5_000))
    assert is_miss(server.fetch("/" + GONE)), "it is remembered"
    origin.forget()
    answer = notify(server, GONE)
    assert (answer.status, answer.body) == (200, b"misses of 1 paths are forgotten\n")
    assert server.fetch("/" + GONE).body == body(5_000)
    assert is_miss(server.fetch("/" + OTHER))
    quiet(server)
    assert not any("other.pdb" in p for p in asked(origin)), "another miss is remembered as before"


def test_what_is_cached_stays(origin, store, serve):
    origin.put("bucket", FOO.lower(), body(200_000))
    server = serve(stores=store, **SETTINGS)
    assert server.fetch("/" + FOO).body == body(200_000)
    kept(server)
    for _ in range(3):
        assert server.fetch("/" + FOO).status == 200
    quiet(server)
    origin.forget()
    assert notify(server, FOO, OTHER).status == 200
    assert server.fetch("/" + FOO).body == body(200_000)
    quiet(server)
    assert not asked(origin)
    until(lambda: len(ways(server, "/" + FOO)) == 5)
    assert ways(server, "/" + FOO).count("hit") == 4


def test_in_a_bucket_of_any_case(stage, serve):
    """By an index of names, in which other names stay missing without a request."""
    origin = stage(Listed, page=2)
    for i in range(24):
        origin.put("bucket", path(f"Module{i:02}.pdb"), body(500))
    server = serve(stores=s3("bucket", origin, index="on"), **SETTINGS)
    until(lambda: server.metrics()["pepto_index_listings_total", '{result="complete"}'] >= 1)
    origin.forget()
    for target in (GONE, OTHER):
        assert is_miss(server.fetch("/" + target))
    assert not asked(origin), "they are missing by their names"
    origin.put("bucket", GONE.lower(), body(5_000))
    assert notify(server, GONE).status == 200
    assert server.fetch("/" + GONE).body == body(5_000)
    assert is_miss(server.fetch("/" + OTHER))
    quiet(server)
    assert not any("other.pdb" in p for p in asked(origin))


def test_a_miss_on_its_way(origin, store, serve):
    """It was asked for before the file came: it is no news, and not remembered."""
    server = serve(stores=store, **SETTINGS)
    gate = origin.hold("gone.pdb")
    with server.connect() as client:
        client.ask("/" + GONE)
        gate.wait(1)
        assert notify(server, GONE).status == 200
        gate.release()
        assert is_miss(client.answer())
    quiet(server)
    origin.forget()
    assert is_miss(server.fetch("/" + GONE))
    assert asked(origin), "it is asked for again"


@pytest.mark.parametrize("token, method, status", [
    (None, "POST", 401), ("wrong-token-of-tests", "POST", 401), (PURGE_TOKEN, "POST", 401), (TOKEN, "PUT", 405)])
def test_who_may(token, method, status, store, serve):
    server = serve(stores=store, **SETTINGS)
    assert notify(server, GONE, token=token, method=method).status == status


def test_that_it_may_do_nothing_else(origin, store, serve):
    origin.put("bucket", FOO.lower(), body(5_000))
    server = serve(stores=store, AUTH_TOKENS="reader-of-tests", **SETTINGS)
    assert purge(server, token=TOKEN).status == 401
    assert server.fetch("/" + FOO, headers={"Authorization": f"Bearer {TOKEN}"}).status == 401
    none = serve(stores=store)
    assert notify(none, GONE).status == 405 and none.fetch("/-/notify").status == 404


@pytest.mark.parametrize("paths, status", [
    ([f"m{i}.pdb/ABCDEF1/m{i}.pdb" for i in range(10_000)], 200),
    ([f"m{i}.pdb/ABCDEF1/m{i}.pdb" for i in range(10_001)], 413),
    (["a/../b"], 400), ([], 400), (["foo.pdb/ABC1/foo.pdb", "\x01"], 400)])
def test_how_much(paths, status, store, serve):
    assert notify(serve(stores=store, **SETTINGS), *paths).status == status


# by add

def sym(tmp, name="m.sym"):
    tmp.joinpath(name).write_text("MODULE windows x86_64 C9A61DDDD7E44353A668E39AC614A7EA1 mod.pdb\n")
    return tmp / name


def test_add_tells(serve, tmp):
    (tmp / "store").mkdir()
    at, wanted = f"file://{tmp}/store", "/mod.pdb/C9A61DDDD7E44353A668E39AC614A7EA1/mod.sym"
    servers = [serve(stores=at, **SETTINGS) for _ in range(2)]
    for server in servers:
        assert is_miss(server.fetch(wanted))
    code, _, err = run(tmp, "add", sym(tmp), "--store", at, "--notify", f"http://127.0.0.1:{servers[0].port}/",
                       "--notify", f"http://127.0.0.1:{servers[1].port}", PEPTO_NOTIFY_TOKEN=TOKEN)
    assert code == 0 and not err
    for server in servers:
        server.wait_log(msg="request", path="/-/notify", status="200")
        assert server.fetch(wanted).status == 200


def test_a_server_that_does_not_listen(serve, tmp):
    """That is a warning: its memory ends by itself."""
    (tmp / "store").mkdir()
    deaf = serve(stores=f"file://{tmp}/store")
    for url, why in ((f"http://127.0.0.1:{deaf.port}", "is NOTIFY_TOKEN set there?"), ("http://127.0.0.1:9", "was not told")):
        code, _, err = run(tmp, "add", sym(tmp), "--store", f"file://{tmp}/store", PEPTO_NOTIFY=url)
        assert code == 0 and why in err, err


def cpu_of(server, name):
    """Ticks that its threads of that name have run."""
    ticks = 0
    for task in pathlib.Path(f"/proc/{server.process.pid}/task").iterdir():
        try:
            comm, _, rest = (task / "stat").read_text().rpartition(")")
        except OSError:                 # it has ended
            continue
        ticks += sum(map(int, rest.split()[11:13])) if comm.endswith(name) else 0
    return ticks


def test_others_need_not_wait(store, serve):
    """The loop reads what is told, in turns, and not the thread of the connection, which has others."""
    server = serve(stores=store, **SETTINGS)
    lines = "".join(path(f"module{i}.pdb") + "\n" for i in range(10_000)).encode()
    assert server.fetch("/healthz").status == 200
    before = {name: cpu_of(server, name) for name in ("pepto-http", "pepto-loop")}
    with server.connect() as client:
        client.ask("/-/notify", "POST", {"Content-Length": str(len(lines)), "Authorization": f"Bearer {TOKEN}"})
        client.send(lines)
        answer = client.answer()
    took = {name: cpu_of(server, name) - before[name] for name in before}
    assert answer.status == 200 and "10000 paths" in answer.body.decode()
    assert took["pepto-loop"] > 2 * took["pepto-http"], took


@pytest.mark.parametrize("lines, status, told", [
    (b"", 400, "name paths"), (b"\n\n", 400, "name paths"), (b"a.pdb/00/a.pdb\n" * 70 + b"a/../../b\n", 400, "line 71 "),
    (b"a.pdb/00/a.pdb\n" * 4, 200, "4 paths"), (b"a.pdb/00/a.pdb\n" * 5 + b"b.pdb/00/b.pdb", 200, "6 paths"),
    (b"a.pdb/00/a.pdb\n" * 10_001, 413, "too much")],
    ids=["nothing", "empty lines", "a bad line", "a turn's", "more", "too many"])
def test_what_is_told(lines, status, told, store, serve):
    server = serve(stores=store, **SETTINGS)
    with server.connect() as client:
        client.ask("/-/notify", "POST", {"Content-Length": str(len(lines)), "Authorization": f"Bearer {TOKEN}"})
        client.send(lines)
        answer = client.answer()
    assert answer.status == status and told in answer.body.decode(), answer.body
