# SPDX-License-Identifier: MIT
"""The upload door: what is taken, what is refused and when, and what of it lies in the store. """

import base64
import io
import json
import random
import struct
import subprocess
import threading
import zipfile
import zlib

import pytest

from conftest import KEYS
from rig import faults, images, symbols
from rig.client import is_miss
from rig.pace import WAIT
from rig.server import OVER_TLS, run, s3, until
from rig.wire import Response

TOKEN, GLOBBED, READER = "upload-token-1", "upload-token-2", "reader-token-1"
TOKENS = f"ci {TOKEN}; app-ci {GLOBBED} foo* small*"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
FORM = {"Content-Type": "multipart/form-data; boundary=XyZ"}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{role: Symbol}"""
    return symbols.make(tmp_path_factory.mktemp("symbols"))


class Kept:
    """A store of either kind, and what lies in it."""

    def __init__(self, url, directory=None, rgw=None, bucket=None, **settings):
        self.url, self.settings = url, settings
        self.directory, self.rgw, self.bucket = directory, rgw, bucket

    def keys(self, ours=False):
        """Of the files, or (ours) of what stands below .pepto/."""
        if self.directory:
            found = [str(p.relative_to(self.directory)) for p in self.directory.rglob("*")
                     if p.is_file() and p.name != "lock"]
        else:
            found = [o["Key"] for o in
                     self.rgw.client().list_objects_v2(Bucket=self.bucket).get("Contents", [])]
        return sorted(key for key in found if key.startswith(".pepto/") == ours)

    def read(self, key):
        if self.directory:
            return (self.directory / key).read_bytes()
        return self.rgw.client().get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def remove(self, key):
        if self.directory:
            (self.directory / key).unlink()
        else:
            self.rgw.client().delete_object(Bucket=self.bucket, Key=key)

    def plan(self, transaction):
        """[what it says of itself, of the first file...]"""
        return [json.loads(line)
                for line in self.read(f".pepto/tx/{transaction}.json").splitlines()]


@pytest.fixture
def directory(tmp):
    path = tmp / "kept"
    path.mkdir()
    return Kept(f"file://{path}", directory=path)


@pytest.fixture(params=["dir", "rgw"])
def kept(request):
    if request.param == "dir":
        return request.getfixturevalue("directory")
    rgw, bucket = request.getfixturevalue("rgw"), request.getfixturevalue("bucket")
    return Kept(s3(bucket, rgw), rgw=rgw, bucket=bucket, **KEYS)


@pytest.fixture
def door(serve, kept):
    return serve(stores=kept.url, UPLOAD_TOKENS=TOKENS, **kept.settings)


@pytest.fixture
def local(serve, directory):
    """A server with a door to a directory, with more settings."""
    def local(**settings):
        return serve(stores=directory.url, **{"UPLOAD_TOKENS": TOKENS, **settings})
    return local


def send(server, target, body, method="PUT", headers=BEARER, length=True):
    """The answer, with .told: its JSON. Where that comes before the body has been read, the body is
    short enough to be on its way as a whole."""
    size = {"Content-Length": len(body)} if length else {"Transfer-Encoding": "chunked"}
    head = {"Host": f"127.0.0.1:{server.port}", **size, **headers}
    lines = [f"{method} {target} HTTP/1.1", *(f"{n}: {v}" for n, v in head.items()), "", ""]
    with server.connect() as client:
        client.send("\r\n".join(lines).encode()
                    + (body if length else b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)))
        answer = client.answer()
    answer.told = json.loads(answer.body) if answer.body else None
    return answer


def put(server, name, body, query="", **how):
    return send(server, f"/-/upload/{name}{query}", body, **how)


def statuses(answer):
    return [(f["name"], f["status"]) for f in answer.told["files"]]


def archive(*entries, method=zipfile.ZIP_DEFLATED):
    """A zip of (name, bytes)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        for name, data in entries:
            z.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def form(*parts):
    """Of (name, bytes)."""
    body = b"".join(b"--XyZ\r\nContent-Disposition: form-data; name=\"f\"; filename=\"%s\"\r\n"
                    b"\r\n%s\r\n" % (name.encode(), data) for name, data in parts)
    return body + b"--XyZ--\r\n"


def key_of(symbol):
    return symbol.path.lower()


def address(server):
    return f"{'https' if OVER_TLS else 'http'}://127.0.0.1:{server.port}"


def curl(server, target, *args):
    """As in the documentation; the answer, which has to be one of success."""
    done = subprocess.run(["curl", "-f", "-sS", *(["-k"] if OVER_TLS else []), *map(str, args),
                           address(server) + target],
                          capture_output=True, text=True, timeout=WAIT)
    assert done.returncode == 0, done
    return json.loads(done.stdout)


