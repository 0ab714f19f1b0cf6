# SPDX-License-Identifier: MIT
"""pepto-symbol as a process: a clean environment in, log lines and an exit code out.

Server starts it, waits for `msg=listening`, and reads its log as it grows; `stop` ends it by
SIGTERM and holds it to two promises: exit code 0 and no report of a sanitizer. """

import functools
import json
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import threading
import time

from . import child, client
from .pace import WAIT
from .papers import Papers

ROOT = pathlib.Path(__file__).resolve().parents[3]
CACHE = "cache"                     # the cache of a server, in its working directory
# METADATA_DISABLED: no test shall look for credentials on the network by accident
QUIET = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C",
         "AWS_EC2_METADATA_DISABLED": "true",
         "PORT": "0", "LISTEN_ADDRESS": "127.0.0.1"}
SANITIZERS = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
              "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
              "TSAN_OPTIONS": "halt_on_error=0:second_deadlock_stack=1", "LSAN_OPTIONS": ""}
OVER_TLS = os.environ.get("PEPTO_TLS") == "1"
REPORT = re.compile(r"(Address|Leak|Thread|UndefinedBehavior)Sanitizer|runtime error:")


def binary(release=False):
    """The program under test. It is never skipped: a missing one fails."""
    if release:
        path = pathlib.Path(os.environ.get("PEPTO_RELEASE_BIN", ROOT / "build/pepto-symbol"))
    else:
        path = pathlib.Path(os.environ.get("PEPTO_BIN", ROOT / "build/asan/pepto-symbol"))
    path = path if path.is_absolute() else ROOT / path
    assert path.is_file(), f"no program at {path}: build it, or set PEPTO_BIN and PEPTO_RELEASE_BIN"
    return path


def environment(cwd, settings):
    """Settings over a clean environment; None takes a default away. The cache lies in the test's
    own directory, or nowhere when the suite is run with PEPTO_CACHE=off."""
    cache = "off" if os.environ.get("PEPTO_CACHE") == "off" else pathlib.Path(cwd) / CACHE
    merged = {**QUIET, **SANITIZERS, "HOME": cwd, "CACHE_DIR": cache, **settings}
    return {name: str(value) for name, value in merged.items() if value is not None}


@functools.cache
def over_tls():
    """(settings of a server, what its clients need), where the suite is run with PEPTO_TLS=1."""
    papers = Papers(tempfile.mkdtemp(prefix="pepto-tls-"))
    cert, key = papers.sign("server")
    return {"TLS_PORT": 0, "TLS_CERT": cert, "TLS_KEY": key}, papers.trusting()


def run(cwd, *args, timeout=WAIT, release=False, **settings):
    """Run the program to its end: (exit code, standard output, standard error)."""
    done = subprocess.run([binary(release), *args], cwd=cwd, env=environment(cwd, settings),
                          timeout=timeout,
                          capture_output=True, text=True, errors="replace",
                          stdin=subprocess.DEVNULL)
    assert not REPORT.search(done.stderr), done.stderr
    return done.returncode, done.stdout, done.stderr


def s3(bucket, at, prefix="", **options):
    """The URL of an S3 store: a bucket at an rgw, a proxy, an origin, or any endpoint URL."""
    endpoint = at if isinstance(at, str) else at.url
    if "PEPTO_INDEX" in os.environ:  # all tests with an index of names, as they are without
        options.setdefault("index", os.environ["PEPTO_INDEX"])
    more = "".join(f"&{name}={value}" for name, value in options.items())
    return f"s3://{bucket}/{prefix}?endpoint={endpoint}{more}"


def until(true, timeout=WAIT, what=None, pause=0.02):
    """Wait for something that neither a gate nor the log can tell; returns what made it true."""
    end = time.monotonic() + timeout
    while not (value := true()):
        assert time.monotonic() < end, f"not within {timeout} s: {what or true}"
        time.sleep(pause)
    return value


FIELD = re.compile(r'([\w.]+)=(?:"((?:[^"\\]|\\.)*)"|(\S*))')
ESCAPE = re.compile(r"\\(u[0-9a-f]{4}|.)")


def unescape(text):
    return ESCAPE.sub(lambda m: chr(int(m[1][1:], 16)) if len(m[1]) == 5
                      else {"n": "\n"}.get(m[1], m[1]), text)


