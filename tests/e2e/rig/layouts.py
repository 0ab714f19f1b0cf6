# SPDX-License-Identifier: MIT
"""How symbol files lie in a store: in which case, in which folders, in which form.

A Layout says under which key, and as what bytes, a file lies. A shelf is what it lies on: a bucket
of Ceph RGW, or a directory. `put` brings both together, so that the same files can be asked for out
of any store there is. """

import functools
import gzip
import pathlib
import subprocess

from . import cabinets, msfz
from .rgw import OWNER
from .server import s3
from .symbols import tier_folder, twin

KEYS = {"AWS_ACCESS_KEY_ID": OWNER[0], "AWS_SECRET_ACCESS_KEY": OWNER[1], "AWS_REGION": "us-east-1"}


# forms: each makes of a file (last segment of its path, bytes, Content-Encoding)

def plain(symbol):
    return symbol.last or symbol.name, symbol.data, None


def mszip_twin(symbol):
    return twin(symbol.name), mszip(symbol.name, symbol.data), None


def lzx_twin(symbol):
    """The cabinet that symstore.exe made, where there is one. Nothing packs to nothing."""
    pack = lzx if symbol.data else mszip
    return twin(symbol.name), symbol.cabinet or pack(symbol.name, symbol.data), None


def gzip_twin(symbol):
    return symbol.name + ".gz", gzip.compress(symbol.data, mtime=0), None


def zstd_twin(symbol):
    return symbol.name + ".zst", zstd(symbol.data), None


def gzip_encoded(symbol):
    return symbol.last or symbol.name, gzip.compress(symbol.data, mtime=0), "gzip"


def zstd_encoded(symbol):
    return symbol.last or symbol.name, zstd(symbol.data), "zstd"


def msfz_only(symbol):
    if not symbol.is_pdb():
        return plain(symbol)
    return "msfz0/" + symbol.name, msfz.build(msfz.streams(symbol.data)), None


mszip, lzx = functools.cache(cabinets.mszip), functools.cache(cabinets.lzx)


@functools.cache
def zstd(data):
    """As `zstd FILE` makes it: the frame tells the length."""
    return subprocess.run(["zstd", "-qc", f"--stream-size={len(data)}"], input=data, check=True,
                          stdout=subprocess.PIPE).stdout


# layouts

def by_name(symbol, last):
    return f"{symbol.name}/{symbol.key}/{last}"


def in_two_tiers(symbol, last):
    return f"{tier_folder(symbol.name)}/{by_name(symbol, last)}"


def as_gdb(symbol, last):
    if "elf-buildid" not in symbol.key:
        return by_name(symbol, last)
    ending = ".debug" if symbol.name == "_.debug" else ""
    return symbol.split + ending


def as_debuginfod(symbol, last):
    if "elf-buildid" not in symbol.key:
        return by_name(symbol, last)
    return f"buildid/{symbol.build_id}/{'debuginfo' if symbol.name == '_.debug' else 'executable'}"


class Layout:
    """`options` are those that a store needs in its URL which cannot be listed: what it may hold
    besides the usual. A directory needs `everywhere` only: it is looked into. """

    def __init__(self, name, form=plain, path=by_name, mixed_case=False, private=False,
                 options=None, everywhere=None):
        self.name, self.form, self.path = name, form, path
        self.mixed_case, self.private = mixed_case, private
        self.options, self.everywhere = options or {}, everywhere or {}

    def lay(self, symbol):
        """(key, bytes, Content-Encoding)"""
        by_twin = self.form in (mszip_twin, lzx_twin, gzip_twin, zstd_twin)
        as_it_is = symbol.raw or by_twin and symbol.last
        last, data, encoding = (plain if as_it_is else self.form)(symbol)
        return self.path(symbol, last), data, encoding


LAYOUTS = {layout.name: layout for layout in (
    Layout("lower"),
    Layout("private", private=True),
    Layout("symstore", mixed_case=True),
    Layout("twotier", path=in_two_tiers),
    Layout("mszip", mszip_twin),
    Layout("lzx", lzx_twin),
    Layout("gz", gzip_twin, options={"forms": "gz"}),
    Layout("zst", zstd_twin, options={"forms": "zst"}),
    Layout("gzip", gzip_encoded),
    Layout("zstd", zstd_encoded),
    Layout("msfz", msfz_only, options={"forms": "msfz"}),
    Layout("aliases", options={"aliases": "all"}),
    Layout("gdb", path=as_gdb, everywhere={"layout": "gdb"}),
    Layout("debuginfod", path=as_debuginfod, everywhere={"layout": "debuginfod"}),
)}


# shelves

class Bucket:
    """In Ceph RGW: lower-case keys, but for a layout that keeps the case. Nobody may list it; a
    private one is read with the owner's keys. """

    kind = "rgw"
    encodes = True                  # an object has a Content-Encoding

    def __init__(self, rgw, name, layout):
        self.client, self.rgw, self.name, self.layout = rgw.client(), rgw, name, layout
        self.lower = not layout.mixed_case
        self.settings = KEYS if layout.private else {}
        if not layout.private:
            rgw.allow(name, "GetObject")

    def write(self, key, data, encoding=None):
        self.client.put_object(Bucket=self.name, Key=key, Body=data,
                               **({"ContentEncoding": encoding} if encoding else {}))

    def url(self, at=None, **more):
        """Of the store; at: behind a proxy."""
        return s3(self.name, at or self.rgw,
                  **{**self.layout.options, **self.layout.everywhere, **more})


class Directory:
    """Names in the case of symstore.exe, but for the layout that is lower-case by name."""

    kind = "file"
    encodes = False
    settings = {}

    def __init__(self, path, layout):
        self.path, self.layout = pathlib.Path(path), layout
        self.lower = layout.name == "lower"

    def write(self, key, data, encoding=None):
        assert not encoding
        file = self.path / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    def url(self, **more):
        options = "&".join(f"{n}={v}" for n, v in {**self.layout.everywhere, **more}.items())
        return f"file://{self.path}" + (f"?{options}" if options else "")


def put(shelf, *symbols):
    """Each in the layout of the shelf; returns their keys."""
    keys = []
    for symbol in symbols:
        key, data, encoding = shelf.layout.lay(symbol)
        keys.append(key.lower() if shelf.lower else key)
        shelf.write(keys[-1], data, encoding)
    return keys


def fill(shelf, symbols):
    """A whole store."""
    put(shelf, *symbols.values())
    shelf.write("pingme.txt", b"")
    if shelf.layout.path is in_two_tiers:
        shelf.write("index2.txt", b"")
