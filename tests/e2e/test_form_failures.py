# SPDX-License-Identifier: MIT
"""What goes wrong while a stored form is decoded: damaged, endless, lying and stalled files, stores
and clients that leave. Nobody gets all of a wrong file, nothing of it is kept, and it costs a bounded
number of threads, files and bytes. """

import concurrent.futures
import random
import signal

import pytest

from rig import faults, forms
from rig.cachedir import CacheDir, kept, quiet
from rig.client import is_fault
from rig.forms import EVERY, genuine, text
from rig.layouts import mszip
from rig.samples import body, path
from rig.server import until
from rig.stage import Gate

from test_fill_failures import NO_PART, first_byte
from test_fills import FOO, LOWER, MIB, PATIENT
from test_forms import ALL, SIZE, decoded, half_way, put

SMALL = 50_000


STORE = {"forms": ALL}              # of the fixture store


def failed(server):
    return server.metrics()["pepto_decode_failed_total", ""]


def at_rest(server):
    """No decoder is left."""
    until(lambda: server.metrics()["pepto_active_decoders", ""] == 0)
    quiet(server)


def nothing_kept(server):
    at_rest(server)
    assert not CacheDir(server).objects() and not CacheDir(server).drafts()


def never_whole(answer, content=None):
    """Refused, or cut; right as far as it goes, if it is said what that is."""
    if answer.status == 503:
        return is_fault(answer)
    assert answer.status == 200 and answer.cut
    return content is None or answer.body == content[:len(answer.body)]


# damage

TORN = ["mszip", "lzx", "stored cabinet", "gz", "zst", "zst unsized", "msfz zstd", "msfz none",
        "gzip", "zstd", "encoded cabinet"]
