# SPDX-License-Identifier: MIT
"""add: files of a build go into a bucket or a directory as one transaction, and what came of it."""

import concurrent.futures
import json
import os
import pathlib
import pty
import random
import re
import shutil
import signal
import subprocess
import uuid
import zipfile
from urllib.parse import quote

import pytest

from conftest import KEYS
from rig import child, faults, forms, images, places, symbols
from rig.pace import WAIT
from rig.places import place  # noqa: F401
from rig.server import REPORT, binary, environment, run, s3, until

from test_formats import genuine, real

ID = re.compile(r"\d{8}-\d{6}-[0-9a-f]{8}")


def guid(n):
    return uuid.UUID(int=n + 1).hex.upper()


def key(n):
    return f"mod{n}.pdb/{guid(n).lower()}1/mod{n}.sym"


def sym(n, size=0):
    """A symbol file, the smallest that there is but for what comes behind its first line."""
    return (f"MODULE windows x86_64 {guid(n)}1 Mod{n}.pdb\n".encode()
            + b"FUNC 1000 10 0 main\n" * (size // 20))


@pytest.fixture
def build(tmp):
    """The folder of a build, with so many files."""
    def build(n, size=400, first=0, folder="build"):
        (tmp / folder / "sub").mkdir(parents=True, exist_ok=True)
        for i in range(first, first + n):
            (tmp / folder / ("sub" if i % 2 else ".") / f"m{i}.sym").write_bytes(sym(i, size))
        return tmp / folder
    return build


@pytest.fixture
def add(tmp):
    """(exit code, [a line for each file], the line for all or None, standard error)"""
    def add(at, *args, **settings):
        code, out, err = run(tmp, "add", "--json", *map(str, args), "--store", getattr(at, "url", at),
                             **{**getattr(at, "settings", KEYS), **settings})
        lines = [json.loads(line) for line in out.splitlines()]
        return code, lines[:-1], lines[-1] if lines else None, err
    return add


def statuses(lines):
    return {line["key"]: line["status"] for line in lines}


def plan_of(place, which, end=""):  # noqa: F811
    return place.get(f".pepto/tx/{which}.json{end}").decode()


# ---- what goes in, and what stays

@pytest.mark.parametrize("descriptors", [64, 256])
def test_few_descriptors(place, add, build, descriptors):  # noqa: F811
    """As many at a time as there are descriptors for, none of which fails for the lack of them."""
    folder = build(600)
    done = subprocess.run(["prlimit", f"--nofile={descriptors}", binary(), "add", "--json", "--compress", "none",
                           folder, "--store", place.url], cwd=folder.parent, timeout=WAIT, capture_output=True,
                          text=True, env=environment(folder.parent, place.settings), check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1])["stored"] == 600


def test_first_and_second(place, add, build):  # noqa: F811
    folder = build(30)
    (folder / "notes.txt").write_text("no symbols")
    code, lines, all, err = add(place, folder, "--product", "app", "--version", "7", "--comment",
                                "nightly")
    assert code == 0 and not err
    assert statuses(lines) == {key(n): "stored" for n in range(30)}
    assert {**all, "transaction": 0, "stored_bytes": 0} == {
        "transaction": 0, "state": "live", "stored": 30, "existed": 0, "conflict": 0, "failed": 0,
        "unknown": 1, "bytes": sum(len(sym(n, 400)) for n in range(30)), "stored_bytes": 0}
    head, *files = map(json.loads, plan_of(place, all["transaction"]).splitlines())
    assert (head["product"], head["version"], head["comment"]) == ("app", "7", "nightly")
    assert len(files) == 30 and json.loads(plan_of(place, all["transaction"], ".done"))["stored"] == list(
        range(2, 32))
    code, lines, again, err = add(place, folder)
    assert code == 0 and again["existed"] == 30 and again["stored"] == 0 and not err
    assert set(statuses(lines).values()) == {"existed"}


def test_conflict(place, add, build, tmp):  # noqa: F811
    folder = build(3)
    assert add(place, folder)[0] == 0
    before = place.get(key(1))
    (folder / "sub" / "m1.sym").write_bytes(sym(1, 1000))
    code, lines, all, err = add(place, folder)
    assert code == 3 and all["conflict"] == 1 and all["existed"] == 2
    assert statuses(lines)[key(1)] == "conflict" and "m1.sym: conflict: another file" in err
    assert err.count("--force replaces what differs") == 1
    assert place.get(key(1)) == before
    code, lines, all, err = add(place, folder, "--force")
    assert code == 0 and all["stored"] == 1 and not err and place.get(key(1)) != before
    assert add(place, folder)[2]["existed"] == 3


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """{role: Symbol}"""
    return symbols.make(tmp_path_factory.mktemp("symbols"))


@pytest.mark.parametrize("how", [[], ["--compress", "zstd"], ["--compress", "cab"]],
                         ids=["default", "zstd", "cab"])
def test_the_signed_image_is_kept(place, add, serve, tmp, made, how):  # noqa: F811
    exe = made["exe"]
    bare, signed, again = exe.data, images.sign(exe.data), images.sign(exe.data, b"2" * 1600)
    file, other = tmp / "a" / "Foo.exe", images.sign(images.altered(exe.data))
    file.parent.mkdir()

    def one(content, *flags):
        file.write_bytes(content)
        code, lines, _, err = add(place, file, *how, *flags)
        return code, lines[0]["status"], lines[0].get("why", ""), err

    assert one(bare)[:3] == (0, "stored", "")
    key = add(place, file, *how)[1][0]["key"]
    before = place.get(key)
    code, status, why, err = one(signed, "--dry-run")
    assert (code, status) == (0, "stored") and "replaces" in why and place.get(key) == before
    code, status, why, err = one(signed)
    assert (code, status) == (0, "stored") and "replaces" in why and "Foo.exe: stored: signed" in err
    after = place.get(key)
    assert after != before
    assert serve(stores=place.url, **place.settings).fetch(f"/{exe.path}").body == signed
    code, status, why, err = one(bare)
    assert (code, status) == (0, "existed") and "and signed: it stays" in why
    assert "Foo.exe: existed: what is there" in err
    code, status, why, err = one(again)
    assert (code, status) == (0, "existed") and "signature or checksum alone" in why
    code, status, why, err = one(other)
    assert (code, status) == (3, "conflict") and "another file" in why
    assert place.get(key) == after
    assert one(bare, "--force")[:3] == (0, "stored", "") and place.get(key) != after


def test_which_is_the_stripped_pdb(place, add, tmp, made):  # noqa: F811
    private = made["pdb"].data
    stripped = images.strip_pdb(private)
    file = tmp / "Foo.pdb"
    for there, ours, why in ((private, stripped, "the private PDB lies there"),
                             (stripped, private, "the stripped PDB lies there")):
        file.write_bytes(there)
        assert add(place, file, "--force")[0] == 0
        file.write_bytes(ours)
        code, lines, _, err = add(place, file)
        assert code == 3 and why in lines[0]["why"] and why in err


def test_two_files_of_one_key(place, add, build, tmp):  # noqa: F811
    folder = build(2)
    (folder / "same.sym").write_bytes(sym(0, 400))
    code, _, all, _ = add(place, folder)
    assert code == 0 and all["stored"] == 2
    (folder / "other.sym").write_bytes(sym(0, 4000))
    code, _, all, err = add(place, folder)
    assert code == 3 and all["conflict"] == 1 and "which has the same key" in err


def test_what_is_taken(place, add, build, tmp):  # noqa: F811
    folder = build(4)
    (folder / "x.bin").write_bytes(b"x")
    assert "cannot be read: No such file" in add(place, "@none")[3]
    (tmp / "list").write_text(f"{folder}/m0.sym\n\n{folder}/sub/m1.sym\n")
    assert statuses(add(place, "@list", "--dry-run")[1]) == {key(0): "stored", key(1): "stored"}
    code, lines, all, _ = add(place, folder, "--exclude", "M2.*", "--exclude", "*/sub/*", "--dry-run")
    assert code == 0 and statuses(lines) == {key(0): "stored"}
    code, _, all, _ = add(place, folder, "--strict", "--dry-run")
    assert code == 1 and all["unknown"] == 1 and "transaction" not in all and "state" not in all
    code, lines, all, err = add(place, folder / "x.bin")
    assert code == 1 and all is None and "no symbol file was found" in err
    (folder / "cut.pdb").write_bytes(b"Microsoft C/C++ MSF 7.00\r\n\x1aDS\0\0\0" + bytes(20))
    code, lines, all, err = add(place, folder)
    assert code == 1 and all["stored"] == 4 and all["failed"] == 1 and "cut.pdb" in err


def test_two_tiers(place, add, build):  # noqa: F811
    place.put("index2.txt", b"")
    assert statuses(add(place, build(1))[1]) == {"mo/" + key(0): "stored"}


@pytest.mark.parametrize("tiers, first", [("1", ""), ("2", "mo/"), ("both", "")])
def test_told_tiers(add, build, tmp, tiers, first):
    """Where the URL tells them there is no look, and of both it is the plain one, as behind the door."""
    (tmp / "store").mkdir()
    (tmp / "store/index2.txt").touch()
    code, lines, _, err = add(f"file://{tmp}/store?tiers={tiers}", build(1))
    assert code == 0 and statuses(lines) == {first + key(0): "stored"}, err


@pytest.mark.parametrize("kind", ["zstd", "gzip", "cab", "none"])
def test_forms(place, add, build, serve, tmp, kind):  # noqa: F811
    """What was added is served, packed in whatever way; and is the same a second time."""
    folder = build(3, 40_000)
    (folder / "noise.sym").write_bytes(sym(9) + random.Random(1).randbytes(100_000))
    for name, symbol in forms.genuine().items():
        (folder / name).mkdir()
        (folder / name / symbol.name).write_bytes(symbol.data)
    told = [json.loads(line) for line in run(tmp, "key", "--json", folder)[1].splitlines()]
    want = {file["keys"][0]["path"]: pathlib.Path(file["file"]).read_bytes() for file in told
            if file["keys"]}
    code, lines, all, err = add(place, folder, "--compress", kind)
    assert code == 0 and all["stored"] == len(want) > 6, err
    assert (all["stored_bytes"] < all["bytes"] * 3 / 4) == (kind != "none")
    if kind == "cab":
        assert any(line["key"].endswith(".pd_") for line in lines)
    server = serve(stores=place.url, **place.settings)
    for key, body in want.items():
        assert server.fetch("/" + quote(key)).body == body, key
    assert add(place, folder, "--compress", kind)[2]["existed"] == len(want)


def test_default_serve_reads_what_default_add_wrote(place, add, build, serve):  # noqa: F811
    folder = build(3, 40_000)
    assert add(place, folder)[0] == 0
    server = serve(stores=place.url, **place.settings)
    for n in range(3):
        assert server.fetch(f"/Mod{n}.pdb/{guid(n)}1/Mod{n}.sym").body == sym(n, 40_000)


def test_builders(place, add, build):  # noqa: F811
    """Who built it, by the variables of each service."""
    _, _, all, _ = add(place, build(1), GITHUB_REPOSITORY="org/app", GITHUB_SHA="12ab",
                       GITHUB_SERVER_URL="https://github.com", GITHUB_REF_NAME="main",
                       GITHUB_RUN_NUMBER="5", GITHUB_ACTOR="me")
    head = json.loads(plan_of(place, all["transaction"]).splitlines()[0])
    assert (head["product"], head["version"], head["source"], head["user"]) == (
        "org/app", "main #5", "https://github.com/org/app@12ab", "me")


# ---- a bucket

def test_metadata(rgw, bucket, add, build):
    _, _, all, _ = add(s3(bucket, rgw), build(1, 4000))
    found = rgw.client().head_object(Bucket=bucket, Key=key(0))
    assert found["ContentEncoding"] == "zstd" and found["ContentLength"] < 1000
    assert found["Metadata"]["pepto-size"] == str(len(sym(0, 4000)))
    assert found["Metadata"]["pepto-tx"] == all["transaction"]


def test_requests(rgw, bucket, add, build, proxy):
    """A file that is new costs a HEAD and a PUT, one that is there a HEAD."""
    folder = build(20)
    assert add(s3(bucket, proxy), folder)[0] == 0
    assert sorted((r.method, r.path.split("?")[0]) for r in proxy.asked("/mod")) == sorted(
        (method, f"/{bucket}/{key(n)}") for n in range(20) for method in ("HEAD", "PUT"))
    proxy.forget()
    assert add(s3(bucket, proxy), folder)[0] == 0
    assert sorted(r.path for r in proxy.asked("/mod", method="HEAD")) == sorted(
        f"/{bucket}/{key(n)}" for n in range(20))
    assert len(proxy.asked("/mod")) == 20


def test_more_questions_than_uploads(rgw, bucket, add, build, proxy):
    """While all that is asked for exists, more files are asked for at a time than are uploaded."""
    folder = build(80)
    assert add(s3(bucket, rgw), folder)[0] == 0
    gate = proxy.hold(lambda r: r.method == "HEAD" and "/mod" in r.path and r.number >= 50)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        again = pool.submit(add, s3(bucket, proxy), folder, "--jobs", "2")
        gate.wait(8)
        gate.release()
        code, _, all, _ = again.result()
    assert code == 0 and all["existed"] == 80


def test_large(rgw, bucket, add, tmp):
    """One that goes in parts."""
    body = sym(0) + random.Random(3).randbytes(70 << 20)
    (tmp / "large.sym").write_bytes(body)
    assert add(s3(bucket, rgw), "large.sym")[0] == 0
    found = rgw.client().get_object(Bucket=bucket, Key=key(0))
    assert found["Body"].read() == body and found["ETag"].endswith('-5"')
    assert add(s3(bucket, rgw), "large.sym")[2]["existed"] == 1


def test_unverified(rgw, bucket, add, build):
    """Put there by other hands, without metadata."""
    folder = build(3)
    for n, body in enumerate((sym(0, 400), sym(1, 400)[:-1] + b"X", b"of another length")):
        rgw.client().put_object(Bucket=bucket, Key=key(n), Body=body)
    code, lines, _, _ = add(s3(bucket, rgw), folder)
    assert code == 3 and statuses(lines) == {key(0): "existed", key(1): "conflict", key(2): "existed"}
    assert ["unverified" in line.get("why", "") for line in sorted(lines, key=lambda x: x["key"])] == [
        False, False, True]


def two_add(add, at, meanwhile=lambda: None):
    """Both publish what both have; how many each stored, and found there."""
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        both = [pool.submit(add, at, "build") for _ in range(2)]
        meanwhile()
        came = [each.result() for each in both]
    assert [code for code, *_ in came] == [0, 0], came
    return [sum(all[what] for _, _, all, _ in came) for what in ("stored", "existed")]


def test_two_writers(rgw, bucket, add, build, proxy):
    """Neither finds anything there, and then both put: each file is stored by one of them."""
    build(8)
    gate = proxy.hold(lambda r: r.method == "PUT" and "/mod" in r.path)

    def meanwhile():
        gate.wait(16)
        gate.release()
    assert two_add(add, s3(bucket, proxy), meanwhile) == [8, 8]
    for n in range(8):
        assert rgw.client().head_object(Bucket=bucket, Key=key(n))["Metadata"]["pepto-size"]


def test_two_writers_in_a_directory(add, build, tmp):
    """Whoever comes first: nothing is stored twice, and nothing is half there."""
    build(200)
    (tmp / "store").mkdir()
    assert two_add(add, f"file://{tmp}/store") == [200, 200]
    assert {f.read_bytes() for f in (tmp / "store").glob("mod*/*/*")} == {sym(n, 400) for n in range(200)}


def test_two_writers_of_other_files_in_a_directory(build, tmp):
    """Both have planned when they go on: of each key one has stored its file, and to the other it is a conflict."""
    root, adds, size = tmp / "store", {}, {"a": 400, "b": 800}
    root.mkdir()

    def planned():
        return len(list(root.glob(".pepto/tx/*.json")))
    for n, name in enumerate(size):
        build(200, size[name], folder=name)
        adds[name] = child.start(binary(), "add", name, "--json", "--store", f"file://{root}", cwd=tmp, text=True,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(tmp, {}))
        until(lambda n=n: planned() > n, pause=0.001)
        adds[name].send_signal(signal.SIGSTOP)
    for process in adds.values():
        process.send_signal(signal.SIGCONT)
    told = {}
    for name, process in adds.items():
        out, err = process.communicate(timeout=2 * WAIT)
        assert process.returncode in (0, 3) and not REPORT.search(err), err
        told[name] = statuses(json.loads(line) for line in out.splitlines()[:-1])
    for n in range(200):
        by, = [name for name in told if told[name][key(n)] == "stored"]
        assert {told[name][key(n)] for name in told} == {"stored", "conflict"}
        assert (root / key(n)).read_bytes() == sym(n, size[by])


@pytest.mark.parametrize("settings", [{"AWS_SECRET_ACCESS_KEY": "wrong"},
                                      {"AWS_ACCESS_KEY_ID": "nobody"}])
def test_credentials(rgw, bucket, add, build, settings):
    code, _, all, err = add(s3(bucket, rgw), build(3), **settings)
    assert code == 4 and all is None and "answered 403" in err and "wrong" not in err
    assert "Contents" not in rgw.client().list_objects_v2(Bucket=bucket)


def test_no_bucket(rgw, bucket, add, build):
    code, _, all, err = add(s3(bucket + "-nowhere", rgw), build(3))
    assert code == 4 and "NoSuchBucket" in err


def test_passing_faults(rgw, bucket, add, build, proxy):
    """Whatever is asked for fails once."""
    seen = set()

    def is_first(r):
        first = (r.method, r.path) not in seen
        seen.add((r.method, r.path))
        return first
    proxy.fault(faults.status(503, "SlowDown"), is_first)
    code, _, all, err = add(s3(bucket, proxy), build(20))
    assert code == 0 and all["stored"] == 20, err


def test_a_file_that_is_refused(rgw, bucket, add, build, proxy):
    """The others go on, and it is told."""
    proxy.fault(faults.status(403, "AccessDenied"), lambda r: r.method == "PUT" and "mod3." in r.path)
    code, lines, all, err = add(s3(bucket, proxy), build(20))
    assert code == 1 and all["stored"] == 19 and all["failed"] == 1 and "m3.sym: failed" in err
    assert all["state"] == "live"


def test_files_that_are_refused(rgw, bucket, add, build, proxy):
    """However many in a row: of them alone it is said, since the store takes others."""
    refused = [f"mod{n}." for n in range(2, 40)]
    proxy.fault(faults.status(400, "EntityTooLarge"),
                lambda r: r.method == "PUT" and any(name in r.path for name in refused))
    code, _, all, err = add(s3(bucket, proxy), build(40), "--jobs", "2")
    assert (code, all["state"], all["stored"], all["failed"]) == (1, "live", 2, 38), err


# ---- broken off, and gone on with

def start(tmp, proxy, bucket, *args):
    command = [binary(), "add", "build", "--json", "--store", s3(bucket, proxy), *args]
    return child.start(*command, cwd=tmp, env=environment(tmp, KEYS), stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True)


def open_transaction(rgw, bucket):
    keys = [o["Key"] for o in rgw.client().list_objects_v2(Bucket=bucket, Prefix=".pepto/")["Contents"]]
    assert len(keys) == 1
    return ID.search(keys[0]).group()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_broken_off(rgw, bucket, add, build, proxy, tmp, how):
    folder = build(30)
    gate = proxy.hold(lambda r: r.method == "PUT" and ("mod1" in r.path))
    process = start(tmp, proxy, bucket)
    gate.wait(1)
    process.send_signal(how)
    out, err = process.communicate(timeout=WAIT)
    gate.release()
    assert not REPORT.search(err), err
    which = open_transaction(rgw, bucket)
    if how == signal.SIGKILL:
        assert process.returncode == -how
    else:
        assert process.returncode == 130 and f"add --resume {which} goes on" in err
        assert json.loads(out.splitlines()[-1])["state"] == "open"
    code, lines, all, err = add(s3(bucket, rgw), "--resume", which)
    assert code == 0 and all["stored"] == 30 and all["transaction"] == which, err
    assert all["state"] == "live"
    assert add(s3(bucket, rgw), folder)[2]["existed"] == 30
    code, _, _, err = add(s3(bucket, rgw), "--resume", which)
    assert code == 1 and "done already" in err


def test_no_parts_stay_behind(rgw, bucket, proxy, tmp, build):
    """An upload in parts that is interrupted is taken back."""
    build(0)
    (tmp / "build/large.sym").write_bytes(sym(0) + random.Random(4).randbytes(70 << 20))
    gate = proxy.hold(lambda r: r.method == "PUT" and r.query.get("partNumber") == "4")
    process = start(tmp, proxy, bucket, "--compress", "none")
    gate.wait(1)
    process.send_signal(signal.SIGINT)
    gate.release()
    assert process.wait(timeout=WAIT) == 130
    process.communicate()
    assert "Uploads" not in rgw.client().list_multipart_uploads(Bucket=bucket)


def test_resume_what_is_removed(place, add, build):  # noqa: F811
    _, _, all, _ = add(place, build(1))
    which = all["transaction"]
    place.remove(f".pepto/tx/{which}.json.done")
    place.put(f".pepto/tx/{which}.json.gone", b'{"state":"going"}')
    code, _, _, err = add(place, "--resume", which)
    assert code == 1 and "removed" in err
    assert add(place, "--resume", "20200101-000000-00000000")[0] == 1
    assert add(place, "--resume", "nonsense")[0] == 2


@pytest.mark.parametrize("kind, label", [("zstd", "zstd"), ("gzip", "gzip"), ("cab", None)])
def test_resume_packs_as_planned(rgw, bucket, add, serve, tmp, kind, label):
    """The plan tells how its files are packed, and so what they are labelled."""
    symbol = forms.genuine()["pdb"]
    (tmp / symbol.name).write_bytes(symbol.data)
    path = json.loads(run(tmp, "key", "--json", tmp / symbol.name)[1])["keys"][0]["path"]
    store = places.InBucket(rgw, bucket)
    _, lines, all, _ = add(store, tmp / symbol.name, "--compress", kind)
    which, stored = all["transaction"], lines[0]["key"]
    before = store.get(stored)
    store.remove(stored)
    store.remove(f".pepto/tx/{which}.json.done")
    for flag in ("--compress=cab", "--level=1", "--case=lower", "--exclude=x"):
        code, _, _, err = add(store, "--resume", which, flag)
        assert code == 2 and f"--resume takes no {flag.partition('=')[0]}: " in err
    code, lines, _, err = add(store, "--resume", which)
    assert code == 0 and statuses(lines) == {stored: "stored"}, err
    head = store.client.head_object(Bucket=bucket, Key=store.prefix + stored)
    assert head.get("ContentEncoding") == label and store.get(stored) == before
    assert serve(stores=store.url, **store.settings).fetch("/" + quote(path)).body == symbol.data


# ---- how it is called, and what it says

@pytest.mark.parametrize("args", [
    [], ["build", "--resume", "20200101-000000-00000000"], ["build", "--compress", "zip"],
    ["build", "--level", "23"], ["build", "--compress", "gzip", "--level", "10"],
    ["build", "--jobs", "0"], ["build", "--jobs", "65"], ["build", "--case", "upper"],
    ["build", "--keep-until", "tomorrow"], ["build", "--nonsense", "1"],
    ["build", "--store", "file:///tmp"]], ids=lambda a: " ".join(a) or "nothing")
def test_usage(tmp, build, args):
    build(1)
    (tmp / "store").mkdir()
    code, out, err = run(tmp, "add", *args, "--store", f"file://{tmp}/store")
    assert code == 2 and not out and err.startswith("pepto-symbol add: ")


def test_stores_that_cannot_be_written(tmp, build):
    build(1)
    code, _, err = run(tmp, "add", "build", "--store", "https://symbols.example.com")
    assert code == 2 and "can be written" in err


def test_a_bar_on_a_terminal(tmp, build):
    build(50)
    (tmp / "store").mkdir()
    main, other = pty.openpty()
    process = child.start(binary(), "add", "build", "--store", f"file://{tmp}/store", cwd=tmp,
                          env=environment(tmp, {}), stdout=subprocess.PIPE, stderr=other)
    os.close(other)
    shown = b""
    try:
        while part := os.read(main, 4096):
            shown += part
    except OSError:                     # its end, on Linux
        pass
    assert process.wait(timeout=WAIT) == 0 and b"stored 50" in process.stdout.read()
    assert b"50/50 files" in shown and b"MiB/s" in shown and b"ETA" in shown


# ---- as symstore.exe has it

@real
@pytest.mark.parametrize("store", genuine(".zip"), ids=lambda file: file.name)
def test_as_symstore(store, tmp, add):
    """What symstore.exe wrote, added again: the same names and bytes, cabinets expanded."""
    with zipfile.ZipFile(store) as archive:
        archive.extractall(tmp / "theirs")
    (tmp / "ours").mkdir()
    (tmp / "in").mkdir()
    want = {}
    for n, file in enumerate(sorted((tmp / "theirs").glob("*/*/*"))):
        name, symbol_key = file.parts[-3:-1]
        if file.name == name[:-1] + "_":
            subprocess.run(["cabextract", "-q", "-d", file.parent, file], check=True)
            file = file.with_name(name)
        if file.suffix == ".ptr":
            continue
        (tmp / "in" / str(n)).mkdir()
        shutil.copy(file, tmp / "in" / str(n) / name)
        want[f"{name}/{symbol_key}/{name}"] = file.read_bytes()
    code, lines, all, err = add(f"file://{tmp}/ours", "in", "--case", "symstore")
    assert (code == 0) == bool(want), err
    ours = {str(f.relative_to(tmp / "ours")): f.read_bytes() for f in (tmp / "ours").rglob("*")
            if f.is_file() and ".pepto" not in f.parts}
    assert ours == want
