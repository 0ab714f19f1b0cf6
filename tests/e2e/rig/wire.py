# SPDX-License-Identifier: MIT
"""HTTP/1.1 by hand, so that a test server can send exactly what no library would.

A Listener accepts on a free loopback port and gives each connection a thread and a Connection.
Threads are enough: a test has at most a few hundred connections, and blocking code is the easiest
to misbehave in. """

import socket
import struct
import threading
import urllib.parse

CHUNK = 1 << 18
HEAD_MAX = 1 << 18


class Gone(Exception):
    """The peer closed the connection, or the listener is being closed."""


class Request:
    """One request as it came in. `head` has its exact bytes, `number` counts them in order of
    arrival, `sent` is how much of a body it was given so far."""

    def __init__(self, head, body, number):
        lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, self.version = lines[0].split(" ", 2)
        self.headers = [(n.strip(), v.strip()) for n, _,
                        v in (l.partition(":") for l in lines[1:] if l)]
        self.head, self.body, self.number = head, body, number
        self.sent = 0
        raw_path, _, raw_query = self.target.partition("?")
        self.path = urllib.parse.unquote(raw_path)
        self.query = dict(urllib.parse.parse_qsl(raw_query, keep_blank_values=True))

    def get(self, name, default=None):
        for n, v in self.headers:
            if n.lower() == name.lower():
                return v
        return default

    def __repr__(self):
        return f"{self.method} {self.target}"


class Response:
    """Status, headers and the chunks of a body. The length is a header like any other: it may
    lie."""

    def __init__(self, status, headers=(), body=b"", reason=""):
        self.status, self.reason = status, reason
        self.headers = list(headers)
        self.chunks = [body] if isinstance(body, bytes) else body
        if isinstance(body, bytes) and status not in (204,
                                                      304) and self.get("Content-Length") is None:
            self.headers.append(("Content-Length", str(len(body))))

    def get(self, name, default=None):
        for n, v in self.headers:
            if n.lower() == name.lower():
                return v
        return default

    def set(self, name, value):
        self.headers = [(n, v) for n, v in self.headers if n.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, str(value)))

    def head(self):
        lines = [f"HTTP/1.1 {self.status} {self.reason or 'Status'}"]
        lines += [f"{n}: {v}" for n, v in self.headers]
        return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


class Connection:
    """One accepted socket."""

    def __init__(self, sock, listener):
        self.sock, self.listener, self.buffer = sock, listener, b""

    def read_head(self):
        while b"\r\n\r\n" not in self.buffer:
            if len(self.buffer) > HEAD_MAX:
                raise Gone
            self._fill()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head

    def read(self, n):
        """Bodies may be long: what has come is put together once."""
        pieces, n_pieces = [self.buffer], len(self.buffer)
        while n_pieces < n:
            self.buffer = b""
            self._fill()
            pieces.append(self.buffer)
            n_pieces += len(self.buffer)
        data = b"".join(pieces)
        self.buffer = data[n:]
        return data[:n]

    def send(self, data):
        try:
            self.sock.sendall(data)
        except (OSError, ValueError) as e:
            raise Gone from e

    def wait_gone(self):
        """Say nothing until the peer has left."""
        while True:
            self._fill()

    def reset(self):
        """Close with RST, as a crashed host or a middlebox does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
        raise Gone

    def _fill(self):
        try:
            data = self.sock.recv(65536)
        except (OSError, ValueError) as e:
            raise Gone from e
        if not data:
            raise Gone
        self.buffer += data


class Listener:
    """Accepts on 127.0.0.1, any free port, and calls handle(connection) in a thread for each."""

    def __init__(self, handle, tls=None):
        self.handle, self.tls = handle, tls
        self.accepted = 0
        self.open = set()
        self.lock = threading.Lock()
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        """Stop listening and break what is connected: to its clients the service is down."""
        if self.socket.fileno() >= 0:
            # shutdown wakes the thread in accept; close alone would leave the port open under it
            self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()
        self.drop()

    def drop(self):
        with self.lock:
            for sock in self.open:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def _accept(self):
        while True:
            try:
                sock, _ = self.socket.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            if self.tls:
                sock = self.tls.wrap_socket(sock, server_side=True)
            with self.lock:
                self.accepted += 1
                self.open.add(sock)
            self.handle(Connection(sock, self))
        except (Gone, OSError):
            pass
        finally:
            with self.lock:
                self.open.discard(sock)
            sock.close()
