# SPDX-License-Identifier: MIT
"""Genuine symbol files, small and of every kind, made in a second.

The server holds what it serves to the key that was asked for. So clang and lld make one file of
each kind here, and copies of it get another identity at the place where the format keeps that.
Portable PDBs, dSYMs and .sym files are written by hand, as little of them as makes them what they
are.

Written from the formats' descriptions, apart from src/symfmt, so that each checks the other. """

import dataclasses
import hashlib
import pathlib
import random
import struct
import subprocess
import uuid
import zipfile
from urllib.parse import quote

from . import msfz

# makes one PDB longer than what is held back of a first delivery; compresses to a half
BALLAST = random.Random(1).randbytes(128 << 10).hex().encode()
REAL_STORES = pathlib.Path(__file__).resolve().parents[4] / "shared/real-symbols/symstore-fixtures"
ON_WINDOWS = ["--target=x86_64-pc-windows-msvc", "-gcodeview"]
ON_LINUX = ["--target=x86_64-linux-gnu", "-fPIC"]
SOURCE = """
struct point { int x, y; };
static int dot(const struct point *a, const struct point *b) { return a->x * b->x + a->y * b->y; }
int start(void) { struct point a = {20, 2}, b = {2, 1}; return dot(&a, &b); }
"""


@dataclasses.dataclass(frozen=True)
class Symbol:
    """A file and its place in a store: name/key/last, in the case of symstore.exe.

    In a format string it is the path as a client writes it on the request line, changed by words
    with dots between: {pdb} {pdb:lower} {pdb:two.upper} {pdb:KEY} {pdb:twin} {pdb:ptr}. """

    name: str
    key: str
    data: bytes = dataclasses.field(repr=False)
    last: str = None                # None: the name again
    cabinet: bytes = dataclasses.field(default=None, repr=False)    # as symstore.exe made it
    raw: bool = False               # lies in a store of any form as it is

    @property
    def path(self):
        return f"{self.name}/{self.key}/{self.last or self.name}"

    @property
    def guid(self):
        return self.key[:32]

    @property
    def unpadded_key(self):
        return self.key.lstrip("0")

    @property
    def build_id(self):
        return self.key.rpartition("-")[2]

    @property
    def split(self):
        """nn/nnnn, as GDB and Sentry write a build-id."""
        return f"{self.build_id[:2]}/{self.build_id[2:]}"

    def is_pdb(self):
        return self.data.startswith(msfz.MSF_MAGIC)

    def __format__(self, words):
        words = words.split(".")
        last = self.last or self.name
        last = twin(self.name) if "twin" in words else "file.ptr" if "ptr" in words else last
        key = self.key.upper() if "KEY" in words else self.key
        folder = tier_folder(self.name) + "/" if "two" in words else ""
        path = f"{folder}{self.name}/{key}/{last}"
        path = path.lower() if "lower" in words else path
        return quote(path.upper() if "upper" in words else path)


def twin(name):
    return name[:-1] + "_"


def tier_folder(name):
    return name[:1 if name[1:2] in ("", ".") else 2]


def guid_of(word):
    """A GUID of its own for each word."""
    return uuid.UUID(bytes=hashlib.md5(word.encode()).digest())


def swap(data, old, new):
    """The one place where old stands, filled with new."""
    assert len(old) == len(new) and data.count(old) == 1
    return data.replace(old, new)


# Windows

def run(directory, *command):
    subprocess.run([*map(str, command)], cwd=directory, check=True, capture_output=True)


def link_windows(directory, name, ballast=b""):
    """An EXE and its PDB. Ballast is a file that the linker takes into the PDB as it is."""
    (directory / "ballast.natvis").write_bytes(ballast)
    run(directory, "clang", *ON_WINDOWS, "-g", "-O1", "-ffreestanding", "-ffile-compilation-dir=.",
        "-c", "sample.c", "-o", "windows.o")
    run(directory, "lld-link", "-nologo", "-machine:x64", "-nodefaultlib", "-subsystem:console",
        "-entry:start", "-debug", "-Brepro", "-pdbsourcepath:C:\\src", "-pdbaltpath:%_PDB%",
        "-natvis:ballast.natvis", f"-pdb:{name}.pdb", f"-out:{name}.exe", "windows.o")
    return (directory / f"{name}.exe").read_bytes(), (directory / f"{name}.pdb").read_bytes()


def pdb(name, like, guid, age=1):
    """A copy of a PDB with another identity; its key has the age of the DBI stream."""
    _, info, _, dbi, *_ = msfz.streams(like)
    data = swap(like, info[:28], info[:8] + struct.pack("<I", age) + guid.bytes_le)
    data = swap(data, dbi[:12], dbi[:8] + struct.pack("<I", age))
    return Symbol(name, f"{guid.hex.upper()}{age:x}", data)


def pdb_as_linked(name, data):
    _, info, _, dbi, *_ = msfz.streams(data)
    age, = struct.unpack_from("<I", dbi, 8)
    return Symbol(name, f"{uuid.UUID(bytes_le=info[12:28]).hex.upper()}{age:x}", data)


def altered(symbol):
    """Another file of the same identity."""
    return dataclasses.replace(symbol, data=swap(symbol.data, BALLAST[:64], b"#" * 64))


def image(name, data, stamp=None):
    """An EXE or DLL, with another time stamp if one is given."""
    header, = struct.unpack_from("<I", data, 0x3C)
    if stamp is not None:
        data = data[:header + 8] + struct.pack("<I", stamp) + data[header + 12:]
    stamp, = struct.unpack_from("<I", data, header + 8)
    size, = struct.unpack_from("<I", data, header + 24 + 56)
    return Symbol(name, f"{stamp:08X}{size:x}", data)


