# SPDX-License-Identifier: MIT
"""Misses are remembered, for a while, when they are proven; and what a debugger asks next for the
same module is found out in the same round. Purging forgets them, and cached objects. """

import re
import threading
import time

import pytest

from rig import faults
from rig.cachedir import PURGE_TOKEN as TOKEN, CacheDir, kept, purge, quiet, told
from rig.client import is_fault, is_miss
from rig.forms import gz, text, zst
from rig.layouts import mszip
from rig.origin import Origin
from rig.rgw import free_ports
from rig.pace import PATIENT, ms
from rig.samples import KEY, body, path
from rig.server import s3, until
from rig.wire import Response

pytestmark = pytest.mark.cache_on

FOO, GONE = path("foo.pdb").lower(), path("gone.pdb").lower()
TRIPLE = [path("gone.pdb", KEY.lower(), last) for last in ("gone.pdb", "gone.pd_", "file.ptr")]
SYMSRV = {"User-Agent": "Microsoft-Symbol-Server/10.0.0.0"}


def asked(origin):
    """Every request for a key of the missing module."""
    return origin.asked("gone.pdb")


# remembering

def test_a_miss_is_remembered(origin, store, serve):
    server = serve(stores=store)
    assert is_miss(server.fetch("/" + GONE))
    quiet(server)
    origin.forget()
    for method in ("GET", "HEAD", "GET"):
        assert server.fetch("/" + GONE, method).status == 404
    assert not asked(origin) and told(server, "miss") == 3


@pytest.mark.parametrize("settings", [{"MISS_TTL": "0s"}, {"MISS_ENTRIES": "0"}])
def test_remembering_can_be_turned_off(settings, origin, store, serve):
    """Each time it is asked for by its name and by that of its compressed twin, which it could be
    made of (since there are decoders); and for nothing that nobody wants to know yet."""
    server = serve(stores=store, **settings)
    for n in (1, 2):
        assert is_miss(server.fetch("/" + GONE))
        expected = sorted(n * ["/bucket/" + target for target in TRIPLE[:2]])
        assert sorted(r.path for r in asked(origin)) == expected


def test_a_miss_expires(origin, store, serve):
    server = serve(stores=store, MISS_TTL="1s")
    assert is_miss(server.fetch("/" + GONE))
    origin.put("bucket", GONE, body(5_000))
    until(lambda: server.fetch("/" + GONE).status == 200)
    assert server.fetch("/" + GONE).body == body(5_000)


def test_without_a_disk_it_is_remembered_all_the_same(origin, store, serve):
    server = serve(stores=store, CACHE_DIR="off")
    assert is_miss(server.fetch("/" + GONE))
    quiet(server)
    origin.forget()
    assert is_miss(server.fetch("/" + GONE))
    assert not asked(origin)


def max_age(answer, scope="public"):
    said = re.fullmatch(scope + r", max-age=(\d+)", answer["Cache-Control"])
    assert said, answer["Cache-Control"]
    return int(said[1])


def test_no_cache_in_front_keeps_it_longer(origin, store, serve):
    """What a 404 may be kept is what is left of ours, in whole seconds: asked for at any time, it is
    over there before it is over here."""
    server = serve(stores=store, MISS_TTL="1h")
    before = time.monotonic()
    assert 3_500 <= max_age(server.fetch("/" + GONE)) < 3_600
    for _ in range(2):
        time.sleep(1)
        assert 3_500 - (time.monotonic() - before) <= max_age(server.fetch("/" + GONE)) < 3_600
    server = serve(stores=store, MISS_TTL="5s")
    asked_at = time.monotonic()
    said = [(time.monotonic(), server.fetch("/" + GONE))]
    while said[-1][1]["Cache-Control"] != "no-store" and time.monotonic() < asked_at + 60:
        time.sleep(0.1)
        said.append((time.monotonic(), server.fetch("/" + GONE)))
    assert said[-1][1]["Cache-Control"] == "no-store"
    known = [(at, max_age(answer)) for at, answer in said[:-1]]
    assert known and all(is_miss(answer) and 0 < age < 5 for (_, answer), (_, age) in
                         zip(said, known))
    assert known == sorted(known, key=lambda one: -one[1])


