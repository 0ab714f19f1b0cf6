# SPDX-License-Identifier: MIT
"""find and export: what stores have, as they list it."""

import concurrent.futures
import json
import os
import pty
import signal
import subprocess

import pytest

from conftest import KEYS
from rig import faults
from rig.listed import Listed
from rig.places import InBucket, InDirectory, place  # noqa: F401
from rig.samples import KEY, path
from rig.server import binary, environment, run, s3
from rig.wire import Response

# What names in the wild look like, and worse. A line feed or a tab in a key is one that RGW takes.
NAMES = ["foo.pdb", "Foo.pdb", "c++rt.pdb", "a b.pdb", "a+b c.pdb", "50%25.pdb", "100%.pdb",
         "\u00c4\u00df.pdb", "e\u0301.pdb", "\u202eevil.pdb", "\U0001f600.pdb", "tab\there.pdb",
         "bell\x07.pdb", "quote\"back\\slash.pdb", "amp&lt;.pdb", "?.pdb", "#.pdb", "~.pdb"]


def keys_of(name):
    return [f"{name}/{KEY}/{name}", f"{name}/{KEY}/{name[:-1]}_", f"{name}/0000000000/x"]


ALL = sorted(key for name in NAMES for key in keys_of(name))


@pytest.fixture
def ask(place, tmp):
    """Run a command: (exit code, lines, what it complained of)."""
    def ask(*args):
        code, out, err = run(tmp, *args, "--store", place.url, **place.settings)
        return code, out.splitlines(), err
    return ask


def exported(lines):
    entries = [json.loads(line) for line in lines]
    return sorted(bytes.fromhex(e["key_hex"]).decode(errors="surrogateescape")
                  if "key_hex" in e else e["key"] for e in entries)


def test_all_of_it(place, ask):
    """export tells each key, whatever it is called, with its size and time."""
    for n, key in enumerate(ALL):
        place.put(key, b"x" * n)
    place.put("index2.bak", b"")
    code, lines, err = ask("export")
    assert code == 0 and not err
    assert exported(lines) == sorted(ALL + ["index2.bak"])
    entries = {e["key"]: e for e in map(json.loads, lines)}
    for n, key in enumerate(ALL):
        assert entries[key]["size"] == n
    assert all(e["modified"].startswith("20") and e["modified"].endswith("Z")
               for e in entries.values())
    assert {e["store"] for e in entries.values()} == {entries[ALL[0]]["store"]}


def test_names_that_match(place, ask):
    """In any case, sorted by their bytes; as it is safe on a terminal."""
    for key in ALL:
        place.put(key)
    for glob, found in (("FOO*", ["Foo.pdb", "foo.pdb"]), ("c++*", ["c++rt.pdb"]),
                        ("\u00e4\u00df.PDB", ["\u00c4\u00df.pdb"]), ("a?b*", ["a b.pdb", "a+b c.pdb"]),
                        ("*evil*", ["\\u202eevil.pdb"]), ("bell*", ["bell\\u0007.pdb"]),
                        ("tab*", ["tab\\u0009here.pdb"]), ("50%25.pdb", ["50%25.pdb"])):
        assert ask("find", glob) == (0, found, ""), glob
    code, lines, _ = ask("find", "*", "--json")
    assert code == 0
    assert [json.loads(line)["name"] for line in lines] == sorted(NAMES, key=str.encode)
    assert ask("find", "nothing*") == (1, [], "")


def test_keys_that_match(place, ask):
    for key in ALL:
        place.put(key, b"12345")
    code, lines, _ = ask("find", "foo.pdb", "--keys")
    assert code == 0 and lines == sorted(keys_of("Foo.pdb")) + sorted(keys_of("foo.pdb"))
    code, lines, err = ask("find", "*", "--keys", "--json")
    entries = [json.loads(line) for line in lines]
    assert code == 0 and sorted(e["key"] for e in entries) == ALL, err
    assert all(e["size"] == 5 and e["key"].startswith(e["name"] + "/") for e in entries)
    assert [e["name"] for e in entries] == sorted((e["name"] for e in entries), key=str.encode)


