# SPDX-License-Identifier: MIT
"""rm: transactions are taken out of a store, and nothing else is."""

import concurrent.futures
import fcntl
import json
import os
import re
import signal
import struct
import subprocess
import threading
import time
import urllib.parse

import pytest

from rig import child, faults
from rig.places import place  # noqa: F401  pylint: disable=unused-import
from rig.places import InBucket, InDirectory
from rig.plans import GOING, GONE, LIVE, OPEN, line, plan, plan_id, publish
from rig.server import binary, environment, run, s3, until
from rig.wire import Response

A, B, C, D = (f"{x}.pdb/0123456789ABCDEF0123456789ABCDEF1/{x}.pdb" for x in "abcd")


@pytest.fixture
def rm(tmp):
    def rm(place, *args, url=None):
        """(exit code, standard output, standard error)"""
        return run(tmp, "rm", *args, "--store", url or place.url, CACHE_DIR=str(tmp / "cache"),
                   **place.settings)
    return rm


def there(place, key):
    try:
        place.get(key)
    except Exception as e:  # pylint: disable=broad-except
        assert "NoSuchKey" in str(e) or isinstance(e, OSError), e
        return False
    return True


def fill(place, *keys):
    for key in keys:
        place.put(key)


def gone_of(place, ident):
    return json.loads(place.get(f".pepto/tx/{ident}.json.gone"))


def markers(place):
    if isinstance(place, InDirectory):
        return list(place.root.glob(".pepto/rm/*"))
    return place.client.list_objects_v2(Bucket=place.bucket,
                                        Prefix=f"{place.prefix}.pepto/rm/").get("Contents", [])


def test_one_transaction(place, rm):
    fill(place, A, B, C, "other")
    ident = publish(place, 1, [line(A), line(B)])
    code, out, err = rm(place, ident)
    assert (code, err) == (0, "") and out == f"{ident}: 2 files removed, 0 kept\n"
    assert [there(place, k) for k in (A, B, C, "other")] == [False, False, True, True]
    gone = gone_of(place, ident)
    assert (gone["state"], gone["removed"], gone["kept"], gone["why"]) == ("gone", 2, 0, "rm")
    assert re.fullmatch(r"[^@]+@.+", gone["by"]) and re.fullmatch(r"2\d{3}-.*Z", gone["when"])
    assert markers(place) == []
    assert there(place, f".pepto/tx/{ident}.json") and there(place, f".pepto/tx/{ident}.json.done")
    fill(place, A)
    code, out, err = rm(place, ident)            # it is gone already: what is there now is another's
    assert (code, err) == (0, "") and there(place, A)
    assert out == ("" if isinstance(place, InDirectory) else f"{ident}: 0 files removed, 1 kept\n")
    assert gone_of(place, ident) == gone


def test_what_others_name(place, rm):
    """Whoever names a file keeps it there, live or open; with the last of them it goes."""
    fill(place, A, B, C)
    first = publish(place, 1, [line(A), line(B), line(C)])
    second = publish(place, 2, [line(A)], outcomes={"existed": [2]})
    third = publish(place, 3, [line(B)], OPEN)
    code, out, _ = rm(place, first)
    assert code == 0 and out == f"{first}: 1 files removed, 2 kept\n"
    assert [there(place, k) for k in (A, B, C)] == [True, True, False]
    code, out, _ = rm(place, second)             # the first stored it and is gone
    assert code == 0 and out == f"{second}: 1 files removed, 0 kept\n"
    assert [there(place, k) for k in (A, B)] == [False, True]
    code, out, _ = rm(place, third)              # its own object says nothing, but the first stored it
    assert code == 0 and out == f"{third}: 1 files removed, 0 kept\n" and not there(place, B)


