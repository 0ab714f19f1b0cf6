# SPDX-License-Identifier: MIT
"""ls: what transactions a store has, and their files; of this program, and of symstore.exe."""

import json

import pytest

from conftest import KEYS
from rig.places import place  # noqa: F401
from rig.plans import GOING, GONE, LIVE, OPEN, done, gone, line, plan, plan_id, publish
from rig.samples import KEY, path
from rig.server import run

FOO, BAR = path("foo.pdb"), path("bar.dll", "5617D4FE8000")

SERVER = ('0000000001,add,file,09/09/2022,10:11:12,"Old App","1.0","first, of all",\r\n'
          '0000000002,add,ptr,09/09/2022,10:11:12,"Old App","2.0","",\r\n')
FILES = f'"foo.pdb\\{KEY}","C:\\b\\foo.pdb"\r\n"bar.dll\\5617D4FE8000","C:\\b\\bar.dll"\r\n'


@pytest.fixture
def ls(place, tmp):  # noqa: F811
    """Run it: (exit code, lines, what it complained of)."""
    def ls(*args):
        code, out, err = run(tmp, "ls", *args, "--store", place.url, **place.settings)
        return code, out.splitlines(), err
    return ls


def test_newest_first(place, ls):  # noqa: F811
    """A line for each, and what state it is in."""
    ids = [publish(place, n, [line(FOO, b"12345"), line(BAR, b"123")], state, product="app\x1b[1m",
                   version=str(n), comment="nightly")
           for n, state in enumerate((GONE, GOING, LIVE, OPEN), 1)]
    place.put("foo.pdb/unrelated", b"")
    place.put(".pepto/tx/notes.txt", b"not ours")
    code, lines, err = ls()
    assert code == 0 and not err
    assert lines == [f"{ids[n]}\t{state}\t2\t8\tapp\\u001b[1m\t{n + 1}"
                     for n, state in ((3, "open"), (2, "live"), (1, "going"), (0, "gone"))]
    code, lines, _ = ls("--json")
    told = [json.loads(x) for x in lines]
    assert code == 0 and [x["transaction"] for x in told] == ids[::-1]
    assert told[1] == {"store": told[0]["store"], "transaction": ids[2], "state": "live", "version": "3",
                       "started": "2026-11-29T15:07:17Z", "product": "app\x1b[1m",
                       "comment": "nightly", "files": 2, "bytes": 8}
    assert told[3]["removed_by"] == "me@here" and told[3]["removed_why"] == "too old"


def test_nothing(place, ls):  # noqa: F811
    """A store without any is no fault; an ID or a name that is in none is."""
    place.put(FOO)
    assert ls() == (0, [], "")
    code, lines, err = ls(plan_id(1))
    assert (code, lines) == (1, []) and "no such transaction" in err
    code, lines, err = ls("foo*")
    assert (code, lines) == (1, []) and "no transaction names such a file" in err


def test_one(place, ls):  # noqa: F811
    """Its files, and what became of them."""
    lines = [line(FOO, b"12345", id=KEY, kind="pdb", path="/b/foo.pdb", private=True, machine="x64"),
             line(BAR, b"123", kind="pe", pdb=FOO), line(path("c.pdb")), line(path("d.pdb"))]
    ident = publish(place, 1, lines, outcomes={"stored": [2], "existed": [3], "conflict": [4],
                                               "failed": [5]})
    publish(place, 2, [line(FOO)], OPEN)
    code, told, err = ls(ident)
    assert code == 0 and not err
    assert told == [f"{x['key']}\t{o}\t{x['size']}"
                    for x, o in zip(lines, ("stored", "existed", "conflict", "failed"))]
    code, told, _ = ls("--json", ident)
    first = json.loads(told[0])
    assert first.pop("store") and first.pop("symbol_key") == KEY
    assert first == {**{k: v for k, v in lines[0].items() if k != "id"}, "transaction": ident, "state": "live",
                     "status": "stored"}
    assert ls(plan_id(2)) == (0, [f"{FOO}\topen\t1"], "")


def test_names(place, ls):  # noqa: F811
    """Which transactions name a file; those that are gone do not."""
    tiered = "fo/" + path("foo.pdb", "77")
    ids = [publish(place, 1, [line(FOO), line(BAR)]), publish(place, 2, [line(tiered)], OPEN),
           publish(place, 3, [line(FOO)], GONE), publish(place, 4, [line(FOO)], GOING)]
    code, told, err = ls("FOO*")
    assert code == 0 and not err
    assert told == [f"{FOO}\tstored\t1\t{ids[3]}\tgoing", f"{tiered}\topen\t1\t{ids[1]}\topen",
                    f"{FOO}\tstored\t1\t{ids[0]}\tlive"]
    assert ls("foo")[0] == 1


