# SPDX-License-Identifier: MIT
"""add, when the bucket fails in the middle, or add itself is killed: what it says, what it leaves
behind, and that --resume goes on."""

import hashlib
import json
import os
import random
import signal
import subprocess

import pytest

from conftest import KEYS
from rig import child, faults
from rig.pace import WAIT
from rig.places import InBucket, InDirectory
from rig.server import REPORT, binary, environment, run, s3, until
from rig.stage import Gate, send
from rig.wire import Gone

from test_add import ID, add, build, key, sym  # noqa: F401

FILES = 12


@pytest.fixture
def at(rgw, bucket):
    return InBucket(rgw, bucket, "")


def in_bucket(place):
    """{key: bytes of the object}, but for what stands below .pepto/."""
    pages = place.client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket)
    return {o["Key"]: o["Size"] for page in pages for o in page.get("Contents", [])
            if not o["Key"].startswith(".pepto/")}


def ours(place):
    """Names of the objects below .pepto/."""
    found = place.client.list_objects_v2(Bucket=place.bucket, Prefix=".pepto/").get("Contents", [])
    return [o["Key"] for o in found]


def uploads(place):
    return place.client.list_multipart_uploads(Bucket=place.bucket).get("Uploads", [])


def kind(r):
    """Of a request: what add asks by it."""
    if "list-type" in r.query:
        return "LIST"
    end = r.path.rpartition(".")[2]
    return f"{r.method} {end if end in ('json', 'done', 'gone', 'txt') else 'file'}"


# ---- the bucket vanishes

GOES_ON, IS_DONE = "add --resume", "is published; whether it was removed meanwhile is not known"


@pytest.mark.parametrize("step, nth, code, told", [
    ("HEAD txt", 1, 4, ""), ("PUT json", 1, 4, ""), ("LIST", 1, 1, GOES_ON), ("HEAD file", 1, 1, GOES_ON),
    ("PUT file", 1, 1, GOES_ON), ("PUT file", 7, 1, GOES_ON), ("PUT done", 1, 1, GOES_ON),
    ("GET gone", 1, 1, IS_DONE)])
def test_the_bucket_vanishes(at, proxy, add, build, step, nth, code, told):  # noqa: F811
    """From one of its requests on; and is there again later."""
    seen, away = 0, False

    def is_away(r):
        nonlocal seen, away
        seen += kind(r) == step
        away = away or seen == nth
        return away
    build(FILES)
    through = s3(at.bucket, proxy)
    proxy.fault(faults.status(404, "NoSuchBucket"), is_away)
    got, _, all, err = add(through, "build", "--jobs", "2", "--compress", "none")
    assert got == code and "NoSuchBucket" in err and told in err, err
    left = ours(at)
    assert [name.rpartition(".")[2] for name in left] == (
        [] if code == 4 else ["json", "done"] if told == IS_DONE else ["json"])
    assert len(in_bucket(at)) == (FILES if step in ("PUT done", "GET gone") else nth - 1)
    if code == 4:
        assert "--resume" not in err
        assert add(at, "build")[2]["stored"] == FILES
        return
    assert all["state"] == ("live" if told == IS_DONE else "open")
    which = all["transaction"]
    got, _, all, err = add(at, "--resume", which)
    if told == IS_DONE:
        assert got == 1 and "done already" in err
    else:
        assert (got, all["stored"], all["state"]) == (0, FILES, "live"), err
    assert all_right(at, which, range(FILES))


def delete_bucket(place):
    """As its owner does: emptied, and taken away."""
    pages = place.client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket)
    for key_ in [o["Key"] for page in pages for o in page.get("Contents", [])]:
        place.client.delete_object(Bucket=place.bucket, Key=key_)
    place.client.delete_bucket(Bucket=place.bucket)


@pytest.mark.parametrize("step, code", [
    ("HEAD txt", 4), ("PUT json", 4), ("LIST", 1), ("HEAD file", 1), ("PUT file", 1), ("PUT done", 1), ("GET gone", 1)])
def test_the_bucket_is_deleted(at, proxy, build, tmp, step, code):  # noqa: F811
    """While one of its requests is on its way. Nobody is told that anything is published."""
    build(FILES)
    gate = proxy.hold(lambda r: kind(r) == step)
    process = start(tmp, s3(at.bucket, proxy), "build", "--jobs", "2", "--compress", "none")
    gate.wait(2 if step.endswith("file") else 1)
    delete_bucket(at)
    gate.release()
    out, err = process.communicate(timeout=2 * WAIT)
    assert process.returncode == code and "NoSuchBucket" in err and not REPORT.search(err), err
    all = json.loads(out.splitlines()[-1]) if out else None
    assert (all is None or all["state"] == "open") == (step != "GET gone"), out
    assert all is None or (all["stored"] == (FILES if step in ("PUT done", "GET gone") else 0)), out
    assert at.bucket not in [b["Name"] for b in at.client.list_buckets()["Buckets"]]


