# SPDX-License-Identifier: MIT
"""/-/api/search: a name gives its keys, a GLOB names, from each kind of store; page by page, for whoever may read,
and no longer than somebody waits for it."""

import json
import os
import signal
import time
import urllib.parse

import pytest

from conftest import KEYS
from rig import faults
from rig.listed import Listed
from rig.pace import ms
from rig.places import InBucket, InDirectory, place  # noqa: F401
from rig.samples import GUID, KEY
from rig.server import s3, until
from rig.wire import Response

from test_add import add, build, key  # noqa: F401
from test_add_faults import can_tell

OLDER = GUID + "1"


def ask(server, q, headers=(), **more):
    answer = server.fetch("/-/api/search?" + urllib.parse.urlencode({"q": q, **more}), headers=headers)
    return answer.status, json.loads(answer.body)


def search(server, q, **more):
    status, told = ask(server, q, **more)
    assert status == 200 and told["api"] == 1, told
    return told


def all_of(server, q, **more):
    """Page after page: (rows, how many pages)."""
    told, rows, pages = search(server, q, **more), [], 1
    rows += told["rows"]
    while told["next"]:
        told, pages = search(server, q, **more, **{"from": told["next"]}), pages + 1
        rows += told["rows"]
    assert not told["errors"]
    return rows, pages


def stored(rows):
    return sorted(row["stored"] for row in rows)


def lists(origin):
    return origin.asked(lambda r: r.query.get("list-type") == "2")


def with_names(server):
    """Once the names of all buckets are known."""
    def known():
        told = json.loads(server.fetch("/-/api/live").body)
        return all(store["names"] is not None for store in told["stores"] if store["name"].startswith("s3:"))
    until(known)
    return server


@pytest.fixture
def listed(stage):
    origin = stage(Listed)
    origin.bucket("bucket")
    return origin


FORMS = {"foo.pdb": ("plain", "foo.pdb"), "foo.pd_": ("cabinet", "foo.pdb"), "foo.pdb.gz": ("gzip", "foo.pdb"),
         "foo.pdb.zst": ("zstd", "foo.pdb"), "msfz0/foo.pdb": ("msfz", "foo.pdb"),
         "file.ptr": ("pointer", "foo.pdb"), "foo.sym": ("sym", "foo.sym"), "refs.ptr": ("other", "refs.ptr")}


def test_the_keys_of_a_name(place, serve):
    for n, last in enumerate(FORMS):
        place.put(f"foo.pdb/{KEY}/{last}", b"x" * n)
    place.put(f"foo.pdb/{OLDER}/foo.pdb")
    place.put(f"foo.pdbx/{KEY}/foo.pdbx")
    server = serve(stores=place.url, **place.settings)
    told = search(server, "foo.pdb")
    assert told["kind"] == "name" and told["q"] == "foo.pdb" and not told["partial"] and told["next"] is None
    assert stored(told["rows"]) == sorted([f"foo.pdb/{KEY}/{last}" for last in FORMS]
                                          + [f"foo.pdb/{OLDER}/foo.pdb"])
    for row in told["rows"]:
        last = row["stored"].split("/", 2)[2]
        assert (row["form"], row["path"]) == (FORMS[last][0], f"foo.pdb/{row['key']}/{FORMS[last][1]}")
        assert row["name"] == "foo.pdb" and row["date"].endswith("Z") and row["transaction"] is None
        assert row["size"] == (list(FORMS).index(last) if row["key"] == KEY else 1)


def test_the_newest_first(tmp, serve):
    store = InDirectory(tmp / "store")
    for age in range(5):
        store.put(f"foo.pdb/{GUID}{age}/foo.pdb")
        os.utime(store.root / f"foo.pdb/{GUID}{age}/foo.pdb", (1_700_000_000 + age * 7 % 5,) * 2)
    rows = search(serve(stores=store.url), "foo.pdb")["rows"]
    assert [row["date"] for row in rows] == sorted((row["date"] for row in rows), reverse=True)
    assert len({row["date"] for row in rows}) == 5


@pytest.mark.parametrize("q", [f"foo.pdb/{KEY}", f"FOO.PDB/{KEY.upper()}", f"foo.pdb/{KEY.lower()}/foo.pdb",
                               f"\\foo.pdb\\{KEY}\\foo.pdb"])
