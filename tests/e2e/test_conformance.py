# SPDX-License-Identifier: MIT
"""The conformance table of the protocol notes (section 7.3), row by row.

A line of TABLE says: the row, the client, what is in the store, in which layouts it is tried, and
then step by step what is asked and what must come back. Each is tried in a bucket of Ceph RGW and
in a directory; a test's id is the row and the place: C03-rgw-mszip. What needs more than request
and answer (faults, crowds, a server of its own) is a function below the table, named by
@of(row, place).

Every store holds the same genuine files, laid out in its own way (rig/layouts.py); {pdb} in a path
is one of them as a debugger would write it (rig/symbols.py):

    pdb exe            a program; the PDB is longer than what is held back of a first delivery
    aged               a PDB of age 10, which is `a` in hex
    ten, sixteen       two PDBs of one GUID: 10 is the age of one in decimal, of the other in hex
    portable           a portable PDB
    early              an image whose time stamp begins with a zero
    space plus odd     PDBs whose names have a space, a `+`, and what else makes a key hard to sign
    elf debug          a shared object and its debug file
    short unpadded     debug files with build-ids of 16 bytes, filled up with zeros or not
    dsym map sym       a dSYM, a map of native code, Breakpad's symbols of pdb and exe
    pointer            a file.ptr that points to a file server
    empty hollow       nothing: as it is; and as the layout packs it
    both               only among the MSFZ: a PDB in both containers
    headed ranged      PDBs that nobody asks for before the row that needs it so """

import base64
import concurrent.futures
import contextlib
import dataclasses
import gzip
import os
import pathlib
import re
import subprocess
import threading
from urllib.parse import quote

import pytest

from conftest import factory, finish
from rig import faults, layouts, msfz, symbols
from rig.cachedir import kept, quiet
from rig.client import Client, is_fault, is_miss
from rig.layouts import LAYOUTS, Bucket, Directory
from rig.pace import IMPATIENT, PATIENT, ms
from rig.papers import Papers
from rig.rows import LATER, NO_CATALOG, ROWS
from rig.samples import Pattern, real_store
from rig.server import ROOT, until
from rig.stage import Gate

MIB = 1 << 20
CACHED = os.environ.get("PEPTO_CACHE") != "off"

# layouts

PLAIN = "lower private symstore twotier".split()
CABS = "mszip lzx".split()
GZIPPED = "gzip gz".split()
PACKED = CABS + GZIPPED + "zstd zst".split()
EVERY = PLAIN + PACKED + ["msfz"]
SOME = PLAIN + ["mszip"]            # for what hardly depends on it
BY_BUILD_ID = "lower private gdb debuginfod".split()
# one object for each place: pytest keeps a fixture as long as its parameter is the same object
PLACES = {f"{kind} {layout}": (kind, layout) for layout in LAYOUTS for kind in ("file", "rgw")
          if kind == "rgw" or layout not in ("gzip", "zstd", "private")}

# clients, as they introduce themselves

OLD_SYMSRV = "Microsoft-Symbol-Server/10.0.10036.206"
ALL_CODINGS = {"Accept-Encoding": "br, deflate, gzip, zstd"}
CLIENTS = {
    "any": {},
    "symsrv": {"User-Agent": OLD_SYMSRV, "Accept-Encoding": "gzip", "Cache-Control": "no-cache",
               "Connection": "Keep-Alive"},
    "SYMSRV2": {"User-Agent": "Microsoft-Symbol-Server/10.1710.0.0", "Accept-Encoding": "gzip"},
    "SymProxy": {"User-Agent": OLD_SYMSRV, "Pragma": "no-cache", "Cache-Control": "no-cache"},
    "VS": {"User-Agent": OLD_SYMSRV},
    "dotnet": {"X-TFS-FedAuthRedirect": "Suppress", "SymbolChecksum": "SHA256:" + "ab" * 32},
    "PerfView": {"User-Agent": "Microsoft-Symbol-Server/6.13.0009.1140",
                 "Accept": "application/msfz0"},
    "LLDB": {"User-Agent": "LLVM-HTTPClient/1.0"},
    "LLDB on curl": {"Accept": "*/*", "Accept-Encoding": "deflate, gzip, br, zstd"},
    "samply": {"Accept-Encoding": "gzip"},
    "symbolicator": {"User-Agent": "symbolicator/24.1.0", **ALL_CODINGS},
    "RMD": {"Accept": "*/*"},
    "radare2": {"User-Agent": "radare2 5.8.0", "Accept": "*/*"},
    "Ghidra": {"User-Agent": "Ghidra_HttpSymbolServer_client"},
    "x64dbg": {"User-Agent": "x64dbg", "Accept-Encoding": "gzip"},
    "debuginfod": {"User-Agent": "elfutils/0.188,Linux/x86_64,debian/12", "Accept": "*/*",
                   **ALL_CODINGS},
    "Rider": {},
}
WITHOUT_GZIP = "SymProxy dotnet LLDB radare2 Ghidra".split()


# answers: what is made here is called with the answer to a step, and the place

def content(answer):
    """The file in it; gzip is the only coding there is."""
    assert answer["Content-Encoding"] in (None, "gzip"), answer
    assert answer["Content-Type"] == "application/octet-stream", answer
    return gzip.decompress(answer.body) if answer["Content-Encoding"] else answer.body


def found(role, **headers):
    """200 with the whole file; a header given as None must not be there."""
    def check(answer, place):
        assert answer.status == 200 and not answer.cut, answer
        assert place.same(role, content(answer)), answer
        assert re.fullmatch(r'(W/)?"[^"]+"', answer["ETag"]), answer
        for name, value in headers.items():
            assert answer[name.replace("_", "-")] == value, answer
    return check


def identity(role):
    """The same, in no coding; where there is a coded form, caches are told that it depends."""
    def check(answer, place):
        found(role, Content_Encoding=None)(answer, place)
        assert "gzip" not in place.coding(role) or varies(answer, "accept-encoding"), answer
    return check


def coded(role):
    """Gzip where it is stored so, and never made on the fly."""
    def check(answer, place):
        found(role, Content_Encoding=place.coding(role) or None)(answer, place)
        assert not place.coding(role) or varies(answer, "accept-encoding"), answer
    return check


def as_msfz(role):
    def check(answer, place):
        packed = msfz.build(msfz.streams(place.files[role].data))
        assert answer.status == 200 and answer.body == packed, answer
        assert answer["x-ms-symbol-format"] == "application/msfz0" and varies(answer, "accept")
        assert answer["Content-Type"] == "application/octet-stream", answer
    return check


def as_msf(role):
    def check(answer, place):
        found(role)(answer, place)
        assert answer.body.startswith(msfz.MSF_MAGIC)
        assert answer["x-ms-symbol-format"] in (None, ""), answer
    return check


def debug_file(role):
    def check(answer, place):
        found(role, X_DEBUGINFOD_SIZE=str(len(place.files[role].data)))(answer, place)
    return check


