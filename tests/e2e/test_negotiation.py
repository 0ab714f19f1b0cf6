# SPDX-License-Identifier: MIT
"""A symbol server that sends a PDB in MSFZ form to who accepts that, at the same URL: each client gets
what it accepts, and what came for one is never another's."""

import gzip
import random

import pytest

from rig import faults, msfz, symbols
from rig.cachedir import CacheDir, kept, quiet
from rig.client import is_miss
from rig.forms import genuine
from rig.origin import Stored, accepts_msfz
from rig.pace import PATIENT
from rig.server import s3, until
from rig.wire import Response

from test_misses import TOKEN, purge

PDZ = {"Accept": "application/msfz0"}
ONLY = "?tiers=1&aliases=none"


class Negotiator:
    """What the store has of one PDB, and what it has been asked for."""

    def __init__(self, upstream, name, large=False):
        self.upstream = upstream
        self.symbol = symbols.pdb(f"{name}.pdb", genuine()["pdb"].data, symbols.guid_of(name))
        more = [random.Random(1).randbytes(3 << 20)] if large else []
        self.streams = msfz.streams(self.symbol.data) + more
        self.plain, self.packed = self.symbol.data, msfz.build(self.streams, msfz.NONE)
        self.target = "/" + self.symbol.path
        self.path = "/symbols" + self.target

    def lay(self, accepted="msfz", headers=()):
        """`accepted`: what comes to who accepts MSFZ; None: the store ignores that."""
        self.upstream.files[self.path] = Stored(self.plain, headers)
        content = {"msfz": self.packed, None: None}.get(accepted, accepted)
        if isinstance(content, bytes):
            content = Stored(content, headers)
        if content:
            self.upstream.accepted[self.path] = content
        else:
            self.upstream.accepted.pop(self.path, None)
        return self

    def accepts(self):
        """Of each request for it: did it accept MSFZ?"""
        return [accepts_msfz(r) for r in self.upstream.asked(lambda r: r.path == self.path)]

    def fetch(self, server, accepts, method="GET", headers=()):
        return server.fetch(self.target, method, {**dict(headers), **(PDZ if accepts else {})})

    def is_plain(self, answer):
        return answer.status == 200 and answer.body == self.plain and \
            answer["x-ms-symbol-format"] is None

    def is_msfz(self, answer):
        return answer.status == 200 and answer.body == self.packed and \
            answer["x-ms-symbol-format"] == "application/msfz0"


@pytest.fixture
def pdb(upstream):
    return Negotiator(upstream, "foo").lay()


def start(serve, upstream, **settings):
    return serve(stores=f"{upstream.url}/symbols{ONLY}", **{**PATIENT, **settings})


@pytest.fixture
def server(serve, upstream):
    return start(serve, upstream)


# who gets what

ACCEPTS = {"application/msfz0": True, "application/msfz0, */*": True, "*/*": False, None: False,
           "application/msfz0;q=0": False, "application/msfz1": False}


@pytest.mark.row("C37", "C38", "C39")
@pytest.mark.parametrize("accept", ACCEPTS)
@pytest.mark.parametrize("where", ["cold", "warm"])
def test_each_gets_what_it_accepts(where, accept, pdb, server):
    if where == "warm":
        pdb.fetch(server, ACCEPTS[accept])
        quiet(server)
    answer = server.fetch(pdb.target, headers={"Accept": accept} if accept else {})
    assert pdb.is_msfz(answer) if ACCEPTS[accept] else pdb.is_plain(answer)
    assert "Accept" in answer["Vary"].split(", ") and answer["Content-Encoding"] is None
    assert set(pdb.accepts()) == {ACCEPTS[accept]}


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("method, headers", [("HEAD", {}), ("GET", {"Range": "bytes=7-1006"})])
def test_what_is_no_whole_is_of_the_plain_file(method, headers, warm, pdb, server):
    if warm:
        assert pdb.is_msfz(pdb.fetch(server, True))
        quiet(server)
    pdb.upstream.forget()
    answer = pdb.fetch(server, True, method, headers)
    assert answer["x-ms-symbol-format"] is None
    if method == "HEAD":
        assert answer.status == 200 and answer["Content-Length"] == str(len(pdb.plain))
    else:
        assert answer.status == 206 and answer.body == pdb.plain[7:1007]
    assert not any(pdb.accepts())


