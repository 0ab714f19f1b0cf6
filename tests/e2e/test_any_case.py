# SPDX-License-Identifier: MIT
"""Buckets as they are: names in any case, as symstore.exe and people have written them, found for clients
that write them in another."""

import itertools

import pytest

from conftest import KEYS
from rig import faults, forms, layouts
from rig.cachedir import kept, quiet
from rig.client import is_miss
from rig.listed import Listed
from rig.samples import GUID, IMAGE_KEY, body, path
from rig.server import s3, until

pytestmark = pytest.mark.cache_on

FILE = body(5_000)
SYMSTORE = GUID + "a"               # as symstore writes it: the GUID in capitals, the age not
OTHER = "0" * 31 + "Fb"


def twin(name, data):
    """As symstore.exe compresses it."""
    return layouts.mszip(name, data)


def listing(request):
    return request.query.get("list-type") == "2"


def asked(origin):
    """What was asked for on behalf of clients: objects, and listings of keys."""
    return [r for r in origin.asked() if ".pepto-probe" not in r.path and "index2.txt" not in r.path and
            not (listing(r) and "delimiter" in r.query)]


def complete(server):
    return server.metrics()["pepto_index_listings_total", '{result="complete"}']


def listed(server, n=1):
    until(lambda: complete(server) >= n, what=f"{n} listings")
    return server


@pytest.fixture
def origin(stage):
    return stage(Listed)


def cases(name, key, last=None):
    """As clients write it: all lower, all upper, the key lower, as symstore does."""
    last = last or name
    return [path(name.lower(), key.lower(), last.lower()), path(name.upper(), key.upper(), last.upper()),
            path(name, key.lower(), last), path(name, key, last), path(name.lower(), key, last.lower())]


# on a real S3, with the settings that there are without any

STORED = [
    ("MyApp.pdb", SYMSTORE, "MyApp.pdb"),       # symstore.exe
    ("MyTwin.pdb", SYMSTORE, "MyTwin.pd_"),     # symstore.exe /compress
    ("MyImage.dll", IMAGE_KEY[:8].upper() + IMAGE_KEY[8:].lower(), "MyImage.dll"),
    ("lower.pdb", SYMSTORE, "lower.pdb"),       # the name in lower case, the key not
    ("Lowkey.pdb", SYMSTORE.lower(), "Lowkey.pdb"),
    ("FileCase.pdb", SYMSTORE, "filecase.PDB"),
    ("OddKey.pdb", SYMSTORE[:16] + SYMSTORE[16:].lower(), "OddKey.pdb"),
    ("Under Score++.pdb", SYMSTORE, "Under Score++.pdb"),
    ("App.pdb", SYMSTORE, "App.sym"),           # Breakpad's, in a store of symstore's
]


@pytest.mark.parametrize("prefix", ["", "sym"])
def test_a_store_of_symstore(prefix, rgw, bucket, put, serve):
    for name, key, last in STORED:
        stored = twin(name, FILE) if last.endswith("_") else FILE
        put((prefix + "/" if prefix else "") + path(name, key, last), stored)
    server = listed(serve(stores=s3(bucket, rgw.url, prefix), **KEYS))
    for name, key, last in STORED:
        wanted = last if last.endswith(".sym") else name
        for target in cases(name, key, wanted):
            answer = server.fetch("/" + target.replace(" ", "%20").replace("+", "%2B"))
            assert answer.body == FILE, (target, answer.status)
        assert is_miss(server.fetch("/" + path(name.lower(), OTHER.lower()).replace(" ", "%20")))


def test_two_tiers(origin, serve):
    """The folder is listed after misses in it: till then names in lower case are found, and as asked."""
    origin.put("bucket", "index2.txt", b"")
    for name in ("MyApp.pdb", "mylib.pdb", "My-Tool.pdb"):
        origin.put("bucket", f"My/{path(name, SYMSTORE)}", FILE)
    server = listed(serve(stores=s3("bucket", origin)))
    serial = itertools.count()

    def folder():
        assert is_miss(server.fetch("/" + path(f"My{next(serial)}.pdb")))
        return origin.asked(lambda r: r.query.get("prefix") == "My/")

    until(folder, what="a listing of the folder")
    listed(server, len(origin.asked(lambda r: listing(r) and "delimiter" in r.query)))
    for name in ("MyApp.pdb", "mylib.pdb", "My-Tool.pdb"):
        for target in cases(name, SYMSTORE):
            assert server.fetch("/" + target).body == FILE, target


