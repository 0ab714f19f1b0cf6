# SPDX-License-Identifier: MIT
"""get: what debuggers want, fetched into a directory that they can use as a store."""

import json
import os
import pathlib
import pty
import subprocess
import threading

import pytest

from conftest import KEYS
from rig import faults, forms
from rig.pace import WAIT
from rig.places import place  # noqa: F401
from rig.samples import KEY, body, path
from rig.server import binary, environment, run, s3, until
from test_check_command import built, stock  # noqa: F401

BIG = 3_000_000


@pytest.fixture
def get(place, tmp):  # noqa: F811
    """(exit code, {path: what is told of it}, complaints); into tmp/out."""
    def get(*args, store=None, **settings):
        code, out, err = run(tmp, "get", "--json", "-o", "out", *map(str, args), "--store", store or place.url,
                             **{**place.settings, **settings})
        told = [json.loads(line) for line in out.splitlines()]
        return code, {t["path"]: t for t in told}, err
    return get


def files(directory):
    """All that lies there, with its bytes."""
    return {str(f.relative_to(directory)): f.read_bytes()
            for f in sorted(directory.rglob("*")) if f.is_file() or f.is_symlink()}


def test_for_files(place, built, get, tmp):  # noqa: F811
    """For an image itself and its PDB, in the spelling in which a debugger asks."""
    out, keys = built
    stock(place, built)
    code, told, err = get(out / "hello.exe")
    assert code == 0 and not err and [t["status"] for t in told.values()] == ["got", "got"]
    have = files(tmp / "out")
    assert {k.lower(): v for k, v in have.items()} == {
        keys[name]: (out / name).read_bytes() for name in ("hello.exe", "hello.pdb")}
    assert set(have) == set(told)
    code, told, _ = get(out / "hello.exe")
    assert code == 0 and [t["status"] for t in told.values()] == ["have", "have"]
    # and what is there serves
    code, _, err = run(tmp, "check", str(out / "hello.exe"), "--store", f"file://{tmp}/out")
    assert code == 0, err


def test_keys_and_forms(place, built, get, tmp):  # noqa: F811
    """By their paths; compressed ones are expanded."""
    out, keys = built
    data = (out / "hello.pdb").read_bytes()
    place.put(keys["hello.pdb"][:-1] + "_", forms.stored_cabinet("hello.pdb", data))
    place.put(keys["lab+c++.pdb"], (out / "lab+c++.pdb").read_bytes())
    place.put("opaque.bin/abcdef/opaque.bin", b"whatever it is")
    code, told, err = get(keys["hello.pdb"], keys["lab+c++.pdb"], "opaque.bin/abcdef/opaque.bin")
    assert code == 0 and not err, told
    assert files(tmp / "out") == {keys["hello.pdb"]: data,
                                  keys["lab+c++.pdb"]: (out / "lab+c++.pdb").read_bytes(),
                                  "opaque.bin/abcdef/opaque.bin": b"whatever it is"}


