# SPDX-License-Identifier: MIT
"""The journeys of real clients, request by request, over real PE and PDB files in a real bucket.

Each client's habits are those of the protocol notes (section 5): order of requests, headers, what
it takes for an answer. The last test holds this suite to the conformance table (section 7.3):
every row has a test, or a reason. """

import pathlib
import re
import struct
from urllib.parse import quote

import pytest

from conftest import KEYS
from rig import faults
from rig.client import is_fault, is_miss
from rig.faultproxy import FaultProxy
from rig.origin import Origin
from rig.rows import LATER, ROWS
from rig.samples import BUILD_ID, GUID, Pattern, body, path, real_store
from rig.server import s3, until

LAYOUTS = ("lower", "symstore", "twotier")


@pytest.fixture(scope="module")
def files(workdir):
    """{layout: {key: bytes}}"""
    made = {}
    for layout in LAYOUTS:
        directory = workdir / f"samples-{layout}"
        made[layout] = {key: (directory / key).read_bytes()
                        for key in real_store(directory, layout)}
    return made


@pytest.fixture(scope="module")
def names(files):
    """(name, key) of each file in symstore's case: what a debugger reads out of a module and asks
    for"""
    return {tuple(key.split("/")[:2]): content for key, content in files["symstore"].items()}


@pytest.fixture(scope="module")
def bucket(rgw, make_bucket, files):
    """All files under lower-case keys, as the original asks for them; nobody may list it."""
    name = make_bucket()
    for key, content in files["lower"].items():
        rgw.client().put_object(Bucket=name, Key=key, Body=content)
    rgw.allow(name, "GetObject")
    return name


@pytest.fixture(scope="module")
def gateway(rgw):
    proxy = FaultProxy(rgw.plain)
    yield proxy
    proxy.stop()


@pytest.fixture(scope="module")
def server(bucket, gateway, serve_all):
    return serve_all(stores=s3(bucket, gateway))


@pytest.fixture(autouse=True)
def healthy(gateway):
    yield
    gateway.heal()


def pick(names, ending):
    return next((name, key, content) for (name, key),
                content in names.items() if name.endswith(ending))


def twin(name):
    return name[:-1] + "_"


@pytest.mark.row("C01", "C02", "C05", "C06")
def test_symsrv_finds_everything(names, server):
    """WinInet: once index2.txt, then plain for each file; here every name, with spaces, +, and
    letters beyond ASCII."""
    with server.connect() as client:
        wininet = {"Accept-Encoding": "gzip", "User-Agent": "Microsoft-Symbol-Server/10.1710.0.0",
                   "Cache-Control": "no-cache",
                   "Connection": "Keep-Alive"}
        assert is_miss(client.fetch("//index2.txt", headers=wininet))
        for (name, key), content in names.items():
            answer = client.fetch("//" + quote(f"{name}/{key}/{name}"), headers=wininet)
            assert answer.status == 200 and answer.body == content, name
            assert answer["Content-Encoding"] is None
            for last in (name, twin(name), "file.ptr"):
                assert is_miss(client.fetch(quote(f"/{name}/{key[::-1]}/{last}"), headers=wininet))


@pytest.mark.row("C27")
def test_symproxy(names, server):
    """WinHTTP: all lower-case, Pragma, no gzip."""
    name, key, content = pick(names, ".pdb")
    answer = server.fetch("/" + quote(f"{name}/{key}/{name}".lower()),
                          headers={"Pragma": "no-cache", "Cache-Control": "no-cache"})
    assert answer.body == content and answer["Content-Encoding"] is None


@pytest.mark.row("C09", "C10", "C28", "C64")
def test_every_case_on_the_wire(names, server):
    """The table of 2.1: symsrv, SYMSRV2, dotnet, x64dbg, radare2, Rider."""
    for (name, key), content in names.items():
        for n, k in ((name, key), (name, key.upper()), (name.lower(), key.lower()),
                     (name.upper(), key.upper()),
                     (name, key[:32].lower() + key[32:].upper())):
            assert server.fetch("/" + quote(f"{n}/{k}/{n}")).body == content, (n, k)


@pytest.mark.row("C26")
def test_symsrv2(names, server):
    """Several connections, each with its misses and hits in turn; keys all upper-case."""
    wanted = list(names.items())[:4]
    clients = [server.connect() for _ in wanted]
    for client in clients:
        client.ask("/index2.txt")
    for client in clients:
        assert client.answer().status == 404
    for last in (twin, lambda name: "file.ptr"):
        for client, ((name, key), _) in zip(clients, wanted):
            client.ask("/" + quote(f"{name}/{key.upper()}/{last(name)}"))
        for client in clients:
            assert is_miss(client.answer())
    for client, ((name, key), content) in zip(clients, wanted):
        assert client.fetch("/" + quote(f"{name}/{key.upper()}/{name}")).body == content
        client.close()


