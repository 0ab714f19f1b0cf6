# SPDX-License-Identifier: MIT
"""kill -9, at random points of fills, on one directory: whatever was on its way, nothing torn is
ever served, and nothing of it stays on the disk.

Each round a new server is asked for what the round before was killed in, and for something new.
The point of the kill is a number of bytes that have left the origin; beyond the last of them it is
a moment in which the files are made durable and visible, or when one of them has become so. """

import concurrent.futures
import os
import random
import stat
import time

import pytest

from rig import faults
from rig.cachedir import CacheDir, kept, key_of, told
from rig.client import Client
from rig.origin import Origin
from rig.pace import PACE
from rig.samples import Pattern, path
from rig.server import s3, until

pytestmark = pytest.mark.cache_on

ROUNDS = int(os.environ.get("PEPTO_KILLS", "100"))
MOST = 30 * PACE                    # seconds that all rounds may take: else fewer, and it is said
ENOUGH = 30
AT_ONCE = 3
SIZES = (200 << 10, 3 << 20)


class Shelf:
    """Objects by name, each with a size and bytes of its own."""

    def __init__(self, origin, chance):
        self.origin, self.chance = origin, chance
        self.content = {}

    def add(self, n):
        key = path(f"file{n}.pdb").lower()
        self.content[key] = Pattern(self.chance.randint(*SIZES), n % 8)
        self.origin.put("bucket", key, self.content[key])
        return key

    def is_right(self, key, got, whole):
        """Is this its beginning, or all of it?"""
        content = self.content[key]
        return got == content.bytes(0, len(got)) and (not whole or len(got) == content.size)


def take(port, key):
    """(key, bytes, all of them?) as far as they come; the server may die at any moment."""
    try:
        with Client(port) as client:
            answer = client.fetch("/" + key)
    except (OSError, AssertionError):
        return key, b"", False
    return key, answer.body, answer.status == 200 and not answer.cut


def kill_at(server, origin, at, after):
    """... when so many bytes have left, and so many seconds have passed or one file is kept."""
    until(lambda: origin.sent() >= at, pause=0.0005)
    if after is None:
        kept(server)
    else:
        time.sleep(after)
    server.process.kill()
    server.wait()
    server.may_end = {-9}


@pytest.mark.release
def test_kill_at_random_points(stage, serve, tmp):
    chance = random.Random(20240229)
    origin = stage(Origin, listable=True)
    origin.bucket("bucket")
    origin.fault(faults.slow(piece=64 << 10, pause=0.0005))
    shelf = Shelf(origin, chance)
    settings = {"stores": s3("bucket", origin), "CACHE_DIR": tmp, "CACHE_SIZE": "300MiB",
                "FETCH_BLOCK": "1MiB", "CACHE_MIN_FREE": "0"}
    began, rounds, last = time.monotonic(), 0, []
    with concurrent.futures.ThreadPoolExecutor(2 * AT_ONCE) as pool:
        while rounds < ROUNDS and (rounds < ENOUGH or time.monotonic() - began < MOST):
            keys = last + [shelf.add(rounds * AT_ONCE + k) for k in range(AT_ONCE)]
            size = sum(shelf.content[key].size for key in keys[-AT_ONCE:])
            server = serve(release=True, **settings)
            origin.forget()
            answers = [pool.submit(take, server.port, key) for key in keys]
            kill_at(server, origin, chance.randint(0, size), chance.choice([0, 0, 0.01, 0.03, None]))
            for answer in answers:
                assert shelf.is_right(*answer.result()), answer.result()[0]
            last, rounds = keys[-AT_ONCE:], rounds + 1
    verify(serve(release=True, **settings), origin, shelf, CacheDir(tmp))
    print(f"{rounds} kills in {time.monotonic() - began:.0f} s")
    assert rounds >= min(ROUNDS, ENOUGH)


def verify(server, origin, shelf, cache):
    """Everything that has a name is whole; there is nothing else. What was killed in the moment between its
    name and its final mode is no object yet."""
    until(lambda: not cache.drafts())
    origin.stop()
    files = [f for f in cache.objects() if not f.stat().st_mode & stat.S_ISVTX]
    assert len(files) > 10, "most of it has been killed too early to show anything"
    for key in map(key_of, files):
        assert shelf.is_right(*take(server.port, key)) and take(server.port, key)[2], key
    assert told(server, "hit") == 2 * len(files)
    assert server.metrics()["pepto_cache_damaged_total", ""] == 0
