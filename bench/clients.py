# SPDX-License-Identifier: MIT
"""
clients.py: how the works start servers and ask them: with a wrong answer, or none, the work has failed.
"""
import contextlib
import ssl
import subprocess
import urllib.error
import urllib.request

from servers import Failure

ANY_CERTIFICATE = ssl.create_default_context()
ANY_CERTIFICATE.check_hostname, ANY_CERTIFICATE.verify_mode = False, ssl.CERT_NONE


def path(name):
    return f"{name}.pdb/0000000011/{name}.pdb"


def get(server, what):
    with urllib.request.urlopen(server.url(what), context=ANY_CERTIFICATE) as r:
        return r.read()


def check_object(lab, server, name):
    """Fetch the object twice; it must be the bucket's, byte for byte, cold and hot."""
    expected = (lab.directory / "data" / "bucket" / path(name)).read_bytes()
    for _ in range(2):
        if get(server, path(name)) != expected:
            raise Failure(f"{server.name}: {name} is not what the bucket has")


def check_missing(server, what):
    for _ in range(2):
        try:
            get(server, what)
            raise Failure(f"{server.name}: {what} is there")
        except urllib.error.HTTPError as e:
            if e.code != 404:
                raise Failure(f"{server.name}: {e.code} where 404 was expected") from e


def wrk(server, what, connections, seconds, kept=True, status=200):
    """Returns (requests done, requests per second)."""
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    argv += [] if kept else ["-H", "Connection: close"]
    text = subprocess.run([*argv, server.url(what)], check=True,
                          capture_output=True, text=True).stdout
    done = int(text.split(" requests in ")[0].split()[-1])
    rate = float(text.split("Requests/sec:")[1].split()[0])
    refused = int(text.split("Non-2xx or 3xx responses:")[1].split()[0]) if "Non-2xx" in text else 0
    if "Socket errors" in text or refused != (done if status == 404 else 0) or not done:
        raise Failure(f"{server.name}: {text}")
    return done, rate


def values(text):
    """What the programs of the benchmark print: name=value words."""
    return {k: float(v) for k, v in (word.split("=") for word in text.split())}


def load(lab, mode, server, *args, program=None, **kwargs):
    """Run bench/load.c, or another program of its kind; returns what it measured."""
    done = subprocess.run([program or lab.load, mode, str(server.port), *map(str, args)],
                          capture_output=True, text=True, check=False, **kwargs)
    if done.returncode:
        raise Failure(f"{server.name}: {mode}: {done.stderr.strip()}")
    return values(done.stdout)


@contextlib.contextmanager
def until_told(lab, mode, server, *args, program=None):
    """The same for what goes on until its stdin ends; yields its process, whose stdout is yours to read."""
    argv = [program or lab.load, mode, str(server.port), *map(str, args)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as client:
        try:
            yield client
        finally:
            client.stdin.close()


@contextlib.contextmanager
def started(*makers):
    """All at once: a server that nobody asks costs nothing."""
    with contextlib.ExitStack() as stack:
        running = []
        for make in makers:
            running.append(make())
            stack.callback(running[-1].stop)
        yield running


def note_peak(results, work, running):
    for server in running:
        if server.name != "floor":
            results.add("memory", work, server.name, server.peak_mib())