def test_more_than_a_page(place, ask):
    """Of names, and of keys below one."""
    many = [f"name{n:04}.pdb/1/x" for n in range(1005)] + [f"big.pdb/{n:04}/x" for n in range(1005)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(place.put, many))
    code, lines, _ = ask("export")
    assert code == 0 and exported(lines) == sorted(many)
    code, lines, _ = ask("find", "*", "--keys")
    assert code == 0 and lines == sorted(many)
    code, lines, _ = ask("find", "name*")
    assert code == 0 and lines == [key.partition("/")[0] for key in many[:1005]]


def test_two_tiers(place, ask):
    """A name is found in its folder, and told without it; a loose file is a name as well."""
    for key in ("index2.txt", "loose.txt", "fo/foo.pdb/1/foo.pdb", "Fo/FOX.pdb/1/x",
                "ba/bar.pdb/1/bar.pdb", "one.pdb/1/one.pdb"):
        place.put(key)
    assert ask("find", "fo*") == (0, ["FOX.pdb", "foo.pdb"], "")
    assert ask("find", "*") == (0, ["FOX.pdb", "bar.pdb", "foo.pdb", "index2.txt", "loose.txt",
                                    "one.pdb"], "")
    code, lines, _ = ask("find", "*o*", "--keys")
    assert code == 0 and set(lines) == {"fo/foo.pdb/1/foo.pdb", "Fo/FOX.pdb/1/x", "one.pdb/1/one.pdb",
                                        "loose.txt"}
    assert len(exported(ask("export")[1])) == 6


def test_empty_segments_and_markers(rgw, bucket, tmp):
    """The marker of a prefix is no file; what has empty segments is one, though nobody can ask for it."""
    place = InBucket(rgw, bucket)
    keys = ["/x", "//y", "foo.pdb//foo.pdb", "foo.pdb/", ".pepto/tx/1.json", "000Admin/server.txt"]
    place.put("", b"")
    for key in keys:
        place.put(key)
    place.client.put_object(Bucket=bucket, Key="symbols/x", Body=b"of another prefix")
    code, out, err = run(tmp, "export", "--store", place.url, **KEYS)
    assert code == 0 and exported(out.splitlines()) == sorted(keys), err
    code, out, err = run(tmp, "find", "*", "--store", place.url, **KEYS)
    assert (code, out) == (0, "foo.pdb\n"), "and those are no names"


def test_deleted_objects_of_a_versioned_bucket(rgw, bucket, tmp):
    place = InBucket(rgw, bucket)
    place.client.put_bucket_versioning(Bucket=bucket,
                                       VersioningConfiguration={"Status": "Enabled"})
    for name in "foo.pdb", "gone.pdb":
        place.put(path(name))
    place.client.delete_object(Bucket=bucket, Key="sym/" + path("gone.pdb"))
    code, out, _ = run(tmp, "find", "*", "--keys", "--store", place.url, **KEYS)
    assert code == 0 and out.splitlines() == [path("foo.pdb")]


def test_files_that_are_none(tmp):
    """Of a directory: links lead to files below it and nowhere else; what may not be read is told."""
    place = InDirectory(tmp / "store")
    place.put(path("foo.pdb"), b"12345")
    (tmp / "outside").write_bytes(b"secret")
    folder = place.root / "foo.pdb"
    (folder / "inside").symlink_to(place.root / path("foo.pdb"))
    (folder / "outside").symlink_to(tmp / "outside")
    (folder / "nowhere").symlink_to("gone")
    (folder / "circle").symlink_to("..")
    os.mkfifo(folder / "fifo")
    odd = os.fsencode(place.root) + b"/bad\xff.pdb"
    os.mkdir(odd)
    with open(odd + b"/x", "wb"):
        pass
    code, out, err = run(tmp, "export", "--store", place.url)
    assert code == 0 and not err
    assert exported(out.splitlines()) == sorted([path("foo.pdb"), "foo.pdb/inside",
                                                 "bad\udcff.pdb/x"])