def portable_pdb(name, guid):
    """Metadata with the stream that names it, and one of strings."""
    version = b"PDB v1.0".ljust(12, b"\0")
    id_and_tables = guid.bytes_le + struct.pack("<IIQ", 0x5EED, 0, 0)
    strings = b"\0start\0".ljust(8, b"\0")
    head = b"BSJB" + struct.pack("<HHII", 1, 1, 0, len(version)) + version
    head += struct.pack("<HH", 0, 2)
    at = len(head) + 8 + 8 + 8 + 12
    head += struct.pack("<II8s", at, len(id_and_tables), b"#Pdb")
    head += struct.pack("<II12s", at + len(id_and_tables), len(strings), b"#Strings")
    return Symbol(name, f"{guid.hex.upper()}ffffffff", head + id_and_tables + strings)


# the others

def link_linux(directory, build_id):
    """A shared object and its debug file."""
    run(directory, "clang", *ON_LINUX, "-g", "-O1", "-ffile-compilation-dir=.", "-c", "sample.c",
        "-o", "linux.o")
    run(directory, "ld.lld", "-shared", f"--build-id=0x{build_id}", "-o", "lib.so", "linux.o")
    run(directory, "objcopy", "--only-keep-debug", "lib.so", "lib.debug")
    return (directory / "lib.so").read_bytes(), (directory / "lib.debug").read_bytes()


def debug_file(build_id, data, padded=True):
    """SSQP fills a build-id up to 20 bytes."""
    written = build_id.ljust(40, "0") if padded else build_id
    return Symbol("_.debug", f"elf-buildid-sym-{written}", data)


def dsym(guid):
    """64-bit, x86_64, of type dSYM, with one load command: the UUID."""
    header = struct.pack("<8I", 0xFEEDFACF, 0x01000007, 3, 10, 1, 24, 0, 0)
    return Symbol("_.dwarf", f"mach-uuid-sym-{guid.hex}",
                  header + struct.pack("<II", 0x1B, 24) + guid.bytes)


def breakpad(of_pdb, of_image):
    stem = of_pdb.name.rpartition(".")[0]
    text = f"""MODULE windows x86_64 {of_pdb.key} {of_pdb.name}
INFO CODE_ID {of_image.key.upper()} {of_image.name}
FILE 0 C:\\src\\sample.c
FUNC 1000 10 0 start
1000 10 4 0
"""
    return Symbol(of_pdb.name, of_pdb.key, text.encode(), f"{stem}.sym")


def make(directory):
    """{role: Symbol}; what each is for is said in test_conformance.py."""
    (directory / "sample.c").write_text(SOURCE)
    exe, large = link_windows(directory, "Foo", BALLAST)
    _, small = link_windows(directory, "Small")
    long_id, short_id = hashlib.sha1(b"long").hexdigest(), hashlib.md5(b"short").hexdigest()
    other_id = hashlib.md5(b"other").hexdigest()
    shared, debug = link_linux(directory, long_id)
    _, short_debug = link_linux(directory, short_id)
    _, other_debug = link_linux(directory, other_id)
    found = {
        "pdb": pdb_as_linked("Foo.pdb", large),
        "exe": image("Foo.exe", exe),
        "early": image("Early.exe", exe, stamp=0x01234567),
        "portable": portable_pdb("Managed.pdb", guid_of("portable")),
        "elf": Symbol("libfoo.so", f"elf-buildid-{long_id}", shared),
        "debug": debug_file(long_id, debug),
        "short": debug_file(short_id, short_debug),
        "unpadded": debug_file(other_id, other_debug, padded=False),
        "dsym": dsym(guid_of("dsym")),
        "map": Symbol("Foo.ni.r2rmap", f"r2rmap-v1.2-{guid_of('map').hex}", b"00001000 10 start\n"),
        "pointer": Symbol("Far.pdb", f"{guid_of('pointer').hex.upper()}1",
                          b"PATH:\\\\fileserver\\drop\\42\\Far.pdb", "file.ptr", raw=True),
        "empty": Symbol("Empty.pdb", f"{guid_of('empty').hex.upper()}1", b"", raw=True),
        "hollow": Symbol("Hollow.pdb", f"{guid_of('hollow').hex.upper()}1", b""),
    }
    for role, name, age in (("aged", "Aged.pdb", 10), ("sixteen", "Twice.pdb", 16),
                            ("ten", "Twice.pdb", 10), ("space", "My App.pdb", 1),
                            ("plus", "C++Rt.pdb", 1), ("odd", "a#b 100%+Grün日本.pdb", 1),
                            ("headed", "Headed.pdb", 1), ("ranged", "Ranged.pdb", 1),
                            ("both", "Both.pdb", 1)):
        found[role] = pdb(name, small, guid_of(name), age)
    found["sym"] = breakpad(found["pdb"], found["exe"])
    return found


def by_symstore():
    """PDB and EXE with the LZX cabinets that symstore.exe made of them; nothing where the folder is
    not beside the checkout."""
    def take(archive, make_symbol, name, cabinet):
        with zipfile.ZipFile(REAL_STORES / archive) as store:
            symbol = make_symbol(name, (REAL_STORES / name).read_bytes())
            packed = store.read(f"{symbol.name}/{symbol.key}/{cabinet}")
        return dataclasses.replace(symbol, cabinet=packed)
    if not REAL_STORES.is_dir():
        return {}
    return {"pdb": take("new_store_compressed.zip", pdb_as_linked, "dummyprog.pdb",
                        "dummyprog.pd_"),
            "exe": take("max_compress.zip", image, "dummyprog.exe", "dummyprog.ex_")}
