# SPDX-License-Identifier: MIT
"""Writing to stores (src/store/write.h), to a real S3, through a proxy that spoils it, and to a
directory. No command of the program writes yet: tests/tools/storewrite does, by its functions. """

import base64
import hashlib
import random
import subprocess
import threading

import pytest

from conftest import KEYS
from rig import faults
from rig.rgw import OTHER
from rig.pace import WAIT
from rig.server import REPORT, binary, environment, s3

BODY = random.Random(1).randbytes(300_000)


@pytest.fixture
def write(tmp):
    def write(store, *args, **settings):
        """(exit code, standard output, standard error)"""
        done = subprocess.run([binary().parent / "tests/unit/storewrite", store, *map(str, args)],
                              cwd=tmp, env=environment(tmp, {**KEYS, **settings}), timeout=WAIT,
                              capture_output=True, text=True)
        assert not REPORT.search(done.stderr), done.stderr
        return done.returncode, done.stdout.strip(), done.stderr.strip()
    return write


@pytest.fixture
def file(tmp):
    path = tmp / "source"
    path.write_bytes(BODY)
    return path


STORED, PRESENT, REMOVED = (0, "stored", ""), (0, "present", ""), (0, "removed", "")


# ---- S3

def test_put(rgw, bucket, write, file):
    """The body, what is said of it, and where."""
    store = s3(bucket, rgw, "pre")
    assert write(store, "put", "--encoding", "zstd", "--meta", "pepto-tx=20261130-1",
                 "--meta", "pepto-size=7", "a b+ü/K/x", file) == STORED
    found = rgw.client().get_object(Bucket=bucket, Key="pre/a b+ü/K/x")
    assert found["Body"].read() == BODY and found["ContentEncoding"] == "zstd"
    assert found["Metadata"] == {"pepto-tx": "20261130-1", "pepto-size": "7"}
    assert found["ContentType"] == "application/octet-stream"
    file.write_bytes(b"")
    assert write(store, "put", "empty", file) == STORED
    assert rgw.client().head_object(Bucket=bucket, Key="pre/empty")["ContentLength"] == 0


def test_only_new(rgw, bucket, write, file):
    store = s3(bucket, rgw)
    assert write(store, "put", "--new", "k", file) == STORED
    file.write_bytes(b"other")
    assert write(store, "put", "--new", "k", file) == PRESENT
    assert rgw.client().get_object(Bucket=bucket, Key="k")["Body"].read() == BODY
    assert write(store, "put", "k", file) == STORED
    assert rgw.client().get_object(Bucket=bucket, Key="k")["Body"].read() == b"other"


def test_what_is_told_of_an_object(rgw, bucket, write, file):
    """Metadata, coding and ETag, and the store's own clock, as they stand in the bucket."""
    store, origin = s3(bucket, rgw, "pre"), hashlib.sha256(b"plain").hexdigest()
    assert write(store, "put", "--encoding", "zstd", "--meta", "pepto-tx=20261129-150717-3f9a12bc",
                 "--meta", f"pepto-sha256={origin}", "--meta", "pepto-size=5", "a/K/a", file) == STORED
    answer = rgw.client().head_object(Bucket=bucket, Key="pre/a/K/a")
    code, out, err = write(store, "head", "a/K/a")
    told = dict(line.split(" ", 1) for line in out.splitlines()[:-1])
    date = int(told.pop("date"))
    assert (code, err) == (0, "") and told == {
        "total": str(len(BODY)), "etag": answer["ETag"], "encoding": "zstd", "sha256": origin,
        "size": "5", "tx": "20261129-150717-3f9a12bc"}
    assert -1 < date - answer["LastModified"].timestamp() < 600
    rgw.client().put_object(Bucket=bucket, Key="pre/a/K/b", Body=b"others wrote it")
    told = dict(line.split(" ", 1) for line in write(store, "head", "a/K/b")[1].splitlines()[:-1])
    assert (told["sha256"], told["size"], told["tx"]) == ("", "-1", "")
    assert write(store, "head", "a/K/c")[1] == "missing"