def test_one_key(q, place, serve):
    for key in (KEY, OLDER):
        for last in ("foo.pdb", "foo.pd_"):
            place.put(f"foo.pdb/{key}/{last}")
    told = search(serve(stores=place.url, **place.settings), q)
    assert told["kind"] == "key"
    assert stored(told["rows"]) == [f"foo.pdb/{KEY}/foo.pd_", f"foo.pdb/{KEY}/foo.pdb"]


@pytest.mark.parametrize("q", ["FOO.pdb", "foo.PDB", "Foo.Pdb"])
def test_any_case_finds(q, tmp, listed, serve):
    directory = InDirectory(tmp / "store")
    directory.put(f"Foo.Pdb/{KEY}/FOO.pdb")
    listed.put("bucket", f"Foo.Pdb/{KEY}/FOO.pdb", b"x")
    server = with_names(serve(stores=s3("bucket", listed, index="on")))
    for server in (server, serve(stores=directory.url)):
        row, = search(server, q)["rows"]
        assert row["stored"] == f"Foo.Pdb/{KEY}/FOO.pdb" and row["form"] == "plain"


@pytest.mark.parametrize("q", ["foo.pdb", "FOO.pdb"])
def test_two_tiers(q, place, serve):
    for key in ("index2.txt", f"fo/foo.pdb/{KEY}/foo.pdb", f"ba/bar.pdb/{KEY}/bar.pdb"):
        place.put(key)
    rows = search(serve(stores=place.url, **place.settings), q)["rows"]
    assert [(r["stored"], r["path"]) for r in rows] == [(f"fo/foo.pdb/{KEY}/foo.pdb", f"foo.pdb/{KEY}/foo.pdb")]


def test_a_directory_of_two_tiers_in_capitals(tmp, serve):
    store = InDirectory(tmp / "store")
    for key in ("index2.txt", f"FO/FOO.PDB/{KEY}/FOO.PDB", f"Fo/bar.pdb/{KEY}/bar.pdb"):
        store.put(key)
    server = serve(stores=store.url)
    assert stored(search(server, "foo.pdb")["rows"]) == [f"FO/FOO.PDB/{KEY}/FOO.PDB"]
    rows, _ = all_of(server, "*.pdb", n=1)
    assert [(r["name"], r["stored"]) for r in rows] == [("FOO.PDB", "FO/FOO.PDB/"), ("bar.pdb", "Fo/bar.pdb/")]


def test_several_stores(tmp, listed, serve):
    directory = InDirectory(tmp / "store")
    directory.put(f"foo.pdb/{KEY}/foo.pdb")
    listed.put("bucket", f"foo.pdb/{OLDER}/foo.pdb", b"x")
    server = with_names(serve(stores=[s3("bucket", listed, index="on"), directory.url]))
    told = search(server, "foo.pdb")
    assert {(r["store"], r["key"]) for r in told["rows"]} == {("s3://bucket", OLDER), (directory.url, KEY)}


# ---- names ----

NAMES = ["a.pdb", "b.pdb", "B.pdb", "foo.dll", "foo.pdb", "foo+bar.pdb", "Foobar.pdb"]


@pytest.mark.parametrize("glob, found", [("foo*", ["Foobar.pdb", "foo+bar.pdb", "foo.dll", "foo.pdb"]),
                                         ("?.pdb", ["B.pdb", "a.pdb", "b.pdb"]), ("FOO.*", ["foo.dll", "foo.pdb"]),
                                         ("foo bar*", ["foo+bar.pdb"]), ("nothing*", [])])
def test_names_that_match(glob, found, tmp, listed, serve):
    """From the index, without a request; of a directory by reading it."""
    directory = InDirectory(tmp / "store")
    for name in [*NAMES, ".pepto/tx", "000Admin", ".peptox"]:
        directory.put(f"{name}/{KEY}/{name}")
        listed.put("bucket", f"{name}/{KEY}/{name}", b"x")
    server = with_names(serve(stores=s3("bucket", listed, index="on")))
    before = len(lists(listed))
    for one in (server, serve(stores=directory.url)):
        for n in (1, 2, 1000):
            rows, _ = all_of(one, glob, n=n)
            assert [r["name"].replace(" ", "+") for r in rows] == found
            assert all(r["key"] is r["path"] is r["form"] is r["size"] is None for r in rows)
    assert len(lists(listed)) == before