def test_what_was_there_before(place, rm):
    """aws s3 sync, then add of the same files, then rm: nothing is missing."""
    fill(place, A, B, C)
    ident = publish(place, 1, [line(A), line(B), line(C)],
                    outcomes={"existed": [2], "conflict": [3], "failed": [4]})
    code, out, _ = rm(place, ident)
    assert code == 0 and out == f"{ident}: 0 files removed, 1 kept\n"
    assert all(there(place, k) for k in (A, B, C))


def test_what_came_after(place, rm):  # noqa: F811
    """One that is gone has taken its files along: what is there later was put by somebody else."""
    fill(place, A)
    first = publish(place, 1, [line(A)])
    assert rm(place, first)[0] == 0 and not there(place, A)
    time.sleep(1.1)                              # the store tells its times in seconds
    fill(place, A)
    second = publish(place, 2, [line(A)], outcomes={"existed": [2]})
    code, out, _ = rm(place, second)
    assert code == 0 and out == f"{second}: 0 files removed, 1 kept\n" and there(place, A)


def test_several(place, rm):
    """Those that name the same files, at once."""
    fill(place, A, B)
    first = publish(place, 1, [line(A), line(B)])
    second = publish(place, 2, [line(A)], outcomes={"existed": [2]})
    code, out, _ = rm(place, first, second)
    assert code == 0 and not there(place, A) and not there(place, B)
    assert out == f"{first}: 2 files removed, 0 kept\n{second}: 1 files removed, 0 kept\n"


def test_symstore_refers_to_it(place, rm):
    fill(place, A, B)
    place.put(A.rsplit("/", 1)[0] + "/refs.ptr", b"0000000001,file,x\n")
    ident = publish(place, 1, [line(A), line(B)])
    code, out, _ = rm(place, ident)
    assert code == 0 and out == f"{ident}: 1 files removed, 1 kept\n"
    assert there(place, A) and not there(place, B)


def test_dry_run(place, rm):
    fill(place, A, B)
    ident = publish(place, 1, [line(A), line(B)], outcomes={"stored": [2], "existed": [3]})
    code, out, _ = rm(place, ident, "--dry-run")
    assert code == 0
    assert out == f"remove\t{A}\nkeep\t{B}\n{ident}: 1 files to be removed, 1 kept\n"
    assert there(place, A) and not there(place, f".pepto/tx/{ident}.json.gone")
    assert not there(place, ".pepto/lock") and markers(place) == []
    code, out, _ = rm(place, ident, "--json")
    assert code == 0 and list(map(json.loads, out.splitlines())) == [
        {"key": A, "status": "removed"}, {"key": B, "status": "kept"},
        {"transaction": ident, "state": "gone", "removed": 1, "kept": 1}]


def test_what_is_going_is_finished(place, rm):
    fill(place, A, B, C)
    first = publish(place, 1, [line(A)], GOING)
    second = publish(place, 2, [line(B)])
    publish(place, 3, [line(C)], GONE)
    code, out, _ = rm(place, second)
    assert code == 0 and not there(place, A) and not there(place, B)
    assert gone_of(place, first)["state"] == "gone" and first in out
    assert there(place, C)


def test_wrong_words(place, rm):
    code, _, err = rm(place, "0000000042")
    assert code == 1 and "symstore.exe" in err
    code, _, err = rm(place, "foo.pdb")
    assert code == 2 and "20261129-150717-3f9a12bc" in err
    code, _, err = rm(place, plan_id(9))
    assert code == 1 and f"no transaction {plan_id(9)}" in err
    assert markers(place) == []


@pytest.mark.parametrize("text", [b"", b"{", b'{"pepto":2}\n', None])
def test_a_plan_that_cannot_be_read(place, rm, text):
    """Nobody knows what it needs: nothing is removed, and nothing is begun."""
    fill(place, A)
    ident = publish(place, 1, [line(A)])
    other = publish(place, 2, [line(B)])
    if text is None:
        place.remove(f".pepto/tx/{other}.json")
    else:
        place.put(f".pepto/tx/{other}.json", text)
    code, out, err = rm(place, ident)
    assert (code, out) == (1, "") and other in err
    assert there(place, A) and not there(place, f".pepto/tx/{ident}.json.gone")
    assert markers(place) == []


