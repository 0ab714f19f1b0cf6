# SPDX-License-Identifier: MIT
"""The index of names (index=on): what lies below a name that the bucket has not is missing, and the
bucket is not asked for it; what lies there is found, whatever its name, and however it came."""

import re
import signal

import pytest

from conftest import KEYS
from rig import faults
from rig.cachedir import PURGE_TOKEN, kept, purge
from rig.client import is_miss
from rig.listed import Listed
from rig.samples import KEY, body, path
from rig.server import run, s3, until
from rig.wire import Response

pytestmark = pytest.mark.cache_on

FOO = path("foo.pdb").lower()
FILE = body(5_000)
# Two to a page: the listing counts for a minute, which a test ends before.
NAMES = [f"module{i:02}.pdb" for i in range(24)]


def listing(request):
    return request.query.get("list-type") == "2"


def asked(origin):
    """Objects that were asked for, by us or on behalf of a client; no probes."""
    return [r for r in origin.asked() if not listing(r) and ".pepto-probe" not in r.path and
            "index2.txt" not in r.path]


def complete(server):
    return server.metrics()["pepto_index_listings_total", '{result="complete"}']


def listed(server, n=1):
    """Until n listings are done."""
    until(lambda: complete(server) >= n, what=f"{n} listings")
    return server


def names(server):
    return server.metrics()["pepto_index_names", ""]


def triple(name):
    stem = name[:-1]
    return [path(name, KEY.lower(), last) for last in (name, stem + "_", "file.ptr")]


@pytest.fixture
def origin(stage):
    origin = stage(Listed, page=2)
    for name in NAMES:
        origin.put("bucket", path(name).lower(), FILE)
    origin.put("bucket", FOO, FILE)
    return origin


@pytest.fixture
def start(origin, serve):
    """A server whose index is made."""
    def start(**settings):
        server = listed(serve(stores=s3("bucket", origin, index="on"), **settings))
        origin.forget()
        return server
    return start


# what is not there

def test_an_unknown_name_costs_nothing(origin, start):
    server = start()
    assert names(server) == len(NAMES) + 1
    for i in range(20):
        for target in triple(f"unknown{i}.pdb"):
            answer = server.fetch("/" + target)
            assert is_miss(answer)
    assert not asked(origin)


def test_how_long_it_may_be_kept(origin, start):
    """As long as the listing is believed: 5 s for each page, less what has passed of that."""
    origin.page = 7
    answer = start().fetch("/" + path("unknown.pdb"))
    age = int(answer["Cache-Control"].rpartition("max-age=")[2])
    assert is_miss(answer) and age <= 5 * 4


def test_a_known_name_is_asked_for(origin, start):
    """A file that is there costs one request; of one that is not, its twin is asked for as well."""
    server = start()
    assert server.fetch("/" + FOO.upper().replace("FOO.PDB", "Foo.pdb")).body == FILE
    assert [r.path for r in asked(origin)] == ["/bucket/" + FOO]
    origin.forget()
    other = FOO.replace(KEY.lower(), "0" * 32 + "1")
    assert is_miss(server.fetch("/" + other))
    assert {r.path for r in asked(origin)} >= {"/bucket/" + other, "/bucket/" + other[:-1] + "_"}


def test_without_an_index_it_is_asked_for(origin, serve):
    """By default only services whose listings are known to be exact are believed: elsewhere names are
    listed for how they are spelled."""
    for options in ({}, {"index": "off"}, {"index": "auto"}, {"case": "lower"}, {"case": "asked"}):
        spells = options.get("index") != "off" and "case" not in options
        server = serve(stores=s3("bucket", origin, **options))
        if spells:
            listed(server)
        origin.forget()
        assert is_miss(server.fetch("/" + path("unknown.pdb")))
        assert asked(origin) and not origin.asked(listing)
        assert (complete(server) > 0) == spells


@pytest.mark.parametrize("case", ["both", "lower"])
def test_it_is_not_believed_where_misses_are_not_remembered(case, origin, serve):
    """Then it is of use only for finding names in any case."""
    mixed = path("Mixed.pdb")
    origin.put("bucket", mixed, FILE)
    server = serve(stores=s3("bucket", origin, index="on", case=case), MISS_TTL="0s")
    if case == "both":
        listed(server)
    for _ in range(2):
        origin.forget()
        assert is_miss(server.fetch("/" + path("unknown.pdb")))
        assert asked(origin)
    if case == "both":
        assert server.fetch("/" + mixed.lower()).body == FILE
    assert (complete(server) > 0) == (case == "both")