def is_served(server, symbol, **how):
    answer = server.fetch("/" + f"{symbol:lower}", **how)
    assert answer.status == 200 and answer.body == symbol.data, answer
    return True


# ---- what is taken

def test_curl(door, kept, made, tmp):
    """As in the documentation. The plan tells whose it is."""
    pdb = made["pdb"]
    (tmp / "Foo.pdb").write_bytes(pdb.data)
    told = curl(door, "/-/upload/Foo.pdb?product=app&version=7&comment=a+b&keep_until=2031-02-03",
                "-T", tmp / "Foo.pdb", "-H", f"Authorization: Bearer {TOKEN}")
    assert told["files"] == [{"name": "Foo.pdb", "key": key_of(pdb), "status": "stored"}]
    assert kept.keys() == [key_of(pdb)]
    assert is_served(door, pdb)
    head, file = kept.plan(told["transaction"])
    assert (head["product"], head["version"], head["comment"]) == ("app", "7", "a b")
    assert head["keep_until"] == "2031-02-03T00:00:00Z"
    assert (head["user"], head["host"], head["files"]) == ("ci", "127.0.0.1", 1)
    assert (file["key"], file["path"], file["size"]) == (key_of(pdb), "Foo.pdb", len(pdb.data))
    assert kept.keys(ours=True)[-1] == f".pepto/tx/{told['transaction']}.json.done"
    line = door.wait_log(msg="request", method="PUT")
    assert line["label"] == "ci" and line["transaction"] == told["transaction"]
    assert TOKEN not in door.stderr()


def test_curl_form(door, kept, made, tmp):
    for role in ("pdb", "exe"):
        (tmp / made[role].name).write_bytes(made[role].data)
    told = curl(door, "/-/upload/", "-u", f"anybody:{TOKEN}", "-F", "product=app",
                "-F", f"a=@{tmp}/Foo.pdb", "-F", f"b=@{tmp}/Foo.exe")
    assert [f["status"] for f in told["files"]] == ["stored"] * 2
    assert kept.keys() == sorted([key_of(made["pdb"]), key_of(made["exe"])])
    assert is_served(door, made["pdb"]) and is_served(door, made["exe"])


def test_every_kind(door, kept, made):
    roles = ["pdb", "exe", "portable", "elf", "debug", "dsym", "sym", "odd"]
    body = archive(*((f"out\\{role}/{made[role].last or made[role].name}", made[role].data)
                     for role in roles), ("out/", b""), ("README.txt", b"read me"))
    answer = put(door, "s.zip", body)
    assert answer.status == 201, answer.body
    assert [s for _, s in statuses(answer)] == ["stored"] * len(roles) + ["unknown"]
    assert kept.keys() == sorted(key_of(made[role]) for role in roles)
    for role in roles:
        assert is_served(door, made[role])


def test_again(door, kept, made):
    """The same is there already, in part or as a whole; what differs is not replaced, and the answer
    names who holds the key."""
    pdb, exe = made["pdb"], made["exe"]
    first = put(door, "Foo.pdb", pdb.data)
    assert first.status == 201
    again = put(door, "FOO.PDB", pdb.data)
    assert again.status == 200 and statuses(again) == [("FOO.PDB", "exists")]
    part = put(door, "x.zip", archive(("Foo.pdb", pdb.data), ("Foo.exe", exe.data)))
    assert part.status == 201
    assert statuses(part) == [("Foo.pdb", "exists"), ("Foo.exe", "stored")]
    other = put(door, "Foo.pdb", symbols.altered(pdb).data)
    assert other.status == 409, other.body
    assert statuses(other) == [("Foo.pdb", "conflict")]
    if not kept.directory:
        assert first.told["transaction"] in other.told["files"][0]["why"]
    assert is_served(door, pdb)


def test_signed_stays_and_so_does_unsigned(door, kept, made):
    exe = made["exe"]
    signed = images.sign(exe.data)
    for there, other, why in ((exe.data, signed, "not signed: it stays"),
                              (signed, exe.data, "and signed: it stays")):
        assert put(door, "Foo.exe", there).status == 201
        key = kept.keys()[0]
        before = kept.read(key)
        answer = put(door, "Foo.exe", other)
        assert answer.status == 200 and statuses(answer) == [("Foo.exe", "exists")], answer.body
        assert why in answer.told["files"][0]["why"] and kept.read(key) == before
        kept.remove(key)


