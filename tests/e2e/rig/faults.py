# SPDX-License-Identifier: MIT
"""What can go wrong between a server and its S3. Each maker returns act(connection, request,
answer)."""

import copy
import re
import time

from .stage import feed, send
from .wire import Gone, Response

XML = '<?xml version="1.0" encoding="UTF-8"?>\n' \
      "<Error><Code>{}</Code><Message>made by a test</Message>{}" \
      "<RequestId>TESTREQUEST</RequestId><HostId>rig</HostId></Error>"


def error(status, code, extra="", headers=()):
    """An S3 error answer, with further elements in the document if wanted."""
    return Response(status,
                    [("Content-Type", "application/xml"), ("x-amz-request-id", "TESTREQUEST"),
                     *headers],
                    XML.format(code, extra).encode())


def status(code, s3_code="Error", extra="", headers=()):
    return lambda connection, request, answer: send(connection, request,
                                                    error(code, s3_code, extra, headers))


def respond(response):
    """Any other answer; a function is called for each request, as a body can be sent only once."""
    return lambda connection, request, answer: send(connection, request, response(request))


def edit(change):
    """The real answer with its head changed."""
    def act(connection, request, answer):
        response = answer(request)
        change(response)
        send(connection, request, response)
    return act


def edit_request(name, value):
    """Answered as if this header had been another one, or none; what was asked stays as it is."""
    def act(connection, request, answer):
        other = copy.copy(request)
        other.headers = [(n, v) for n, v in request.headers if n.lower() != name.lower()]
        other.headers += [(name, value)] if value is not None else []
        send(connection, request, answer(other))
    return act


def reset():
    """RST in place of an answer."""
    return lambda connection, request, answer: connection.reset()


def close():
    """FIN in place of an answer."""
    def act(connection, request, answer):
        raise Gone
    return act


def hang():
    """Never answer."""
    return lambda connection, request, answer: connection.wait_gone()


def garbage(data=b"\x16\x03\x01 this is not HTTP\n\n"):
    def act(connection, request, answer):
        connection.send(data)
        raise Gone
    return act


def _partly(after, then):
    """The head and `after` bytes of the body of a real answer, then something else."""
    def act(connection, request, answer):
        response = answer(request)
        connection.send(response.head())
        left = after
        for chunk in response.chunks:
            feed(connection, request, chunk[:left])
            left -= len(chunk[:left])
            if left == 0:
                break
        then(connection)
        raise Gone
    return act


def cut(after):
    """FIN in mid-body."""
    return _partly(after, lambda connection: None)


def reset_at(after):
    """RST in mid-body."""
    return _partly(after, lambda connection: connection.reset())


def cut_at(after, gate):
    """FIN in mid-body, once the gate is open."""
    return _partly(after, lambda connection: gate.stop())


def flip(at):
    """One byte of the object is wrong, in whatever part of it is asked for."""
    def change(response):
        span = re.match(r"bytes (\d+)-", response.get("Content-Range") or "")
        response.chunks = flipped(response.chunks, at - int(span[1] if span else 0))
    return edit(change)


def flipped(chunks, at):
    for chunk in chunks:
        if 0 <= at < len(chunk):
            chunk = chunk[:at] + bytes([chunk[at] ^ 1]) + chunk[at + 1:]
        at -= len(chunk)
        yield chunk


def stall(after):
    """Silence in mid-body."""
    return _partly(after, lambda connection: connection.wait_gone())


def wrong_length(delta):
    """A Content-Length that does not fit the body, which is followed by the end of the
    connection."""
    def act(connection, request, answer):
        response = answer(request)
        response.set("Content-Length", int(response.get("Content-Length")) + delta)
        send(connection, request, response)
        raise Gone
    return act


def slow(piece=1024, pause=0.05):
    """A body in small pieces."""
    def act(connection, request, answer):
        response = answer(request)
        connection.send(response.head())
        for chunk in response.chunks:
            for at in range(0, len(chunk), piece):
                feed(connection, request, chunk[at:at + piece])
                time.sleep(pause)
    return act


def pause_at(after, gate):
    """The head and `after` bytes, then wait at a gate, then the rest."""
    def act(connection, request, answer):
        response = answer(request)
        connection.send(response.head())
        sent = 0
        for chunk in response.chunks:
            first = chunk[:max(0, after - sent)]
            feed(connection, request, first)
            sent += len(chunk)
            if sent >= after and not gate.released:
                gate.stop()
            feed(connection, request, chunk[len(first):])
    return act