# each block of a cabinet has a checksum (gcab's have), the others have one at their end
SUMMED = ["mszip", "stored cabinet", "gz", "zst", "zst unsized", "gzip", "zstd", "encoded cabinet"]
DAMAGE = {
    "cut off in its head": (TORN, lambda packed: packed[:35]),
    "cut off": (TORN, lambda packed: packed[:len(packed) // 2]),
    "a byte short": (TORN, lambda packed: packed[:-1]),
    "a wrong bit in the middle": (SUMMED, lambda packed: forms.flipped(packed, 0.5)),
    "a wrong bit near the end": (SUMMED, lambda packed: forms.flipped(packed, 0.97)),
}


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("how, name", [(how, name) for how in DAMAGE for name in DAMAGE[how][0]])
def test_damaged(how, name, size, origin, store, serve):
    """Never complete, however often it is asked for, and what is put in its place is good at once.
    (The origin tells the checksum of what is damaged, so it is for the decoder to find out.)"""
    symbol = genuine()["pdb" if size == "large" else "aged"]
    key, packed = put(origin, EVERY[name], symbol.data, symbol.name, symbol.key)
    origin.put("bucket", key, DAMAGE[how][1](packed), origin.objects["bucket", key].headers)
    server = serve(stores=store, **PATIENT)
    for _ in range(3):                  # what came whole need not be decoded each time
        assert never_whole(server.fetch("/" + symbol.path))
        at_rest(server)
        assert failed(server) >= 1
    nothing_kept(server)
    put(origin, EVERY[name], symbol.data, symbol.name, symbol.key)
    answer = server.fetch("/" + symbol.path)
    assert answer.status == 200 and not answer.cut
    assert name.startswith("msfz") or answer.body == symbol.data


@pytest.mark.parametrize("name", ["mszip", "stored cabinet", "zst", "zstd"])
def test_damage_that_shows_in_mid_body(name, origin, store, serve):
    """What comes before it is delivered, then the connection is cut."""
    content = text(SIZE)
    key, packed = put(origin, EVERY[name], content)
    origin.put("bucket", key, forms.flipped(packed, 0.9), origin.objects["bucket", key].headers)
    gate = Gate("")
    origin.fault(faults.pause_at(int(0.8 * len(packed)), gate),
                 lambda r: r.path.endswith(key) and r.get("Range") != "bytes=0-0")
    server = serve(stores=store, **PATIENT)
    with server.connect() as client:
        client.ask(FOO)
        head = client.head()
        assert head.status == 200 and head["Content-Length"] == str(SIZE)
        assert client.read(SIZE // 2) == content[:SIZE // 2]
        gate.release()
        assert len(client.read(SIZE // 2)) < SIZE // 2
    assert server.wait_log(msg="answer cut short")
    nothing_kept(server)
    assert failed(server) == 1


@pytest.mark.parametrize("name", ["mszip", "lzx", "stored cabinet", "gz", "zst", "gzip", "zstd"])
def test_damage_that_shows_before_the_first_byte(name, origin, store, serve):
    """Then there is still time for a 503."""
    form = EVERY[name]
    key, packed = put(origin, form, text(SIZE))
    at = {"gzip": 10, "zstd": forms.zstd_header(packed), "cab": 36}[form.label]
    origin.put("bucket", key, packed[:at] + 8 * b"\xff" + packed[at + 8:],
               origin.objects["bucket", key].headers)
    server = serve(stores=store, **PATIENT)
    for _ in range(2):
        assert is_fault(server.fetch(FOO))
    nothing_kept(server)
    assert failed(server) == 2


def refused_forms():
    cabinet = mszip("foo.pdb", text(SMALL))
    return {"spanned": forms.spanned(cabinet), "SZDD": forms.szdd(text(SMALL)).replace(b"A", b"B", 1),  # another method
            "zip": forms.zipped("foo.pdb", text(SMALL)),
            "no files": cabinet[:28] + b"\0\0" + cabinet[30:]}


@pytest.mark.parametrize("name", ["spanned", "SZDD", "zip", "no files"])
def test_refused_clearly(name, origin, store, serve):
    """What no decoder takes is a failure with a reason, never the packed bytes as the plain file.
    By its own name it is served."""
    packed = refused_forms()[name]
    twin = LOWER[:-1] + "_"
    origin.put("bucket", twin, packed)
    server = serve(stores=store)
    for _ in range(2):
        assert is_fault(server.fetch(FOO))
    reason = server.wait_log(msg="store failed")["error"]
    assert {"spanned": "spans", "SZDD": "SZDD", "zip": "zip", "no files": "cabinet"}[name] in reason
    assert server.fetch("/" + twin).body == packed
    assert 1 <= failed(server) <= 2, "what came whole is remembered for what it is"


# lies

@pytest.mark.parametrize("name", ["gz", "gzip"])
def test_gzip_of_several_members(name, origin, store, serve):
    """The length at its end is that of the last one, and is promised; when it turns out to be wrong
    the connection is cut. The second time it is made whole first."""
    form, parts = EVERY[name], (300_000, 900_000)
    content = text(parts[0], 1) + text(parts[1], 2)
    key, _, encoding = form.lay("foo.pdb", LOWER.split("/")[1], b"")
    packed = forms.gz("", text(parts[0], 1)) + forms.gz("", text(parts[1], 2))
    assert len(packed) < parts[1]
    origin.put("bucket", key, packed, [("Content-Encoding", encoding)] if encoding else [])
    server = serve(stores=store, **PATIENT)
    first = server.fetch(FOO)
    assert first.status == 200 and first.cut and first["Content-Length"] == str(parts[1])
    assert first.body == content[:len(first.body)]
    at_rest(server)
    for _ in range(2):
        second = server.fetch(FOO)
        assert second.body == content and second["Content-Length"] == str(len(content))
    head = server.fetch(FOO, "HEAD")
    assert head["Content-Length"] == str(len(content))


@pytest.mark.parametrize("size", [SMALL, SIZE])
def test_gzip_whose_end_tells_nothing(size, origin, store, serve):
    """Padded as on a tape: its last four bytes are no length, and it is made whole first."""
    key, packed = put(origin, EVERY["gz"], text(size))
    origin.put("bucket", key, packed + bytes(4096))
    server = serve(stores=store)
    head = server.fetch(FOO, "HEAD")
    assert head["Content-Length"] == str(size) and server.fetch(FOO).body == text(size)


@pytest.mark.parametrize("limit", ["64MiB", None])
@pytest.mark.parametrize("name", ["gz", "gzip"])
def test_a_bomb(name, limit, origin, store, serve, tmp):
    """A megabyte that would become a gigabyte: refused at the limit, or made in bounded memory, and
    never kept: its checksum is wrong."""
    size = 1 << 30 if limit else 256 << 20
    key, _, encoding = EVERY[name].lay("foo.pdb", LOWER.split("/")[1], b"")
    origin.put("bucket", key, forms.zeros(size),
               [("Content-Encoding", encoding)] if encoding else [])
    server = serve(stores=store, **({"MAX_OBJECT_SIZE": limit} if limit else {}), **PATIENT)
    server.fetch("/healthz")
    before = server.rss()
    with server.connect() as client:
        client.ask(FOO)
        head = client.head()
        if limit:
            assert head.status == 503
        else:
            assert head.status == 200 and head["Content-Length"] == str(size)
            assert client.skip(size) < size
    assert server.rss() < before + (64 << 20)
    assert server.metrics()["pepto_decoded_bytes_total", ""] <= (65 << 20 if limit else size)
    nothing_kept(server)


@pytest.mark.parametrize("name", ["mszip", "gz", "zst", "zst unsized", "encoded cabinet", "zstd"])
def test_longer_than_allowed(name, origin, store, serve):
    """Whether its length is known before or not; what is just as long as allowed is served."""
    server = serve(stores=store, MAX_OBJECT_SIZE="1MiB", **PATIENT)
    put(origin, EVERY[name], text(MIB + 1))
    assert is_fault(server.fetch(FOO)) and is_fault(server.fetch(FOO))
    nothing_kept(server)
    put(origin, EVERY[name], text(MIB, 2))
    assert server.fetch(FOO).body == text(MIB, 2)


# those who leave

@pytest.mark.parametrize("name", ["mszip", "zst", "zstd", "encoded cabinet"])
def test_a_store_that_disappears(name, origin, store, serve):
    """In mid-body: cut, as far as it came right; the next one is served when it is back."""
    content = text(SIZE)
    key, packed = put(origin, EVERY[name], content)
    gate = Gate("")
    origin.fault(faults.cut_at(len(packed) // 2, gate),
                 lambda r: key in r.path and r.get("Range") != "bytes=0-0", times=1)
    server = serve(stores=store)
    with server.connect() as client:
        client.ask(FOO)
        gate.wait(1)
        origin.fault(faults.status(503, "SlowDown"))
        gate.release()
        assert never_whole(client.answer(), content)
    nothing_kept(server)
    origin.heal()
    until(lambda: server.fetch(FOO).body == content, what="a store that is trusted again")


def test_a_store_that_comes_back(origin, store, serve):
    """Within the patience for one transfer it is continued where it broke off."""
    content = text(SIZE)
    key, packed = put(origin, EVERY["mszip"], content)
    origin.fault(faults.cut(len(packed) // 2),
                 lambda r: key in r.path and r.get("Range") != "bytes=0-0", times=1)
    server = serve(stores=store)
    assert server.fetch(FOO).body == content
    assert decoded(server, "cab") == 1 and failed(server) == 0


@pytest.mark.parametrize("name", ["mszip", "gz", "gzip", "zstd"])
def test_an_etag_that_is_no_md5(name, origin, store, serve):
    """The stored form is asked for once more before anything that is made of it is completed."""
    content = text(MIB)
    key, _ = put(origin, EVERY[name], content)
    origin.objects["bucket", key].body.etag = f'"{"5" * 32}"'
    server = serve(stores=store, FETCH_BLOCK="1MiB")
    assert server.fetch(FOO).body == content
    assert server.metrics()["pepto_etag_no_md5_total", ""] == 1


@pytest.mark.parametrize("how", ["412", "416", "the whole", "another ETag", "403", "404", "500"])
@pytest.mark.parametrize("name", ["mszip", "gz", "gzip", "zstd"])
def test_no_part_but_the_first(name, how, origin, store, serve):
    """Neither the others nor, of gzip, its end, which is asked for beside them."""
    content = random.Random(1).randbytes(3 * MIB)
    key, _ = put(origin, EVERY[name], content)
    server = serve(stores=store, FETCH_BLOCK="1MiB")
    origin.fault(NO_PART[how], lambda r: key in r.path and first_byte(r))
    answer = server.fetch(FOO)
    assert answer.body == content or never_whole(answer, content) and server.fetch(FOO).body == content


@pytest.mark.parametrize("name", ["mszip", "zstd"])
def test_another_version_in_mid_body(name, origin, store, serve):
    """Never a mixture of two."""
    server = serve(stores=store, FETCH_BLOCK="1MiB", **PATIENT)
    key, packed = put(origin, EVERY[name], text(4 * MIB))
    gate = origin.hold(lambda r: key in r.path and r.get("If-Match"))
    with server.connect() as client:
        client.ask(FOO)
        gate.wait(1)
        put(origin, EVERY[name], text(4 * MIB, 2))
        gate.release()
        assert never_whole(client.answer(), text(4 * MIB))
    nothing_kept(server)
    assert server.fetch(FOO).body == text(4 * MIB, 2)


@pytest.mark.cache_on
@pytest.mark.row("C45")
@pytest.mark.parametrize("name", ["mszip", "zstd"])
def test_a_client_that_leaves(name, origin, store, serve):
    """What is not long is made to its end for the next one."""
    server = serve(stores=store, **PATIENT)
    client, gate, content, _ = half_way(origin, server, EVERY[name], receive_buffer=4096)
    with client:
        assert client.head().status == 200
        client.read(1_000)
    until(lambda: server.metrics()["pepto_requests_cut_total", '{by="client"}'] == 1)
    gate.release()
    kept(server)
    at_rest(server)
    assert server.fetch(FOO).body == content and decoded(server, EVERY[name].label) == 1


@pytest.mark.cache_on
@pytest.mark.parametrize("name", ["zst", "zstd", "zst unsized"])
def test_all_clients_of_a_large_one_leave(name, origin, store, serve):
    """It is given up at once, not when the store's time is over; no thread goes on with it."""
    content = random.Random(1).randbytes(80_000_000)
    key, _ = put(origin, EVERY[name], content)
    server = serve(stores=store, **PATIENT)
    gate = origin.hold(lambda r: key in r.path and r.get("If-Match"))
    clients = [server.connect() for _ in range(3)]
    for client in clients:
        client.ask(FOO)
    gate.wait(1)
    until(lambda: server.metrics()["pepto_active_decoders", ""] == 1)
    for client in clients:
        client.close()
    until(lambda: server.metrics()["pepto_active_decoders", ""] == 0)
    at_rest(server)
    gate.release()
    nothing_kept(server)
    assert not server.log(level="error")
    assert server.fetch(FOO).body == content


@pytest.mark.cache_off("what is taken from a directory is that")
def test_a_client_that_reads_nothing(origin, store, serve):
    """It holds up nobody: what it waits for is made, in a temporary file."""
    put(origin, EVERY["mszip"], text(20 * MIB))
    server = serve(stores=store, **PATIENT)
    with server.connect(receive_buffer=4096) as client:
        client.ask(FOO)
        assert client.head().status == 200
        until(lambda: server.metrics()["pepto_active_decoders", ""] == 0)
        assert client.read(20 * MIB) == text(20 * MIB)


# limits

def stalled(origin, server, n):
    """n clients of files that have come half: (clients, gate, bytes of each file)."""
    content = text(200_000)
    packed = mszip("foo.pdb", content)
    gate = Gate("")
    origin.fault(faults.pause_at(len(packed) // 2, gate),
                 lambda r: "/slow" in r.path and r.get("Range") != "bytes=0-0")
    clients = []
    for k in range(n):
        target = path(f"slow{k}.pdb").lower()
        origin.put("bucket", target[:-1] + "_", packed)
        clients.append(server.connect())
        clients[-1].ask("/" + target)
        if k % 20 == 19:
            gate.wait(k + 1)        # each asks for several names at once: not all at the same time
    return clients, gate, content


@pytest.mark.parametrize("n", [1, 20])
def test_who_waits_for_a_store_holds_up_nobody(n, origin, store, serve):
    """One permit, and many decoders that wait for the rest of their file."""
    server = serve(stores=store, DECODE_MAX="1", **PATIENT)
    clients, gate, content = stalled(origin, server, n)
    gate.wait(n)
    until(lambda: server.metrics()["pepto_active_decoders", ""] == n)
    for name in ("mszip", "gz", "zstd"):
        put(origin, EVERY[name], text(SIZE), name=f"{name}.pdb")
        assert server.fetch("/" + path(f"{name}.pdb")).body == text(SIZE)
    put(origin, EVERY["mszip"], text(SIZE))
    assert server.fetch(FOO).body == text(SIZE)
    gate.release()
    for client in clients:
        with client:
            assert client.answer().body == content
    at_rest(server)


def test_many_decode_with_few_permits(origin, store, serve):
    """All come to their end."""
    server = serve(stores=store, DECODE_MAX="2", **PATIENT)
    for n in range(40):
        put(origin, EVERY[list(EVERY)[n % 6]], text(500_000, n % 3), name=f"file{n}.pdb")

    def fetch(n):
        return server.fetch("/" + path(f"file{n}.pdb")).body == text(500_000, n % 3)
    with concurrent.futures.ThreadPoolExecutor(40) as pool:
        assert all(pool.map(fetch, range(40)))
    at_rest(server)


UNDER_WAY, QUEUE = 32, 256


def test_more_than_can_be_under_way(origin, store, serve):
    """The next ones wait for their turn, and get their files; plain ones do not wait."""
    server = serve(stores=store, **PATIENT)
    clients, gate, content = stalled(origin, server, UNDER_WAY + 5)
    gate.wait(UNDER_WAY + 5)
    until(lambda: server.metrics()["pepto_active_decoders", ""] == UNDER_WAY + 5)
    origin.put("bucket", LOWER, body(SIZE))
    assert server.fetch(FOO).body == body(SIZE)
    gate.release()
    for client in clients:
        with client:
            assert client.answer().body == content
    assert server.metrics()["pepto_refused_total", '{limit="decoders"}'] == 0
    at_rest(server)


def test_more_than_can_wait(origin, store, serve):
    """Refused, counted, and no worse for it."""
    server = serve(stores=store, MAX_FILLS="1000", **PATIENT)
    clients, gate, content = stalled(origin, server, UNDER_WAY + QUEUE)
    gate.wait(UNDER_WAY + QUEUE)
    until(lambda: server.metrics()["pepto_active_decoders", ""] == UNDER_WAY + QUEUE)
    put(origin, EVERY["mszip"], text(SIZE))
    assert is_fault(server.fetch(FOO))
    assert server.metrics()["pepto_refused_total", '{limit="decoders"}'] >= 1
    gate.release()
    for client in clients:
        with client:
            assert client.answer().body == content
    at_rest(server)
    assert server.fetch(FOO).body == text(SIZE)


# the end

@pytest.mark.tsan
@pytest.mark.parametrize("name", ["mszip", "zstd", "gz", "zst unsized"])
def test_sigterm_in_mid_decode(name, origin, store, serve):
    """Who still waits after DRAIN_TIMEOUT is cut; the exit is clean, whatever the decoder does."""
    server = serve(stores=store, **{**PATIENT, "DRAIN_TIMEOUT": "1s"})
    client, gate, content, _ = half_way(origin, server, EVERY[name])
    with client:
        until(lambda: server.metrics()["pepto_active_decoders", ""] == 1)
        server.signal(signal.SIGTERM)
        assert never_whole(client.answer(), content)
        assert server.wait() == 0
    gate.release()
    assert not CacheDir(server).objects()


def test_sigterm_with_decoders_in_the_queue(origin, store, serve):
    server = serve(stores=store, **{**PATIENT, "DRAIN_TIMEOUT": "1s"})
    clients, gate, _ = stalled(origin, server, UNDER_WAY + 20)
    gate.wait(UNDER_WAY + 20)
    until(lambda: server.metrics()["pepto_active_decoders", ""] == UNDER_WAY + 20)
    server.signal(signal.SIGTERM)
    assert server.wait() == 0
    gate.release()
    for client in clients:
        client.close()
