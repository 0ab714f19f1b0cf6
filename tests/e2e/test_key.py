# SPDX-License-Identifier: MIT
"""`pepto-symbol key`: kind, key, place in a store, machine, PDBs; checked against the tools of LLVM
and binutils, and on genuine files where such are at hand (test_formats.py says where). """

import json
import os
import re
import struct
import subprocess
import uuid
import zlib

import pytest

from rig import forms
from rig.server import binary, run

from test_formats import DAMAGED, FILES, genuine, llvm, real, text_of  # noqa: F401

MACHINES = {"332": "x86", "34404": "x64", "43620": "arm64", "49390": "managed"}
ELF_MACHINES = {"3": "x86", "62": "x64", "183": "arm64", "20": "ppc", "8": "mips"}
CPUS = {"16777223": "x64", "16777228": "arm64"}


def key(cwd, *args):
    """(exit code, [what it tells of each file], standard error)"""
    code, out, err = run(cwd, "key", "--json", *map(str, args))
    return code, [json.loads(line) for line in out.splitlines()], err


def one(cwd, file, *args):
    code, told, err = key(cwd, file, *args)
    assert code == 0 and not err and len(told) == 1, err
    assert told[0]["file"] == str(file)
    return told[0]


def expected(file):
    """The same by what LLVM finds there."""
    facts = llvm(file)
    found = dict(facts)
    keys = [value for name, value in facts if name == "key"]
    magic = file.read_bytes()[:4]
    name = file.name.lower()
    want = {"file": str(file)}
    if magic == b"Micr":
        want |= {"kind": "pdb", "title": "PDB"}
        if "machine" in found:
            want |= {"machine": MACHINES[found["machine"]], "private": "stripped" not in found}
    elif magic[:2] == b"MZ":
        pdbs, portable = [], False
        for at, (what, value) in enumerate(facts):
            if what != "pdb guid":
                continue
            age, last = int(facts[at + 1][1]), facts[at + 3][1]
            portable = facts[at + 4:at + 5] == [("pdb portable", "yes")]
            made = value.upper() + ("ffffffff" if portable else f"{age:x}")
            if last:
                pdbs.append({"name": last, "key": made, "path": f"{last}/{made}/{last}".lower()})
        want |= {"kind": "pe", "title": "PE", "machine": MACHINES[found["machine"]], "pdbs": pdbs}
    elif magic == b"\x7fELF":
        debug = "debug file" in found
        name = "_.debug" if debug else name
        want |= {"kind": "elf", "title": "ELF debug file" if debug else "ELF",
                 "machine": ELF_MACHINES[found["machine"]]}
    else:
        dsym = found["file type"] == "10"
        name = "_.dwarf" if dsym else name
        want |= {"kind": "macho", "title": "Mach-O dSYM" if dsym else "Mach-O",
                 "machine": "+".join(CPUS[value] for what, value in facts if what == "cpu")}
    return want | {"keys": [{"key": k, "path": f"{name}/{k}/{name}".lower()} for k in keys]}


@pytest.mark.parametrize("name", FILES)
def test_agrees_with_llvm(samples, tmp, name):  # noqa: F811
    assert one(tmp, samples / name) == expected(samples / name)


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith((".elf", ".so", ".debug"))])
def test_agrees_with_readelf(samples, tmp, name):  # noqa: F811
    build_id = re.search(r"Build ID: (\w+)", text_of("readelf", "-n", samples / name))
    keys = [place["key"].rpartition("-")[2] for place in one(tmp, samples / name)["keys"]]
    assert keys == ([f"{build_id[1]:0<40}"] if build_id else [])


@real
@pytest.mark.parametrize("file", genuine(".pdb", ".exe", ".dll"), ids=lambda file: file.name)
def test_agrees_on_genuine_files(file, tmp):
    if file.name in DAMAGED:
        code, told, err = key(tmp, file)
        assert code == 1 and not told and file.name in err
    else:
        assert one(tmp, file) == expected(file)


@pytest.mark.parametrize("role", ["pdb", "aged", "exe", "early", "portable", "elf", "debug", "dsym",
                                  "sym", "odd"])