@pytest.mark.parametrize("settings", [{"MISS_TTL": "0s"}, {"MISS_ENTRIES": "0"}])
def test_what_is_not_remembered_is_kept_by_nobody(settings, origin, store, serve):
    server = serve(stores=store, **settings)
    assert server.fetch("/" + GONE)["Cache-Control"] == "no-store"


def test_a_miss_behind_tokens_is_private(origin, store, serve):
    server = serve(stores=store, AUTH_TOKENS=TOKEN)
    for _ in range(2):
        answer = server.fetch("/" + GONE, headers={"Authorization": "Bearer " + TOKEN})
        assert is_miss(answer) and 50 < max_age(answer, "private") <= 60


UNPROVEN = {"503": faults.status(503, "SlowDown"),
            "unknown 403": faults.status(403, "NeverHeardOf"),
            "no bucket": faults.status(404, "NoSuchBucket"),
            "403": faults.status(403, "AccessDenied"),
            "two codes": faults.status(404, "NoSuchBucket", "<Code>NoSuchKey</Code>"),
            "not of S3": faults.respond(lambda request: Response(404, [], b"<html>"))}


@pytest.mark.parametrize("name", UNPROVEN)
def test_what_is_not_proven_is_not_remembered(name, origin, store, serve):
    """A store that lists has no business with a 403."""
    server = serve(stores=store)
    until(lambda: server.fetch("/readyz").status == 200)
    origin.put("bucket", GONE, body(5_000))
    origin.fault(UNPROVEN[name], "gone.pdb")
    assert is_fault(server.fetch("/" + GONE))
    origin.heal()
    assert server.fetch("/" + GONE).body == body(5_000)


# what no question of ours asks for, and what says nothing of the object
NO_ANSWERS = [201, 202, 203, 204, 205, 300, 302, 304, 401, 402, 405, 406, 409, 411, 412, 413,
              415, 416, 417, 418, 421, 423, 424, 426, 428, 431, 451, 499, 501]


@pytest.mark.parametrize("status", NO_ANSWERS)
@pytest.mark.parametrize("kind", ["s3", "http"])
def test_what_answers_no_question_is_no_miss(kind, status, origin, upstream, store, serve):
    """Nothing is missing for being neither there nor broken: 503, and nothing is remembered."""
    at = origin if kind == "s3" else upstream
    server = serve(stores=store if kind == "s3" else f"{upstream.url}/bucket")
    until(lambda: server.fetch("/readyz").status == 200)
    origin.put("bucket", GONE, body(5_000))
    upstream.put("bucket/" + GONE, body(5_000))
    at.fault(faults.respond(lambda request: Response(status)), "gone.pdb")
    assert is_fault(server.fetch("/" + GONE))
    assert is_fault(server.fetch("/" + GONE, "GET", {"Range": "bytes=1-2"}))
    at.heal()
    assert server.fetch("/" + GONE).body == body(5_000)


# names that a store cannot have

REFUSALS = {"AWS": ("s3", faults.status(400, "InvalidURI")),
            "Ceph": ("s3", faults.status(400, "InvalidObjectName")),
            "MinIO": ("s3", faults.status(400, "XMinioInvalidObjectName")),
            "length": ("s3", faults.status(400, "KeyTooLongError")),
            "400": ("http", faults.respond(lambda request: Response(400))),
            "414": ("http", faults.respond(lambda request: Response(414)))}


@pytest.mark.parametrize("who", REFUSALS)
def test_a_name_that_a_store_refuses(who, origin, upstream, store, serve):
    """Missing for who asks, for nobody to keep, and asked for again in a moment."""
    kind, refusal = REFUSALS[who]
    at = origin if kind == "s3" else upstream
    server = serve(stores=store if kind == "s3" else f"{upstream.url}/bucket")
    until(lambda: server.fetch("/readyz").status == 200)
    origin.put("bucket", GONE, body(5_000))
    upstream.put("bucket/" + GONE, body(5_000))
    at.fault(refusal, "gone.pdb")
    for name in TRIPLE[:1] * 5 + TRIPLE:
        answer = server.fetch("/" + name)
        assert is_miss(answer) and answer["Cache-Control"] == "no-store"
    at.heal()
    until(lambda: server.fetch("/" + GONE).body == body(5_000))