@pytest.mark.parametrize("name", ["foo.exe", "foo.sym", "_.debug"])
def test_only_pdbs_are_asked_for_so(name, upstream, server):
    key = {"foo.exe": "5617D4FE8000", "foo.sym": "497B72F6390A44FC878E5A2D63B6CC4B1",
           "_.debug": "elf-buildid-sym-" + "ab" * 20}[name]
    folder = "foo.pdb" if name == "foo.sym" else name
    assert is_miss(server.fetch(f"/{folder}/{key}/{name}", headers=PDZ))
    assert upstream.asked(name) and not any(accepts_msfz(r) for r in upstream.asked())


def test_no_bucket_is_asked_so(origin, store, serve):
    pdb = Negotiator(origin, "foo")
    origin.put("bucket", pdb.symbol.path.lower(), pdb.plain)
    server = serve(stores=store, **PATIENT)
    assert pdb.is_plain(pdb.fetch(server, True))
    assert is_miss(server.fetch(pdb.target.replace("foo.pdb", "gone.pdb"), headers=PDZ))
    assert origin.asked("gone.pdb") and not any(accepts_msfz(r) for r in origin.asked())


@pytest.mark.cache_on
def test_a_large_one_comes_in_parts(upstream, serve):
    """Each of which is asked for so: the plain file has other bytes there."""
    pdb = Negotiator(upstream, "large", large=True).lay()
    server = start(serve, upstream, FETCH_BLOCK="1MiB")
    assert pdb.is_msfz(pdb.fetch(server, True))
    assert len(pdb.accepts()) > 2 and all(pdb.accepts())
    kept(server)
    asked = len(pdb.accepts())
    assert pdb.is_msfz(pdb.fetch(server, True)) and len(pdb.accepts()) == asked
    assert pdb.is_plain(pdb.fetch(server, False))


@pytest.mark.cache_on
def test_a_torn_body_goes_on_as_the_same(upstream, serve):
    pdb = Negotiator(upstream, "large", large=True).lay()
    server = start(serve, upstream)
    upstream.fault(faults.cut(2 << 20), lambda r: r.path == pdb.path, times=1)
    assert pdb.is_msfz(pdb.fetch(server, True))
    assert len(pdb.accepts()) == 2 and all(pdb.accepts())


# one after another

ORDERS = {
    # clients in turn, of whom the big ones accept MSFZ: what each gets, and how the store is asked
    "AA": ("MM", "A"), "pp": ("PP", "p"), "pA": ("PP", "p"), "Ap": ("MP", "Ap"),
    "ApA": ("MPM", "Ap"), "pAp": ("PPP", "p"),
}


@pytest.mark.cache_on
@pytest.mark.parametrize("clients", ORDERS)
def test_one_after_another(clients, pdb, server):
    """A plain file that lies there is given to all, for nothing; MSFZ to who accepts it alone."""
    get, asked = ORDERS[clients]
    for client, expected in zip(clients, get):
        answer = pdb.fetch(server, client == "A")
        assert pdb.is_msfz(answer) if expected == "M" else pdb.is_plain(answer)
        quiet(server)
    assert pdb.accepts() == [a == "A" for a in asked]
    assert len(CacheDir(server).objects()) == len(set(asked))


@pytest.mark.cache_on
def test_what_is_hot_is_not_in_the_way(pdb, server):
    """Both are there, and the plain one is answered from memory: who accepts MSFZ has that."""
    for accepts in (True, False, False, False):
        pdb.fetch(server, accepts)
        quiet(server)
    for _ in range(3):
        assert pdb.is_msfz(pdb.fetch(server, True)) and pdb.is_plain(pdb.fetch(server, False))
    assert pdb.accepts() == [True, False]