def stored(role):
    """The bytes as they lie in the store."""
    def check(answer, place):
        _, data, _ = place.layout.lay(place.files[role])
        assert answer.status == 200 and answer.body == data and content(answer), answer
    return check


def part(role, first, last):
    def check(answer, place):
        whole = place.files[role].data
        end = min(last, len(whole) - 1)
        assert answer.status == 206 and answer.body == whole[first:end + 1], answer
        assert answer["Content-Range"] == f"bytes {first}-{end}/{len(whole)}", answer
        assert answer["Content-Encoding"] is None, answer
    return check


def past_end(role):
    def check(answer, place):
        assert answer.status == 416 and answer.body == b"", answer
        assert answer["Content-Range"] == f"bytes */{len(place.files[role].data)}", answer
    return check


def status(code, **headers):
    """That status and an empty body."""
    def check(answer, place):
        assert answer.status == code and answer.body == b"", answer
        for name, value in headers.items():
            assert answer[name.replace("_", "-")] == value, answer
    return check


def miss(answer, place):
    assert is_miss(answer)
    assert len(answer.head) < 8192 and b"location:" not in answer.head.lower()
    assert answer["Connection"] in (None, "keep-alive", "Keep-Alive"), answer


def no_file(answer, place):
    """A miss, to HEAD as well."""
    assert answer.status == 404 and answer["Content-Length"] == "0" and not answer.body, answer


def index2(answer, place):
    """The store says whether it is two-tier; a server may keep that to itself."""
    if not (place.layout.name == "twotier" and answer.status == 200):
        miss(answer, place)


def fine(answer, place):
    assert answer.status == 200, answer


def sym_or_way_there(answer, place):
    """The .sym itself, or a redirect by its path alone (RMD looks at nothing else)."""
    if answer.status == 302:
        assert answer["Location"].endswith(f"/{place.files['sym']}"), answer
    else:
        found("sym")(answer, place)


def varies(answer, by):
    return by in [word.strip() for word in (answer["Vary"] or "").lower().split(",")]


# steps that are more than a request; they are called with the place

def what_came_is_kept(place):
    quiet(place.server)


def session_of_symsrv2(place):
    """index2.txt and the triple on a kept-alive connection, others beside it."""
    roles, headers = ("pdb", "exe", "aged", "space"), CLIENTS["SYMSRV2"]
    clients = [place.server.connect() for _ in roles]
    for path in ("/index2.txt", "/gone.pdb/{pdb.key}/gone.pdb", "/gone.pdb/{pdb.key}/gone.pd_",
                 "/gone.pdb/{pdb.key}/file.ptr"):
        for client in clients:
            client.ask(path.format(**place.files), headers=headers)
        for client in clients:
            (index2 if "index2" in path else miss)(client.answer(), place)
    for client, role in zip(clients, roles):
        client.ask(f"/{place.files[role]}", headers=headers)
    for client, role in reversed(list(zip(clients, roles))):
        found(role)(client.answer(), place)
        client.close()


def one_of_two_is_cancelled(place):
    """samply takes the first that succeeds and drops the other in mid-body."""
    with place.server.connect() as taken, Client(place.server.port, receive_buffer=4096) as dropped:
        for client, last in ((dropped, ""), (taken, ""), (taken, "twin")):
            client.ask(f"/{place.files['pdb']:{last}}", headers=CLIENTS["samply"])
        assert dropped.head().status == 200 and dropped.read(1000)
        dropped.close()
        found("pdb")(taken.answer(), place)
        assert taken.answer().status == (200 if place.layout.name in CABS else 404)
    found("pdb")(place.server.fetch(f"/{place.files['pdb']}"), place)
    assert not place.server.log(level="error")


def range_of_what_is_decoded(place):
    """206 as soon as there is a decoded file to cut it from, 200 with all of it before."""
    path, asked = f"/{place.files['ranged']}", {**CLIENTS["symbolicator"], "Range": "bytes=100-199"}
    first = place.server.fetch(path, headers=asked)
    whole = place.server.fetch(path)
    identity("ranged")(whole, place)

    def is_part(answer):
        """Or else the whole."""
        assert answer["Content-Encoding"] is None and answer["ETag"] == whole["ETag"], answer
        if answer.status == 200:
            assert answer.body == whole.body
            return False
        assert answer.status == 206 and answer.body == whole.body[100:200], answer
        assert answer["Content-Range"] == f"bytes 100-199/{len(whole.body)}", answer
        return True
    is_part(first)
    if CACHED:
        until(lambda: is_part(place.server.fetch(path, headers=asked)))
        answer = place.server.fetch(path, headers={"Range": f"bytes={len(whole.body)}-"})
        assert answer.status == 416 and answer["Content-Range"] == f"bytes */{len(whole.body)}"


def head_tells_the_decoded_length(place):
    """Of a file that nobody has asked for, so that nobody knows its length yet."""
    path, headers = f"/{place.files['headed']}", CLIENTS["Ghidra"]
    head, get = [place.server.fetch(path, method, headers) for method in ("HEAD", "GET")]
    identity("headed")(get, place)
    assert head.status == 200 and head["Content-Length"] == str(len(get.body)), head
    assert head["ETag"] == get["ETag"]


def head_is_get_without_a_body(place):
    """On one connection, where a body would be taken for the next answer. While a file is on its
    way into the cache, it may come in another form the next time."""
    targets = ["/", "/pingme.txt", "/index2.txt", "/%zz", "/gone.pdb/{pdb.key}/gone.pdb",
               "/{pdb:twin}", "/{pdb:ptr}", "/{pdb}", "/{exe}", "/{elf}", "/{sym}", "/{pointer}"]
    ways = [{}, {"Accept-Encoding": "gzip"}, {"Accept": "text/html"}, {"If-None-Match": "*"}]

    def face(answer):
        return answer.status, sorted((n, v) for n, v in answer.headers if n != "Date")
    with place.server.connect() as client:
        for target in targets:
            for headers in ways:
                def ask(method):
                    return face(client.fetch(target.format(**place.files), method, headers))
                until(lambda: ask("GET") == ask("HEAD"), what=f"same head, {target} {headers}")


def condition_on_the_etag(place):
    for headers in ({}, {"Accept-Encoding": "gzip"}):
        def ask(condition):
            return place.server.fetch(f"/{place.files['pdb']}",
                                      headers={**headers, "If-None-Match": condition})
        etag = ask(None)["ETag"]
        for equal in (etag, f'"other", {etag}', "*"):
            answer = ask(equal)
            assert answer.status == 304 and answer["ETag"] == etag and not answer.body, equal
        for other in ('"other"', etag.strip('"'), '"a", "b"'):
            found("pdb")(ask(other), place)


def raw_nul(place):
    """It ends the path; 400 for what is no HTTP."""
    with place.server.connect() as client:
        client.ask(f"/{place.files['pdb']}\0/../x")
        assert client.answer().status in (200, 400, 404)


