#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""The test command: build, run every kind of test, end with one line "N passed, N failed".

	tools/test.py [STAGE...]		stages: gcc unit threads e2e e2e-tls e2e-tsan fuzz

What is counted: each check of a unit program (one TAP line), each pytest case, each fuzz target. A
build that fails, a program that dies between its checks and a stage that hangs count as one failed.

In the environment: FUZZ_SECONDS (10), time for each fuzz target; CHURN_SECONDS (12), time for
tests/e2e/test_churn.py; PYTEST_ADDOPTS, as pytest has it.
Whole-program tests find the program under test in PEPTO_BIN (with sanitizers) and in
PEPTO_RELEASE_BIN (without: for memory and time).

A whole-program test that fails is run once more, alone, when the rest is done: where it passes then,
it is told as UNSTEADY, beside the failure's text, and counts as passed; it has to be mended all the
same. That is for a machine that stood still, so it does not hold for more than UNSTEADY_MAX of them,
nor for what a sanitizer reported or a program that died.

Time limits are several times what a stage takes on two quiet cores, and grow with the pace of the
machine (tests/e2e/rig/pace.py), which is measured once for all stages.
"""

import ctypes
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "build" / "test"
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.dont_write_bytecode = True
import rig.pace  # noqa: E402, F401: it measures PEPTO_PACE, for here and for all that is started

SLOWER = float(os.environ["PEPTO_PACE"])
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's pytest and boto3
PYTEST_NO_TESTS = 5
UNSTEADY_MAX = 3
FOR_GOOD = re.compile(r"Sanitizer|runtime error:|exit status -\d|core dumped")
ADDR_NO_RANDOMIZE = 0x0040000

passed = skipped = 0
failures = []  # names
unsteady = []  # names of what failed once and passed when run alone


def fail(name):
    failures.append(name)


def run(command, timeout, capture=False, env=None):
    """Run a command in its own process group; returns (exit status, output if captured).

    The timeout is in seconds of two quiet cores. Nothing it started outlives a timeout or a Ctrl-C.
    """
    timeout *= SLOWER
    child = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **(env or {})},
                             start_new_session=True, text=True, errors="replace",
                             stdin=subprocess.DEVNULL,
                             stdout=subprocess.PIPE if capture else None,
                             stderr=subprocess.STDOUT if capture else None)
    try:
        output, _ = child.communicate(timeout=timeout)
        return child.returncode, output
    except subprocess.TimeoutExpired:
        os.killpg(child.pid, signal.SIGKILL)
        output, _ = child.communicate()
        return f"killed after {timeout:.0f} s", output
    except BaseException:
        os.killpg(child.pid, signal.SIGKILL)
        raise


# Of these flavours only what is run here; `make lint` compiles all, with both compilers.
TARGETS = {"gcc": ["pepto-symbol"], "tsan": ["pepto-symbol", "threaded"]}


def build(flavour):
    """Compile build/FLAVOUR once in this run; returns whether it is there."""
    if flavour not in build.done:
        command = ["tools/build.sh", flavour, *TARGETS.get(flavour, [])]
        status, output = run(command, 900, capture=True)
        build.done[flavour] = status == 0
        if status != 0:
            print(output)
            fail(f"build {flavour}: {status}")
    return build.done[flavour]


build.done = {}


def count_tap(text, where):
    """Count the checks in a TAP stream; returns how many failed."""
    global passed, skipped
    bad = 0
    for line in text.splitlines():
        check = re.match(r"(not )?ok\b *\d* *-? *([^#]*)(# *skip)?", line, re.IGNORECASE)
        if not check:
            continue
        if check[3]:
            skipped += 1
        elif check[1]:
            bad += 1
            fail(f"{where}: {check[2].strip()}")
        else:
            passed += 1
    return bad


def unit(flavour, *meson_options):
    """The TAP programs, from Meson's own record of what they printed."""
    if not build(flavour):
        return
    log = ROOT / "build" / flavour / "meson-logs" / "testlog.json"
    log.unlink(missing_ok=True)
    status, output = run(["meson", "test", "-C", f"build/{flavour}", "--no-rebuild",
                          "--print-errorlogs", "--timeout-multiplier", f"{SLOWER:.1f}",
                          *meson_options], 600, capture=True)
    lines = log.read_text().splitlines() if log.exists() else []
    bad = 0
    for program in map(json.loads, lines):
        where = f"unit {program['name'].split(' / ')[-1]} ({flavour})"
        failed = count_tap(program["stdout"], where)
        if program["result"] not in ("OK", "SKIP", "EXPECTEDFAIL") and not failed:
            fail(f"{where}: {program['result']}, exit status {program['returncode']}")
            failed = 1
        bad += failed
    if status != 0 and not bad:
        fail(f"unit ({flavour}): meson test: {status}")
    if status != 0:
        print(output)


