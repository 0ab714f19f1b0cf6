# SPDX-License-Identifier: MIT
"""What goes wrong with an object on its way into the cache: whatever it is, and wherever a client
stands, it gets what is right, cut where that ends. Nothing of it is kept; the next one tries again.
"""

import itertools
import re

import pytest

from conftest import KEYS
from test_fills import HELD_BACK
from rig import faults
from rig.cachedir import CacheDir, fills, kept, quiet
from rig.client import is_fault
from rig.samples import Pattern, Plain, body, path
from rig.server import s3
from rig.stage import Gate, send

pytestmark = pytest.mark.cache_on

LOWER = path("foo.pdb").lower()
FOO = "/" + LOWER
SIZE = 7_000_003
PARTS = {"FETCH_BLOCK": "1MiB"}


CUT = 1_500_000
PLACES = [0, 1_000, CUT - 1, CUT, CUT + 1, CUT + 500_000, 2_999_999]


@pytest.mark.tsan
@pytest.mark.parametrize("heals", [True, False])
def test_followers_of_a_body_that_breaks_off(heals, origin, store, serve):
    """At every place of it: either right and whole, or right and cut."""
    origin.put("bucket", LOWER, Pattern(3_000_000))
    server = serve(stores=store, FETCH_PARALLEL=1)
    gate = Gate("")
    origin.fault(faults.cut_at(CUT, gate), LOWER, times=1)
    clients = [server.connect() for _ in PLACES]
    for client, at in zip(clients, PLACES):
        client.ask(FOO, headers={"Range": f"bytes={at}-"})
        if at == 0:
            gate.wait(1)
    heads = [client.head() for client in clients]
    assert all(head.status == 206 for head in heads)
    if not heals:
        origin.fault(faults.status(503, "SlowDown"), LOWER)
    gate.release()
    for client, at in zip(clients, PLACES):
        got = client.read(3_000_000 - at)
        assert got == body(3_000_000)[at:at + len(got)]
        assert (len(got) == 3_000_000 - at) == heals
        client.close()
    quiet(server)
    origin.heal()
    assert server.fetch(FOO).body == body(3_000_000)
    kept(server)
    assert server.fetch(FOO).body == body(3_000_000)


def test_failure_before_the_head_wakes_all(origin, store, serve):
    origin.put("bucket", LOWER, body(5_000))
    server = serve(stores=store, LOG_LEVEL="debug")
    origin.fault(faults.status(403, "NeverHeardOf"), LOWER)
    gate = origin.hold(LOWER)
    clients = [server.connect() for _ in range(20)]
    for client in clients:
        client.ask(FOO)
    server.wait_in_flight(20, key=LOWER)
    gate.release()
    for client in clients:
        with client:
            assert is_fault(client.answer())
    assert len(origin.asked(LOWER)) <= 4
    origin.heal()
    assert server.fetch(FOO).body == body(5_000), "the next one tries again"


def test_replaced_during_the_fill(origin, store, serve):
    """Parts of two versions are never put together."""
    origin.put("bucket", LOWER, Pattern(SIZE))
    server = serve(stores=store, **PARTS)
    gate = origin.hold(lambda r: r.path.endswith(LOWER) and r.get("If-Match"))
    with server.connect() as client:
        client.ask(FOO)
        gate.wait(1)
        origin.put("bucket", LOWER, Pattern(SIZE, 2))
        gate.release()
        answer = client.answer()
    assert answer.cut and answer.body == body(SIZE)[:len(answer.body)]
    quiet(server)
    assert not CacheDir(server).objects()
    assert server.fetch(FOO).body == body(SIZE, 2)


# stores of which some nodes, or all, give no parts

def first_byte(request):
    """Of the part that is asked for; None: the whole is."""
    span = re.match(r"bytes=(\d+)-", request.get("Range") or "")
    return int(span[1]) if span else None


def change(name, value):
    return faults.edit(lambda response: response.set(name, value))


def another_total(response):
    span = response.get("Content-Range")
    if span:
        response.set("Content-Range", span.rpartition("/")[0] + "/99999999")


