# SPDX-License-Identifier: MIT
"""verify: is what transactions have put into the stores still there, and what it was?"""

import hashlib
import json
import subprocess

import pytest

from conftest import KEYS
from rig import faults, forms, images, symbols
from rig.places import InBucket, place  # noqa: F401
from rig.plans import GONE, LIVE, OPEN, line, plan, plan_id, publish
from rig.samples import body, path
from rig.server import binary, environment, run, s3
from test_check_command import built  # noqa: F401


@pytest.fixture
def verify(place, tmp):  # noqa: F811
    """(exit code, {key: what is told of it}, complaints)"""
    def verify(*args, store=None):
        code, out, err = run(tmp, "verify", "--json", *args, "--store", store or place.url, **place.settings)
        told = [json.loads(x) for x in out.splitlines()]
        assert len({t["key"] for t in told}) == len(told)
        return code, {t["key"]: t for t in told}, err
    return verify


def lines(built):  # noqa: F811
    """Of each file, as `add` would plan it; and its bytes."""
    out, keys = built
    data = {key: (out / name).read_bytes() for name, key in keys.items()}
    return [{**line(key, data[key]), "as": "none", "kind": key[-3:]} for key in data], data


def test_good(place, built, verify):  # noqa: F811
    """By what a few ranges tell, and by every byte."""
    plans, data = lines(built)
    for key, bytes_ in data.items():
        place.put(key, bytes_)
    ident = publish(place, 1, plans)
    for args, by in (((ident,), "identity"), (("--all",), "identity"), ((ident, "--full"), "bytes")):
        code, told, err = verify(*args)
        assert code == 0 and not err
        assert {k: (t["status"], t["by"]) for k, t in told.items()} == {k: ("good", by) for k in data}


def test_not_good(place, built, verify):  # noqa: F811
    """Missing, of another length, another file, and one damaged byte, which only --full sees."""
    plans, data = lines(built)
    ident = publish(place, 1, plans)
    keys = {key.rpartition("/")[2]: key for key in data}
    for key, bytes_ in data.items():
        place.put(key, bytes_)
    place.remove(keys["hello.exe"])
    place.put(keys["hello.pdb"], data[keys["hello.pdb"]][:-1])
    place.put(keys["lab+c++.pdb"], data[keys["engine core.pdb"]])
    flipped = bytearray(data[keys["engine core.dll"]])
    flipped[-1] ^= 1
    place.put(keys["engine core.dll"], bytes(flipped))
    code, told, err = verify(ident)
    assert code == 1 and not err
    bad = {k: t["status"] for k, t in told.items() if t["status"] != "good"}
    assert bad == {keys["hello.exe"]: "missing", keys["hello.pdb"]: "wrong", keys["lab+c++.pdb"]: "wrong"}
    assert "73727 bytes" in told[keys["hello.pdb"]]["why"]
    assert "another file" in told[keys["lab+c++.pdb"]]["why"]
    code, told, _ = verify("--all", "--full")
    assert code == 1 and told[keys["engine core.dll"]]["status"] == "wrong"
    assert sum(t["status"] == "good" for t in told.values()) == len(data) - 4


def test_compressed(place, built, verify):  # noqa: F811
    """Nobody has told beside these what they are: they are read to their end in any case."""
    _, data = lines(built)
    pdbs = [key for key in data if key.endswith(".pdb")]
    packed = {pdbs[0]: (pdbs[0] + ".zst", forms.zst("x", data[pdbs[0]]), "zstd"),
              pdbs[1]: (pdbs[1] + ".gz", forms.gz("x", data[pdbs[1]]), "gzip"),
              pdbs[2]: (pdbs[2][:-1] + "_", forms.stored_cabinet("x.pdb", data[pdbs[2]]), "cab")}
    for key, stored, _ in packed.values():
        place.put(key, stored)
    ident = publish(place, 1, [{**line(stored, data[key]), "as": how}
                               for key, (stored, _, how) in packed.items()])
    for args in ((ident,), (ident, "--full")):
        code, told, err = verify(*args)
        assert code == 0 and not err, told
        assert {t["by"] for t in told.values()} == {"bytes"}
    for key, stored, _ in packed.values():
        place.put(key, stored[:-20])
    code, told, _ = verify(ident)
    assert code == 1 and {t["status"] for t in told.values()} == {"wrong"}


