# SPDX-License-Identifier: MIT
"""A store with two files in it, the same of each kind (fixtures stocked, stocked_http and
stocked_dir of conftest.py), and answers written by hand for what a server should not say."""

import threading

from .samples import body, path
from .wire import Gone

FOO, BAR, GONE = (path(name).lower() for name in ("foo.pdb", "bar.pdb", "gone.pdb"))
SIZE = 300_000
FILES = {FOO: body(SIZE), BAR: body(5_000, 2)}


def raw(head, *pieces, then=lambda connection: connection.wait_gone()):
    """These bytes and no others, then silence."""
    def act(connection, request, answer):
        connection.send("\r\n".join([*head, "", ""]).encode())
        for piece in pieces:
            connection.send(piece)
        then(connection)
        raise Gone
    return act


def without_length(response):
    response.set("Content-Length", None)
    response.set("Connection", "close")


def drip(connection):
    """A byte at a time, for as long as anybody listens."""
    pause = threading.Event()
    while not pause.wait(0.05):
        connection.send(b"x")


def flood(connection):
    while True:
        connection.send(b"x" * 65536)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


def others_are_served(server, key=BAR):
    assert server.fetch("/" + key).body == body(5_000, 2)
    return True
