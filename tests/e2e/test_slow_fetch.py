# SPDX-License-Identifier: MIT
"""SymProxy's way with debuggers that give up before a cold file is there (protocol 1.2): still
working, repeat the GET on the same connection. Off unless asked for. """

import pytest

from rig import faults
from rig.cachedir import fills, kept, quiet
from rig.client import is_fault, is_miss
from rig.pace import IMPATIENT
from rig.samples import body, path

pytestmark = pytest.mark.cache_on

LOWER = path("foo.pdb").lower()
FOO = "/" + LOWER
# the debugger waits for 6 s, so it is told after one
HURRY = {"Symbol-Agent-Receive-Timeout": "6000"}
SLOW = {"SLOW_FETCH": "on", "STALL_TIMEOUT": "60s"}


def is_working(answer):
    assert answer.status == 503 and answer["Symbol-Agent-Status"] == "0x80070512", answer
    assert answer["Content-Length"] == "0" and answer["Cache-Control"] == "no-store"
    return True


@pytest.mark.parametrize("size", [5_000, 3_000_000])
def test_still_working(size, origin, store, serve):
    """The same GET again on the same connection, until it is there; the store is asked once."""
    origin.put("bucket", LOWER, body(size))
    server = serve(stores=store, **SLOW)
    gate = origin.hold(LOWER)
    with server.connect() as client:
        for _ in range(2):
            assert is_working(client.fetch(FOO, headers=HURRY))
        gate.release()
        answer = client.fetch(FOO, headers=HURRY)
    assert answer.status == 200 and answer.body == body(size)
    assert answer["Symbol-Agent-Status"] is None
    assert len(origin.asked(LOWER, "GET")) == 1
    assert server.metrics()["pepto_requests_total", '{outcome="working"}'] == 2
    server.wait_log(msg="request", outcome="working", count=2)
    assert not server.log(msg="store failed"), "a slow store is no failed one"


def test_it_is_finished_for_who_comes_back_later(origin, store, serve):
    origin.put("bucket", LOWER, body(3_000_000))
    server = serve(stores=store, **SLOW)
    gate = origin.hold(LOWER)
    assert is_working(server.fetch(FOO, headers=HURRY))
    gate.release()
    kept(server)
    assert server.fetch(FOO).body == body(3_000_000) and fills(server, "started") == 1


def test_a_miss_that_takes_long(origin, store, serve):
    server = serve(stores=store, **SLOW)
    gate = origin.hold(LOWER)
    with server.connect() as client:
        assert is_working(client.fetch(FOO, headers=HURRY))
        gate.release()
        assert is_miss(client.fetch(FOO, headers=HURRY))
    quiet(server)
    assert len(origin.asked(LOWER)) == 1


def test_off_unless_asked_for(origin, store, serve):
    origin.put("bucket", LOWER, body(5_000))
    server = serve(stores=store, **IMPATIENT)
    gate = origin.hold(LOWER)
    answer = server.fetch(FOO, headers=HURRY)
    assert is_fault(answer) and answer["Symbol-Agent-Status"] is None
    gate.release()


def test_a_store_that_fails_is_no_slow_one(origin, store, serve):

    origin.fault(faults.status(403, "NeverHeardOf"), LOWER)
    answer = serve(stores=store, **SLOW).fetch(FOO, headers=HURRY)
    assert is_fault(answer) and answer["Symbol-Agent-Status"] is None


@pytest.mark.parametrize("value", ["0", "1", "x", "-1", "99999999999999999999", ""])
def test_odd_times(value, origin, store, serve):
    origin.put("bucket", LOWER, body(5_000))
    server = serve(stores=store, **SLOW)
    assert server.fetch(FOO, headers={"Symbol-Agent-Receive-Timeout": value}).status == 200
