# SPDX-License-Identifier: MIT
"""Everything at once, for a while: clients that stay and clients that leave in any moment, requests
that make no sense, somebody who purges one path or everything, and stores that dawdle, break off and
fail. Nobody is surprised by a 503 or a cut body here; but what arrives whole is right, what is there is
never called missing, and the sanitizers have nothing to say.

In the environment: CHURN_SECONDS, how long (12), and CHURN_SEED, to draw the same again. """

import os
import random
import socket
import struct
import threading
import time

import pytest

from rig import faults, forms
from rig.client import is_miss
from rig.forms import text
from rig.samples import KEY, path
from rig.server import s3, until
from rig.stage import feed, send
from rig.wire import Gone

from test_misses import TOKEN, purge

SECONDS = float(os.environ.get("CHURN_SECONDS", 12))
CLIENTS = 32
SIZES = (3_000, 20_000, 60_000, 100_000, 300_000, 2_500_000)     # in memory, in a file, in parts
PLAIN = forms.Form(None, forms.same, lambda name, data: data)
LAID = (PLAIN, PLAIN, PLAIN,
        *(forms.EVERY[name] for name in ("gz", "zst unsized", "mszip", "gzip")))
GONE = path("gone.pdb")
OTHER = path("other.exe", "5617D4FE8000")               # what lies there is another image
# small, so that all of it is met: eviction, too many who wait, parts, confirming
SETTINGS = {"CACHE_SIZE": "16MiB", "CACHE_FRESH": "1s", "MISS_TTL": "1s", "FETCH_BLOCK": "1MiB",
            "MAX_FILL_WAITERS": "8", "DECODE_MAX": "2", "ACCESS_LOG": "off",
            "REQUEST_BUDGET": "1s", "TRY_TIMEOUT": "800ms", "STALL_TIMEOUT": "5s"}


# the stores

class Moody:
    """How a store answers: mostly well, and in every other way it can."""

    def __init__(self, seed):
        self.draw, self.lock = random.Random(seed), threading.Lock()
        self.over = threading.Event()

    def pick(self):
        with self.lock:
            mood, = self.draw.choices(
                (self.prompt, self.late, self.crumbs, self.cut, self.busy, self.reset, self.endless),
                (45, 30, 12, 4, 3, 3, 3))
            return mood, random.Random(self.draw.random())

    def act(self, connection, request, answer):
        mood, draw = self.pick()
        mood(connection, request, answer(request), draw)

    def prompt(self, connection, request, response, draw):
        send(connection, request, response)

    def late(self, connection, request, response, draw):
        """The body: so late that who asked has left meanwhile, or has no more time."""
        connection.send(response.head())
        self.over.wait(draw.uniform(0, 3))
        response.head = bytes
        send(connection, request, response)

    def crumbs(self, connection, request, response, draw):
        connection.send(response.head())
        for chunk in response.chunks if request.method != "HEAD" else ():
            for at in range(0, len(chunk), 30_000):
                feed(connection, request, chunk[at:at + 30_000])
                self.over.wait(draw.uniform(0, 0.01))

    def cut(self, connection, request, response, draw):
        response.chunks = [b"".join(response.chunks)[:draw.randrange(100_000)]]
        send(connection, request, response)
        raise Gone

    def busy(self, connection, request, response, draw):
        send(connection, request, faults.error(503, "SlowDown"))

    def reset(self, connection, request, response, draw):
        connection.reset()

    def endless(self, connection, request, response, draw):
        response.set("Content-Length", None)
        response.set("Connection", "close")
        self.late(connection, request, response, draw)
        raise Gone


def lay_files(origin, upstream):
    """{path: bytes} of what is there, some of it in the one store and some in the other."""
    files = {}
    for number, (size, form) in enumerate((s, f) for s in SIZES for f in LAID):
        name = f"foo{number}.pdb"
        data = files[path(name)] = text(size, number)
        key, packed, encoding = form.lay(name, KEY, data)
        headers = [("Content-Encoding", encoding)] if encoding else []
        if number % 3:
            origin.put("bucket", key, packed, headers)
            continue
        for spelled in (path(name, last=form.last(name)), key):     # this one minds the case
            upstream.put(spelled, packed, headers)
    origin.put("bucket", OTHER.lower(), forms.genuine()["exe"].data)
    return files


# the clients

ODD = (
    b"GET /PATH",
    b"GET /PATH HTTP/1.0\r\n\r\n",
    b"GET /PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello",
    b"GET /PATH HTTP/1.1\r\nHost: x\r\nRange: bytes=9-2\r\nIf-Range: \"v\"\r\n\r\n",
    b"GET /PATH HTTP/1.1\r\nHost: x\r\nVia: 1.1 a\r\nVia: 1.1 b\r\n\r\n" * 2,
    b"GET http://x/PATH HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    b"GET /../PATH%00 HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /PATH/%zz HTTP/1.1\r\nHost: x\r\n\r\n",
    b"POST /PATH HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nbody",
    b"POST /-/purge HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\nPATH",
    b"POST /-/purge HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + TOKEN.encode() +
    b"\r\nContent-Length: 9999\r\n\r\nPATH\n",
    b"OPTIONS * HTTP/1.1\r\nHost: x\r\nX: PATH\r\n\r\n",
    b"\x16\x03\x01\0\xa5PATH\r\n\r\n",
    b"GET /PATH HTTP/1.1\r\nHost: x\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
)
ASKS = (
    {}, {"Accept-Encoding": "gzip"}, {"Range": "bytes=10-2000"}, {"Range": "bytes=-70000"},
    {"If-None-Match": "*"}, {"User-Agent": "Microsoft-Symbol-Server/10.0.0.0"},
    {"Via": "1.1 somebody"},
)