# ---- a bucket alone

@pytest.fixture
def spoiled(rgw, bucket, proxy):
    """A bucket, and the same through the proxy."""
    direct = InBucket(rgw, bucket, "sym")
    direct.through = s3(bucket, proxy.url, "sym")
    return direct


def test_an_open_transaction(spoiled, rm):
    """What its objects tell of themselves counts: only what a transaction stored goes."""
    ident = publish(spoiled, 1, [line(A), line(B), line(C), line(D)], OPEN)
    for key, tx in ((A, ident), (B, None), (C, plan_id(7))):
        spoiled.client.put_object(Bucket=spoiled.bucket, Key="sym/" + key, Body=b"x",
                                  Metadata={"pepto-tx": tx} if tx else {})
    code, out, _ = rm(spoiled, ident)
    assert code == 0 and out == f"{ident}: 1 files removed, 2 kept\n"
    assert [there(spoiled, k) for k in (A, B, C)] == [False, True, True]


def test_an_add_that_ran_on(spoiled, proxy, rm, tmp):
    """What it puts behind its removal goes when its transaction is named once more, and nothing else does."""
    def sym(n):
        return f"MODULE windows x86_64 {n:032X}1 m{n}.pdb\n".encode()
    first, *behind, foreign = keys = [f"m{n}.pdb/{n:032x}1/m{n}.sym" for n in range(1, 6)]
    for n in range(1, 6):
        (tmp / f"m{n}.sym").write_bytes(sym(n))
    gate = proxy.hold(lambda r: r.method == "PUT" and "/m2.pdb/" in urllib.parse.unquote(r.path))
    process = subprocess.Popen([binary(), "add", *(f"m{n}.sym" for n in range(1, 6)), "--jobs", "1", "--compress",
                                "none", "--store", spoiled.through],
                               cwd=tmp, stderr=subprocess.PIPE, stdout=subprocess.PIPE,
                               env=environment(tmp, spoiled.settings))
    gate.wait(1)
    listed = spoiled.client.list_objects_v2(Bucket=spoiled.bucket, Prefix="sym/.pepto/tx/")["Contents"]
    ident = listed[0]["Key"].removeprefix("sym/.pepto/tx/").removesuffix(".json")
    code, out, _ = rm(spoiled, ident)
    assert code == 0 and out == f"{ident}: 1 files removed, 0 kept\n" and not there(spoiled, first)
    fill(spoiled, foreign)
    gate.release()
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1 and f"pepto-symbol rm {ident} takes away" in err.decode()
    before = gone_of(spoiled, ident)
    fill(spoiled, first)                                            # somebody's else, without a transaction
    other = publish(spoiled, 2, [line(behind[0])], outcomes={"existed": [2]})
    code, out, _ = rm(spoiled, ident, "--dry-run", "--json")
    assert code == 0 and json.loads(out.splitlines()[-1]) == {"transaction": ident, "state": "gone",
                                                             "removed": 2, "kept": 3}
    code, out, _ = rm(spoiled, ident)
    assert code == 0 and out == f"{ident}: 2 files removed, 3 kept\n"
    assert [there(spoiled, key) for key in keys] == [True, True, False, False, True]
    assert gone_of(spoiled, ident) == before and markers(spoiled) == []
    assert rm(spoiled, other)[0] == 0
    assert rm(spoiled, ident)[0] == 0 and not there(spoiled, behind[0])