def test_many_misses_pay_for_the_next_listing(origin, serve):
    """One page: 5 s, and not before half of it."""
    origin.page = 1000
    server = listed(serve(stores=s3("bucket", origin, index="on")))
    serial = iter(range(1_000_000))

    def ask():
        assert is_miss(server.fetch("/" + path(f"unknown{next(serial)}.pdb")))
        return complete(server) >= 3

    until(ask, what="a third listing")
    assert len(origin.asked(listing)) < next(serial) / 10


# never a wrong 404

def test_published_and_told(origin, start):
    """What is put there after the listing is missing until the next one; at once, where we are told."""
    server = start(ADMIN_TOKEN=PURGE_TOKEN)
    new = path("new.pdb").lower()
    origin.put("bucket", new, FILE)
    assert is_miss(server.fetch("/" + new)) and not asked(origin)
    assert purge(server, new.encode()).status == 200
    assert server.fetch("/" + new).body == FILE
    assert is_miss(server.fetch("/" + path("other.pdb")))


ODD = ["c++rt.pdb", "a b.pdb", "a+b c.pdb", "50%25.pdb", "100%.pdb", "\u00c4\u00df.pdb",
       "#1.pdb", "q?.pdb", "~tilde.pdb", "semi;colon.pdb", "amp&lt;.pdb", "$name.pdb"]


def quoted(target):
    return "".join(c if c.isalnum() and c.isascii() or c in "/._-" else
                   "".join(f"%{b:02x}" for b in c.encode()) for c in target)


def test_odd_names(rgw, bucket, put, serve):
    """On a real S3, as it lists them."""
    for name in ODD:
        put(path(name).lower(), FILE)
    server = serve(stores=s3(bucket, rgw.url, index="on"), **KEYS)
    listed(server)
    for name in ODD:
        assert server.fetch("/" + quoted(path(name).lower())).body == FILE, name
    assert names(server) == len(ODD)
    assert is_miss(server.fetch("/" + path("unknown.pdb")))


@pytest.mark.parametrize("prefix", ["sym", "sym/", "/sym", "sym/deep"])
def test_a_prefix(prefix, rgw, bucket, put, serve):
    """Names are those below the store's prefix, with and without a slash behind it; its marker object
    is none, nor is what only begins so."""
    below = prefix.strip("/")
    put(below + "/", b"")
    put(f"{below}/{FOO}", FILE)
    put(f"{below}//{path('empty.pdb').lower()}", FILE)
    for other in "other/", below + "bols/", below:
        put(other + path("bar.pdb").lower(), FILE)
    server = listed(serve(stores=s3(bucket, rgw.url, prefix, index="on"), **KEYS))
    assert names(server) == 1
    assert server.fetch("/" + FOO).body == FILE
    assert is_miss(server.fetch("/" + path("bar.pdb")))


def test_names_that_nobody_can_ask_for(rgw, bucket, put, serve):
    """Control bytes in the names of a bucket do not spoil its listing."""
    for name in "bell\x07.pdb", "line\nfeed.pdb", "del\x7f.pdb", "\u202eevil.pdb":
        put(path(name), FILE)
    put(FOO, FILE)
    server = listed(serve(stores=s3(bucket, rgw.url, index="on"), **KEYS))
    assert names(server) == 5 and server.fetch("/" + FOO).body == FILE
    assert is_miss(server.fetch("/" + path("unknown.pdb")))


def test_twins(rgw, bucket, put, serve):
    """Two spellings of one name: files are found below either."""
    upper, lower = path("Foo.pdb").upper(), path("foo.pdb", "0" * 32 + "1")
    put(upper, FILE)
    put(lower, FILE)
    server = listed(serve(stores=s3(bucket, rgw.url, index="on"), **KEYS))
    assert names(server) == 2
    assert server.fetch("/" + upper).body == FILE and server.fetch("/" + lower).body == FILE
    assert is_miss(server.fetch("/" + path("unknown.pdb")))


def test_deleted_objects_of_a_versioned_bucket(rgw, bucket, put, serve):
    """A name of which only delete markers are left is none; published again, it is one."""
    client = rgw.client()
    client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    put(FOO, FILE)
    gone = path("gone.pdb").lower()
    put(gone, FILE)
    client.delete_object(Bucket=bucket, Key=gone)
    stores = s3(bucket, rgw.url, index="on")
    server = listed(serve(stores=stores, ADMIN_TOKEN=PURGE_TOKEN, **KEYS))
    assert names(server) == 1 and is_miss(server.fetch("/" + gone))
    put(gone, FILE)
    assert purge(server, gone.encode()).status == 200
    assert server.fetch("/" + gone).body == FILE
    assert server.fetch("/" + FOO).body == FILE