# what it costs

FORMS = {"plain": ("", lambda name, data: data), "cab": ("_", twin),
         "zst": (".zst", forms.zst), "gz": (".gz", forms.gz)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["myapp.pdb", "MyApp.pdb"])
def test_the_second_hit_costs_one_request(form, name, origin, serve):
    """What was found below a name tells where the next file lies; below another name of the store, too."""
    affix, pack = FORMS[form]
    names = [name, "Other" + name]
    for one, key in itertools.product(names, (SYMSTORE, OTHER)):
        last = one[:-1] + "_" if affix == "_" else one + affix
        origin.put("bucket", path(one, key, last), pack(one, FILE))
    server = listed(serve(stores=s3("bucket", origin, index="on", forms="cab,gz,zst")))
    for i, (one, key) in enumerate(itertools.product(names, (SYMSTORE, OTHER))):
        origin.forget()
        assert server.fetch("/" + path(one, key).lower()).body == FILE
        kept(server, i + 1)
        quiet(server)                   # what else the first one asked for
        assert len(asked(origin)) == 1 or i == 0, [r.path for r in asked(origin)]


def test_keys_are_listed_below_mixed_names_only(origin, serve):
    """And once for a file: what was missing is remembered."""
    origin.put("bucket", path("MyApp.pdb", SYMSTORE), FILE)
    origin.put("bucket", path("mylib.pdb", SYMSTORE), FILE)
    server = listed(serve(stores=s3("bucket", origin)))
    origin.forget()
    for name in ("mylib.pdb", "unknown.pdb"):
        assert is_miss(server.fetch("/" + path(name, OTHER)))
        assert not origin.asked(listing)
    assert is_miss(server.fetch("/" + path("myapp.pdb", "0A" * 16 + "1")))
    prefixes = sorted(r.query["prefix"] for r in origin.asked(listing))
    assert prefixes == ["MyApp.pdb/0A0A0A0A", "MyApp.pdb/0a0a0a0a"]
    origin.forget()
    assert is_miss(server.fetch("/" + path("myapp.pdb", "0A" * 16 + "1")))
    assert not asked(origin)


def test_the_likeliest_goes_out_alone(origin, serve):
    origin.put("bucket", path("MyApp.pdb", SYMSTORE), FILE)
    server = listed(serve(stores=s3("bucket", origin, index="on")))
    origin.forget()
    assert server.fetch("/" + path("myapp.pdb", SYMSTORE).lower()).body == FILE
    assert [r.path for r in asked(origin)] == ["/bucket/" + path("MyApp.pdb", SYMSTORE)]


# kept

def test_what_was_found_stays_findable(origin, serve):
    """After a kill, without the bucket, and so without knowing how it spells anything."""
    targets = []
    for name, key, last in STORED[:7]:
        origin.put("bucket", path(name, key, last), twin(name, FILE) if last.endswith("_") else FILE)
    server = listed(serve(stores=s3("bucket", origin)))
    for name, key, _ in STORED[:7]:
        targets.append(path(name, key).lower())
        assert server.fetch("/" + targets[-1]).body == FILE
    kept(server, len(targets))
    cache = server.cwd / "cache"
    server.process.kill()
    server.wait()
    server.may_end = {-9}
    origin.stop()
    other = serve(stores=s3("bucket", origin), CACHE_DIR=str(cache))
    for target in targets:
        assert other.fetch("/" + target).body == FILE, target