def leave(client, draw):
    """By FIN or, as who was killed, by RST."""
    if draw.random() < 0.5:
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


class Crowd:
    def __init__(self, server, files):
        self.server, self.files = server, files
        self.over = threading.Event()
        self.wrong, self.done = [], {}
        self.lock = threading.Lock()

    def count(self, what):
        with self.lock:
            self.done[what] = self.done.get(what, 0) + 1

    def any(self, draw):
        return draw.choice(list(self.files.items()))

    def stays(self, draw):
        """Over several requests, and looks at what comes."""
        with self.server.connect() as client:
            for _ in range(draw.randint(1, 4)):
                target, data = self.any(draw)
                answer = client.fetch("/" + draw.choice((target, target.lower())))
                self.count(answer.status)
                assert answer.status in (200, 503), (target, answer)
                assert answer.status != 200 or data.startswith(answer.body), (target, answer)
                assert answer.status != 200 or answer.cut or len(answer.body) == len(data)
                if answer.cut or answer["Connection"] == "close":
                    return

    def misses(self, draw):
        with self.server.connect() as client:
            answer = client.fetch("/" + draw.choice((GONE, OTHER, GONE.lower())))
            self.count(f"missing: {answer.status}")
            assert answer.status == 503 or is_miss(answer)

    def leaves(self, draw):
        """While it waits for the answer, in its body, or behind it."""
        with self.server.connect() as client:
            method = draw.choice(("GET", "GET", "GET", "HEAD"))
            client.ask("/" + self.any(draw)[0], method, draw.choice(ASKS))
            when = draw.random()
            if when < 0.6:
                self.over.wait(draw.uniform(0, 1.3))
            else:
                length = int(client.head()["Content-Length"] or 0)
            if when > 0.75 and method == "GET":
                client.read(draw.randint(0, length))
            leave(client, draw)
            self.count("left")

    def babbles(self, draw):
        with self.server.connect() as client:
            client.send(draw.choice(ODD).replace(b"PATH", self.any(draw)[0].encode()))
            if draw.random() < 0.5:
                client.closed(draw.uniform(0, 0.5))
            leave(client, draw)
            self.count("odd")

    def purges(self, draw):
        what = "*" if draw.random() < 0.4 else "\n".join(draw.sample(list(self.files), 3))
        assert purge(self.server, what.encode()).status == 200
        self.count("purged")
        self.over.wait(draw.uniform(0, 0.2))

    def live(self, seed, habits, weights):
        draw = random.Random(seed)
        while not self.over.is_set():
            habit, = draw.choices(habits, weights)
            try:
                habit(draw)
            except (ConnectionError, BrokenPipeError):
                pass                    # it was sent something odd, or is full
            except Exception as e:      # pylint: disable=broad-except
                if not self.over.is_set():
                    self.wrong.append(f"{habit.__name__}: {e!r}")
                    self.over.set()

    def run(self, seed, seconds):
        habits = (self.stays, self.misses, self.leaves, self.babbles)
        threads = [threading.Thread(target=self.live, args=(f"{seed} {i}", habits, (4, 1, 6, 2)))
                   for i in range(CLIENTS)]
        threads.append(threading.Thread(target=self.live, args=(seed, (self.purges,), (1,))))
        for thread in threads:
            thread.start()
        self.over.wait(seconds)
        self.over.set()
        for thread in threads:
            thread.join()


@pytest.mark.tsan
@pytest.mark.cache_on
def test_churn(origin, upstream, serve):
    seed = os.environ.get("CHURN_SEED") or str(time.time_ns())
    print(f"CHURN_SEED={seed}")         # pytest shows it with a failure
    origin.listable = True
    files = lay_files(origin, upstream)
    moody = Moody(seed)
    for store in (origin, upstream):
        store.fault(moody.act)
    server = serve(stores=[s3(origin.bucket("bucket"), origin, forms="plain,cab,gz,zst", tiers=1),
                           f"{upstream.url}?forms=plain,cab,gz,zst&tiers=1"],
                   ADMIN_TOKEN=TOKEN, **SETTINGS)
    crowd = Crowd(server, files)
    crowd.run(seed, SECONDS)
    moody.over.set()
    for store in (origin, upstream):
        store.heal()
    print(crowd.done)
    assert server.process.poll() is None, "it has died"
    assert not crowd.wrong, crowd.wrong
    for target, data in files.items():
        until(lambda: server.fetch("/" + target).body == data, what=target)
