# SPDX-License-Identifier: MIT
"""/-/api/test tells what a debugger would be told, and why, by the lookup that serves it, and /-/api/keys which of many
files are there; they bring nobody a file, and are no way around a gate. Questions that wait for a store are bounded, and
end with their client."""

import json
import threading
import urllib.parse

import pytest

from rig import faults
from rig.client import is_miss
from conftest import KEYS
from rig.cabinets import mszip
from rig.forms import genuine
from rig.samples import KEY, body, path
from rig.pace import ms
from rig.server import s3, until

FOO, GONE = path("foo.pdb"), path("gone.pdb")


def ask(server, target, base="", headers=(), method="GET"):
    return server.fetch(f"{base}/-/api/test?path={urllib.parse.quote(target, safe='')}", method, headers)


def test(server, target, **how):
    answer = ask(server, target, **how)
    assert answer.status == 200 and answer["Cache-Control"] == "private, no-store", answer
    told = json.loads(answer.body)
    assert told["api"] == 1
    return told


test.__test__ = False


def bodies(origin, key):
    """Requests that brought more than the first byte of it."""
    return [r for r in origin.asked(lambda r: r.path.endswith("/" + key), method="GET")
            if r.get("Range") != "bytes=0-0"]


def said(told, store=None):
    """What each key said, in order."""
    return [(row["key"], row["said"]) for row in told["asked"] if store in (None, row["store"])]


def test_what_is_there(origin, store, serve):
    origin.put("bucket", FOO.lower(), body(5_000))
    server = serve(stores=store)
    told = test(server, FOO)
    assert {k: told[k] for k in ("path", "status", "answer", "why", "key", "form", "size", "memory")} == {
        "path": FOO, "status": 200, "answer": "found", "why": None, "key": FOO.lower(), "form": "plain",
        "size": 5_000, "memory": False}
    assert said(told)[0] == (FOO.lower(), "found") and told["asked"][0]["ms"] > 0
    assert told["store"] == told["asked"][0]["store"] and not told["cut"]
    assert not bodies(origin, FOO.lower())


@pytest.mark.parametrize("key, pack, headers, form", [
    (path("foo.pdb", KEY, "foo.pd_"), lambda b: mszip("foo.pdb", b), (), "cabinet"),
    (FOO, bytes, [("Content-Encoding", "zstd")], "zstd"),
    (FOO + ".gz", bytes, (), "gzip"),
    (path("foo.pdb", KEY + "/msfz0", "foo.pdb"), bytes, (), "msfz"),
], ids=["cabinet", "zstd", "gzip", "msfz"])
def test_nothing_is_unpacked(key, pack, headers, form, origin, store, serve):
    """Twice: what was learnt of the store by the first makes no difference."""
    stored = pack(body(50_000))
    origin.put("bucket", key, stored, headers)
    server = serve(stores=store + "&forms=cab,gz,zst,msfz&case=asked")
    for _ in range(2):
        told = test(server, FOO)
        assert (told["answer"], told["key"], told["form"], told["size"]) == \
            ("found", key, form, len(stored))
        assert (key, "found") in said(told)
    assert not bodies(origin, key)


def test_what_is_missing_and_from_memory(origin, store, serve):
    server = serve(stores=store)
    told = test(server, GONE)
    assert (told["status"], told["answer"], told["memory"]) == (404, "miss", False)
    asked = len(origin.asked("gone"))
    assert asked and {row["said"] for row in told["asked"]} == {"miss"}
    again = test(server, GONE)
    assert (again["answer"], again["memory"]) == ("miss", True) and said(again) == said(told)
    assert all(row["memory"] and row["ms"] is None for row in again["asked"])
    assert is_miss(server.fetch("/" + GONE)) and len(origin.asked("gone")) == asked
    until(lambda: json.loads(server.fetch("/-/api/missing").body)["missing"])
    assert json.loads(server.fetch("/-/api/missing").body)["missing"][0]["count"] == 1, \
        "a test is nobody's request"


@pytest.mark.cache_on
def test_what_lies_in_the_cache(origin, store, serve):
    origin.put("bucket", FOO.lower(), body(5_000))
    server = serve(stores=store)
    assert server.fetch("/" + FOO).status == 200
    origin.forget()
    until(lambda: test(server, FOO)["memory"])
    told = test(server, FOO)
    assert (told["answer"], told["size"], said(told)) == ("found", 5_000, [(FOO.lower(), "found")])
    assert not bodies(origin, FOO.lower())