def test_a_purge_in_any_case(origin, serve):
    from rig.cachedir import PURGE_TOKEN, purge
    stored = path("MyApp.pdb", SYMSTORE)
    origin.put("bucket", stored, FILE)
    server = listed(serve(stores=s3("bucket", origin), ADMIN_TOKEN=PURGE_TOKEN))
    assert server.fetch("/" + stored.lower()).body == FILE
    kept(server)
    other = body(6_000)
    origin.put("bucket", stored, other)
    purge(server, ("/" + stored.upper()).encode())
    assert server.fetch("/" + stored.lower()).body == other


# never a wrong answer

def test_a_file_younger_than_the_listing(origin, serve):
    """It tells nothing of how the names are spelled that were listed."""
    origin.page = 2                     # so that the listing counts for a minute
    for n in range(24):
        origin.put("bucket", path(f"module{n:02}.pdb").lower(), FILE)
    origin.put("bucket", path("MyApp.pdb", SYMSTORE), FILE)
    server = listed(serve(stores=s3("bucket", origin)))
    origin.put("bucket", path("new.pdb").lower(), FILE)
    assert server.fetch("/" + path("new.pdb").lower()).body == FILE
    assert server.fetch("/" + path("myapp.pdb", SYMSTORE).lower()).body == FILE


@pytest.mark.parametrize("index", ["on", "auto"])
def test_an_alias_under_another_spelling(index, origin, serve):
    """LLDB's age may be a decimal, and what lies so below the first spelling is another file for it alone."""
    target = "/" + path("myapp.pdb", GUID + "10")
    origin.put("bucket", path("myapp.pdb", GUID + "A").lower(), body(6_000))
    origin.put("bucket", path("MyApp.pdb", GUID + "10"), FILE)
    server = listed(serve(stores=s3("bucket", origin, index=index)))
    for agent, wanted in (("symbols", FILE), ("LLVM-HTTPClient/19", body(6_000))):
        answer = server.fetch(target, headers={"User-Agent": agent})
        assert answer.body == wanted and "User-Agent" in answer["Vary"]


def test_the_whole_of_what_was_found_by_its_keys(origin, serve):
    """Also after a part of it that the client may not be given, and one that lies outside."""
    odd = path("MyApp.pdb", SYMSTORE, "mYAPP.pdb")
    origin.put("bucket", odd, FILE)
    server = listed(serve(stores=s3("bucket", origin), CACHE_DIR="off"))
    for headers, status in ({"Range": "bytes=99999-"}, 416), \
            ({"Range": "bytes=1-9", "If-Range": '"other"'}, 200), ({}, 200):
        answer = server.fetch("/" + odd.lower(), headers=headers)
        assert answer.status == status and (status != 200 or answer.body == FILE)


def test_what_is_missing_but_was_not_listed(origin, serve):
    """All that the file may be called has been asked for, for another path."""
    key = "1234567890" * 3 + "121"
    origin.put("bucket", path("MyApp.pdb", key, "myapp.PDB"), FILE)
    server = listed(serve(stores=s3("bucket", origin)))
    answer = server.fetch("/" + path("MyApp.pdb", key, "MyApp.pd_"),
                          headers={"User-Agent": "Microsoft-Symbol-Server/10.0.0.0"})
    assert is_miss(answer)
    assert server.fetch("/" + path("MyApp.pdb", key)).body == FILE


def test_a_name_that_is_longer_in_another_case(origin, serve):
    """U+212A, three bytes, is a small k."""
    long = "\u212a" * 330 + ".pdb"
    origin.put("bucket", f"{long}/{SYMSTORE}/x", FILE)
    server = listed(serve(stores=s3("bucket", origin)))
    low = path(long.replace("\u212a", "k"), SYMSTORE).lower()
    origin.put("bucket", low, FILE)
    assert server.fetch("/" + low).body == FILE