def test_names_without_an_index(listed, serve):
    """No bucket is listed as a whole; it is said what to do."""
    listed.put("bucket", f"foo.pdb/{KEY}/foo.pdb", b"x")
    server = serve(stores=s3("bucket", listed, index="off"))
    told = search(server, "foo*")
    assert told["rows"] == [] and told["partial"] and "index=on" in told["errors"][0]["error"]
    assert not lists(listed)
    assert len(search(server, "foo.pdb")["rows"]) == 1


# ---- many ----

@pytest.mark.parametrize("kind", ["bucket", "directory"])
def test_page_after_page(kind, tmp, listed, serve):
    keys = [f"foo.pdb/{n:032X}1/foo.pdb" for n in range(1500)]
    directory = InDirectory(tmp / "store")
    for key in keys:
        listed.put("bucket", key, b"x")
        if kind == "directory":
            directory.put(key)
    server = serve(stores=directory.url if kind == "directory" else s3("bucket", listed, index="off"))
    for n, pages in ((1, 2), (1000, 2)):
        before = len(lists(listed))
        rows, told = all_of(server, "foo.pdb", n=n)
        assert [r["stored"] for r in sorted(rows, key=lambda r: r["stored"])] == keys and told == pages
        asked = lists(listed)[before:]
        assert kind == "directory" or len([r for r in asked if r.query["prefix"] == "foo.pdb/"]) == pages


@pytest.mark.parametrize("name", ["<img src=x onerror=alert(1)>.pdb", "\u202egone.pdb", "a b+c.pdb", 'q"uo\'te.pdb',
                                  "100%.pdb", "\u00c4\u00df.pdb", "x" * 250 + ".pdb", "amp&.pdb", "#.pdb"])
def test_hostile_names(name, place, serve):
    place.put(f"{name}/{KEY}/{name}")
    rows = search(serve(stores=place.url, **place.settings), name)["rows"]
    assert len(rows) == 1 and rows[0]["key"] == KEY and rows[0]["form"] == "plain"
    assert "\u202e" not in rows[0]["name"] and "\u202e" not in rows[0]["stored"]


@pytest.mark.parametrize("option, of_name, of_glob", [
    ("only=foo*", ["foo.pdb"], ["foo.pdb"]), ("only=*.dll", [], ["fox.dll"]), ("not=foo*", [], ["fox.dll"]),
    ("only=*.pd_", [], ["foo.pdb"]), ("not=*.pdb", [], ["fox.dll"])])
def test_what_a_store_is_not_asked_for_is_not_told(option, of_name, of_glob, tmp, listed, serve):
    """As lookup has it: by only= and not=."""
    for name in ("foo.pdb", "fox.dll"):
        listed.put("bucket", f"{name}/{KEY}/{name}", b"x")
        (tmp / "dir" / name / KEY).mkdir(parents=True)
        (tmp / "dir" / name / KEY / name).write_bytes(b"x")
    server = with_names(serve(stores=[s3("bucket", listed, index="on") + "&" + option, f"file://{tmp}/dir?{option}"]))
    before = len(lists(listed))
    assert [r["name"] for r in search(server, "foo.pdb")["rows"]] == 2 * of_name
    if option in ("not=foo*", "not=*.pdb", "only=*.dll"):
        assert len(lists(listed)) == before, "nor is it listed"
    assert [r["name"] for r in search(server, "fo*")["rows"]] == 2 * of_glob