# ---- what is denied may be there

def denies_all_but(*texts):
    """As a bucket that may not be listed does of what it does not have."""
    return lambda r: (r.method in ("GET", "HEAD") and "list-type" not in r.query
                      and not any(text in r.path for text in texts))


@pytest.mark.parametrize("known, code, told", [
    ((), 4, ""), (("index2.txt", ".gone"), 1, "failed: answered 403"), (("index2.txt", "/mod"), 1, IS_DONE)],
    ids=["index2.txt", "the files", "whether it was removed"])
def test_what_is_denied_may_be_there(at, proxy, add, build, known, code, told):  # noqa: F811
    build(3)
    other = sym(1, 400)[::-1]
    at.put(key(1), other)
    proxy.fault(faults.status(403, "AccessDenied"), denies_all_but(*known))
    got, _, all, err = add(s3(at.bucket, proxy), "build", "--compress", "none",
                           *(["--force"] if told == IS_DONE else []))
    assert got == code and "AccessDenied" in err and "s3:ListBucket" in err and told in err, err
    put = [r.path for r in proxy.asked("/mod", method="PUT")]
    assert len(put) == (3 if told == IS_DONE else 0)
    assert (at.get(key(1)) == other) == (told != IS_DONE)


# ---- kill -9

def start(tmp, store, *words, release=False):
    return child.start(binary(release), "add", *(words or plain("build")), "--json", "--store", store,
                       cwd=tmp, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                       env=environment(tmp, KEYS))


def plain(folder):
    return folder, "--compress", "none"


def go_on_with(which, folder):
    """Where its plan was not written yet, it begins anew."""
    return ("--resume", which) if which else plain(folder)


def all_right(place, which, numbers):
    """Of a transaction: each of its files is there, once and as it was; and is named as one that is."""
    want = {key(n): hashlib.sha256(sym(n, 400)).hexdigest() for n in numbers}
    _, *lines = map(json.loads, place.get(f".pepto/tx/{which}.json").splitlines())
    assert {line["key"]: line["sha256"] for line in lines} == want
    done = json.loads(place.get(f".pepto/tx/{which}.json.done"))
    assert sorted(done["stored"] + done["existed"]) == list(range(2, 2 + len(lines)))
    assert {k: hashlib.sha256(place.get(k)).hexdigest() for k in want} == want
    return done


KILLS = 50
IN_A_ROUND = 5                          # files
REQUESTS = 15                           # that an add of so many files makes


def killed(proxy, process, nth, carried):
    """At its n-th request, which is carried out all the same, or is not. False: it has ended before."""
    seen, gate = 0, Gate(None)

    def is_it(r):
        nonlocal seen
        seen += 1
        return seen == nth

    def act(connection, request, answer):
        gate.stop()
        if not carried:
            raise Gone
        send(connection, request, answer(request))
    proxy.fault(act, is_it)
    until(lambda: gate.arrived or process.poll() is not None, pause=0.002)
    process.kill()
    out, err = process.communicate(timeout=WAIT)
    gate.release()
    until(lambda: not proxy.listener.open)     # what it had asked for besides has been answered
    proxy.heal()
    assert process.returncode in (-signal.SIGKILL, 0) or "done already" in err, err
    return process.returncode == -signal.SIGKILL


@pytest.mark.release
def test_killed_at_any_request(at, proxy, tmp, build):  # noqa: F811
    """Each transaction up to three times; then it goes on, and is done."""
    chance, through = random.Random(20261130), s3(at.bucket, proxy)
    kills = first = 0
    known = set()
    while kills < KILLS:
        numbers = range(first, first := first + IN_A_ROUND)
        folder = build(IN_A_ROUND, first=numbers[0], folder=f"build{numbers[0]}").name
        which = None
        for _ in range(chance.randint(1, 3)):
            process = start(tmp, through, *go_on_with(which, folder), release=True)
            if not killed(proxy, process, chance.randint(1, REQUESTS), chance.random() < 0.5):
                break
            kills += 1
            which = next(iter(new_ids(at, known)), None)
        code, _, err = run(tmp, "add", *go_on_with(which, folder), "--store", at.url, release=True, **KEYS)
        if code:                        # it was killed behind its last write
            assert code == 1 and "done already" in err, err
        which, = new_ids(at, known)
        known.add(which)
        assert not all_right(at, which, numbers)["existed"]
    assert set(in_bucket(at)) == {key(n) for n in range(first)} and not uploads(at)
    code, out, err = run(tmp, "verify", "--all", "--full", "--store", at.url, release=True, **KEYS)
    assert code == 0 and f"{first} good, 0 missing, 0 wrong" in out, err