def test_symstore(place, ls):  # noqa: F811
    """What symstore.exe wrote down is shown behind our own."""
    place.put("000Admin/server.txt", SERVER.encode())
    place.put("000Admin/0000000001", FILES.encode())
    place.put("000Admin/0000000002", b'"foo.pdb\\77","\\\\share\\foo.pdb"\r\n')
    ident = publish(place, 1, [line(FOO)], product="app", version="1")
    assert ls() == (0, [f"{ident}\tlive\t1\t1\tapp\t1", "0000000002\tlive\t-\t-\tOld App\t2.0",
                        "0000000001\tlive\t-\t-\tOld App\t1.0"], "")
    assert ls("0000000001") == (0, [f"foo.pdb/{KEY}\tlive\t-", "bar.dll/5617D4FE8000\tlive\t-"], "")
    assert json.loads(ls("--json")[1][2])["comment"] == "first, of all"
    assert ls("foo.pdb")[1] == [f"{FOO}\tstored\t1\t{ident}\tlive",
                                "foo.pdb/77\tlive\t-\t0000000002\tlive",
                                f"foo.pdb/{KEY}\tlive\t-\t0000000001\tlive"]


DAMAGED = {
    "newer": (plan(plan_id(1), []).replace(b'"pepto": 1', b'"pepto": 2'), "update this one"),
    "of another": (plan(plan_id(2), []), "another transaction"),
    "empty": (b"", "empty"),
    "text": (b"<html>\n" * 9000, "no JSON"),
    "endless": (b"x" * 300_000, "too long"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_damaged_plan(place, ls, what):  # noqa: F811
    """The others are told all the same, and it is said which one, and what to do."""
    body, why = DAMAGED[what]
    ident = publish(place, 2, [line(FOO)], product="app", version="1")
    place.put(f".pepto/tx/{plan_id(1)}.json", body)
    code, lines, err = ls()
    assert code == 1 and lines == [f"{ident}\tlive\t1\t1\tapp\t1", f"{plan_id(1)}\tdamaged\t-\t-\t-\t-"]
    assert f".pepto/tx/{plan_id(1)}.json" in err and why in err
    assert json.loads(ls("--json")[1][1])["state"] == "damaged"
    assert ls(ident)[0] == 0
    assert ls(plan_id(1))[:2] == (1, [])
    assert ls("foo*")[:2] == (1, [f"{FOO}\tstored\t1\t{ident}\tlive"])


def test_hostile_plan(place, ls):  # noqa: F811
    """Keys that lead elsewhere, states that nobody knows, lines that are not there."""
    for n, key in enumerate(("../x", ".pepto/tx/x", "a//b", "a\u0007/1/a"), 1):
        ident = publish(place, n, [line(key)])
        code, lines, err = ls(ident)
        assert (code, lines) == (1, []) and "line 2" in err, key
    ident = publish(place, 5, [line(FOO)], outcomes={"stored": [2, 3]})
    code, lines, err = ls(ident)
    assert (code, lines) == (1, []) and ".done" in err and "no line of the plan" in err
    place.put(f".pepto/tx/{ident}.json.gone", gone("stalled"))
    code, lines, err = ls()
    assert code == 1 and f"{ident}\tdamaged" in lines[0] and "neither going nor gone" in err
    place.put(f".pepto/tx/{plan_id(9)}.json.done", done())
    assert ls()[1][0].startswith(f"{plan_id(9)}\tdamaged")


def test_long_head(place, ls):  # noqa: F811
    """A first line longer than what is read of a plan at first."""
    ident = publish(place, 1, [line(FOO)], comment="\u0001" * 4096, product="\u0001" * 4096)
    code, lines, err = ls("--json")
    assert code == 0 and not err and json.loads(lines[0])["transaction"] == ident
    assert len(json.loads(lines[0])["comment"]) == 4096


def test_stores_that_do_not_answer(tmp, upstream):
    """4, and 2 for what cannot be listed at all."""
    assert run(tmp, "ls", "--store", upstream.url)[0] == 2
    code, out, err = run(tmp, "ls", "--store", "s3://gone?endpoint=http://127.0.0.1:1", **KEYS)
    assert code == 4 and not out and "gone" in err
    assert run(tmp, "ls", "a", "b")[0] == 2


def test_more_than_a_page(place, ls):  # noqa: F811
    for n in range(1005):
        place.put(f".pepto/tx/20261129-150717-{n:08x}.json", plan(f"20261129-150717-{n:08x}", []))
    code, lines, err = ls()
    assert code == 0 and not err and len(lines) == 1005
    assert lines == sorted(lines, reverse=True)