@pytest.mark.row("C32", "C33", "C34", "C31")
def test_dotnet_symbol(names, server, gateway):
    """Anything but 200, 404 and 5xx would end the store for the life of the process; its checksum
    header grows."""
    name, key, content = pick(names, ".pdb")
    checksum = "SHA256:" + "ab" * 32
    with server.connect() as client:
        def ask(target):
            nonlocal checksum
            checksum += ";SHA256:" + "cd" * 32
            return client.fetch(quote(target),
                                headers={"SymbolChecksum": checksum,
                                         "X-TFS-FedAuthRedirect": "Suppress"})
        assert ask(f"/gone.pdb/{key}/gone.pdb").status == 404
        gateway.fault(faults.status(503, "SlowDown"))
        assert is_fault(ask(f"/gone2.pdb/{key}/gone2.pdb"))
        gateway.heal()
        assert until(lambda: ask(f"/{name.lower()}/{key.lower()}/{name.lower()}").body == content)


@pytest.mark.row("C37", "C30", "C02")
def test_perfview(names, server):
    """Six requests for a miss, the last three two-tier; only `Accept: application/msfz0`; reads
    no other type."""
    name, key, content = pick(names, ".pdb")
    headers = {"User-Agent": "Microsoft-Symbol-Server/6.13.0009.1140",
               "Accept": "application/msfz0"}
    with server.connect() as client:
        for prefix in ("", "go/"):
            for last in ("gone.pdb", "gone.pd_", "file.ptr"):
                assert is_miss(client.fetch(f"/{prefix}gone.pdb/{key}/{last}", headers=headers))
        for prefix in ("", name[:2] + "/"):
            answer = client.fetch("/" + quote(f"{prefix}{name}/{key}/{name}"), headers=headers)
            assert answer.body == content and answer["Content-Type"].endswith("octet-stream")
            assert content.startswith(b"Microsoft C/C++ MSF 7.00")


@pytest.mark.row("C43", "C44")
def test_lldb(names, server):
    """One GET; 200 with a body or 404, else it warns the user."""
    name, key, content = pick(names, ".pdb")
    assert server.fetch("/" + quote(f"{name}/{key}/{name}"),
                        headers={"User-Agent": "LLVM-HTTPClient/1.0"}).body == content
    assert is_miss(server.fetch(f"/gone.pdb/{key}/gone.pdb"))


@pytest.mark.row("C45", "C46")
def test_samply(names, server):
    """Plain and compressed at once, the first success in order counts, the other is dropped."""
    name, key, content = pick(names, ".dll")
    with server.connect() as plain, server.connect() as packed:
        for client, last in ((plain, name), (packed, twin(name))):
            client.ask("/" + quote(f"{name}/{key}/{last}"), headers={"Accept-Encoding": "gzip"})
        assert plain.answer().body == content
    assert server.fetch("/" + quote(f"{name}/{key}/{name}")).body == content


@pytest.mark.row("C47", "C50")
def test_symbolicator(names, server):
    """Compressed first, then plain, each with a range of 128 MiB, accepting every encoding."""
    name, key, content = pick(names, ".pdb")
    headers = {"Range": "bytes=0-134217727", "Accept-Encoding": "br, deflate, gzip, zstd",
               "User-Agent": "symbolicator/24.1.0"}
    assert is_miss(server.fetch("/" + quote(f"{name}/{key}/{twin(name)}"), headers=headers))
    answer = server.fetch("/" + quote(f"{name}/{key}/{name}"), headers=headers)
    assert answer.status == 206 and answer.body == content and answer["Content-Encoding"] is None
    assert answer["Content-Range"] == f"bytes 0-{len(content) - 1}/{len(content)}"


@pytest.mark.row("C54", "C56")
def test_radare2(names, server, gateway):
    """It looks at no status: every body becomes the PDB, every `Location:` in the head a
    redirect."""
    name, key, content = pick(names, ".pdb")
    headers = {"User-Agent": "radare2 5.8.0", "Accept": "*/*"}
    hit = server.fetch("/" + quote(f"{name}/{key.upper()}/{name}"), headers=headers)
    assert re.search(rb"Content-Length: %d\r?\n?" % len(content), hit.head) and hit.body == content
    miss = server.fetch(f"/gone.pdb/{key}/gone.pdb", headers=headers)
    gateway.fault(faults.status(500, "InternalError"))
    outage = server.fetch(f"/gone2.pdb/{key}/gone2.pdb", headers=headers)
    assert is_miss(miss) and is_fault(outage)
    for answer in (hit, miss, outage):
        assert len(answer.head) < 8192 and b"location:" not in answer.head.lower()
    gateway.heal()
    until(lambda: server.fetch("/" + quote(f"{name}/{key}/{name}")).status == 200)


