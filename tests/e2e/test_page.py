# SPDX-License-Identifier: MIT
"""The page at /: how it is served, and what a browser makes of it.

The programs of tests/page/ drive chromium, light and wide and dark and narrow, against a server with a
real S3 behind it. What they saw is in build/test/page/. """

import base64
import gzip
import html
import json
import os
import pathlib
import re
import struct
import urllib.parse
import uuid

import pytest

from conftest import KEYS
from rig import browser, symbols
from rig.client import is_miss
from rig.samples import KEY, body, path
from rig.server import OVER_TLS, ROOT, s3, until

HTML = {"Accept": "text/html"}
GZIP = {"Accept-Encoding": "br, gzip"}
FILES = {file.name: file.read_bytes() for file in (ROOT / "src/web").iterdir() if file.suffix != ".html"}
TOKEN, UPLOADER, OPERATOR = "0123456789abcdef", "upload-token-1", "operator-token-1"
HELD, OTHERS = ["app.pdb", "hello.pdb"], ["ntdll.pdb", "other.dll"]
LOOKS = [("light", 1280), ("dark", 360)]                # of the programs that do much
ALL_LOOKS = [*LOOKS, ("light", 360), ("dark", 1280)]


# ---- how it is served ----

@pytest.fixture(scope="module")
def plain(serve_all, tmp_path_factory):
    return serve_all(stores=f"file://{tmp_path_factory.mktemp('empty')}")