# the table

class Row:
    def __init__(self, row, client, in_store, layouts, *steps, other_case=False,
                 kinds=("rgw", "file"), part="", marks=()):
        self.id, self.part, self.headers = row, part, CLIENTS[client]
        self.in_store, self.layouts, self.steps = in_store, layouts, steps
        self.other_case, self.kinds, self.marks = other_case, kinds, marks

    def at(self, where):
        """The parameters of its test at a place."""
        marks = [pytest.mark.row(self.id), *self.marks]
        if self.other_case and where == "rgw symstore":
            marks.append(pytest.mark.skip(reason=NO_CATALOG))
        name = "-".join(filter(None, (self.id, self.part, *PLACES[where])))
        return pytest.param(PLACES[where], self, id=name, marks=marks)


GONE = "/gone.pdb/{pdb.key}/gone.pdb"
GONE_TWIN = "/gone.pdb/{pdb.key}/gone.pd_"
GONE_PTR = "/gone.pdb/{pdb.key}/file.ptr"
OFTEN = 4                   # so that what one client was answered is at hand for the next
HUGE_CHECKSUM = ";".join(["SHA256:" + "ab" * 32] * 560)         # 40 KiB

TABLE = [
    Row("C01", "symsrv", "the file", EVERY,
        ("GET /{pdb}", found("pdb")),
        ("GET /{exe}", found("exe"))),
    Row("C02", "symsrv", "not the file; nobody may list the bucket", EVERY,
        (f"GET {GONE}", miss), (f"GET {GONE_TWIN}", miss), (f"GET {GONE_PTR}", miss),
        (f"GET {GONE}", miss)),
    Row("C03", "symsrv", "foo.pd_ only", CABS,
        ("GET /{pdb}", identity("pdb")),
        ("GET /{exe}", identity("exe")),
        ("GET /{pdb:twin}", stored("pdb"))),
    Row("C04", "symsrv", "the plain file only, the client asks for foo.pd_ first", PLAIN,
        ("GET /{pdb:twin}", miss),
        ("GET /{pdb}", found("pdb"))),
    Row("C05", "symsrv", "the file; the client's URL ends in a slash", SOME,
        ("GET //index2.txt", index2),
        ("GET //{pdb}", found("pdb")),
        (f"GET /{GONE}", miss)),
    Row("C06", "symsrv", "one tier", [p for p in EVERY if p != "twotier"],
        ("GET /index2.txt", miss), ("GET /INDEX2.TXT", miss), ("GET /index2.txt?x", miss)),
    Row("C07", "symsrv", "two tiers and index2.txt", ["twotier"],
        ("GET /index2.txt", index2),
        ("GET /{pdb}", found("pdb")), ("GET /{pdb:two}", found("pdb")),
        (f"GET {GONE}", miss), (f"GET /go{GONE}", miss)),
    Row("C09", "symsrv", "the file, in another case", EVERY,
        ("GET /{pdb:upper}", found("pdb")), ("GET /{pdb:lower}", found("pdb")),
        ("GET /{exe:upper}", found("exe")), ("GET /{odd:upper}", found("odd")),
        ("GET /{space:lower}", found("space")), other_case=True),
    Row("C10", "symsrv", "a PDB of age 10", SOME,
        ("GET /{aged.name}/{aged.guid}a/{aged.name}", found("aged")),
        ("GET /{aged.name}/{aged.guid}A/{aged.name}", found("aged")), other_case=True),
    Row("C11", "symsrv", "`My App.pdb`", SOME,
        ("GET /My%20App.pdb/{space.key}/My%20App.pdb", found("space")),
        ("GET /My+App.pdb/{space.key}/My+App.pdb", found("space")),
        ("GET /My%2bApp.pdb/{space.key}/My%2bApp.pdb", found("space")),
        ("GET /My App.pdb/{space.key}/My App.pdb", found("space"))),
    Row("C12", "symsrv", "`C++Rt.pdb`", SOME,
        ("GET /C++Rt.pdb/{plus.key}/C++Rt.pdb", found("plus")),
        ("GET /C%2B%2bRt.pdb/{plus.key}/C%2B%2bRt.pdb", found("plus"))),
    Row("C13", "symsrv", "the file; its name is the whole path where it was built", SOME,
        ("GET /c%3a%5cbuild%5c{pdb.name}/{pdb.key}/{pdb.name}", found("pdb")),
        (r"GET /C:\build\out dir\{pdb.name}/{pdb.key}/{pdb.name}", found("pdb"))),
    Row("C14", "symsrv", "the file; the client's URL has a query", SOME,
        ("GET /index2.txt?sig=a%2Fb&x=%zz", index2),
        ("GET /{pdb}?sig=a%2Fb&x=%zz", found("pdb")),
        (f"GET {GONE}?sig=a%2Fb&x=%zz", miss)),
    Row("C15", "symsrv", "the file, the client takes gzip", EVERY,
        ("GET /{exe}", coded("exe")), ("GET /{pdb}", coded("pdb")), what_came_is_kept,
        *OFTEN * (("GET /{pdb}", coded("pdb")),
                  ("GET /{pdb}", {"Accept-Encoding": "gzip;q=0"}, identity("pdb")))),
    Row("C16", "any", "the file, the client takes no gzip", EVERY,
        *[("GET /{pdb}", CLIENTS[client], identity("pdb")) for client in WITHOUT_GZIP],
        ("GET /{exe}", CLIENTS["PerfView"], identity("exe"))),
    Row("C21", "symsrv", "a file.ptr to a file server", SOME + BY_BUILD_ID[-2:],
        ("GET /{pointer}", stored("pointer")), ("HEAD /{pointer}", fine)),
    Row("C22", "symsrv", "any", SOME,
        ("GET /pingme.txt", status(200, Content_Length="0"))),
    Row("C25", "SYMSRV2", "foo.pd_ only, key in upper case", CABS,
        ("GET /{pdb:KEY}", found("pdb")), ("GET /{exe:KEY}", found("exe")),
        ("GET /{aged:KEY}", found("aged"))),
    Row("C26", "SYMSRV2", "the file", EVERY, session_of_symsrv2),
    Row("C27", "SymProxy", "the file, asked in lower case", EVERY,
        ("GET /{pdb:lower}", identity("pdb")), other_case=True),
    Row("C28", "VS", "a portable PDB", EVERY,
        ("GET /managed.pdb/{portable.guid}FFFFFFFF/managed.pdb", found("portable")),
        ("GET /{portable:lower}", found("portable")), other_case=True),
    Row("C29", "VS", "a portable PDB, in a store with aliases=all", ["aliases"],
        ("GET /{portable.name}/{portable.guid}1/{portable.name}", found("portable"))),
    Row("C30", "VS", "the file, asked in two tiers", EVERY,
        ("GET /{pdb:two}", found("pdb")), (f"GET /go{GONE}", miss)),
    Row("C31", "dotnet", "the file; the client's headers have grown to 40 KiB", SOME,
        ("GET /{pdb}", {"SymbolChecksum": HUGE_CHECKSUM}, found("pdb")),
        ("GET /{exe}", {f"SymbolChecksum-{n}": HUGE_CHECKSUM[:400] for n in range(96)},
         found("exe"))),
    Row("C32", "dotnet", "the next file", SOME,
        (f"GET {GONE}", miss), ("GET /{pdb}", identity("pdb"))),
    Row("C35", "dotnet", "debug files with a build-id of 16 bytes, filled up or not", EVERY,
        ("GET /{short}", found("short")),
        ("GET /_.debug/elf-buildid-sym-{unpadded.build_id}00000000/_.debug", found("unpadded")),
        ("GET /{unpadded}", found("unpadded"))),
    Row("C36", "dotnet", "files by SSQP", EVERY,
        ("GET /{debug}", found("debug")), ("GET /{dsym}", found("dsym")),
        ("GET /{elf}", found("elf")), ("GET /{map}", found("map"))),
    Row("C37", "PerfView", "the plain file only", PLAIN + PACKED,
        ("GET /{pdb}", as_msf("pdb")), ("GET /{exe}", found("exe"))),
    Row("C38", "PerfView", "both containers", ["msfz"],
        *OFTEN * (("GET /{both}", as_msfz("both")),
                  ("GET /{both}", {"Accept": "*/*"}, as_msf("both")))),
    Row("C39", "any", "both containers, or MSFZ only", ["msfz"],
        ("GET /{both}", as_msf("both")), ("GET /{both}", {"Accept": "*/*"}, as_msf("both")),
        ("GET /{pdb}", as_msf("pdb")), ("GET /{pdb}", {"Accept": "*/*"}, as_msf("pdb"))),
    Row("C40", "PerfView", "an image whose time stamp begins with a zero, asked without it", EVERY,
        ("GET /{early.name}/{early.unpadded_key}/{early.name}", found("early")),
        ("GET /{early}", found("early"))),
    *[Row("C42", client, "PDBs of age 10, asked in decimal", EVERY,
          ("GET /{aged.name}/{aged.guid}10/{aged.name}", found("aged")),
          ("GET /{ten.name}/{ten.guid}10/{ten.name}", found("sixteen")),
          part=client.replace(" ", "-")) for client in ("LLDB", "LLDB on curl")],
    Row("C43", "LLDB", "not the file", SOME, (f"GET {GONE}", miss)),
    Row("C44", "LLDB", "a file of no length, as it is or packed", EVERY,
        ("GET /{empty}", miss), ("HEAD /{empty}", no_file),
        ("GET /{hollow}", miss), ("HEAD /{hollow}", no_file)),
    Row("C45", "samply", "the file; one of two requests for it is cancelled", EVERY,
        one_of_two_is_cancelled),
    Row("C46", "samply", "the file, the client takes gzip and nothing else", EVERY,
        ("GET /{pdb}", found("pdb")), ("GET /{aged}", found("aged"))),
    Row("C47", "symbolicator", "a small file, asked for its first 128 MiB", PLAIN,
        ("GET /{pdb}", {"Range": "bytes=0-134217727"}, part("pdb", 0, 134217727)),
        ("GET /{exe}", {"Range": "bytes=0-134217727"}, part("exe", 0, 134217727)),
        (f"GET {GONE}", {"Range": "bytes=0-134217727"}, miss)),
    Row("C49", "symbolicator", "packed", CABS + ["gz", "zst", "msfz"], range_of_what_is_decoded),
    Row("C50", "symbolicator", "a file of no length", SOME,
        ("GET /{empty}", {"Range": "bytes=0-134217727"}, miss)),
    Row("C51", "symbolicator", "a debug file, in each layout", BY_BUILD_ID,
        ("GET /{debug.split}/debuginfo", found("debug")),               # unified
        ("GET /{debug.split}.debug", found("debug")),                   # native: GDB
        ("GET /.build-id/{debug.split}.debug", found("debug")),
        ("GET /{debug.build_id}/debuginfo", found("debug")),            # debuginfod
        ("GET /buildid/{debug.build_id}/debuginfo", found("debug")),
        ("GET /{debug}", found("debug")),                               # ssqp
        ("GET /buildid/{short.build_id}/debuginfo", found("short")),
        ("GET /buildid/{unpadded.build_id}/debuginfo", found("unpadded"))),
    Row("C51", "symbolicator", "an image, known by its build-id", ["gdb", "debuginfod"],
        ("GET /{elf.split}/executable", found("elf")), ("GET /{elf.split}", found("elf")),
        ("GET /buildid/{elf.build_id}/executable", found("elf")), ("GET /{elf}", found("elf")),
        part="executable"),
    Row("C51", "symbolicator", "an image, known by its name as well", ["lower"],
        ("GET /{elf.split}/executable", found("elf")),
        ("GET /buildid/{elf.build_id}/executable", found("elf")),
        part="any-name", kinds=["file"]),
    Row("C52", "RMD", "Breakpad's symbols", SOME,
        ("GET /{sym}?code_file={exe.name}&code_id={exe.key}", found("sym"))),
    *[Row("C53", "RMD", "Breakpad's symbols, and the image by which they are asked for", [layout],
          ("GET /{exe.name}/{exe.key}/{sym.last}", sym_or_way_there)) for layout in PLAIN],
    Row("C54", "radare2", "not the file", SOME, (f"GET {GONE_TWIN}", miss), (f"GET {GONE}", miss)),
    Row("C55", "radare2", "foo.pd_ only, asked for first", CABS,
        *OFTEN * (("GET /{pdb:twin}", miss),
                  ("GET /{pdb:twin}", CLIENTS["symsrv"], stored("pdb"))),
        ("GET /{pdb}", identity("pdb"))),
    Row("C55", "radare2", "the file", EVERY, ("GET /{pdb}", identity("pdb")), part="plain"),
    Row("C57", "Ghidra", "any", SOME, ("HEAD /", fine)),
    Row("C58", "Ghidra", "any", SOME,
        ("HEAD /pingme.txt", fine),
        ("HEAD /index2.txt", lambda answer, place: place.layout.name == "twotier" or
         no_file(answer, place))),
    Row("C59", "Ghidra", "packed", PACKED + ["msfz"], head_tells_the_decoded_length),
    Row("C60", "x64dbg", "the file", SOME, ("GET /{pdb}", found("pdb"))),
    Row("C61", "debuginfod", "a debug file", EVERY + BY_BUILD_ID[-2:],
        ("GET /buildid/{debug.build_id}/debuginfo", debug_file("debug")),
        ("GET /buildid/{debug.build_id}/debuginfo", {"X-DEBUGINFOD-MAXSIZE": "10000000"},
         debug_file("debug")),
        ("GET /buildid/{debug.build_id}/debuginfo", {"X-DEBUGINFOD-MAXSIZE": "100"}, status(406)),
        ("GET /buildid/{portable.guid}/debuginfo", miss)),
    Row("C63", "debuginfod", "sources of nothing", SOME + BY_BUILD_ID[-2:],
        ("GET /buildid/{debug.build_id}/source/usr/src/x.c", miss),
        ("GET /buildid/{debug.build_id}/section/.text", miss)),
    Row("C64", "Rider", "the file, asked in lower case", SOME,
        ("GET /{pdb:lower}", found("pdb")), ("GET /{aged:lower}", found("aged")),
        ("GET /{exe:lower}", found("exe")), other_case=True),
    Row("C65", "any", "any", EVERY + BY_BUILD_ID[-2:], head_is_get_without_a_body),
    Row("C66", "any", "the file", SOME,
        *[(f"{method} /{{pdb}}", {"Content-Length": "0"}, status(405, Allow="GET, HEAD"))
          for method in ("POST", "PUT", "DELETE")]),
    Row("C67", "any", "what no path can mean", SOME,
        *[(f"GET {target}", no_file) for target in (
            "/../etc/passwd", "/{pdb.name}/../{pdb}", "/%2e%2e/{pdb}", "/..%2f..%2fetc%2fpasswd",
            "/{pdb.name}/{pdb.key}/..", "/{pdb}%00", "/%00", "/%01/x/y", "/{pdb}%0a", "/%zz", "/%4",
            "/" + "a" * 2_000, "/" + "a/" * 900 + "b", "/" + "%61" * 5_000)],
        raw_nul),
    Row("C68", "any", "the file", EVERY, condition_on_the_etag),
    Row("C71", "any", "the file", EVERY,
        *[("GET /{pdb}", {"Range": asked}, identity("pdb"))
          for asked in ("bytes=0-1,5-6", "bytes=5-2", "bytes=a-b", "bytes=-", "items=0-5")]),
    Row("C72", "any", "the file", PLAIN,
        ("GET /{pdb}", {"Range": "bytes=10000000-"}, past_end("pdb")),
        ("GET /{pdb}", {"Range": "bytes=10000000-10000001"}, past_end("pdb"))),
    Row("C75", "any", "stored with a Content-Encoding", ["gzip", "zstd"], range_of_what_is_decoded,
        ("GET /{ranged}", {"Range": "bytes=0-1,5-6"}, identity("ranged"))),
    Row("C76", "any", "the file", SOME,
        ("GET /{pdb}", {"Expect": "100-continue"}, found("pdb")),
        ("GET /{pdb} HTTP/1.0", found("pdb")),
        ("GET /{pdb}", {"Connection": "close"}, found("pdb", Connection="close")),
        (f"GET {GONE} HTTP/1.0", no_file)),
    Row("C78", "any", "a name with all that is hard to sign", EVERY,
        ("GET /{odd}", found("odd")), ("HEAD /{odd}", fine)),
    Row("C79", "any", "the file, asked in absolute form", SOME,
        ("GET http://symbols.example:8080/{pdb}", found("pdb")),
        ("GET HTTP://h/{pdb}?x=1", found("pdb")),
        ("GET http://h/gone.pdb/{pdb.key}/gone.pdb", miss)),
]


