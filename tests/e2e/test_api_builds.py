# SPDX-License-Identifier: MIT
"""/-/api/builds: transactions newest first, of one product, one with its files; few requests, bounded, and no more
than whoever may read is to know."""

import json
import urllib.parse

import pytest

from rig import faults
from rig.cachedir import PURGE_TOKEN
from rig.listed import Listed
from rig.places import InDirectory, place  # noqa: F401
from rig.plans import GOING, GONE, LIVE, OPEN, done, gone, line, plan, publish
from rig.samples import KEY, path
from rig.server import s3, until

FOO, BAR = path("foo.pdb"), path("bar.dll", "5617D4FE8000")


def ask(server, headers=(), **query):
    answer = server.fetch("/-/api/builds?" + urllib.parse.urlencode(query), headers=headers)
    return answer.status, json.loads(answer.body)


def builds(server, headers=(), **query):
    status, told = ask(server, headers, **query)
    assert status == 200 and told["api"] == 1, told
    return told


def all_of(server, **query):
    told = builds(server, **query)
    rows = list(told["builds"])
    while told["next"]:
        told = builds(server, **{**query, "from": told["next"]})
        rows += told["builds"]
    return rows


class InListed:
    """As a place: a bucket in this process, whose requests are recorded. Its ETags change with what is put."""

    def __init__(self, origin):
        self.origin, self.url, self.settings = origin, s3(origin.bucket("bucket"), origin, index="off"), {}

    def put(self, key, body=b"x"):
        self.origin.put("bucket", key, body)

    def asked(self, of=""):
        return self.origin.asked(lambda r: of in r.path and ".pepto/tx/" in r.path and "list-type" not in r.query)


@pytest.fixture
def bucket_here(stage):
    return InListed(stage(Listed))


def ident(n):
    """The n-th of more than plans.plan_id() tells in order."""
    return f"20261129-{n // 3600:02}{n // 60 % 60:02}{n % 60:02}-{n:08x}"


def put_many(place, n, product=lambda i: "app"):  # noqa: F811
    for i in range(n):
        place.put(f".pepto/tx/{ident(i)}.json", plan(ident(i), [line(FOO)], product=product(i)))
        place.put(f".pepto/tx/{ident(i)}.json.done", done(stored=[2]))


def test_newest_first(place, serve):  # noqa: F811
    ids = [publish(place, n, [line(FOO, b"12345"), line(BAR, b"123")], state, product="app\x1b[1m",
                   version=str(n), comment="nightly", source="git:1", host="builder", user="me")
           for n, state in enumerate((GONE, GOING, LIVE, OPEN), 1)]
    place.put(FOO, b"")
    place.put(".pepto/tx/notes.txt", b"not ours")
    server = serve(stores=place.url, **place.settings)
    told = builds(server)
    assert [b["id"] for b in told["builds"]] == ids[::-1]
    assert [b["state"] for b in told["builds"]] == [OPEN, LIVE, GOING, GONE]
    assert told["next"] is None and not told["partial"] and not told["errors"]
    assert told["products"] == ["app\\u001b[1m"]
    one = told["builds"][1]
    assert one.pop("store") and one == {
        "id": ids[2], "started": "2026-11-29T15:07:17Z", "ended": None, "product": "app\\u001b[1m", "version": "3",
        "comment": "nightly", "source": "git:1", "files": 2, "bytes": 8, "state": LIVE}
    for n in (1, 3):
        assert [b["id"] for b in all_of(server, n=n)] == ids[::-1]


def test_who_published_is_told_to_the_operator(place, serve):  # noqa: F811
    publish(place, 1, [line(FOO)], host="builder", user="me")
    server = serve(stores=place.url, ADMIN_TOKEN=PURGE_TOKEN, **place.settings)
    operator = {"Pepto-Admin": PURGE_TOKEN}
    one, = builds(server, headers=operator)["builds"]
    assert (one["host"], one["user"]) == ("builder", "me")
    for headers in ((), {"Pepto-Admin": "wrong"}):
        one, = builds(server, headers=headers)["builds"]
        assert "host" not in one and "user" not in one
    told = builds(server, headers=operator, id=one["id"])["build"]
    assert told["host"] == "builder" and "host" not in builds(server, id=one["id"])["build"]


def test_of_one_product(bucket_here, serve):
    """A filter looks through so many at a time, and each plan is read once."""
    put_many(bucket_here, 500, lambda i: "rare" if i % 100 == 0 else f"often {i % 2}")
    server = serve(stores=bucket_here.url)
    told = builds(server, product="rare")
    assert told["next"] and len(bucket_here.asked(".json")) <= 220
    assert [b["id"] for b in all_of(server, product="rare")] == [ident(i) for i in (400, 300, 200, 100, 0)]
    assert builds(server, product="Rare", n=1)["builds"] == []
    assert {"rare", "often 0", "often 1"} == set(builds(server, n=1)["products"])
    read = [r.path for r in bucket_here.asked(".json")]
    assert len(read) == len(set(read)) == 500