def test_a_fault_is_none(origin, store, serve):
    server = serve(stores=store)
    origin.fault(faults.status(500), GONE.lower())
    told = test(server, GONE)
    assert (told["status"], told["answer"]) == (503, "fault") and told["why"] and told["store"]
    assert (GONE.lower(), "fault") in said(told)
    assert [row["why"] for row in told["asked"] if row["said"] == "fault"][0]


def test_the_stores_in_their_order(origin, stage, serve):
    origin.listable = True
    origin.put("second", FOO.lower(), body(100))
    stores = [s3(origin.bucket("first"), origin, **{"not": "bar*"}), s3("second", origin),
              s3(origin.bucket("third"), origin)]
    server = serve(stores=stores)
    told = test(server, FOO)
    first, second, third = (f"s3://{name}" for name in ("first", "second", "third"))
    assert told["store"] == second and {row["store"] for row in told["asked"]} == {first, second}
    told = test(server, path("bar.pdb"))
    assert told["asked"][0] == {"store": first, "key": None, "said": "passed over", "why": None,
                                "memory": False, "ms": None}
    assert {row["store"] for row in told["asked"]} == {first, second, third}


def test_another_file_in_a_directory(tmp, serve):
    """A local file is looked into: it is there, and no debugger is given it."""
    for name in ("foo.pdb", "text.pdb"):
        (tmp / name / KEY).mkdir(parents=True)
    (tmp / "foo.pdb" / KEY / "foo.pdb").write_bytes(genuine()["pdb"].data)
    (tmp / "text.pdb" / KEY / "text.pdb").write_bytes(body(100))
    server = serve(stores=f"file://{tmp}")
    told = test(server, FOO)
    assert (told["status"], told["answer"]) == (404, "miss") and "another file" in told["why"]
    assert [row["why"] for row in told["asked"] if row["key"] == FOO] == [told["why"].replace("what lies there is ", "")]
    told = keys(serve(stores=f"file://{tmp}"), [FOO, path("text.pdb"), GONE])
    assert [row["found"] for row in told] == ["wrong", "there", "missing"] and "another file" in told[0]["why"]


def test_a_real_bucket(rgw, bucket, put, serve):
    """Read with credentials; a name in it is missing, in another case, or packed."""
    put(FOO.lower(), body(5_000))
    put(path("bar.pdb", KEY.lower(), "bar.pd_"), mszip("bar.pdb", body(9_000)))
    server = serve(stores=s3(bucket, rgw), **KEYS)
    told = test(server, FOO)
    assert (told["answer"], told["key"], told["size"]) == ("found", FOO.lower(), 5_000)
    assert [row["found"] for row in keys(server, [GONE, path("bar.pdb"), FOO])] == ["missing", "there", "there"]
    assert test(server, GONE)["memory"] is True


@pytest.mark.parametrize("spelled", [
    "foo.pdb\\{K}\\foo.pdb", "/foo.pdb/{K}/foo.pdb", "//foo.pdb///{K}/foo.pdb",
    "http://symbols.example/sym/foo.pdb/{K}/foo.pdb", "https://u:secret@symbols.example/sym/foo.pdb/{K}/foo.pdb?x=1",
    "/sym/foo.pdb/{K}/foo.pdb", " foo.pdb/{K}/foo.pdb ", "foo%2Epdb/{K}/foo.pdb", "C:\\out\\foo.pdb/{K}/foo.pdb"])
def test_as_people_paste_it(spelled, origin, store, serve):
    origin.put("bucket", FOO.lower(), body(100))
    server = serve(stores=store, BASE_PATH="/sym")
    answer = ask(server, spelled.replace("{K}", KEY), base="/sym")
    told = json.loads(answer.body)
    assert (told["path"], told["answer"]) == (FOO, "found") and b"secret" not in answer.body


@pytest.mark.parametrize("target", [
    ".pepto/tx/x", "x/.PEPTO/y", "..%2f..%2fetc/passwd/x", "a/../b", "a/./b", "a/%00/b", "a%0ab/K/c", "%zz/K/a",
    "x" * 1025, "/".join("a" * 17), "buildid/" + "ab" * 20 + "/source/x.c"], ids=lambda s: ascii(s)[1:30])
def test_what_is_refused(target, origin, store, serve):
    server = serve(stores=store)
    told = test(server, target)
    assert (told["answer"], told["status"], told["path"], told["asked"]) == ("refused", 404, None, [])
    assert told["why"] and not origin.asked(lambda r: r.path.endswith("/" + target.rpartition("/")[2]))