def test_400_of_a_server_that_knows_no_404(upstream, serve):
    """It may be http sent to an https port."""
    upstream.fault(faults.respond(lambda request: Response(400)))
    server = serve(stores=f"{upstream.url}/bucket", REQUEST_BUDGET=ms(1))
    assert is_fault(server.fetch("/" + GONE))


@pytest.mark.parametrize("name", ["Gr%FCn", "%83%5c%83%74", "cut%E2%82", "%C0%AE"])
def test_a_name_that_no_bucket_has(name, origin, store, serve):
    server = serve(stores=store)
    for last in (f"{name}.pdb", f"{name}.pd_", "file.ptr"):
        answer = server.fetch(f"/{name}.pdb/{KEY}1/{last}")
        assert is_miss(answer) and answer["Cache-Control"] == "no-store"
    quiet(server)
    assert not origin.asked(KEY.lower()) and not origin.asked(KEY), "needs no request at all"


def test_404_without_a_body(origin, store, serve):
    """Some services say no more; but so may what stands before one."""
    origin.put("bucket", path("foo.pdb").lower(), body(5_000))
    server = serve(stores=store, MISS_TTL="0s")
    origin.fault(faults.respond(lambda request: Response(404)), "gone.pdb")
    assert is_fault(server.fetch("/" + GONE)), "nothing has shown that a store is there"
    assert server.fetch("/" + path("foo.pdb").lower()).status == 200
    for method in ("GET", "HEAD"):
        assert is_miss(server.fetch("/" + GONE, method))
    server = serve(stores=store + "&misses=bare")
    assert is_miss(server.fetch("/" + GONE))


def test_each_store_has_its_own_misses(stage, serve):
    one, two = stage(Origin, listable=True), stage(Origin, listable=True)
    one.bucket("one"), two.bucket("two")
    server = serve(stores=[s3("one", one), s3("two", two)])
    two.fault(faults.status(503, "SlowDown"), GONE, times=None)
    assert is_fault(server.fetch("/" + GONE))
    two.heal()
    two.put("two", GONE, body(5_000))
    one.forget()
    assert server.fetch("/" + GONE).body == body(5_000)
    assert not one.asked(GONE), "the first one's word was good"


def test_what_was_missing_and_came_is_found_by_its_other_spelling(origin, store, serve):
    """A miss is that of the very key: another spelling of the same object was not asked for."""
    mixed = path("Gone.pdb")
    server = serve(stores=store)
    assert is_miss(server.fetch("/" + GONE))
    origin.put("bucket", mixed, body(5_000))
    assert server.fetch("/" + mixed).body == body(5_000)


def test_many_ask_for_what_is_missing(origin, store, serve):
    server = serve(stores=store, LOG_LEVEL="debug", **PATIENT)
    gate = origin.hold("gone.pdb")
    clients = [server.connect() for _ in range(50)]
    for client in clients:
        client.ask("/" + GONE)
    for key in GONE, GONE[:-1] + "_":
        server.wait_in_flight(50, key=key)
    gate.release()
    for client in clients:
        with client:
            assert is_miss(client.answer())
    quiet(server)
    assert len(asked(origin)) == 2, "itself and its compressed twin, once"


# siblings

@pytest.mark.parametrize("cache", ["on", "off"])
def test_a_missing_module_costs_one_round(cache, origin, store, serve):
    """symsrv asks for three names, one after another: all stand at the store at once when the first
    of them is asked, and the others are known when they come."""
    server = serve(stores=store, **({"CACHE_DIR": "off"} if cache == "off" else {}), **PATIENT)
    gate = origin.hold("gone.pdb")
    with server.connect() as client:
        client.ask("/" + TRIPLE[0], headers=SYMSRV)
        gate.wait(3)
        gate.release()
        assert is_miss(client.answer())
        quiet(server)
        for target in TRIPLE[1:]:
            assert is_miss(client.fetch("/" + target, headers=SYMSRV))
    assert sorted(r.path for r in asked(origin)) == sorted("/bucket/" + t for t in TRIPLE)
    assert told(server, "miss") == 2


