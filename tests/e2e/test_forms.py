# SPDX-License-Identifier: MIT
"""Every stored form as every asked form: what is packed in a store is unpacked as it arrives, for
everybody at once, and what was made of it is what is kept.

What goes wrong with that is test_form_failures.py; whether it is the right file, test_identity.py.
"""

import concurrent.futures
import time
import gzip
import subprocess

import pytest

from conftest import KEYS
from rig import faults, forms, layouts, msfz, symbols
from rig.cachedir import CacheDir, fills, kept, quiet, told
from rig.client import is_miss
from rig.forms import EVERY, MSFZ, TWINS, genuine, text
from rig.layouts import Bucket, Directory, Layout, mszip
from rig.origin import Origin
from rig.samples import KEY, body, path
from rig.server import s3, until
from rig.stage import Gate

from test_cache_disk import mounted     # a fixture
from test_fills import FOO, LOWER, MIB, PATIENT, starts_at
from test_misses import TOKEN, purge

ALL = "plain,cab,gz,zst,msfz"
PD = LOWER[:-1] + "_"
SIZE = 3_000_000
# Bytes beside a body: of a question of presence, of the length that gzip tells, of what a HEAD looks at.
ASIDE = 5 + 512
GZIP = {"Accept-Encoding": "gzip"}
PDZ = {"Accept": "application/msfz0"}


STORE = {"forms": ALL}              # of the fixture store


def sent_once(origin, key):
    """The store has sent the object once, and at most a few bytes beside."""
    sent = sum(r.sent for r in origin.asked(lambda r: r.path.endswith(key), "GET"))
    length = len(origin.objects["bucket", key].body)
    return length <= sent <= length + ASIDE


def decoded(server, label):
    return server.metrics()["pepto_decoded_total", f'{{form="{label}"}}']


def put(origin, form, data, name="foo.pdb", key=KEY):
    """The object as it lies there: (key, bytes)."""
    key, packed, encoding = form.lay(name, key, data)
    origin.put("bucket", key, packed, [("Content-Encoding", encoding)] if encoding else [])
    return key, packed


# every stored form as every asked form

class InProcess:
    kind, settings, encodes = "origin", {}, True

    def __init__(self):
        self.origin = Origin(listable=True)
        self.origin.bucket("bucket")

    def url(self):
        return s3("bucket", self.origin, forms=ALL)

    def write(self, key, data, encoding=None):
        self.origin.put("bucket", key, data, [("Content-Encoding", encoding)] if encoding else [])


@pytest.fixture(scope="module", params=["origin", "rgw", "file"])
def shelf(request, new_directory, serve_all):
    """A store of any kind, with a server in front of it."""
    layout = Layout("all", private=True, options={"forms": ALL})
    if request.param == "origin":
        shelf = InProcess()
    elif request.param == "rgw":
        make = request.getfixturevalue("make_bucket")
        shelf = Bucket(request.getfixturevalue("rgw"), make(), layout)
    else:
        shelf = Directory(new_directory("forms"), layout)
    shelf.server = serve_all(stores=shelf.url(), **shelf.settings, **PATIENT)
    yield shelf
    if request.param == "origin":
        shelf.origin.stop()


def lay(shelf, name, form, ask, size="small"):
    """A PDB of its own for each test: (symbol, bytes of the object)."""
    if form.encoding and not shelf.encodes:
        pytest.skip("a directory knows no Content-Encoding")
    like = genuine()["pdb" if size == "large" else "aged"].data
    word = f"{name}-{ask}-{size}".replace(" ", "")
    symbol = symbols.pdb(f"{word}.pdb", like, symbols.guid_of(word))
    key, packed, encoding = form.lay(symbol.name, symbol.key, symbol.data)
    shelf.write(key, packed, encoding)
    return symbol, packed


def is_same(name, body, content):
    """To the byte; of an MSFZ, which has no pages, what is in the streams."""
    return msfz.streams(body) == msfz.streams(content) if name in MSFZ else body == content


@pytest.mark.row("C03", "C15", "C25", "C59")
@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("name", EVERY)
def test_as_the_plain_file(name, size, shelf):
    """HEAD, while nobody knows it yet, tells the length that GET then has; and so do both of what
    is kept. It is one version."""
    form, server = EVERY[name], shelf.server
    symbol, packed = lay(shelf, name, form, "plain", size)
    target = "/" + symbol.path
    head = server.fetch(target, "HEAD")
    assert head.status == 200
    quiet(server)
    for _ in range(3):
        answer = server.fetch(target)
        assert answer.status == 200 and is_same(name, answer.body, symbol.data)
        assert answer["Content-Encoding"] is None and answer["x-ms-symbol-format"] is None
    again = server.fetch(target, "HEAD")
    for header in ("Content-Length", "ETag", "Last-Modified", "Accept-Ranges", "Vary"):
        assert head[header] == answer[header] == again[header], header
    if shelf.kind == "origin" and told(server, "hit"):
        stored = f"{symbol.name}/{symbol.key}/{form.last(symbol.name)}".lower()
        assert sent_once(shelf.origin, stored)