def parse_line(line):
    """One line of the log as a dictionary; what is not of the log (a sanitizer's report) as {}."""
    if line.startswith("{"):
        return json.loads(line)
    return {m[1]: m[3] if m[2] is None else unescape(m[2])
            for m in FIELD.finditer(line)} if "msg=" in line else {}


class Server:
    def __init__(self, cwd, *args, release=False, obeys_modes=False, **settings):
        self.cwd = pathlib.Path(cwd)
        tls = None
        if OVER_TLS and "TLS_PORT" not in settings:
            own, tls = over_tls()
            settings = {**own, **settings}
        self.lines, self.text = [], []
        self.changed = threading.Condition()
        self.stopped = False
        self.may_end = {0}              # exit codes that are as they should be
        arguments = [a for a in args or ("serve",) if a is not None]    # (None,): no arguments
        self.process = child.start(binary(release), *arguments, cwd=cwd,
                                   env=environment(cwd, settings), obeys_modes=obeys_modes,
                                   stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        listening = self.wait_log(msg="listening")
        self.tls_port = int(listening.get("tls_port", 0))
        self.port = int(listening.get("port", 0)) or self.tls_port
        if tls:                         # all that a test asks, it asks there
            self.port = self.tls_port
            client.TLS[self.port] = tls

    def _read(self):
        for raw in self.process.stderr:
            text = raw.decode("utf-8", "replace").rstrip("\n")
            line = parse_line(text)
            with self.changed:
                self.text.append(text)
                if line:
                    self.lines.append(line)
                self.changed.notify_all()
        with self.changed:
            self.stopped = True
            self.changed.notify_all()

    # the log

    def log(self, **fields):
        """The lines so far whose fields have these values; a function is asked, a value
        compared."""
        def fits(line):
            return all(v(line.get(k, "")) if callable(v) else line.get(k) == str(v) for k,
                       v in fields.items())
        with self.changed:
            return [line for line in self.lines if fits(line)]

    def wait_log(self, timeout=WAIT, count=1, **fields):
        """The count-th such line, as soon as it is written."""
        end = time.monotonic() + timeout
        with self.changed:
            while len(found := self.log(**fields)) < count:
                left = end - time.monotonic()
                assert left > 0 and not self.stopped, \
                    f"no log line {fields}" + (" before the end" if self.stopped
                                               else "") + ":\n" + self.stderr()
                self.changed.wait(left)
        return found[count - 1]

    def wait_in_flight(self, n, **fields):
        """Until n candidates (those with these fields: key, for, form) have been asked for, which is
        the turn of the loop in which each takes its seat in a flight: so it is as soon as the line
        is there. At LOG_LEVEL=debug. pepto_active_requests is no sign of it: that counts requests
        whose first line has come."""
        return self.wait_log(count=n, msg="candidate asked", **fields)

    def stderr(self):
        return "\n".join(self.text)

    # requests

    def fetch(self, target, method="GET", headers=(), timeout=WAIT):
        return client.fetch(self.port, target, method, headers, timeout)

    def connect(self, **how):
        return client.Client(self.port, **how)

    def metrics(self, port=None):
        """/metrics as {(name, labels): value}; labels as in the text."""
        answer = client.fetch(port or self.port, "/metrics")
        assert answer.status == 200, answer
        samples = {}
        for line in answer.body.decode().splitlines():
            if line and not line.startswith("#"):
                name, labels, value = re.fullmatch(r"([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)",
                                                   line).groups()
                samples[name, labels or ""] = float(value)
        return samples

    # the process

    @property
    def pid(self):
        return self.process.pid

    def rss(self):
        return int(re.search(r"VmRSS:\s+(\d+) kB",
                             pathlib.Path(f"/proc/{self.pid}/status").read_text())[1]) << 10

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=WAIT):
        """The exit code. Also waits for the last of the log."""
        code = self.process.wait(timeout)
        self.reader.join(WAIT)
        return code

    def reports(self):
        return [line for line in self.text if REPORT.search(line)]

    def stop(self, timeout=WAIT):
        """End it in good order. Harmless when it has ended already."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        try:
            code = self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.wait()
            what = f"still running {timeout} s after SIGTERM:\n{self.stderr()}"
            raise AssertionError(what) from None
        assert not self.reports(), self.stderr()
        return code
