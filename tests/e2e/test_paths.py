# SPDX-License-Identifier: MIT
"""From what debuggers write in the request line to the key that S3 is asked for (protocol 1.7)."""

from urllib.parse import quote

import pytest

from conftest import KEYS
from rig.client import is_miss
from rig.origin import Origin
from rig.samples import BUILD_ID, GUID, KEY
from rig.server import s3

LOW = KEY.lower()
STORED = {
    f"foo.pdb/{LOW}/foo.pdb", f"my app.pdb/{LOW}/my app.pdb", f"c++rt.pdb/{LOW}/c++rt.pdb",
    f"a+b c.pdb/{LOW}/a+b c.pdb",
    "foo.exe/5617d4fe8000/foo.exe", f"managed.pdb/{GUID.lower()}ffffffff/managed.pdb",
    f"grün.pdb/{LOW}/grün.pdb",
    f"ça va.pdb/{LOW}/ça va.pdb", f"100%.pdb/{LOW}/100%.pdb", f"a%41.pdb/{LOW}/a%41.pdb",
    f"a#b.pdb/{LOW}/a#b.pdb",
    f"a?b.pdb/{LOW}/a?b.pdb", f"foo.pdb/{LOW}/foo.sym",
    f"_.debug/elf-buildid-sym-{BUILD_ID}/_.debug",
    f"_.dwarf/mach-uuid-sym-{GUID.lower()}/_.dwarf", f"libc.so.6/elf-buildid-{BUILD_ID}/libc.so.6",
    f"foo.pdb/{LOW}/file.ptr", "readme.txt", "one/two", "a/b/c/d/e/f.bin",
    f"..foo.pdb/{LOW}/..foo.pdb",
    f"x.ni.r2rmap/r2rmap-v1-{GUID.lower()}/x.ni.r2rmap", f"{'n' * 100}.pdb/{LOW}/{'n' * 100}.pdb",
    f"a&b=c;d,e@f$g.pdb/{LOW}/a&b=c;d,e@f$g.pdb", f"dir name/{LOW}/file (1)~.pdb",
}


@pytest.fixture(scope="module")
def bucket():
    origin = Origin()
    for key in STORED:
        origin.put("paths", key, key.encode())
    yield origin
    origin.stop()


@pytest.fixture(scope="module")
def server(bucket, serve_all):
    return serve_all(stores=s3("paths", bucket))


def rows(table):
    """(rows, target, key) with an id that can be read"""
    return [pytest.param(target, key, id=f"{names} {target[:60]}",
                         marks=pytest.mark.row(*names.split()) if names else ())
            for names, target, key in table]