ASKED = {
    # form: what who accepts gzip gets, who accepts MSFZ, who asks for foo.pd_
    "mszip": ("plain", "plain", "packed"), "lzx": ("plain", "plain", "packed"),
    "gz": ("packed", "plain", None), "zst": ("plain", "plain", None),
    "msfz zstd": ("plain", "packed", None),
    "gzip": ("packed", "plain", None), "zstd": ("plain", "plain", None),
    "encoded cabinet": ("plain", "plain", "inner"),
    "gz said to be gzip": ("plain", "plain", None),
}


@pytest.mark.row("C03", "C15", "C16", "C34")
@pytest.mark.parametrize("ask", ["gzip", "msfz", "twin"])
@pytest.mark.parametrize("name", ASKED)
def test_as_another_form(name, ask, shelf):
    """As it is stored for who accepts that, and by its own name; else plain. Two forms are two
    versions."""
    server = shelf.server
    symbol, packed = lay(shelf, name, EVERY[name], ask)
    expected = dict(zip(("gzip", "msfz", "twin"), ASKED[name]))[ask]
    headers = {"gzip": GZIP, "msfz": PDZ, "twin": {}}[ask]
    target = f"/{symbol.path}"[:-1] + "_" if ask == "twin" else f"/{symbol.path}"
    as_stored = ask if expected == "packed" else "twin"
    content = {"packed": packed, "inner": mszip(symbol.name, symbol.data),
               "plain": symbol.data, None: None}[expected]
    for _ in range(2):
        answer = server.fetch(target, headers=headers)
        if expected is None:
            assert is_miss(answer)
            continue
        assert answer.status == 200
        assert is_same(name if expected == "plain" else "", answer.body, content)
        assert answer["Content-Encoding"] == {"gzip": "gzip"}.get(as_stored)
        assert answer["x-ms-symbol-format"] == {"msfz": "application/msfz0"}.get(as_stored)
        quiet(server)
    if as_stored != "twin":
        plain = server.fetch(target)
        assert is_same(name, plain.body, symbol.data) and plain["ETag"] != answer["ETag"]
        told_by = {"gzip": "Accept-Encoding", "msfz": "Accept"}[as_stored]
        assert told_by in answer["Vary"].split(", ") and plain["Vary"] == answer["Vary"]


def both(first, second):
    return lambda name, data: second(name, first(name, data))


LIES = {
    # what lies as foo.pdb, and the Content-Encoding that it is said to have
    "no gzip": (lambda name, data: data, "gzip"),
    "no x-gzip": (lambda name, data: data, "x-gzip"),
    "no zstd": (lambda name, data: data, "zstd"),
    "no brotli": (lambda name, data: data, "br"),
    "gzip, called zstd": (forms.gz, "zstd"),
    "zstd, called gzip": (forms.zst, "gzip"),
    "gzip, called brotli": (forms.gz, "br"),
    "gzip twice": (both(forms.gz, forms.gz), "gzip"),
    "gzip twice, told": (both(forms.gz, forms.gz), "gzip, gzip"),
    "gzip once, told twice": (forms.gz, "gzip, gzip"),
    "a cabinet in gzip": (both(layouts.mszip, forms.gz), "gzip"),
    "MSFZ in gzip": (both(forms.pdz(msfz.ZSTD), forms.gz), "gzip"),
    "a cabinet": (layouts.mszip, "gzip"),
    "gzip, not told": (forms.gz, None),
    "zstd, not told": (forms.zst, None),
    "zstd unsized, not told": (forms.zst_unsized, None),
    "gzip twice, not told": (both(forms.gz, forms.gz), None),
    "a cabinet, not told": (layouts.mszip, None),
    "SZDD, not told": (lambda name, data: forms.szdd(data), None),
    "MSFZ, not told": (forms.pdz(msfz.ZSTD), None),
    "MSFZ by deflate, not told": (forms.pdz(msfz.DEFLATE), None),
}


@pytest.mark.row("C65")
@pytest.mark.parametrize("headers", [GZIP, {}], ids=["accepts gzip", "does not"])
@pytest.mark.parametrize("name", LIES)
def test_head_of_what_nobody_knows(name, headers, origin, serve):
    """It tells what GET tells then; and asks once, where nothing has to be expanded for that."""
    pack, label = LIES[name]
    word = name.replace(" ", "").replace(",", "")
    symbol = symbols.pdb(f"{word}.pdb", genuine()["aged"].data, symbols.guid_of(word))
    key = symbol.path.lower()
    origin.put(origin.bucket("bucket"), key, pack(symbol.name, symbol.data),
               [("Content-Encoding", label)] if label else [])
    server = serve(stores=s3("bucket", origin))
    head = server.fetch("/" + symbol.path, "HEAD", headers=headers)
    asked = len(origin.asked(key))
    quiet(server)
    answer = server.fetch("/" + symbol.path, headers=headers)
    for header in "Content-Length", "Content-Encoding", "ETag", "Vary", "Last-Modified":
        assert head[header] == answer[header], header
    assert head.status == answer.status == 200
    if not answer["ETag"].endswith('-plain"'):
        assert asked == 1


def is_the_file(answer, name, packed, content):
    """Undone as the answer says, it is the file that was asked for."""
    if answer["Content-Encoding"]:
        return answer["Content-Encoding"] == "gzip" and answer.body == packed and \
            gzip.decompress(packed) == content
    return answer.body == content or \
        "MSFZ" in name and msfz.streams(answer.body) == msfz.streams(content)


