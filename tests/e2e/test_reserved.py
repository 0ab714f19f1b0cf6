# SPDX-License-Identifier: MIT
"""What is ours in a store (.pepto/) tells hosts and paths: nobody is served it, whoever owns the store."""

import json

import pytest

from conftest import KEYS
from rig.places import InBucket, InDirectory
from rig.server import s3

SECRET = b"host and path"
PATHS = [".pepto/tx/1.json", ".PEPTO/tx/1.json", ".pepto/TX/1.JSON", "%2epepto/tx/1.json",
         ".pepto%2ftx%2f1.json", ".pepto%5ctx%5c1.json", "/.pepto/tx/1.json", "x/../.pepto/tx/1.json",
         ".p/.pepto/tx/1.json", "c:%5C.pepto%5Ctx%5C1.json", ".pepto/lock", ".pepto",
         "a.pdb/1/.pepto-0123456789abcdef", "a.pdb/1/%2EPEPTO-0123456789abcdef"]
KEYS_OF_OURS = [".pepto/tx/1.json", ".pepto/lock", ".p/.pepto/tx/1.json", "a.pdb/1/.pepto-0123456789abcdef"]


@pytest.mark.parametrize("any_path", ["on", "off"])
def test_a_directory(tmp, serve, any_path):
    (tmp / "store").mkdir()
    store = InDirectory(tmp / "store")
    for key in KEYS_OF_OURS:
        store.put(key, SECRET)
    server = serve(stores=store.url, SERVE_ANY_PATH=any_path)
    for path in PATHS:
        answer = server.fetch("/" + path)
        assert answer.status in (400, 404) and SECRET not in answer.body, path
    rows = json.loads(server.fetch("/-/api/search?q=a.pdb").body)["rows"]
    assert not rows


@pytest.mark.parametrize("tier", ["1", "2"])
def test_a_bucket(rgw, bucket, proxy, serve, tier):
    """It is not even asked."""
    store = InBucket(rgw, bucket, "sym")
    for key in KEYS_OF_OURS:
        store.put(key, SECRET)
    server = serve(stores=s3(bucket, proxy, "sym", tiers=tier), SERVE_ANY_PATH="on", **KEYS)
    proxy.forget()
    for path in PATHS:
        answer = server.fetch("/" + path)
        assert answer.status in (400, 404) and SECRET not in answer.body, path
    assert not [r for r in proxy.asked() if "pepto" in r.path.lower()]


def test_a_pointer(tmp, serve):
    """Nor does a file.ptr lead there."""
    (tmp / "store").mkdir()
    store = InDirectory(tmp / "store")
    store.put(".pepto/tx/a.pdb", SECRET)
    store.put("a.pdb/0123456789ABCDEF0123456789ABCDEF1/file.ptr",
              b"PATH:\\\\server\\share\\.pepto\\tx\\a.pdb")
    server = serve(stores=f"{store.url}?ptr=%5C%5Cserver%5Cshare", SERVE_ANY_PATH="on")
    answer = server.fetch("/a.pdb/0123456789ABCDEF0123456789ABCDEF1/a.pdb")
    assert answer.status != 200 and SECRET not in answer.body