def test_plans_that_are_kept_of_other_stores(spoiled, rm, tmp):
    """As long as they are used: what nobody has wanted for 90 days goes, and nothing that is not of this kind."""
    plans, now = tmp / "cache" / "plans", time.time()
    names = {"0" * 32: 91, "1" * 32: 89, "mine": 91}
    for name, days in names.items():
        (plans / name).mkdir(parents=True)
        (plans / name / "plan").write_text("x")
        os.utime(plans / name, (now, now - days * 86400))
    ours = publish(spoiled, 1, [line(A)])
    assert rm(spoiled, ours)[0] == 0
    kept = {path.name for path in plans.iterdir()}
    assert {"1" * 32, "mine"} < kept and "0" * 32 not in kept and len(kept) == 3
    mine = (kept - set(names)).pop()
    os.utime(plans / mine, (now, now - 91 * 86400))
    assert rm(spoiled, publish(spoiled, 2, [line(B)]))[0] == 0
    assert (plans / mine).stat().st_mtime > now - 86400


def test_the_order_of_requests(spoiled, proxy, rm):
    """The marker, .gone, LIST, and for what is removed the marker and LIST anew; the DELETE ends by itself."""
    fill(spoiled, A)
    ident = publish(spoiled, 1, [line(A)])
    assert rm(spoiled, ident, url=spoiled.through)[0] == 0
    steps = []
    for r in proxy.asked():
        key = urllib.parse.unquote(r.path.split("?")[0])
        if "list-type" in r.query:
            steps.append("LIST")
        elif r.method != "HEAD" and r.method != "GET":
            steps.append(r.method + " " + ("rm" if "/rm/" in key else key.rsplit(".", 1)[-1]
                                           if "/tx/" in key else "keys"))
    assert steps == ["LIST", "PUT rm", "PUT gone", "LIST", "PUT rm", "LIST", "POST keys", "PUT gone",
                     "POST keys"]
    removal, unmark = proxy.asked(method="POST")
    assert "X-Amz-Expires" in str(removal.query) and "content-md5" in str(removal.query)
    assert removal.get("Authorization") is None and unmark.get("Authorization")


def test_a_removal_that_is_late(spoiled, proxy, rm):
    """The store refuses it by its own clock, and the file stays."""
    fill(spoiled, A)
    ident = publish(spoiled, 1, [line(A)])

    def back(response):
        response.headers = [(n, "Mon, 30 Nov 2020 10:00:00 GMT" if n.lower() == "date" else v)
                            for n, v in response.headers]
    proxy.fault(faults.edit(back), lambda r: r.method == "PUT" and "/rm/" in r.path)
    code, _, err = rm(spoiled, ident, url=spoiled.through)
    assert code == 1 and "403" in err and there(spoiled, A)
    assert gone_of(spoiled, ident)["state"] == "going"
    proxy.heal()
    assert rm(spoiled, ident, url=spoiled.through)[0] == 0 and not there(spoiled, A)


def test_a_plan_that_comes_in_between(spoiled, proxy, rm):
    """After the last LIST but one, before the one that counts."""
    fill(spoiled, A, B)
    ident = publish(spoiled, 1, [line(A), line(B)])
    gate = proxy.hold(lambda r: r.method == "PUT" and r.path.endswith(".gone"))
    result = []
    thread = threading.Thread(target=lambda: result.append(rm(spoiled, ident, url=spoiled.through)))
    thread.start()
    gate.wait(1)
    publish(spoiled, 2, [line(A)], OPEN)
    gate.release()
    thread.join()
    assert result[0][:2] == (0, f"{ident}: 1 files removed, 1 kept\n")
    assert there(spoiled, A) and not there(spoiled, B)