@pytest.mark.parametrize("kind", ["origin", "http", "file"])
@pytest.mark.parametrize("first", ["accepts gzip", "does not"])
@pytest.mark.parametrize("name", LIES)
def test_a_body_is_what_its_bytes_are(name, first, kind, origin, serve, tmp):
    """Whatever it is said to be, and whoever comes first; of what is kept too, and of what is found
    there after a restart, when the store is gone."""
    pack, label = LIES[name]
    word = name.replace(" ", "").replace(",", "")
    symbol = symbols.pdb(f"{word}.pdb", genuine()["aged"].data, symbols.guid_of(word))
    packed, target = pack(symbol.name, symbol.data), "/" + symbol.path
    if kind == "file":
        if label:
            pytest.skip("a directory knows no Content-Encoding")
        file = tmp / "files" / symbol.path
        file.parent.mkdir(parents=True)
        file.write_bytes(packed)
        stores = f"file://{tmp}/files"
    else:
        origin.put(origin.bucket("bucket"), symbol.path.lower(), packed,
                   [("Content-Encoding", label)] if label else [])
        stores = s3("bucket", origin) if kind == "origin" else \
            f"http://127.0.0.1:{origin.port}/bucket"
        target = target if kind == "origin" else target.lower()
    server = serve(stores=stores, CACHE_DIR=tmp / "cache")
    ways = [GZIP, {}] if first == "accepts gzip" else [{}, GZIP]
    tags = {}
    for restarted in False, True:
        for headers in ways * 2:
            answer = server.fetch(target, headers=headers)
            assert answer.status == 200 and is_the_file(answer, name, packed, symbol.data), headers
            assert answer["Content-Encoding"] in (None, headers.get("Accept-Encoding"))
            tag = tags.setdefault(answer["Content-Encoding"], answer["ETag"])
            assert answer["ETag"] == tag, "one version of each"
            quiet(server)
            head = server.fetch(target, "HEAD", headers=headers)
            for header in "Content-Length", "Content-Encoding", "ETag", "Vary":
                assert head[header] == answer[header], header
            part = server.fetch(target, headers={"Range": "bytes=5-1999", **headers})
            plain = server.fetch(target)
            assert part.status == 206 and part.body == plain.body[5:2000]
            assert part["Content-Encoding"] is None
        if kind == "file" or restarted:
            return
        server.stop()
        server = serve(stores=stores, CACHE_DIR=tmp / "cache")
        origin.stop()


@pytest.mark.parametrize("label", ["gzip", "x-gzip", "zstd", "br", None])
@pytest.mark.parametrize("content", [b"", forms.gz("", b"")], ids=["no bytes", "gzip of nothing"])
def test_nothing_is_a_miss_however_it_is_called(content, label, origin, store, serve):
    origin.put("bucket", LOWER, content, [("Content-Encoding", label)] if label else [])
    server = serve(stores=store)
    for headers in [GZIP, {}] * 2:
        assert is_miss(server.fetch(FOO, headers=headers))
        quiet(server)


@pytest.mark.parametrize("content", ["text", "noise"])
@pytest.mark.parametrize("name", ["gzip four times", "zstd four times", "another PDB in gzip"])
def test_what_cannot_be_undone_is_never_the_file(name, content, origin, store, serve):
    """It is a fault; or a miss, where it is seen to be another file."""
    symbol = symbols.pdb("foo.pdb", genuine()["aged"].data, symbols.guid_of("other"))
    data = {"text": text(9000), "noise": body(9000)}[content]
    pack = forms.gz if "gzip" in name else forms.zst
    data = symbol.data if "PDB" in name else pack("", pack("", pack("", data)))
    origin.put("bucket", LOWER, pack("", data))
    server = serve(stores=store)
    for headers in [GZIP, {}] * 2:
        answer = server.fetch(FOO, headers=headers)
        assert is_miss(answer) if "PDB" in name else answer.status == 503, headers
        quiet(server)


CLAIMS = {
    # what lies as foo.pdb.gz, and the Content-Encoding that it is said to have
    "no gzip": (lambda data: data, None),
    "no gzip, said to be": (lambda data: data, "gzip"),
    "x-gzip": (lambda data: forms.gz("", data), "x-gzip"),
    "said to be zstd": (lambda data: forms.gz("", data), "zstd"),
    "twice": (lambda data: forms.gz("", forms.gz("", data)), "gzip"),
}


@pytest.mark.parametrize("first", ["accepts", "does not", "by its name"])
@pytest.mark.parametrize("claim", CLAIMS)
def test_gzip_is_what_is_sent_as_gzip(claim, first, origin, store, serve):
    """Whatever a twin is said to be, and whoever came first: what a client has after undoing the
    Content-Encoding is the file. (A plain body went out as gzip.)"""
    pack, encoding = CLAIMS[claim]
    origin.put("bucket", LOWER + ".gz", pack(text(SIZE)),
               [("Content-Encoding", encoding)] if encoding else [])
    server = serve(stores=store)
    if first == "by its name":
        assert server.fetch(FOO + ".gz").status == 200
    for headers in ([{}, GZIP] if first == "does not" else [GZIP, {}]) * 2:
        answer = server.fetch(FOO, headers=headers)
        assert answer.status == 200
        assert answer["Content-Encoding"] in (None, headers.get("Accept-Encoding"))
        content = gzip.decompress(answer.body) if answer["Content-Encoding"] else answer.body
        assert content == text(SIZE), headers
        quiet(server)