def test_deleted_and_published_again(origin, start):
    """Each time as the store has it, by a purge; without one, once the names are listed anew."""
    server = start(ADMIN_TOKEN=PURGE_TOKEN, CACHE_DIR="off")
    del origin.objects["bucket", FOO]
    assert is_miss(server.fetch("/" + FOO)), "a name that is known is asked for"
    origin.put("bucket", FOO, FILE)
    assert purge(server, FOO.encode()).status == 200
    assert server.fetch("/" + FOO).body == FILE
    new = path("new.pdb").lower()
    for _ in range(2):
        assert is_miss(server.fetch("/" + new))
        origin.put("bucket", new, FILE)
        assert purge(server, new.encode()).status == 200
        assert server.fetch("/" + new).body == FILE
        del origin.objects["bucket", new]
        assert purge(server, new.encode()).status == 200


def test_several_stores_on_one_bucket(origin, serve):
    """Each has names of its own: of its prefix, of its own listing."""
    new = path("new.pdb").lower()
    origin.put("bucket", "new/" + new, FILE)
    server = listed(serve(stores=[s3("bucket", origin, index="on"),
                                  s3("bucket", origin, "new", index="on")]), 2)
    origin.forget()
    assert server.fetch("/" + new).body == FILE
    assert server.fetch("/" + FOO).body == FILE
    assert {r.path for r in asked(origin)} == {"/bucket/new/" + new, "/bucket/" + FOO}
    assert is_miss(server.fetch("/" + path("unknown.pdb")))


def test_two_processes(origin, serve, tmp):
    """Which list by themselves. What is purged at one is asked for by the other, which shares its
    cache directory."""
    stores = s3("bucket", origin, index="on")
    one, other = (listed(serve(stores=stores, ADMIN_TOKEN=PURGE_TOKEN, CACHE_DIR=str(tmp / "cache")))
                  for _ in range(2))
    new = path("new.pdb").lower()
    for server in one, other:
        assert is_miss(server.fetch("/" + new))
    origin.put("bucket", new, FILE)
    assert purge(one, new.encode()).status == 200
    assert one.fetch("/" + new).body == FILE
    until(lambda: other.fetch("/" + new).status == 200)
    assert is_miss(other.fetch("/" + path("unknown.pdb")))


def test_thousands_of_names(rgw, bucket, serve):
    """More than a page of a real S3, in its order."""
    client = rgw.client()
    for i in range(1100):
        client.put_object(Bucket=bucket, Key=f"name{i}.pdb/1/x", Body=b"")
    put = path("name555.pdb").lower()
    client.put_object(Bucket=bucket, Key=put, Body=FILE)
    server = listed(serve(stores=s3(bucket, rgw.url, index="on"), **KEYS))
    assert names(server) == 1100
    assert server.fetch("/" + put).body == FILE
    assert is_miss(server.fetch("/" + path("name1100.pdb")))


def test_two_tiers(origin, serve):
    """A folder is listed by itself, once enough was missing in it."""
    origin.put("two", "index2.txt", b"")
    origin.put("two", "fo/" + FOO, FILE)
    server = listed(serve(stores=s3("two", origin, index="on")))
    serial = iter(range(1_000_000))

    def ask():
        assert is_miss(server.fetch("/" + path(f"fog{next(serial)}.pdb")))
        assert server.fetch("/" + FOO).body == FILE
        return origin.asked(lambda r: r.query.get("prefix") == "fo/")

    until(ask, what="a listing of the folder")
    listed(server, 2)
    assert server.fetch("/" + FOO).body == FILE

    def unasked():
        origin.forget()
        assert is_miss(server.fetch("/" + path(f"fog{next(serial)}.pdb")))
        return not asked(origin)

    until(unasked, what="a name of the folder that costs nothing")
    assert server.fetch("/" + FOO).body == FILE


def test_found_while_it_lists(origin, serve):
    """A file that was just given is not missing, though the listing has passed its name."""
    gate = origin.hold(lambda r: listing(r) and "continuation-token" in r.query)
    server = serve(stores=s3("bucket", origin, index="on"))
    gate.wait(1)
    new = path("aaa.pdb").lower()
    origin.put("bucket", new, FILE)
    assert server.fetch("/" + new).body == FILE
    gate.release()
    listed(server)
    assert server.fetch("/" + new).body == FILE
    assert is_miss(server.fetch("/" + path("unknown.pdb")))