def test_twice_in_one(door, kept, made):
    pdb = made["pdb"]
    same = put(door, "a.zip", archive(("a/Foo.pdb", pdb.data), ("b/foo.pdb", pdb.data)))
    assert same.status == 201
    assert statuses(same) == [("a/Foo.pdb", "stored"), ("b/foo.pdb", "exists")]
    small = made["aged"]
    other = small.data[:-4] + b"othr"
    both = put(door, "b.zip", archive(("a/Aged.pdb", small.data), ("b/Aged.pdb", other)))
    assert both.status == 409
    assert statuses(both) == [("a/Aged.pdb", "stored"), ("b/Aged.pdb", "conflict")]
    assert is_served(door, small)


def test_remembered_miss_is_forgotten(door, made):
    """Who asked too early need not wait; nor does what was there."""
    early, there = made["pdb"], made["exe"]
    assert put(door, "Foo.exe", there.data).status == 201
    assert is_served(door, there)
    target = f"/{early:lower}"
    assert is_miss(door.fetch(target)) and is_miss(door.fetch(target))
    assert is_miss(door.fetch(f"/{early:KEY}"))
    assert put(door, "Foo.pdb", early.data).status == 201
    assert is_served(door, early) and is_served(door, there)
    assert door.fetch(f"/{early:KEY}").body == early.data


def test_chunked(local, made):
    answer = put(local(), "Foo.pdb", made["pdb"].data, length=False)
    assert answer.status == 201 and statuses(answer) == [("Foo.pdb", "stored")]


def test_long_bodies(local, directory, made):
    """Written piece by piece, with pauses between: all bytes arrive, in their order."""
    server = local()
    pdb, ballast = made["pdb"], random.Random(2).randbytes(5 << 20)
    put_whole = put(server, "s.zip", archive(("ballast", ballast), ("Foo.pdb", pdb.data),
                                             method=zipfile.ZIP_STORED))
    assert put_whole.status == 201, put_whole.body
    assert statuses(put_whole) == [("ballast", "unknown"), ("Foo.pdb", "stored")]
    exe = made["exe"]
    posted = send(server, "/-/upload/", form(("ballast", ballast), ("Foo.exe", exe.data)), "POST",
                  {**BEARER, **FORM})
    assert posted.status == 201, posted.body
    for symbol in (pdb, exe):
        assert (directory.directory / key_of(symbol)).read_bytes() == symbol.data


def test_two_tier(local, directory, made):
    (directory.directory / "index2.txt").write_bytes(b"")
    server = local()
    assert put(server, "Foo.pdb", made["pdb"].data).status == 201
    assert key_of(made["pdb"]) not in directory.keys()
    assert "fo/" + key_of(made["pdb"]) in directory.keys()
    assert is_served(server, made["pdb"])


# ---- archives

