# SPDX-License-Identifier: MIT
"""The cache of a server, as it lies on the disk and as its metrics tell of it.

The layout is that of src/cache/disk.h, the header of a file that of src/cache/object.h. """

import contextlib
import os
import pathlib

from .server import CACHE, Server, until

HEADER = 1024
REGIONS = {"magic": 0, "version": 8, "header size": 12, "identity": 16, "length": 32,
           "last modified": 40, "hash of the body": 48, "flags": 56, "zero": 60, "etag": 64,
           "encoding": 192, "store": 232, "key": 360, "padding": 1000, "hash of the header": 1016}


class CacheDir:
    def __init__(self, of):
        self.path = of.cwd / CACHE if isinstance(of, Server) else pathlib.Path(of)

    def objects(self):
        return sorted(self.path.glob("objects/??/*"))

    def object(self):
        """The one that is there."""
        only, = self.objects()
        return only

    def drafts(self):
        """Files on their way that have a name; most have none."""
        return sorted(self.path.glob("tmp/*"))

    def size(self):
        """Bytes that its objects have; eviction may take one away while they are counted."""
        total = 0
        for file in self.objects():
            with contextlib.suppress(FileNotFoundError):
                total += file.stat().st_size
        return total


def key_of(file):
    """The key that a file's header tells to people; None: it has been evicted meanwhile."""
    with contextlib.suppress(FileNotFoundError):
        return file.read_bytes()[REGIONS["key"]:HEADER].split(b"\0")[0].decode()
    return None


def spoil(file, at):
    """Turn around the bits of one byte; the times of the file stay."""
    times = file.stat()
    with open(file, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 0xff]))
    set_times(file, times.st_atime, times.st_mtime)


def set_times(file, used, checked):
    os.utime(file, (used, checked))


def told(server, result):
    """Answers of this kind: hit, stale, joined, filled, passed, miss."""
    return server.metrics()["pepto_cache_total", f'{{result="{result}"}}']


def fills(server, event):
    """started, kept, cancelled, corrupt"""
    return server.metrics()["pepto_fills_total", f'{{event="{event}"}}']


def kept(server, n=1):
    """Wait until n objects have been kept: they are when their clients have been served already."""
    until(lambda: fills(server, "kept") >= n, what=f"{n} objects kept")


def quiet(server):
    """Wait until nothing is on its way any more."""
    until(lambda: server.metrics()["pepto_active_fills", ""] == 0 and
          server.metrics()["pepto_active_transfers", ""] == 0)


def ways(server, target):
    """What the log says of the requests for a path, sorted: lines are written when answers end."""
    return sorted(line.get("cache", "") for line in server.log(msg="request", path=target))


PURGE_TOKEN = "purge-token-of-the-tests"


def purge(server, what=b"*", token=PURGE_TOKEN):
    """Of a server with this ADMIN_TOKEN."""
    headers = {"Content-Length": str(len(what)), "Connection": "close"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    with server.connect() as client:
        client.ask("/-/purge", "POST", headers)
        client.send(what)
        return client.answer()