# places

class Place:
    """A store of one kind in one layout, and the server of it that the rows share."""

    def __init__(self, shelf, files, serve):
        self.shelf, self.layout, self.files, self._serve = shelf, shelf.layout, files, serve
        self._server = None

    @property
    def server(self):
        if not self._server:
            self._server = self._serve(stores=self.shelf.url(), **self.shelf.settings)
        return self._server

    def coding(self, role):
        """In which its file may be sent without work."""
        is_gzip = self.layout.name == "gzip" or \
            self.layout.name == "gz" and not self.files[role].last
        return "gzip" if is_gzip and not self.files[role].raw else ""

    def same(self, role, body):
        """What was expanded from MSFZ is another file with the same streams."""
        want = self.files[role]
        if self.layout.name == "msfz" and role != "both" and want.is_pdb():
            return msfz.streams(body) == msfz.streams(want.data)
        return body == want.data


@pytest.fixture(scope="module")
def files(new_directory):
    return symbols.make(new_directory("symbols"))


@pytest.fixture(scope="module")
def shelf(request, new_directory, files):
    """shelf(kind, layout): a filled one, and what is on it."""
    made = {}

    def fill(kind, name):
        layout, on_it = LAYOUTS[name], dict(files)
        if name == "lzx":
            on_it.update(symbols.by_symstore())
        if kind == "rgw":
            bucket = request.getfixturevalue("make_bucket")()
            one = Bucket(request.getfixturevalue("rgw"), bucket, layout)
        else:
            one = Directory(new_directory(f"shelf-{name}"), layout)
        layouts.fill(one, on_it)
        if name == "msfz":
            key = on_it["both"].path
            one.write(key.lower() if one.lower else key, on_it["both"].data)
        return one, on_it

    def take(kind, name):
        if (kind, name) not in made:
            made[kind, name] = fill(kind, name)
        return made[kind, name]
    return take