def test_zip64(local, made):
    """Forced, with every length in the other field."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for role in ("pdb", "exe"):
            with z.open(made[role].name, "w", force_zip64=True) as entry:
                entry.write(made[role].data)
    body = out.getvalue()
    # the end record of zip64 as well, which Python writes for large archives only
    end = body.rindex(b"PK\5\6")
    n, size, at = struct.unpack_from("<HII", body, end + 10)
    record = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, 45, 45, 0, 0, n, n, size, at)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    body = (body[:end] + record + locator
            + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 0xFFFF, 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF, 0))
    answer = put(local(), "s.zip", body)
    assert answer.status == 201, answer.body
    assert statuses(answer) == [("Foo.pdb", "stored"), ("Foo.exe", "stored")]


def encrypted(name, data):
    """Flagged so; what would be decrypted is not looked at."""
    body = bytearray(archive((name, data), method=zipfile.ZIP_STORED))
    for at in (body.index(b"PK\3\4") + 6, body.index(b"PK\1\2") + 8):
        body[at] |= 1
    return bytes(body)


def damaged(name, data):
    body = bytearray(archive((name, data), method=zipfile.ZIP_STORED))
    body[len(name) + 30 + 5000] ^= 1
    return bytes(body)


def test_bad_archives(local, directory, made):
    """Encrypted, damaged, cut short, an archive within: nothing of it is stored, the rest is."""
    pdb, exe = made["pdb"], made["exe"]
    server = local()
    inner = archive(("Foo.pdb", pdb.data))
    for name, body, status, want in [
            ("encrypted", encrypted("Foo.pdb", pdb.data), 422, [("Foo.pdb", "failed")]),
            ("damaged", damaged("Foo.pdb", pdb.data), 422, [("Foo.pdb", "failed")]),
            ("cut", inner[:-30], 422, [("cut", "failed")]),
            ("within", archive(("in.zip", inner), method=zipfile.ZIP_STORED), 422,
             [("in.zip", "unknown")]),
            ("empty", archive(), 422, []),
            ("text", b"nothing", 422, [("text", "unknown")]),
            ("none", b"", 422, [("none", "unknown")])]:
        answer = put(server, name, body)
        assert (answer.status, statuses(answer)) == (status, want), name
        assert answer.told["transaction"] is None
    assert directory.keys() == [] and directory.keys(ours=True) == []
    cut = made["aged"].data[:5000]
    answer = put(server, "s.zip", archive(("Foo.exe", exe.data), ("Aged.pdb", cut)))
    assert answer.status == 422
    assert statuses(answer) == [("Foo.exe", "stored"), ("Aged.pdb", "failed")]
    assert directory.keys() == [key_of(exe)]


def test_bomb(local, directory):
    body = archive(("a.pdb", bytes(4 << 20)))
    assert len(body) < 64 << 10
    answer = put(local(UPLOAD_UNPACKED_MAX="2MiB"), "s.zip", body)
    assert answer.status == 413 and "2097152" in answer.told["error"]
    assert directory.keys() == []


def overlapping(n, size):
    """n entries that share the bytes of one."""
    data = zlib.compress(bytes(size))[2:-4]
    crc = zlib.crc32(bytes(size))
    common = struct.pack("<HHHIIIIHH", 20, 0, 8, 0, crc, len(data), size, 1, 0)
    body = b"PK\3\4" + common + b"a" + data
    directory = (b"PK\1\2" + struct.pack("<H", 20) + common
                 + struct.pack("<HHHII", 0, 0, 0, 0, 0) + b"a") * n
    return body + directory + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, n, n, len(directory),
                                          len(body), 0)


def test_overlapping_entries(local):
    """Each counts."""
    server = local(UPLOAD_UNPACKED_MAX="8MiB")
    assert put(server, "s.zip", overlapping(7, 1 << 20)).status == 422
    assert put(server, "s.zip", overlapping(9, 1 << 20)).status == 413


def test_many_entries(local):
    server = local()
    answer = put(server, "s.zip", overlapping(20_000, 0))
    assert answer.status == 422 and len(answer.told["files"]) == 20_000
    answer = put(server, "s.zip", overlapping(20_001, 0))
    assert answer.status == 413 and "20000" in answer.told["error"]


# ---- names

@pytest.mark.parametrize("name,status", [
    ("../../../etc/Foo.pdb", "stored"), ("C:\\out\\..\\Foo.pdb", "stored"),
    ("/abs/Foo.pdb", "stored"), ("..", "refused"), ("a/..", "refused"), ("a\\.", "refused"),
    (".pepto", "refused"), ("x/000ADMIN", "refused"), ("a\nb.pdb", "refused"),
    ("x" * 256, "refused"), ("a\x7f.pdb", "refused")])
def test_names(local, directory, made, name, status):
    """The last component alone, by content; it has to be a file's."""
    answer = put(local(), "s.zip", archive((name, made["pdb"].data)))
    assert [s for _, s in statuses(answer)] == [status]
    assert answer.status == {"stored": 201, "refused": 403}[status]
    assert directory.keys() == ([key_of(made["pdb"])] if status == "stored" else [])


@pytest.mark.parametrize("module,status", [
    ("../../Foo.pdb", "stored"), ("..\\Foo.pdb", "stored"), ("..", "refused"), (".pepto", "refused"),
    ("000Admin", "refused"), ("a/.", "refused")])
def test_module_lines(local, directory, made, module, status):
    """A .sym is named by its MODULE line, which may not lead elsewhere."""
    sym = made["sym"]
    text = sym.data.replace(b" Foo.pdb\n", f" {module}\n".encode(), 1)
    answer = put(local(), "any.sym", text)
    assert [s for _, s in statuses(answer)] == [status], answer.told
    assert directory.keys() == ([key_of(sym)] if status == "stored" else [])


def test_form_names(local, directory, made):
    """Also as browsers of old sent them."""
    server = local()
    answer = send(server, "/-/upload/", form(("C:\\x\\Foo.pdb", made["pdb"].data),
                                             ("s.zip", archive(("d/Foo.exe", made["exe"].data)))),
                  "POST", {**BEARER, **FORM})
    assert answer.status == 201, answer.body
    assert statuses(answer) == [("C:\\x\\Foo.pdb", "stored"), ("d/Foo.exe", "stored")]
    assert directory.keys() == sorted([key_of(made["pdb"]), key_of(made["exe"])])


# ---- who

def basic(token):
    return {"Authorization": "Basic " + base64.b64encode(f"u:{token}".encode()).decode()}