@pytest.mark.parametrize("how, code", [(signal.SIGKILL, -9), (signal.SIGINT, 130)])
def test_one_that_is_broken_off(spoiled, proxy, rm, tmp, how, code):
    """Between .gone and its DELETE: it is not live any more, and the next removal finishes it."""
    fill(spoiled, A, B)
    ident, other = publish(spoiled, 1, [line(A)]), publish(spoiled, 2, [line(B)])
    gate = proxy.hold(lambda r: r.method == "PUT" and r.path.endswith(".gone"))
    process = subprocess.Popen([binary(), "rm", ident, "--store", spoiled.through], cwd=tmp,
                               env=environment(tmp, {**spoiled.settings,
                                                     "CACHE_DIR": str(tmp / "cache")}))
    gate.wait(1)
    process.send_signal(how)
    if how == signal.SIGKILL:
        assert process.wait(60) == code
        gate.release()
        until(lambda: there(spoiled, f".pepto/tx/{ident}.json.gone"))
    else:
        gate.release()
        assert process.wait(60) == code
    assert there(spoiled, A) and gone_of(spoiled, ident)["state"] == "going"
    assert bool(markers(spoiled)) == (how == signal.SIGKILL)
    code, out, _ = rm(spoiled, other)
    assert code == 0 and ident in out and not there(spoiled, A) and not there(spoiled, B)
    assert gone_of(spoiled, ident)["state"] == "gone"


def test_two_removals(spoiled, proxy, rm):
    """Each of one of two that name the file: one of them takes it, whatever the order."""
    fill(spoiled, A)
    first = publish(spoiled, 1, [line(A)])
    second = publish(spoiled, 2, [line(A)], outcomes={"existed": [2]})
    gate = proxy.hold(lambda r: r.method == "PUT" and r.path.endswith(".gone"))
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(rm, spoiled, x, url=spoiled.through) for x in (first, second)]
        gate.wait(2)            # both have listed, and seen the other live
        gate.release()
        assert [end.result()[0] for end in ends] == [0, 0]
    assert not there(spoiled, A) and markers(spoiled) == []


def test_no_date(spoiled, proxy, rm):
    fill(spoiled, A)
    ident = publish(spoiled, 1, [line(A)])

    def drop(response):
        response.headers = [(n, v) for n, v in response.headers if n.lower() != "date"]
    proxy.fault(faults.edit(drop), lambda r: r.method == "PUT")
    code, _, err = rm(spoiled, ident, url=spoiled.through)
    assert code == 1 and "Date" in err and there(spoiled, A)


def test_one_that_is_refused(spoiled, proxy, rm):
    """Of each it is told why; the next removal finishes it."""
    fill(spoiled, A, B)
    ident = publish(spoiled, 1, [line(A), line(B)])
    answer = faults.respond(lambda request: faults.Response(
        200, [("Content-Type", "application/xml")],
        f"<DeleteResult><Error><Key>sym/{A}</Key><Code>AccessDenied</Code></Error>"
        f"<Error><Key>sym/{B}</Key><Code>ObjectLocked</Code></Error></DeleteResult>".encode()))
    proxy.fault(answer, lambda r: r.method == "POST", times=1)
    code, out, err = rm(spoiled, ident, url=spoiled.through)
    assert code == 1 and "not all" in out
    told = dict(re.findall(r"cannot remove '(.*?)': (.*)", err))
    assert set(told) == {A, B} and "AccessDenied" in told[A] and "ObjectLocked" in told[B]
    assert gone_of(spoiled, ident)["state"] == "going"
    assert rm(spoiled, ident)[0] == 0 and not there(spoiled, A) and not there(spoiled, B)


@pytest.mark.parametrize("answer", [faults.cut(60), faults.close()], ids=["cut", "none"])
def test_a_delete_that_is_answered_in_part(spoiled, proxy, rm, answer):
    """Some of it is done, and nobody hears of which; it is asked again, within its minute, and nothing else."""
    fill(spoiled, A, B, C)
    ident = publish(spoiled, 1, [line(A), line(B)])

    def act(connection, request, real):
        spoiled.remove(A)
        answer(connection, request, lambda _: faults.error(200, "x" * 100))
    struck = proxy.fault(act, lambda r: r.method == "POST", times=1)
    code, out, err = rm(spoiled, ident, url=spoiled.through)
    assert struck.struck == 1 and code == 0 and out == f"{ident}: 2 files removed, 0 kept\n", err
    assert [there(spoiled, k) for k in (A, B, C)] == [False, False, True] and markers(spoiled) == []
    assert gone_of(spoiled, ident)["state"] == "gone"


