# SPDX-License-Identifier: MIT
"""Several stores: their order, what the failure of one means, which names each may hear of."""

import concurrent.futures
import time

import pytest

from rig import faults
from rig.client import is_fault, is_miss
from rig.origin import Origin, SymbolServer
from rig.pace import IMPATIENT, ms
from rig.samples import BUILD_ID, KEY, Pattern, body, path
from rig.server import s3, until
from rig.stage import Gate
from rig.stock import others_are_served
from rig.wire import Response

FOO, BAR, GONE = (path(name).lower() for name in ("foo.pdb", "bar.pdb", "gone.pdb"))
DOWN = faults.status(500, "InternalError")


@pytest.fixture
def pair(stage):
    """Two buckets at two services: foo.pdb in both, bar.pdb in the second."""
    first, second = stage(Origin), stage(Origin)
    first.put("one", FOO, b"first")
    second.put("two", FOO, b"second")
    second.put("two", BAR, b"second")
    return first, second


def urls(pair, first="", second=""):
    return [s3("one", pair[0]) + first, s3("two", pair[1]) + second]


def test_in_order(pair, serve):
    server = serve(stores=urls(pair))
    assert server.fetch("/" + FOO).body == b"first"
    assert server.fetch("/" + BAR).body == b"second"
    assert is_miss(server.fetch("/" + GONE))
    assert not pair[1].asked(FOO), "a hit goes no further"
    assert server.wait_log(msg="request", status=200,
                           path=lambda p: "bar" in p)["store"].startswith("s3://two")


@pytest.mark.row("C18")
def test_a_failing_store_is_skipped_but_not_forgotten(pair, serve):
    server = serve(stores=urls(pair))
    pair[0].fault(DOWN, "/one/")
    assert server.fetch("/" + BAR).body == b"second", "what another store has is served"
    assert is_fault(server.fetch("/" + GONE)), "the failing one might have had it"
    assert "s3://one" in server.stderr() and "InternalError" in server.stderr()


def test_a_failing_last_store(pair, serve):
    server = serve(stores=urls(pair))
    pair[1].fault(DOWN, "/two/")
    assert server.fetch("/" + FOO).body == b"first"
    assert is_fault(server.fetch("/" + GONE))


def test_an_optional_store_that_fails_counts_as_a_miss(pair, serve):
    server = serve(stores=urls(pair, second="&optional=true"))
    pair[1].fault(DOWN, "/two/")
    assert server.fetch("/" + FOO).body == b"first"
    assert is_miss(server.fetch("/" + GONE))
    assert is_miss(server.fetch("/" + BAR))
    pair[1].heal()
    assert until(lambda: server.fetch("/" + BAR).body == b"second",
                 10), "the miss was not remembered"


def test_a_dead_optional_server(pair, stage, serve):
    """Nothing listens there, from the start: in-house misses stay 404 and fast."""
    dead = stage(SymbolServer)
    dead.stop()
    server = serve(stores=[s3("one", pair[0]), f"{dead.url}/symbols?optional=true"])
    assert server.fetch("/" + FOO).body == b"first"
    assert is_miss(server.fetch("/" + GONE))
    until(lambda: server.fetch("/readyz").status == 200)


def test_outage_404(pair, serve):
    server = serve(stores=urls(pair), OUTAGE="404")
    pair[1].fault(DOWN, "/two/")
    answer = server.fetch("/" + GONE)
    assert is_miss(answer) and answer["Cache-Control"] == "no-store"
    pair[1].heal()
    until(lambda: server.fetch("/" + BAR).body == b"second")


@pytest.mark.cache_off("what the second store gave would be served without asking the first")
def test_breaker(pair, serve):
    """After repeated failures the store is left alone until it answers a probe."""
    server = serve(stores=urls(pair, first="&optional=true"), **IMPATIENT)
    pair[0].fault(faults.reset(), "/one/")
    until(lambda: server.fetch("/" + BAR).status == 200
          and server.metrics()["pepto_store_breaker_opened_total", ""] >= 1)
    asked = len(pair[0].asked("bar.pdb"))
    for _ in range(5):
        assert server.fetch("/" + BAR).body == b"second"
    assert len(pair[0].asked("bar.pdb")) <= asked + 10, "left alone"
    assert server.metrics()["pepto_store_skipped_total", ""] >= 1
    pair[0].heal()
    assert until(lambda: server.fetch("/" + FOO).body == b"first"), "back again"


