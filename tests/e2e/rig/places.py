# SPDX-License-Identifier: MIT
"""Stores to put objects into behind the program's back: a directory, and a real S3."""

import pytest

from conftest import KEYS
from rig.server import s3


class InDirectory:
    """A place to put keys into: a directory."""

    def __init__(self, root):
        self.root = root
        self.url = f"file://{root}"
        self.settings = {}

    def put(self, key, body=b"x"):
        file = self.root / key
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(body)

    def get(self, key):
        return (self.root / key).read_bytes()

    def remove(self, key):
        (self.root / key).unlink()


class InBucket:
    """A real S3, with a prefix."""

    def __init__(self, rgw, bucket, prefix="sym"):
        self.client, self.bucket, self.prefix = rgw.client(), bucket, prefix + "/" if prefix else ""
        self.url = s3(bucket, rgw.url, prefix)
        self.settings = KEYS

    def put(self, key, body=b"x", **metadata):
        self.client.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=body, Metadata=metadata)

    def get(self, key):
        return self.client.get_object(Bucket=self.bucket, Key=self.prefix + key)["Body"].read()

    def remove(self, key):
        self.client.delete_object(Bucket=self.bucket, Key=self.prefix + key)


@pytest.fixture(params=["file", "s3", "s3 without a prefix"])
def place(request, tmp):
    if request.param == "file":
        (tmp / "store").mkdir()
        return InDirectory(tmp / "store")
    return InBucket(request.getfixturevalue("rgw"), request.getfixturevalue("bucket"),
                    "sym" if request.param == "s3" else "")