def test_a_page_costs_few_requests(bucket_here, serve):
    """As many reads as rows, once; and the listing."""
    put_many(bucket_here, 1200)
    server = serve(stores=bucket_here.url)
    told = builds(server, n=20)
    assert [b["id"] for b in told["builds"]] == [ident(i) for i in range(1199, 1179, -1)]
    assert len(bucket_here.asked()) == 20
    assert builds(server, n=20)["builds"] == told["builds"] and len(bucket_here.asked()) == 20
    second = builds(server, n=20, **{"from": told["next"]})
    assert [b["id"] for b in second["builds"]] == [ident(i) for i in range(1179, 1159, -1)]
    assert len(bucket_here.asked()) == 40
    assert len(bucket_here.origin.asked(lambda r: r.query.get("prefix", "").endswith(".pepto/tx/"))) == 3


def test_several_stores(tmp, bucket_here, serve):
    directory = InDirectory(tmp / "store")
    for one in (directory, bucket_here):
        put_many(one, 3)
    directory.put(f".pepto/tx/{ident(9)}.json", plan(ident(9), []))
    server = serve(stores=[bucket_here.url, directory.url, "http://127.0.0.1:9/"])
    expected = [(ident(9), directory.url)] + [(ident(i), s) for i in (2, 1, 0) for s in ("s3://bucket", directory.url)]
    for n in (1, 2, 200):
        assert [(b["id"], b["store"]) for b in all_of(server, n=n)] == expected


def test_damaged_ones_and_long_lines(place, serve):  # noqa: F811
    place.put(f".pepto/tx/{ident(1)}.json", b"{nonsense\n")
    place.put(f".pepto/tx/{ident(2)}.json", b"")
    place.put(f".pepto/tx/{ident(3)}.json.done", done())
    place.put(f".pepto/tx/{ident(4)}.json", plan(ident(4), [], comment="x" * 4000, source="y" * 4000, host="\u00e4" * 2000,
                                                user="\u00e4" * 2000))
    place.put(f".pepto/tx/{ident(5)}.json", plan(ident(5), [line(FOO)]))
    place.put(f".pepto/tx/{ident(5)}.json.gone", b"{}")
    told = builds(serve(stores=place.url, **place.settings))
    assert [(b["id"], b["state"]) for b in told["builds"]] == [
        (ident(5), "damaged"), (ident(4), OPEN), (ident(3), "damaged"), (ident(2), "damaged"), (ident(1), "damaged")]
    assert told["builds"][1]["comment"] == "x" * 512
    assert told["builds"][2]["files"] is None and told["builds"][2]["product"] == ""


@pytest.mark.parametrize("product", ["<img src=x onerror=alert(1)>", "\u202eevil", 'q"uo\\te', "\u00e4\u00f6"])
def test_hostile_texts(product, place, serve):  # noqa: F811
    publish(place, 1, [line(FOO)], product=product)
    server = serve(stores=place.url, **place.settings)
    one, = builds(server, product=product)["builds"]
    assert "\u202e" not in one["product"]
    assert one["product"].replace("\\u202e", "\u202e").replace("\\\\", "\\") == product


# ---- one ----

def test_one_with_its_files(place, serve):  # noqa: F811
    lines = [line(FOO, b"12345", id=KEY, kind="pdb", machine="x64", **{"as": "zstd"}), line(BAR, b"123", kind="pe"),
             line(path("c.pdb")), line(path("d.pdb"))]
    one = publish(place, 1, lines, outcomes={"stored": [2], "existed": [3], "conflict": [4], "failed": [5]},
                  product="app")
    server = serve(stores=place.url, **place.settings)
    told = builds(server, id=one)
    assert told["build"]["state"] == LIVE and told["build"]["ended"] == "2026-11-29T15:07:17Z"
    assert (told["build"]["files"], told["build"]["bytes"]) == (4, 10) and told["next"] is None
    assert told["files"][0] == {"path": FOO, "kind": "pdb", "machine": "x64", "size": 5, "as": "zstd",
                                "outcome": "stored"}
    assert [f["outcome"] for f in told["files"]] == ["stored", "existed", "conflict", "failed"]
    assert told["files"][2]["kind"] is None
    page = builds(server, id=one, n=3)
    assert len(page["files"]) == 3 and page["next"] == "3"
    page = builds(server, id=one, n=3, **{"from": 3})
    assert [f["path"] for f in page["files"]] == [path("d.pdb")] and page["next"] is None
    assert builds(server, id=one, **{"from": 100})["files"] == []


