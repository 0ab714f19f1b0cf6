# SPDX-License-Identifier: MIT
"""A proxy in front of a real S3. Everything that is signed passes unchanged, so signatures are
still verified."""

import socket

from .pace import WAIT
from .stage import Stage
from .wire import CHUNK, Gone, Response


class FaultProxy(Stage):
    def __init__(self, port, host="127.0.0.1"):
        super().__init__()
        self.upstream = (host, port)

    def answer(self, request):
        """Pass the request on over a connection of its own; the body follows as it is sent."""
        sock = socket.create_connection(self.upstream, timeout=WAIT)
        sock.sendall(request.head + b"\r\nConnection: close\r\n\r\n" + request.body)
        stream = sock.makefile("rb")
        line = stream.readline().decode("latin-1").split(" ", 2)
        headers = []
        while (field := stream.readline().strip()):
            name, _, value = field.decode("latin-1").partition(":")
            if name.lower() != "connection":
                headers.append((name, value.strip()))
        response = Response(int(line[1]), headers, self._body(sock, stream), line[2].strip())
        if response.get("Transfer-Encoding"):
            response.chunks = [dechunk(stream)]
            response.set("Transfer-Encoding", None)
            response.set("Content-Length", len(response.chunks[0]))
        elif response.get("Content-Length") is None and response.status != 304:
            response.set("Connection", "close")
        return response

    @staticmethod
    def _body(sock, stream):
        try:
            while (data := stream.read1(CHUNK)):
                yield data
        except OSError as e:
            raise Gone from e
        finally:
            sock.close()


def dechunk(stream):
    body = b""
    while (size := int(stream.readline().split(b";")[0] or b"0", 16)):
        body += stream.read(size)
        stream.readline()
    return body
