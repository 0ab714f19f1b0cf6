# SPDX-License-Identifier: MIT
"""The parsers of symfmt agree with the tools of LLVM on files that clang, lld and gcc make, and on
genuine ones: what linker and symstore.exe of Microsoft wrote, where such files are at hand
(PEPTO_REAL_SYMBOLS, or shared/real-symbols beside the checkout)."""

import os
import pathlib
import re
import subprocess
import zipfile

import pytest

from rig.server import REPORT, ROOT, binary

REAL = pathlib.Path(os.environ.get("PEPTO_REAL_SYMBOLS", ROOT.parent / "shared/real-symbols"))
DAMAGED = {"empty.exe", "invalid.pdb", "truncated.exe"}
PDB_MACHINES = {"x86": 0x14C, "Amd64": 0x8664, "Arm64": 0xAA64,
                "": 0xC0EE}         # of managed code, for which LLVM has no name


def run(*command, cwd=None):
    return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE).stdout


def ours(file):
    """What symid tells, as a list of (name, value); None when it refuses the file."""
    done = subprocess.run([binary().parent / "tests/unit/symid", file], capture_output=True,
                          text=True)
    assert not REPORT.search(done.stderr), done.stderr
    assert done.returncode in (0, 1), done.stderr
    lines = [tuple(line.split("\t", 1)) for line in done.stdout.splitlines()]
    return lines if done.returncode == 0 else None


# ---- what LLVM finds, in the same form

def text_of(*command):
    return run(*command).decode(errors="surrogateescape")


def find(pattern, text):
    """The first group of the first match, without which the tool's output has changed."""
    found = re.search(pattern, text, re.MULTILINE)
    assert found, f"no {pattern} in\n{text}"
    return found[1]


def flags(**found):
    return [(name.replace("_", " "), "yes") for name, value in found.items() if value]


def llvm_pdb(file):
    text = text_of("llvm-pdbutil", "pdb2yaml", "-pdb-stream", "-dbi-stream", file)
    info, _, dbi = text.partition("DbiStream:")
    guid = find(r"Guid: *'\{(.*)\}'", info).replace("-", "").lower()
    facts = [("guid", guid), ("age", find(r"Age: *(\d+)", info)),
             ("signature", find(r"Signature: *(\d+)", info))]
    if not dbi:
        return facts + [("key", guid.upper())]
    age = find(r"Age: *(\d+)", dbi)
    machine = PDB_MACHINES[find(r"MachineType: *(\w*)", dbi)]
    return facts + [("dbi age", age), ("machine", str(machine)),
                    *flags(stripped=int(find(r"Flags: *(\d+)", dbi)) & 2),
                    ("key", f"{guid.upper()}{int(age):x}")]


def windows_guid(dump):
    """A GUID that llvm-readobj prints as the bytes lie in the file."""
    b = bytes.fromhex(dump)
    return (b[3::-1] + b[5:3:-1] + b[7:5:-1] + b[8:]).hex()


def llvm_codeviews(directory):
    facts = []
    for entry in directory.split("DebugEntry {")[1:]:
        if "PDBSignature: 0x53445352" not in entry:
            continue
        path = find(r"PDBFileName: ?(.*)$", entry)
        facts += [("pdb guid", windows_guid(find(r"PDBGUID: \((.*)\)", entry))),
                  ("pdb age", find(r"PDBAge: (\d+)", entry)), ("pdb path", path),
                  ("pdb name", re.split(r"[\\/]", path)[-1])]
        facts += flags(pdb_portable="MinorVersion: 0x504D" in entry)
    return facts


def llvm_pe(file):
    text = text_of("llvm-readobj", "--file-headers", "--coff-debug-directory", file)
    headers, _, directory = text.partition("DebugDirectory [")
    timestamp = int(find(r"TimeDateStamp: .*\(0x(\w+)\)", headers), 16)
    size = int(find(r"SizeOfImage: (\d+)", headers))
    return [("machine", str(int(find(r"Machine: \w+ \(0x(\w+)\)", headers), 16))),
            ("timestamp", str(timestamp)), ("image size", str(size)),
            *flags(**{"64_bit": "Magic: 0x20B" in headers},
                   managed="CLRRuntimeHeaderSize: 0x0\n" not in headers,
                   reproducible="Type: Repro" in directory),
            *llvm_codeviews(directory), ("key", f"{timestamp:08X}{size:x}")]