def test_in_mixed_case_too(origin, store, serve):
    """Lower case and as asked: six keys, one round."""
    server = serve(stores=store, **PATIENT)
    gate = origin.hold(lambda r: "gone.pdb" in r.path.lower())
    targets = [path("Gone.pdb", KEY.upper(), last) for last in ("Gone.pdb", "Gone.pd_", "file.ptr")]
    with server.connect() as client:
        client.ask("/" + targets[0], headers=SYMSRV)
        gate.wait(6)
        gate.release()
        assert is_miss(client.answer())
        quiet(server)
        origin.forget()
        for target in targets[1:]:
            assert is_miss(client.fetch("/" + target, headers=SYMSRV))
    assert not origin.asked(lambda r: "gone.pdb" in r.path.lower())


def test_others_do_not_ask_for_a_pointer(origin, store, serve):
    server = serve(stores=store)
    assert is_miss(server.fetch("/" + TRIPLE[0], headers={"User-Agent": "lldb"}))
    quiet(server)
    assert sorted(r.path for r in asked(origin)) == sorted("/bucket/" + t for t in TRIPLE[:2])


def test_the_twin_that_is_there_is_found(origin, store, serve):
    """It is the answer now (before there were decoders it was only found out that it is there); the
    bytes of one that is no cabinet are served as they are. Asked for by its own name it is another
    object."""
    origin.put("bucket", TRIPLE[1], body(300_000))
    server = serve(stores=store, **PATIENT)
    for n, target in enumerate(TRIPLE[:2], 1):
        answer = server.fetch("/" + target, headers=SYMSRV)
        assert answer.status == 200 and answer.body == body(300_000)
        kept(server, n)
    quiet(server)
    bodies = origin.sent("gone.pd_")
    assert 2 * 300_000 <= bodies <= 2 * 300_000 + 1, "and the byte that tells of presence"


def test_the_twin_is_asked_for_while_it_is_probed(origin, store, serve):
    """Both requests are answered with it: the one for the plain file waits for the answer about its twin, too."""
    origin.put("bucket", TRIPLE[1], body(300_000))
    server = serve(stores=store, LOG_LEVEL="debug", **PATIENT)
    gate = origin.hold("gone.pd_")
    with server.connect() as first, server.connect() as second:
        first.ask("/" + TRIPLE[0], headers=SYMSRV)
        gate.wait(1)
        second.ask("/" + TRIPLE[1], headers=SYMSRV)
        server.wait_in_flight(1, key=TRIPLE[1], **{"for": "itself"})
        gate.release()
        for client in first, second:
            assert client.answer().body == body(300_000)


def test_the_cost_of_a_miss_is_bounded(origin, store, serve):
    """A session of a debugger: 100 modules, of which nothing is there."""
    server = serve(stores=store)
    origin.forget()
    with server.connect() as client:
        for n in range(100):
            for last in (f"gone.pdb{n}", f"gone.pdb{n}"[:-1] + "_", "file.ptr"):
                target = path(f"gone.pdb{n}", KEY.lower(), last)
                assert is_miss(client.fetch("/" + target, headers=SYMSRV))
    quiet(server)
    assert len(asked(origin)) == 300
    assert server.metrics()["pepto_s3_requests_per_miss", ""] <= 1


# purging

@pytest.fixture
def purged(origin, store, serve):
    """A server that knows one object and one miss, at a store where both have changed."""
    def make(size=5_000, **settings):
        found = path("foo.pdb").lower()
        origin.put("bucket", found, body(size))
        server = serve(stores=store, ADMIN_TOKEN=TOKEN, **settings)
        assert server.fetch("/" + found).body == body(size)
        assert is_miss(server.fetch("/" + GONE))
        kept(server)
        quiet(server)
        for _ in range(2):
            assert server.fetch("/" + found).body == body(size)
        origin.put("bucket", found, body(size, 2))
        origin.put("bucket", GONE, body(size, 3))
        return server
    return make


@pytest.mark.parametrize("size", [5_000, 300_000])
@pytest.mark.parametrize("what", ["*", "*\n", "{}\n{}\n", "{}\r\n{}\r\n", "{}\n\n{}"])
def test_purge(what, size, purged):
    server, found = purged(size), path("foo.pdb")
    answer = purge(server, what.format(found, GONE.upper()).encode())
    assert answer.status == 200 and answer.body
    assert server.fetch("/" + found).body == body(size, 2)
    assert server.fetch("/" + GONE).body == body(size, 3)


