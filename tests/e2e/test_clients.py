# SPDX-License-Identifier: MIT
"""Debuggers and tools of Debian as clients: they fetch, and then use what they were given.

ELF debug files by their build-id, for debuginfod's clients, out of every layout; PDBs out of every
stored form, for LLVM's tools; cabinets made of plain files, for who unpacks cabinets. """

import gzip
import pathlib
import re
import struct
import subprocess
import types
import zipfile
from urllib.parse import quote

import pytest

from conftest import KEYS
from rig import cabinets, msfz
from rig.client import is_miss
from rig.samples import path
from rig.server import ROOT, s3

FIXTURES = ROOT.parent / "shared/real-symbols/symstore-fixtures"
ID = "180a373d6afbabf0eb1f09be1bc45bd796a71085"
SHORT_ID = ID[:32]                  # as ids made by MD5 are; SSQP fills them up with zeros
ODD_NAMES = ["Engine Core.pdb", "Lab+C++.pdb", "Grün日本.pdb"]


def run(*argv, cwd=None, **env):
    """What a tool says, in an environment of its own; it must succeed."""
    done = subprocess.run(list(map(str, argv)), cwd=cwd, capture_output=True, text=True, timeout=60,
                          env={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", **env})
    assert done.returncode == 0, f"{argv}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(params=["file", "rgw"])
def place(request, tmp):
    """A store of either kind: add(key, body), url(option=value)."""
    if request.param == "rgw":
        bucket, rgw = request.getfixturevalue("bucket"), request.getfixturevalue("rgw")
        return types.SimpleNamespace(add=request.getfixturevalue("put"),
                                     url=lambda **options: s3(bucket, rgw, **options))
    root = tmp / "store"

    def add(key, content):
        file = root / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    def url(**options):
        return f"file://{root}?" + "&".join(f"{name}={value}" for name, value in options.items())
    return types.SimpleNamespace(add=add, url=url)


@pytest.fixture
def serve_place(serve, place):
    def make(options=None, **settings):
        return serve(stores=place.url(**options or {}), **KEYS, **settings)
    return make


def zstd(content):
    return msfz.compress(msfz.ZSTD, content)


# ELF

PROGRAM = """\
struct point {
	int x, y;
};
int answer(int x)
{
	struct point a = {x, 2};

	return a.x + a.y;
}
int main(void)
{
	return answer(40) != 42;
}
"""


def make_elf(directory, build_id):
    """A program without symbols, and its debug file."""
    (directory / "source.c").write_text(PROGRAM)
    run("clang", "-g", "-O0", "-ffile-compilation-dir=/nowhere", f"-Wl,--build-id=0x{build_id}",
        "source.c", "-o", "full", cwd=directory)
    run("llvm-objcopy", "--only-keep-debug", "full", "debug", cwd=directory)
    run("llvm-objcopy", "--strip-all", "full", "program", cwd=directory)
    symbols = run("llvm-nm", "full", cwd=directory)
    return types.SimpleNamespace(id=build_id, program=directory / "program",
                                 debug=(directory / "debug").read_bytes(),
                                 address=re.search(r"(\w+) T answer", symbols)[1])


@pytest.fixture(scope="session")
def elf(new_directory):
    return make_elf(new_directory("elf"), ID)


@pytest.fixture(scope="session")
def short_elf(new_directory):
    return make_elf(new_directory("short-elf"), SHORT_ID)


def client_env(server, home):
    """A client that has nothing yet."""
    home.mkdir()
    return {"HOME": str(home), "DEBUGINFOD_URLS": f"http://127.0.0.1:{server.port}/",
            "DEBUGINFOD_CACHE_PATH": str(home)}


def debuginfod_find(elf, env, what="debuginfo"):
    return pathlib.Path(run("debuginfod-find", what, elf.id, **env).strip()).read_bytes()


def by_debuginfod_find(elf, env):
    assert debuginfod_find(elf, env) == elf.debug


def gdb(elf, env, *commands):
    return run("gdb", "-nx", "-batch", "-iex", "set debuginfod enabled on",
               *(word for command in commands for word in ("-ex", command)), elf.program, **env)


def by_gdb(elf, env):
    said = gdb(elf, env, "info line answer", "ptype struct point")
    assert 'Line 5 of "source.c" starts at address' in said and "int y;" in said


def by_llvm_debuginfod_find(elf, env):
    found = run("llvm-debuginfod-find-14", "--debuginfo", elf.id, **env).strip()
    assert pathlib.Path(found).read_bytes() == elf.debug


def by_llvm_symbolizer(elf, env):
    said = run("llvm-symbolizer", f"--obj={elf.program}", "0x" + elf.address, **env)
    assert said.startswith("answer\n/nowhere/source.c:5:"), said


SSQP = f"_.debug/elf-buildid-sym-{ID}/_.debug"
GDB = f"{ID[:2]}/{ID[2:]}"
# options of the store, key, what is done to the bytes
DEBUG_FILES = {
    "as it is asked": ({"layout": "debuginfod"}, f"buildid/{ID}/debuginfo", bytes),
    "SSQP": ({}, SSQP, bytes),
    "SSQP, cabinet": ({}, SSQP[:-1] + "_", lambda debug: cabinets.lzx("_.debug", debug)),
    "SSQP, gzip": ({"forms": "gz"}, SSQP + ".gz", gzip.compress),
    "SSQP, zstd": ({"forms": "zst"}, SSQP + ".zst", zstd),
    "GDB": ({"layout": "gdb"}, GDB + ".debug", bytes),
}


@pytest.mark.row("C61")
@pytest.mark.parametrize("fetch", [by_debuginfod_find, by_gdb, by_llvm_debuginfod_find,
                                   by_llvm_symbolizer], ids=lambda fetch: fetch.__name__[3:])
@pytest.mark.parametrize("options, key, store", DEBUG_FILES.values(), ids=DEBUG_FILES)
def test_a_debug_file_is_used(options, key, store, fetch, elf, place, serve_place, tmp):
    place.add(key, store(elf.debug))
    server = serve_place(options)
    for turn in ("cold", "warm"):
        fetch(elf, client_env(server, tmp / turn))


@pytest.mark.row("C61")
def test_debug_files_of_gzip_encoding(elf, put, bucket, rgw, serve, tmp):
    """elfutils accepts every encoding, LLVM's client none."""
    put(SSQP, gzip.compress(elf.debug), ContentEncoding="gzip")
    server = serve(stores=s3(bucket, rgw), **KEYS)
    for turn, fetch in enumerate((by_debuginfod_find, by_llvm_debuginfod_find, by_gdb)):
        fetch(elf, client_env(server, tmp / str(turn)))


@pytest.mark.row("C35")
@pytest.mark.parametrize("stored", [SHORT_ID, SHORT_ID + "00000000"], ids=["as it is", "filled up"])
def test_short_build_ids(stored, short_elf, place, serve_place, tmp):
    place.add(f"_.debug/elf-buildid-sym-{stored}/_.debug", short_elf.debug)
    by_gdb(short_elf, client_env(serve_place(), tmp / "home"))


PROGRAMS = {"ssqp": f"prog/elf-buildid-{ID}/prog", "gdb": GDB,
            "debuginfod": f"buildid/{ID}/executable"}


@pytest.mark.parametrize("place, layout", [
    ("file", "ssqp"), ("file", "gdb"), ("file", "debuginfod"), ("rgw", "gdb"), ("rgw", "debuginfod"),
], indirect=["place"])
def test_executables(layout, elf, place, serve_place, tmp):
    """SSQP has them below their names, which /buildid/ does not tell; a directory is searched."""
    place.add(PROGRAMS[layout], elf.program.read_bytes())
    env = client_env(serve_place({"layout": layout}), tmp / "home")
    assert debuginfod_find(elf, env, "executable") == elf.program.read_bytes()


@pytest.mark.row("C63")
def test_debugging_goes_on_without(elf, place, serve_place, tmp):
    place.add("pingme.txt", b"")
    env = client_env(serve_place(), tmp / "home")
    assert "Entry point" in gdb(elf, env, "info files")
    for what in (["debuginfo"], ["executable"], ["source", "/nowhere/source.c"]):
        asked = subprocess.run(["debuginfod-find", what[0], ID, *what[1:]], env=env, check=False,
                               capture_output=True, text=True)
        assert asked.returncode == 1 and "No such file" in asked.stderr, asked


# PDB

@pytest.fixture(scope="session")
def windows(new_directory):
    """A program with a PDB of some megabytes, of one name, so that tools find one by the other."""
    directory = new_directory("windows")
    source = ["int start(void) { return 0; }"]
    for i in range(4000):
        source.append(f"""\
struct s{i} {{ int first{i}; struct s{i} *next{i}; float last{i}[{i % 50 + 1}]; }};
float f{i}(struct s{i} *p, int n) {{ return n ? p->last{i}[n] : p->first{i}; }}""")
    (directory / "app.c").write_text("int _fltused;\n" + "\n".join(source))
    run("clang", "--target=x86_64-pc-windows-msvc", "-g", "-gcodeview", "-ffile-compilation-dir=.",
        "-c", "app.c", "-o", "app.obj", cwd=directory)
    run("lld-link", "-nologo", "-machine:x64", "-nodefaultlib", "-subsystem:console",
        "-entry:start", "-debug", "-opt:noref", "-Brepro", "-pdbsourcepath:C:\\src",
        "-pdbaltpath:%_PDB%", "-out:app.exe", "app.obj", cwd=directory)
    image = (directory / "app.exe").read_bytes()
    header, = struct.unpack_from("<I", image, 0x3C)
    key = run(ROOT / "tools/symkey.py", directory / "app.pdb").split("/")[1]
    return types.SimpleNamespace(exe=image, pdb=(directory / "app.pdb").read_bytes(), key=key,
                                 entry=struct.unpack_from("<I", image, header + 40)[0])


def check_pdb(pdb, windows, directory):
    """LLVM's tools find in it what they would find in ours."""
    (directory / "app.exe").write_bytes(windows.exe)
    (directory / "app.pdb").write_bytes(pdb)
    said = run("llvm-pdbutil", "dump", "-summary", "-streams", "app.pdb", cwd=directory)
    guid = re.search(r"GUID: \{([-\w]+)\}", said)[1].replace("-", "")
    assert f"{guid}1" == windows.key and "Has Debug Info: true" in said
    said = run("llvm-symbolizer", "--obj=app.exe", "--relative-address", hex(windows.entry),
               cwd=directory)
    assert said.startswith("start\nC:\\src\\app.c:2:"), said
    expected = msfz.streams(windows.pdb)
    assert msfz.streams(pdb) == expected
    for number, stream in enumerate(expected):
        if stream:
            run("llvm-pdbutil", "export", f"-stream={number}", "-out=stream", "app.pdb",
                cwd=directory)
            assert (directory / "stream").read_bytes() == stream, number


# options of the store, how the key ends, what is done to the bytes
PDB_FORMS = {
    "plain": ({}, "app.pdb", bytes),
    "cabinet, MSZIP": ({}, "app.pd_", lambda pdb: cabinets.mszip("app.pdb", pdb)),
    "cabinet, LZX": ({}, "app.pd_", lambda pdb: cabinets.lzx("app.pdb", pdb)),
    "gzip": ({"forms": "gz"}, "app.pdb.gz", gzip.compress),
    "zstd": ({"forms": "zst"}, "app.pdb.zst", zstd),
    **{f"MSFZ of {name}": ({"forms": "msfz"}, "msfz0/app.pdb",
                           lambda pdb, kind=kind: msfz.build(msfz.streams(pdb), kind))
       for name, kind in (("zstd", msfz.ZSTD), ("deflate", msfz.DEFLATE), ("nothing", msfz.NONE))},
}


@pytest.mark.parametrize("options, last, store", PDB_FORMS.values(), ids=PDB_FORMS)
def test_a_pdb_is_used(options, last, store, windows, place, serve_place, tmp):
    place.add(path("app.pdb", windows.key.lower(), last), store(windows.pdb))
    server = serve_place(options)
    for _ in ("cold", "warm"):
        pdb = server.fetch("/" + path("app.pdb", windows.key))
        assert pdb.status == 200 and not pdb.cut, pdb
        if "msfz" not in last:
            assert pdb.body == windows.pdb
    check_pdb(pdb.body, windows, tmp)


def unpacked(file):
    return subprocess.run(["cabextract", "-q", "-p", file], check=True, capture_output=True).stdout


@pytest.mark.skipif(not FIXTURES.is_dir(), reason="no stores of symstore.exe here")
@pytest.mark.parametrize("name", ["new_store", "republished"])
def test_cabinets_of_symstore(name, place, serve_place, tmp):
    with zipfile.ZipFile(FIXTURES / f"{name}_compressed.zip") as store:
        keys = [key for key in store.namelist() if key.endswith("_")]
        for key in keys:
            place.add(key.lower(), store.read(key))
        store.extractall(tmp, keys)
    server = serve_place()
    assert keys
    for key in keys:
        file, symbol, _ = key.split("/")
        plain = unpacked(tmp / key)
        assert server.fetch("/" + path(file, symbol)).body == plain, key
        if file.endswith(".pdb"):
            (tmp / "plain.pdb").write_bytes(plain)
            assert "GUID" in run("llvm-pdbutil", "dump", "-summary", tmp / "plain.pdb")


def curl(server, target, directory, *options):
    """The body as curl leaves it, and the head of the answer."""
    run("curl", "-sSf", "-D", "head", "-o", "body", *options,
        f"http://127.0.0.1:{server.port}/{target}", cwd=directory)
    return (directory / "body").read_bytes(), (directory / "head").read_text().lower()


# cabinets that are asked for

@pytest.mark.parametrize("name", ["app.pdb", *ODD_NAMES])
def test_a_made_cabinet_is_unpacked(name, windows, place, serve_place, tmp):
    place.add(path(name, windows.key).lower(), windows.pdb)
    server = serve_place(SERVE_CAB="on")
    asked = quote(path(name, windows.key, name[:-1] + "_"))
    for turn in ("cold", "warm"):
        (tmp / "made.cab").write_bytes(curl(server, asked, tmp)[0])
        assert "All done, no errors." in run("cabextract", "-t", tmp / "made.cab"), turn
        assert unpacked(tmp / "made.cab") == windows.pdb
    assert run("gcab", "-t", tmp / "made.cab").split("\n")[0].lower() == name.lower()
    (tmp / "out").mkdir()
    run("gcab", "-x", "-C", tmp / "out", tmp / "made.cab")
    assert [file.read_bytes() for file in (tmp / "out").iterdir()] == [windows.pdb]


@pytest.mark.row("C04")
def test_no_cabinet_is_made_unasked(windows, place, serve_place):
    place.add(path("app.pdb", windows.key.lower()), windows.pdb)
    assert is_miss(serve_place().fetch("/" + path("app.pdb", windows.key, "app.pd_")))


# Content-Encoding

@pytest.mark.row("C15", "C16")
@pytest.mark.parametrize("place, twin", [("file", True), ("rgw", True), ("rgw", False)],
                         indirect=["place"])
def test_curl_compressed(twin, windows, place, serve_place, tmp):
    """Out of app.pdb.gz, or an object with Content-Encoding."""
    key = path("app.pdb", windows.key.lower())
    packed = gzip.compress(windows.pdb)
    if twin:
        place.add(key + ".gz", packed)
    else:
        place.add(key, packed, ContentEncoding="gzip")
    server = serve_place({"forms": "gz"} if twin else {})
    for _ in ("cold", "warm"):
        body, head = curl(server, path("app.pdb", windows.key), tmp, "--compressed")
        assert body == windows.pdb and "content-encoding: gzip" in head
        assert f"content-length: {len(packed)}" in head and "vary: accept-encoding" in head
        body, head = curl(server, path("app.pdb", windows.key), tmp)
        assert body == windows.pdb and "content-encoding" not in head
        assert f"content-length: {len(windows.pdb)}" in head