def test_breaker_of_the_only_store(origin, serve):
    """Open, it is 503 at once, without a request; closed again, all is well."""
    origin.put("one", FOO, b"first")
    server = serve(stores=s3("one", origin), **IMPATIENT)
    origin.fault(faults.reset(), "/one/")
    until(lambda: is_fault(server.fetch("/" + FOO))
          and server.metrics()["pepto_store_breaker_opened_total", ""] >= 1)
    assert is_fault(server.fetch("/" + FOO))
    origin.heal()
    assert until(lambda: server.fetch("/" + FOO).status == 200)


@pytest.mark.cache_off("each good answer has to come from the store")
def test_keys_that_fail_do_not_close_the_store(origin, serve):
    """Somebody keeps asking for what makes the store fail; others are served meanwhile."""
    origin.put("one", FOO, b"first")
    origin.fault(faults.status(500, "Odd"), "boom")
    server = serve(stores=s3("one", origin), REQUEST_BUDGET=ms(1), MISS_TTL="0s")
    failed = 0
    end = time.monotonic() + 5
    while failed < 10 or time.monotonic() < end:
        assert is_fault(server.fetch("/" + path(f"boom{failed}.pdb")))
        assert server.fetch("/" + FOO).body == b"first"
        failed += 1
    assert server.metrics()["pepto_store_breaker_opened_total", ""] == 0


def test_a_store_of_build_ids_alone_is_left_alone_for_those(upstream, serve):
    """What one kind of question meets does not close the store to the other."""
    build_id = "99a3901ffd67a5abb2aed30aa2308bd2e1675ed2"
    upstream.put(f"buildid/{build_id}/debuginfo", b"found")
    upstream.put(path("foo.pdb").lower(), b"found")
    server = serve(stores=f"{upstream.url}?layout=debuginfod&case=lower", CACHE_DIR="off",
                   REQUEST_BUDGET=ms(1), MISS_TTL="0s")
    until(lambda: server.fetch("/" + FOO.lower()).body == b"found")
    upstream.fault(faults.reset(), lambda request: ".pdb" in request.path)
    until(lambda: is_fault(server.fetch("/" + FOO.lower())) and
          server.metrics()["pepto_store_breaker_opened_total", ""] >= 1)
    for _ in range(5):
        assert server.fetch(f"/buildid/{build_id}/debuginfo").body == b"found"
    upstream.heal()
    until(lambda: server.fetch("/" + FOO.lower()).body == b"found")


@pytest.mark.parametrize("glob, asked, hidden", [
    ("only=acme*", "acmecore.pdb", "kernel32.pdb"), ("not=acme*", "kernel32.pdb", "acmecore.pdb"),
    ("only=*.dll", "x.dll", "x.pdb"),
    ("only=a?c.pdb", "abc.pdb", "abbc.pdb"), ("not=Acme*", "kernel32.pdb", "ACMEcore.pdb"),
])
def test_names_that_a_store_may_hear(glob, asked, hidden, upstream, serve):
    """Private names stay private: a public server is not even asked for them."""
    for name in (asked, hidden):
        upstream.put(path(name).lower(), b"public")
    server = serve(stores=f"{upstream.url}/?{glob}&case=lower")
    assert server.fetch("/" + path(asked)).body == b"public"
    assert is_miss(server.fetch("/" + path(hidden)))
    assert is_miss(server.fetch("/" + path(hidden.upper())))
    stem = hidden.rpartition(".")[0]
    for last in (hidden[:-1] + "_", "file.ptr", stem + ".sym", "msfz0/" + hidden, hidden + ".gz"):
        assert is_miss(server.fetch("/" + path(hidden, last=last))), last
        assert is_miss(server.fetch(f"/{hidden[:2]}/" + path(hidden, last=last))), last
    assert is_miss(server.fetch(f"/{hidden[:-1]}_"))
    assert not upstream.asked(lambda r: hidden.lower() in r.path.lower())