def test_many_spellings_displace_nothing(origin, serve):
    """What is looked for without any of them is looked for as well."""
    for n in range(8):
        name = "".join(c.upper() if i == n else c for i, c in enumerate("symbolic"))
        origin.put("bucket", path(f"{name}.pdb", OTHER), FILE)
    key = "0A" * 16 + "A"
    origin.put("bucket", path("symbolic.pdb", key, "file.ptr").lower(),
               rb"PATH:\\builds\symbols\x\symbolic.pdb")
    origin.put("bucket", "x/symbolic.pdb", FILE)
    server = listed(serve(stores=s3("bucket", origin, forms="cab,gz,zst", ptr="//builds/symbols"),
                          MAX_QUESTIONS="96"))
    assert server.fetch("/" + path("symbolic.pdb", key)).body == FILE


def test_twins(origin, serve):
    """Names that differ in case only: the one in lower case goes first, then in the order of bytes."""
    twins = ["MYAPP.pdb", "MyApp.pdb", "myapp.pdb"]
    server = None
    for n, name in enumerate(twins):
        origin.put("bucket", path(name, SYMSTORE), body(5_000 + n))
    server = listed(serve(stores=s3("bucket", origin)))
    assert server.fetch("/" + path("myapp.PDB", SYMSTORE)).body == body(5_002)
    told = {"msg": "names that differ in case only: the one in lower case goes first"}
    assert server.wait_log(**told)["names"] == "2" and len(server.log(**told)) == 1
    only = path("MyApp.pdb", OTHER)
    origin.put("bucket", only, FILE)
    assert server.fetch("/" + only.lower()).body == FILE


@pytest.mark.parametrize("fault", [faults.status(403, "AccessDenied"), faults.status(200, "InternalError"),
                                   faults.status(503, "SlowDown")])
def test_keys_that_cannot_be_listed(fault, origin, serve):
    """Then what is among the candidates is found, and the rest is a miss, as without any listing; but nobody
    may keep that."""
    origin.put("bucket", path("MyApp.pdb", SYMSTORE), FILE)
    server = listed(serve(stores=s3("bucket", origin)))
    origin.fault(fault, match=lambda r: listing(r) and "delimiter" not in r.query, times=None)
    for n in range(3):
        for _ in range(2):
            answer = server.fetch("/" + path("myapp.pdb", f"{n}A" * 16 + "1"))
            assert is_miss(answer) and answer["Cache-Control"] == "no-store"
    assert server.fetch("/" + path("myapp.pdb", SYMSTORE).lower()).body == FILE


def test_a_listing_of_keys_that_hangs(origin, serve):
    """It costs one miss its time, and the next ones nothing."""
    origin.put("bucket", path("MyApp.pdb", SYMSTORE), FILE)
    server = listed(serve(stores=s3("bucket", origin), REQUEST_BUDGET="2s"))
    origin.fault(faults.hang(), match=lambda r: listing(r) and "delimiter" not in r.query, times=None)
    for n in range(4):
        assert is_miss(server.fetch("/" + path("myapp.pdb", f"{n}A" * 16 + "1")))
    assert len(origin.asked(lambda r: listing(r) and "delimiter" not in r.query)) <= 2


def test_more_ways_than_may_be_asked(origin, serve):
    """So many that not all are asked for: a listing that is complete proves that none is there."""
    names = ["MYAPP.pdb", "MyApp.pdb", "MyAPP.pdb", "myApp.pdb"]
    for name in names:
        origin.put("bucket", path(name, OTHER), FILE)
    hidden = path("myApp.pdb", "0a" * 16 + "1", "myapp.PDB")
    server = listed(serve(stores=s3("bucket", origin, forms="cab,gz,zst"), MAX_QUESTIONS="8"))
    assert is_miss(server.fetch("/" + path("myapp.pdb", "0A" * 16 + "1")))
    origin.put("bucket", hidden, FILE)
    server2 = listed(serve(stores=s3("bucket", origin, forms="cab,gz,zst"), MAX_QUESTIONS="8"))
    assert server2.fetch("/" + path("myapp.pdb", "0A" * 16 + "1")).body == FILE
    origin.fault(faults.status(403, "AccessDenied"), match=lambda r: listing(r) and "delimiter" not in r.query,
                 times=None)
    answer = server.fetch("/" + path("myapp.pdb", "1A" * 16 + "1"))
    assert answer.status == 503