def test_who_may(local, directory, made):
    """Those who upload do not read, and those who read do not upload."""
    server = local(AUTH_TOKENS=READER)
    pdb = made["portable"]
    for headers in ({}, {"Authorization": "Bearer wrong-one-1"}, basic("wrong-one-1"),
                    {"Authorization": f"Bearer {READER}"}, {"X-NuGet-ApiKey": TOKEN}):
        answer = put(server, "Managed.pdb", pdb.data, headers=headers)
        asked = "Bearer" if "Bearer" in headers.get("Authorization", "") else "Basic"
        assert answer.status == 401 and answer["WWW-Authenticate"].startswith(asked), headers
    assert directory.keys() == []
    assert put(server, "Managed.pdb", pdb.data, headers=basic(TOKEN)).status == 201
    target = "/" + key_of(pdb)
    assert server.fetch(target, headers=BEARER).status == 401
    assert server.fetch(target, headers=basic(TOKEN)).status == 401
    assert server.fetch(f"/t/{TOKEN}" + target).status in (401, 404)
    assert server.fetch(target, headers={"Authorization": f"Bearer {READER}"}).body == pdb.data
    for token in (TOKEN, GLOBBED, READER):
        assert token not in server.stderr()


def test_token_in_the_path_is_not_logged(local, made):
    server = local()
    assert put(server, TOKEN, b"x").status == 422
    assert put(server, f"{TOKEN}/Foo.pdb", b"x", headers={}).status == 401
    server.wait_log(count=2, msg="request", path="(not shown)")
    assert TOKEN not in server.stderr()


def test_globs(local, directory, made):
    """Of the name in the key: a MODULE line does not help."""
    server = local()
    mine = {"Authorization": f"Bearer {GLOBBED}"}
    refused = put(server, "Aged.pdb", made["aged"].data, headers=mine)
    assert refused.status == 403 and statuses(refused) == [("Aged.pdb", "refused")]
    assert "app-ci" in refused.told["files"][0]["why"]
    sym = made["sym"].data.replace(b" Foo.pdb\n", b" Other.pdb\n", 1)
    assert statuses(put(server, "foo.sym", sym, headers=mine)) == [("foo.sym", "refused")]
    assert directory.keys() == []
    both = put(server, "s.zip", archive(("FOO.pdb", made["pdb"].data),
                                        ("Aged.pdb", made["aged"].data)), headers=mine)
    assert both.status == 403
    assert statuses(both) == [("FOO.pdb", "stored"), ("Aged.pdb", "refused")]
    assert directory.keys() == [key_of(made["pdb"])]


@pytest.mark.parametrize("headers", [
    {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}])
def test_pages_of_others(local, directory, made, headers):
    answer = put(local(CORS="on"), "Foo.pdb", made["portable"].data, headers={**BEARER, **headers})
    assert answer.status == 403 and directory.keys() == []


def test_requests_that_are_none(local, directory, made):
    server = local()
    for method, target, status in [
            ("PUT", "/-/upload/Foo.pdb?force=1", 400), ("PUT", "/-/upload/Foo.pdb?forse=1", 400),
            ("PUT", "/-/upload/", 405), ("POST", "/-/upload/Foo.pdb", 405),
            ("POST", "/-/upload/", 415), ("DELETE", "/-/upload/Foo.pdb", 405),
            ("PUT", "/-/upload/%zz", 400), ("PUT", "/Foo.pdb", 405)]:
        assert send(server, target, made["portable"].data, method).status == status, target
    assert server.fetch("/-/upload/Foo.pdb").status == 405
    bad = form(("Foo.pdb", made["portable"].data))
    assert send(server, "/-/upload/", bad[:-8], "POST", {**BEARER, **FORM}).status == 400
    assert send(server, "/-/upload/", bad[:-8] + b"garbage\r\n", "POST",
                {**BEARER, **FORM}).status == 400
    assert put(server, "Foo.pdb", made["portable"].data,
               headers={**BEARER, "Content-Encoding": "gzip"}).status == 415
    assert directory.keys() == [] and directory.keys(ours=True) == []


def test_off_without_tokens(serve, directory, made):
    server = serve(stores=directory.url)
    assert put(server, "Foo.pdb", made["portable"].data).status == 405
    assert is_miss(server.fetch("/v3/index.json"))
    assert directory.keys() == []


def test_plans_are_not_served(local, made):
    server = local(SERVE_ANY_PATH="on")
    told = put(server, "Foo.pdb", made["pdb"].data).told
    assert is_miss(server.fetch(f"/.pepto/tx/{told['transaction']}.json"))