FOO = f"foo.pdb/{LOW}/foo.pdb"
FOUND = rows([
    ("C01", f"/foo.pdb/{KEY}/foo.pdb", FOO),
    ("C05", f"//foo.pdb/{KEY}/foo.pdb", FOO), ("C05", f"///foo.pdb//{KEY}///foo.pdb", FOO),
    ("C09", f"/Foo.Pdb/{KEY}/FOO.PDB", FOO), ("C09", f"/FOO.PDB/{KEY.upper()}/FOO.PDB", FOO),
    ("C09", f"/foo.pdb/{GUID[:9].lower()}{GUID[9:]}a/foo.pdb", FOO),
    ("C10", f"/foo.pdb/{GUID}a/foo.pdb", FOO), ("C10", f"/foo.pdb/{GUID}A/foo.pdb", FOO),
    ("C64 C27", f"/foo.pdb/{LOW}/foo.pdb", FOO),
    ("C11", f"/my%20app.pdb/{KEY}/my%20app.pdb", f"my app.pdb/{LOW}/my app.pdb"),
    ("C11", f"/my+app.pdb/{KEY}/my+app.pdb", f"my app.pdb/{LOW}/my app.pdb"),
    ("C11", f"/my%2bapp.pdb/{KEY}/my%2bapp.pdb", f"my app.pdb/{LOW}/my app.pdb"),
    ("C11", f"/my%2Bapp.pdb/{KEY}/my%20app.pdb", f"my app.pdb/{LOW}/my app.pdb"),
    ("C11", f"/My App.pdb/{KEY}/My App.pdb", f"my app.pdb/{LOW}/my app.pdb"),
    ("C12", f"/c++rt.pdb/{KEY}/c++rt.pdb", f"c++rt.pdb/{LOW}/c++rt.pdb"),
    ("C12", f"/c%2B%2Brt.pdb/{KEY}/c%2b%2brt.pdb", f"c++rt.pdb/{LOW}/c++rt.pdb"),
    ("C12", f"/a+b%20c.pdb/{KEY}/a+b%20c.pdb", f"a+b c.pdb/{LOW}/a+b c.pdb"),
    ("C13", f"/c%3a%5cbuild%5cfoo.pdb/{KEY}/foo.pdb", FOO),
    ("C13", f"/c%3A%5Cbuild%5CFoo.pdb/{KEY}/Foo.pdb", FOO),
    ("C13", f"/c:\\build\\out dir\\foo.pdb/{KEY}/foo.pdb", FOO),
    ("C13", f"/%5c%5cserver%5cshare%5cfoo.pdb/{KEY}/foo.pdb", FOO),
    ("C13", f"/build%5cfoo.pdb/{KEY}/foo.pdb", FOO),
    ("C14", f"/foo.pdb/{KEY}/foo.pdb?sig=abc&x=%zz", FOO), ("C14", f"/foo.pdb/{KEY}/foo.pdb?", FOO),
    ("C14", f"/foo.pdb/{KEY}/foo.pdb?a/b/../c", FOO), ("C14", f"/foo.pdb/{KEY}/foo.pdb?%00", FOO),
    ("C52", f"/foo.pdb/{KEY}/foo.sym?code_file=foo.exe&code_id=5617d4fe8000",
     f"foo.pdb/{LOW}/foo.sym"),
    ("C21", f"/foo.pdb/{KEY}/file.ptr", f"foo.pdb/{LOW}/file.ptr"),
    ("C28", f"/managed.pdb/{GUID.lower()}FFFFFFFF/managed.pdb",
     f"managed.pdb/{GUID.lower()}ffffffff/managed.pdb"),
    ("C30", f"/fo/foo.pdb/{KEY}/foo.pdb", FOO), ("C30", f"/FO/foo.pdb/{KEY}/foo.pdb", FOO),
    ("C36", f"/_.debug/elf-buildid-sym-{BUILD_ID}/_.debug",
     f"_.debug/elf-buildid-sym-{BUILD_ID}/_.debug"),
    ("C36", f"/_.debug/elf-buildid-sym-{BUILD_ID.upper()}/_.debug",
     f"_.debug/elf-buildid-sym-{BUILD_ID}/_.debug"),
    ("C36", f"/_.dwarf/mach-uuid-sym-{GUID}/_.dwarf",
     f"_.dwarf/mach-uuid-sym-{GUID.lower()}/_.dwarf"),
    ("C36", f"/libc.so.6/elf-buildid-{BUILD_ID}/libc.so.6",
     f"libc.so.6/elf-buildid-{BUILD_ID}/libc.so.6"),
    ("C36", f"/x.ni.r2rmap/r2rmap-v1-{GUID}/x.ni.r2rmap",
     f"x.ni.r2rmap/r2rmap-v1-{GUID.lower()}/x.ni.r2rmap"),
    ("C79", f"http://symbols.example:8080/foo.pdb/{KEY}/foo.pdb", FOO),
    ("C79", f"HTTP://h/foo.pdb/{KEY}/foo.pdb?x=1", FOO),
    ("C79", f"https://user:pw@[::1]:1/foo.pdb/{KEY}/foo.pdb", FOO),
    ("C78", f"/gr%C3%BCn.pdb/{KEY}/gr%c3%bcn.pdb", f"grün.pdb/{LOW}/grün.pdb"),
    ("C78", f"/grün.pdb/{KEY}/grün.pdb", f"grün.pdb/{LOW}/grün.pdb"),
    ("C78 C09", f"/GRÜN.PDB/{KEY}/GR%C3%9CN.PDB", f"grün.pdb/{LOW}/grün.pdb"),
    ("C78", f"/Ça%20Va.pdb/{KEY}/Ça%20Va.pdb", f"ça va.pdb/{LOW}/ça va.pdb"),
    ("C78", f"/100%25.pdb/{KEY}/100%25.pdb", f"100%.pdb/{LOW}/100%.pdb"),
    ("C78", f"/a%2541.pdb/{KEY}/a%2541.pdb", f"a%41.pdb/{LOW}/a%41.pdb"),
    ("C78", f"/a%23b.pdb/{KEY}/a%23b.pdb", f"a#b.pdb/{LOW}/a#b.pdb"),
    ("C78", f"/a%3Fb.pdb/{KEY}/a%3fb.pdb", f"a?b.pdb/{LOW}/a?b.pdb"),
    ("C78", f"/a&b=c;d,e@f$g.pdb/{KEY}/a%26b%3Dc%3Bd%2Ce%40f%24g.pdb",
     f"a&b=c;d,e@f$g.pdb/{LOW}/a&b=c;d,e@f$g.pdb"),
    ("", f"/%66%6F%6f.pdb/{KEY}/f%6Fo%2epdb", FOO),
    ("", "/readme.txt", "readme.txt"), ("", "/one/two", "one/two"),
    ("", "/a/b/c/d/e/f.bin", "a/b/c/d/e/f.bin"),
    ("", f"/..foo.pdb/{KEY}/..foo.pdb", f"..foo.pdb/{LOW}/..foo.pdb"),
    ("", f"/{'N' * 100}.pdb/{KEY}/{'n' * 100}.pdb", f"{'n' * 100}.pdb/{LOW}/{'n' * 100}.pdb"),
    ("", f"/dir name/{KEY}/file%20(1)~.pdb", f"dir name/{LOW}/file (1)~.pdb"),
])


