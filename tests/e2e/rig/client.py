# SPDX-License-Identifier: MIT
"""The debugger's side of the wire.

A target goes out exactly as written: no library that would escape, normalise or refuse it stands
between. """

import socket
import time

from .pace import WAIT


# ports that are asked with TLS, with the context for it
TLS = {}


class Answer:
    """A response. `cut` is true when fewer bytes came than Content-Length promised."""

    def __init__(self, head, body):
        lines = head.decode("latin-1").split("\r\n")
        self.version, code, _ = (lines[0] + " ").split(" ", 2)
        self.status = int(code)
        self.headers = [(n.strip(), v.strip()) for n, _, v in (l.partition(":") for l in lines[1:])]
        self.head, self.body = head, body
        self.cut = False

    def __getitem__(self, name):
        """A header, or None; two of one name are a fault of ours that no test should overlook."""
        found = [v for n, v in self.headers if n.lower() == name.lower()]
        assert len(found) <= 1, f"{name} sent twice: {found}"
        return found[0] if found else None

    def __repr__(self):
        cut = ", cut" if self.cut else ""
        return f"<{self.status} {len(self.body)} bytes{cut} {dict(self.headers)}>"


class Client:
    """One connection. Requests may be pipelined; `fetch` is a request and its answer."""

    def __init__(self, port, timeout=WAIT, receive_buffer=None, tls=None):
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(timeout)
        self.sock.connect(("127.0.0.1", port))
        tls = tls or TLS.get(port)
        if tls:
            self.sock = tls.wrap_socket(self.sock, server_hostname="127.0.0.1")
        self.port, self.buffer = port, b""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()

    def close(self):
        self.sock.close()

    def send(self, data):
        self.sock.sendall(data)

    def ask(self, target, method="GET", headers=(), version="HTTP/1.1"):
        lines = [f"{method} {target} {version}"]
        headers = dict(headers)
        if "Host" not in headers:
            lines.append(f"Host: 127.0.0.1:{self.port}")
        lines += [f"{n}: {v}" for n, v in headers.items() if v is not None]
        self.send(("\r\n".join(lines) + "\r\n\r\n").encode("utf-8"))
        self.method = method

    def fetch(self, target, method="GET", headers=(), version="HTTP/1.1"):
        self.ask(target, method, headers, version)
        return self.answer(method)

    def head(self, method="GET"):
        """The head of the next answer; its body stays unread."""
        while b"\r\n\r\n" not in self.buffer:
            data = self.sock.recv(65536)
            assert data, f"connection closed in the head of the answer: {self.buffer!r}"
            self.buffer += data
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        if head.startswith(b"HTTP/1.1 100"):
            return self.head(method)
        return Answer(head, b"")

    def answer(self, method="GET"):
        answer = self.head(method)
        if method == "HEAD" or answer.status in (204, 304):
            return answer
        assert answer["Transfer-Encoding"] is None, "symbol bodies are never chunked"
        length = answer["Content-Length"]
        assert length is not None, f"no length: {answer}"
        answer.body = self.read(int(length))
        answer.cut = len(answer.body) < int(length)
        return answer

    def read(self, n):
        """n bytes, or fewer at the end of the connection (a reset is an end, too)."""
        parts, have = [self.buffer[:n]], len(self.buffer[:n])
        self.buffer = self.buffer[n:]
        while have < n:
            try:
                data = self.sock.recv(min(n - have, 1 << 20))
            except ConnectionResetError:
                break
            if not data:
                break
            parts.append(data)
            have += len(data)
        return b"".join(parts)

    def skip(self, n):
        """As read, for bodies too large to keep; returns how many came."""
        have = min(len(self.buffer), n)
        self.buffer = self.buffer[have:]
        room = memoryview(bytearray(1 << 20))
        while have < n:
            got = self.sock.recv_into(room, min(n - have, len(room)))
            if not got:
                break
            have += got
        return have

    def closed(self, timeout=WAIT):
        """True when the peer closes within the time; what it sends before is kept in the buffer."""
        end, before = time.monotonic() + timeout, self.sock.gettimeout()
        try:
            while (left := end - time.monotonic()) > 0:
                self.sock.settimeout(left)
                data = self.sock.recv(65536)
                if not data:
                    return True
                self.buffer += data
        except ConnectionResetError:
            return True
        except TimeoutError:
            pass
        finally:
            self.sock.settimeout(before)
        return False


def fetch(port, target, method="GET", headers=(), timeout=WAIT):
    with Client(port, timeout) as client:
        return client.fetch(target, method, {"Connection": "close", **dict(headers)})


def exchange(port, data, timeout=WAIT):
    """Exactly these bytes out; everything that comes back until the server closes, or goes
    silent."""
    with Client(port, timeout) as client:
        client.send(data)
        client.closed(timeout)
        return client.buffer


def is_miss(answer):
    """Exactly what every client takes for `not here, go on` (protocol rules 1 and 12)."""
    assert answer.status == 404, answer
    assert answer["Content-Length"] == "0" and answer.body == b"", answer
    return True


def is_fault(answer):
    """An outage as dotnet, symsrv and radare2 survive it."""
    assert answer.status == 503, answer
    assert answer["Content-Length"] == "0" and answer.body == b"", answer
    assert answer["Retry-After"] and answer["Cache-Control"] == "no-store", answer
    return True