@pytest.mark.parametrize("torn", [b"<DeleteResult><Deleted><Key>sym/x</Key>", b"<DeleteResult><Error><Key>", b"<a/>"])
def test_a_delete_that_is_answered_with_nonsense(spoiled, proxy, rm, torn):
    """Nothing counts as removed on its word."""
    fill(spoiled, A, B)
    ident = publish(spoiled, 1, [line(A), line(B)])
    proxy.fault(faults.respond(lambda request: Response(200, [("Content-Type", "application/xml")], torn)),
                lambda r: r.method == "POST", times=1)
    code, out, err = rm(spoiled, ident, url=spoiled.through)
    assert code == 1 and "removed" not in out and there(spoiled, A) and there(spoiled, B), err
    assert gone_of(spoiled, ident)["state"] == "going"
    assert rm(spoiled, ident, url=spoiled.through)[0] == 0 and not there(spoiled, A)


@pytest.mark.parametrize("step, code", [
    (lambda r: "list-type" in r.query, 4), (lambda r: r.method == "PUT" and "/rm/" in r.path, 4),
    (lambda r: r.path.endswith(".gone"), 1), (lambda r: r.method == "POST", 1)],
    ids=["the first list", "the marker", ".gone", "the files"])
def test_the_bucket_is_deleted(spoiled, proxy, tmp, step, code):
    """While one of its requests is on its way."""
    fill(spoiled, A)
    ident = publish(spoiled, 1, [line(A)])
    gate = proxy.hold(step)
    process = child.start(binary(), "rm", ident, "--store", spoiled.through, cwd=tmp, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          env=environment(tmp, {**spoiled.settings, "CACHE_DIR": str(tmp / "cache")}))
    gate.wait(1)
    for o in spoiled.client.list_objects_v2(Bucket=spoiled.bucket)["Contents"]:
        spoiled.client.delete_object(Bucket=spoiled.bucket, Key=o["Key"])
    spoiled.client.delete_bucket(Bucket=spoiled.bucket)
    gate.release()
    out, err = process.communicate(timeout=120)
    assert process.returncode == code and "NoSuchBucket" in err and "removed" not in out, err


@pytest.mark.parametrize("state", [LIVE, OPEN, GOING])
def test_the_state_before(place, rm, state):
    ident = publish(place, 1, [line(A)], state)
    other = publish(place, 2, [line(B)])
    code, out, _ = rm(place, ident, other, "--dry-run", "--json")
    told = {x["transaction"]: x["state"] for x in map(json.loads, out.splitlines())
            if "transaction" in x}
    assert code == 0 and told == {ident: state, other: LIVE}


def test_unreachable(spoiled, proxy, rm):
    proxy.fault(faults.status(403, "AccessDenied"), lambda r: True)
    code, _, err = rm(spoiled, plan_id(1), url=spoiled.through)
    assert code == 4 and "AccessDenied" in err


@pytest.mark.parametrize("state, denied, exits", [(LIVE, "refs.ptr", 1), (OPEN, A, 1), (LIVE, ".json.done", 4)])
def test_what_is_denied_may_be_there(spoiled, proxy, rm, state, denied, exits):
    """What a removal looks for, in a bucket that denies what it does not have."""
    fill(spoiled, A)
    ident = publish(spoiled, 1, [line(A)], state)
    proxy.fault(faults.status(403, "AccessDenied"),
                lambda r: r.method in ("GET", "HEAD") and "list-type" not in r.query
                and (denied in r.path or ".pepto" not in r.path and A not in r.path))
    code, _, err = rm(spoiled, ident, url=spoiled.through)
    assert code == exits and "AccessDenied" in err and there(spoiled, A), err