IGNORANT = {"a store that ignores it": [], "one that varies all the same": [("Vary", "Accept")]}


@pytest.mark.cache_on
@pytest.mark.parametrize("case", IGNORANT)
@pytest.mark.parametrize("clients", ORDERS)
def test_a_plain_answer_is_the_plain_file(clients, case, pdb, server):
    """It costs one request, whoever asks first, and is kept for all."""
    pdb.lay(accepted=None, headers=IGNORANT[case])
    for client in clients:
        assert pdb.is_plain(pdb.fetch(server, client == "A"))
        quiet(server)
    assert pdb.accepts() == [clients[0] == "A"]
    assert len(CacheDir(server).objects()) == 1


@pytest.mark.cache_on
def test_a_large_plain_answer_comes_in_parts(upstream, serve):
    pdb = Negotiator(upstream, "large", large=True)
    pdb.plain = pdb.packed
    pdb.plain = b"MZ\x90\0\x03\0\0\0" + pdb.plain[8:]
    pdb.lay(accepted=None)
    server = start(serve, upstream, FETCH_BLOCK="1MiB", VERIFY_KEYS="off")
    assert pdb.is_plain(pdb.fetch(server, True))
    kept(server)
    asked = len(pdb.accepts())
    assert asked > 2 and pdb.is_plain(pdb.fetch(server, False)) and len(pdb.accepts()) == asked


@pytest.mark.cache_on
def test_a_plain_answer_without_a_length(pdb, server):
    pdb.lay(accepted=None)

    def chunked(request):
        return Response(200, [("Transfer-Encoding", "chunked")],
                        [b"%x\r\n%s\r\n0\r\n\r\n" % (len(pdb.plain), pdb.plain)])
    pdb.upstream.fault(faults.respond(chunked), lambda r: r.path == pdb.path)
    for accepts in (True, False, True):
        assert pdb.is_plain(pdb.fetch(server, accepts))
        quiet(server)
    assert pdb.accepts()[0] and not any(pdb.accepts()[1:])


@pytest.mark.cache_on
def test_a_store_that_does_not_take_the_header(pdb, upstream, server):
    """406 is no word about the file: it is asked once more, and none so for a while."""
    pdb.lay(accepted=406)
    other = Negotiator(upstream, "bar").lay(accepted=406)
    assert pdb.is_plain(pdb.fetch(server, True)) and pdb.accepts() == [True, False]
    assert other.is_plain(other.fetch(server, True)) and other.accepts() == [False]


@pytest.mark.cache_on
@pytest.mark.parametrize("inside", ["msfz", "plain"])
def test_what_is_gzip_around_it(inside, pdb, server):
    """Nobody could tell later which is kept, so that what may hold MSFZ is asked for as it is. A
    plain file that lies there as gzip costs no second request."""
    content = gzip.compress(pdb.packed if inside == "msfz" else pdb.plain)
    pdb.lay(accepted=content, headers=[("Content-Encoding", "gzip")])
    pdb.upstream.files[pdb.path] = Stored(pdb.plain if inside == "msfz" else content,
                                          [] if inside == "msfz" else [("Content-Encoding", "gzip")])
    for accepts in (True, False, True):
        assert pdb.is_plain(pdb.fetch(server, accepts))
        quiet(server)
    assert pdb.accepts()[0] and len(pdb.accepts()) == (2 if inside == "msfz" else 1) and \
        not any(pdb.accepts()[1:])


# at once