def llvm_elf(file):
    text = text_of("llvm-readobj", "--file-headers", "--sections", "--notes", file)
    sections = {name: kind == "SHT_NOBITS" for name, kind in
                re.findall(r"^    Name: (\S+) \(.*\n    Type: (\w+)", text, re.MULTILINE)}
    debug_info = not sections.get(".debug_info", True)
    symbols = not sections.get(".symtab", True)
    build_id = re.search(r"Build ID: (\w+)", text)
    debug_file = sections.get(".text", False) and (debug_info or symbols)
    link = re.search(r"\] (\S+?)\.*$", text_of("llvm-readobj", "-p", ".gnu_debuglink", file),
                     re.MULTILINE) if ".gnu_debuglink" in sections else None
    machine = find(r"Machine: \w+ \(0x(\w+)\)", text)
    facts = [("machine", str(int(machine, 16))),
             *flags(**{"64_bit": "Class: 64-bit" in text},
                    big_endian="DataEncoding: BigEndian" in text)]
    if build_id:
        facts.append(("build-id", build_id[1]))
    facts += flags(debug_info=debug_info, symbol_table=symbols,
                   stripped=not (debug_info or symbols), debug_file=debug_file)
    if link:
        facts.append(("debug link", link[1]))
    if build_id:
        kind = "elf-buildid-sym" if debug_file else "elf-buildid"
        facts.append(("key", f"{kind}-{build_id[1]:0<40}"))
    return facts


def llvm_macho(file):
    headers = text_of("llvm-readobj", "--file-headers", file).split("MachHeader {")[1:]
    uuids = [uuid.replace("-", "").lower()
             for uuid in re.findall(r"UUID: (\S+)", text_of("llvm-dwarfdump", "--uuid", file))]
    uuids += [""] * (len(headers) - len(uuids))
    facts, types = [], []
    for header, uuid in zip(headers, uuids):
        types.append(int(find(r"FileType: \w+ \(0x(\w+)\)", header), 16))
        cpu = int(find(r"CpuType: \S+ \(0x(\w+)\)", header), 16)
        facts += [("cpu", str(cpu)), ("file type", str(types[-1]))]
        facts += [("uuid", uuid)] if uuid else []
    kind = "mach-uuid-sym" if types[0] == 10 else "mach-uuid"
    return facts + [("key", f"{kind}-{uuid}") for uuid in uuids if uuid]


def llvm(file):
    magic = file.read_bytes()[:4]
    if magic == b"Micr":
        return llvm_pdb(file)
    return {b"MZ": llvm_pe, b"\x7fE": llvm_elf}.get(magic[:2], llvm_macho)(file)


FILES = """
    x64.exe x86.exe arm64.exe path.exe bare.dll
    x64.pdb x86.pdb arm64.pdb path.pdb ages.pdb
    x86_64.elf i386.elf aarch64.elf powerpc.elf mips.elf fast.so md5.so long.elf none.elf
    relocatable.elf gnu.elf gnu.debug x86_64.debug mips.debug stripped.elf linked.elf
    x86_64.macho arm64.macho x86_64.dylib arm64.dylib x86_64.dwarf arm64.dwarf
    fat.dylib fat.dwarf
""".split()


@pytest.mark.parametrize("name", FILES)
def test_agrees_with_llvm(samples, name):
    assert ours(samples / name) == llvm(samples / name)


@pytest.mark.parametrize("name", ["zstd.msfz", "all.msfz"])
def test_msfz_is_the_pdb_in_it(samples, name):
    assert ours(samples / name) == ours(samples / "x64.pdb")


def test_image_names_its_pdb(samples):
    for name in "x64", "x86", "arm64", "path":
        image, pdb = dict(ours(samples / f"{name}.exe")), dict(ours(samples / f"{name}.pdb"))
        assert (image["pdb guid"], image["pdb age"]) == (pdb["guid"], pdb["dbi age"])


# ---- genuine ones

real = pytest.mark.skipif(not REAL.is_dir(), reason=f"no genuine files at {REAL.name}/")


def genuine(*endings):
    return sorted(file for file in REAL.rglob("*") if file.suffix in endings)


@real
@pytest.mark.parametrize("file", genuine(".pdb", ".exe", ".dll"), ids=lambda file: file.name)
def test_agrees_on_genuine_files(file):
    if file.name in DAMAGED:
        assert ours(file) is None
    else:
        assert ours(file) == llvm(file)


@real
@pytest.mark.parametrize("store", genuine(".zip"), ids=lambda file: file.name)
def test_symstore_gave_the_same_keys(store, tmp):
    """The path of each file in the store, be it in a cabinet or not."""
    with zipfile.ZipFile(store) as archive:
        archive.extractall(tmp)
    for file in sorted(tmp.glob("*/*/*")):
        name, key = file.parts[-3:-1]
        if file.name == name[:-1] + "_":
            run("cabextract", "-q", "-d", file.parent, file)
            file = file.with_name(name)
        if file.suffix != ".ptr":
            assert dict(ours(file))["key"] == key, file.name
