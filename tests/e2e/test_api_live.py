# SPDX-License-Identifier: MIT
"""/-/api/live: what the server does, in numbers, without a question to a store."""

import json

import pytest

from rig import faults
from rig.client import is_fault, is_miss
from rig.samples import body, path
from rig.server import s3, until

FOO, GONE = path("foo.pdb"), path("gone.pdb")
GROUPS = {
    "requests": {"found", "not_modified", "miss", "range", "fault", "working", "refused", "denied",
                 "method", "too_large", "page", "upload"},
    "cut": {"store", "client", "limit"},
    "store_answers": {"found", "miss", "fault"},
    "cache": {"hit", "stale", "joined", "filled", "passed", "miss", "bytes", "limit", "objects",
              "evicted_bytes", "errors"},
    "saved": {"cache", "misses", "names", "usd"},
    "fills": {"active", "started", "kept", "cancelled", "corrupt"},
    "decoders": {"active", "failed"},
    "connections": {"open", "requests", "transfers", "waiting", "uploads"},
    "turned_away": {"connections", "transfers", "fills", "decoders"},
}


def live(server):
    answer = server.fetch("/-/api/live")
    assert answer.status == 200 and answer["Cache-Control"] == "private, no-store"
    return json.loads(answer.body)


def test_its_members(store, serve):
    told = live(serve(stores=store))
    assert told["api"] == 1
    for group, members in GROUPS.items():
        assert set(told[group]) == members
    assert set(told) - set(GROUPS) == {"api", "version", "uptime_s", "bytes_in", "bytes_out", "store_requests",
                                       "price_per_1000", "connections_max", "stores"}
    assert set(told["stores"][0]) == {"name", "state", "errors", "last_error", "last_error_at", "names",
                                      "names_age_s"}


@pytest.mark.cache_on
def test_what_is_answered_counts(origin, store, serve):
    origin.put("bucket", FOO.lower(), body(5_000))
    server = serve(stores=store + "&index=off")
    assert server.fetch("/" + FOO).body == body(5_000)
    until(lambda: live(server)["fills"]["kept"] == 1)
    assert server.fetch("/" + FOO).body == body(5_000)
    for _ in range(3):
        assert is_miss(server.fetch("/" + GONE))
    until(lambda: live(server)["requests"]["miss"] == 3 and live(server)["requests"]["found"] == 2)
    told = live(server)
    assert told["cache"]["filled"] == 1 and told["cache"]["hit"] == 1 and told["cache"]["miss"] == 2
    assert told["bytes_in"] >= 5_000
    until(lambda: live(server)["bytes_out"] >= 10_000)
    assert told["cache"]["objects"] == 1 and 5_000 <= told["cache"]["bytes"] <= told["cache"]["limit"]


@pytest.mark.cache_on
@pytest.mark.parametrize("price, usd", [("40", 3 * 0.4e-6), ("0", 0), ("1000000", 3 * 1e-2)])
def test_what_was_saved(price, usd, origin, store, serve):
    origin.put("bucket", FOO.lower(), body(5_000))
    server = serve(stores=store + "&index=off", S3_PRICE=price)
    assert server.fetch("/" + FOO).status == 200
    until(lambda: live(server)["fills"]["kept"] == 1)
    assert server.fetch("/" + FOO).status == 200
    for _ in range(3):
        assert is_miss(server.fetch("/" + GONE))
    told = live(server)
    assert told["saved"]["cache"] == 1 and told["saved"]["misses"] == 2 and told["saved"]["names"] == 0
    assert told["saved"]["usd"] == pytest.approx(usd)
    assert told["price_per_1000"] == pytest.approx(int(price) / 100_000)


def test_the_last_error_of_a_store(origin, store, serve):
    server = serve(stores=store)
    assert is_miss(server.fetch("/" + GONE))
    before = live(server)["stores"][0]
    assert before["errors"] == 0 and before["last_error"] is None and before["last_error_at"] is None
    assert before["state"] == "up"
    origin.fault(faults.status(500), "foo.pdb")
    assert is_fault(server.fetch("/" + FOO))
    after = live(server)["stores"][0]
    assert after["errors"] >= 1 and "500" in after["last_error"] and after["last_error_at"].endswith("Z")
    assert after["name"] == before["name"]


def test_no_secret_is_told(origin, serve):
    """A store's name and its errors are those of the log: without user, password, or keys."""
    url = s3(origin.bucket("bucket"), origin)
    keys = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "very-secret"}
    server = serve(stores=[url, "http://user:pass-word@127.0.0.1:9/"], LISTEN_ADDRESS="127.0.0.1", **keys)
    assert is_fault(server.fetch("/" + FOO))
    told = server.fetch("/-/api/live").body
    assert json.loads(told)["stores"][1]["errors"] >= 1
    for secret in (b"very-secret", b"pass-word", b"user:"):
        assert secret not in told


def test_it_costs_no_request(origin, store, serve):
    """But for the few probes of a store that is silent."""
    server = serve(stores=store + "&index=off")
    assert is_miss(server.fetch("/" + GONE))
    before = live(server)["store_requests"]
    for _ in range(50):
        told = live(server)
    assert told["store_requests"] - before < 25