@pytest.mark.parametrize("target, key", FOUND)
def test_found(target, key, server):
    answer = server.fetch(target)
    assert answer.status == 200 and answer.body == key.encode(), answer


@pytest.mark.parametrize("name", sorted(STORED))
def test_every_key_can_be_reached(name, server):
    """Each of them, percent-encoded as a careful client does."""
    assert server.fetch("/" + quote(name)).body == name.encode()


@pytest.mark.row("C67")
@pytest.mark.parametrize("target", [
    "/../etc/passwd", f"/foo.pdb/../foo.pdb/{KEY}/foo.pdb", f"/%2e%2e/foo.pdb/{KEY}/foo.pdb",
    f"/foo.pdb/{KEY}/..", f"/./foo.pdb/{KEY}/foo.pdb",
    "/foo.pdb/%2E/foo.pdb", "/..%2f..%2fetc%2fpasswd", "/..%5c..%5cwindows", "/..\\..\\x",
    f"/foo.pdb/{KEY}/foo.pdb%00", "/%00",
    f"/foo.pdb%00/{KEY}/foo.pdb", "/%01/x/y", f"/foo%0a.pdb/{KEY}/foo%0a.pdb",
    f"/foo%0d%0aX:y/{KEY}/z", f"/foo%7f.pdb/{KEY}/x", "/%zz", "/%", "/%4",
    f"/foo.pdb/{KEY}/foo.pd%g0",
    "/" + "a" * 2_000, "/" + "a/" * 900 + "b", f"/{'b' * 1_100}.pdb/{KEY}/{'b' * 1_100}.pdb",
    "/" + "%61" * 5_000, f"/{'x' * 30_000}",
    f"/foo.pdb/{KEY}/", "/foo.pdb", "/%ff%fe", f"/%c3/{KEY}/%c3", f"/foo%09/{KEY}/x",
    "/" + "a/" * 17 + "x",
])
def test_not_found(target, server):
    assert is_miss(server.fetch(target))


@pytest.mark.row("C67")
@pytest.mark.parametrize("target",
                         ["/..%2fx", "/%2e%2e/x/y", "/%00", "/%zz", "/" + "a" * 2_000,
                          f"/foo%0a/{KEY}/x"])
def test_what_can_be_no_key_is_not_asked(target, server, bucket):
    bucket.forget()
    server.fetch(target)
    assert not bucket.asked()


@pytest.mark.row("C67")
def test_a_raw_nul_ends_the_path(server):
    with server.connect() as client:
        client.ask(f"/foo.pdb/{KEY}/foo.pdb\0/../x")
        assert client.answer().body == FOO.encode()