@pytest.mark.parametrize("size", [9000, SIZE])
@pytest.mark.parametrize("name", ["SZDD", "gap"])
def test_old_and_odd_twins(name, size, origin, store, serve):
    """What compress.exe left in stores of the 1990s; a cabinet whose header says where its file is."""
    content = text(size)
    packed = forms.szdd(content) if name == "SZDD" else forms.gapped(mszip("foo.pdb", content))
    origin.put("bucket", PD, packed)
    server = serve(stores=store)
    for _ in range(2):
        answer = server.fetch(FOO)
        assert answer.status == 200 and answer.body == content
        assert answer["Content-Length"] == str(size)
        quiet(server)
    assert server.fetch("/" + PD).body == packed
    assert decoded(server, "szdd" if name == "SZDD" else "cab") == 1


@pytest.mark.parametrize("label", ["UTF-8", "binary", "none", "8bit", "aws-chunked", "text/plain",
                                   "gzip,utf-8", "utf-8, gzip"])
def test_labels_that_are_no_coding(label, origin, store, serve):
    """Uploaders write charsets and worse into Content-Encoding: only the codings in it count."""
    content = text(9000)
    packed = forms.gz("", content) if "gzip" in label else content
    origin.put("bucket", LOWER, packed, [("Content-Encoding", label)])
    server = serve(stores=store)
    for _ in range(2):
        answer = server.fetch(FOO)
        assert answer.status == 200 and answer.body == content
        assert answer["Content-Encoding"] is None
        quiet(server)


@pytest.mark.skipif(not symbols.by_symstore(), reason="no real-symbols folder beside the checkout")
@pytest.mark.parametrize("role", ["pdb", "exe"])
def test_cabinets_of_symstore(role, shelf):
    symbol = symbols.by_symstore()[role]
    shelf.write(f"{symbol.name}/{symbol.key}/{symbols.twin(symbol.name)}".lower(), symbol.cabinet)
    for _ in range(2):
        assert shelf.server.fetch("/" + symbol.path).body == symbol.data
    assert shelf.server.fetch("/" + symbol.path[:-1] + "_").body == symbol.cabinet


def test_a_twin_that_is_none(shelf):
    """What is no cabinet, gzip, zstd or MSFZ by its bytes is served as they are."""
    for name, last in (("none1.pdb", "none1.pd_"), ("none2.pdb", "none2.pdb.gz"),
                       ("none3.pdb", "none3.pdb.zst")):
        shelf.write(f"{name}/{KEY}/{last}".lower(), body(200_000))
        assert shelf.server.fetch("/" + path(name)).body == body(200_000)


@pytest.mark.parametrize("name", [name for name in TWINS if name != "lzx"])
def test_an_empty_file_in_a_twin_is_a_miss(name, shelf):
    hollow = f"hollow-{name}.pdb".replace(" ", "")
    key, packed, _ = TWINS[name].lay(hollow, KEY, b"")
    shelf.write(key, packed)
    for _ in range(2):
        assert is_miss(shelf.server.fetch("/" + path(hollow)))


# while it is being made, and after

# of these, what can be made of the first half of the object comes before the second half
STREAMED = {name: EVERY[name] for name in ("mszip", "lzx", "stored cabinet", "zst", "zstd")}