@pytest.mark.cache_on
def test_who_does_not_accept_it_joins_nothing_that_may_be_it(pdb, upstream, server):
    gate = upstream.hold(lambda r: accepts_msfz(r))
    with server.connect() as accepting, server.connect() as second, server.connect() as plain:
        accepting.ask(pdb.target, headers=PDZ)
        gate.wait(1)
        plain.ask(pdb.target)
        assert pdb.is_plain(plain.answer()), "it does not wait for the other"
        kept(server)
        gate.release()
        assert pdb.is_msfz(accepting.answer())
        kept(server, 2)
        assert pdb.is_plain(second.fetch(pdb.target)) and pdb.is_msfz(
            second.fetch(pdb.target, headers=PDZ))
    assert sorted(pdb.accepts()) == [False, True]


@pytest.mark.cache_on
@pytest.mark.parametrize("first", [True, False])
def test_a_herd_of_one_kind_asks_once(first, pdb, upstream, serve):
    """Who accepts MSFZ joins also what flies as it is stored."""
    server = start(serve, upstream, LOG_LEVEL="debug")
    gate = upstream.hold(lambda r: r.path == pdb.path)
    clients = [server.connect() for _ in range(8)]
    for n, client in enumerate(clients):
        client.ask(pdb.target, headers=PDZ if first or n else {})
        if not n:
            gate.wait(1)
    server.wait_in_flight(len(clients), key=pdb.symbol.path)
    gate.release()
    for client in clients:
        with client:
            answer = client.answer()
            assert pdb.is_msfz(answer) if first else pdb.is_plain(answer)
    assert pdb.accepts() == [first]


@pytest.mark.cache_on
@pytest.mark.parametrize("answered_first", ["accepting", "plain"])
def test_both_at_once_of_a_store_that_ignores_it(answered_first, upstream, serve):
    """Two questions, since nobody knows yet; the file comes to both, and is kept as one."""
    pdb = Negotiator(upstream, "foo").lay(accepted=None)
    server = start(serve, upstream)
    held = {True: upstream.hold(lambda r: r.path == pdb.path and accepts_msfz(r)),
            False: upstream.hold(lambda r: r.path == pdb.path and not accepts_msfz(r))}
    with server.connect() as accepting, server.connect() as plain:
        accepting.ask(pdb.target, headers=PDZ)
        held[True].wait(1)
        plain.ask(pdb.target)
        held[False].wait(1)
        order = [True, False] if answered_first == "accepting" else [False, True]
        held[order[0]].release()
        if answered_first == "plain":
            kept(server)
        held[order[1]].release()
        assert pdb.is_plain(accepting.answer()) and pdb.is_plain(plain.answer())
    quiet(server)
    assert len(pdb.accepts()) == 2 and len(CacheDir(server).objects()) == 1
    assert pdb.is_plain(pdb.fetch(server, True)) and len(pdb.accepts()) == 2


# misses

@pytest.mark.cache_on
def test_a_miss_costs_one_question(upstream, server):
    """404 is said of the URL, so that who accepts MSFZ is told so at once; it is remembered as his
    alone. One that was said to others is for all."""
    pdb = Negotiator(upstream, "gone")
    for accepts in (True, True, False, False, True):
        assert is_miss(pdb.fetch(server, accepts))
    assert pdb.accepts() == [True, False]
    other = Negotiator(upstream, "gone2")
    for accepts in (False, True):
        assert is_miss(other.fetch(server, accepts))
    assert other.accepts() == [False]


@pytest.mark.cache_on
def test_the_names_that_follow_cost_no_more(upstream, server):
    """PerfView asks for the `_` twin and file.ptr next: nothing is asked twice for that."""
    asked = {}
    for accepts in (True, False):
        pdb = Negotiator(upstream, f"gone{accepts}")
        upstream.forget()
        for last in ("foo.pdb", "foo.pd_", "file.ptr"):
            target = pdb.target.rpartition("/")[0] + "/" + \
                (pdb.symbol.name if last == "foo.pdb" else last.replace("foo.pd_", symbols.twin(
                    pdb.symbol.name)))
            agent = {"User-Agent": "Microsoft-Symbol-Server/6.13.0009.1140"}
            assert is_miss(server.fetch(target, headers={**agent, **(PDZ if accepts else {})}))
            quiet(server)
        asked[accepts] = len(upstream.asked(pdb.symbol.name[:-1]))
    assert asked[True] == asked[False]