@pytest.mark.parametrize("glob, is_asked", [("only=*", False), ("not=*", True)])
def test_a_build_id_tells_no_name(glob, is_asked, upstream, serve):
    """What cannot be held against a name is not asked for where only some names may be."""
    server = serve(stores=f"{upstream.url}/?{glob}&layout=gdb", MISS_TTL="0s")
    for ask in (f"buildid/{BUILD_ID}/debuginfo", f"{BUILD_ID[:2]}/{BUILD_ID[2:]}.debug",
                f"{BUILD_ID[:2]}/{BUILD_ID[2:]}/executable", f"{BUILD_ID[:2]}/{KEY}/breakpad"):
        upstream.forget()
        assert is_miss(server.fetch("/" + ask))
        assert bool(upstream.asked(BUILD_ID[:2] + "/")) == is_asked, ask


@pytest.mark.parametrize("told", [True, False])
def test_a_bucket_as_symsorter_writes_it(told, origin, serve):
    """What lies where it is asked for is found. By other paths it is where the store is said to be laid out
    so, or has given a file out of that layout."""
    pdb, ids = KEY.lower(), BUILD_ID
    for n, key in enumerate((f"{pdb[:2]}/{pdb[2:]}/debuginfo", f"{pdb[:2]}/{pdb[2:]}/breakpad",
                             f"{ids[:2]}/{ids[2:]}/debuginfo", f"{ids[:2]}/{ids[2:]}/executable",
                             f".build-id/{ids[:2]}/{ids[2:]}.debug", "buildid/aabbccddeeff/executable"), 1):
        origin.put("bucket", key, body(10 + n))
    server = serve(stores=s3("bucket", origin) + ("&layout=unified" if told else ""), MISS_TTL="0s")

    def found(asked):
        answer = server.fetch("/" + asked)
        return answer.status == 200 and len(answer.body) - 10

    assert found(f"buildid/{ids}/debuginfo") == (3 if told else False)
    assert found(path("foo.pdb")) == (1 if told else False)
    assert found(f".build-id/{ids[:2]}/{ids[2:]}.debug") == (3 if told else 5)
    assert found("buildid/aabbccddeeff/executable") == 6
    assert found(f"{pdb[:2]}/{pdb[2:]}/debuginfo") == 1
    assert found(f"{ids[:2]}/{ids[2:]}/executable") == 4
    assert found(f"buildid/{ids}/debuginfo") == 3
    assert found(path("foo.pdb")) == 1 and found(path("foo.pdb", last="foo.sym")) == 2


def test_names_that_only_one_store_may_hear_fail_with_it(pair, serve):
    server = serve(stores=urls(pair, first="&not=gone*"))
    pair[0].fault(DOWN, "/one/")
    assert is_miss(server.fetch("/" + GONE)), "the failing store is not concerned"


def test_all_kinds_together(stage, tmp, serve):
    bucket, other = stage(Origin), stage(SymbolServer)
    bucket.put("bucket", FOO, b"s3")
    other.put("sym/" + BAR, b"http")
    file = tmp / "dir" / path("baz.pdb")
    file.parent.mkdir(parents=True)
    file.write_bytes(b"dir")
    server = serve(stores=[f"file://{tmp}/dir", s3("bucket", bucket), f"{other.url}/sym"])
    assert [server.fetch("/" + key).body for key in (path("baz.pdb"), FOO, BAR)] == [b"dir", b"s3",
                                                                                     b"http"]
    assert is_miss(server.fetch("/" + GONE))


def test_stores_by_flags(pair, serve):
    one, two = urls(pair)
    server = serve("serve", "--store", one, f"--store={two}")
    assert server.fetch("/" + BAR).body == b"second"


def test_misses_are_not_answered_before_all_stores_have(pair, serve):
    server = serve(stores=urls(pair))
    gate = pair[1].hold(BAR)
    with server.connect() as client:
        client.ask("/" + BAR)
        gate.wait(1)
        assert not client.closed(0.1) and client.buffer == b""
        gate.release()
        assert client.answer().body == b"second"