@pytest.fixture(scope="module")
def place(request, shelf, workdir):
    serve, made = factory(workdir)
    yield Place(*shelf(*request.param), serve)
    finish(made)


def table():
    """Place by place, so that there is one server at a time."""
    return [row.at(where) for where, (kind, layout) in PLACES.items() for row in TABLE
            if layout in row.layouts and kind in row.kinds]


def may_be_coded(headers):
    accepted = headers.get("Accept-Encoding") or ""
    return "gzip" in accepted and "q=0" not in accepted and "Range" not in headers


@pytest.mark.parametrize("place, row", table(), indirect=["place"], scope="module")
def test_row(place, row):
    client = place.server.connect()
    for step in row.steps:
        if callable(step):
            step(place)
            continue
        line, *headers, check = step
        method, target, version = re.fullmatch(r"(\w+) (.*?)( HTTP/1\.0)?", line).groups()
        target = target.format(**place.files)
        sent = {**row.headers, **(headers[0] if headers else {})}
        answer = client.fetch(target, method, sent, (version or "HTTP/1.1").strip())
        print(f"{method} {target}: {answer}")
        assert answer["Content-Encoding"] is None or may_be_coded(sent), answer
        check(answer, place)
        if (answer["Connection"] or "").lower() == "close":
            client.close()
            client = place.server.connect()
    client.close()


# rows that need a server or a store of their own

SERVER_ERROR = faults.status(500, "InternalError")


def of(row, *places):
    """A test of the row at these places ("rgw lower"); a fixture of that name is a Place."""
    return pytest.mark.parametrize("place", [
        pytest.param(PLACES[where], id=f"{row}-{where.replace(' ', '-')}",
                     marks=[pytest.mark.row(row)]) for where in places], indirect=True)


def key_in(place, role):
    """Where the file lies in a bucket of lower-case keys."""
    return place.layout.lay(place.files[role])[0].lower()