@pytest.mark.parametrize("target", ["", "/", "index2.txt", "pingme.txt", "-/api/test", "/-/purge"])
def test_no_path_of_a_file(target, store, serve):
    answer = ask(serve(stores=store), target)
    assert answer.status == 400 and "name/KEY/name" in json.loads(answer.body)["error"]


@pytest.mark.parametrize("query", ["", "?", "?path", "?paths=x", "?path=%zz", "?path=%"])
def test_a_question_that_says_nothing(query, store, serve):
    answer = serve(stores=store).fetch("/-/api/test" + query)
    assert answer.status == 400 and json.loads(answer.body)["error"]


def test_a_private_bucket_tells_no_more_than_it_serves(origin, serve):
    origin.listable = True
    origin.put("bucket", "000Admin/history.txt", body(10))
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}
    stores = s3("bucket", origin)
    server = serve(stores=stores, **keys)
    told = test(server, "000Admin/history.txt")
    assert (told["answer"], told["status"], told["size"]) == ("refused", 404, None)
    assert [row["said"] for row in told["asked"]] == ["passed over"]
    assert not origin.asked("000Admin")
    open_ = serve(stores=stores, LISTEN_ADDRESS="0.0.0.0", **keys)
    assert ask(open_, FOO).status == 403
    origin.forget()
    guarded = serve(stores=stores, LISTEN_ADDRESS="0.0.0.0", AUTH_TOKENS="a-readers-token", **keys)
    assert ask(guarded, FOO).status == 401
    told = test(guarded, FOO, headers={"Authorization": "Bearer a-readers-token"})
    assert told["answer"] == "miss"


def test_no_secret_is_told(origin, store, serve):
    token = "ab" * 16
    server = serve(stores=store, AUTH_TOKENS=token, ADMIN_TOKEN="the-operators-token")
    who = {"Authorization": "Bearer " + token}
    origin.put("bucket", FOO.lower(), body(10))
    answer = ask(server, f"/t/{token}/{FOO}", headers=who)
    assert json.loads(answer.body)["path"] == FOO and token.encode() not in answer.body
    for secret in (token, "the-operators-token"):
        answer = ask(server, f"x/{secret}/y", headers=who)
        assert json.loads(answer.body)["answer"] == "refused" and secret.encode() not in answer.body
    assert not origin.asked(token) and not origin.asked("operators")


def test_methods(store, serve):
    server = serve(stores=store)
    head = ask(server, FOO, method="HEAD")
    assert head.status == 200 and not head.body
    for method in ("POST", "PUT", "DELETE"):
        answer = ask(server, FOO, method=method)
        assert answer.status == 405 and "GET" in answer["Allow"]


def ask_slowly(server, origin, n):
    """So many clients, each of which waits for the store until origin.heal()."""
    asking = []
    for i in range(n):
        gate = origin.hold(f"slow{i}.pdb")
        asking.append(server.connect())
        asking[-1].ask("/-/api/test?path=" + path(f"slow{i}.pdb"))
        gate.wait(1)
    return asking


def wait_refused(server, n=1):
    until(lambda: server.metrics()["pepto_refused_total", '{limit="api"}'] >= n)


def test_so_many_at_once(origin, store, serve):
    """Of one client; the next one that has room is answered."""
    server = serve(stores=store)
    asking = ask_slowly(server, origin, 8)
    answer = ask(server, FOO)
    assert answer.status == 429 and answer["Retry-After"] and json.loads(answer.body)["error"]
    wait_refused(server)
    origin.heal()
    for client in asking:
        assert json.loads(client.answer().body)["answer"] == "miss"
        client.close()
    until(lambda: ask(server, FOO).status == 200)


def test_a_client_that_leaves(origin, store, serve):
    """Its question ends: there is room for others, and what it asked of the store is broken off."""
    server = serve(stores=store)
    asking = ask_slowly(server, origin, 8)
    for client in asking:
        client.close()
    until(lambda: ask(server, FOO).status == 200)
    origin.heal()


def test_the_end_of_the_process(origin, store, serve):
    """Who waits is answered at the end of the time for it."""
    server = serve(stores=store, DRAIN_TIMEOUT="1s")
    gate = origin.hold("slow")
    client = server.connect()
    client.ask("/-/api/test?path=" + path("slow.pdb"))
    gate.wait(1)
    ending = threading.Thread(target=server.stop)
    ending.start()
    ending.join()
    client.close()
    gate.release()


def test_a_store_that_hangs(origin, store, serve):
    server = serve(stores=store, REQUEST_BUDGET=ms(1))
    origin.fault(faults.hang())
    told = test(server, FOO)
    assert (told["answer"], told["status"]) == ("fault", 503) and told["why"]
    origin.heal()


# many at once

