# SPDX-License-Identifier: MIT
"""check: would a debugger find what it needs for these files, or for this dump?"""

import json
import pathlib
import shutil

import pytest

from conftest import KEYS
from rig import forms
from rig.places import place  # noqa: F401
from rig.samples import real_store
from rig.server import run
from test_key import make_dump


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """What a build leaves behind: images and their PDBs, in one folder; {file name: key in a store}."""
    store = tmp_path_factory.mktemp("samples")
    out = tmp_path_factory.mktemp("build")
    keys = real_store(store)
    for key in keys:
        shutil.copy(store / key, out / pathlib.PurePosixPath(key).name)
    return out, {pathlib.PurePosixPath(key).name: key for key in keys}


@pytest.fixture
def check(place, tmp):  # noqa: F811
    """(exit code, {path in lower case: what is told of it}, complaints)"""
    def check(*args, stores=()):
        more = [x for url in (place.url, *stores) for x in ("--store", url)]
        code, out, err = run(tmp, "check", "--json", *map(str, args), *more, **place.settings)
        told = [json.loads(line) for line in out.splitlines()]
        return code, {t["path"].lower(): t for t in told}, err
    return check


def stock(place, built, leave=()):  # noqa: F811
    out, keys = built
    for name, key in keys.items():
        if name not in leave:
            place.put(key, (out / name).read_bytes())


def test_all_there(place, built, check):  # noqa: F811
    """Of a folder each file, and of images their PDBs, in whatever case the image names them."""
    out, keys = built
    stock(place, built)
    code, told, err = check(out)
    assert code == 0 and not err
    assert set(told) == set(keys.values())
    for name, key in keys.items():
        assert (told[key]["status"], told[key]["form"]) == ("there", "plain")
        assert told[key]["bytes"] == (out / name).stat().st_size
        assert told[key]["wants"] == ("pdb" if name.endswith(".pdb") else "image")


def test_compressed(place, built, check):  # noqa: F811
    """By a name of its own, and, where the store tells encodings, under the plain one."""
    out, keys = built
    data = (out / "hello.pdb").read_bytes()
    place.put(keys["hello.exe"], (out / "hello.exe").read_bytes())
    place.put(keys["hello.pdb"][:-1] + "_", forms.stored_cabinet("hello.pdb", data))
    code, told, err = check(out / "hello.exe")
    assert code == 0 and not err
    pdb = told[keys["hello.pdb"]]
    assert (pdb["status"], pdb["form"], pdb["bytes"]) == ("there", "compressed", len(data))


def test_missing(place, built, check, tmp):  # noqa: F811
    out, keys = built
    stock(place, built, leave=("hello.pdb",))
    code, told, err = check(out / "hello.exe")
    assert code == 1 and not err and told[keys["hello.exe"]]["status"] == "there"
    assert told[keys["hello.pdb"]]["status"] == "missing"
    assert told[keys["hello.pdb"]]["file"] == str(out / "hello.exe")
    other = tmp / "other"
    (other / keys["hello.pdb"]).parent.mkdir(parents=True)
    shutil.copy(out / "hello.pdb", other / keys["hello.pdb"])
    code, told, _ = check(out / "hello.exe", stores=[f"file://{other}"])
    assert code == 0 and told[keys["hello.pdb"]]["store"] == f"file://{other}"


def test_wrong(place, built, check):  # noqa: F811
    """Another file than the key names, and one that is damaged."""
    out, keys = built
    stock(place, built)
    place.put(keys["hello.pdb"], (out / "engine core.pdb").read_bytes())
    code, told, _ = check(out / "hello.exe")
    assert code == 1 and told[keys["hello.pdb"]]["status"] == "wrong"
    assert "another file" in told[keys["hello.pdb"]]["why"]
    place.remove(keys["hello.pdb"])
    packed = forms.zst("hello.pdb", (out / "hello.pdb").read_bytes())
    place.put(keys["hello.pdb"] + ".zst", packed[:len(packed) // 2])
    code, told, _ = check(out / "hello.exe")
    assert code == 1 and told[keys["hello.pdb"]]["status"] in ("wrong", "missing")
    assert told[keys["hello.exe"]]["status"] == "there"


def test_no_answer(place, built, check):  # noqa: F811
    """A store that cannot be reached is no proof of anything: 4, unless another one has the file."""
    out, keys = built
    stock(place, built, leave=("hello.pdb",))
    dead = "s3://dead?endpoint=http://127.0.0.1:1"
    code, told, _ = check(out / "hello.exe", stores=[dead])
    assert code == 4 and told[keys["hello.pdb"]]["status"] == "fault"
    assert told[keys["hello.exe"]]["status"] == "there"
    assert check(out / "hello.exe", stores=[dead + "&optional=true"])[0] == 1


def test_files_that_are_none(place, built, check, tmp):  # noqa: F811
    out, _ = built
    stock(place, built)
    (tmp / "notes.txt").write_text("no symbol file")
    code, told, err = check(tmp / "notes.txt", out / "hello.pdb")
    assert code == 1 and len(told) == 1 and "notes.txt" in err
    code, told, err = check(tmp / "absent")
    assert code == 1 and not told and "absent" in err
    (tmp / "empty").mkdir()
    code, told, err = check(tmp / "empty")
    assert code == 1 and not told and "nothing is wanted" in err
    assert run(tmp, "check", **KEYS)[0] == 2


def test_dump(place, built, check, tmp):  # noqa: F811
    """The modules of a dump: their images and their PDBs."""
    out, keys = built
    stock(place, built)
    stamp = keys["hello.exe"].split("/")[1]
    guid = keys["hello.pdb"].split("/")[1]
    order = bytes.fromhex(guid[:32])
    record = b"RSDS" + order[3::-1] + order[5:3:-1] + order[7:5:-1] + order[8:16] \
        + int(guid[32:], 16).to_bytes(4, "little") + b"C:\\b\\hello.pdb\0"
    dump = make_dump(tmp, "Win32NT", [("C:\\b\\hello.exe", int(stamp[:8], 16), int(stamp[8:], 16), record),
                                      ("C:\\b\\absent.dll", 0x12345678, 0x1000, b"")])
    code, told, err = check(dump)
    assert code == 1 and not err
    assert told[keys["hello.exe"]]["status"] == told[keys["hello.pdb"]]["status"] == "there"
    assert [t["status"] for path, t in told.items() if path.startswith("absent.dll/")] == ["missing"]


def test_lines(place, built, tmp):  # noqa: F811
    """As it is read by people."""
    out, keys = built
    stock(place, built, leave=("hello.pdb",))
    code, lines, err = run(tmp, "check", str(out / "hello.exe"), "--store", place.url, **place.settings)
    assert code == 1 and not err
    first, second = sorted(lines.splitlines(), reverse=True)
    assert first.startswith("there\thello.exe/") and "\tplain\t2560" in first
    assert second.lower() == "missing\t" + keys["hello.pdb"]