@pytest.mark.parametrize("name", [b"fo\x01o.pdb", b"fo\no.pdb", b"f\x7f.pdb", "fo\u202eo.pdb".encode(), b"fo\xff.pdb", b"f%41.pdb", b"f+o.pdb"])
def test_what_is_told_can_be_asked(name, tmp, serve):
    """A GLOB tells the name, which tells its key, which is found by what was told."""
    path = os.path.join(os.fsencode(tmp), b"dir", name, KEY.encode())
    os.makedirs(path)
    with open(os.path.join(path, name), "wb") as file:
        file.write(b"x")
    server = serve(stores=f"file://{tmp}/dir")
    q = "f*"
    for kind in ("names", "name", "key"):
        answer = server.fetch("/-/api/search?q=" + q)
        told = json.loads(answer.body)
        assert answer.status == 200 and told["kind"] == kind and len(told["rows"]) == 1, told
        q = told["rows"][0]["href"]
        if kind == "names":
            assert urllib.parse.unquote_to_bytes(q) == name
    assert urllib.parse.unquote_to_bytes(q) == name + b"/" + KEY.encode() + b"/" + name
    if min(name) >= 32 and 0x7f not in name:
        assert server.fetch("/" + q).body == b"x"


# ---- by which transaction ----

TX = "20261129-150717-3f9a12bc"


def heads(server):
    return server.metrics()["pepto_api_heads_total", ""]


def test_the_transaction(rgw, bucket, serve):
    place = InBucket(rgw, bucket)
    place.put(f"foo.pdb/{KEY}/foo.pdb", b"x", **{"pepto-sha256": "0" * 64, "pepto-size": "1", "pepto-tx": TX})
    place.put(f"foo.pdb/{OLDER}/foo.pdb")
    place.put(f"foo.pdb/{GUID}2/foo.pdb", b"x", **{"pepto-tx": "<b>x</b>"})
    server = serve(stores=place.url, **place.settings)
    for q, told in (("foo.pdb", {KEY: TX, OLDER: None, GUID + "2": None}), (f"foo.pdb/{KEY}", {KEY: TX})):
        assert {r["key"]: r["transaction"] for r in search(server, q)["rows"]} == told
    assert heads(server) == 3, "each object is asked once"


def test_the_transaction_of_a_file(tmp, add, build, serve):  # noqa: F811
    """A directory tells it as well, where its file system has a place for that."""
    place = InDirectory(tmp / "store")
    place.root.mkdir()
    _, _, all, _ = add(place, build(1), "--compress", "none")
    place.put(f"{key(0).split('/')[0]}/{OLDER}/other.txt")
    server = serve(stores=place.url)
    told = {r["stored"]: r["transaction"] for r in search(server, key(0).split("/")[0])["rows"]}
    which = all["transaction"] if can_tell(place.root / key(0)) else None
    assert len(told) == 2 and told.pop(key(0)) == which and not any(told.values())


def test_it_is_asked_of_few(tmp, listed, serve):
    """Of the 64 newest; of what a page before has told not again."""
    for i in range(100):
        listed.put("bucket", f"foo.pdb/{GUID}{i:x}/foo.pdb", b"x")
    (tmp / "dir" / "foo.pdb" / KEY).mkdir(parents=True)
    (tmp / "dir" / "foo.pdb" / KEY / "foo.pdb").write_bytes(b"x")
    server = serve(stores=[s3("bucket", listed), f"file://{tmp}/dir"])
    assert len(search(server, "foo.pdb")["rows"]) == 101
    assert heads(server) == 64
    search(server, "foo.pdb")
    assert heads(server) < 64 + 16, "but for those that share a place with another one"


def test_who_does_not_tell_it_is_waited_for_no_longer_than_there_is_time(listed, serve):
    listed.put("bucket", f"foo.pdb/{KEY}/foo.pdb", b"x")
    server = serve(stores=s3("bucket", listed), REQUEST_BUDGET=ms(2))
    listed.fault(faults.hang(), f"foo.pdb/{KEY}/foo.pdb")
    told = search(server, "foo.pdb")
    assert [r["transaction"] for r in told["rows"]] == [None] and not told["errors"]
    listed.heal()


# ---- what is refused ----

@pytest.mark.parametrize("query", ["", "q=", "q=%20", "q=..", "q=a/b/c/d", "q=foo*/1", "q=.pepto", "q=.pepto/tx",
                                   "q=000Admin", "q=000admin/x", "q=foo%00", "q=%zz",
                                   "q=" + "a" * 1025, "q=foo.pdb&n=0", "q=foo.pdb&n=1001", "q=foo.pdb&n=x",
                                   "q=foo.pdb&from=", "q=foo.pdb&from=zz", "q=foo.pdb&from=303a303a",
                                   "q=foo.pdb&from=" + b"0:10:.pepto/tx/".hex(),
                                   "q=foo.pdb&from=" + b"0:8:bar.pdb/".hex(),
                                   "q=foo.pdb&from=" + b"9:8:foo.pdb/".hex(),
                                   "q=foo.pdb&from=" + "30" * 2100])