@pytest.mark.cache_on
def test_a_miss_of_who_accepts_it_hides_nothing(pdb, server):
    """A store may have nothing for him, at that, and something for the others."""
    pdb.lay(accepted=404)
    answer = pdb.fetch(server, True)
    assert is_miss(answer) and "Accept" in answer["Vary"].split(", "), "no cache gives it to others"
    assert pdb.is_plain(pdb.fetch(server, False))
    quiet(server)
    assert pdb.is_plain(pdb.fetch(server, True)), "it is there, for all"
    gone = pdb.target.replace("foo.pdb", "gone.pdb")
    assert server.fetch(gone)["Vary"] == "SymbolChecksum"


# the right file

@pytest.mark.cache_on
@pytest.mark.parametrize("large", [False, True])
def test_msfz_of_another_file(large, upstream, server):
    """It is held to its key like any other; and is no word about the plain file."""
    other = Negotiator(upstream, "other", large)
    pdb = Negotiator(upstream, "foo").lay(accepted=other.packed)
    answer = pdb.fetch(server, True)
    assert answer.cut or is_miss(answer)
    assert server.wait_log(msg="another file than its key names")
    quiet(server)
    assert not CacheDir(server).objects()
    assert pdb.is_plain(pdb.fetch(server, False))


# what is kept

@pytest.mark.cache_on
def test_a_purge_takes_both(pdb, upstream, serve):
    server = start(serve, upstream, ADMIN_TOKEN=TOKEN)
    for accepts in (True, False):
        pdb.fetch(server, accepts)
    kept(server, 2)
    quiet(server)
    assert purge(server, pdb.target.encode()).status == 200 and not CacheDir(server).objects()
    upstream.forget()
    assert pdb.is_msfz(pdb.fetch(server, True)) and pdb.is_plain(pdb.fetch(server, False))
    assert pdb.accepts() == [True, False]


def confirms(server, answer):
    return server.metrics()["pepto_confirms_total", f'{{answer="{answer}"}}']


@pytest.mark.cache_on
@pytest.mark.parametrize("then", ["same", "msfz", "plain", "gone"])
def test_what_is_stale_is_confirmed_as_what_it_is(then, pdb, upstream, serve):
    server = start(serve, upstream, CACHE_FRESH="0s")
    assert pdb.is_msfz(pdb.fetch(server, True))
    kept(server)
    quiet(server)
    upstream.forget()
    old = pdb.packed
    if then == "msfz":
        pdb.packed = msfz.build(pdb.streams, msfz.DEFLATE)
        pdb.lay()
    elif then == "plain":
        pdb.lay(accepted=None)
    elif then == "gone":
        pdb.lay(accepted=404)
    assert pdb.fetch(server, True).body == old, "at once"
    until(lambda: confirms(server, {"same": "same", "gone": "gone"}.get(then, "changed")) >= 1)
    if then == "same":
        assert pdb.is_msfz(pdb.fetch(server, True))
    elif then == "msfz":
        until(lambda: pdb.is_msfz(pdb.fetch(server, True)))
    elif then == "plain":
        until(lambda: pdb.is_plain(pdb.fetch(server, True)))
        until(lambda: len(CacheDir(server).objects()) == 1)
    else:
        until(lambda: not CacheDir(server).objects())
    assert pdb.accepts()[0]


# without a cache

@pytest.mark.parametrize("accepted", ["msfz", None])
def test_what_passes_by(accepted, pdb, upstream, serve):
    pdb.lay(accepted=accepted)
    server = start(serve, upstream, CACHE_DIR="off")
    answer = pdb.fetch(server, True)
    assert pdb.is_msfz(answer) if accepted else pdb.is_plain(answer)
    assert pdb.is_plain(pdb.fetch(server, False)) and pdb.accepts() == [True, False]