def test_all_files_are_small():
    assert sum(len(file.read_bytes()) for file in (ROOT / "src/web").iterdir()) <= 80 * 1024


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file(name, plain):
    target = f"/-/web/{name}"
    whole, packed = plain.fetch(target), plain.fetch(target, headers=GZIP)
    assert whole.status == packed.status == 200
    assert whole.body == FILES[name] and whole["Content-Encoding"] is None
    assert gzip.decompress(packed.body) == FILES[name] and packed["Content-Encoding"] == "gzip"
    assert len(packed.body) < len(whole.body)
    assert whole["ETag"] != packed["ETag"] and whole["ETag"].startswith('"')
    for answer in (whole, packed):
        assert answer["Vary"] == "Accept-Encoding" and "no-cache" in answer["Cache-Control"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Content-Type"].startswith("text/css" if name.endswith(".css") else "text/javascript")


@pytest.mark.parametrize("accepts", [{}, GZIP, {"Accept-Encoding": "*"}, {"Accept-Encoding": "gzip;q=0, *"}])
def test_the_same_again_is_304(accepts, plain):
    target = "/-/web/page.js"
    first = plain.fetch(target, headers=accepts)
    again = plain.fetch(target, headers={**accepts, "If-None-Match": first["ETag"]})
    assert again.status == 304 and again.body == b"" and again["ETag"] == first["ETag"]
    other = plain.fetch(target, headers={**accepts, "If-None-Match": '"another"'})
    assert other.status == 200 and other.body == first.body
    head = plain.fetch(target, "HEAD", accepts)
    assert head.status == 200 and head["Content-Length"] == str(len(first.body)) and not head.body
    assert (first["Content-Encoding"] == "gzip") == (accepts.get("Accept-Encoding") in (GZIP["Accept-Encoding"], "*"))


@pytest.mark.parametrize("target", ["/-/web/page.html", "/-/web/none.js", "/-/web/", "/-/web/page.js/x",
                                    "/-/web/..%2fpages.c", "/-/WEB/page.js", "/-/web/page.js%00"])
def test_there_is_nothing_else(target, plain):
    assert plain.fetch(target).status in (400, 404)


def test_what_the_page_may_do(plain):
    answer = plain.fetch("/", headers=HTML)
    policy = dict(rule.strip().split(" ", 1) for rule in answer["Content-Security-Policy"].split(";"))
    assert policy == {"default-src": "'none'", "script-src": "'self'", "style-src": "'self'",
                      "connect-src": "'self'", "img-src": "'self' data:", "frame-ancestors": "'none'",
                      "base-uri": "'none'", "form-action": "'self'"}
    assert answer["X-Content-Type-Options"] == "nosniff" and answer["Referrer-Policy"] == "no-referrer"
    text = answer.body.decode()
    assert not re.search(r"<style|\son\w+=|\sstyle=|<script(?![^>]* src=)", text)
    assert "#upload" not in text and "data-forgets" not in text


def loads(server, at, headers=()):
    """What the page there loads, by the URL that a browser makes of it."""
    page = server.fetch(at, headers={**HTML, **dict(headers)})
    assert page.status == 200
    found = re.findall(r'(?:href|src)="([^"]*-/web/[^"]*)"', page.body.decode())
    assert found and not any(url.startswith(("/", "http")) for url in found)
    return page.body.decode(), [urllib.parse.urljoin(f"http://h{at}", url)[len("http://h"):] for url in found]


BASIC = {"Authorization": "Basic " + base64.b64encode(f"any:{TOKEN}".encode()).decode()}


@pytest.mark.parametrize("base, at, headers", [
    ("", "/", BASIC), ("", f"/t/{TOKEN}", {}), ("", f"/t/{TOKEN}/", {}), ("/sym", "/sym", BASIC),
    ("/sym", "/sym/?x=y/z", BASIC), ("/a b/c", f"/a%20b/c/t/{TOKEN}", {}), ("/a", f"/t/{TOKEN}/a", {})])
def test_behind_a_base_path_and_a_token(base, at, headers, serve, tmp):
    server = serve(stores=f"file://{tmp}", BASE_PATH=base, AUTH_TOKENS=TOKEN, UPLOAD_TOKENS=f"ci {UPLOADER}",
                   ADMIN_TOKEN=OPERATOR)
    text, found = loads(server, at, headers)
    for target in found:
        assert server.fetch(target, headers=headers).status == 200, target
        if headers:
            assert server.fetch(target).status == 401
    top = re.search(r'data-top="([^"]*)"', text)[1]
    assert urllib.parse.urljoin(f"http://h{at.partition('?')[0]}", top) == "http://h/", "uploads and purges lie there"
    assert " data-forgets>" in text and 'href="#upload"' in text
    assert html.escape(f'"Authorization: Bearer TOKEN" http://127.0.0.1:{server.port}/-/upload/s.zip') in text


@pytest.mark.parametrize("public, symbols_at, uploads_at", [
    ("https://sym.example.com/outer/Sym/", "/outer/Sym", "/outer"), ("https://sym.example.com", "", ""),
    ("https://sym.example.com/elsewhere", "/elsewhere", "/elsewhere")])
def test_the_lines_of_a_public_url(public, symbols_at, uploads_at, serve, tmp):
    """Symbols lie below the base path and uploads beside it, in the HTML, the text and NuGet's index."""
    server = serve(stores=f"file://{tmp}", PUBLIC_URL=public, BASE_PATH="/sym", UPLOAD_TOKENS=f"ci {UPLOADER}")
    for headers in (HTML, {}):
        text = html.unescape(server.fetch("/sym", headers=headers).body.decode())
        urls = set(re.findall(r"https://sym\.example\.com[^\s\"<]*", text))
        assert urls == {f"https://sym.example.com{symbols_at}", f"https://sym.example.com{uploads_at}/-/upload/s.zip"}
    index = json.loads(server.fetch("/v3/index.json").body)
    assert {url["@id"].split("/-/")[0].split("/api/")[0] for url in index["resources"]} == {f"https://sym.example.com{uploads_at}"}


def test_page_off(serve, tmp):
    server = serve(stores=f"file://{tmp}", PAGE="off")
    answer = server.fetch("/", headers=HTML)
    assert answer.status == 200 and answer["Content-Type"].startswith("text/plain")
    assert b".sympath srv*" in answer.body and b"<" not in answer.body
    assert is_miss(server.fetch("/-/web/page.js"))


# ---- what a browser makes of it ----

@pytest.fixture(scope="module")
def shop(serve_all, rgw, make_bucket):
    """A server with all that a page can show: names that are held and others, misses, an upload door."""
    bucket = make_bucket()
    for name in HELD:
        rgw.client().put_object(Bucket=bucket, Key=path(name).lower(), Body=body(2_000))
    server = serve_all(stores=s3(bucket, rgw), ADMIN_TOKEN=OPERATOR, UPLOAD_TOKENS=f"ci {UPLOADER}", **KEYS)
    for name in HELD + OTHERS:
        assert is_miss(server.fetch("/" + path(name, "F" + KEY[1:])))
    until(lambda: len(rows := missing(server)) == 4 and all(row["held"] is not None for row in rows))
    return server


def missing(server):
    return json.loads(server.fetch("/-/api/missing").body)["missing"]


def plain_http():
    if OVER_TLS:
        pytest.skip("chromium does not know the authority")


@pytest.fixture(params=LOOKS, ids=lambda look: f"{look[0]}-{look[1]}")
def look(request):
    plain_http()
    scheme, width = request.param
    return {"scheme": scheme, "width": width}


def shown(server):
    return f"http://127.0.0.1:{server.port}"


@pytest.mark.parametrize("program", ["shell", "missing"])
def test_a_tab(program, shop, look, tmp):
    browser.run(program, shown(shop), tmp, shown=shown(shop), uploads=True, held=HELD, others=OTHERS,
                **look)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{role: (file, its path in a store)}"""
    found = symbols.make(tmp_path_factory.mktemp("symbols"))
    files = tmp_path_factory.mktemp("files")

    def lay(symbol):
        (files / symbol.name).write_bytes(symbol.data)
        return str(files / symbol.name), symbol.path
    return {role: lay(found[role]) for role in ("pdb", "exe", "portable", "aged", "space", "elf", "debug", "dsym")}


def dump_of(made, tmp):
    """A minidump with a module of which both files are asked for: the EXE and its PDB."""
    (name, key, _), (pdb, pdb_key, _) = (made[role][1].split("/") for role in ("exe", "pdb"))
    record = b"RSDS" + uuid.UUID(pdb_key[:32]).bytes_le + struct.pack("<I", int(pdb_key[32:], 16)) + pdb.encode() + b"\0"
    text = f"C:\\app\\{name}".encode("utf-16le")
    text = struct.pack("<I", len(text)) + text
    rows_at = 32 + 12
    text_at = rows_at + 4 + 108
    module = struct.pack("<QIIII", 1 << 20, int(key[8:], 16), 0, int(key[:8], 16), text_at) + bytes(52) + \
        struct.pack("<II", len(record), text_at + len(text)) + bytes(24)
    data = b"MDMP" + struct.pack("<IIIIIQ", 42899, 1, 32, 0, 0, 0) + struct.pack("<III", 4, 4 + 108, rows_at) + \
        struct.pack("<I", 1) + module + text + record
    (tmp / "app.dmp").write_bytes(data)
    return {"file": str(tmp / "app.dmp"), "paths": [made["exe"][1], made["pdb"][1]]}


def test_what_is_done_with_answers(shop, made, look, tmp):
    """The readers of dropped files find the keys that the linker's own files have."""
    files = [{"file": file, "paths": [path]} for file, path in made.values()]
    files[1]["paths"].append(made["pdb"][1])
    browser.run("tabs", shown(shop), tmp, files=[*files, dump_of(made, tmp)], **look)


@pytest.fixture
def own(serve, tmp):
    """A server of the test's own, with an upload door to a directory, that can be started anew on its port."""
    (tmp / "store").mkdir()

    def start(**settings):
        return serve(stores=f"file://{tmp}/store", UPLOAD_TOKENS=f"ci {UPLOADER}", **settings)
    return start


@pytest.fixture(scope="module")
def published(shop, made):
    """The path of an EXE in the shop, published as a build."""
    file, at = made["exe"]
    data = pathlib.Path(file).read_bytes()
    with shop.connect() as client:
        client.ask("/-/upload/Foo.exe?product=app+%26+%3Cb%3E&version=7", "PUT",
                   {"Authorization": f"Bearer {UPLOADER}", "Content-Length": str(len(data))})
        client.send(data)
        assert client.answer().status == 201
    return at.lower()


def test_with_the_servers_own_answers(shop, made, published, tmp):
    browser.run("real", shown(shop), tmp, path=published, operator=OPERATOR, missing=path("gone.pdb"),
                files=[made[role][0] for role in ("exe", "aged", "elf")])


@pytest.mark.parametrize("scheme, width", ALL_LOOKS)
def test_each_look(scheme, width, shop, published, tmp):
    plain_http()
    browser.run("looks", shown(shop), tmp, path=published, scheme=scheme, width=width)


def test_a_slow_network(shop, published, tmp):
    plain_http()
    browser.run("slow", shown(shop), tmp, path=published, held=HELD[0])


LONG = 256 << 20    # 1 GiB, once and a half to the disk and hashed, takes longer than a minute on two busy cores


def resident(server):
    """{pid: the most that was ever resident, in bytes} of the server and of the browser's processes, which are below this one."""
    found, parents = {}, {}
    for status in pathlib.Path("/proc").glob("[0-9]*/status"):
        try:
            rows = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        except OSError:
            continue                                    # has ended
        parents[int(rows["Pid"])] = int(rows["PPid"])
        if "VmHWM" in rows and ("chrom" in rows["Name"] or int(rows["Pid"]) == server.pid):
            found[int(rows["Pid"])] = int(rows["VmHWM"].split()[0]) << 10

    def is_ours(pid):
        while pid > 1:
            if pid in (os.getpid(), server.pid):
                return True
            pid = parents.get(pid, 0)
        return False
    return {pid: peak for pid, peak in found.items() if is_ours(pid)}


def grown_little(before, after):
    """A browser and a server that do not hold a long body."""
    assert len(before) > 2, "the server, the browser, and what draws the page"
    assert max(peak - before.get(pid, peak) for pid, peak in after.items()) < LONG / 2, (before, after)


def test_upload(own, made, tmp):
    server = own(release=True)      # of which the memory tells something: a sanitizer keeps what was freed
    files = {role: made[role][0] for role in ("pdb", "exe")}
    other = tmp / ("<img onerror=alert(1)>" + "x" * 200 + ".txt")
    other.write_bytes(b"no symbol file")
    conflict = tmp / "Foo.pdb"
    conflict.write_bytes(pathlib.Path(files["pdb"]).read_bytes() + bytes(4096))
    long = tmp / "Long.exe"
    long.write_bytes(pathlib.Path(files["exe"]).read_bytes())
    os.truncate(long, LONG)                             # sparse
    memory = {}
    browser.run("upload", shown(server), tmp, token=UPLOADER, long=LONG, names={"other": other.name},
                files={**files, "other": str(other), "conflict": str(conflict), "long": str(long)},
                does={"before": lambda: memory.update(resident(server)),
                      "after": lambda: grown_little(memory, resident(server))})
    stored = {file.name: file.stat().st_size for file in (tmp / "store").glob("*/*/*.*")}
    assert len(stored) >= 3 and stored["long.exe"] == LONG


def test_live_and_a_restart(own, tmp):
    servers = [own()]
    port = servers[0].port
    browser.run("live", shown(servers[0]), tmp, does={"stop": lambda: servers[-1].stop(),
                                                      "start": lambda: servers.append(own(PORT=port))})


@pytest.mark.parametrize("base", ["", "/sym"])
def test_tokens(base, own, made, tmp):
    server = own(AUTH_TOKENS=TOKEN, BASE_PATH=base)
    assert is_miss(server.fetch(f"{base}/t/{TOKEN}/{path('gone.pdb')}"))
    until(lambda: json.loads(server.fetch(f"{base}/t/{TOKEN}/-/api/missing").body)["missing"])
    browser.run("access", shown(server), tmp, base=base, token=TOKEN, uploader=UPLOADER, file=made["exe"][0])
