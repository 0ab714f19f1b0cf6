# SPDX-License-Identifier: MIT
"""Symbol keys, and bodies that show where they were torn."""

import functools
import hashlib
import pathlib
import random
import subprocess

from .wire import CHUNK

GUID = "C9A61DDDD7E44353A668E39AC614A7EA"
KEY = GUID + "a"                    # age 10: its case shows
IMAGE_KEY = "5617D4FE8000"
BUILD_ID = "180a373d6afbabf0eb1f09be1bc45bd796a71085"


def path(name, key=KEY, last=None):
    """The path that a debugger asks for a file."""
    return f"{name}/{key}/{last or name}"


BLOCK = 1_000_003                   # a prime, so that no power of two steps onto the same bytes


@functools.lru_cache
def block(seed):
    return random.Random(seed).randbytes(BLOCK)


class Pattern:
    """`size` bytes in which every stretch says where it belongs; never all in memory. Its ETag is
    of the form that S3 gives to an upload in parts, and no checksum."""

    def __init__(self, size, seed=1):
        self.size, self.seed = size, seed
        self.block = block(seed)
        self.etag = '"%s-2"' % hashlib.md5(self.block[:64] + str(size).encode()).hexdigest()

    def __len__(self):
        return self.size

    def chunks(self, start=0, end=None):
        end = self.size if end is None else end
        while start < end:
            at = start % BLOCK
            piece = self.block[at:at + min(CHUNK, end - start)]
            start += len(piece)
            yield piece

    def bytes(self, start=0, end=None):
        return b"".join(self.chunks(start, end))


class Plain:
    """Bytes with the same face."""

    def __init__(self, data):
        self.data, self.size = data, len(data)
        self.etag = '"%s"' % hashlib.md5(data).hexdigest()

    def __len__(self):
        return self.size

    def chunks(self, start=0, end=None):
        piece = self.data[start:end]
        return [piece] if piece else []

    def bytes(self, start=0, end=None):
        return self.data[start:end]


def body(size, seed=1):
    return Pattern(size, seed).bytes()


def real_store(directory, layout="lower"):
    """A store of real PE and PDB files, made by clang and lld; returns its keys."""
    script = pathlib.Path(__file__).resolve().parents[3] / "tools/make-samples.sh"
    done = subprocess.run([script, "--layout", layout, "--odd-names", directory], check=True,
                          capture_output=True, text=True)
    return sorted(key for key in done.stdout.splitlines() if key.endswith((".pdb", ".exe", ".dll")))