@pytest.mark.row("C67")
def test_odd_paths_are_escaped_in_the_log(server):
    server.fetch('/"quoted"%0amsg=forged%20level=error/%1b[31m/x')
    for odd in ("\u202e", "\u2028", "\u2029", "\u200b", "\u2066", "\x9b", "\ufeff", "\U000e0041"):
        server.fetch("/a" + quote(odd) + "b/x", headers={"User-Agent": f"a{odd}b"})
        server.fetch(f"/a{odd}b/x")
    server.fetch("/%ff%c0%af/x")
    assert not server.log(msg="forged")
    lines = "\n".join(server.text)
    assert lines.replace("\n", "").isprintable() and "\ufffd" not in lines
    assert r'path="/a\u202eb/x"' in lines and r'agent="a\u202eb"' in lines


@pytest.mark.row("C08")
def test_base_path_in_any_case(bucket, serve):
    """cdb lower-cases the path of the store's URL."""
    server = serve(stores=s3("paths", bucket), BASE_PATH="/Team/Symbols")
    for base in ("/Team/Symbols", "/team/symbols", "/TEAM/SYMBOLS", "//team//symbols",
                 "/team/symbols/"):
        assert server.fetch(f"{base}/foo.pdb/{KEY}/foo.pdb").status == 200, base
    assert server.fetch("/team/symbols/pingme.txt").status == 200
    assert server.fetch("/team/symbols/index2.txt").status == 404
    assert server.fetch("/team/symbols/").status == 200
    for outside in (f"/foo.pdb/{KEY}/foo.pdb", f"/team/foo.pdb/{KEY}/foo.pdb",
                    f"/team/symbolsfoo.pdb/{KEY}/foo.pdb"):
        assert is_miss(server.fetch(outside)), outside


@pytest.mark.row("C07")
@pytest.mark.parametrize("asked_two", [False, True])
def test_two_tier_bucket(asked_two, stage, serve):
    """404 on index2.txt and one-tier requests served, or 200 and two-tier: whichever,
    consistently."""
    origin = stage(Origin)
    origin.put("two", "index2.txt", b"")
    origin.put("two", f"fo/{FOO}", b"two-tier")
    server = serve(stores=s3("two", origin))
    announced = server.fetch("/index2.txt").status
    assert announced in (200, 404)
    tiers = f"/fo/{FOO}" if announced == 200 or asked_two else f"/{FOO}"
    assert server.fetch(tiers).body == b"two-tier"


@pytest.mark.row("C63")
def test_debuginfod_sources_are_a_miss(server):
    """The debug file itself is found since the server knows where a store has it."""
    for target in (f"/buildid/{BUILD_ID}/source/usr/src/x.c", f"/buildid/{BUILD_ID}/section/.text"):
        assert is_miss(server.fetch(target))
    answer = server.fetch(f"/buildid/{BUILD_ID}/debuginfo")
    assert answer.body == f"_.debug/elf-buildid-sym-{BUILD_ID}/_.debug".encode()
    assert answer["X-DEBUGINFOD-SIZE"] == answer["Content-Length"]


@pytest.mark.row("C31")
def test_symbol_checksum_of_40_kib(server):
    """dotnet-symbol's default headers grow with every request of a process."""
    checksum = ";".join(["SHA256:" + "ab" * 32] * 560)
    assert 39 << 10 < len(checksum) < 41 << 10
    assert server.fetch(f"/foo.pdb/{KEY}/foo.pdb",
                        headers={"SymbolChecksum": checksum}).status == 200
    lines = {f"SymbolChecksum-{n}": checksum[:400] for n in range(98)}
    assert server.fetch(f"/foo.pdb/{KEY}/foo.pdb", headers=lines).status == 200


@pytest.mark.parametrize("target", ["/000Adm%C4%B0n/{0}/000Adm%C4%B0n",
                                    "/00/000Adm%C4%B0n/{0}/000Adm%C4%B0n",
                                    "/000adm%C4%B1n/{0}/000adm%C4%B1n"])
def test_admin_folder_in_letters_that_fold_to_it(target, origin, serve):
    """A letter whose lower case is i does not open what is kept from everybody."""
    for letter in ("i", "\u0131"):
        admin = f"000adm{letter}n"
        for prefix in ("", "00/"):
            origin.put("bucket", f"{prefix}{admin}/{KEY.lower()}/{admin}", b"not for everybody")
    server = serve(stores=s3("bucket", origin), **KEYS)
    answer = server.fetch(target.format(KEY))
    if "B1" not in target:
        assert is_miss(answer)
    assert not origin.asked(lambda r: "000admin" in r.path.lower())