def test_several_stores(rgw, bucket, tmp):
    """One after the other, and each line says which; what cannot be listed is passed over, and said."""
    here, there = InDirectory(tmp / "store"), InBucket(rgw, bucket)
    here.put(path("foo.pdb"))
    there.put(path("foo.pdb"))
    stores = ["--store", here.url, "--store", there.url]
    code, out, _ = run(tmp, "find", "foo*", *stores, **KEYS)
    assert code == 0
    assert out.splitlines() == [f"foo.pdb\t{here.url}", f"foo.pdb\ts3://{bucket}/sym"]
    web = ["--store", "http://127.0.0.1:1/"]
    code, out, err = run(tmp, "find", "foo*", *stores, *web, **KEYS)
    assert code == 0 and len(out.splitlines()) == 2 and "cannot be listed" in err
    code, out, err = run(tmp, "find", "*", *web)
    assert code == 2 and not out and "cannot be listed" in err
    code, out, err = run(tmp, "export", *stores, *web, **KEYS)
    assert code == 2 and not out and "cannot be listed" in err


@pytest.mark.parametrize("args, says", [
    ((), "needs a GLOB"), (("a", "b"), "one GLOB"), (("a", "--stroe", "x"), "did you mean --store"),
    (("a", "--check"), "no such flag"), (("a", "--store", "ftp://x"), "not 'ftp'")])
def test_usage(args, says, tmp):
    code, out, err = run(tmp, "find", *args)
    assert code == 2 and not out and says in err and len(err.splitlines()) == 1


def test_no_store(tmp):
    for command in ("find", "*"), ("export",):
        code, out, err = run(tmp, *command)
        assert code == 2 and not out and "no store is set" in err


def test_help(tmp):
    for command in "find", "export":
        code, out, err = run(tmp, command, "--help")
        assert code == 0 and not err and len(out.splitlines()) <= 24
        assert max(map(len, out.splitlines())) <= 85


def listing(request):
    return request.query.get("list-type") == "2"


def deep(request):
    return listing(request) and "delimiter" not in request.query


@pytest.mark.parametrize("command", [["find", "*"], ["export"]], ids=["find", "export"])
@pytest.mark.parametrize("fault, says", [
    (faults.status(403, "AccessDenied"), "s3:ListBucket"),
    (faults.status(404, "NoSuchBucket"), "NoSuchBucket")])
def test_a_store_that_cannot_be_listed(command, fault, says, stage, tmp):
    origin = stage(Listed)
    origin.put("bucket", path("foo.pdb"), b"x")
    origin.fault(fault, match=listing, times=None)
    code, out, err = run(tmp, *command, "--store", s3("bucket", origin))
    assert code == 4 and not out and says in err and len(err.splitlines()) == 1
    code, out, err = run(tmp, *command, "--store", f"file://{tmp}/nowhere")
    assert code == 4 and not out and "nowhere" in err


@pytest.mark.parametrize("command", [["find", "*", "--keys"], ["export"]], ids=["find", "export"])
@pytest.mark.parametrize("fault", [
    faults.status(403, "AccessDenied"), faults.status(200, "InternalError"),
    faults.edit(lambda answer: answer.set("Content-Length", 10))],
    ids=["denied", "an error in a 200", "cut"])
def test_what_is_not_whole_is_no_success(command, fault, stage, tmp):
    """Whatever came before the failure."""
    origin = stage(Listed, page=2)
    for name in "abc":
        for key in range(5):
            origin.put("bucket", f"{name}.pdb/{key}/x", b"x")
    origin.fault(fault, match=lambda r: deep(r) and "continuation-token" in r.query and
                 r.query["prefix"] == "b.pdb/", times=None)
    code, out, err = run(tmp, *command, "--store", s3("bucket", origin))
    assert code == 1 and len(err.splitlines()) == 1
    assert len(out.splitlines()) < 15
    origin.heal()
    code, out, err = run(tmp, *command, "--store", s3("bucket", origin))
    assert code == 0 and len(out.splitlines()) == 15


@pytest.mark.parametrize("command", [["find", "*", "--keys"], ["export"]], ids=["find", "export"])
def test_failures_that_pass(command, stage, tmp):
    origin = stage(Listed, page=2)
    for key in range(5):
        origin.put("bucket", f"a.pdb/{key}/x", b"x")
    origin.fault(faults.status(503, "SlowDown"), match=listing, times=1)
    code, out, _ = run(tmp, *command, "--store", s3("bucket", origin))
    assert code == 0 and len(out.splitlines()) == 5