@pytest.mark.parametrize("settings,want", [
    ({"UPLOAD_TOKENS": "ci short"}, "line 1: the token is not of 8"),
    ({"UPLOAD_TOKENS": f"ci {TOKEN}", "AUTH_TOKENS": TOKEN}, "is one of AUTH_TOKENS"),
    ({"UPLOAD_TOKENS_FILE": "/nowhere"}, "UPLOAD_TOKENS_FILE"),
    ({"UPLOAD_TOKENS": f"ci {TOKEN}", "STORES": "http://127.0.0.1:9/"}, "there is no store that"),
    ({"UPLOAD_TOKENS": f"ci {TOKEN}", "STORES": "file:///tmp file:///var"}, "several stores"),
])
def test_what_cannot_start(tmp, settings, want):
    code, _, err = run(tmp, "serve", **{"STORES": f"file://{tmp}", **settings})
    assert code == 2 and want in err and TOKEN not in err, err


def test_tokens_from_a_file(serve, directory, made, tmp):
    (tmp / "tokens").write_text(f"# who\n\nnightly {TOKEN} foo.*\n")
    server = serve(stores=directory.url, UPLOAD_TOKENS_FILE=tmp / "tokens")
    answer = put(server, "Foo.pdb", made["pdb"].data)
    assert answer.status == 201
    assert directory.plan(answer.told["transaction"])[0]["user"] == "nightly"


# ---- limits

def test_too_long_is_said_first(local):
    """By its length before a byte of it is read; without one, once it is too long."""
    server = local(UPLOAD_MAX_SIZE="1MiB")
    with server.connect() as client:
        client.ask("/-/upload/a", "PUT", {**BEARER, "Content-Length": (1 << 20) + 1})
        assert client.answer().status == 413
    with server.connect() as client:
        client.ask("/-/upload/a", "PUT", {**BEARER, "Transfer-Encoding": "chunked"})
        client.send(b"%x\r\n%s" % ((1 << 20) + 1, bytes((1 << 20) + 1)))
        assert client.answer().status == 413
    assert put(server, "a", bytes(1 << 20)).status == 422


def test_refusals_before_the_body(local):
    """The answer is there although nothing of the body has come, and also when some has."""
    server = local(UPLOAD_MAX_SIZE="1GiB")
    for headers, status in (({}, 401), ({**BEARER, "Origin": "http://x"}, 403)):
        with server.connect() as client:
            client.ask("/-/upload/a", "PUT", {**headers, "Content-Length": 1 << 29})
            assert client.answer().status == status
    assert put(server, "a", bytes(8 << 10), headers={}).status == 401


def begin(server, name, body, upto):
    """A client that has sent so much of a body, all of which has been taken."""
    client = server.connect()
    before = server.metrics()["pepto_upload_bytes_total", ""]
    client.ask(f"/-/upload/{name}", "PUT", {**BEARER, "Content-Length": len(body)})
    client.send(body[:upto])
    wait_metric(server, "pepto_upload_bytes_total", lambda n: n >= before + upto)
    return client


def wait_metric(server, name, is_it, labels=""):
    until(lambda: is_it(server.metrics()[name, labels]), what=name)


def test_only_so_many(local, made):
    """A slow client has its place for as long as it takes; who comes too much is told to come again,
    before its body is read."""
    server = local(UPLOAD_PARALLEL="1")
    pdb = made["pdb"]
    with begin(server, "Foo.pdb", pdb.data, 1000) as slow:
        with server.connect() as client:
            client.ask("/-/upload/Foo.exe", "PUT", {**BEARER, "Content-Length": 1 << 30})
            answer = client.answer()
        assert answer.status == 503 and answer["Retry-After"]
        for at in range(1000, 1100):                    # a byte at a time
            slow.send(pdb.data[at:at + 1])
        assert is_miss(server.fetch("/" + key_of(pdb)))      # others are served meanwhile
        slow.send(pdb.data[1100:])
        assert slow.answer().status == 201
    wait_metric(server, "pepto_active_uploads", lambda n: n == 0)
    assert put(server, "Foo.exe", made["exe"].data).status == 201


def test_cut_body(local, directory, made):
    """Nothing of it is kept, and its place is free again."""
    server = local(UPLOAD_PARALLEL="1")
    pdb = made["pdb"]
    begin(server, "Foo.pdb", pdb.data, len(pdb.data) - 1).close()
    wait_metric(server, "pepto_active_uploads", lambda n: n == 0)
    assert directory.keys() == [] and directory.keys(ours=True) == []
    assert put(server, "Foo.pdb", pdb.data).status == 201