@pytest.mark.row("C57", "C58", "C65")
def test_ghidra(names, server):
    """HEAD of the base or of pingme.txt makes a server valid; HEAD before each GET."""
    name, key, content = pick(names, ".pdb")
    with server.connect() as client:
        assert client.fetch("/", "HEAD").status == 200
        assert client.fetch("/pingme.txt", "HEAD").status == 200
        assert client.fetch("/index2.txt", "HEAD").status == 404
        head = client.fetch("/" + quote(f"{name}/{key}/{name}"), "HEAD")
        assert head.status == 200 and head["Content-Length"] == str(len(content))
        assert client.fetch("/" + quote(f"{name}/{key}/{name}")).body == content
        assert client.fetch(f"/gone.pdb/{key}/gone.pdb", "HEAD").status == 404


@pytest.mark.row("C60")
def test_x64dbg(names, server):
    """Receive timeout of one second, also for a file that nobody asked before."""
    for (name, key), content in names.items():
        with server.connect(timeout=1) as client:
            assert client.fetch("/" + quote(f"{name}/{key.upper()}/{name}"),
                                headers={"User-Agent": "x64dbg"}).body == content


@pytest.mark.row("C36", "C52", "C35")
def test_other_shapes(stage, serve):
    """SSQP and Breakpad keys pass through as they are stored."""
    origin = stage(Origin)
    shapes = [f"_.debug/elf-buildid-sym-{BUILD_ID}/_.debug", f"app/elf-buildid-{BUILD_ID}/app",
              f"_.dwarf/mach-uuid-sym-{GUID.lower()}/_.dwarf",
              f"_.debug/elf-buildid-sym-{BUILD_ID[:32]}00000000/_.debug",
              f"foo.pdb/{GUID.lower()}1/foo.sym",
              f"libcoreclr.so/elf-buildid-coreclr-{BUILD_ID}/libcoreclr.so"]
    for shape in shapes:
        origin.put("shapes", shape, shape.encode())
    server = serve(stores=s3("shapes", origin))
    for shape in shapes:
        assert server.fetch("/" + shape).body == shape.encode()
        assert server.fetch(f"/{shape}?code_file=&code_id=").body == shape.encode()


@pytest.mark.row("C61", "C62", "C63")
def test_debuginfod_is_a_miss_for_now(server, gateway):
    """Its layout is not mapped yet: 404. While S3 is down, an outage like any other."""
    for what in ("debuginfo", "executable", "source/usr/src/x.c", "section/.text"):
        assert is_miss(server.fetch(f"/buildid/{BUILD_ID}/{what}"))
    gateway.fault(faults.status(500, "InternalError"))
    assert server.fetch(f"/buildid/{BUILD_ID[::-1]}/debuginfo").status in (404, 503)
    gateway.heal()


@pytest.mark.row("C07", "C30")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_directories_in_every_layout(layout, workdir, files, names, serve):
    """As symstore.exe and others lay a store out on disk; names in any case, one- and two-tier
    requests."""
    server = serve(stores=f"file://{workdir}/samples-{layout}")
    two_tier = server.fetch("/index2.txt").status == 200
    for (name, key), content in names.items():
        one, two = f"/{name}/{key}/{name}", f"/{name[:2]}/{name}/{key}/{name}"
        if not two_tier:
            assert server.fetch(quote(one)).body == content, name
        assert server.fetch(quote(two.lower())).body == content, name


def test_the_samples_are_what_they_claim(names):
    """A PE names its PDB: the key that a debugger would ask for is there."""
    for (name, key), content in names.items():
        if not content.startswith(b"MZ"):
            continue
        at = content.index(b"RSDS")
        a, b, c = struct.unpack_from("<IHH", content, at + 4)
        age, = struct.unpack_from("<I", content, at + 20)
        guid = f"{a:08X}{b:04X}{c:04X}{content[at + 12:at + 20].hex().upper()}"
        asked = content[at + 24:content.index(b"\0", at + 24)].decode()
        assert (asked, f"{guid}{age:x}") in names, name


@pytest.mark.row("C48")
def test_large_object_through_a_real_gateway(rgw, make_bucket, serve):
    name = make_bucket()
    rgw.client().put_object(Bucket=name, Key=path("big.pdb").lower(), Body=body(40_000_000, 5))
    server = serve(stores=s3(name, rgw), **KEYS)
    answer = server.fetch("/" + path("big.pdb"))
    assert answer.body == Pattern(40_000_000, 5).bytes()
    part = server.fetch("/" + path("big.pdb"),
                        headers={"Range": "bytes=39999990-", "If-Range": answer["ETag"]})
    assert part.status == 206 and part.body == answer.body[-10:] and part["ETag"] == answer["ETag"]


def test_every_row_has_a_test():
    """Rows are named by @pytest.mark.row, or in the first column of a table of cases."""
    named = set()
    for file in pathlib.Path(__file__).parent.glob("test_*.py"):
        for names in re.findall(r'"(C\d\d(?: C\d\d)*)"', file.read_text()):
            named |= set(names.split())
    assert named | set(LATER) == ROWS
    assert not named & set(LATER), "a row with a test is not for later"