def reads(place, role):
    """The requests of S3 for its bytes; to see whether it is there, one byte is asked for."""
    key = key_in(place, role)
    return lambda request: key in request.path and request.method == "GET" and \
        request.get("Range") != "bytes=0-0"


def first_byte(request):
    """Of the range it asks for."""
    span = re.match(r"bytes=(\d+)-", request.get("Range") or "")
    return int(span[1]) if span else 0


def behind(proxy, place, serve, **settings):
    """A server of the place's bucket, which it sees through the proxy."""
    return serve(stores=place.shelf.url(at=proxy), **place.shelf.settings, **settings)


def ask(server, place, role, **how):
    return server.fetch(f"/{place.files[role]}", **how)


@of("C06", "rgw lower", "rgw mszip")
def test_index2_costs_no_request(place, proxy, serve):
    server = behind(proxy, place, serve)
    assert is_miss(server.fetch("/index2.txt"))
    proxy.forget()
    for target in ("/index2.txt", "//index2.txt", "/INDEX2.TXT", "/index2.txt?x"):
        assert is_miss(server.fetch(target))
    assert server.fetch("/pingme.txt").status == 200 and not proxy.asked()


@of("C08", "rgw lower", "file symstore")
def test_base_path_in_any_case(place, serve):
    server = serve(stores=place.shelf.url(), BASE_PATH="/Team/Symbols")
    for base in ("/Team/Symbols", "/team/symbols", "/TEAM/SYMBOLS", "//team//symbols"):
        found("pdb")(server.fetch(f"{base}/{place.files['pdb']}"), place)
        assert server.fetch(f"{base}/pingme.txt").status == 200
    for outside in ("/{pdb}", "/team/{pdb}", "/team/symbols{pdb}"):
        assert is_miss(server.fetch(outside.format(**place.files)))


@of("C04", "rgw lower", "file lower")
def test_cabinet_on_demand(place, serve, tmp):
    """The option of 7.1: a cabinet is made of what is stored plain."""
    server = serve(stores=place.shelf.url(), SERVE_CAB="on")
    for role in ("pdb", "exe", "odd"):
        first, again = [server.fetch(f"/{place.files[role]:twin}") for _ in range(2)]
        assert first.status == 200 and first.body.startswith(b"MSCF") and first.body == again.body
        (tmp / "made.cab").write_bytes(first.body)
        unpacked = subprocess.run(["cabextract", "-qp", "made.cab"], cwd=tmp, check=True,
                                  stdout=subprocess.PIPE).stdout
        assert unpacked == place.files[role].data
        found(role)(ask(server, place, role), place)
    assert is_miss(server.fetch(GONE_TWIN.format(**place.files)))


@of("C17", "rgw lower", "rgw mszip")
def test_one_server_error_is_hidden(place, proxy, serve):
    server = behind(proxy, place, serve)
    fault = proxy.fault(SERVER_ERROR, reads(place, "pdb"), times=1)
    found("pdb")(ask(server, place, "pdb"), place)
    assert fault.struck == 1


@of("C18", "rgw lower")
def test_server_errors_for_good(place, proxy, serve):
    server = behind(proxy, place, serve, **IMPATIENT)
    proxy.fault(SERVER_ERROR, key_in(place, "pdb"))
    assert is_fault(ask(server, place, "pdb"))
    found("exe")(ask(server, place, "exe"), place)


@of("C19", "rgw private")
@pytest.mark.parametrize("code", ["ExpiredToken", "InvalidAccessKeyId", "SignatureDoesNotMatch"])
def test_credentials_that_are_no_longer_good(code, place, proxy, serve):
    server = behind(proxy, place, serve, **IMPATIENT)
    found("exe")(ask(server, place, "exe"), place)
    proxy.fault(faults.status(403, code))
    assert is_fault(ask(server, place, "pdb"))


@of("C20", "rgw private")
@pytest.mark.parametrize("status, code, headers, more", [
    (301, "PermanentRedirect", [("x-amz-bucket-region", "eu-west-7")], ""),
    (307, "TemporaryRedirect", [("x-amz-bucket-region", "eu-west-7")], ""),
    (400, "AuthorizationHeaderMalformed", [], "<Region>eu-west-7</Region>")])
def test_another_region(status, code, headers, more, place, proxy, serve):
    """RGW takes any region in a signature, so the proxy refuses in its place."""
    headers = [*headers, ("Location", "http://elsewhere.example/")]
    proxy.fault(faults.status(status, code, more, headers),
                lambda request: "/eu-west-7/s3/" not in (request.get("Authorization") or ""))
    server = behind(proxy, place, serve)
    answer = ask(server, place, "pdb")
    found("pdb", Location=None)(answer, place)


@of("C21", "rgw lower", "file symstore")
def test_pointers_into_the_store(place, serve):
    """ptr=: what file.ptr calls the place where the store lies now. Any other is for the client."""
    def pointer(word, to):
        symbol = symbols.pdb("Far.pdb", place.files["aged"].data, symbols.guid_of(word))
        layouts.put(place.shelf, dataclasses.replace(symbol, data=to, last="file.ptr", raw=True))
        return symbol
    inside = pointer("inside", rb"PATH:\\Server\Share\Builds\7\Far.pdb")
    others = {pointer(word, to): to for word, to in (
        ("outside", rb"PATH:\\elsewhere\share\builds\7\far.pdb"),
        ("above", rb"\\server\share\..\far.pdb"), ("message", rb"MSG: not for you"))}
    place.shelf.write("builds/7/far.pdb", inside.data)
    server = serve(stores=place.shelf.url(ptr="%5C%5Cserver%5Cshare"))
    for method in ("GET", "HEAD"):
        answer = server.fetch(f"/{inside}", method)
        assert answer.status == 200 and answer["Content-Length"] == str(len(inside.data)), answer
    assert server.fetch(f"/{inside}").body == inside.data
    for symbol, to in others.items():
        assert is_miss(server.fetch(f"/{symbol}"))
        assert server.fetch(f"/{symbol:ptr}").body == to


@of("C23", "rgw private", "file lower")
def test_who_may_read(place, serve):
    token = "0123456789abcdef0123456789abcdef"
    server = serve(stores=place.shelf.url(), **place.shelf.settings, AUTH_TOKENS=token)
    right, wrong = [{"Authorization": "Basic " + base64.b64encode(f"me:{word}".encode()).decode()}
                    for word in (token, "wrong")]
    for headers in ({}, wrong):
        answer = ask(server, place, "pdb", headers=headers)
        assert answer.status == 401 and answer.body == b"", answer
        assert answer["WWW-Authenticate"].startswith("Basic")
    found("pdb")(ask(server, place, "pdb", headers=right), place)
    found("pdb")(server.fetch(f"/t/{token}/{place.files['pdb']}"), place)


