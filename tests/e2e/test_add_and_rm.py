# SPDX-License-Identifier: MIT
"""add against rm in one bucket, as processes that are held between two of their requests.

Each goes to the bucket through a proxy of its own. A schedule says who goes on, and how far; `END` is
its end, or as far as it comes while the other one stands. Whatever the order: what live transactions
name lies there, with the right bytes. """

import fcntl
import hashlib
import json
import signal
import struct
import subprocess
import time

import pytest

from conftest import KEYS
from rig import child, faults
from rig.faultproxy import FaultProxy
from rig.pace import PATIENT, WAIT
from rig.places import InBucket, InDirectory
from rig.plans import line, publish
from rig.server import REPORT, binary, environment, run, s3, until

from test_add import ID, key, sym

ADD, RM, END = "add", "rm", "end"
BODY = {n: sym(n, 400) for n in range(3)}

# Where a process can stand: before its n-th request of that kind.
ADD_AT = {"plan": ("PUT", ".json", 1), "LIST": ("LIST", "", 1), "HEAD old": ("HEAD", key(0), 1),
          "HEAD new": ("HEAD", key(1), 1), "PUT new": ("PUT", key(1), 1),
          "LIST again": ("LIST", "", 2), "done": ("PUT", ".done", 1), "look": ("GET", ".gone", 1)}
RM_AT = {"LIST": ("LIST", "", 1), "marker": ("PUT", "/.pepto/rm/", 1), "going": ("PUT", ".gone", 1),
         "LIST again": ("LIST", "", 2), "marker again": ("PUT", "/.pepto/rm/", 2),
         "LIST for all": ("LIST", "", 3), "DELETE": ("POST", "delete", 1), "gone": ("PUT", ".gone", 2),
         "unmark": ("POST", "delete", 2)}


def at(method, text, nth):
    """Whether a request is the n-th of that kind, or a later one: it may be asked again while it is held.
    Asked of each request once."""
    seen = 0

    def is_it(r):
        nonlocal seen
        if "list-type" in r.query:
            fits = method == "LIST" and ("rm" in r.query.get("prefix", "") or not text)
        else:
            path = r.path.partition("?")[0]
            fits = r.method == method and ("delete" in r.query if text == "delete"
                                           else text in path if text.startswith("/")
                                           else path.endswith(text))
        seen += fits
        return fits and seen >= nth
    return is_it


class Held:
    """A process, and the proxy at which it can be stopped."""

    def __init__(self, tmp, proxy, steps, stops, *command):
        self.proxy, self.gate = proxy, None
        self.gates = {stop: proxy.hold(at(*steps[stop])) for stop in stops if stop != END}
        self.process = child.start(binary(), *command, cwd=tmp, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True,
                                   env=environment(tmp, {**KEYS, **PATIENT, "CACHE_DIR": "off"}))
        self.told = None
        self.waited = False             # for removals, before its last step

    def ended(self):
        return self.process.poll() is not None

    def go_on(self, to):
        """Until it stands there, or has ended on its way."""
        if self.gate:
            self.gate.release()
        self.gate = self.gates.get(to)
        if not self.gate:
            self.end()
        else:
            until(lambda: self.gate.arrived or self.ended())
            self.waited = bool(self.gate.arrived)

    def end(self):
        if not self.told:
            self.told = self.process.communicate(timeout=WAIT)
            assert not REPORT.search(self.told[1]), self.told[1]
        return self.process.returncode, *self.told

    def wait_answered(self):
        """What it had asked for when it was killed has been done by the bucket."""
        until(lambda: not self.proxy.listener.open)


