# SPDX-License-Identifier: MIT
"""A server whose every request is recorded, can be held back, and can be spoiled.

A subclass says how it answers (`answer`). A test says what goes wrong:

    fault = proxy.fault(faults.status(503, "SlowDown"), match="foo.pdb", times=1)
    gate = proxy.hold("foo.pdb")          # requests wait here ...
    gate.wait(2)                          # ... until the test has seen two of them
    gate.release()
    assert proxy.asked("foo.pdb", method="GET")[0].get("If-Match") == etag

`match` is a text that the decoded request target contains, or a function of the request.
"""

import threading

from .pace import WAIT
from .wire import Gone, Listener, Request


def matcher(match):
    return match if callable(match) else lambda request: match in request.path


class Gate:
    """A barrier: matching requests stop in front of it until it is released."""

    def __init__(self, match):
        self.match = matcher(match)
        self.arrived = 0
        self.changed = threading.Condition()
        self.released = False

    def wait(self, n, timeout=WAIT):
        """Until n requests stand (or stood) at the gate."""
        with self.changed:
            assert self.changed.wait_for(lambda: self.arrived >= n, timeout), \
                f"{self.arrived} of {n} requests came to the gate in {timeout} s"

    def release(self):
        with self.changed:
            self.released = True
            self.changed.notify_all()

    def stop(self):
        with self.changed:
            self.arrived += 1
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.released, 2 * WAIT)


class Planned:
    """A fault that strikes the next `times` matching requests (None: all of them)."""

    def __init__(self, act, match, times):
        self.act, self.match, self.left = act, matcher(match), times
        self.struck = 0

    def take(self, request):
        if self.left == 0 or not self.match(request):
            return False
        if self.left is not None:
            self.left -= 1
        self.struck += 1
        return True


class Stage:
    def __init__(self, tls=None):
        self.lock = threading.Condition()
        self.requests, self.faults, self.gates = [], [], []
        self.abandoned = 0              # answers that the other side did not stay for
        self.tls = tls
        self.listener = Listener(self._serve, tls)
        self.port = self.listener.port

    # what a test says

    @property
    def url(self):
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def fault(self, act, match="", times=None):
        planned = Planned(act, match, times)
        with self.lock:
            self.faults.append(planned)
        return planned

    def hold(self, match=""):
        gate = Gate(match)
        with self.lock:
            self.gates.append(gate)
        return gate

    def heal(self):
        """Forget all faults and open all gates."""
        with self.lock:
            self.faults = []
            gates, self.gates = self.gates, []
        for gate in gates:
            gate.release()

    def forget(self):
        """Forget what was asked so far."""
        with self.lock:
            self.requests = []

    def asked(self, match="", method=None):
        """The requests so far, in order of arrival."""
        wanted = matcher(match)
        with self.lock:
            return [r for r in self.requests if wanted(r) and method in (None, r.method)]

    def sent(self, match=""):
        """Bytes of bodies that have left for such requests."""
        return sum(r.sent for r in self.asked(match))

    def wait_asked(self, n, match="", timeout=WAIT):
        """Until n such requests have arrived."""
        wanted = matcher(match)
        with self.lock:
            assert self.lock.wait_for(lambda: sum(map(wanted, self.requests)) >= n, timeout), \
                f"fewer than {n} requests: {self.requests}"

    def stop(self):
        """Go down: refuse connections from now on, break the ones there are."""
        self.heal()
        self.listener.close()

    def wait_abandoned(self, n, timeout=WAIT):
        with self.lock:
            assert self.lock.wait_for(lambda: self.abandoned >= n,
                                      timeout), f"{self.abandoned} of {n} abandoned"

    # what a subclass says

    def answer(self, request):
        raise NotImplementedError

    # how it is done

    def _serve(self, connection):
        while True:
            head = connection.read_head()
            request = Request(head, b"", 0)
            request.body = connection.read(int(request.get("Content-Length", "0")))
            fault, gates = self._record(request)
            for gate in gates:
                gate.stop()
            if fault:
                fault.act(connection, request, self.answer)
            else:
                self._send(connection, request)
            if (request.get("Connection") or "").lower() == "close":
                return

    def _send(self, connection, request):
        response = self.answer(request)
        try:
            send(connection, request, response)
        except Gone:
            if response.get("Connection") is None:
                with self.lock:
                    self.abandoned += 1
                    self.lock.notify_all()
            raise

    def _record(self, request):
        with self.lock:
            request.number = len(self.requests)
            self.requests.append(request)
            self.lock.notify_all()
            gates = [g for g in self.gates if g.match(request)]
            fault = next((f for f in self.faults if f.take(request)), None)
            return fault, gates


def feed(connection, request, data):
    """Some of the body, counted."""
    connection.send(data)
    request.sent += len(data)


def send(connection, request, response):
    """One response as it should be."""
    connection.send(response.head())
    if request.method != "HEAD" and response.status not in (204, 304):
        for chunk in response.chunks:
            feed(connection, request, chunk)
    if (response.get("Connection") or "").lower() == "close":
        raise Gone