def test_what_lies_behind_it_in_the_cache(origin, stage, serve):
    """A store that was passed over by its names is proven to miss the file, also when the names are
    not believed any more and it hangs: nobody waits for its half of the budget."""
    other = stage(Listed)
    other.put("bucket", path("only.pdb").lower(), FILE)
    origin.page = 1000                  # believed for 5 s
    server = listed(serve(stores=[s3("bucket", origin, index="on"), s3("bucket", other)],
                          REQUEST_BUDGET="25s"))
    target, serial = "/" + path("only.pdb"), iter(range(1_000_000))
    assert server.fetch(target).body == FILE
    kept(server)
    origin.hold(listing)                # no other listing takes the place of this one

    def lapsed():
        origin.forget()
        assert is_miss(server.fetch("/" + path(f"unknown{next(serial)}.pdb")))
        return asked(origin)

    until(lapsed, what="names that are not believed any more")
    origin.hold()
    for _ in range(2):
        assert server.fetch(target, timeout=10).body == FILE    # half of the budget is 12.5 s
    origin.heal()


# when it cannot be made

def pages(request, *letters, token=None):
    """The page that was asked for of a listing whose names are these letters, two at a time."""
    n = int(request.query.get("continuation-token", "0").partition("-")[0])
    told = token and f"{n}-{token}" if n else None
    more = n + 1 < len(letters) or token
    names = "".join(f"<CommonPrefixes><Prefix>{c}.pdb/</Prefix></CommonPrefixes>"
                    for c in letters[min(n, len(letters) - 1)])
    after = f"<NextContinuationToken>{told or n + 1}</NextContinuationToken>" if more else ""
    return Response(200, [("Content-Type", "application/xml")], (
        f"<ListBucketResult><IsTruncated>{str(bool(more)).lower()}</IsTruncated>{after}{names}"
        "</ListBucketResult>").encode())


@pytest.mark.parametrize("fault", [faults.status(403, "AccessDenied"), faults.status(503, "SlowDown"),
                                   faults.hang()], ids=["withdrawn", "throttled", "hanging"])
def test_no_listing_any_more(fault, origin, serve):
    """After a first one: what it told lapses, and then the bucket is asked, for what is new as well."""
    origin.page = 1000                  # believed for 5 s
    server = listed(serve(stores=s3("bucket", origin, index="on")))
    origin.fault(fault, match=listing, times=None)
    serial = iter(range(1_000_000))

    def lapsed():
        origin.forget()
        assert is_miss(server.fetch("/" + path(f"unknown{next(serial)}.pdb")))
        return asked(origin)

    until(lapsed, what="names that are not believed any more")
    new = path("new.pdb").lower()
    origin.put("bucket", new, FILE)
    assert server.fetch("/" + new).body == FILE and server.fetch("/" + FOO).body == FILE
    origin.heal()
    origin.listener.drop()


@pytest.mark.parametrize("fault", [
    faults.status(403, "AccessDenied"), faults.status(503, "SlowDown"),
    faults.status(200, "InternalError"), faults.status(404, "NoSuchBucket"),
    faults.edit(lambda answer: answer.set("Content-Length", 10)),
    faults.respond(lambda request: pages(request, "ab", "ab")),
    faults.respond(lambda request: pages(request, "cd", "ab")),
    faults.respond(lambda request: pages(request, "ba", "c")),
    faults.respond(lambda request: pages(request, "ab", "cd", token="the same"))],
    ids=["denied", "throttled", "an error in a 200", "no bucket", "cut", "a page that repeats",
         "pages out of order", "a page out of order", "a circle"])
def test_a_listing_that_fails(fault, origin, serve):
    """Then the bucket is asked, as without an index."""
    origin.fault(fault, match=listing)
    server = serve(stores=s3("bucket", origin, index="on"))
    until(lambda: server.metrics()["pepto_index_listings_total", '{result="failed"}'])
    assert server.fetch("/" + FOO).body == FILE
    for i in range(3):
        assert is_miss(server.fetch("/" + path(f"unknown{i}.pdb")))
    assert asked(origin) and names(server) == 0


def test_a_listing_that_hangs(origin, serve):
    """Nobody waits for it."""
    gate = origin.hold(listing)
    server = serve(stores=s3("bucket", origin, index="on"))
    gate.wait(1)
    assert is_miss(server.fetch("/" + path("unknown.pdb")))
    assert server.fetch("/" + FOO).body == FILE
    gate.release()
    listed(server)
    origin.forget()
    assert is_miss(server.fetch("/" + path("another.pdb"))) and not asked(origin)