def test_what_is_no_question(query, store, serve_once):
    answer = serve_once.fetch("/-/api/search?" + query)
    assert answer.status == 400 and json.loads(answer.body)["error"], answer


@pytest.fixture
def serve_once(store, serve):
    return serve(stores=store)


def test_ours_is_never_told(place, serve):
    for key in (".pepto/tx/x.json", "000Admin/0000000001", f"foo.pdb/{KEY}/foo.pdb"):
        place.put(key)
    server = serve(stores=place.url, **place.settings)
    forged = b"0:8:foo.pdb/.pepto/tx/".hex()
    for q, more in (("foo.pdb", {}), ("foo.pdb", {"from": forged}), ("*", {})):
        status, told = ask(server, q, **more)
        assert ".pepto" not in json.dumps(told.get("rows", [])), (status, told)


def test_who_may_ask(listed, serve):
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "LISTEN_ADDRESS": "0.0.0.0"}
    private = s3("bucket", listed)
    status, told = ask(serve(stores=private, **keys), "foo.pdb")
    assert status == 403 and "AUTH_TOKENS" in told["error"]
    server = serve(stores=private, AUTH_TOKENS="a-reader", **keys)
    assert server.fetch("/-/api/search?q=foo.pdb").status == 401
    assert ask(server, "foo.pdb", headers={"Authorization": "Bearer a-reader"})[0] == 200
    assert not [r for r in listed.asked("/bucket") if "a-reader" in r.path]


# ---- stores that fail, clients that leave ----

def test_a_store_that_fails(tmp, listed, serve):
    directory = InDirectory(tmp / "store")
    directory.put(f"foo.pdb/{KEY}/foo.pdb")
    listed.fault(faults.status(403, "AccessDenied"), lambda r: r.query.get("list-type") == "2")
    server = serve(stores=[s3("bucket", listed, index="off"), "http://127.0.0.1:9/", directory.url])
    told = search(server, "foo.pdb")
    assert [r["store"] for r in told["rows"]] == [directory.url]
    assert told["partial"] and [e["store"] for e in told["errors"]] == ["s3://bucket", "http://127.0.0.1:9"]


def is_search(request):
    return request.query.get("list-type") == "2" and request.query.get("prefix") == "foo.pdb/"


def test_who_leaves_is_not_worked_for(listed, serve):
    """Two of a client at a time; when both are gone, so are their listings."""
    listed.put("bucket", f"foo.pdb/{KEY}/foo.pdb", b"x")
    server = serve(stores=s3("bucket", listed, index="off"))
    gate = listed.hold(is_search)
    clients = [server.connect() for _ in range(2)]
    for client in clients:
        client.send(b"GET /-/api/search?q=foo.pdb HTTP/1.1\r\nHost: x\r\n\r\n")
    gate.wait(2)
    answer = server.fetch("/-/api/search?q=foo.pdb")
    assert answer.status == 429 and answer["Retry-After"] == "1" and json.loads(answer.body)["error"]
    assert server.fetch("/-/api/live").status == 200
    for client in clients:
        client.close()
    until(lambda: server.metrics()["pepto_active_transfers", ""] == 0)
    gate.release()
    until(lambda: ask(server, "foo.pdb")[0] == 200)


def test_what_is_known_when_time_is_over(tmp, listed, serve):
    directory = InDirectory(tmp / "store")
    directory.put(f"foo.pdb/{OLDER}/foo.pdb")
    listed.put("bucket", f"foo.pdb/{KEY}/foo.pdb", b"x")
    server = serve(stores=[directory.url, s3("bucket", listed, index="off")], REQUEST_BUDGET="2s")
    gate = listed.hold(is_search)
    told = search(server, "foo.pdb")
    assert [r["key"] for r in told["rows"]] == [OLDER] and told["next"]
    gate.release()
    assert [r["key"] for r in search(server, "foo.pdb", **{"from": told["next"]})["rows"]] == [KEY]