def test_no_room_for_drafts(local, directory, made):
    """As they arrive."""
    server = local(CACHE_MIN_FREE="1024TiB")
    answer = put(server, "Foo.pdb", made["pdb"].data)
    assert answer.status == 503 and answer["Retry-After"]
    assert put(server, "a", bytes(3 << 19)).status == 503
    assert directory.keys() == []
    assert server.metrics()["pepto_refused_total", '{limit="spool"}'] >= 2


@pytest.fixture
def behind(serve, rgw, bucket, proxy):
    """(a server with a door to a bucket, what lies in it, the proxy between)"""
    def behind(**settings):
        server = serve(stores=s3(bucket, proxy), UPLOAD_TOKENS=TOKENS, **{**KEYS, **settings})
        return server, Kept(None, rgw=rgw, bucket=bucket)
    return behind


@pytest.mark.tsan
def test_client_leaves(behind, proxy, made):
    """The work goes on; the same upload then finds it done."""
    server, kept = behind()
    pdb = made["pdb"]
    gate = proxy.hold(lambda r: r.method == "PUT" and "foo.pdb" in r.path)
    with server.connect() as client:
        client.ask("/-/upload/Foo.pdb", "PUT", {**BEARER, "Content-Length": len(pdb.data)})
        client.send(pdb.data)
        gate.wait(1)
    assert kept.keys() == []
    gate.release()
    line = server.wait_log(msg="request", method="PUT")
    assert line["stored"] == "1" and line["transaction"]
    again = put(server, "Foo.pdb", pdb.data)
    assert again.status == 200 and statuses(again) == [("Foo.pdb", "exists")]


def test_two_of_the_same_at_once(behind, proxy, made):
    """Both find nothing there, and one of them is first."""
    server, kept = behind()
    pdb, answers = made["pdb"], []
    gate = proxy.hold(lambda r: r.method == "PUT" and "foo.pdb" in r.path)
    threads = [threading.Thread(target=lambda: answers.append(put(server, "Foo.pdb", pdb.data)))
               for _ in range(2)]
    for thread in threads:
        thread.start()
    gate.wait(2)
    gate.release()
    for thread in threads:
        thread.join(WAIT)
    assert sorted(answer.status for answer in answers) == [200, 201], answers
    assert kept.keys() == [key_of(pdb)]


def test_store_that_fails(behind, proxy, made):
    """To be sent again; then it goes through."""
    server, kept = behind()
    fault = proxy.fault(faults.status(403, "AccessDenied"),
                        match=lambda r: r.method == "PUT" and "foo.pdb" in r.path)
    answer = put(server, "Foo.pdb", made["pdb"].data)
    assert answer.status == 503 and answer["Retry-After"] and fault.struck
    assert statuses(answer) == [("Foo.pdb", "failed")] and answer.told["transaction"]
    proxy.heal()
    assert put(server, "Foo.pdb", made["pdb"].data).status == 201
    proxy.fault(faults.status(403, "AccessDenied"), match=".pepto")
    answer = put(server, "Foo.exe", made["exe"].data)
    assert answer.status == 503 and answer.told["error"]
    assert kept.keys() == [key_of(made["pdb"])]


@pytest.mark.parametrize("status, code, told", [
    (400, "EntityTooLarge", 422), (400, "InvalidArgument", 422), (400, "KeyTooLongError", 422),
    (413, "", 422), (403, "AccessDenied", 503), (404, "NoSuchBucket", 503), (400, "InvalidRequest", 503)])
def test_what_the_store_refuses(behind, proxy, made, status, code, told):
    """For good, which no repetition changes; or for now. Others of the same upload are stored."""
    server, kept = behind()
    answer = faults.status(status, code) if code else faults.respond(lambda request: Response(status))
    proxy.fault(answer, match=lambda r: r.method == "PUT" and "foo.pdb" in r.path)
    answer = put(server, "s.zip", archive(("Foo.pdb", made["pdb"].data), ("Foo.exe", made["exe"].data)))
    assert (answer.status, bool(answer["Retry-After"])) == (told, told == 503)
    assert statuses(answer) == [("Foo.pdb", "failed"), ("Foo.exe", "stored")]
    assert code in answer.told["files"][0]["why"] and str(status) in answer.told["files"][0]["why"]
    assert kept.keys() == [key_of(made["exe"])]


def test_a_key_that_is_too_long(serve, rgw, bucket, made):
    """Below a long prefix; it is not even asked for."""
    server = serve(stores=s3(bucket, rgw, "p" * 900), UPLOAD_TOKENS=TOKENS, **KEYS)
    answer = put(server, f"{'n' * 60}.pdb", made["pdb"].data)
    assert (answer.status, statuses(answer)) == (422, [(f"{'n' * 60}.pdb", "failed")])
    assert put(server, "n.pdb", made["pdb"].data).status == 201


