#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Where symbol files belong in a symbol store, read from the files themselves (PE and PDB 7.0).

	symkey.py [--layout symstore|lower|twotier] [--store DIR] FILE...

Prints each file's path in the store; with --store, puts a copy there. Written apart from the
server, so that the tests do not ask the program under test what is right.

	symstore	Name.pdb/<GUID in upper case><age in lower-case hex>/Name.pdb, as symstore.exe
			Name.exe/<time stamp, 8 upper-case digits><image size, lower>/Name.exe
	lower		the same in lower case, as a bucket holds it
	twotier		as symstore, below a folder named by the first two characters
"""

import argparse
import shutil
import struct
import uuid
from pathlib import Path

MSF_MAGIC = b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0"
STREAM_INFO, STREAM_DBI = 1, 3


def msf_stream(data, wanted):
    """The bytes of one stream of a multi-stream file."""
    block_size, _, _, directory_size, _, map_block = struct.unpack_from("<6I", data, len(MSF_MAGIC))

    def gather(blocks, size):
        return b"".join(data[b * block_size:(b + 1) * block_size] for b in blocks)[:size]

    def block_count(size):
        return 0 if size == 0xFFFFFFFF else -(-size // block_size)

    directory_blocks = struct.unpack_from(f"<{block_count(directory_size)}I", data,
                                          map_block * block_size)
    directory = gather(directory_blocks, directory_size)
    words = struct.unpack(f"<{len(directory) // 4}I", directory)
    sizes = words[1:1 + words[0]]
    first = 1 + words[0] + sum(block_count(size) for size in sizes[:wanted])
    return gather(words[first:first + block_count(sizes[wanted])], sizes[wanted])


def pdb_key(data):
    """GUID from the info stream, age from the DBI stream: what the PE's debug record names."""
    guid = uuid.UUID(bytes_le=msf_stream(data, STREAM_INFO)[12:28])
    age, = struct.unpack_from("<I", msf_stream(data, STREAM_DBI), 8)
    return f"{guid.hex.upper()}{age:x}"


def pe_key(data):
    header, = struct.unpack_from("<I", data, 0x3C)
    if data[header:header + 4] != b"PE\0\0":
        raise ValueError("no PE header")
    time_stamp, = struct.unpack_from("<I", data, header + 8)
    image_size, = struct.unpack_from("<I", data, header + 24 + 56)
    return f"{time_stamp:08X}{image_size:x}"


def store_path(file, layout):
    data = file.read_bytes()
    if data.startswith(MSF_MAGIC):
        key = pdb_key(data)
    elif data.startswith(b"MZ"):
        key = pe_key(data)
    else:
        raise ValueError("neither PE nor PDB 7.0")
    path = f"{file.name}/{key}/{file.name}"
    if layout == "lower":
        return path.lower()
    return f"{file.name[:2]}/{path}" if layout == "twotier" else path


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--layout", choices=["symstore", "lower", "twotier"], default="symstore")
    parser.add_argument("--store", type=Path)
    parser.add_argument("files", nargs="+", type=Path)
    arguments = parser.parse_args()
    for file in arguments.files:
        try:
            path = store_path(file, arguments.layout)
        except (ValueError, IndexError, struct.error) as error:
            parser.error(f"{file}: {error}")
        if arguments.store:
            target = arguments.store / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        print(path)


if __name__ == "__main__":
    main()