NO_PART = {
    "412": faults.status(412, "PreconditionFailed"),
    "416": faults.status(416, "InvalidRange", headers=[("Content-Range", f"bytes */{SIZE}")]),
    "416 without a size": faults.status(416, "InvalidRange"),
    "the whole": faults.edit_request("Range", None),
    "another range": faults.edit_request("Range", "bytes=7-99"),
    "another total": faults.edit(another_total),
    "another ETag": change("ETag", '"another"'),
    "a weak ETag": change("ETag", 'W/"weak"'),
    "no ETag": change("ETag", None),
    "400": faults.status(400, "BadRequest"),
    "403": faults.status(403, "AccessDenied"),
    "404": faults.status(404, "NoSuchKey"),
    "500": faults.status(500, "InternalError"),
    "501": faults.status(501, "NotImplemented"),
    "no answer": faults.close(),
}
STORES = ["s3", "http"]


@pytest.fixture
def keeper(origin, upstream, store):
    """Puts an object into a store of a kind: keeper(kind, size) -> stage, STORES"""
    def put(kind, size):
        if kind == "s3":
            origin.put("bucket", LOWER, Pattern(size))
            return origin, store
        upstream.put(LOWER, Pattern(size))
        return upstream, upstream.url
    return put


def right(answer, size=SIZE):
    """As far as it goes, at least. Is it all?"""
    if answer.status != 200:
        assert is_fault(answer)
        return False
    assert answer.body == body(size)[:len(answer.body)]
    return len(answer.body) == size


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("how", NO_PART)
def test_no_part_but_the_first(how, kind, keeper, serve):
    """Whatever is answered to the second question, the file comes at the next try, and others in
    parts as ever."""
    stage, stores = keeper(kind, SIZE)
    server = serve(stores=stores, **PARTS)
    stage.fault(NO_PART[how], lambda r: LOWER in r.path and first_byte(r))
    assert not right(server.fetch(FOO))
    asked = len(stage.asked(LOWER))
    assert right(server.fetch(FOO))
    again = [first_byte(r) for r in stage.asked(LOWER)[asked:] if r.method == "GET"]
    # Parts that the first try had asked for may reach the store this late, or later.
    assert again.count(None) == 1
    assert server.metrics()["pepto_fills_whole_total", ""] == 1
    kept(server)
    assert right(server.fetch(FOO))


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("how", [how for how in NO_PART if how != "404"])
def test_no_part_at_all(how, kind, keeper, serve):
    """404 is a miss, whatever was asked, and so is 400 of an http server, which refuses the name; all
    else is one of the range at the next try."""
    stage, stores = keeper(kind, SIZE)
    server = serve(stores=stores, **PARTS)
    stage.fault(NO_PART[how], lambda r: LOWER in r.path and r.get("Range"))
    answers = server.fetch(FOO), server.fetch(FOO)
    if (how, kind) == ("400", "http") and answers[1].status == 404:
        assert answers[1]["Cache-Control"] == "no-store"
    else:
        assert right(answers[0]) or right(answers[1]) or how == "no answer"


@pytest.mark.parametrize("kind", STORES)
@pytest.mark.parametrize("how", NO_PART)
def test_no_rest_of_a_body_that_breaks_off(how, kind, keeper, serve):
    """Then it is asked for from the start; the client, who has had some, does not notice."""
    stage, stores = keeper(kind, SIZE)
    server = serve(stores=stores)
    stage.fault(faults.cut(3_000_000), LOWER, times=1)
    stage.fault(NO_PART[how], lambda r: LOWER in r.path and first_byte(r))
    assert right(server.fetch(FOO))
    kept(server)
    assert right(server.fetch(FOO))


@pytest.mark.parametrize("nodes", [2, 3])
@pytest.mark.parametrize("kind", STORES)
def test_nodes_that_tell_other_etags(kind, nodes, keeper, serve):
    """In turn: each part is asked for until its node comes."""
    stage, stores = keeper(kind, SIZE)
    server = serve(stores=stores, **PARTS, FETCH_PARALLEL=1)
    count = itertools.count()

    def node(response):
        response.set("ETag", f'"node{next(count) % nodes}"')
    stage.fault(faults.edit(node), LOWER)
    assert right(server.fetch(FOO)) or right(server.fetch(FOO))


@pytest.mark.parametrize("kind", STORES)
def test_if_match_is_always_refused(kind, keeper, serve):
    """Then the ETags are compared here alone, and parts come at the first try."""
    stage, stores = keeper(kind, SIZE)
    server = serve(stores=stores, **PARTS)
    stage.fault(NO_PART["412"], lambda r: r.get("If-Match"))
    assert right(server.fetch(FOO))
    assert len([r for r in stage.asked(LOWER) if first_byte(r)]) > 6