def test_the_end_while_it_publishes(behind, proxy, made):
    """It does not wait for a store; the transaction stays open."""
    server, kept = behind(DRAIN_TIMEOUT="100ms")
    pdb = made["pdb"]
    gate = proxy.hold(lambda r: r.method == "PUT" and "foo.pdb" in r.path)
    with server.connect() as client:
        client.ask("/-/upload/Foo.pdb", "PUT", {**BEARER, "Content-Length": len(pdb.data)})
        client.send(pdb.data)
        gate.wait(1)
        assert server.stop() == 0
    gate.release()
    assert [key.rpartition(".")[2] for key in kept.keys(ours=True)] == ["json"]


@pytest.mark.tsan
def test_twenty_at_once(serve, kept, made):
    """Each is told the same or nearly so: one has stored what is shared, the others find it there."""
    server = serve(stores=kept.url, UPLOAD_TOKENS=TOKENS, UPLOAD_PARALLEL="20", **kept.settings)
    shared = made["pdb"]
    own = [symbols.pdb("Own.pdb", made["aged"].data, symbols.guid_of(f"own {i}")) for i in range(20)]
    answers, start = [None] * 20, threading.Barrier(20)

    def upload(i):
        # no archive: the thread sanitizer knows nothing of the lock that the C library has for
        # time zones, which libzip asks it about
        body = form(("Foo.pdb", shared.data), ("Own.pdb", own[i].data))
        start.wait()
        answers[i] = send(server, "/-/upload/", body, "POST", {**BEARER, **FORM})

    threads = [threading.Thread(target=upload, args=(i,)) for i in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(4 * WAIT)
    assert [answer.status for answer in answers] == [201] * 20
    assert [dict(statuses(answer))["Own.pdb"] for answer in answers] == ["stored"] * 20
    of_shared = [dict(statuses(answer))["Foo.pdb"] for answer in answers]
    assert set(of_shared) <= {"stored", "exists"} and "stored" in of_shared
    assert kept.keys() == sorted([key_of(shared), *map(key_of, own)])
    for symbol in (shared, *own):
        assert is_served(server, symbol)


def test_the_end_of_the_process(local, made):
    """An upload in the middle of its body does not hold it up for longer than DRAIN_TIMEOUT."""
    server = local(DRAIN_TIMEOUT="100ms")
    with begin(server, "Foo.pdb", made["pdb"].data, 1000):
        assert server.stop() == 0


# ---- NuGet

def test_snupkg(door, kept, made):
    """As `dotnet nuget push` does it, by its documented requests: the index, then the package."""
    index = door.fetch("/v3/index.json")
    assert index.status == 200 and index["Content-Type"] == "application/json"
    index = json.loads(index.body)
    assert index["version"] == "3.0.0"
    found, = [r["@id"] for r in index["resources"] if r["@type"] == "SymbolPackagePublish/4.9.0"]
    assert found == address(door) + "/api/v2/symbolpackage"
    package = archive(("_rels/.rels", b"<x/>"), ("App.nuspec", b"<package/>"),
                      ("lib/net8.0/Managed.pdb", made["portable"].data),
                      ("[Content_Types].xml", b"<Types/>"))
    body = (b"--8d2\r\nContent-Type: application/octet-stream\r\n"
            b"Content-Disposition: form-data; name=package; filename=package.snupkg; "
            b"filename*=utf-8''package.snupkg\r\n\r\n" + package + b"\r\n--8d2--\r\n")
    headers = {"Content-Type": 'multipart/form-data; boundary="8d2"',
               "X-NuGet-Protocol-Version": "4.1.0", "Expect": "100-continue"}
    target = "/api/v2/symbolpackage"
    assert send(door, target, body, headers=headers).status == 401
    wrong = {**headers, "X-NuGet-ApiKey": "wrong-one-1"}
    assert send(door, target, body, headers=wrong).status == 401
    right = {**headers, "X-NuGet-ApiKey": TOKEN}
    answer = send(door, target, body, headers=right)
    assert answer.status == 201, answer.body
    assert kept.keys() == [key_of(made["portable"])]
    assert is_served(door, made["portable"])
    assert send(door, target, body, headers=right).status == 200
    assert send(door, target, body[:-20], headers=right).status == 400
    none = form(("package.snupkg", archive(("App.nuspec", b"<package/>"))))
    assert send(door, target, none, headers={**right, **FORM}).status == 400