class Meeting:
    """A bucket in which an old transaction has stored two files. A build of one of them, and of another
    one, is added; the old one or the new one is removed."""

    def __init__(self, rgw, bucket, stage, tmp):
        self.place, self.tmp = InBucket(rgw, bucket), tmp
        self.old = publish(self.place, 1, [line(key(n), BODY[n]) for n in (0, 2)])
        for n in (0, 2):
            self.place.put(key(n), BODY[n], **{
                "pepto-sha256": hashlib.sha256(BODY[n]).hexdigest(), "pepto-size": str(len(BODY[n])),
                "pepto-tx": self.old})
        (tmp / "build").mkdir()
        for n in (0, 1):
            (tmp / f"build/m{n}.sym").write_bytes(BODY[n])
        self.proxies = {who: stage(FaultProxy, rgw.plain) for who in (ADD, RM)}
        self.urls = {who: s3(bucket, proxy, "sym") for who, proxy in self.proxies.items()}
        self.words = ["add", "build", "--json", "--compress", "none", "--jobs", "1"]
        self.held = {}
        self.was_gone = False           # when the add went on for the last time

    def transactions(self, end=""):
        found = self.place.client.list_objects_v2(Bucket=self.place.bucket,
                                                  Prefix="sym/.pepto/tx/").get("Contents", [])
        return {ID.search(o["Key"]).group() for o in found if o["Key"].endswith(".json" + end)}

    def new(self):
        return next(iter(self.transactions() - {self.old}))

    def go_on(self, who, to, stops, removes):
        if who not in self.held:
            if who == ADD:
                words, steps = self.words, ADD_AT
            else:
                words, steps = ["rm", self.old if removes == "old" else self.new(), "--json"], RM_AT
            self.held[who] = Held(self.tmp, self.proxies[who], steps, stops, *words, "--store",
                                  self.urls[who])
        if who == ADD and not self.held[who].ended():
            self.was_gone = removes == "new" and bool(self.transactions(".gone") - {self.old})
        self.held[who].go_on(to)
        assert removes == "new" or to in (END, "LIST again") or self.held[who].waited, f"{who} met no {to}"

    def play(self, schedule, removes):
        for who, to in schedule:
            self.go_on(who, to, [stop for one, stop in schedule if one == who], removes)
        code, out, err = self.held[RM].end()
        assert code == 0, err
        code, out, err = self.held[ADD].end()
        assert code == (1 if self.was_gone else 0) and ("removed while it ran" in err) == self.was_gone, err
        assert out
        self.check()
        assert self.old in self.transactions(".gone") or removes == "new"
        markers = self.place.client.list_objects_v2(Bucket=self.place.bucket, Prefix="sym/.pepto/rm/")
        assert markers["KeyCount"] == 0

    def check(self):
        """What live transactions name."""
        live = self.transactions(".done") - self.transactions(".gone")
        for which in live:
            _, *lines = map(json.loads, self.place.get(f".pepto/tx/{which}.json").splitlines())
            done = json.loads(self.place.get(f".pepto/tx/{which}.json.done"))
            assert not done["failed"] and not done["conflict"]
            assert sorted(done["stored"] + done["existed"]) == list(range(2, 2 + len(lines)))
            for each in lines:
                assert hashlib.sha256(self.place.get(each["key"])).hexdigest() == each["sha256"], each


@pytest.fixture
def meeting(rgw, bucket, stage, tmp):
    return Meeting(rgw, bucket, stage, tmp)


# Where the other one may come in between. (What follows `gone` of rm removes nothing any more.)
STANDS = ["plan", "LIST", "HEAD old", "HEAD new", "PUT new", "done", "look"]
HOLDS = ["marker", "going", "LIST again", "marker again", "LIST for all", "DELETE", "gone", "unmark"]
FEWER = ["LIST", "HEAD new", "PUT new", "done"]


@pytest.mark.parametrize("removes, stand", [("old", stand) for stand in STANDS] +
                         [("new", stand) for stand in STANDS if stand != "plan"])
def test_a_whole_rm_while_an_add_stands(meeting, removes, stand):
    meeting.play([(ADD, stand), (RM, END), (ADD, END)], removes)


@pytest.mark.parametrize("hold", ["LIST", *HOLDS])
def test_an_add_comes_as_far_as_it_can_while_an_rm_stands(meeting, hold):
    """It waits, once there is a marker, until that is gone."""
    meeting.play([(RM, hold), (ADD, "LIST again"), (RM, END), (ADD, END)], "old")
    assert meeting.held[ADD].waited == (hold not in ("LIST", "marker"))