@pytest.mark.parametrize("what", ["*", "{}\n{}"])
@pytest.mark.parametrize("size", [5_000, 300_000])
def test_purge_reaches_other_processes(what, size, origin, store, serve, tmp):
    """On the same directory: what another one has among its hottest files, and what it remembers of
    misses, is from before the purge as well."""
    found = path("foo.pdb").lower()
    origin.put("bucket", found, body(size))
    one, other = [serve(stores=store, CACHE_DIR=tmp, ADMIN_TOKEN=TOKEN) for _ in range(2)]
    assert one.fetch("/" + found).body == body(size)
    kept(one)
    for _ in range(3):
        assert other.fetch("/" + found).body == body(size)
        assert is_miss(other.fetch("/" + GONE))
    quiet(other)
    origin.put("bucket", found, body(size, 2))
    origin.put("bucket", GONE, body(size, 3))
    assert other.fetch("/" + found).body == body(size) and is_miss(other.fetch("/" + GONE))
    assert purge(one, what.format(found, GONE).encode()).status == 200
    assert other.fetch("/" + found).body == body(size, 2)
    assert other.fetch("/" + GONE).body == body(size, 3)


def test_purge_of_one_leaves_the_others(purged):
    server = purged()
    assert purge(server, GONE.encode()).status == 200
    assert server.fetch("/" + GONE).body == body(5_000, 3)
    assert server.fetch("/" + path("foo.pdb")).body == body(5_000)


def test_purge_of_what_is_not_there(purged):
    server = purged()
    assert purge(server, path("never.pdb").encode()).status == 200
    assert server.fetch("/" + path("foo.pdb")).body == body(5_000)


@pytest.mark.parametrize("token", [None, "wrong", TOKEN[:-1], TOKEN + "x"])
def test_purge_wants_its_token(token, purged):
    server = purged()
    assert purge(server, token=token).status == 401
    assert server.fetch("/" + path("foo.pdb")).body == body(5_000)
    assert TOKEN not in server.stderr()


def test_no_token_no_purge(store, serve):
    """The path does not exist then: as any other one is answered."""
    server = serve(stores=store)
    assert purge(server).status == 405 and server.fetch("/-/purge").status == 404