@pytest.mark.row("C45")
@pytest.mark.cache_off("it is the rule without one")
def test_cancel_in_mid_body_aborts_the_transfer(stage, serve):
    """Without a cache, nobody else wants the rest: S3 is not read to the end for a client that
    has left."""
    origin = stage(Origin)
    origin.put("bucket", FOO, Pattern(500_000_000))
    server = serve(stores=s3("bucket", origin))
    with server.connect(receive_buffer=65536) as client:
        client.ask("/" + FOO)
        client.head()
        client.read(100_000)
    origin.wait_abandoned(1)
    until(lambda: server.metrics()["pepto_requests_cut_total", '{by="client"}'] == 1)
    until(lambda: server.metrics()["pepto_active_transfers", ""] == 0)
    assert not server.log(level="error"), "a client that leaves is no error"


@pytest.mark.row("C45")
@pytest.mark.both_ways
def test_cancel_before_the_head(stage, serve):
    origin = stage(Origin)
    origin.put("bucket", FOO, b"x")
    server = serve(stores=s3("bucket", origin))
    gate = origin.hold(FOO)
    with server.connect() as client:
        client.ask("/" + FOO)
        gate.wait(1)
    gate.release()
    until(lambda: server.metrics()["pepto_active_transfers", ""] == 0)
    assert server.fetch("/" + FOO).status == 200


@pytest.mark.row("C45")
@pytest.mark.tsan
@pytest.mark.both_ways
def test_many_cancels(stage, serve):
    """samply asks plain and compressed in parallel and drops one in mid-body; here a hundred such
    clients."""
    origin = stage(Origin)
    origin.put("bucket", FOO, Pattern(3_000_000))
    server = serve(stores=s3("bucket", origin), THREADS=4)

    def session(k):
        with server.connect() as plain, server.connect() as packed:
            plain.ask("/" + FOO)
            packed.ask("/" + path("foo.pdb", KEY, "foo.pd_"))
            if k % 3 == 0:
                plain.read(k * 10_000)
            elif k % 3 == 1:
                assert plain.answer().body == body(3_000_000)
            if k % 2:
                assert packed.answer().status == 404
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        list(pool.map(session, range(100)))
    until(lambda: server.metrics()["pepto_active_transfers", ""] == 0)
    assert not server.log(level="error")
    assert server.fetch("/" + FOO).body == body(3_000_000)


@pytest.mark.both_ways
def test_paused_store_does_not_hold_back_others(stage, serve):
    slow, fast = stage(Origin), stage(Origin)
    slow.put("slow", FOO, Pattern(400_000))
    fast.put("fast", BAR, Pattern(400_000, 2))
    server = serve(stores=[s3("slow", slow, only="foo*"), s3("fast", fast)], THREADS="1")
    gate = Gate("")
    slow.fault(faults.pause_at(200_000, gate), FOO)
    with server.connect() as waiting, server.connect() as client:
        waiting.ask("/" + FOO)
        gate.wait(1)
        assert client.fetch("/" + BAR).body == body(400_000, 2)
        gate.release()
        assert waiting.answer().body == body(400_000)


def test_miss_without_an_optional_store_is_not_stored(stage, origin, stocked, serve):
    """The optional store might have had it, so no cache may keep the 404."""
    second = stage(SymbolServer)
    server = serve(stores=[stocked, f"{second.url}/symbols?optional=true"], **IMPATIENT)
    sure = server.fetch("/" + GONE)
    assert is_miss(sure)
    second.fault(faults.respond(lambda r: Response(500)))
    unsure = server.fetch("/" + path("never.pdb"))
    assert is_miss(unsure) and unsure["Cache-Control"] == "no-store"


def repeated_fault(server, times=6):
    for _ in range(times):
        assert is_fault(server.fetch("/" + FOO))
    return True


@pytest.mark.parametrize("kind, status", [("s3", 400), ("s3", 403), ("http", 403)])
def test_one_file_that_is_refused(kind, status, stocked, stocked_http, origin, upstream, serve):
    """What is said of one key, however often, closes no other."""
    stage, store = (origin, stocked) if kind == "s3" else (upstream, stocked_http)
    stage.fault(faults.status(status, "NeverHeardOf"), FOO)
    server = serve(stores=store, **IMPATIENT)
    assert repeated_fault(server) and others_are_served(server)