def new_ids(place, known):
    return {ID.search(name).group() for name in ours(place)} - known


@pytest.mark.release
def test_killed_in_a_directory(tmp, build):  # noqa: F811
    """When so many of its files lie there."""
    chance, root = random.Random(20261130), tmp / "store"
    root.mkdir()
    place = InDirectory(root)
    kills = first = 0
    known = set()

    def files():
        return {str(f.relative_to(root)) for f in root.glob("mod*/*/mod*.sym")}

    def ids():
        return {ID.search(f.name).group() for f in root.glob(".pepto/tx/*.json")} - known
    while kills < KILLS:
        numbers = range(first, first := first + IN_A_ROUND)
        folder = build(IN_A_ROUND, first=numbers[0], folder=f"build{numbers[0]}").name
        wanted, which = chance.randint(0, IN_A_ROUND), None
        process = start(tmp, place.url, folder, "--jobs", "1", release=True)
        until(lambda: process.poll() is not None or (ids() and len(files()) >= numbers[0] + wanted),
              pause=0.0005)
        process.kill()
        _, err = process.communicate(timeout=WAIT)
        kills += 1
        assert process.returncode in (0, -signal.SIGKILL), err
        which = next(iter(ids()), None)
        code, _, err = run(tmp, "add", *go_on_with(which, folder), "--store", place.url, release=True)
        assert code == 0 or (code == 1 and "done already" in err), err
        which, = ids()
        known.add(which)
        all_right(place, which, numbers)
    assert files() == {key(n) for n in range(first)}
    code, out, err = run(tmp, "verify", "--all", "--full", "--store", place.url, release=True)
    assert code == 0 and f"{first} good, 0 missing, 0 wrong" in out, err


def can_tell(file):
    """Has its file system a place for who stored a file?"""
    try:
        os.setxattr(file, "user.pepto-test", b"x")
    except OSError:
        return False
    return True


@pytest.mark.parametrize("resumed", [True, False], ids=["resumed", "open"])
def test_what_it_had_stored_before(tmp, add, build, resumed):  # noqa: F811
    """In a directory: of the transaction are the files that tell so, and not what others wrote into their place."""
    place = InDirectory(tmp / "store")
    place.root.mkdir()
    _, _, all, _ = add(place, build(3), "--compress", "none")
    which = all["transaction"]
    place.remove(f".pepto/tx/{which}.json.done")
    place.remove(key(2))
    place.put(key(1), place.get(key(1)))
    os.utime(place.root / key(1), (1, 1))
    tells = can_tell(place.root / key(0))
    if resumed:
        code, lines, _, err = add(place, "--resume", which)
        assert code == 0, err
        assert {line["key"]: line["status"] for line in lines} == {
            key(0): "stored" if tells else "existed", key(1): "existed", key(2): "stored"}
    code, _, err = run(tmp, "rm", which, "--store", place.url)
    assert code == 0, err
    assert [n for n in range(3) if (place.root / key(n)).exists()] == ([1] if tells else [0, 1])


def drafts(root):
    return [f for f in root.rglob(".pepto-*") if f.is_file()]


LARGE = 8 << 20