@pytest.mark.parametrize("state", [OPEN, GOING, GONE])
def test_one_in_another_state(state, place, serve):  # noqa: F811
    one = publish(place, 1, [line(FOO)], state)
    told = builds(serve(stores=place.url, **place.settings), id=one)
    assert told["build"]["state"] == state
    if state != OPEN:
        assert told["build"]["why"] == "too old" and "by" not in told["build"] and told["build"]["removed"] == 0
    else:
        assert told["files"][0]["outcome"] == "open" and told["build"]["ended"] is None


def test_one_that_is_damaged(place, serve):  # noqa: F811
    place.put(f".pepto/tx/{ident(1)}.json", b"nonsense\n")
    place.put(f".pepto/tx/{ident(2)}.json", plan(ident(2), [line(FOO)]))
    place.put(f".pepto/tx/{ident(2)}.json.done", b"{}")
    server = serve(stores=place.url, **place.settings)
    told = builds(server, id=ident(1))
    assert told["build"]["state"] == "damaged" and told["files"] is None and told["error"]
    told = builds(server, id=ident(2))
    assert told["build"]["state"] == "damaged" and len(told["files"]) == 1 and told["error"]


def test_one_that_is_not_there(place, serve):  # noqa: F811
    server = serve(stores=place.url, **place.settings)
    status, told = ask(server, id=ident(1))
    assert status == 404 and told["error"]


# ---- what is refused, and what fails ----

@pytest.mark.parametrize("query", ["n=0", "n=201", "n=x", "from=1", "from=", "from=20261129-150717-3f9a12bc",
                                   "from=20261129-150717-3f9a12bc.x", "product=" + "a" * 600, "product=%zz", "id=",
                                   "id=x", "id=../../x", "id=20261129-150717-3f9a12bc&n=1001",
                                   "id=20261129-150717-3f9a12bc&from=-1"])
def test_what_is_no_question(query, store, serve):
    answer = serve(stores=store).fetch("/-/api/builds?" + query)
    assert answer.status == 400 and json.loads(answer.body)["error"]


def test_who_may_ask(bucket_here, serve):
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "LISTEN_ADDRESS": "0.0.0.0"}
    status, told = ask(serve(stores=bucket_here.url, **keys))
    assert status == 403 and "AUTH_TOKENS" in told["error"]
    server = serve(stores=bucket_here.url, AUTH_TOKENS="a-reader", **keys)
    assert server.fetch("/-/api/builds").status == 401
    assert ask(server, headers={"Authorization": "Bearer a-reader"})[0] == 200


def test_a_store_that_fails(tmp, bucket_here, serve):
    directory = InDirectory(tmp / "store")
    put_many(directory, 2)
    bucket_here.origin.fault(faults.status(403, "AccessDenied"), lambda r: r.query.get("list-type") == "2")
    told = builds(serve(stores=[bucket_here.url, directory.url]))
    assert [b["id"] for b in told["builds"]] == [ident(1), ident(0)]
    assert told["partial"] and [e["store"] for e in told["errors"]] == ["s3://bucket"]


def test_one_behind_a_store_that_fails(tmp, bucket_here, serve):
    """Which may have it, or not: it is told from where it is."""
    directory = InDirectory(tmp / "store")
    put_many(directory, 1)
    fault = bucket_here.origin.fault(faults.status(403, "AccessDenied"))
    server = serve(stores=[bucket_here.url, directory.url])
    told = builds(server, id=ident(0))
    assert (told["build"]["state"], told["build"]["files"]) == (LIVE, 1) and "error" not in told
    assert ask(server, id=ident(7))[0] == 503
    fault.left = 0
    assert ask(server, id=ident(7))[0] == 404


def test_a_plan_that_cannot_be_read_now(bucket_here, serve):
    """What a failure left unknown is asked for again."""
    put_many(bucket_here, 1)
    server = serve(stores=bucket_here.url)
    fault = bucket_here.origin.fault(faults.status(403, "SignatureDoesNotMatch"), ident(0) + ".json")
    one, = builds(server)["builds"]
    assert (one["state"], one["files"]) == (LIVE, None)
    fault.left = 0
    one, = builds(server)["builds"]
    assert (one["state"], one["files"]) == (LIVE, 1)


def test_who_leaves_is_not_worked_for(bucket_here, serve):
    put_many(bucket_here, 3)
    server = serve(stores=bucket_here.url)
    gate = bucket_here.origin.hold(lambda r: r.path.endswith(".json"))
    clients = [server.connect() for _ in range(2)]
    for client in clients:
        client.send(b"GET /-/api/builds HTTP/1.1\r\nHost: x\r\n\r\n")
    gate.wait(6)
    assert server.fetch("/-/api/builds").status == 429
    for client in clients:
        client.close()
    until(lambda: server.metrics()["pepto_active_transfers", ""] == 0)
    gate.release()
    until(lambda: ask(server)[0] == 200)
