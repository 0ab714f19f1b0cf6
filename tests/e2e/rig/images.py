# SPDX-License-Identifier: MIT
"""PE images signed as signing tools do it, but for the signature's content; and stripped PDBs."""

import struct


def sign(image, certificate=b"1" * 1400):
    """With the certificate table at the end, its entry in the header, and another checksum."""
    image = bytearray(image + bytes(-len(image) % 8))
    optional = struct.unpack_from("<I", image, 0x3c)[0] + 24
    directories = optional + (112 if struct.unpack_from("<H", image, optional)[0] == 0x20b else 96)
    table = struct.pack("<IHH", len(certificate) + 8, 0x200, 2) + certificate
    table += bytes(-len(table) % 8)
    struct.pack_into("<I", image, optional + 64, 0x1234 + len(certificate))
    struct.pack_into("<II", image, directories + 4 * 8, len(image), len(table))
    return bytes(image) + table


def altered(image):
    """Another image of the same key."""
    return image[:-1] + bytes([image[-1] ^ 1])


def strip_pdb(pdb):
    """As far as its DBI stream says so."""
    at = pdb.index(struct.pack("<iI", -1, 19990903))
    flags = struct.unpack_from("<H", pdb, at + 56)[0]
    return pdb[:at + 56] + struct.pack("<H", flags | 2) + pdb[at + 58:]