def test_a_glob_when_time_is_over(tmp, serve):
    """Never a short answer that says it was all."""
    directory, names = InDirectory(tmp / "store"), 4000
    for n in range(names):
        (directory.root / f"{n:04}.pdb").mkdir(parents=True)
    server = serve(stores=directory.url, REQUEST_BUDGET="1s")
    with server.connect() as client:
        client.send(b"GET /-/api/search?q=*77.pdb HTTP/1.1\r\nHost: x\r\n\r\n")
        server.process.send_signal(signal.SIGSTOP)
        time.sleep(1.2)     # its time is over as soon as it goes on
        server.process.send_signal(signal.SIGCONT)
        told = json.loads(client.answer().body)
    if len(told["rows"]) < names // 100:
        assert told["partial"] and told["errors"]


def test_a_glob_goes_on_without_the_store_it_was_at(stage, listed, serve):
    """In the next one from its beginning."""
    first = stage(Listed)
    first.bucket("bucket")
    for name in ("m", "n", "o"):
        first.put("bucket", f"{name}.pdb/{KEY}/{name}.pdb", b"x")
    for name in ("a", "z"):
        listed.put("bucket", f"{name}.pdb/{KEY}/{name}.pdb", b"x")
    stores = [s3("bucket", first, index="on"), s3("bucket", listed, index="on")]
    told = search(with_names(serve(stores=stores)), "*.pdb", n=2)
    assert [r["name"] for r in told["rows"]] == ["m.pdb", "n.pdb"]
    first.fault(faults.status(500, "InternalError"))
    server = serve(stores=stores)
    until(lambda: any(store["names"] for store in json.loads(server.fetch("/-/api/live").body)["stores"]))
    told = search(server, "*.pdb", **{"from": told["next"]})
    assert [r["name"] for r in told["rows"]] == ["a.pdb", "z.pdb"]
    assert told["partial"] and "not known" in told["errors"][0]["error"]


def page_with(token):
    return faults.respond(lambda request: Response(200, [("Content-Type", "application/xml")], (
        f"<ListBucketResult><IsTruncated>true</IsTruncated><Contents><Key>foo.pdb/{KEY}/foo.pdb</Key><Size>1</Size>"
        f"</Contents><NextContinuationToken>{token}</NextContinuationToken></ListBucketResult>").encode()))


@pytest.mark.parametrize("token, n, rows, why", [("the-same", 200, 2, "in a circle"), ("t" * 3000, 1, 1, "too long")],
                         ids=["circle", "long"])
def test_a_listing_that_cannot_be_gone_on_with(token, n, rows, why, listed, serve):
    listed.fault(page_with(token), is_search)
    told = search(serve(stores=s3("bucket", listed, index="off")), "foo.pdb", n=n)
    assert len(told["rows"]) == rows and not told["next"]
    assert told["partial"] and why in told["errors"][0]["error"]


def test_it_ends_with_the_server(listed, serve):
    server = serve(stores=s3("bucket", listed, index="off"))
    gate = listed.hold(is_search)
    client = server.connect()
    client.send(b"GET /-/api/search?q=foo.pdb HTTP/1.1\r\nHost: x\r\n\r\n")
    gate.wait(1)
    server.stop()
    gate.release()


def test_its_pages_are_counted(listed, serve):
    listed.put("bucket", f"foo.pdb/{KEY}/foo.pdb", b"x")
    server = serve(stores=s3("bucket", listed, index="off"))
    before = server.metrics()
    search(server, "foo.pdb")
    after = server.metrics()
    pages = after["pepto_api_pages_total", ""] - before["pepto_api_pages_total", ""]
    assert pages >= 1
    assert after["pepto_store_requests_total", ""] - before["pepto_store_requests_total", ""] >= pages


def test_in_a_real_bucket(rgw, bucket, serve):
    """Its continuation tokens are its own."""
    place = InBucket(rgw, bucket)
    keys = [f"foo.pdb/{n:032X}1/foo.pdb" for n in range(1010)]
    for key in keys:
        place.put(key)
    rows, pages = all_of(serve(stores=place.url, **KEYS), "foo.pdb")
    assert stored(rows) == keys and pages == 2