def test_missing_and_wrong(place, built, get, tmp):  # noqa: F811
    """Nothing is left behind of what is not right; the others come."""
    out, keys = built
    stock(place, built, leave=("hello.pdb",))
    code, told, _ = get(out / "hello.exe")
    assert code == 1 and sorted(t["status"] for t in told.values()) == ["got", "missing"]
    place.put(keys["hello.pdb"], (out / "engine core.pdb").read_bytes())
    code, told, _ = get(out / "hello.exe")
    assert code == 1 and sorted(t["status"] for t in told.values()) == ["have", "wrong"]
    place.remove(keys["hello.pdb"])
    packed = forms.stored_cabinet("hello.pdb", (out / "hello.pdb").read_bytes())
    place.put(keys["hello.pdb"][:-1] + "_", packed[:len(packed) // 2])
    code, told, _ = get(out / "hello.exe")
    assert code == 1 and sorted(t["status"] for t in told.values())[0] == "have"
    assert [k.lower() for k in files(tmp / "out")] == [keys["hello.exe"]]


def test_wrong_file_there(place, built, get, tmp):  # noqa: F811
    """What lies there and is not what its key names is fetched anew; what cannot be told is left."""
    out, keys = built
    stock(place, built)
    there = tmp / "out" / keys["hello.pdb"]
    there.parent.mkdir(parents=True)
    there.write_bytes((out / "engine core.pdb").read_bytes())
    code, told, _ = get(keys["hello.pdb"])
    assert code == 0 and told[keys["hello.pdb"]]["status"] == "got"
    assert there.read_bytes() == (out / "hello.pdb").read_bytes()


def test_no_answer(get, built, tmp):  # noqa: F811
    code, told, _ = get(path("foo.pdb"), store="s3://dead?endpoint=http://127.0.0.1:1", **KEYS)
    assert code == 4 and told[path("foo.pdb")]["status"] == "fault" and not files(tmp / "out")


@pytest.mark.parametrize("name", ["../../escape/x", "a/../../escape", "/etc/passwd", "..", "a",
                                  "a//..//b", "\x01/1/\x01", ".pepto/tx/x.json"])
def test_names_that_lead_elsewhere(place, get, tmp, name):  # noqa: F811
    """A path that is given never leaves the directory."""
    (tmp / "escape").mkdir()
    code, told, err = get(name)
    assert code in (1, 2)
    assert not list((tmp / "escape").iterdir())
    assert not (tmp / "out").exists() or not files(tmp / "out")


def test_links_on_the_way(place, built, get, tmp):  # noqa: F811
    """Nor does a link in it, in the place of a folder, a file or a draft."""
    out, keys = built
    stock(place, built)
    key = pathlib.PurePosixPath(keys["hello.pdb"])
    escape = tmp / "escape"
    escape.mkdir()
    (tmp / "out").mkdir()
    (tmp / "out" / key.parts[0]).symlink_to(escape)
    code, told, _ = get(str(key))
    assert code == 1 and told[str(key)]["status"] == "failed" and not list(escape.iterdir())
    (tmp / "out" / key.parts[0]).unlink()
    (tmp / "out" / key).parent.mkdir(parents=True)
    (escape / "file").write_bytes(b"mine")
    (tmp / "out" / key).symlink_to(escape / "file")
    code, told, _ = get(str(key))
    assert code == 0 and (escape / "file").read_bytes() == b"mine"
    assert not (tmp / "out" / key).is_symlink()


class Big:
    """A bucket with one large object, behind a proxy."""

    def __init__(self, rgw, bucket, proxy, tmp):
        self.key = path("big.pdb").lower()
        self.path = f"/{bucket}/{self.key}"
        self.data = body(BIG)
        rgw.client().put_object(Bucket=bucket, Key=self.key, Body=self.data)
        self.proxy, self.tmp = proxy, tmp
        self.args = ["get", "--json", "-o", "out", self.key, "--store", s3(bucket, proxy)]

    def get(self):
        code, out, _ = run(self.tmp, *self.args, **KEYS)
        return code, json.loads(out)

    def drafts(self):
        return [f for f in (self.tmp / "out").rglob(".part-*") if f.suffix != ".tag"]

    def get_cut(self):
        """The bucket goes away for good once some of the body has come."""
        gate = Gate()
        whole = lambda r: r.path == self.path  # not the two-tier key, which may be asked before it
        self.proxy.fault(faults.cut_at(1_000_000, gate), whole, times=1)
        self.proxy.fault(faults.reset(), self.key)
        with subprocess.Popen([binary(), *self.args], cwd=self.tmp, stdout=subprocess.PIPE,
                              env=environment(self.tmp, KEYS)) as process:
            try:
                until(lambda: [f for f in self.drafts() if f.stat().st_size], what="a draft")
            finally:
                gate.open.set()
            told = json.loads(process.communicate(timeout=WAIT)[0])
        self.proxy.heal()
        self.proxy.forget()
        return process.returncode, told


class Gate:
    def __init__(self):
        self.open = threading.Event()

    def stop(self):
        assert self.open.wait(WAIT)


@pytest.fixture
def big(rgw, bucket, proxy, tmp):
    return Big(rgw, bucket, proxy, tmp)


def test_resumed(big, tmp):
    """A second run asks for the rest, of the same version, and for no more."""
    code, told = big.get_cut()
    assert code == 1 and told["status"] == "failed", told
    assert not (tmp / "out" / big.key).exists()
    part, = big.drafts()
    had = part.stat().st_size
    assert 0 < had < BIG and part.read_bytes() == big.data[:had]
    code, told = big.get()
    assert code == 0 and told["status"] == "got" and told["resumed_at"] == had
    assert files(tmp / "out") == {big.key: big.data}
    assert {r.get("Range") for r in big.proxy.asked(big.key, "GET")} == {f"bytes={had}-"}


def test_changed_meanwhile(big, rgw, bucket, tmp):
    """Of another version all is fetched."""
    assert big.get_cut()[0] == 1
    new = body(BIG + 7, seed=2)
    rgw.client().put_object(Bucket=bucket, Key=big.key, Body=new)
    code, told = big.get()
    assert code == 0 and "resumed_at" not in told
    assert files(tmp / "out") == {big.key: new}


def test_usage(tmp, place):  # noqa: F811
    assert run(tmp, "get", "a/1/a", "--store", place.url, **place.settings)[0] == 2
    assert run(tmp, "get", "-o", "out", "--store", place.url, **place.settings)[0] == 2
    assert run(tmp, "get", "a/1/a", "-o", **place.settings)[0] == 2
    (tmp / "out").write_text("a file")
    code, _, err = run(tmp, "get", f"foo.pdb/{KEY}/foo.pdb", "-o", "out", "--store", place.url, **place.settings)
    assert code == 1 and "out" in err


def test_bar(place, built, tmp):  # noqa: F811
    """On a terminal it shows how far it is, and clears the line."""
    out, _ = built
    stock(place, built)
    ours, theirs = pty.openpty()
    with subprocess.Popen([binary(), "get", out, "-o", "out", "--store", place.url], cwd=tmp, stderr=theirs,
                          stdout=subprocess.DEVNULL, env=environment(tmp, place.settings)) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:
            pass
    assert process.returncode == 0
    assert b"files" in shown and b"MiB/s" in shown and shown.rstrip().endswith(b"\x1b[K")
