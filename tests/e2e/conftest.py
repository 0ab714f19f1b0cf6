# SPDX-License-Identifier: MIT
"""Fixtures of the whole-program tests.

    /usr/bin/python3 -m pytest tests/e2e             all, against build/asan/pepto-symbol
    PEPTO_BIN=build/tsan/pepto-symbol ... -m tsan    what is heavy on threads

`serve` starts the program with settings, among them a fresh cache, and stops it at the end of the
test, holding it to exit code 0 and to no sanitizer report. PEPTO_CACHE=off runs all without a cache.
`rgw` is the real S3, started once. `proxy` stands in front of it. `origin` is the S3 that obeys. """

import pathlib
import shutil
import subprocess
import tempfile
import uuid

import pytest

from rig import kinds, rgw as ceph
from rig.faultproxy import FaultProxy
from rig.origin import Origin, SymbolServer
from rig.pace import PATIENT
from rig.server import CACHE, Server, s3
from rig.stock import FILES

KEYS = {"AWS_ACCESS_KEY_ID": ceph.OWNER[0], "AWS_SECRET_ACCESS_KEY": ceph.OWNER[1],
        "AWS_REGION": "us-east-1"}


@pytest.fixture(scope="session")
def workdir():
    """Outside pytest's own tree: Unix socket paths of Ceph are short, and nothing is kept."""
    path = pathlib.Path(tempfile.mkdtemp(prefix="pepto-e2e-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def new_directory(workdir):
    """new_directory(name): an empty one. Files of tests share `workdir`, so each of them takes what
    it makes for more than one test from here: a name of its own choice may be taken already."""
    return lambda name: pathlib.Path(tempfile.mkdtemp(prefix=f"{name}-", dir=workdir))


@pytest.fixture(scope="session")
def samples(new_directory):
    at = new_directory("samples")
    kinds.make(at)
    return at


@pytest.fixture(scope="session")
def authority(workdir):
    """(CA file, server certificate with key)"""
    directory = workdir / "ca"
    directory.mkdir()
    return ceph.make_authority(directory)


@pytest.fixture(scope="session")
def rgw(workdir, authority):
    for n in range(3):      # another program may have taken a port that was free
        directory = workdir / f"rgw{n}"
        directory.mkdir()
        try:
            gateway = ceph.Rgw(directory, authority[1])
            break
        except (AssertionError, OSError, subprocess.SubprocessError):
            if n == 2:
                raise
    yield gateway
    gateway.stop()


@pytest.fixture(scope="session")
def make_bucket(rgw):
    """An empty bucket, by default with a name of its own."""
    def make(name=None):
        name = name or f"e2e-{uuid.uuid4().hex[:12]}"
        rgw.client().create_bucket(Bucket=name)
        return name
    return make


@pytest.fixture
def bucket(make_bucket):
    return make_bucket()


@pytest.fixture
def put(rgw, bucket):
    """Store an object in the test's bucket."""
    s3 = rgw.client()

    def put(key, body, **how):
        s3.put_object(Bucket=bucket, Key=key, Body=body, **how)
        return body
    return put


def factory(workdir, cache=None):
    """A maker of servers, and the list of what it made. cache: "on", "off", or as the suite is
    run."""
    made = []

    def serve(*args, stores=None, **settings):
        cwd = settings.pop("cwd", None) or tempfile.mkdtemp(dir=workdir)
        if stores is not None:
            settings["STORES"] = stores if isinstance(stores, str) else " ".join(stores)
        if cache:
            settings.setdefault("CACHE_DIR", cache if cache == "off" else f"{cwd}/{CACHE}")
        server = Server(cwd, *args, **{**PATIENT, **settings})
        made.append(server)
        return server
    return serve, made


def finish(made):
    codes = [server.stop() for server in made]
    for server in made:
        print(server.stderr())          # pytest shows it with a failure
    assert all(code in server.may_end for code, server in zip(codes, made)), f"exit codes {codes}"


def pytest_generate_tests(metafunc):
    if metafunc.definition.get_closest_marker("both_ways"):
        metafunc.parametrize("serve", ["on", "off"], indirect=True, ids=["cache", "no cache"])


@pytest.fixture
def serve(workdir, request):
    """With or without a cache: as the test is marked, else as the suite is run."""
    marked = [way for way in ("on", "off") if request.node.get_closest_marker(f"cache_{way}")]
    make, made = factory(workdir, getattr(request, "param", None) or "".join(marked))
    yield make
    finish(made)


@pytest.fixture(scope="module")
def serve_all(workdir):
    """As serve, for one server that all tests of a module share."""
    make, made = factory(workdir)
    yield make
    finish(made)


@pytest.fixture
def stage():
    """Starts a Stage of any class, stopped at the end: stage(Origin, listable=True)."""
    made = []

    def start(kind, *args, **how):
        made.append(kind(*args, **how))
        return made[-1]
    yield start
    for one in made:
        one.stop()


@pytest.fixture
def proxy(rgw, stage):
    return stage(FaultProxy, rgw.plain)


@pytest.fixture
def origin(stage):
    return stage(Origin)


@pytest.fixture
def store(origin, request):
    """The URL of an empty bucket whose misses are proven, with the store options that the module
    has in STORE."""
    origin.listable = True
    return s3(origin.bucket("bucket"), origin, **getattr(request.module, "STORE", {}))


@pytest.fixture
def upstream(stage):
    return stage(SymbolServer)


@pytest.fixture
def stocked(origin):
    """The URL of a public bucket with the files of rig/stock.py."""
    for key, content in FILES.items():
        origin.put("bucket", key, content)
    return s3("bucket", origin)


@pytest.fixture
def stocked_http(upstream):
    """The same files on another symbol server."""
    for key, content in FILES.items():
        upstream.put("symbols/" + key, content)
    return f"{upstream.url}/symbols?case=lower"


@pytest.fixture
def stocked_dir(tmp):
    """The same files in a directory."""
    for key, content in FILES.items():
        file = tmp / "symbols" / key
        file.parent.mkdir(parents=True)
        file.write_bytes(content)
    return tmp / "symbols"


@pytest.fixture
def tmp(workdir):
    return pathlib.Path(tempfile.mkdtemp(dir=workdir))
