# SPDX-License-Identifier: MIT
"""Answers that a store should not give: no length, no end, another part than was asked for, words
that S3 never wrote. They cost their own request, and nothing else. """

import gzip
import resource
import time

import pytest

from rig import faults
from rig.client import is_fault, is_miss
from rig.pace import IMPATIENT, PACE, within
from rig.samples import Pattern, body
from rig.stock import (BAR, FOO, GONE, SIZE, chunk, drip, flood, others_are_served, raw,
                       without_length)
from rig.wire import Response


@pytest.mark.parametrize("kind", ["s3", "http"])
def test_head_of_what_has_no_length(kind, stocked, stocked_http, origin, upstream, serve):
    """HEAD where the store's answer has no length, then one that has it."""
    stage, store = (origin, stocked) if kind == "s3" else (upstream, stocked_http)
    server = serve(stores=store, **IMPATIENT)
    for times in (1, 2, 3):
        stage.fault(faults.edit(without_length), FOO, times=times)
        for _ in range(3):
            answer = server.fetch("/" + FOO, "HEAD")
            if answer.status == 200:
                assert answer["Content-Length"] == str(SIZE)
            else:
                assert is_fault(answer)
        answer = server.fetch("/" + FOO, "HEAD")
        assert answer.status == 200 and answer["Content-Length"] == str(SIZE)


XML = ["Content-Type: application/xml", "Content-Length: 400"]
DENIED = b"<Error><Code>AccessDenied</Code><Message>"
ENDLESS = [(kind, name) for kind in ("http", "s3") for name in ("stalls", "drips", "floods")]


@pytest.mark.parametrize("kind", ["s3", "http"])
def test_header_without_end(kind, stocked, stocked_http, origin, upstream, serve):
    """Told as what it is, and a fault of the store."""
    stage, store = (origin, stocked) if kind == "s3" else (upstream, stocked_http)
    server = serve(stores=store)

    def act(connection, request, answer):
        connection.send(b"HTTP/1.1 200 OK\r\nX: ")
        flood(connection)
    stage.fault(act, FOO)
    assert is_fault(server.fetch("/" + FOO))
    assert "a header that is too long" in server.wait_log(msg="store failed")["error"]
    assert others_are_served(server)


@pytest.mark.parametrize("kind, name", ENDLESS, ids=["-".join(e) for e in ENDLESS])
def test_error_document_without_end(kind, name, stocked, stocked_http, origin, upstream, serve):
    """An error's body that stalls, drips or never ends costs no more than the budget."""
    stage, store = (origin, stocked) if kind == "s3" else (upstream, stocked_http)
    status = 500 if name == "floods" else 403 if kind == "s3" else 404
    length = [] if name == "floods" else XML
    then = {"stalls": lambda connection: connection.wait_gone(), "drips": drip, "floods": flood}
    server = serve(stores=store, STALL_TIMEOUT="10s", **IMPATIENT)
    stage.fault(raw([f"HTTP/1.1 {status} No", *length], DENIED, then=then[name]), GONE)
    with within(1):
        answer = server.fetch("/" + GONE)
    assert is_miss(answer) if status == 404 else is_fault(answer)
    assert others_are_served(server)


def test_slow_file_without_a_length_is_waited_for(upstream, stocked_http, serve):
    """Only a whole body in chunks may take longer than the budget."""
    def chunks(connection):
        for at in range(0, 5_000, 250):
            connection.send(chunk(body(5_000, 2)[at:at + 250]))
            time.sleep(0.08 * PACE)
        connection.send(b"0\r\n\r\n")
    upstream.fault(raw(["HTTP/1.1 200 OK", "Transfer-Encoding: chunked"], then=chunks), BAR)
    server = serve(stores=stocked_http, **IMPATIENT)
    with within(10):
        assert others_are_served(server)


PROVES_NOTHING = {
    "a page": b"<html><body><h1>Not Found</h1></body></html>",
    "a code far back": b"<Error><Message>" + b"x" * 70_000 +
                       b"</Message><Code>NoSuchBucket</Code></Error>",
    "an entity": b'<!DOCTYPE Error [<!ENTITY c "NoSuchKey">]><Error><Code>&c;</Code></Error>',
    "nothing": b""}


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.parametrize("name", PROVES_NOTHING)
def test_answer_that_s3_did_not_write(status, name, stocked, origin, serve):
    """Without a code that can be read, 404 and 403 are an outage."""
    origin.fault(faults.respond(lambda r: Response(status, [], PROVES_NOTHING[name])), GONE)
    server = serve(stores=stocked, **IMPATIENT)
    with within(1):
        assert is_fault(server.fetch("/" + GONE))


def part(first, last):
    """A 206 with this part, whatever was asked."""
    return faults.respond(lambda request: Response(
        206, [("ETag", '"e"'), ("Content-Range", f"bytes {first}-{last}/{SIZE}")],
        body(SIZE)[first:last + 1]))


@pytest.mark.cache_off("a cache asks for the object from its beginning, not for the client's part")
def test_part_that_is_less_than_asked(stocked, origin, serve):
    """The store may give less, and says how much."""
    origin.fault(part(100, 149), FOO)
    answer = serve(stores=stocked).fetch("/" + FOO, headers={"Range": "bytes=100-199"})
    assert answer.status == 206 and answer["Content-Range"] == f"bytes 100-149/{SIZE}"
    assert answer.body == body(SIZE)[100:150]


def test_part_that_was_not_asked_for(stocked, origin, serve):
    """Another range is an outage of that file, not of the store."""
    origin.fault(part(0, 99), FOO)
    server = serve(stores=stocked, **IMPATIENT)
    for _ in range(6):
        answer = server.fetch("/" + FOO, headers={"Range": "bytes=100-199"})
        assert answer.cut or is_fault(answer)
    assert others_are_served(server)


@pytest.mark.parametrize("length", [(), ("Content-Length: 20000000",)], ids=["chunks", "length"])
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_gzip_in_the_transfer_encoding(packed, length, upstream, stocked_http, serve):
    """An encoding that was not asked for is an outage or a cut, never an abort."""
    data = b"x" * 20_000_000
    data = gzip.compress(data, 1) if packed else data
    upstream.fault(raw(["HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked", *length],
                       chunk(data), b"0\r\n\r\n"), FOO)
    server = serve(stores=stocked_http, **IMPATIENT)
    with server.connect(receive_buffer=4096) as client:
        client.ask("/" + FOO)
        answer = client.head()
        got = client.skip(int(answer["Content-Length"]))
    assert answer.status == 503 or answer.status == 200 and got < 20_000_000 or packed, answer
    assert others_are_served(server)


@pytest.mark.cache_off("a cache asks for a part, whose answer tells the length of the whole")
def test_answer_without_a_length_and_no_room_for_it(upstream, stocked_http, serve):
    """A file size limit of 1 MB is an outage of a 5 MB answer, not the end of the process."""
    upstream.put("symbols/" + GONE, Pattern(5_000_000))
    upstream.fault(faults.edit(without_length), GONE)
    server = serve(stores=stocked_http)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    assert is_fault(server.fetch("/" + GONE))
    assert others_are_served(server)