@of("C33", "rgw lower")
def test_outage_then_a_hit(place, proxy, serve):
    """dotnet-symbol takes 503 for passing; the process goes on with this server."""
    server = behind(proxy, place, serve, **IMPATIENT)
    proxy.fault(faults.status(503, "SlowDown"))
    with server.connect() as client:
        def fetch(role):
            return client.fetch(f"/{place.files[role]}", headers=CLIENTS["dotnet"])
        assert is_fault(fetch("pdb"))
        proxy.heal()
        until(lambda: fetch("pdb").status == 200)
        found("exe")(fetch("exe"), place)


@of("C34", "rgw lower", "file lower")
def test_overload(place, serve):
    server = serve(stores=place.shelf.url(), MAX_CONNECTIONS="2")
    with server.connect() as one, server.connect() as two:
        for client in (one, two):
            assert client.fetch("/pingme.txt").status == 200
        with server.connect() as third:
            third.ask(f"/{place.files['pdb']}", headers=CLIENTS["dotnet"])
            answer = third.answer()
            assert answer.status == 503 and answer.body == b"" and answer["Retry-After"], answer
        found("pdb")(one.fetch(f"/{place.files['pdb']}"), place)


@of("C45", "rgw lower", "rgw mszip")
@pytest.mark.cache_on
def test_a_fill_outlives_who_cancels(place, proxy, serve):
    server = behind(proxy, place, serve, **PATIENT)
    gate = Gate("")
    proxy.fault(faults.pause_at(100_000, gate), reads(place, "pdb"), times=1)
    with Client(server.port, receive_buffer=4096) as client:
        client.ask(f"/{place.files['pdb']}", headers=CLIENTS["samply"])
        gate.wait(1)
        assert client.head().status == 200
    until(lambda: server.metrics()["pepto_requests_cut_total", '{by="client"}'] == 1)
    gate.release()
    kept(server)
    proxy.forget()
    found("pdb")(ask(server, place, "pdb"), place)
    assert not proxy.asked(reads(place, "pdb")) and not server.log(level="error")


@pytest.fixture(scope="module")
def big(shelf):
    """More than 128 MiB, as a file that says nothing of what it is."""
    content = Pattern(136 * MIB, 48).bytes()
    written = set()

    def write(place):
        if place.shelf not in written:
            place.shelf.write("big.bin/0123456789/big.bin", content)
            written.add(place.shelf)
        return "/big.bin/0123456789/big.bin", content
    return write


@of("C48", "rgw lower", "file lower")
def test_four_ranges_at_once(place, big, serve):
    """symbolicator asks for 128 MiB, and when there is more, for the rest in parallel."""
    target, content = big(place)
    server = serve(stores=place.shelf.url(), **PATIENT)

    def fetch(first, last):
        answer = server.fetch(target, headers={**CLIENTS["symbolicator"],
                                               "Range": f"bytes={first}-{last}"})
        end = min(last, len(content) - 1)
        assert answer.status == 206 and answer["Content-Encoding"] is None, answer
        assert answer["Content-Range"] == f"bytes {first}-{end}/{len(content)}", answer
        assert answer.body == content[first:end + 1]
        return answer["ETag"]
    etag = fetch(0, 128 * MIB - 1)
    starts = [128 * MIB + n * 2 * MIB for n in range(4)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda at: fetch(at, at + 2 * MIB - 1), starts)) == {etag}


@of("C56", "rgw lower")
def test_outage_has_no_text(place, proxy, serve):
    """radare2 would save it as the PDB."""
    server = behind(proxy, place, serve, **IMPATIENT)
    proxy.fault(SERVER_ERROR)
    answer = ask(server, place, "pdb", headers=CLIENTS["radare2"])
    assert is_fault(answer) and len(answer.head) < 8192


