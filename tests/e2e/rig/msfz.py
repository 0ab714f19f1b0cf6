# SPDX-License-Identifier: MIT
"""PDBs in both of their containers: streams out of an MSF 7.0, and an MSFZ of streams.

Written from the formats' descriptions, apart from src/symfmt, so that each checks the other.
"""

import struct
import subprocess
import zlib

NIL = 0xFFFFFFFF
MSF_MAGIC = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
MSFZ_MAGIC = b"Microsoft MSFZ Container\r\n\x1aALD\0\0"
NONE, ZSTD, DEFLATE = range(3)


def streams(msf):
    """The streams of an MSF 7.0 file, None for nil ones."""
    assert msf.startswith(MSF_MAGIC)
    page_size, _, pages, directory_size = struct.unpack_from("<4I", msf, 32)
    assert len(msf) == pages * page_size

    def gather(numbers, size):
        data = b"".join(msf[n * page_size : (n + 1) * page_size] for n in numbers)
        return data[:size]

    def count(size):
        return 0 if size == NIL else -(-size // page_size)

    def numbers(data):
        return struct.unpack(f"<{len(data) // 4}I", data)

    in_directory = count(directory_size)
    lists = numbers(msf[52 : 52 + 4 * count(4 * in_directory)])
    words = numbers(gather(numbers(gather(lists, 4 * in_directory)), directory_size))
    sizes, at = words[1 : 1 + words[0]], 1 + words[0]
    found = []
    for size in sizes:
        found.append(None if size == NIL else gather(words[at : at + count(size)], size))
        at += count(size)
    assert at == len(words)
    return found


def compress(kind, data):
    if kind == ZSTD:
        return subprocess.run(["zstd", "-qc"], input=data, stdout=subprocess.PIPE, check=True).stdout
    if kind == DEFLATE:
        packer = zlib.compressobj(wbits=-15)
        return packer.compress(data) + packer.flush()
    return data


def build(contents, kind=ZSTD, chunk=1 << 20, directory=NONE, loose=(1, 3)):
    """An MSFZ of the streams. Those in loose, where the key is, lie outside the chunks."""
    file = bytearray(80)
    fragments, chunked = b"", bytearray()
    for number, data in enumerate(contents):
        if data is None:
            fragments += struct.pack("<I", NIL)
            continue
        if data and number in loose:
            fragments += struct.pack("<IQ", len(data), len(file))
            file += data
        elif data:
            place = 1 << 63 | len(chunked) // chunk << 32 | len(chunked) % chunk
            fragments += struct.pack("<IQ", len(data), place)
            chunked += data
        fragments += bytes(4)
    table = b""
    for at in range(0, len(chunked), chunk):
        plain = bytes(chunked[at : at + chunk])
        packed = compress(kind, plain)
        table += struct.pack("<QIII", len(file), kind, len(packed), len(plain))
        file += packed
    packed = compress(directory, fragments)
    header = struct.pack("<QQQ6I", 0, len(file) + len(table), len(file), len(contents), directory,
                         len(packed), len(fragments), len(table) // 20, len(table))
    file[:80] = MSFZ_MAGIC + header
    return bytes(file) + table + packed