def test_what_is_told_of_a_listing(rgw, bucket, write, file):
    store, client = s3(bucket, rgw, "pre"), rgw.client()
    for key in ("pre/.pepto/tx/1", "pre/.pepto/tx/2", "pre/.pepto/rm/1"):
        client.put_object(Bucket=bucket, Key=key, Body=key.encode())
    there = {o["Key"]: o for o in client.list_objects_v2(Bucket=bucket)["Contents"]}
    code, out, _ = write(store, "list", ".pepto/tx/")
    first, *lines, last = out.splitlines()
    assert code == 0 and last == "listed"
    for line, name in zip(lines, "12", strict=True):
        o = there[f"pre/.pepto/tx/{name}"]
        assert line == f'{name} 15 {int(o["LastModified"].timestamp())} {o["ETag"]}'
    assert -1 < int(first.split()[1]) - o["LastModified"].timestamp() < 600


def test_the_condition_holds(rgw, bucket, write, file, proxy):
    """Another writer comes between the look and the put: its object stays."""
    gate = proxy.hold(lambda r: r.method == "PUT")
    came = []
    thread = threading.Thread(
        target=lambda: came.append(write(s3(bucket, proxy), "put", "--new", "k", file)))
    thread.start()
    gate.wait(1)
    rgw.client().put_object(Bucket=bucket, Key="k", Body=b"first")
    gate.release()
    thread.join()
    assert came == [PRESENT]
    assert rgw.client().get_object(Bucket=bucket, Key="k")["Body"].read() == b"first"
    assert [r.method for r in proxy.asked("/k")] == ["HEAD", "PUT"]
    assert proxy.asked("/k", method="PUT")[0].get("If-None-Match") == "*"


def test_the_hash_is_held_to(rgw, bucket, write, file):
    """By the store: what is signed is the hash of the body."""
    code, out, err = write(s3(bucket, rgw), "put", "--sum", hashlib.sha256(b"x").hexdigest(), "k",
                           file)
    assert code == 1 and "400" in err and "SHA256Mismatch" in err
    assert "Contents" not in rgw.client().list_objects_v2(Bucket=bucket)


@pytest.mark.parametrize("fault, times", [
    (faults.status(503, "SlowDown"), 4), (faults.status(500, "InternalError"), 2),
    (faults.status(409, "ConditionalRequestConflict"), 1), (faults.reset(), 2),
    (faults.close(), 1), (faults.status(501, "NotImplemented"), 1)],
    ids=["SlowDown", "500", "409", "RST", "FIN", "501"])
def test_what_passes(rgw, bucket, write, file, proxy, fault, times):
    """The body is sent again from its beginning, whole."""
    proxy.fault(fault, lambda r: r.method == "PUT", times=times)
    assert write(s3(bucket, proxy), "put", "--new", "k", file) == STORED
    assert rgw.client().get_object(Bucket=bucket, Key="k")["Body"].read() == BODY
    puts = proxy.asked("/k", method="PUT")
    assert len(puts) == times + 1 and all(r.body == BODY for r in puts)


def test_what_does_not_pass(bucket, write, file, proxy):
    proxy.fault(faults.status(503, "SlowDown"), lambda r: r.method == "PUT")
    code, _, err = write(s3(bucket, proxy), "put", "k", file)
    assert code == 1 and "503 SlowDown" in err
    assert len(proxy.asked("/k", method="PUT")) == 5


def test_an_answer_that_is_lost(rgw, bucket, write, file, proxy):
    """It was stored, but nobody heard so: the next try finds it."""
    def swallow(connection, request, answer):
        answer(request)
        connection.reset()
    proxy.fault(swallow, lambda r: r.method == "PUT", times=1)
    assert write(s3(bucket, proxy), "put", "--new", "k", file) == PRESENT
    assert rgw.client().get_object(Bucket=bucket, Key="k")["Body"].read() == BODY


def test_an_answer_before_the_end(bucket, write, tmp, proxy):
    """A large body, which is refused by its head: no try is wasted on the rest."""
    large = tmp / "large"
    large.write_bytes(random.Random(2).randbytes(3_000_000))
    proxy.fault(faults.status(403, "AccessDenied"), lambda r: r.method == "PUT")
    code, _, err = write(s3(bucket, proxy), "put", "k", large)
    assert code == 1 and "403 AccessDenied" in err
    assert len(proxy.asked("/k", method="PUT")) == 1


