# SPDX-License-Identifier: MIT
"""add of much: a build of thousands of files, one of them in many parts."""

import hashlib
import json

import pytest

from conftest import KEYS
from rig.pace import WAIT
from rig.places import InBucket
from rig.server import run, s3

from test_add import guid, key, sym

FILES, LARGE = 2000, 600 << 20
PATIENCE = 5 * WAIT                     # it is much work for a slow machine


@pytest.fixture
def large_build(tmp):
    """The large file is the last of them; on the disk there is only its first line."""
    for n in range(FILES):
        if n % 500 == 0:
            (tmp / f"build/{n // 500}").mkdir(parents=True)
        (tmp / f"build/{n // 500}/m{n}.sym").write_bytes(sym(n, 100))
    with open(tmp / "build/large.sym", "wb") as file:
        file.write(sym(FILES))
        file.truncate(LARGE)
    return tmp


def hash_of(file):
    with file:
        digest = hashlib.sha256()
        while (data := file.read(1 << 20)):
            digest.update(data)
        return digest.hexdigest()


@pytest.mark.release
def test_many_and_large(rgw, bucket, large_build, serve):
    """Twice, whereupon all of it is there, every byte of the large one, and is served."""
    at = InBucket(rgw, bucket, "")

    def publish():
        code, out, err = run(large_build, "add", "build", "--json", "--compress", "none", "--store", at.url,
                             release=True, timeout=PATIENCE, **KEYS)
        assert code == 0, err
        return json.loads(out.splitlines()[-1])
    first, second = publish(), publish()
    assert (first["stored"], first["stored_bytes"]) == (FILES + 1, first["bytes"])
    assert (second["existed"], second["stored_bytes"]) == (FILES + 1, 0)
    large = at.client.head_object(Bucket=bucket, Key=key(FILES))
    assert large["ContentLength"] == LARGE and int(large["ETag"].strip('"').split("-")[1]) > 30
    assert "Uploads" not in at.client.list_multipart_uploads(Bucket=bucket)
    assert hash_of(at.client.get_object(Bucket=bucket, Key=key(FILES))["Body"]) == hash_of(
        open(large_build / "build/large.sym", "rb"))
    code, out, err = run(large_build, "verify", first["transaction"], "--store", at.url, release=True,
                         timeout=PATIENCE, **KEYS)
    assert code == 0 and f"{FILES + 1} good, 0 missing" in out, err
    server = serve(stores=s3(bucket, rgw), release=True, CACHE_DIR="off", **KEYS)
    for n in (0, 1, FILES // 2, FILES - 1):
        assert server.fetch(f"/Mod{n}.pdb/{guid(n)}1/Mod{n}.sym").body == sym(n, 100)
    part = server.fetch(f"/Mod{FILES}.pdb/{guid(FILES)}1/Mod{FILES}.sym", headers={"Range": "bytes=0-999"})
    assert part.status == 206 and part.body == sym(FILES).ljust(1000, b"\0")
    at.client.delete_object(Bucket=bucket, Key=key(FILES))
