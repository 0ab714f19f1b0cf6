# SPDX-License-Identifier: MIT
"""How long a test waits, on this machine and as busy as it is now.

A test waits for an event, never for a time to pass, and a wait ends in a failure only after WAIT
seconds, which no event of these tests takes on a slow machine: that is a hang. Where time is what is
tested, the times that the program is set to and the slack that it is given grow with PACE. """

import contextlib
import os
import subprocess
import sys
import time

WAIT = 60                           # seconds

# A loop that takes NOMINAL seconds on the two quiet cores that the figures of the tests are for.
LOOP = "n = 0\nfor i in range(3_000_000): n ^= i * i"
NOMINAL = 0.4
MOST = 4                            # a limit to patience: settings have limits, too


def measure():
    """How many times longer two such loops take here, side by side; at least 1."""
    began = time.monotonic()
    loops = [subprocess.Popen([sys.executable, "-I", "-S", "-c", LOOP]) for _ in range(2)]
    assert not any(loop.wait() for loop in loops)
    return max((time.monotonic() - began) / NOMINAL, 1)


if "PEPTO_PACE" not in os.environ:  # once for all processes of a run: its children find it there
    os.environ["PEPTO_PACE"] = f"{measure():.1f}"
PACE = min(float(os.environ["PEPTO_PACE"]), MOST)


def ms(seconds):
    """A setting: so much time, at this pace."""
    return f"{seconds * PACE * 1000:.0f}ms"


@contextlib.contextmanager
def within(seconds):
    """What is due after so much time, at this pace, is there not long after it."""
    began = time.monotonic()
    yield
    took = time.monotonic() - began
    assert took < (seconds + 2) * PACE, f"{took:.1f} s at a pace of {PACE:.1f}"


# What servers are set to unless time is tested: whatever they are asked, they wait for the test.
PATIENT = {"REQUEST_BUDGET": "25s", "TRY_TIMEOUT": "20s", "CONNECT_TIMEOUT": "20s",
           "STALL_TIMEOUT": "60s", "DRAIN_TIMEOUT": "30s"}
# For faults that last as long as the program lets them: a few tries in a second.
IMPATIENT = {"REQUEST_BUDGET": ms(1), "TRY_TIMEOUT": ms(0.4)}
# For what hangs once and is to be tried again, in time enough.
HASTY = {"TRY_TIMEOUT": ms(0.5), "CONNECT_TIMEOUT": ms(0.5), "STALL_TIMEOUT": ms(1)}