def test_the_place_in_a_store(role, tmp):
    """As who wrote the fixtures has it, in either case."""
    symbol = forms.genuine()[role]
    file = tmp / (symbol.last or symbol.name)
    file.write_bytes(symbol.data)
    place, = one(tmp, file)["keys"]
    assert place == {"key": symbol.key, "path": symbol.path.lower()}
    place, = one(tmp, file, "--case", "symstore")["keys"]
    assert place["path"] == symbol.path


def test_a_pdb_in_msfz(samples, tmp):  # noqa: F811
    plain, packed = one(tmp, samples / "x64.pdb"), one(tmp, samples / "zstd.msfz")
    assert packed["title"] == "PDB (MSFZ)"
    for what in "kind", "machine", "private":
        assert packed[what] == plain[what]
    assert packed["keys"][0]["key"] == plain["keys"][0]["key"]


# ---- a PDB within its image

def with_embedded(image, pdb):
    """The image with one more section, which has a debug directory of one entry: the PDB."""
    data = bytearray(image + bytes(-len(image) % 512))
    header, = struct.unpack_from("<I", data, 0x3C)
    sections, = struct.unpack_from("<H", data, header + 6)
    optional, = struct.unpack_from("<H", data, header + 20)
    table = header + 24 + optional
    rva, at = 0x100000, len(data)
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    body = b"MPDB" + struct.pack("<I", len(pdb)) + deflate.compress(pdb) + deflate.flush()
    entry = struct.pack("<IIHHIIII", 0, 0, 0x100, 0x100, 17, len(body), rva + 28, at + 28)
    section = struct.pack("<8sIIIIIIHHI", b".pdb", len(body) + 28, rva, len(body) + 28, at, 0, 0, 0,
                          0, 0x40000040)
    data[table + 40 * sections:table + 40 * (sections + 1)] = section
    struct.pack_into("<H", data, header + 6, sections + 1)
    struct.pack_into("<II", data, header + 24 + 112 + 6 * 8, rva, 28)
    return bytes(data) + entry + body


def test_an_embedded_pdb(tmp):
    image, portable = forms.genuine()["exe"], forms.genuine()["portable"]
    file = tmp / "Managed.exe"
    file.write_bytes(with_embedded(image.data, portable.data))
    assert re.search(r"Type: .*\b0x11\b", text_of("llvm-readobj", "--coff-debug-directory", file))
    told = one(tmp, file)
    assert told["embedded_pdb"] == portable.key and told["pdbs"] == []
    _, out, _ = run(tmp, "key", file)
    assert f"pdb  {portable.key}  within the image" in out


# ---- minidumps

DUMP = """--- !minidump
Streams:
  - Type: SystemInfo
    Processor Arch: {arch}
    Platform ID: {platform}
    CPU:
      Vendor ID: GenuineIntel
      Version Info: 0
      Feature Info: 0
  - Type: ModuleList
    Modules:
"""
MODULE = """      - Base of Image: 0x{base:016x}
        Size of Image: 0x{size:08x}
        Time Date Stamp: {stamp}
        Module Name: '{name}'
        CodeView Record: '{record}'
"""


def make_dump(at, platform, modules, arch="AMD64"):
    text = DUMP.format(platform=platform, arch=arch)
    for n, (name, stamp, size, record) in enumerate(modules):
        text += MODULE.format(base=n << 32, size=size, stamp=stamp, name=name, record=record.hex())
    (at / "dump.yaml").write_text(text)
    subprocess.run(["yaml2obj", "dump.yaml", "-o", "app.dmp"], cwd=at, check=True)
    return at / "app.dmp"


def test_modules_of_a_dump(tmp):
    """Those of the process, with what finds each of them; a module without a PDB, too."""
    exe, pdb = forms.genuine()["exe"], forms.genuine()["pdb"]
    guid, age = uuid.UUID(pdb.guid), int(pdb.key[32:], 16)
    record = b"RSDS" + guid.bytes_le + struct.pack("<I", age) + "C:\\b\\Grün.pdb\0".encode()
    dump = make_dump(tmp, "Win32NT", [
        ("C:\\Program Files\\Grün日本\\Foo.exe", int(exe.key[:8], 16), int(exe.key[8:], 16), record),
        ("bare.dll", 0x5617D4FE, 0x8000, b"")])
    told = one(tmp, dump)
    assert (told["kind"], told["machine"]) == ("minidump", "x64")
    assert told["modules"] == [
        {"name": "Foo.exe", "key": exe.key, "path": f"foo.exe/{exe.key}/foo.exe".lower(),
         "pdb": {"name": "Grün.pdb", "key": pdb.key, "path": f"grün.pdb/{pdb.key}/grün.pdb".lower()}},
        {"name": "bare.dll", "key": "5617D4FE8000", "path": "bare.dll/5617d4fe8000/bare.dll"}]
    _, out, _ = run(tmp, "key", dump)
    assert out.count("  key ") == 2 and out.count("  pdb ") == 1 and "Grün.pdb".lower() in out


