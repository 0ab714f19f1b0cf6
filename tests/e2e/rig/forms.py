# SPDX-License-Identifier: MIT
"""Stored forms of a file, made by other hands than the server's; and such as are damaged, or lie.

A Form says what a file is called in a store, what its bytes become, and which Content-Encoding the
object is said to have. """

import dataclasses
import functools
import gzip
import io
import pathlib
import random
import struct
import subprocess
import tempfile
import zipfile
import zlib

from . import cabinets, layouts, msfz, symbols
from .symbols import twin


@functools.lru_cache
def text(size, seed=1):
    """Bytes that pack to about a half, in no format that tells its key; where they were torn shows."""
    return random.Random(seed).randbytes(size // 2 + 1).hex().encode()[:size]


@functools.cache
def genuine():
    """Symbol files of every kind, by their role."""
    with tempfile.TemporaryDirectory() as directory:
        return symbols.make(pathlib.Path(directory))


@dataclasses.dataclass(frozen=True)
class Form:
    label: str                      # as pepto_decoded_total counts it
    last: object                    # of a name: the last segment of its key
    pack: object                    # of name and bytes: the bytes of the object
    encoding: str = None

    def lay(self, name, key, data):
        """(key, bytes, Content-Encoding)"""
        return f"{name}/{key}/{self.last(name)}".lower(), self.pack(name, data), self.encoding


def stored_cabinet(name, data):
    with tempfile.TemporaryDirectory() as directory:
        (pathlib.Path(directory) / name).write_bytes(data)
        subprocess.run(["gcab", "-cn", "made.cab", name], cwd=directory, check=True)
        return (pathlib.Path(directory) / "made.cab").read_bytes()


def gz(name, data):
    return gzip.compress(data, 6, mtime=0)


def zst(name, data):
    return layouts.zstd(data)


def zst_unsized(name, data):
    """As out of a pipe: the frame does not tell the length."""
    return subprocess.run(["zstd", "-qc"], input=data, check=True, stdout=subprocess.PIPE).stdout


def pdz(kind):
    return lambda name, data: msfz.build(msfz.streams(data), kind)


def encoded_cabinet(name, data):
    return gz(name, layouts.mszip(name, data))


def same(name):
    return name


def ending(suffix):
    return lambda name: name + suffix


def in_msfz0(name):
    return "msfz0/" + name


# what is in a twin of the file
TWINS = {
    "mszip": Form("cab", twin, layouts.mszip),
    "lzx": Form("cab", twin, cabinets.lzx),
    "stored cabinet": Form("cab", twin, stored_cabinet),
    "gz": Form("gzip", ending(".gz"), gz),
    "zst": Form("zstd", ending(".zst"), zst),
    "zst unsized": Form("zstd", ending(".zst"), zst_unsized),
}
MSFZ = {
    "msfz zstd": Form("msfz", in_msfz0, pdz(msfz.ZSTD)),
    "msfz deflate": Form("msfz", in_msfz0, pdz(msfz.DEFLATE)),
    "msfz none": Form("msfz", in_msfz0, pdz(msfz.NONE)),
}
# the file itself, said to be encoded
ENCODED = {
    "gzip": Form("gzip", same, gz, "gzip"),
    "x-gzip": Form("gzip", same, gz, "x-gzip"),
    "zstd": Form("zstd", same, zst, "zstd"),
    "zstd unsized": Form("zstd", same, zst_unsized, "zstd"),
}
# both at once; the second is how `aws s3 cp --content-encoding gzip foo.pdb.gz` leaves it
BOTH = {
    "encoded cabinet": Form("cab", twin, encoded_cabinet, "gzip"),
    "gz said to be gzip": Form(None, ending(".gz"), gz, "gzip"),
}
EVERY = {**TWINS, **MSFZ, **ENCODED, **BOTH}


# damaged, and lying

def flipped(packed, at):
    at = int(at * (len(packed) - 1)) if isinstance(at, float) else at % len(packed)
    return packed[:at] + bytes([packed[at] ^ 0x10]) + packed[at + 1:]


def zstd_header(frame):
    """Its length: magic, descriptor, window or none, length of the content or none."""
    descriptor = frame[4]
    single = descriptor >> 5 & 1
    return 5 + (not single) + (single, 2, 4, 8)[descriptor >> 6]


def spanned(cabinet):
    """Said to go on in another cabinet, of which name and disk are told."""
    flags, = struct.unpack_from("<H", cabinet, 30)
    return cabinet[:30] + struct.pack("<H", flags | 2) + cabinet[32:36] + b"next.cab\0disk\0" + \
        cabinet[36:]


def szdd(data):
    """As compress.exe made it, but that every byte stands for itself: 8 bytes of magic, mode, last
    letter of the name, length; then a byte of flags before each eight."""
    groups = (data[at:at + 8] for at in range(0, len(data), 8))
    return b"SZDD\x88\xf0\x27\x33A" + b"b" + struct.pack("<I", len(data)) + \
        b"".join(bytes([(1 << len(group)) - 1]) + group for group in groups)


def gapped(cabinet, gap=1000):
    """With so many bytes between the folder and the entry of its file; of one folder."""
    data, = struct.unpack_from("<I", cabinet, 36)
    files, = struct.unpack_from("<I", cabinet, 16)
    head = bytearray(cabinet[:files])
    struct.pack_into("<I", head, 16, files + gap)
    struct.pack_into("<I", head, 36, data + gap)
    return bytes(head) + gap * b"\xaa" + cabinet[files:]


def zipped(name, data):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as z:
        z.writestr(name, data)
    return archive.getvalue()


def zeros(size):
    """gzip of so many zeros, in MiB: a thousandth of that. The checksum at its end is wrong."""
    packer = zlib.compressobj(9, wbits=-15)
    piece = packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH)
    head, end = b"\x1f\x8b\x08\0\0\0\0\0\0\3", b"\3\0" + struct.pack("<II", 1, size)
    return head + (size >> 20) * piece + end