def post(server, body, headers=(), base=""):
    """Paths, or the body itself."""
    body = body if isinstance(body, bytes) else json.dumps({"paths": body}).encode()
    with server.connect() as client:
        client.send((f"POST {base}/-/api/keys HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n"
                     f"Content-Length: {len(body)}\r\n"
                     + "".join(f"{n}: {v}\r\n" for n, v in dict(headers).items()) + "\r\n").encode() + body)
        return client.answer("POST")


def keys(server, paths, **how):
    answer = post(server, paths, **how)
    assert answer.status == 200 and answer["Cache-Control"] == "private, no-store", (answer, answer.body)
    told = json.loads(answer.body)
    assert told["api"] == 1 and len(told["keys"]) == len(paths)
    return told["keys"]


def test_which_are_there(origin, store, serve):
    packed = mszip("bar.pdb", body(9_000))
    origin.put("bucket", FOO.lower(), body(5_000))
    origin.put("bucket", path("bar.pdb", KEY.lower(), "bar.pd_"), packed)
    origin.fault(faults.status(500), path("ill.pdb").lower())
    server = serve(stores=store)
    asked = [GONE, FOO, path("bar.pdb"), path("ill.pdb"), "foo.pdb", "index2.txt", ".pepto/tx/1", "a/../b", "", FOO]
    told = keys(server, asked)
    assert [row["found"] for row in told] == \
        ["missing", "there", "there", "fault", "missing", "missing", "missing", "missing", "missing", "there"]
    assert [row["path"] for row in told] == [*asked[:6], None, None, asked[8], FOO]
    assert told[1] == {"path": FOO, "found": "there", "form": "plain", "size": 5_000,
                       "store": "s3://bucket", "why": None}
    assert (told[2]["form"], told[2]["size"]) == ("cabinet", len(packed))
    assert told[3]["why"] and told[3]["store"] and told[5]["why"] and told[6]["why"] and not told[0]["why"]
    assert not bodies(origin, FOO.lower())


def test_a_thousand_in_order(origin, store, serve):
    """Each by its own answer; what is known does not ask again."""
    asked = [path(f"f{i}.pdb") for i in range(1000)]
    for i in range(0, 1000, 7):
        origin.put("bucket", asked[i].lower(), body(i + 1))
    server = serve(stores=store, REQUEST_BUDGET="25s")
    for _ in range(20):                 # what there was no time for is asked for again
        told = keys(server, asked)
        if not [row for row in told if row["found"] == "fault"]:
            break
    assert [row["path"] for row in told] == asked
    assert [row["size"] for row in told] == [None if i % 7 else i + 1 for i in range(1000)]
    before = len(origin.asked("f1.pdb"))
    assert keys(server, asked[1:2])[0]["found"] == "missing" and len(origin.asked("f1.pdb")) == before


def test_so_many_of_a_list_at_once(origin, store, serve):
    server = serve(stores=store)
    plain = lambda r: r.path.startswith("/bucket/f") and r.path.endswith(".pdb")
    gate = origin.hold(plain)
    answers = []
    asking = threading.Thread(target=lambda: answers.append(keys(server, [path(f"f{i}.pdb") for i in range(50)])))
    asking.start()
    gate.wait(16)                       # two spellings of each
    assert len({r.path.split("/")[2] for r in origin.asked(plain)}) == 8, "no more before one is answered"
    origin.heal()
    asking.join()
    assert {row["found"] for row in answers[0]} == {"missing"}


@pytest.mark.parametrize("sent, status, says", [
    (b"", 400, "JSON"), (b"{", 400, "JSON"), (b"[]", 400, "JSON"), (b'"x"', 400, ""), (b"{}", 400, "paths"),
    (b'{"paths":[]}', 400, "paths"), (b'{"paths":"foo"}', 400, "paths"), (b'{"paths":{"a":1}}', 400, "paths"),
    (b'{"paths":["a/b/c",1]}', 400, "path 1"), (b'{"paths":["a/b/c",null]}', 400, "path 1"),
    (b'{"paths":["a\\u0000b"]}', 400, "JSON"), (b'{"paths":["\xff"]}', 400, "JSON"),
    (b'{"paths":["a"],"paths":["b"]}', 400, "JSON"), (b"[" * 100_000, 400, "JSON"),
    (json.dumps({"paths": ["a/b/c"] * 1001}).encode(), 400, "1000"),
    (b" " * (256 * 1024) + b"{}", 413, "less"),
], ids=lambda x: None if not isinstance(x, bytes) else ascii(x[:20]))
def test_a_list_that_is_none(sent, status, says, store, serve):
    answer = post(serve(stores=store), sent)
    assert answer.status == status and says in json.loads(answer.body)["error"]