def test_plans_are_kept(spoiled, proxy, rm):
    """By their ETags: a second removal reads only what is new."""
    fill(spoiled, A, B)
    first, second = publish(spoiled, 1, [line(A)]), publish(spoiled, 2, [line(B)])
    assert rm(spoiled, first, url=spoiled.through)[0] == 0
    proxy.forget()
    assert rm(spoiled, second, url=spoiled.through)[0] == 0
    read = [r.path.split("/tx/")[-1] for r in proxy.asked(method="GET") if "/tx/" in r.path]
    assert read == [f"{first}.json.gone", f"{second}.json.done"]       # written, or wanted, since
    # A plan that somebody has written anew all the same is not the one that was kept.
    spoiled.put(f".pepto/tx/{first}.json", plan(first, [line(C)]) + b"x")
    third = publish(spoiled, 3, [line(D)])
    code, _, err = rm(spoiled, third, url=spoiled.through)
    assert code == 1 and first in err


def test_where_plans_are_kept(spoiled, rm, tmp, serve):
    """In the cache directory, which a server begins to use later; what the store has no more is kept no more."""
    fill(spoiled, A, B, C)
    first, second = publish(spoiled, 1, [line(A)]), publish(spoiled, 2, [line(B)])
    assert rm(spoiled, first)[0] == 0
    (folder,) = (tmp / "cache/plans").iterdir()

    def kept():
        return sorted(f.name.rsplit(".", 1)[0] for f in folder.iterdir())
    assert kept() == [f"{first}.done", f"{first}.plan", f"{second}.plan"]
    for file in folder.iterdir():                 # a disk that lost them: the store is asked again
        file.write_bytes(bytes(file.stat().st_size))
    assert rm(spoiled, "--dry-run", second)[0] == 0
    assert all(any(file.read_bytes()) for file in folder.iterdir())
    old = next(folder.glob(f"{second}.plan*"))
    (folder / f"{old.name}.0123456789abcdef").write_bytes(b"half")      # whoever wrote it was killed
    for suffix in ("", ".done", ".gone"):
        spoiled.remove(f".pepto/tx/{first}.json{suffix}")
    spoiled.put(f".pepto/tx/{second}.json", plan(second, [line(C)]))
    assert rm(spoiled, second)[0] == 0
    assert kept() == [f"{second}.done", f"{second}.plan"] and not old.exists()
    server = serve(STORES=spoiled.url, CACHE_DIR=str(tmp / "cache"), **spoiled.settings)
    assert server.fetch(f"/{B}").status == 200


def test_many(spoiled, rm):
    """More than one request can take."""
    keys = [f"m.pdb/{n:033X}/m.pdb" for n in range(1100)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(spoiled.put, keys))
    ident = publish(spoiled, 1, [line(k) for k in keys])
    code, out, _ = rm(spoiled, ident)
    assert code == 0 and out == f"{ident}: 1100 files removed, 0 kept\n"
    left = spoiled.client.list_objects_v2(Bucket=spoiled.bucket, Prefix="sym/m.pdb/")
    assert left["KeyCount"] == 0


# ---- a directory alone

def test_somebody_adds(tmp, rm):
    (tmp / "store").mkdir()
    store = InDirectory(tmp / "store")
    fill(store, A)
    ident = publish(store, 1, [line(A)])
    with open(store.root / ".pepto/lock", "w+b") as file:
        fcntl.fcntl(file, 37, struct.pack("hhqqi4x", fcntl.F_RDLCK, 0, 0, 0, 0))   # F_OFD_SETLK
        code, _, err = rm(store, ident)
        assert code == 4 and "adds" in err and there(store, A)
    assert rm(store, ident)[0] == 0 and not there(store, A)