def test_metadata(rgw, bucket, built, tmp):  # noqa: F811
    """Of what a publisher of ours has compressed, beside which it says what it is, a few bytes are read; with --full
    all are."""
    place_ = InBucket(rgw, bucket, "")
    _, data = lines(built)
    key = next(key for key in data if key.endswith("hello.pdb"))
    good = forms.zst("x", data[key])

    def put(stored, of=data[key]):
        place_.client.put_object(Bucket=bucket, Key=key, Body=stored, ContentEncoding="zstd", Metadata={
            "pepto-sha256": hashlib.sha256(of).hexdigest(), "pepto-size": str(len(of)), "pepto-tx": ident})

    def verify(*args):
        code, out, _ = run(tmp, "verify", "--json", ident, *args, "--store", place_.url, **KEYS)
        return code, json.loads(out)
    ident = publish(place_, 1, [{**line(key, data[key]), "as": "zstd"}])
    put(good)
    assert verify()[1]["by"] == "metadata" and verify("--full")[1]["by"] == "bytes"
    put(good[:-10])
    assert verify("--full")[0] == 1
    put(good, of=b"another")
    assert verify()[0] == 1 and verify("--full")[0] == 0
    put(b"\x28\xb5\x2f\xfd" + b"\xff" * 50)
    assert verify()[0] == verify("--full")[0] == 1