@pytest.mark.parametrize("name", ["<img onerror=x>.pdb", "\u202egone.pdb", "\u0436" * 120 + ".pdb", 'q".pdb', "a\nb", "%2e%2e"])
def test_hostile_names_in_a_list(name, store, serve):
    answer = post(serve(stores=store), [path(name), name])
    assert answer.status == 200 and "\u202e" not in answer.body.decode()
    assert [row["found"] for row in json.loads(answer.body)["keys"]] == ["missing"] * 2


@pytest.mark.parametrize("headers, status", [
    ({}, 200), ({"Origin": "https://elsewhere.example"}, 403), ({"Sec-Fetch-Site": "cross-site"}, 403),
    ({"Origin": "null"}, 403), ({"Sec-Fetch-Site": "same-origin"}, 200),
    ({"Origin": "https://symbols.example", "Sec-Fetch-Site": "same-origin"}, 200)])
def test_a_list_of_another_origin(headers, status, origin, store, serve):
    server = serve(stores=store, PUBLIC_URL="https://symbols.example")
    answer = post(server, [FOO], headers=headers)
    assert answer.status == status
    assert bool(origin.asked("foo.pdb")) == (status == 200)


def test_who_may_send_a_list(origin, serve):
    """Refused before the body is read: none of it is sent here."""
    origin.listable = True
    private = s3(origin.bucket("bucket"), origin)
    access = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret", "LISTEN_ADDRESS": "0.0.0.0"}
    for settings, status in (({}, 403), ({"AUTH_TOKENS": "a-readers-token"}, 401)):
        server = serve(stores=private, **access, **settings)
        with server.connect() as client:
            client.ask("/-/api/keys", "POST", {"Content-Length": 1000})
            assert client.answer("POST").status == status
    told = keys(server, [FOO, "000Admin/x/y"], headers={"Authorization": "Bearer a-readers-token"})
    assert [row["found"] for row in told] == ["missing", "missing"]
    for target in ("/t/" + "61" * 4 + "/-/api/keys", "/-/api/keys"):
        assert server.fetch(target, "POST", {"Content-Length": 0}).status == 401


def test_methods_of_a_list(store, serve):
    server = serve(stores=store, BASE_PATH="/sym")
    for method in ("GET", "HEAD"):
        answer = server.fetch("/sym/-/api/keys", method)
        assert answer.status == 405 and answer["Allow"] == "POST"
    assert keys(server, [GONE], base="/sym")[0]["found"] == "missing"
    for target in ("/sym/-/api/nothing", "/sym/-/api/missing", "/" + FOO, "/-/api/keys"):
        answer = server.fetch(target, "POST", {"Content-Length": 0})
        assert answer.status == (404 if "nothing" in target else 405)


def test_lists_of_a_client_that_leaves(origin, store, serve):
    server = serve(stores=store)
    asking = []
    for i in range(2):
        gate = origin.hold(f"slow{i}.pdb")
        sent = json.dumps({"paths": [path(f"slow{i}.pdb")] + [path(f"more{n}.pdb") for n in range(900)]}).encode()
        asking.append(server.connect())
        asking[-1].send(b"POST /-/api/keys HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(sent) + sent)
        gate.wait(1)
    answer = post(server, [FOO])
    assert answer.status == 429 and answer["Retry-After"]
    for client in asking:
        client.close()
    until(lambda: post(server, [FOO]).status == 200)
    origin.heal()


def test_slow_lists_hold_their_places_no_longer_than_a_head(store, serve):
    server = serve(stores=store, HEADER_TIMEOUT=ms(1))
    slow = []
    for _ in range(2):
        slow.append(server.connect())
        slow[-1].send(b"POST /-/api/keys HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert all(client.closed() for client in slow)
    until(lambda: server.metrics()["pepto_closed_total", '{limit="header_timeout"}'] >= 2)
    until(lambda: post(server, [GONE]).status == 200)
    for client in slow:
        client.close()


def test_a_list_without_time(origin, store, serve):
    """What a store that hangs leaves unknown is a fault; what was answered before is told."""
    origin.put("bucket", FOO.lower(), body(10))
    server = serve(stores=store, REQUEST_BUDGET=ms(1))
    origin.fault(faults.hang(), "slow")
    told = keys(server, [FOO] + [path(f"slow{i}.pdb") for i in range(20)])
    assert [row["found"] for row in told] == ["there"] + ["fault"] * 20 and told[20]["why"]
    origin.heal()