@of("C60", "rgw lower", "rgw mszip", "rgw zstd")
def test_the_head_comes_before_the_body(place, proxy, serve):
    """x64dbg waits a second for it. What is decoded is not stored first, either."""
    server = behind(proxy, place, serve, **PATIENT)
    gate = Gate("")
    _, data, _ = place.layout.lay(place.files["pdb"])
    proxy.fault(faults.pause_at(len(data) * 2 // 3, gate), reads(place, "pdb"))
    with server.connect() as client:
        client.ask(f"/{place.files['pdb']}", headers={"User-Agent": "x64dbg"})
        gate.wait(1)
        head = client.head()
        assert head.status == 200 and not gate.released
        whole = place.files["pdb"].data
        assert client.read(50_000) == whole[:50_000] and not gate.released
        gate.release()
        assert client.read(len(whole) - 50_000) == whole[50_000:]


@of("C60", "rgw gzip")
def test_the_head_comes_before_the_body_of_gzip(place, proxy, serve):
    """Its length stands at its end, which is fetched beside its beginning."""
    plain = Pattern(3 * MIB).bytes() + bytes(3 * MIB)
    place.shelf.write("big.bin/60/big.bin", gzip.compress(plain), "gzip")
    server = behind(proxy, place, serve, FETCH_BLOCK="1MiB", **PATIENT)
    gate = proxy.hold(lambda request: MIB <= first_byte(request) < 2 * MIB)
    with server.connect() as client:
        client.ask("/big.bin/60/big.bin", headers={"User-Agent": "x64dbg"})
        gate.wait(1)
        head = client.head()
        assert head.status == 200 and head["Content-Length"] == str(len(plain)), head
        assert client.read(MIB // 2) == plain[:MIB // 2] and not gate.released
        gate.release()
        assert client.read(len(plain) - MIB // 2) == plain[MIB // 2:]


@of("C62", "rgw lower", "rgw debuginfod")
def test_outage_by_build_id(place, proxy, serve):
    server = behind(proxy, place, serve, **IMPATIENT)
    proxy.fault(SERVER_ERROR)
    assert is_fault(server.fetch("/buildid/{debug.build_id}/debuginfo".format(**place.files),
                                 headers=CLIENTS["debuginfod"]))


@of("C69", "rgw lower", "rgw mszip")
def test_overwritten_under_a_reader(place, make_bucket, rgw, proxy, serve):
    """S3 gives the rest of the old one no more, so the connection is cut; the next gets the new."""
    old, new = place.files["pdb"], symbols.altered(place.files["pdb"])
    shelf = Bucket(rgw, make_bucket(), place.layout)
    layouts.put(shelf, old)
    rest = proxy.hold(lambda r: reads(place, "pdb")(r) and first_byte(r) == 100_000)
    proxy.fault(faults.cut(100_000), reads(place, "pdb"), times=1)
    server = serve(stores=shelf.url(at=proxy), **PATIENT)
    with server.connect() as client:
        client.ask(f"/{old}")
        rest.wait(1)
        layouts.put(shelf, new)
        rest.release()
        answer = client.answer()
    assert answer.cut and answer.body == old.data[:len(answer.body)], answer
    assert server.fetch(f"/{old}").body == new.data


@of("C69", "file lower")
def test_replaced_under_a_reader(place, tmp, serve):
    """Who has opened the old file reads it to its end."""
    shelf = Directory(tmp, place.layout)
    shelf.write("big.bin/0123456789/big.bin", Pattern(24 * MIB, 1).bytes())
    shelf.write("new", Pattern(24 * MIB, 2).bytes())
    server = serve(stores=shelf.url())
    with Client(server.port, receive_buffer=4096) as client:
        client.ask("/big.bin/0123456789/big.bin")
        assert client.head().status == 200
        (tmp / "new").rename(tmp / "big.bin/0123456789/big.bin")
        assert client.read(24 * MIB) == Pattern(24 * MIB, 1).bytes()
    until(lambda: server.fetch("/big.bin/0123456789/big.bin").body == Pattern(24 * MIB, 2).bytes())


@of("C70", "rgw lower", "rgw mszip", "rgw gzip", "rgw zstd")
def test_torn_in_the_middle(place, proxy, serve):
    """Once: continued where it broke off. For good: cut and never complete, or 503 if no head has
    left before."""
    whole = place.files["pdb"].data
    server = behind(proxy, place, serve)
    proxy.fault(faults.cut(100_000), lambda r: reads(place, "pdb")(r) and first_byte(r) == 0)
    proxy.fault(SERVER_ERROR, lambda r: reads(place, "pdb")(r) and first_byte(r) > 0)
    torn = ask(server, place, "pdb")
    assert torn.status == 503 or torn.cut and torn.body == whole[:len(torn.body)], torn
    proxy.heal()
    proxy.fault(faults.cut(100_000), reads(place, "pdb"), times=1)
    found("pdb")(ask(server, place, "pdb"), place)


@of("C73", "rgw lower", "file lower")
def test_slow_and_idle_clients(place, big, serve):
    """Who says nothing is not waited for; who reads nothing holds back nobody."""
    target, _ = big(place)
    server = serve(stores=place.shelf.url(), **PATIENT, HEADER_TIMEOUT=ms(1), IDLE_TIMEOUT=ms(1),
                   MIN_SEND_RATE="0", THREADS="1")
    slow = [Client(server.port, receive_buffer=4096) for _ in range(20)]
    for client in slow:
        client.ask(target)
        assert client.head().status == 200 and len(client.read(1)) == 1
    silent, halfway, idle = [server.connect() for _ in range(3)]
    halfway.send(b"GET / HTTP/1.1\r\n")
    found("pdb")(idle.fetch(f"/{place.files['pdb']}"), place)
    gone = threading.Event()
    dripping = server.connect()

    def drip():
        with contextlib.suppress(OSError):
            while not gone.wait(0.1):
                dripping.send(b"G")
    thread = threading.Thread(target=drip)
    thread.start()
    for client in (silent, halfway, idle, dripping):
        assert client.closed()
        client.close()
    gone.set()
    thread.join()
    for client in slow:
        client.close()
    assert server.metrics()["pepto_closed_total", '{limit="header_timeout"}'] >= 2


@of("C74", "rgw lower", "rgw mszip", "rgw zstd")
@pytest.mark.cache_on
def test_a_crowd_costs_one_fetch(place, proxy, serve):
    server = behind(proxy, place, serve, LOG_LEVEL="debug", **PATIENT)
    _, data, _ = place.layout.lay(place.files["pdb"])
    gate = proxy.hold(key_in(place, "pdb"))
    clients = [server.connect() for _ in range(100)]
    for n, client in enumerate(clients):
        client.ask(f"/{place.files['pdb']:{('lower', 'upper', '')[n % 3]}}")
    server.wait_in_flight(100, key=key_in(place, "pdb"))
    gate.release()

    def take(client):
        with client:
            found("pdb")(client.answer(), place)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(take, clients))
    assert [request.sent for request in proxy.asked(reads(place, "pdb"))] == [len(data)]


@of("C24", "rgw lower")
def test_a_server_with_https_redirects_nobody(place, serve, proxy, tmp):
    """symsrv asks by http, and follows no redirect to https."""
    cert, key = Papers(tmp / "papers").sign("server")
    server = behind(proxy, place, serve, TLS_PORT=0, TLS_CERT=cert, TLS_KEY=key)
    assert server.tls_port not in (0, server.port)
    found("pdb")(ask(server, place, "pdb"), place)


@of("C77", "rgw private")
def test_a_bucket_with_dots_over_tls(place, rgw, make_bucket, authority, serve):
    """`*.s3.localhost` does not cover a.b.s3.localhost."""
    shelf = Bucket(rgw, make_bucket("conformance.with.dots"), place.layout)
    layouts.put(shelf, place.files["pdb"])
    server = serve(stores=shelf.url(at=f"https://s3.localhost:{rgw.plain_tls}"),
                   AWS_CA_BUNDLE=authority[0], **shelf.settings)
    found("pdb")(ask(server, place, "pdb"), place)


@pytest.mark.parametrize("row", [pytest.param(row, id=row, marks=pytest.mark.skip(reason=why))
                                 for row, why in LATER.items()])
def test_does_not_apply(row):
    """Listed, so that nobody looks for it in vain."""


# the samples of `make run`

@pytest.mark.parametrize("layout", ["lower", "symstore", "twotier"])
def test_the_store_of_make_run(layout, tmp, serve):
    """Real programs with their PDBs, their names with spaces, `+` and letters beyond ASCII."""
    keys = real_store(tmp, layout)
    server = serve(stores=f"file://{tmp}")
    assert len(keys) == 8
    for key in keys:
        path = key.split("/", 1)[1] if layout == "twotier" else key
        for asked in (path, path.upper(), path.lower()):
            assert server.fetch("/" + quote(asked)).body == (tmp / key).read_bytes(), asked


# the table itself

def test_every_row_is_here():
    of_functions = re.findall(r'^@of\("(C\d\d)"', pathlib.Path(__file__).read_text(), re.M)
    assert {row.id for row in TABLE} | set(of_functions) == ROWS - set(LATER)


def test_the_files_are_what_their_keys_say(files, tmp):
    """By another reading of them; and packed they are what other tools unpack."""
    for symbol in files.values():
        file = tmp / symbol.name
        file.write_bytes(symbol.data)
        if symbol.is_pdb() or symbol.data.startswith(b"MZ"):
            told = subprocess.run([ROOT / "tools/symkey.py", file], check=True, text=True,
                                  capture_output=True).stdout
            assert told.strip() == symbol.path
    for form, command in ((layouts.mszip_twin, "cabextract -qp"), (layouts.gzip_twin, "gzip -dc"),
                          (layouts.lzx_twin, "cabextract -qp"), (layouts.zstd_twin, "zstd -dcqq")):
        for symbol in (*map(files.get, ("pdb", "exe", "odd")), *symbols.by_symstore().values()):
            packed = tmp / ("packed." + form(symbol)[0].rpartition(".")[2])
            packed.write_bytes(form(symbol)[1])
            told = subprocess.run([*command.split(), packed], check=True, stdout=subprocess.PIPE)
            assert told.stdout == symbol.data