@pytest.mark.parametrize("stand", FEWER[:-1])         # before PUT done it waits
@pytest.mark.parametrize("hold", HOLDS)
def test_the_rest_of_an_rm_in_an_add(meeting, hold, stand):
    meeting.play([(RM, hold), (ADD, stand), (RM, END), (ADD, END)], "old")


@pytest.mark.parametrize("removes", ["old", "new"])
@pytest.mark.parametrize("stand", FEWER)
@pytest.mark.parametrize("hold", HOLDS)
def test_the_rest_of_an_add_in_an_rm(meeting, hold, stand, removes):
    meeting.play([(ADD, stand), (RM, hold), (ADD, "LIST again"), (RM, END), (ADD, END)], removes)


def test_what_a_removal_takes_is_put_again(meeting):
    """By an add that waits until it ends, says so, and looks for itself when."""
    meeting.words = ["add", "build", "--compress", "none"]
    meeting.go_on(RM, "DELETE", ["DELETE"], "old")
    meeting.go_on(ADD, "LIST again", ["LIST again"], "old")     # has found the old one's file
    assert not meeting.proxies[ADD].asked(key(0), method="PUT")
    meeting.held[ADD].gate.release()
    assert "waits for 1 removal to end" in meeting.held[ADD].process.stderr.readline()
    meeting.go_on(RM, END, [], "old")
    code, _, err = meeting.held[ADD].end()
    assert code == 0, err
    assert len(meeting.proxies[ADD].asked(key(0), method="PUT")) == 1
    meeting.check()


@pytest.mark.parametrize("hold", HOLDS)
def test_an_rm_that_is_killed(meeting, hold):
    """What it had sent is carried out late. An add waits for two minutes, by the clock of the store."""
    meeting.go_on(RM, hold, [hold], "old")
    killed = meeting.held.pop(RM)
    killed.process.send_signal(signal.SIGKILL)
    killed.process.communicate()

    def later(response):
        at_s = time.time() + 121
        response.set("Date", time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(at_s)))
    meeting.proxies[ADD].fault(faults.edit(later), at(*ADD_AT["LIST again"]))
    meeting.go_on(ADD, "LIST again", ["LIST again"], "old")
    killed.gate.release()
    killed.wait_answered()
    meeting.go_on(ADD, END, [], "old")
    code, _, err = meeting.held[ADD].end()
    assert code == 0, err
    meeting.check()
    code, _, err = run(meeting.tmp, "rm", meeting.old, "--store", meeting.place.url, **KEYS)
    assert code == 0, err
    meeting.check()
    assert meeting.place.get(key(0)) == BODY[0]


# ---- a directory, which is locked

@pytest.mark.parametrize("how, adds, removes", [(fcntl.F_RDLCK, 0, 4), (fcntl.F_WRLCK, 4, 4)],
                         ids=["somebody adds", "somebody removes"])
def test_a_directory_is_locked(tmp, how, adds, removes):
    (tmp / "store").mkdir()
    (tmp / "build").mkdir()
    (tmp / "build/m0.sym").write_bytes(BODY[0])
    place = InDirectory(tmp / "store")
    place.put(key(2), BODY[2])
    old = publish(place, 1, [line(key(2), BODY[2])])
    with open(place.root / ".pepto/lock", "w+b") as file:
        fcntl.fcntl(file, 37, struct.pack("hhqqi4x", how, 0, 0, 0, 0))   # F_OFD_SETLK
        assert run(tmp, "add", "build", "--store", place.url)[0] == adds
        assert (place.root / key(0)).exists() == (adds == 0)
        assert run(tmp, "rm", old, "--store", place.url)[0] == removes
        assert place.get(key(2)) == BODY[2]
    assert run(tmp, "add", "build", "--store", place.url)[0] == 0
    assert run(tmp, "rm", old, "--store", place.url)[0] == 0
    assert place.get(key(0)) == BODY[0] and not (place.root / key(2)).exists()