@pytest.mark.parametrize("delta", [-1_000, 1_000])
@pytest.mark.parametrize("size", [5_000, 3_000_000])
def test_a_length_that_does_not_fit(size, delta, upstream, serve):
    upstream.put(LOWER, Pattern(size))
    server = serve(stores=upstream.url)
    upstream.fault(faults.wrong_length(delta), LOWER)
    answer = server.fetch(FOO)
    if delta > 0:
        assert answer.status == 503 or answer.cut
        assert not CacheDir(server).objects()
    else:
        assert answer.status == 503 or answer.cut or len(answer.body) == size + delta
    assert answer.status == 503 or answer.body == body(size)[:len(answer.body)]


SIZES = {"in memory": (20_000, {}), "a file": (300_000, {}), "in parts": (SIZE, PARTS)}


@pytest.mark.parametrize("at", [0.0, 0.5, 0.9999])
@pytest.mark.parametrize("kind", SIZES)
def test_a_wrong_byte_is_never_kept_nor_completed(kind, at, bucket, put, proxy, serve):
    """The ETag of a real S3 is the MD5 of what it holds; and what is asked for once more, as a whole,
    comes another way than before."""
    size, settings = SIZES[kind]
    put(LOWER, body(size))
    server = serve(stores=s3(bucket, proxy), **settings, **KEYS)
    proxy.fault(faults.flip(int(at * size)), lambda r: LOWER in r.path and r.get("Range"))
    for n in (1, 2):
        answer = server.fetch(FOO)
        assert answer.status == 503 or answer.cut, "complete, and wrong"
        assert fills(server, "corrupt") == n
    quiet(server)
    assert not CacheDir(server).objects()
    assert server.wait_log(msg="object damaged on its way", key=LOWER)
    proxy.heal()
    assert server.fetch(FOO).body == body(size)
    kept(server)


def named(size, seed, etag):
    """An object of a service whose ETags look like MD5 and are another hash."""
    made = Plain(body(size, seed))
    made.etag = etag or Plain(b"%d" % seed).etag
    return made


@pytest.mark.parametrize("cache", [{}, {"CACHE_DIR": "off"}])
@pytest.mark.parametrize("kind", SIZES)
def test_an_etag_that_is_no_md5(kind, cache, origin, store, serve):
    """Three objects prove it, each by coming once more; then none is asked for twice, until one
    agrees."""
    size, settings = SIZES[kind]
    server = serve(stores=store, **settings, **cache)

    def asked(seed, etag=None):
        key = path(f"foo{seed}.pdb").lower()
        origin.put("bucket", key, named(size, seed, etag))
        assert server.fetch("/" + key).body == body(size, seed)
        return len([r for r in origin.asked(key, "GET") if not r.get("Range")]) > (1 if cache else 0)
    assert [asked(seed) for seed in range(5)] == [True, True, True, False, False]
    assert server.metrics()["pepto_etag_no_md5_total", ""] == 3
    assert fills(server, "corrupt") == 0
    assert server.wait_log(msg="its ETags look like MD5 and are none: not compared until one agrees")
    assert not asked(5, Plain(body(size, 5)).etag)
    assert asked(6), "it is compared again"


@pytest.mark.parametrize("name, value", [
    ("x-amz-checksum-sha256", "Eqr7FF0Yx6E2o6T+wPO1nJpj4rYNw9ArN1EMK2YWs1w="),
    ("x-amz-checksum-crc32", "AAAAAA=="), ("x-amz-checksum-crc32c", "AAAAAA=="),
    ("x-amz-checksum-crc64nvme", "AAAAAAAAAAA=")])
@pytest.mark.parametrize("kind", SIZES)
def test_a_checksum_that_does_not_fit(kind, name, value, origin, store, serve):
    """Told with the answer, or, for an object in parts, by a HEAD of the whole."""
    size, settings = SIZES[kind]
    sums = [(name, value), ("x-amz-checksum-type", "FULL_OBJECT")]
    origin.put("bucket", LOWER, Pattern(size), sums)
    server = serve(stores=store, **settings)
    answer = server.fetch(FOO)
    assert answer.status == 503 or answer.cut
    quiet(server)
    assert fills(server, "corrupt") >= 1 and not CacheDir(server).objects()


@pytest.mark.parametrize("settings", [{"CACHE_DIR": "off"}, {"CACHE_SIZE": "2MiB"}])
def test_what_passes_is_checked(settings, origin, store, serve):
    """The MD5 that is its ETag is compared with what passes, as with what is kept."""
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