def workers():
    """A process for each core and one for those that wait; a file of tests stays in one of them."""
    if not importlib.util.find_spec("xdist"):
        return []
    return ["-n", str((os.cpu_count() or 1) + 1), "--dist", "loadfile"]


def e2e(flavour, *pytest_options, tests="tests/e2e", over_tls=False):
    """The whole program, by pytest, which looks for the sanitizers' reports itself."""
    global passed, skipped
    if not (build(flavour) and build("gcc")):
        return
    where = f"e2e ({flavour}{', over TLS' if over_tls else ''})"
    results = OUT / f"e2e-{flavour}{'-tls' if over_tls else ''}.xml"
    results.unlink(missing_ok=True)
    pytest = [PYTHON, "-m", "pytest", "-q", "--tb=short"]
    env = {"PEPTO_BIN": str(ROOT / "build" / flavour / "pepto-symbol"),
           "PEPTO_RELEASE_BIN": str(ROOT / "build" / "gcc" / "pepto-symbol"),
           "PEPTO_TLS": "1" if over_tls else "0"}
    status, _ = run([*pytest, tests, f"--junit-xml={results}", *workers(), *pytest_options], 1800,
                    env=env)
    suites = xml.parse(results).iter("testsuite") if results.exists() else []
    bad = {}  # how each failed
    for case in (case for suite in suites for case in suite.iter("testcase")):
        how = [child for child in case if child.tag in ("failure", "error")]
        # pytest.ini lies in tests/e2e, so that the names begin there.
        test = f"tests/e2e/{case.get('classname').replace('.', '/')}.py::{case.get('name')}"
        if how:
            bad[test] = "".join("".join(child.itertext()) for child in case)
        elif any(child.tag == "skipped" for child in case):
            skipped += 1
        else:
            passed += 1
    if status not in (0, PYTEST_NO_TESTS) and not bad:
        fail(f"{where}: pytest: {status}")
    once_more = len(bad) <= UNSTEADY_MAX
    for test, text in bad.items():
        if once_more and not FOR_GOOD.search(text) and run([*pytest, test], 600, env=env)[0] == 0:
            unsteady.append(f"{where}: {test}")
            passed += 1
        else:
            fail(f"{where}: {test}")


def fuzz():
    if not build("fuzz"):
        return
    status, output = run(["tools/fuzz.sh", os.environ.get("FUZZ_SECONDS", "10")], 900, capture=True)
    print(output, end="")
    if not count_tap(output, "fuzz") and status != 0:
        fail(f"fuzz: {status}")


STAGES = {
    "gcc": ("gcc, optimized, -Werror", lambda: build("gcc")),
    "unit": ("unit tests under the address and undefined-behaviour sanitizers",
             lambda: unit("asan")),
    "threads": ("threaded unit tests under the thread sanitizer",
                lambda: unit("tsan", "--suite", "threaded")),
    "e2e": ("the whole program under the address and undefined-behaviour sanitizers",
            lambda: e2e("asan")),
    "e2e-tls": ("the conformance table over TLS",
                lambda: e2e("gcc", tests="tests/e2e/test_conformance.py", over_tls=True)),
    "e2e-tsan": ("the threaded part of it under the thread sanitizer",
                 lambda: e2e("tsan", "-m", "tsan")),
    "fuzz": ("a short fuzz pass", fuzz),
}


def settle_environment():
    os.environ["ASAN_OPTIONS"] = "detect_stack_use_after_return=1:strict_string_checks=1"
    os.environ["UBSAN_OPTIONS"] = "print_stacktrace=1"
    os.environ["TSAN_OPTIONS"] = "second_deadlock_stack=1"
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    os.environ["PYTHONHASHSEED"] = "0"  # all processes of pytest have to find the same tests
    # clang 14's sanitizers do not know where newer kernels may put things when they randomise
    # fully. A refusal (in some containers) does no harm.
    ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)


def main(names):
    unknown = [name for name in names if name not in STAGES]
    if unknown:
        sys.exit(f"no such stage: {unknown[0]}; there are: {' '.join(STAGES)}")
    settle_environment()
    OUT.mkdir(parents=True, exist_ok=True)
    print(f"time limits are {SLOWER:.1f} times the usual ones\n")
    for name in names or STAGES:
        title, stage = STAGES[name]
        before = passed, len(failures)
        start = time.monotonic()
        print(f"== {title}", flush=True)
        stage()
        print(f"   {passed - before[0]} passed, {len(failures) - before[1]} failed "
              f"in {time.monotonic() - start:.0f} s\n", flush=True)
    for name in unsteady:
        print(f"UNSTEADY {name}: it failed, and passed when run once more alone")
    for name in failures:
        print(f"FAILED {name}")
    if skipped:
        print(f"{skipped} skipped")
    print(f"{passed} passed, {len(failures)} failed", flush=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