def half_way(origin, server, form, size=SIZE, **how):
    """A client of what is half there: (client, gate, content, key of the object)."""
    content = text(size)
    key, packed = put(origin, form, content)
    gate = Gate("")
    origin.fault(faults.pause_at(len(packed) // 2, gate),
                 lambda r: r.path.endswith(key) and r.get("Range") != "bytes=0-0")
    client = server.connect(**how)
    client.ask(FOO)
    gate.wait(1)
    return client, gate, content, key


def check_parts(server, content, etag):
    """Everything that can be asked of what has been made already."""
    head = server.fetch(FOO, "HEAD")
    assert head["Content-Length"] == str(len(content)) and head["ETag"] == etag
    for headers, status, part in (({"Range": "bytes=1000-1999"}, 206, content[1_000:2_000]),
                                  ({"Range": "bytes=0-0"}, 206, content[:1]),
                                  ({"Range": "bytes=5-9", "If-Range": etag}, 206, content[5:10]),
                                  ({"Range": f"bytes={len(content)}-"}, 416, b""),
                                  ({"If-None-Match": etag}, 304, b"")):
        answer = server.fetch(FOO, headers=headers)
        assert answer.status == status and answer.body == part, headers
        if status == 206:
            assert answer["Content-Range"].endswith(f"/{len(content)}")


@pytest.mark.cache_on
@pytest.mark.row("C37", "C47", "C68")
@pytest.mark.parametrize("name", STREAMED)
def test_parts_and_conditions(name, origin, store, serve):
    """Of what is being made, where that is there already; then of what is kept."""
    server = serve(stores=store, **PATIENT)
    client, gate, content, key = half_way(origin, server, STREAMED[name])
    with client, server.connect() as whole, server.connect() as tail:
        head = client.head()
        assert head.status == 200 and head["Content-Length"] == str(len(content))
        assert client.read(500_000) == content[:500_000]
        check_parts(server, content, head["ETag"])
        whole.ask(FOO, headers={"Range": "bytes=5-9", "If-Range": '"other"'})
        assert whole.head().status == 200
        tail.ask(FOO, headers={"Range": "bytes=-1000"})
        assert tail.head().status == 206 and not tail.closed(0.05) and not tail.buffer
        gate.release()
        assert client.read(len(content) - 500_000) == content[500_000:]
        assert whole.read(len(content)) == content and tail.read(1_000) == content[-1_000:]
    quiet(server)
    assert sent_once(origin, key)
    kept(server)
    origin.stop()
    check_parts(server, content, head["ETag"])
    other = {"Range": "bytes=5-9", "If-Range": '"other"'}
    assert server.fetch(FOO, headers=other).body == content
    assert server.fetch(FOO, headers={"Range": "bytes=-1000"}).body == content[-1_000:]


@pytest.mark.row("C60")
def test_gzip_begins_before_its_middle_is_there(origin, store, serve):
    """Its length stands at its end, which is fetched ahead of everything between. (Of one that is
    longer than 4 MiB those 4 bytes would not be enough.)"""
    content = text(7_000_000)
    key, packed = put(origin, EVERY["gz"], content)
    server = serve(stores=store, FETCH_BLOCK="1MiB", **PATIENT)

    def in_the_middle(r):
        return key in r.path and starts_at(r) >= MIB and \
            not (r.get("Range") or "").endswith(f"-{len(packed) - 1}")
    gate = origin.hold(in_the_middle)
    with server.connect() as client:
        client.ask(FOO)
        gate.wait(1)
        head = client.head()
        assert head.status == 200 and head["Content-Length"] == str(len(content))
        assert client.read(MIB) == content[:MIB]
        gate.release()
        assert client.read(len(content) - MIB) == content[MIB:]
    assert sent_once(origin, key)


@pytest.mark.tsan
@pytest.mark.cache_on
@pytest.mark.row("C74")
@pytest.mark.parametrize("size", [50_000, SIZE])
@pytest.mark.parametrize("name", ["mszip", "gz", "zstd"])
def test_a_herd_costs_one_body_and_one_decoding(name, size, origin, store, serve):
    """All ask before the first byte comes, as plain file or twin of it does not matter."""
    key, _ = put(origin, EVERY[name], text(size))
    server = serve(stores=store, LOG_LEVEL="debug", **PATIENT)
    gate = origin.hold(key)
    clients = [server.connect() for _ in range(64)]
    for client in clients:
        client.ask(FOO)
    server.wait_in_flight(64, key=key)
    gate.release()

    def take(client):
        with client:
            return client.answer().body == text(size)
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert all(pool.map(take, clients))
    quiet(server)
    assert decoded(server, EVERY[name].label) == 1
    assert sent_once(origin, key)


# what is kept

@pytest.mark.cache_on
@pytest.mark.parametrize("size", [50_000, SIZE])
@pytest.mark.parametrize("name", sorted(EVERY.keys() - MSFZ.keys()))
def test_only_what_was_made_is_kept(name, size, origin, store, serve):
    put(origin, EVERY[name], text(size))
    server = serve(stores=store)
    assert server.fetch(FOO).body == text(size)
    kept(server)
    quiet(server)
    file = CacheDir(server).object()
    assert file.stat().st_size == 1024 + size
    origin.stop()
    assert server.fetch(FOO).body == text(size)
    metrics = server.metrics()
    assert metrics["pepto_decode_failed_total", ""] == metrics["pepto_active_decoders", ""] == 0
    assert metrics["pepto_decoded_bytes_total", ""] == size


@pytest.mark.cache_on
def test_both_forms_are_kept_for_who_wants_them(origin, store, serve):
    """The twin by its own name, and what is in it."""
    _, packed = put(origin, EVERY["mszip"], text(SIZE))
    server = serve(stores=store)
    assert server.fetch("/" + PD).body == packed
    kept(server)
    assert server.fetch(FOO).body == text(SIZE)
    kept(server, 2)
    assert sent_once(origin, PD), "it was made of what lay in the cache"
    origin.stop()
    assert server.fetch(FOO).body == text(SIZE) and server.fetch("/" + PD).body == packed


def no_cache(tmp, request):
    return {"CACHE_DIR": "off"}


def no_directory(tmp, request):
    (tmp / "file").write_text("in the way")
    return {"CACHE_DIR": tmp / "file" / "cache"}


def read_only(tmp, request):
    at, mount = request.getfixturevalue("mounted")
    mount("remount,ro")
    return {"CACHE_DIR": at}


def full(tmp, request):
    at, _ = request.getfixturevalue("mounted")
    (at / "ballast").write_bytes(bytes(3_900_000))
    return {"CACHE_DIR": at, "CACHE_SIZE": "1GiB", "CACHE_MIN_FREE": "0"}


def too_small(tmp, request):
    return {"CACHE_SIZE": "2MiB"}


@pytest.mark.cache_on
@pytest.mark.parametrize("trouble", [no_cache, no_directory, read_only, full, too_small])
@pytest.mark.parametrize("name", ["mszip", "gz", "zst unsized", "zstd", "encoded cabinet"])
def test_without_a_disk(name, trouble, origin, store, serve, tmp, request):
    """It is made in temporary files, for all who ask meanwhile, and nothing is left of it."""
    put(origin, EVERY[name], text(SIZE))
    server = serve(stores=store, LOG_LEVEL="debug", **trouble(tmp, request), **PATIENT)
    for _ in range(2):
        assert server.fetch(FOO, "HEAD")["Content-Length"] == str(SIZE)
        answer = server.fetch(FOO)
        assert answer.status == 200 and answer.body == text(SIZE)
    quiet(server)
    assert fills(server, "kept") == 0
    before = server.metrics()["pepto_decoded_bytes_total", ""]
    client, gate, content, key = half_way(origin, server, EVERY[name])
    itself = {"key": key, "for": "itself"}
    with client, server.connect() as second:
        asked = len(server.log(msg="candidate asked", **itself))
        second.ask(FOO)
        server.wait_in_flight(asked + 1, **itself)
        gate.release()
        assert client.answer().body == second.answer().body == content
    quiet(server)
    # Where the stored form fits it may be kept now: while the second client has not heard yet that
    # it is encoded, it is one who takes it as it is.
    assert server.metrics()["pepto_decoded_bytes_total", ""] == before + len(content)
    assert told(server, "hit") == 0


@pytest.mark.cache_on
def test_the_disk_fills_up_while_it_is_made(mounted, origin, store, serve):
    """The one that is under way is cut or refused, the next one is made elsewhere; a full disk is no
    failing one, and once there is room the form is kept."""
    at, mount = mounted
    put(origin, EVERY["zst unsized"], text(6_000_000))
    server = serve(stores=store, CACHE_DIR=at, CACHE_SIZE="1GiB", CACHE_MIN_FREE="0", **PATIENT)
    first = server.fetch(FOO)
    assert first.status == 503 or first.body == text(6_000_000)
    assert server.fetch(FOO).body == text(6_000_000)
    quiet(server)
    assert server.metrics()["pepto_cache_errors_total", ""] == 0 and not CacheDir(at).objects()
    mount("remount,size=64m")
    until(lambda: server.fetch(FOO).body == text(6_000_000) and CacheDir(at).objects())


# later

@pytest.mark.cache_on
@pytest.mark.parametrize("name", ["mszip", "gz", "gzip"])
def test_purge_takes_both_forms(name, origin, store, serve):
    form, server = EVERY[name], serve(stores=store, ADMIN_TOKEN=TOKEN)
    as_stored = ("/" + PD, {}) if form.label == "cab" else (FOO, GZIP)
    for seed in (1, 2):
        _, packed = put(origin, form, text(SIZE, seed))
        assert server.fetch(as_stored[0], headers=as_stored[1]).body == packed
        kept(server, 2 * seed - 1)
        assert server.fetch(FOO).body == text(SIZE, seed)
        kept(server, 2 * seed)
        assert len(CacheDir(server).objects()) == 2
        assert purge(server, LOWER.encode()).status == 200
        until(lambda: not CacheDir(server).objects())


@pytest.mark.cache_on
def test_what_is_packed_outlives_its_store(origin, store, serve, tmp):
    """The plain file, which would come first, is known to be missing; then that is no answer any more;
    then nothing is known after a restart, and the store is down: what lies there is served."""
    settings = {"stores": s3(origin.bucket("bucket"), origin), "CACHE_DIR": tmp, "MISS_TTL": "1s",
                "REQUEST_BUDGET": "2s"}
    server = serve(**settings)
    put(origin, EVERY["mszip"], text(SIZE))
    assert server.fetch(FOO).body == text(SIZE)
    kept(server)
    until(lambda: server.fetch(FOO, "HEAD").status == 200 and told(server, "hit"))
    origin.fault(faults.reset())
    for _ in range(3):
        time.sleep(1)
        answer = server.fetch(FOO)
        assert answer.status == 200 and answer.body == text(SIZE)
    server.stop()
    server = serve(**settings)
    for _ in range(3):
        assert server.fetch(FOO).body == text(SIZE)


@pytest.mark.cache_on
def test_a_head_does_not_decide_for_others(origin, serve):
    """A store whose files were packed is asked for the packed form at once. Who asked for the head
    of a plain file left the packed one in the cache, and everybody else was given that."""
    server = serve(stores=s3(origin.bucket("bucket"), origin))
    put(origin, EVERY["mszip"], text(SIZE), "other.pdb")
    assert server.fetch("/" + path("other.pdb")).body == text(SIZE)
    put(origin, EVERY["mszip"], text(SIZE, 1))
    origin.put("bucket", LOWER, text(SIZE, 2))
    assert server.fetch(FOO, "HEAD").status == 200
    quiet(server)
    for _ in range(3):
        assert server.fetch(FOO).body == text(SIZE, 2)


@pytest.mark.cache_on
def test_purge_while_it_is_made(origin, store, serve):
    server = serve(stores=store, ADMIN_TOKEN=TOKEN, **PATIENT)
    client, gate, content, _ = half_way(origin, server, EVERY["zst"])
    with client:
        assert client.head().status == 200
        assert purge(server, LOWER.encode()).status == 200
        gate.release()
        assert client.read(len(content)) == content
    quiet(server)
    put(origin, EVERY["zst"], text(SIZE, 2))
    assert server.fetch(FOO).body == text(SIZE, 2)


@pytest.mark.cache_on
@pytest.mark.parametrize("name", ["mszip", "gz", "zstd"])
def test_what_was_made_is_confirmed_by_what_it_was_made_of(name, origin, store, serve):
    form, server = EVERY[name], serve(stores=store, CACHE_FRESH="0s")
    put(origin, form, text(SIZE))

    def confirmed(answer, n):
        until(lambda: server.metrics()["pepto_confirms_total", f'{{answer="{answer}"}}'] >= n)
    assert server.fetch(FOO).body == text(SIZE)
    kept(server)
    assert server.fetch(FOO).body == text(SIZE)
    confirmed("same", 1)
    assert decoded(server, form.label) == 1
    put(origin, form, text(SIZE, 2))
    assert server.fetch(FOO).body == text(SIZE), "stale, but at once"
    confirmed("changed", 1)
    until(lambda: server.fetch(FOO).body == text(SIZE, 2))


@pytest.mark.cache_on
def test_what_was_made_goes_with_what_it_was_made_of(origin, store, serve):
    server = serve(stores=store, CACHE_FRESH="0s", MISS_TTL="0s")
    key, _ = put(origin, EVERY["mszip"], text(SIZE))
    assert server.fetch(FOO).body == text(SIZE)
    kept(server)
    del origin.objects["bucket", key]
    until(lambda: server.fetch(FOO).status == 404)


@pytest.mark.parametrize("name", ["mszip", "gz", "zst"])
def test_a_twin_in_a_directory_is_replaced(name, serve, tmp):
    """What was made of it is kept, other than the files of a directory, but not for long."""
    server = serve(stores=f"file://{tmp}")
    for seed in (1, 2):
        key, packed, _ = EVERY[name].lay("foo.pdb", KEY, text(SIZE, seed))
        (tmp / key).parent.mkdir(parents=True, exist_ok=True)
        (tmp / key).write_bytes(packed)
        until(lambda seed=seed: server.fetch(FOO).body == text(SIZE, seed))


# what a miss costs

GONE = path("gone.pdb").lower()
FOLDER = GONE.rpartition("/")[0]
COSTS = {
    "": ["gone.pdb", "gone.pd_"],
    "forms=plain": ["gone.pdb"],
    "forms=gz": ["gone.pdb", "gone.pdb.gz"],
    f"forms={ALL}": ["gone.pdb", "gone.pd_", "gone.pdb.gz", "gone.pdb.zst", "msfz0/gone.pdb"],
}


@pytest.mark.parametrize("options", COSTS)
def test_what_a_miss_costs(options, origin, serve):
    """As many requests as forms are named, in one round; by default plain files and cabinets."""
    origin.listable = True
    given = dict([options.split("=")] if options else [])
    server = serve(stores=s3(origin.bucket("bucket"), origin, **given), **PATIENT)
    gate = origin.hold("gone.pdb")
    expected = sorted(f"/bucket/{FOLDER}/{last}" for last in COSTS[options])
    with server.connect() as client:
        client.ask("/" + GONE, headers={"User-Agent": "symchk"})
        gate.wait(len(expected))
        gate.release()
        assert is_miss(client.answer())
    quiet(server)
    assert sorted(r.path for r in origin.asked("gone.pdb")) == expected


# cabinets on demand

def unpacked(cabinet, tmp):
    """By cabextract, which has tested it before: (name, bytes)."""
    (tmp / "made.cab").write_bytes(cabinet)
    subprocess.run(["cabextract", "-qt", "made.cab"], cwd=tmp, check=True, capture_output=True)
    subprocess.run(["cabextract", "-qd", "out", "made.cab"], cwd=tmp, check=True)
    only, = (tmp / "out").iterdir()
    return only.name, only.read_bytes()


@pytest.mark.cache_on
@pytest.mark.row("C04")
@pytest.mark.parametrize("size", [50_000, SIZE])
@pytest.mark.parametrize("encoding", [None, "gzip"])
def test_a_cabinet_is_made_once(encoding, size, origin, store, serve, tmp):
    origin.put("bucket", LOWER, forms.gz("", text(size)) if encoding else text(size),
               [("Content-Encoding", encoding)] if encoding else [])
    server = serve(stores=store, SERVE_CAB="on", **PATIENT)
    head = server.fetch("/" + PD, "HEAD")
    assert head.status == 200
    answer = server.fetch("/" + PD)
    assert unpacked(answer.body, tmp) == ("foo.pdb", text(size))
    assert head["Content-Length"] == str(len(answer.body)) and head["ETag"] == answer["ETag"]
    for _ in range(2):
        assert server.fetch("/" + PD).body == answer.body
    part = server.fetch("/" + PD, headers={"Range": "bytes=100-199"})
    assert part.status == 206 and part.body == answer.body[100:200]
    plain = server.fetch(FOO)
    assert plain.body == text(size) and plain["ETag"] != answer["ETag"]
    assert server.metrics()["pepto_cabinets_made_total", ""] == 1


def test_a_stored_cabinet_goes_before_one_that_is_made(origin, store, serve):
    origin.put("bucket", LOWER, text(SIZE))
    _, packed = put(origin, EVERY["lzx"], text(SIZE))
    server = serve(stores=store, SERVE_CAB="on")
    assert server.fetch("/" + PD).body == packed
    assert server.metrics()["pepto_cabinets_made_total", ""] == 0


@pytest.mark.parametrize("size, status", [(2 << 30, 404), (3 << 30, 404)])
def test_what_is_too_long_for_a_cabinet(size, status, tmp, serve):
    """It is there, all the same."""
    file = tmp / LOWER
    file.parent.mkdir(parents=True)
    with open(file, "wb") as f:
        f.truncate(size)
    server = serve(stores=f"file://{tmp}", SERVE_CAB="on")
    assert is_miss(server.fetch("/" + PD))
    assert server.fetch(FOO, "HEAD")["Content-Length"] == str(size)


def test_no_cabinet_is_made_unless_told(origin, store, serve):
    origin.put("bucket", LOWER, text(SIZE))
    server = serve(stores=store)
    assert is_miss(server.fetch("/" + PD))
    assert server.metrics()["pepto_cabinets_made_total", ""] == 0


# file.ptr

SHARE = "%5C%5Cbuilds%5Cshare"
POINTERS = {
    # what file.ptr says: which of the objects it leads to
    "\\\\builds\\share\\7\\foo.pdb": "plain",
    "PATH:\\\\BUILDS\\Share\\7\\foo.pdb\r\n": "plain",
    "//builds/share/7/foo.pdb": "plain",
    "PATH:\\\\builds\\share\\8\\foo.pd_": "packed",
    "PATH:\\\\builds\\share\\8\\foo.pdb": "packed",
    "PATH:\\\\builds\\share\\9\\foo.pdb": None,
    "PATH:\\\\builds\\share\\7\\other.pdb": None,
    "PATH:\\\\builds\\share\\000Admin\\foo.pdb": None,
    "PATH:\\\\elsewhere\\share\\7\\foo.pdb": None,
    "PATH:\\\\builds\\share\\x\\..\\7\\foo.pdb": None,
    "PATH:\\\\builds\\share\\..\\7\\foo.pdb": None,
    "MSG: ask the archive": None,
    "": None,
}


@pytest.mark.row("C21")
@pytest.mark.parametrize("said", POINTERS)
def test_a_pointer(said, origin, serve):
    """Followed below the root that the store's URL names, to a file of the name that was asked for;
    by its own name it is passed on unchanged, wherever it leads."""
    origin.listable = True
    server = serve(stores=s3(origin.bucket("bucket"), origin, ptr=SHARE), **PATIENT)
    pointer = LOWER.rpartition("/")[0] + "/file.ptr"
    for key in ("7/foo.pdb", "7/other.pdb", "000admin/foo.pdb", "000Admin/foo.pdb"):
        origin.put("bucket", key, text(SIZE, 7))
    origin.put("bucket", "8/foo.pd_", mszip("foo.pdb", text(SIZE, 8)))
    origin.put("bucket", pointer, said.encode())
    expected = {"plain": text(SIZE, 7), "packed": text(SIZE, 8), None: None}[POINTERS[said]]
    for _ in range(2):
        assert server.fetch(FOO, "HEAD").status == (200 if expected else 404)
        answer = server.fetch(FOO)
        assert answer.body == expected if expected else is_miss(answer)
    own = server.fetch("/" + pointer)
    assert own.body == said.encode() if said else is_miss(own)
    followed = server.metrics()["pepto_pointers_followed_total", ""]
    assert (followed > 0) == (said.lower().find("\\share\\9") > 0 or expected is not None)


def test_a_pointer_to_a_pointer(origin, serve):
    """Is followed once."""
    origin.listable = True
    server = serve(stores=s3(origin.bucket("bucket"), origin, ptr=SHARE))
    folder = path("bar.pdb").lower().rpartition("/")[0]
    for frm, to in ((LOWER.rpartition("/")[0], "first/foo.pdb"), (folder, "first/bar.pdb"),
                    ("first", "second/foo.pdb")):
        origin.put("bucket", frm + "/file.ptr", b"PATH://builds/share/" + to.encode())
    origin.put("bucket", "second/foo.pdb", text(SIZE))
    origin.put("bucket", "first/bar.pdb", text(SIZE))
    assert is_miss(server.fetch(FOO))
    assert server.fetch("/" + path("bar.pdb")).body == text(SIZE)


def test_no_pointer_is_followed_unless_told(origin, store, serve):
    origin.put("bucket", LOWER.rpartition("/")[0] + "/file.ptr", b"PATH://builds/share/7/foo.pdb")
    origin.put("bucket", "7/foo.pdb", text(SIZE))
    server = serve(stores=store)
    assert is_miss(server.fetch(FOO))


def test_a_file_goes_before_a_pointer(origin, serve):
    origin.listable = True
    server = serve(stores=s3(origin.bucket("bucket"), origin, ptr=SHARE))
    origin.put("bucket", LOWER.rpartition("/")[0] + "/file.ptr", b"PATH://builds/share/7/foo.pdb")
    origin.put("bucket", "7/foo.pdb", text(SIZE, 7))
    put(origin, EVERY["mszip"], text(SIZE))
    assert server.fetch(FOO).body == text(SIZE)


# stores that are private

@pytest.mark.row("C01")
def test_a_signed_store(rgw, bucket, put, serve):
    """By default it may hold plain files and cabinets."""
    put(PD, mszip("foo.pdb", text(SIZE)))
    server = serve(stores=s3(bucket, rgw), **KEYS, **PATIENT)
    assert server.fetch(FOO).body == text(SIZE)
    assert is_miss(server.fetch("/" + path("bar.pdb")))