def test_otherwise_signed(place, tmp, verify):  # noqa: F811
    """Of images that differ by their signature alone one is kept: each transaction's is there, in that form."""
    exe = symbols.make(tmp)["exe"]
    bare, signed = exe.data, images.sign(exe.data)
    versions = {"bare": bare, "replaced": signed, "bare again": bare,
                "another's": images.sign(bare, b"2" * 1600), "as long": images.sign(bare, b"3" * 1400)}
    (tmp / "Foo.exe").parent.mkdir(exist_ok=True)
    ident = {}
    for name, image in versions.items():
        (tmp / "Foo.exe").write_bytes(image)
        code, out, err = run(tmp, "add", "--json", "Foo.exe", "--store", place.url, **place.settings)
        assert code == 0, err
        ident[name] = json.loads(out.splitlines()[-1])["transaction"]
    key = json.loads(out.splitlines()[0])["key"]
    is_bucket = isinstance(place, InBucket)
    for how, by in (((), "metadata" if is_bucket else "identity"), (("--full",), "bytes")):
        told = {name: verify(one, *how) for name, one in ident.items()}
        told = {name: (code, of[key]["status"], of[key].get("by"), of[key].get("form"))
                for name, (code, of, _) in told.items()}
        # Of what is signed by two nothing but a checksum beside it proves that it is whole; by a few ranges, one that is
        # as long is the planned one.
        anew = (0, "good", "identity", "signed anew") if is_bucket else (1, "wrong", None, None)
        as_long = anew if is_bucket or how else (0, "good", "identity", None)
        assert told == {"bare": (0, "good", "bytes", "signed"), "bare again": (0, "good", "bytes", "signed"),
                        "replaced": (0, "good", by, None), "as long": as_long,
                        "another's": anew}
    assert "(1 with another signature)" in run(tmp, "verify", ident["bare"], "--store", place.url,
                                               **place.settings)[1]
    # Where there is no room to look into it, nothing is said of it.
    full = subprocess.run(["prlimit", "--fsize=1000", binary(), "verify", ident["bare"], "--json", "--store", place.url],
                          cwd=tmp, env=environment(tmp, place.settings), restore_signals=False, check=False,
                          capture_output=True, text=True, timeout=120)
    assert full.returncode == 4 and json.loads(full.stdout)["status"] == "fault", full
    place.put(key, images.sign(images.altered(bare)))       # another image, which no one has told of
    assert {verify(one, "--full")[1][key]["status"] for one in ident.values()} == {"wrong"}
    place.put(key, bare[:len(bare) // 2])                   # cut, which without a signature looks like one
    assert {verify(one, *how)[1][key]["status"] for one in ident.values() for how in ((), ("--full",))} == {"wrong"}


def test_denied(rgw, bucket, proxy, tmp):
    """Which is no word on whether it is there, whatever the bucket says of random keys."""
    place_, data, key = InBucket(rgw, bucket, ""), body(5000), path("big.bin", "opaque1")
    ident = publish(place_, 1, [line(key, data)])
    place_.put(key, data)
    proxy.fault(faults.status(403, "AccessDenied"), lambda r: "list-type" not in r.query and ".pepto" not in r.path
                and "000Admin" not in r.path)
    code, out, _ = run(tmp, "verify", "--json", ident, "--store", s3(bucket, proxy), **KEYS)
    told = json.loads(out)
    assert (code, told["status"]) == (4, "fault") and "AccessDenied" in told["why"]


def test_metadata_of_plain(rgw, bucket, tmp):
    """A file of the same length and name in the place of the one that was published."""
    place_, data, key = InBucket(rgw, bucket, ""), body(5000), path("big.bin", "opaque1")
    ident = publish(place_, 1, [{**line(key, data), "as": "none"}])
    for stored, finding in ((data, "good"), (data[::-1], "wrong")):
        place_.client.put_object(Bucket=bucket, Key=key, Body=stored, Metadata={
            "pepto-sha256": hashlib.sha256(stored).hexdigest(), "pepto-size": str(len(stored))})
        code, out, _ = run(tmp, "verify", "--json", ident, "--store", place_.url, **KEYS)
        told = json.loads(out)
        assert (code, told["status"]) == (int(finding == "wrong"), finding)
        assert finding == "good" or "pepto-sha256" in told["why"]


def test_large(rgw, bucket, proxy, tmp):
    """Of a large file little is read, and with --full all, in ranges; what is replaced meanwhile is no verdict."""
    data, key = body(9_000_000), path("big.bin", "opaque1")
    place_ = InBucket(rgw, bucket, "")
    place_.put(key, data)
    ident = publish(place_, 1, [{**line(key, data), "as": "none"}])
    args = ["verify", "--json", ident, "--store", s3(bucket, proxy)]
    code, out, _ = run(tmp, *args, **KEYS)
    assert code == 0 and json.loads(out)["by"] == "length"
    assert {r.get("Range") for r in proxy.asked("big.bin", "GET")} == {"bytes=0-65535"}
    assert run(tmp, *args, "--full", **KEYS)[0] == 0
    gate = proxy.fault(faults.edit(lambda response: response.set("ETag", '"other"')),
                       lambda r: (r.get("Range") or "").startswith("bytes=4194304"))
    code, out, _ = run(tmp, *args, "--full", **KEYS)
    assert gate and code == 4 and json.loads(out)["status"] == "fault"


def test_which(place, verify):  # noqa: F811
    """Only what is live, and of it what is there; a key that two transactions name, once."""
    data = b"MZ not really"
    a, b, c, d = (path(f"{x}.bin", "opaque1") for x in "abcd")
    for key in (a, b):
        place.put(key, data)
    first = publish(place, 1, [{**line(k, data), "as": "none"} for k in (a, b, c, d)], LIVE,
                    outcomes={"stored": [2], "existed": [3], "conflict": [4], "failed": [5]})
    publish(place, 2, [{**line(k, data), "as": "none"} for k in (a, b)])
    gone = publish(place, 3, [line(c)], GONE)
    opened = publish(place, 4, [line(d)], OPEN)
    code, told, err = verify("--all", "--full")
    assert code == 0 and not err and set(told) == {a, b}
    assert set(verify(first)[1]) == {a, b}
    for ident, word in ((gone, "gone"), (opened, "open")):
        code, told, err = verify(ident)
        assert code == 1 and not told and f"{ident} is {word}" in err
    for ident in (plan_id(9), "0000000042"):
        code, _, err = verify(ident)
        assert code == 1 and "no such transaction" in err
    code, _, err = verify("foo.pdb")
    assert code == 2 and "ID" in err
    place.put("000Admin/server.txt", b'0000000001,add,file,09/09/2022,10:11:12,"a","1","",\r\n')
    assert verify("--all")[0] == 0
    assert verify("0000000001")[0] == 1


def test_damaged_plan(place, verify):  # noqa: F811
    """The others are looked at all the same."""
    data = b"some bytes"
    key = path("a.bin", "opaque1")
    place.put(key, data)
    publish(place, 1, [{**line(key, data), "as": "none"}])
    place.put(f".pepto/tx/{plan_id(2)}.json", plan(plan_id(2), [line("../a", data)]))
    place.put(f".pepto/tx/{plan_id(2)}.json.done", b"{}")
    code, told, err = verify("--all")
    assert code == 1 and told[key]["status"] == "good" and plan_id(2) in err


def test_lines(place, tmp):  # noqa: F811
    """As it is read by people: those that are not good, and how many there are."""
    a, b = path("a.bin", "opaque1"), path("b.bin", "opaque1")
    place.put(a, b"12345")
    ident = publish(place, 1, [{**line(k, b"12345"), "as": "none"} for k in (a, b)])
    code, out, err = run(tmp, "verify", ident, "--store", place.url, **place.settings)
    assert code == 1 and not err
    assert out.splitlines() == [f"missing\t{b}\t{ident}", "1 good, 1 missing, 0 wrong, 0 not known"]


def test_usage(tmp):
    for args in ([], ["--all", plan_id(1)], ["a", "b"]):
        assert run(tmp, "verify", *args, "--store", "s3://gone?endpoint=http://127.0.0.1:1", **KEYS)[0] == 2
    assert run(tmp, "verify", "--all", "--store", "s3://gone?endpoint=http://127.0.0.1:1", **KEYS)[0] == 4
