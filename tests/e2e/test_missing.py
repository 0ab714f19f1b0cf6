# SPDX-License-Identifier: MIT
"""What is asked for in vain is counted, by its plain name and only when the miss is proven; told at
/-/api/missing to whoever may read, kept over a restart, and forgotten when the file has come."""

import csv
import io
import json
import urllib.parse

import pytest

from rig import faults
from rig.cachedir import PURGE_TOKEN, purge
from rig.client import is_fault, is_miss
from rig.samples import KEY, body, path
from rig.server import s3, until

FOO, GONE = path("foo.pdb"), path("gone.pdb")
BEARER = {"Authorization": "Bearer a-reader"}


def missing(server, query="", headers=()):
    answer = server.fetch("/-/api/missing" + query, headers=headers)
    assert answer.status == 200 and answer["Cache-Control"] == "private, no-store"
    return json.loads(answer.body)["missing"]


def counts(server):
    """Spelled as it was first asked for; which of two requests comes first is up to their threads."""
    return {(row["name"], row["key"].upper()): row["count"] for row in missing(server)}


def until_counted(server, expected):
    """A request is counted once it has been answered."""
    until(lambda: counts(server) == {(name, key.upper()): n for (name, key), n in expected.items()})


def test_each_request_for_a_plain_name_counts(store, serve):
    server = serve(stores=store)
    for _ in range(3):
        assert is_miss(server.fetch("/" + GONE))
    assert is_miss(server.fetch("/" + GONE, "HEAD"))
    assert is_miss(server.fetch("/" + GONE.lower()))
    for last in ("gone.pd_", "file.ptr"):
        assert is_miss(server.fetch("/" + path("gone.pdb", KEY, last)))
    for other in ("/no/such/thing", "/gone.pdb", "/gone.pdb/.-/gone.pdb"):
        assert server.fetch(other).status == 404
    until_counted(server, {("gone.pdb", KEY): 5})


def test_a_fault_is_none(origin, store, serve):
    server = serve(stores=store)
    origin.fault(faults.status(500), "gone")
    assert is_fault(server.fetch("/" + GONE))
    assert is_miss(server.fetch("/" + path("other.pdb")))
    until_counted(server, {("other.pdb", KEY): 1})


def test_what_has_come_is_forgotten(origin, store, serve):
    server = serve(stores=store, ADMIN_TOKEN=PURGE_TOKEN)
    assert is_miss(server.fetch("/" + GONE)) and is_miss(server.fetch("/" + path("other.pdb")))
    until_counted(server, {("gone.pdb", KEY): 1, ("other.pdb", KEY): 1})
    origin.put("bucket", GONE.lower(), body(5_000))
    assert purge(server, GONE.encode()).status == 200
    assert server.fetch("/" + GONE).body == body(5_000)
    until_counted(server, {("other.pdb", KEY): 1})


@pytest.mark.cache_on
def test_it_survives_a_restart(store, serve, tmp):
    settings = {"stores": store, "CACHE_DIR": str(tmp / "cache"), "ADMIN_TOKEN": PURGE_TOKEN}
    operator = {"Pepto-Admin": PURGE_TOKEN}
    first = serve(**settings)
    assert is_miss(first.fetch("/" + GONE))
    until_counted(first, {("gone.pdb", KEY): 1})
    before = missing(first, headers=operator)
    first.stop()
    second = serve(**settings)
    assert missing(second, headers=operator) == before
    assert before[0]["client"] == "127.0.0.1"
    assert "client" not in missing(second)[0], "who asked is told to the operator alone"
    assert is_miss(second.fetch("/" + GONE))
    until_counted(second, {("gone.pdb", KEY): 2})


def test_as_a_table(store, serve):
    server = serve(stores=store)
    for target in (GONE, path("gone.dll", "5A0B1C2Dabc000"), path("=1+1.pdb"), path('a"b,c.pdb')):
        assert is_miss(server.fetch("/" + target.replace('"', "%22")))
    until(lambda: len(counts(server)) == 4)
    answer = server.fetch("/-/api/missing?n=4&format=csv")
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(answer.body.decode())))
    told = {(r["debug_file"], r["debug_id"], r["code_file"], r["code_id"]) for r in rows}
    assert told == {("gone.pdb", KEY, "", ""), ("", "", "gone.dll", "5A0B1C2Dabc000"),
                    ("'=1+1.pdb", KEY, "", ""), ('a"b,c.pdb', KEY, "", "")}
    assert len(missing(server, "?n=1")) == 1


@pytest.mark.parametrize("name", ["<img onerror=x>.pdb", "\u202egone.pdb", "ж" * 120 + ".pdb", 'q".pdb'])
def test_hostile_names(name, store, serve):
    server = serve(stores=store)
    assert is_miss(server.fetch("/" + urllib.parse.quote(path(name))))
    until(lambda: missing(server))
    told = missing(server)[0]["name"]
    assert "\u202e" not in told and told.replace("\\u202e", "\u202e").replace("\\\\", "\\") == name


def test_who_may_ask(origin, serve):
    """A private bucket's names are nobody else's business."""
    private = s3(origin.bucket("bucket"), origin)
    keys = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "secret"}
    server = serve(stores=private, LISTEN_ADDRESS="0.0.0.0", **keys)
    answer = server.fetch("/-/api/missing")
    assert answer.status == 403 and b"AUTH_TOKENS" in answer.body
    server = serve(stores=private, LISTEN_ADDRESS="0.0.0.0", AUTH_TOKENS="a-reader", **keys)
    assert server.fetch("/-/api/missing").status == 401
    assert missing(server, headers=BEARER) == []
    assert server.fetch("/-/api/nothing", headers=BEARER).status == 404