def test_a_dump_of_linux(tmp):
    elf = forms.genuine()["elf"]
    record = b"LEpB" + bytes.fromhex(elf.build_id)
    dump = make_dump(tmp, "Linux", [("/usr/lib/libfoo.so", 0, 0x1000, record)])
    module, = one(tmp, dump)["modules"]
    assert module == {"name": "libfoo.so", "key": elf.key, "path": f"libfoo.so/{elf.key}/libfoo.so"}


# ---- directories, what is wrong, how much is read

def test_directories(tmp):
    (tmp / "out/sub").mkdir(parents=True)
    for role in "pdb", "exe":
        symbol = forms.genuine()[role]
        (tmp / "out/sub" / symbol.name).write_bytes(symbol.data)
    (tmp / "out/readme.txt").write_text("no symbols")
    (tmp / "out/again").symlink_to("sub")
    os.mkfifo(tmp / "out/pipe")
    code, told, err = key(tmp, "out")
    assert code == 0 and not err, "other files are passed over"
    assert sorted(each["file"] for each in told) == ["out/sub/Foo.exe", "out/sub/Foo.pdb"]
    code, told, err = key(tmp, "out/readme.txt", "out")
    assert code == 1 and len(told) == 2 and "readme.txt" in err, "but not one that was asked for"


def test_damaged_files(tmp):
    pdb, exe = forms.genuine()["pdb"], forms.genuine()["exe"]
    (tmp / "cut.pdb").write_bytes(pdb.data[:-1])
    (tmp / "good.exe").write_bytes(exe.data)
    code, told, err = key(tmp, ".")
    assert code == 1 and [each["file"] for each in told] == ["./good.exe"]
    assert "cut.pdb" in err and "cut off" in err


def test_nothing_found(tmp):
    (tmp / "empty").mkdir()
    code, told, err = key(tmp, "empty")
    assert code == 1 and not told and "no symbol file" in err
    assert key(tmp, "nowhere")[0] == 1


@pytest.mark.parametrize("args", [[], ["--json"], ["--nonsense", "a"], ["--case"], ["--case", "up", "a"],
                                  ["--case=", "a"], ["-x"]])
def test_usage(tmp, args):
    code, out, err = run(tmp, "key", *args)
    assert code == 2 and not out and err.count("\n") == 1


def test_help(tmp):
    code, out, err = run(tmp, "key", "--help")
    assert code == 0 and not err and "--json" in out and out == run(tmp, "help", "key")[1]
    assert "key" in run(tmp, "--help")[1]


def test_odd_names(tmp):
    """What a terminal would obey is told so that it does not; bytes that are no UTF-8 come out."""
    data = forms.genuine()["exe"].data
    (tmp / "a\x1b[31m.exe").write_bytes(data)
    with open(os.fsencode(tmp) + b"/b\xff.exe", "wb") as f:
        f.write(data)
    (tmp / "--json").write_bytes(data)
    code, out, err = run(tmp, "key", ".")
    assert code == 0 and not err and "\x1b" not in out
    code, told, err = key(tmp, ".")
    assert code == 0 and len(told) == 3
    code, out, err = run(tmp, "key", "--", "--json")
    assert code == 0 and out.startswith("--json: PE")


def test_standard_output_is_full(tmp):
    (tmp / "a.exe").write_bytes(forms.genuine()["exe"].data)
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary(), "key", "a.exe"], cwd=tmp, stdout=full,
                              stderr=subprocess.PIPE)
    assert done.returncode == 1 and b"No space" in done.stderr