def test_another_case(tmp, rm):
    """A directory finds names in any case, so that they are one file."""
    (tmp / "store").mkdir()
    store = InDirectory(tmp / "store")
    fill(store, A, B)
    first = publish(store, 1, [line(A), line(B)])
    publish(store, 2, [line(A.upper())], outcomes={"existed": [2]})
    third = publish(store, 3, [line(B.lower())], outcomes={"existed": [2]})
    assert rm(store, first)[1] == f"{first}: 0 files removed, 2 kept\n"
    assert there(store, A) and there(store, B)
    assert rm(store, third)[1] == f"{third}: 1 files removed, 0 kept\n" and not there(store, B)


# ---- expire

DAY = 24 * 3600


@pytest.fixture
def expire(tmp):
    def expire(place, *args):
        return run(tmp, "expire", *args, "--store", place.url, CACHE_DIR=str(tmp / "cache"),
                   **place.settings)
    return expire


@pytest.fixture
def builds(tmp):
    """A directory: its files tell their age. Of each transaction the id, and a key."""
    (tmp / "store").mkdir()
    store = InDirectory(tmp / "store")

    def publish_at(n, days, state=LIVE, **head):
        key = f"{n}.pdb/0123456789ABCDEF0123456789ABCDEF1/{n}.pdb"
        fill(store, key)
        ident = publish(store, n, [line(key)], state, **head)
        at = time.time() - days * DAY
        os.utime(store.root / f".pepto/tx/{ident}.json", (at, at))
        return key
    store.publish_at = publish_at
    return store


def test_expire(builds, expire):
    until = time.strftime("%Y-%m-%dT00:00:00Z", time.gmtime(time.time() + 10 * DAY))
    stays = [builds.publish_at(1, 5, product="app"), builds.publish_at(2, 100, product="app"),
             builds.publish_at(3, 200, product="app", keep_until=until),
             builds.publish_at(4, 300, product="tool"),
             builds.publish_at(5, 6, OPEN, product="app")]
    goes = [builds.publish_at(6, 150, product="app"),
            builds.publish_at(7, 160, product="app", keep_until="2026-01-01T00:00:00Z")]
    code, out, _ = expire(builds, "--keep-last", "2", "--older-than", "20w", "--dry-run")
    assert code == 0 and sorted(re.findall(r"remove\t(.*)", out)) == goes
    assert all(there(builds, k) for k in stays + goes)
    code, out, _ = expire(builds, "--keep-last", "2", "--older-than", "20w")
    assert code == 0 and out.count("1 files removed") == 2
    assert all(there(builds, k) for k in stays) and not any(there(builds, k) for k in goes)
    assert gone_of(builds, plan_id(6))["why"] == "expire"
    code, out, _ = expire(builds, "--older-than", "250d", "--product", "app")
    assert (code, out) == (0, "")
    code, out, _ = expire(builds, "--older-than", "250d", "--product", "tool")
    assert code == 0 and not there(builds, stays[3]) and there(builds, stays[2])


def test_expire_what_is_abandoned(builds, expire):
    """It may have been there before, and nothing in a directory tells: its files stay, it itself goes."""
    key = builds.publish_at(1, 8, OPEN, product="app")
    last = builds.publish_at(2, 9, product="app")
    code, out, _ = expire(builds, "--keep-last", "1")
    assert code == 0 and out == f"{plan_id(1)}: 0 files removed, 1 kept\n"
    assert there(builds, key) and there(builds, last)


def test_expire_needs_a_rule(builds, expire):
    for args in ((), ("--product", "x"), ("--keep-last", "0"), ("--older-than", "90"),
                 ("--older-than", "9y"), ("--keep-last", "-1")):
        code, _, err = expire(builds, *args)
        assert code == 2 and err, args


def test_expire_by_the_clock_of_a_bucket(spoiled, expire):
    fill(spoiled, A)
    publish(spoiled, 1, [line(A)])
    assert expire(spoiled, "--older-than", "1h")[:2] == (0, "") and there(spoiled, A)
    assert expire(spoiled, "--older-than", "0s")[0] == 0 and not there(spoiled, A)