def test_a_full_disk(stage, tmp):
    """What was not written was not exported."""
    place = InDirectory(tmp / "store")
    place.put(path("foo.pdb"))
    with open("/dev/full", "w") as full:
        done = subprocess.run([binary(False), "export", "--store", place.url], stdout=full,
                              stderr=subprocess.PIPE, env=environment(tmp, {}), cwd=tmp)
    assert done.returncode == 1 and b"standard output" in done.stderr


@pytest.mark.parametrize("command", [["find", "*", "--keys"], ["export"]], ids=["find", "export"])
def test_nobody_reads_on(command, tmp):
    """As before `| head`: it ends, and says nothing of it."""
    place = InDirectory(tmp / "store")
    for n in range(3000):
        place.put(f"name.pdb/{n:033x}/name.pdb")
    child = subprocess.Popen([binary(False), *command, "--store", place.url],
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                             env=environment(tmp, {}), cwd=tmp)
    child.stdout.readline()
    child.stdout.close()
    assert child.wait(60) == 1 and child.stderr.read() == b""
    child.stderr.close()


@pytest.mark.parametrize("command", [["find", "*", "--keys"], ["export"]], ids=["find", "export"])
def test_interrupted(command, stage, tmp):
    """A shell says 130."""
    origin = stage(Listed)
    origin.put("bucket", path("foo.pdb"), b"x")
    gate = origin.hold(deep)
    # Whoever runs the tests in the background of a shell has them ignore the signal.
    child = subprocess.Popen([binary(False), *command, "--store", s3("bucket", origin)],
                             stdout=subprocess.PIPE, env=environment(tmp, {}), cwd=tmp,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    gate.wait(1)
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGINT and not out
    gate.release()


def test_folders_that_may_not_be_read(tmp):
    """Then it is not whole, and the folder is named. (root needs to be made to respect it.)"""
    place = InDirectory(tmp / "store")
    place.put(path("foo.pdb"))
    (place.root / "foo.pdb").chmod(0)
    done = subprocess.run(["setpriv", "--bounding-set=-all", "--inh-caps=-all", binary(False),
                           "export", "--store", place.url], env=environment(tmp, {}), cwd=tmp,
                          capture_output=True, timeout=60)
    (place.root / "foo.pdb").chmod(0o700)
    assert done.returncode == 1 and b"foo.pdb" in done.stderr and not done.stdout


def test_spaces_that_are_plus_signs(stage, tmp):
    """A service that writes a '+' as it is: what it lists as "c  rt.pdb" lies below "c++rt.pdb"."""
    class Raw(Listed):
        def list(self, bucket, query):
            answer = super().list(bucket, query)
            return Response(200, [("Content-Type", "application/xml")],
                            answer.chunks[0].replace(b"%2B", b"+"))
    origin = stage(Raw)
    key = path("c++rt.pdb")
    origin.put("bucket", key, b"x")
    code, out, err = run(tmp, "find", "c++rt*", "--keys", "--store", s3("bucket", origin))
    assert (code, out) == (0, f"{key}\n"), err


def test_on_a_terminal(stage, tmp):
    """export shows how far it is on a terminal's standard error, and takes it away at the end."""
    origin = stage(Listed)
    for n in range(3):
        origin.put("bucket", path(f"n{n}.pdb"), b"x")
    gate = origin.hold(lambda r: deep(r) and r.query["prefix"] == "n2.pdb/")
    ours, theirs = pty.openpty()
    child = subprocess.Popen([binary(False), "export", "--store", s3("bucket", origin)],
                             stdout=subprocess.PIPE, stderr=theirs, env=environment(tmp, {}),
                             cwd=tmp)
    os.close(theirs)
    gate.wait(1)
    shown = b""
    while b"of 3 names" not in shown:
        shown += os.read(ours, 1000)
    gate.release()
    out, _ = child.communicate(timeout=60)
    assert child.returncode == 0 and len(out.splitlines()) == 3
    while True:
        try:
            more = os.read(ours, 1000)
        except OSError:
            break
        if not more:
            break
        shown += more
    os.close(ours)
    assert shown.endswith(b"\r\x1b[K")