def killed_with_drafts(tmp, root, folder):
    """By the kernel, as it writes the second half of the large file. The id of its transaction."""
    before = {f.name for f in root.glob(".pepto/tx/*.json")}
    process = child.start("prlimit", f"--fsize={LARGE // 2}", "--core=0", binary(), "add", *plain(folder), "--store",
                          f"file://{root}", cwd=tmp, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment(tmp, KEYS))
    process.communicate(timeout=WAIT)
    assert process.returncode == -signal.SIGXFSZ
    assert any(f.stat().st_size == LARGE // 2 for f in drafts(root))
    name, = {f.name for f in root.glob(".pepto/tx/*.json")} - before
    return ID.search(name).group()


@pytest.mark.parametrize("which", ["rm of it", "rm of another", "expire"])
def test_drafts_are_swept(which, tmp, build):  # noqa: F811
    """What a kill leaves in a directory goes with the next removal; nothing else does."""
    root = tmp / "store"
    root.mkdir()
    place, store = InDirectory(root), ("--store", f"file://{root}")
    ids = []
    for first in (0, 5):
        code, out, err = run(tmp, "add", *plain(build(5, first=first, folder=f"b{first}").name), "--json", *store)
        assert code == 0, err
        ids.append(json.loads(out.splitlines()[-1])["transaction"])
    build(5, first=10, folder="broken")
    large = tmp / "broken/large.sym"
    large.write_bytes(sym(99, LARGE))
    broken = killed_with_drafts(tmp, root, "broken")
    n = len(drafts(root))
    near = [(root / key(99)).parent / f".pepto-{x}" for x in ("0123", "0123456789abcdef0", "0123456789ABCDEF")]
    for file in near:
        file.write_bytes(b"none of ours")
    code, out, err = run(tmp, "rm", "--dry-run", ids[1], *store)
    assert code == 0 and "drafts" not in out and len(drafts(root)) == n + len(near)
    swept = f"{n} drafts of what was broken off removed"
    if which == "expire":
        code, out, err = run(tmp, "expire", "--keep-last", "9", *store)
        assert (code, out) == (0, swept + "\n"), err
    else:
        code, out, err = run(tmp, "rm", broken if which == "rm of it" else ids[1], *store)
        assert code == 0 and swept in out.splitlines(), out
    assert sorted(drafts(root)) == sorted(near)
    live = ids[:1] if which == "rm of another" else ids
    for number, which_id in enumerate(live):
        all_right(place, which_id, range(5 * number, 5 * number + 5))
    for file in near:
        file.unlink()
    if which == "rm of it":
        assert not any(root.glob("mod99.pdb/*/*"))      # nor the folder of what was never whole
    else:
        code, out, err = run(tmp, "add", "--resume", broken, *store)
        assert code == 0, err
        assert place.get(key(99)) == large.read_bytes() and not drafts(root)
    code, out, err = run(tmp, "verify", "--all", "--full", *store)
    assert code == 0 and " 0 missing, 0 wrong" in out, out + err


# ---- answers that are none

def conditional(r):
    return r.get("If-None-Match") is not None


def respond(status, code):
    return faults.respond(lambda request: faults.error(status, code))      # a body each


PASSES, FAILS = True, False


@pytest.mark.parametrize("fault, when, times, passes", [
    (faults.status(503, "SlowDown"), None, 2, PASSES), (faults.status(503, "SlowDown"), None, None, FAILS),
    (faults.status(409, "ConditionalRequestConflict"), None, 1, PASSES),
    (faults.status(409, "ConditionalRequestConflict"), None, None, FAILS),
    (faults.status(501, "NotImplemented"), conditional, None, PASSES),
    (faults.status(501, "NotImplemented"), None, None, FAILS),
    (faults.reset(), None, 1, PASSES)],
    ids=["SlowDown twice", "SlowDown", "409 once", "409", "no If-None-Match", "501", "RST once"])
def test_a_put_that_fails(at, proxy, add, build, fault, when, times, passes):  # noqa: F811
    build(3)
    struck = proxy.fault(fault, lambda r: kind(r) == "PUT file" and "mod1." in r.path
                         and (not when or when(r)), times=times)
    code, lines, all, err = add(s3(at.bucket, proxy), "build", "--jobs", "1")
    assert struck.struck and all["state"] == "live"
    told = {line["key"]: line["status"] for line in lines}
    assert told == {key(0): "stored", key(1): "stored" if passes else "failed", key(2): "stored"}
    assert (code, "m1.sym: failed: answered" in err) == ((0, False) if passes else (1, True)), err
    assert set(in_bucket(at)) == {k for k, status in told.items() if status == "stored"}
    proxy.heal()
    assert add(at, "build")[0] == 0 and len(in_bucket(at)) == 3


def lost(connection, request, answer):
    """It is done, but nobody hears so."""
    answer(request)
    connection.reset()


@pytest.mark.parametrize("step", ["PUT json", "PUT file", "PUT done"])
def test_a_put_whose_answer_is_lost(at, proxy, add, build, step):  # noqa: F811
    """What is there then is ours."""
    build(5)
    struck = proxy.fault(lost, lambda r: kind(r) == step, times=1)
    code, lines, all, err = add(s3(at.bucket, proxy), "build", "--compress", "none")
    assert (code, all["state"], all["stored"]) == (0, "live", 5) and struck.struck == 1, err
    assert {line["status"] for line in lines} == {"stored"} and len(ours(at)) == 2
    assert all_right(at, all["transaction"], range(5))["stored"] == list(range(2, 7))


def test_a_bucket_that_knows_no_conditions(at, proxy, add, build):  # noqa: F811
    """It is asked once."""
    build(5)
    proxy.fault(faults.status(501, "NotImplemented"), conditional)
    assert add(s3(at.bucket, proxy), "build", "--jobs", "1")[2]["stored"] == 5
    assert len(proxy.asked(conditional)) == 1


def test_a_bucket_that_is_slow_for_ever(at, proxy, add, build):  # noqa: F811
    build(3)
    proxy.fault(faults.status(503, "SlowDown"), lambda r: r.method == "PUT")
    code, _, all, err = add(s3(at.bucket, proxy), "build")
    assert code == 4 and "503 SlowDown" in err and "--resume" not in err and not ours(at)


# ---- a file in parts

@pytest.fixture
def large(tmp):
    """Nothing but its first line has to be on the disk."""
    (tmp / "build").mkdir()
    with open(tmp / "build/large.sym", "wb") as file:
        file.write(sym(0))
        file.truncate((64 << 20) + 1)
    return file.name


BEGIN, PART, COMPLETE = (lambda r: "uploads" in r.query), (lambda r: r.query.get("partNumber") == "3"), (
    lambda r: r.method == "POST" and "uploadId" in r.query)


@pytest.mark.parametrize("at_step, fault, times, passes", [
    (COMPLETE, respond(200, "InternalError"), 2, PASSES), (COMPLETE, respond(200, "AccessDenied"), 1, FAILS),
    (COMPLETE, faults.status(409, "ConditionalRequestConflict"), 1, PASSES),
    (COMPLETE, faults.status(409, "ConditionalRequestConflict"), None, FAILS),
    (lambda r: COMPLETE(r) and conditional(r), faults.status(501, "NotImplemented"), None, PASSES),
    (COMPLETE, faults.status(503, "SlowDown"), None, FAILS), (COMPLETE, lost, 1, PASSES),
    (PART, lost, 1, PASSES),
    (PART, faults.status(503, "SlowDown"), None, FAILS),
    (BEGIN, faults.status(403, "AccessDenied"), None, FAILS)],
    ids=["200 and then 500, twice", "200 and then 403", "409 once", "409", "no If-None-Match", "SlowDown",
         "lost", "a part is lost", "a part", "begin"])
def test_parts_that_fail(at, proxy, add, large, at_step, fault, times, passes):  # noqa: F811
    """Whatever it is, no part of it stays behind."""
    proxy.fault(fault, at_step, times=times)
    code, lines, all, err = add(s3(at.bucket, proxy), "build", "--compress", "none")
    assert (code, lines[0]["status"], all["state"]) == (
        (0, "stored", "live") if passes else (1, "failed", "live")), err
    assert in_bucket(at) == ({key(0): (64 << 20) + 1} if passes else {})
    assert not uploads(at)


def test_parts_whose_beginning_is_lost(at, proxy, add, large):  # noqa: F811
    """Nobody has heard the name of that upload, and it may be another writer's as well: it is left to the bucket's rule,
    and has no bytes."""
    proxy.fault(lost, BEGIN, times=1)
    code, lines, all, err = add(s3(at.bucket, proxy), "build", "--compress", "none")
    assert (code, lines[0]["status"], all["state"]) == (0, "stored", "live"), err
    assert in_bucket(at) == {key(0): (64 << 20) + 1}
    one, = uploads(at)
    assert not at.client.list_parts(Bucket=at.bucket, Key=key(0), UploadId=one["UploadId"]).get("Parts")


@pytest.mark.parametrize("step", [BEGIN, PART, COMPLETE], ids=["begin", "a part", "complete"])
def test_parts_that_are_interrupted(at, proxy, large, tmp, step):  # noqa: F811
    """Its beginning is waited for, since nothing can be taken back before; nothing else is."""
    parts = proxy.hold(PART)
    gate = proxy.hold(step) if step != PART else parts
    if step == COMPLETE:
        parts.release()
    process = start(tmp, s3(at.bucket, proxy))
    gate.wait(1)
    process.send_signal(signal.SIGINT)
    if step == BEGIN:
        gate.release()
    _, err = process.communicate(timeout=WAIT)
    proxy.heal()
    until(lambda: not proxy.listener.open)
    assert process.returncode == 130 and not REPORT.search(err), err
    assert not uploads(at) and not in_bucket(at)