def test_purge_is_a_post(store, serve):
    server = serve(stores=store, ADMIN_TOKEN=TOKEN)
    answer = server.fetch("/-/purge", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status == 405 and answer["Allow"] == "POST"


def test_purge_of_nothing(store, serve):
    server = serve(stores=store, ADMIN_TOKEN=TOKEN)
    assert purge(server, b"").status == 400


def test_purge_of_too_much(store, serve):
    server = serve(stores=store, ADMIN_TOKEN=TOKEN)
    line = b"/".join([b"n" * 200, b"k" * 190, b"n" * 200]) + b"\n"
    assert purge(server, line * 2000).status == 413
    assert purge(server, line * 1000).status == 200


def test_purge_behind_the_tokens_of_readers(origin, serve):
    """A token that reads does not purge, and the one that purges is enough to do so."""
    origin.listable = True
    reader = "a-token-of-a-reader-of-symbols"
    server = serve(stores=s3(origin.bucket("bucket"), origin), AUTH_TOKENS=reader,
                   ADMIN_TOKEN=TOKEN)
    assert purge(server, token=reader).status == 401
    assert purge(server).status == 200
    assert server.fetch("/" + GONE, headers={"Authorization": f"Bearer {TOKEN}"}).status == 401


def test_a_miss_asked_before_a_purge_is_not_remembered_after_it(origin, store, serve):
    server = serve(stores=store, ADMIN_TOKEN=TOKEN, **PATIENT)
    gate = origin.hold(GONE)
    with server.connect() as client:
        client.ask("/" + GONE)
        gate.wait(1)
        assert purge(server).status == 200
        gate.release()
        assert is_miss(client.answer())
    quiet(server)
    origin.put("bucket", GONE, body(5_000))
    assert server.fetch("/" + GONE).body == body(5_000)


def test_what_is_on_its_way_at_a_purge_is_not_kept(origin, store, serve):
    origin.put("bucket", GONE, body(300_000))
    server = serve(stores=store, ADMIN_TOKEN=TOKEN, **PATIENT)
    gate = origin.hold(GONE)
    with server.connect() as client:
        client.ask("/" + GONE)
        gate.wait(1)
        assert purge(server).status == 200
        gate.release()
        assert client.answer().body == body(300_000)
    quiet(server)
    origin.put("bucket", GONE, body(300_000, 2))
    assert server.fetch("/" + GONE).body == body(300_000, 2)


def test_purge_during_a_download(purged):
    """Who reads a purged object reads it to its end."""
    server = purged(3_000_000)
    with server.connect(receive_buffer=4096) as client:
        client.ask("/" + path("foo.pdb"))
        assert client.head().status == 200
        assert purge(server).status == 200
        assert client.read(3_000_000) == body(3_000_000)
    until(lambda: not CacheDir(server).objects())


def test_purge_takes_the_twins_along(origin, store, serve):
    for last in ("gone.pdb", "gone.pd_"):
        origin.put("bucket", path("gone.pdb", KEY.lower(), last), body(5_000))
    server = serve(stores=store, ADMIN_TOKEN=TOKEN)
    for target in TRIPLE[:2]:
        assert server.fetch("/" + target).body == body(5_000)
    assert is_miss(server.fetch("/" + TRIPLE[2]))
    kept(server, 2)
    assert purge(server, GONE.encode()).status == 200
    for target in TRIPLE:
        origin.put("bucket", target, body(5_000, 2))
        assert server.fetch("/" + target).body == body(5_000, 2)


LOW, SPLIT = path("foo.pdb").lower(), f"{KEY[:2]}/{KEY[2:]}".lower()
ID = "0123456789abcdef0123456789abcdef01234567"
ID_SPLIT = f"{ID[:2]}/{ID[2:]}"
DECIMAL = f"foo.pdb/{KEY[:-1]}10/foo.pdb"
# How a file is found: options of its store, its key there, what is asked for. By each of these names,
# and by what leads to it, whoever asks.
FOUND = {
    "as it is asked for": ("", LOW, "/" + LOW),
    "in lower case": ("", LOW, "/" + path("Foo.pdb")),
    "in the case that is asked for": ("", path("Foo.pdb"), "/" + path("Foo.pdb")),
    "a plus for a space": ("", path("my foo.pdb").lower(), "/" + path("my+foo.pdb")),
    "its twin": ("", LOW[:-1] + "_", "/" + LOW),
    "the twin itself": ("", LOW[:-1] + "_", "/" + LOW[:-1] + "_"),
    "a cabinet of it": ("", LOW, "/" + LOW[:-1] + "_"),
    "gzip": ("&forms=cab,gz", LOW + ".gz", "/" + LOW),
    "zstd": ("&forms=cab,zst", LOW + ".zst", "/" + LOW),
    "two-tier": ("&tiers=2", "fo/" + LOW, "/" + LOW),
    "two-tier, both": ("", "fo/" + LOW, "/fo/" + LOW),
    "one-tier": ("", LOW, "/fo/" + LOW),
    "another age": ("&aliases=all", LOW, "/" + DECIMAL),
    "by its pointer": ("&ptr=%5C%5Cb%5Cs", "7/foo.pdb", "/" + LOW),
    "by build-id": ("&layout=gdb", f"{ID_SPLIT}.debug", f"/buildid/{ID}/debuginfo"),
    "below .build-id": ("&layout=gdb", f".build-id/{ID_SPLIT}.debug", f"/buildid/{ID}/debuginfo"),
    "of ssqp": ("", f"_.debug/elf-buildid-sym-{ID}/_.debug", f"/buildid/{ID}/debuginfo"),
    "a build-id, as it is asked for": ("", f"buildid/{ID}/executable", f"/buildid/{ID}/executable"),
    "unified": ("&layout=unified", f"{SPLIT}/debuginfo", "/" + LOW),
    "unified, as was learnt": ("", f"{SPLIT}/debuginfo", "/" + LOW),
    "unified by build-id, as was learnt": ("", f"{ID_SPLIT}/debuginfo", f"/buildid/{ID}/debuginfo"),
}


@pytest.mark.parametrize("how", FOUND)
def test_purge_after_a_restart(how, origin, serve, tmp):
    """Also by a process that has not learnt yet where this store keeps its files."""
    options, key, target = FOUND[how]
    origin.listable = True
    url, settings = s3(origin.bucket("bucket"), origin), {"CACHE_DIR": tmp, "ADMIN_TOKEN": TOKEN}
    settings["SERVE_CAB"] = "true"

    def publish(seed):
        content = text(5_000, seed)
        pack = {"_": lambda: mszip("foo.pdb", content), "z": lambda: gz("", content),
                "t": lambda: zst("", content)}.get(key[-1], lambda: content)
        origin.put("bucket", key, pack())
        if key[0] == "7":
            origin.put("bucket", LOW.rpartition("/")[0] + "/file.ptr", b"PATH:\\\\b\\s\\7\\foo.pdb")
        return content

    def learn(server, other):
        origin.put("bucket", other, body(10))
        assert server.fetch("/" + other).body == body(10)

    content = publish(1)
    server = serve(stores=url + options, **settings)
    if "learnt" in how:
        learn(server, "ab/0123456789abcdef0123/debuginfo")
    before = server.fetch(target)
    assert before.status == 200 and (before.body == content or "cabinet" in how or "itself" in how)
    quiet(server)
    server.stop()
    server = serve(stores=url + options, **settings)
    changed = publish(2)
    assert purge(server, target.encode()).status == 200
    if "learnt" in how:
        learn(server, "cd/0123456789abcdef0123/debuginfo")
    after = server.fetch(target)
    assert after.status == 200 and after.body != before.body
    assert after.body == changed or "cabinet" in how or "itself" in how


def test_purge_on_the_main_port_beside_admin_pages(store, serve):
    port, = free_ports(1)
    server = serve(stores=store, ADMIN_TOKEN=TOKEN, ADMIN_ADDRESS=f"127.0.0.1:{port}")
    assert purge(server).status == 200


# what one request may cost

@pytest.mark.parametrize("agent", ["Microsoft-Symbol-Server/6.13.0009.1140", "LLVM-HTTPClient/1.0"])
def test_what_one_request_may_cost(agent, origin, store, serve):
    """However many spellings, cases, tiers and forms there are: no more keys than allowed, and a 404
    that nobody keeps, since the rest is not proven."""
    server = serve(stores=store + "&forms=cab,gz,zst,msfz&aliases=all&tiers=both")
    quiet(server)
    for name in ("Gone.pdb", "G%2Bo+n%20e.pdb", "G%2Bo+n%20e.exe"):
        origin.forget()
        answer = server.fetch("/" + path(name, "5a5a5a5aF000" if "exe" in name else KEY),
                              headers={"User-Agent": agent})
        assert is_miss(answer) and answer["Cache-Control"] == "no-store", name
        quiet(server)
        assert 0 < len(origin.asked("/bucket/")) <= 16, name
    assert server.metrics()["pepto_refused_total", '{limit="questions"}'] == 3


def test_what_lies_beyond_is_found_later(origin, store, serve):
    """What was asked for and is not there does not count: the next request goes on from there."""
    origin.put("bucket", "g+/g+o.pdb/k1/g+o.pdb", body(10))
    server = serve(stores=store + "&forms=cab,gz,zst&tiers=both", MAX_QUESTIONS="2")
    statuses = []
    for _ in range(8):
        statuses.append(server.fetch("/g+o.pdb/K1/g+o.pdb").status)
        quiet(server)
    assert statuses[0] == 404 and statuses[-1] == 200


@pytest.mark.tsan
@pytest.mark.parametrize("what", ["*", FOO])
@pytest.mark.parametrize("size", [5_000, 300_000])
def test_a_purge_under_clients_is_not_undone(size, what, origin, store, serve):
    """Who found the file just before it went must not make it hot: it would be served on."""
    origin.put("bucket", FOO, body(size, 0))
    server = serve(stores=store, ADMIN_TOKEN=TOKEN)
    server.fetch("/" + FOO)
    over = threading.Event()

    def ask():
        with server.connect() as client:
            while not over.is_set():
                client.fetch("/" + FOO)
    clients = [threading.Thread(target=ask) for _ in range(3)]
    for client in clients:
        client.start()
    try:
        for seed in range(1, 9):
            kept(server, seed)
            origin.put("bucket", FOO, body(size, seed))
            assert purge(server, what.encode()).status == 200
            for _ in range(5):
                assert server.fetch("/" + FOO).body == body(size, seed)
    finally:
        over.set()
        for client in clients:
            client.join()


@pytest.mark.parametrize("cache", ["off", None])
def test_416_to_a_probe(cache, upstream, serve):
    """It tells that the twin is there, which is the answer to both, and is no download that nobody
    has asked for."""
    twin = FOO[:-1] + "_"
    upstream.put(twin, body(300_000))
    upstream.fault(faults.respond(lambda r: Response(416, [("Content-Range", "bytes */300000")])),
                   lambda r: r.path.endswith(twin) and r.get("Range") == "bytes=0-0")
    server = serve(stores=upstream.url, LOG_LEVEL="debug",
                   **({"CACHE_DIR": cache} if cache else {}), **PATIENT)
    gate = upstream.hold(twin)
    with server.connect() as client, server.connect() as other:
        client.ask("/" + FOO)
        gate.wait(1)
        other.ask("/" + twin)
        server.wait_in_flight(1, key=twin, **{"for": "itself"})
        gate.release()
        assert client.answer().body == other.answer().body == body(300_000)
    quiet(server)
    assert upstream.sent(twin) <= 300_000 * (2 if cache else 1)


@pytest.mark.parametrize("settings", [{"MISS_TTL": "0s"}, {"MISS_ENTRIES": "0"}, {}])
def test_the_unlikeliest_spelling_is_found(settings, origin, store, serve):
    """Also where no miss is remembered: the next request goes on where the one before was cut, and asks
    for the likeliest again, which may be there by now."""
    name, likeliest = "G%2Bo+n%20e.pdb", "g+o+n e.pdb/"
    origin.put("bucket", path("g+o+n+e.pdb").lower(), body(10))
    server, statuses = serve(stores=store + "&tiers=both", MAX_QUESTIONS="8", **settings), []
    while 200 not in statuses and len(statuses) < 16:
        origin.forget()
        statuses.append(server.fetch("/" + path(name)).status)
        quiet(server)
        assert len(origin.asked("/bucket/")) <= 8
        assert settings == {} or origin.asked(likeliest), "asked for each time"
    assert statuses[0] == 404 and statuses[-1] == 200, statuses


def gone_by(origin, server):
    """A key that the first request for a path asks for, and the second one does not."""
    def asked():
        origin.forget()
        assert server.fetch("/" + path("G%2Bo+n%20f.pdb")).status == 404
        quiet(server)
        return {r.path for r in origin.asked("/bucket/") if "probe" not in r.path}
    first, second = asked(), asked()
    return min(first - second).split("/bucket/")[1].replace("n f.pd", "n e.pd")


@pytest.mark.parametrize("meanwhile", ["asked at once", "failed before"])
def test_what_is_cut_is_not_gone_by_before_it_is_missing(meanwhile, origin, store, serve):
    """A request goes on behind what the one before asked for only if all that is missing: who asks at
    the same time finds what it finds, and what failed is asked for again."""
    name = "/" + path("G%2Bo+n%20e.pdb")
    server = serve(stores=store + "&tiers=both", MAX_QUESTIONS="8", MISS_TTL="0s", CACHE_DIR="off")
    key = gone_by(origin, server)
    assert "e.pd" in key
    origin.put("bucket", key, body(10))
    if meanwhile == "failed before":
        origin.fault(faults.respond(lambda r: Response(500)), lambda r: "/bucket/" in r.path)
        assert is_fault(server.fetch(name))
        origin.heal()
        until(lambda: server.fetch(name).status != 503)
        assert server.fetch(name).body == body(10)
        return
    gate = origin.hold(key)
    with server.connect() as one, server.connect() as two:
        one.ask(name)
        gate.wait(1)
        two.ask(name)
        gate.wait(2)
        gate.release()
        assert one.answer().body == two.answer().body == body(10)