def test_faults_of_credentials(rgw, bucket, make_bucket, write, file):
    code, _, err = write(s3(bucket, rgw), "put", "k", file, AWS_ACCESS_KEY_ID=OTHER[0],
                         AWS_SECRET_ACCESS_KEY=OTHER[1])
    assert code == 1 and "AccessDenied" in err
    code, _, err = write(s3(bucket, rgw), "put", "k", file, AWS_SECRET_ACCESS_KEY="wrong")
    assert code == 1 and "SignatureDoesNotMatch" in err and "wrong" not in err
    code, _, err = write(s3(bucket + "-nowhere", rgw), "put", "k", file)
    assert code == 1 and "NoSuchBucket" in err


def test_two_writers(rgw, bucket, write, file):
    """All of them write the same key at once: one stores it."""
    store, came = s3(bucket, rgw), []
    threads = [threading.Thread(target=lambda: came.append(write(store, "put", "--new", "k", file)))
               for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(came) == [PRESENT] * 5 + [STORED]


def test_remove(rgw, bucket, write, proxy):
    """Many at once, keys of every kind; what is not there counts as removed."""
    s3_client = rgw.client()
    keys = [f"pre/{n % 7}/{n}" for n in range(150)] + ["pre/a&b<c>\"d'/x", "pre/gr\u00fcn +%25/y"]
    for key in [*keys, "pre/stays", "other"]:
        s3_client.put_object(Bucket=bucket, Key=key, Body=b"x")
    wanted = [key.removeprefix("pre/") for key in keys]
    assert write(s3(bucket, proxy, "pre"), "remove", *wanted, "nowhere") == REMOVED
    left = s3_client.list_objects_v2(Bucket=bucket)["Contents"]
    assert sorted(each["Key"] for each in left) == ["other", "pre/stays"]
    request, = proxy.asked(method="POST")
    digest = base64.b64encode(hashlib.md5(request.body).digest()).decode()
    assert "delete" in request.query and request.get("Content-MD5") == digest
    assert "content-md5" in request.get("Authorization")


def test_remove_odd_keys(rgw, bucket, write, proxy):
    """Control characters, which XML cannot tell: those keys go by themselves."""
    client, keys = rgw.client(), ["a\x01b", "a\nb", "c\x7f", "plain", "pl&in"]
    for key in keys:
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    assert write(s3(bucket, proxy), "remove", *keys) == REMOVED
    assert client.list_objects_v2(Bucket=bucket)["KeyCount"] == 0
    assert [r.method for r in proxy.asked()] == ["POST", "DELETE", "DELETE", "DELETE"]


@pytest.mark.parametrize("status, code", [(501, "NotImplemented"), (405, "MethodNotAllowed"),
                                          (400, "InvalidRequest")])
def test_remove_one_by_one(rgw, bucket, write, proxy, status, code):
    """From a service that does not know how to remove many."""
    for key in "abc":
        rgw.client().put_object(Bucket=bucket, Key=key, Body=b"x")
    proxy.fault(faults.status(status, code), lambda r: r.method == "POST")
    proxy.fault(faults.status(503, "SlowDown"), lambda r: r.method == "DELETE", times=1)
    assert write(s3(bucket, proxy), "remove", "a", "c", "nowhere") == REMOVED
    assert [each["Key"] for each in rgw.client().list_objects_v2(Bucket=bucket)["Contents"]] == ["b"]
    assert len([r for r in proxy.asked() if r.method == "DELETE"]) == 4


def test_remove_denied(rgw, bucket, write):
    rgw.client().put_object(Bucket=bucket, Key="a", Body=b"x")
    code, out, err = write(s3(bucket, rgw), "remove", "a", AWS_ACCESS_KEY_ID=OTHER[0],
                           AWS_SECRET_ACCESS_KEY=OTHER[1])
    assert "AccessDenied" in out + err
    assert (code, out) != (0, "removed") and "Contents" in rgw.client().list_objects_v2(Bucket=bucket)


# ---- S3, in parts

@pytest.fixture(scope="module")
def large(new_directory):
    """Of five parts, the last of which is short."""
    path = new_directory("large") / "five.parts"
    path.write_bytes(random.Random(3).randbytes((64 << 20) + 12345))
    yield path
    path.unlink()


def uploads(rgw, bucket):
    return rgw.client().list_multipart_uploads(Bucket=bucket).get("Uploads", [])


def test_in_parts(rgw, bucket, write, large):
    store = s3(bucket, rgw)
    assert write(store, "put", "--new", "--encoding", "zstd", "--meta", "pepto-tx=1", "k",
                 large) == STORED
    found = rgw.client().get_object(Bucket=bucket, Key="k")
    assert hashlib.sha256(found["Body"].read()).digest() == \
        hashlib.sha256(large.read_bytes()).digest()
    assert found["ContentEncoding"] == "zstd" and found["Metadata"] == {"pepto-tx": "1"}
    assert found["ETag"].endswith('-5"') and not uploads(rgw, bucket)
    assert write(store, "put", "--new", "k", large) == PRESENT


def test_parts_that_fail(rgw, bucket, write, large, proxy):
    """Each part may be tried again; what fails for good leaves nothing behind."""
    proxy.fault(faults.status(503, "SlowDown"), lambda r: "partNumber" in r.query, times=2)
    assert write(s3(bucket, proxy), "put", "k", large) == STORED
    proxy.fault(faults.status(403, "AccessDenied"), lambda r: r.query.get("partNumber") == "3")
    code, _, err = write(s3(bucket, proxy), "put", "other", large)
    assert code == 1 and "AccessDenied" in err
    code, _, err = write(s3(bucket, rgw), "put", "--sum", hashlib.sha256(b"x").hexdigest(), "third",
                         large)
    assert code == 1 and "changed" in err
    assert not uploads(rgw, bucket)
    assert [each["Key"] for each in rgw.client().list_objects_v2(Bucket=bucket)["Contents"]] == ["k"]


# ---- a directory

@pytest.fixture
def directory(tmp):
    (tmp / "store").mkdir()
    return tmp / "store"


def test_a_directory(directory, write, file):
    store = f"file://{directory}"
    assert write(store, "put", "--new", "a.pdb/K/a.pdb", file) == STORED
    assert write(store, "put", "--new", "A.PDB/k/a.pdb", file) == PRESENT
    assert (directory / "a.pdb/K/a.pdb").read_bytes() == BODY
    assert write(store, "remove", "a.pdb/K/a.pdb", "b") == REMOVED
    assert list(directory.iterdir()) == []
    code, _, err = write(store, "put", "--sum", hashlib.sha256(b"x").hexdigest(), "k", file)
    assert code == 1 and "changed" in err and list(directory.iterdir()) == []


def test_what_a_directory_tells(directory, write, file):
    store = f"file://{directory}"
    assert write(store, "put", ".pepto/tx/1", file) == STORED
    _, out, _ = write(store, "head", ".pepto/tx/1")
    told = dict(line.split(" ", 1) for line in out.splitlines()[:-1])
    assert (told["total"], told["date"], told["tx"]) == (str(len(BODY)), "-1", "")
    modified = int((directory / ".pepto/tx/1").stat().st_mtime)
    assert write(store, "list", ".pepto/tx/")[1].splitlines() == [
        "date -1", f'1 {len(BODY)} {modified} {told["etag"]}', "listed"]


def test_served_at_once(directory, write, file, serve):
    server = serve(stores=f"file://{directory}")
    path = "x.pdb/0123456789ABCDEF0123456789ABCDEF1/x.pdb"
    assert write(f"file://{directory}", "put", path.lower(), file) == STORED
    assert server.fetch("/" + path).body == BODY


def test_writers_and_removers(directory, write, file):
    """Of one folder, at once: whoever puts has put, and what is left is whole."""
    store, came = f"file://{directory}", []

    def work(n):
        for _ in range(5):
            came.append(write(store, "put", f"d/e/{n % 2}", file) == STORED)
            came.append(write(store, "remove", f"d/e/{n % 2}") == REMOVED)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(came) and len(came) == 40
    assert list(directory.iterdir()) == []