def test_purged_while_it_lists(origin, serve):
    """What came then may be in the listing or not."""
    gate = origin.hold(listing)
    server = serve(stores=s3("bucket", origin, index="on"), ADMIN_TOKEN=PURGE_TOKEN)
    gate.wait(1)
    new = path("new.pdb").lower()
    assert purge(server, new.encode()).status == 200
    gate.release()
    listed(server)
    origin.put("bucket", new, FILE)
    assert server.fetch("/" + new).body == FILE


def test_too_many_names(origin, serve):
    """There is no index then, which is said once."""
    server = serve(stores=s3("bucket", origin, index="on"), INDEX_NAMES_MAX="10")
    line = server.wait_log(msg="no index of names for a day: misses are asked of the store")
    assert "10" in line["error"]
    origin.forget()
    assert is_miss(server.fetch("/" + path("unknown.pdb")))
    assert asked(origin) and names(server) == 0


# what the operator sees

def test_what_it_saves(origin, serve, stage):
    """/readyz and /metrics tell it of each store that has an index, by its place in STORES."""
    first = stage(Listed)
    first.bucket("other")
    server = listed(serve(stores=[s3("other", first, index="off"),
                                  s3("bucket", origin, index="on")]))
    for target in triple("unknown.pdb")[:2]:
        assert is_miss(server.fetch("/" + target))
    text = server.fetch("/readyz").body.decode()
    line, = [line for line in text.splitlines() if line.startswith("store ")]
    assert line.startswith(f"store 2: {len(NAMES) + 1} names, listed ") and "bucket" not in text
    assert f"(pages: {(len(NAMES) + 2) // 2})" in line
    saved, pages = map(int, re.search(r"requests saved: (\d+), for pages listed: (\d+)$",
                                      line).groups())
    assert saved >= 2 and pages == (len(NAMES) + 2) // 2
    told = server.metrics()
    of_second = {name.removeprefix("pepto_store_index_"): value
                 for (name, labels), value in told.items()
                 if name.startswith("pepto_store_index_") and labels == '{store="2"}'}
    assert of_second.keys() == {"names", "age_seconds", "pages", "saved_total"}
    assert of_second["names"] == len(NAMES) + 1 and of_second["saved_total"] >= saved


def test_while_nothing_is_known(origin, serve):
    gate = origin.hold(listing)
    server = serve(stores=s3("bucket", origin, index="on"))
    gate.wait(1)
    assert b"store 1: no names are known; requests saved: 0" in server.fetch("/readyz").body
    assert ("pepto_store_index_age_seconds", '{store="1"}') not in server.metrics()
    gate.release()


MIXED = ["Mixed.pdb", "OTHER.pdb"]


@pytest.mark.parametrize("index, names, says", [
    ("on", NAMES[:3], "3 names, all lower-case;"),
    ("on", NAMES[:3] + MIXED, "2 of 5 names are not lower-case: found through the index;"),
    ("off", MIXED, "2 of 2 names are not lower-case: asked for as case= says"),
    ("off", NAMES[:1], "1 name, all lower-case; no index of them here"),
    ("on", [f"n{i:02}.pdb" for i in range(41)], "more names than fill 20 pages"),
])
def test_check_tells_the_names(index, names, says, stage, tmp):
    origin = stage(Listed, page=2)
    for name in names:
        origin.put("bucket", f"{name}/{KEY}/{name}", FILE)
    code, out, err = run(tmp, "serve", "--check", STORES=s3("bucket", origin, index=index))
    assert code == 0 and says in out, (out, err)
    assert len(out.splitlines()) == 1


@pytest.mark.parametrize("fault, says", [
    (faults.status(403, "AccessDenied"), "names may not be listed (s3:ListBucket)"),
    (faults.hang(), "names not listed: no answer within"),
    (faults.status(200, "InternalError"), "names not listed: answered 200 with the error")])
def test_check_when_names_cannot_be_listed(fault, says, origin, tmp):
    """Which is no failure of the store."""
    origin.fault(fault, match=lambda r: listing(r) and "delimiter" in r.query, times=None)
    code, out, err = run(tmp, "serve", "--check", STORES=s3("bucket", origin, index="on"))
    assert code == 0 and out.startswith("ok ") and says in out, (out, err)


# kept

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restart_without_the_bucket(number, origin, start, serve):
    """What lies in the cache is found also when no names can be listed, however the process ended."""
    server = start()
    assert server.fetch("/" + FOO).body == FILE
    cache = server.cwd / "cache"
    kept(server)
    server.may_end = {0, -signal.SIGKILL}
    server.signal(number)
    server.wait()
    origin.stop()
    other = serve(stores=s3("bucket", origin, index="on"), CACHE_DIR=str(cache))
    assert other.fetch("/" + FOO).body == FILE
