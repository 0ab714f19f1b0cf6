# SPDX-License-Identifier: MIT
"""A real S3 that verifies signatures and policies: private, public and unlistable buckets,
addresses, keys."""

import concurrent.futures
import gzip
from urllib.parse import quote

import pytest

from conftest import KEYS
from rig import faults
from rig import rgw as ceph
from rig.client import fetch, is_fault, is_miss
from rig.faultproxy import FaultProxy
from rig.layouts import zstd
from rig.pace import IMPATIENT
from rig.samples import BUILD_ID, KEY, body, path
from rig.server import s3, until

LOWER = path("foo.pdb", KEY).lower()


@pytest.mark.row("C01")
@pytest.mark.both_ways
def test_private_bucket(rgw, bucket, put, serve):
    content = put(LOWER, body(100_000), ContentType="application/x-something")
    server = serve(stores=s3(bucket, rgw), **KEYS)
    answer = server.fetch("/" + path("foo.pdb"))
    stored = rgw.client().head_object(Bucket=bucket, Key=LOWER)
    assert answer.status == 200 and answer.body == content
    assert answer["Content-Type"] == "application/octet-stream"
    assert answer["Content-Length"] == "100000"
    assert answer["ETag"] == stored["ETag"]
    assert answer["Last-Modified"] == stored["ResponseMetadata"]["HTTPHeaders"]["last-modified"]
    assert answer["Accept-Ranges"] == "bytes"
    assert answer["Content-Encoding"] is None
    assert is_miss(server.fetch("/" + path("bar.pdb")))
    found = server.wait_log(msg="request", outcome="found")
    assert found["store"] == f"s3://{bucket}/" or found["store"] == f"s3://{bucket}"
    assert found["bytes"] == "100000" and found["status"] == "200" and found["method"] == "GET"


def test_the_short_form(rgw, bucket, put, serve):
    """S3_BUCKET, PATH_PREFIX and PORT: the original's settings, here for a service that is not
    AWS."""
    put("some/prefix/" + LOWER, b"prefixed")
    server = serve(S3_BUCKET=bucket, PATH_PREFIX="some/prefix/", AWS_ENDPOINT_URL_S3=rgw.url,
                   **KEYS)
    assert server.fetch("/" + path("foo.pdb")).body == b"prefixed"


@pytest.mark.parametrize("prefix", ["some/prefix", "some/prefix/", "/some/prefix"])
def test_the_slashes_of_a_prefix_do_not_matter(prefix, rgw, bucket, put, serve):
    put("some/prefix/" + LOWER, b"prefixed")
    server = serve(S3_BUCKET=bucket, PATH_PREFIX=prefix, AWS_ENDPOINT_URL=rgw.url, **KEYS)
    assert server.fetch("/" + path("foo.pdb")).body == b"prefixed"


def test_a_prefix_keeps_its_case(rgw, bucket, put, serve):
    put("Builds/Symbols/" + LOWER, b"prefixed")
    server = serve(stores=s3(bucket, rgw, "Builds/Symbols"), **KEYS)
    assert server.fetch("/" + path("foo.pdb")).body == b"prefixed"


@pytest.mark.parametrize("access_key, code", [(ceph.OWNER[0], "SignatureDoesNotMatch"),
                                              ("NOSUCHACCESSKEY00001", "InvalidAccessKeyId")])
def test_wrong_credentials_are_an_outage_with_a_reason(access_key, code, rgw, bucket, put, serve):
    """A miss is an outage, too: there is no proof of absence without valid credentials."""
    put(LOWER, b"private")
    server = serve(stores=s3(bucket, rgw), AWS_ACCESS_KEY_ID=access_key,
                   AWS_SECRET_ACCESS_KEY="pssst-pssst", AWS_REGION="us-east-1")
    assert is_fault(server.fetch("/" + path("foo.pdb")))
    assert is_fault(server.fetch("/" + path("missing.pdb")))
    assert code in server.stderr() and "pssst" not in server.stderr()


@pytest.mark.row("C02")
def test_public_bucket_that_nobody_may_list(rgw, bucket, put, proxy, serve):
    """The original's case: S3 answers 403 for what is missing, and one 403 would end the
    session's store."""
    put(LOWER, b"public")
    rgw.allow(bucket, "GetObject")
    server = serve(stores=s3(bucket, proxy))
    assert server.fetch("/" + path("foo.pdb")).body == b"public"
    for last in ("gone.pdb", "gone.pd_", "file.ptr"):
        assert is_miss(server.fetch("/" + path("gone.pdb", KEY, last)))
    assert all(r.get("Authorization") is None for r in proxy.asked())


def test_anonymous_although_there_are_credentials(rgw, bucket, put, proxy, serve):
    put(LOWER, b"public")
    rgw.allow(bucket, "GetObject")
    server = serve(stores=s3(bucket, proxy, anonymous="true"), **KEYS)
    assert server.fetch("/" + path("foo.pdb")).body == b"public"
    assert all(r.get("Authorization") is None for r in proxy.asked())


def test_public_bucket_that_everybody_may_list(rgw, bucket, put, serve):
    put(LOWER, b"public")
    rgw.allow(bucket, "GetObject", "ListBucket")
    server = serve(stores=s3(bucket, rgw))
    assert server.fetch("/" + path("foo.pdb")).body == b"public"
    assert is_miss(server.fetch("/" + path("gone.pdb")))


def other(**more):
    return {"AWS_ACCESS_KEY_ID": ceph.OTHER[0], "AWS_SECRET_ACCESS_KEY": ceph.OTHER[1],
            "AWS_REGION": "us-east-1", **more}


def test_signed_reader_without_the_right_to_list(rgw, bucket, put, serve):
    put(LOWER, b"shared")
    rgw.allow(bucket, "GetObject", to="other")
    server = serve(stores=s3(bucket, rgw), **other())
    assert server.fetch("/" + path("foo.pdb")).body == b"shared"
    assert is_miss(server.fetch("/" + path("gone.pdb")))


def test_opaque_store_that_never_gives_anything_is_doubted_once(rgw, bucket, serve):
    """Twenty denials and no hit: perhaps it is the credentials, or the policy, after all."""
    server = serve(stores=s3(bucket, rgw), **other())
    for n in range(30):
        assert is_miss(server.fetch("/" + path(f"gone{n}.pdb").lower()))
    doubts = server.log(level="warn")
    assert len(doubts) == 1 and "policy" in doubts[0]["msg"], doubts


def test_one_forbidden_key_in_a_listable_bucket_is_not_a_miss(rgw, bucket, put, serve):
    """An exact store says 403 only when the file may not be read: an outage to the client, never
    a 404."""
    secret = path("secret.pdb").lower()
    put(secret, b"denied")
    put(LOWER, b"shared")
    rgw.allow(bucket, "GetObject", "ListBucket", to="other", deny=[secret])
    server = serve(stores=s3(bucket, rgw), **other())
    assert is_fault(server.fetch("/" + path("secret.pdb")))
    assert server.fetch("/" + path("foo.pdb")).status == 200
    assert is_miss(server.fetch("/" + path("gone.pdb")))


def test_policy_turns_exact_into_opaque(rgw, bucket, put, serve):
    """The right to list is taken away while we run: misses become 403. That they are misses is clear
    once a key that was given before is given again."""
    put(LOWER, b"shared")
    rgw.allow(bucket, "GetObject", "ListBucket", to="other")
    server = serve(stores=s3(bucket, rgw), **other())
    assert is_miss(server.fetch("/" + path("gone.pdb")))
    assert server.fetch("/" + path("foo.pdb")).body == b"shared"
    rgw.allow(bucket, "GetObject", to="other")
    seen = []

    def settled():
        answer = server.fetch("/" + path(f"gone{len(seen)}.pdb"))
        seen.append(answer.status)
        return len(seen) > 3 and answer.status == 404 and is_miss(answer)
    until(settled, 60, "404 again")
    assert set(seen) <= {404, 503}
    assert server.fetch("/" + path("foo.pdb")).body == b"shared"


def test_a_store_that_denies_everything_has_no_misses(origin, serve):
    """It told misses before: what it says now is taken for a fault, and nothing is remembered."""
    origin.put("one", LOWER, b"shared")
    origin.listable = True
    server = serve(stores=s3("one", origin), MISS_TTL="1h")
    assert server.fetch("/" + path("foo.pdb")).body == b"shared"
    assert is_miss(server.fetch("/" + path("gone.pdb")))
    origin.put("one", path("new.pdb").lower(), b"new")
    origin.fault(faults.status(403, "AccessDenied"))
    for name in ("new.pdb", "gone2.pdb", "gone3.pdb"):
        assert is_fault(server.fetch("/" + path(name)))
    server.wait_log(60, level="warn", msg=lambda text: "denies every key" in text)
    origin.heal()
    until(lambda: server.fetch("/" + path("new.pdb")).body == b"new", 60)
    assert is_miss(server.fetch("/" + path("gone2.pdb")))
    assert len(server.log(level="warn", msg=lambda text: "denies every key" in text)) == 1

def test_missing_bucket_is_an_outage(rgw, serve):
    server = serve(stores=s3("e2e-no-such-bucket", rgw), **KEYS)
    assert is_fault(server.fetch("/" + path("foo.pdb")))
    assert "NoSuchBucket" in server.stderr()


def test_path_style_and_virtual_host_style(rgw, bucket, put, proxy, serve):
    put(LOWER, b"either way")
    at = f"http://s3.localhost:{proxy.port}"
    by_path = serve(stores=s3(bucket, at), **KEYS)
    assert by_path.fetch("/" + LOWER).body == b"either way"
    asked = proxy.asked(LOWER)[0]
    assert asked.get("Host") == f"s3.localhost:{proxy.port}"
    assert asked.target == f"/{bucket}/{LOWER}"
    proxy.forget()
    by_host = serve(stores=s3(bucket, at, style="virtual"), **KEYS)
    assert by_host.fetch("/" + LOWER).body == b"either way"
    assert is_miss(by_host.fetch("/" + path("gone.pdb")))
    asked = proxy.asked(LOWER)[0]
    assert asked.get("Host") == f"{bucket}.s3.localhost:{proxy.port}"
    assert asked.target == f"/{LOWER}"


def test_https_with_its_authority(rgw, bucket, put, authority, serve):
    put(LOWER, b"over tls")
    for style, host in (("path", "127.0.0.1"), ("virtual", "s3.localhost")):
        server = serve(stores=s3(bucket, f"https://{host}:{rgw.plain_tls}", style=style),
                       AWS_CA_BUNDLE=authority[0], **KEYS)
        assert server.fetch("/" + path("foo.pdb")).body == b"over tls"


def test_https_with_an_unknown_authority_is_an_outage(rgw, bucket, put, serve):
    put(LOWER, b"over tls")
    server = serve(stores=s3(bucket, f"https://127.0.0.1:{rgw.plain_tls}"), **KEYS)
    assert is_fault(server.fetch("/" + path("foo.pdb")))
    assert "certificate" in server.stderr().lower()


@pytest.mark.row("C77")
def test_bucket_with_dots_over_tls_goes_by_path(rgw, make_bucket, authority, serve):
    """`*.s3.localhost` does not cover a.b.s3.localhost: its certificate could not be verified."""
    dotted = make_bucket("e2e.with.dots")
    rgw.client().put_object(Bucket=dotted, Key=LOWER, Body=b"dotted")
    server = serve(stores=s3(dotted, f"https://s3.localhost:{rgw.plain_tls}"),
                   AWS_CA_BUNDLE=authority[0], **KEYS)
    assert server.fetch("/" + path("foo.pdb")).body == b"dotted"


def test_session_token(rgw, bucket, put, serve):
    put(LOWER, b"for a while")
    access, secret, token = rgw.session_token()
    keys = {"AWS_ACCESS_KEY_ID": access, "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": "us-east-1"}
    server = serve(stores=s3(bucket, rgw.sts_url), AWS_SESSION_TOKEN=token, **keys)
    assert server.fetch("/" + path("foo.pdb")).body == b"for a while"
    assert is_miss(server.fetch("/" + path("gone.pdb")))
    assert token not in server.stderr()


ODD_NAMES = ["my app.pdb", "c++rt.pdb", "a#b.pdb", "100%.pdb", "a%41b.pdb", "grün.pdb", "日本語.pdb",
             "a~b(1)!'*.pdb",
             "a?b=c&d.pdb", "semi;colon,comma@at$.pdb", "[brackets]{braces}^`|.pdb", 'quote".pdb',
             "<angle>.pdb",
             "trailing space .pdb", "emoji😀.pdb", "_.debug", "..pdb", "a..b.pdb", "...",
             "x=y:z.pdb"]


@pytest.mark.row("C78")
def test_every_key_survives_signing(rgw, bucket, put, serve):
    for name in ODD_NAMES:
        put(path(name).lower(), name.encode())
    server = serve(stores=s3(bucket, rgw), SERVE_ANY_PATH="on", **KEYS)
    with server.connect() as client:
        got = {name: client.fetch("/" + quote(path(name))).body for name in ODD_NAMES}
    assert got == {name: name.encode() for name in ODD_NAMES}


@pytest.mark.row("C09", "C10")
@pytest.mark.both_ways
def test_other_case_asks_lower_and_as_asked_both_at_once(rgw, bucket, put, proxy, serve):
    put(LOWER, b"lower")
    server = serve(stores=s3(bucket, proxy), **KEYS)
    gate = proxy.hold("/foo.pdb")
    gate2 = proxy.hold("/FOO.PDB")
    with server.connect() as client:
        client.ask("/" + path("FOO.PDB", KEY.upper()))
        gate.wait(1)
        gate2.wait(1)
        proxy.heal()
        assert client.answer().body == b"lower"


@pytest.mark.parametrize("case, request_path, keys", [
    ("both", path("Foo.pdb"), [LOWER, path("Foo.pdb")]),
    ("both", LOWER, [LOWER]),
    ("lower", path("Foo.pdb"), [LOWER]),
    ("asked", path("Foo.pdb"), [path("Foo.pdb")]),
])
def test_which_keys_are_asked(case, request_path, keys, rgw, bucket, proxy, serve):
    server = serve(stores=s3(bucket, proxy, case=case), **KEYS)
    assert is_miss(server.fetch("/" + request_path))
    asked = sorted(r.path for r in proxy.asked(lambda r: r.path.lower().endswith("/foo.pdb")))
    assert asked == sorted(f"/{bucket}/{key}" for key in keys)


def test_lower_case_goes_before_as_asked(rgw, bucket, put, serve):
    put(LOWER, b"lower")
    put(path("Foo.pdb"), b"as asked")
    put(path("Bar.pdb"), b"only as asked")
    server = serve(stores=s3(bucket, rgw), **KEYS)
    assert server.fetch("/" + path("Foo.pdb")).body == b"lower"
    assert server.fetch("/" + path("Bar.pdb")).body == b"only as asked"


@pytest.mark.row("C44", "C50")
def test_an_empty_object_is_a_miss(rgw, bucket, put, serve):
    put(LOWER, b"")
    server = serve(stores=s3(bucket, rgw), **KEYS)
    assert is_miss(server.fetch("/" + path("foo.pdb")))
    assert is_miss(server.fetch("/" + path("foo.pdb"), headers={"Range": "bytes=0-134217727"}))
    assert server.fetch("/" + path("foo.pdb"), "HEAD").status == 404


@pytest.mark.row("C16", "C46")
@pytest.mark.both_ways
def test_encoded_object_is_decoded_for_who_does_not_accept_it(rgw, bucket, put, serve):
    """It was an outage to those before there were decoders."""
    packed = put(LOWER, gzip.compress(body(10_000)), ContentEncoding="gzip")
    server = serve(stores=s3(bucket, rgw), **KEYS)
    plain = body(10_000)
    for accepts, content, encoding in (("gzip", packed, "gzip"), ("GZIP;q=0.5", packed, "gzip"),
                                       ("br, deflate, gzip, zstd", packed, "gzip"),
                                       (None, plain, None), ("identity", plain, None),
                                       ("br, zstd", plain, None), ("gzip;q=0", plain, None)):
        answer = server.fetch("/" + path("foo.pdb"), headers={"Accept-Encoding": accepts})
        assert answer.status == 200 and answer.body == content, accepts
        assert answer["Content-Encoding"] == encoding and answer["Vary"] == "Accept-Encoding"
    assert server.metrics()["pepto_store_encoded_total", ""] == 0


@pytest.mark.row("C46")
@pytest.mark.both_ways
@pytest.mark.parametrize("accepts", [None, "gzip", "zstd", "br"])
def test_encodings_nobody_asked_for_are_not_sent(accepts, rgw, bucket, put, serve):
    """zstd is undone for everybody, also for who would accept it; what nobody here can undo is an
    outage, for who would accept it, too."""
    headers = {"Accept-Encoding": accepts}
    put(LOWER, zstd(body(10_000)), ContentEncoding="zstd")
    put(path("bar.pdb").lower(), b"brotli bytes", ContentEncoding="br")
    server = serve(stores=s3(bucket, rgw), **KEYS)
    answer = server.fetch("/" + path("foo.pdb"), headers=headers)
    assert answer.body == body(10_000) and answer["Content-Encoding"] is None
    assert is_fault(server.fetch("/" + path("bar.pdb"), headers=headers))
    assert server.metrics()["pepto_store_encoded_total", ""] >= 1
    server.wait_log(msg="store failed", error=lambda e: "Content-Encoding 'br'" in e)


def test_stray_aws_chunked_is_not_an_encoding(rgw, bucket, put, serve):
    """Some uploaders store `aws-chunked` in the metadata (protocol 6.5)."""
    put(LOWER, b"plain", ContentEncoding="aws-chunked")
    server = serve(stores=s3(bucket, rgw), **KEYS)
    answer = server.fetch("/" + path("foo.pdb"))
    assert answer.status == 200 and answer.body == b"plain" and answer["Content-Encoding"] is None


def test_multipart_object(rgw, bucket, serve):
    """Its ETag is not an MD5 but `...-2`: passed on as it is."""
    client, parts = rgw.client(), [body(5 << 20, 1), body(1 << 20, 2)]
    which = {"Bucket": bucket, "Key": LOWER}
    which["UploadId"] = client.create_multipart_upload(**which)["UploadId"]
    done = [{"PartNumber": n, "ETag": client.upload_part(PartNumber=n, Body=part, **which)["ETag"]}
            for n, part in enumerate(parts, 1)]
    client.complete_multipart_upload(MultipartUpload={"Parts": done}, **which)
    answer = serve(stores=s3(bucket, rgw), **KEYS).fetch("/" + path("foo.pdb"))
    assert answer.body == b"".join(parts)
    assert answer["ETag"].endswith('-2"')


@pytest.mark.row("C47", "C48", "C72")
@pytest.mark.both_ways
def test_ranges_of_a_real_s3(rgw, bucket, put, serve):
    content = put(LOWER, body(100_000))
    server = serve(stores=s3(bucket, rgw), **KEYS)
    for asked, first, last in (("0-0", 0, 0), ("99999-", 99_999, 99_999), ("-5", 99_995, 99_999),
                               ("0-134217727", 0, 99_999), ("50000-59999", 50_000, 59_999)):
        answer = server.fetch("/" + path("foo.pdb"), headers={"Range": f"bytes={asked}"})
        assert answer.status == 206 and answer.body == content[first:last + 1], asked
        assert answer["Content-Range"] == f"bytes {first}-{last}/100000"
    answer = server.fetch("/" + path("foo.pdb"), headers={"Range": "bytes=100000-"})
    assert answer.status == 416 and answer["Content-Range"] == "bytes */100000"
    assert is_miss(server.fetch("/" + path("gone.pdb"), headers={"Range": "bytes=0-9"}))


@pytest.mark.row("C35", "C36")
def test_symbol_shapes_of_a_private_bucket(rgw, bucket, put, serve):
    """Without SERVE_ANY_PATH a signed store gives out what looks like a symbol (design rule 10)."""
    padded = "180a373d6afbabf0eb1f09be1bc45bd7" + "00000000"
    shapes = ["foo.exe/5617d4fe8000/foo.exe",
              "vc140.pdb/a54661fe22a74c50a4763d4f2f6ebcd1/vc140.pdb",
              f"_.debug/elf-buildid-sym-{padded}/_.debug",
              f"libc.so.6/elf-buildid-{BUILD_ID}/libc.so.6",
              "_.dwarf/mach-uuid-sym-c9a61dddd7e44353a668e39ac614a7ea/_.dwarf",
              "main.cs/sha1-180a373d6afbabf0eb1f09be1bc45bd796a71085/main.cs",
              "foo.pdb/c9a61dddd7e44353a668e39ac614a7eaa/foo.sym",
              "foo.pdb/c9a61dddd7e44353a668e39ac614a7eaa/foo.pd_",
              "foo.pdb/c9a61dddd7e44353a668e39ac614a7eaa/file.ptr"]
    for shape in shapes:
        put(shape, shape.encode())
    for hidden in ("000admin/server.txt", "000Admin/server.txt", "readme.txt",
                   "foo.pdb/" + KEY.lower() + "/refs.ptr",
                   "backup/database.dump"):
        put(hidden, b"not for everybody")
    server = serve(stores=s3(bucket, rgw), **KEYS)
    for shape in shapes:
        assert server.fetch("/" + shape).body == shape.encode(), shape
    for hidden in ("000admin/server.txt", "000Admin/server.txt", "readme.txt",
                   f"foo.pdb/{KEY}/refs.ptr", "backup/database.dump"):
        assert is_miss(server.fetch("/" + hidden)), hidden
    lifted = serve(stores=s3(bucket, rgw), SERVE_ANY_PATH="on", **KEYS)
    for hidden in ("000Admin/server.txt", "readme.txt", "backup/database.dump"):
        assert lifted.fetch("/" + hidden).body == b"not for everybody", hidden


def test_unsigned_store_serves_any_path(rgw, bucket, put, serve):
    put("readme.txt", b"public")
    put("some/deep/path/x.bin", b"deep")
    rgw.allow(bucket, "GetObject")
    server = serve(stores=s3(bucket, rgw))
    assert server.fetch("/readme.txt").body == b"public"
    assert server.fetch("/some/deep/path/x.bin").body == b"deep"


@pytest.mark.row("C21")
def test_pointer_file_passes_unchanged(rgw, bucket, put, serve):
    pointer = put(path("foo.pdb", KEY, "file.ptr").lower(), b"PATH:\\\\fileserver\\drop\\foo.pdb")
    server = serve(stores=s3(bucket, rgw), **KEYS)
    answer = server.fetch("/" + path("foo.pdb", KEY, "file.ptr"))
    assert answer.body == pointer and answer["Content-Length"] == str(len(pointer))
    assert answer["Content-Type"] in ("application/octet-stream", "text/plain")


@pytest.mark.row("C04")
def test_compressed_name_asked_first_and_only_plain_stored(rgw, bucket, put, serve):
    put(LOWER, b"plain")
    server = serve(stores=s3(bucket, rgw), **KEYS)
    with server.connect() as client:
        assert is_miss(client.fetch("/" + path("foo.pdb", KEY, "foo.pd_")))
        assert client.fetch("/" + path("foo.pdb")).body == b"plain"


@pytest.mark.tsan
def test_many_at_once(rgw, bucket, put, serve):
    """Hits, misses and empty objects over many connections; each answer belongs to its request."""
    for n in range(16):
        put(path(f"m{n}.pdb").lower(), body(30_000 + n, n))
    server = serve(stores=s3(bucket, rgw), THREADS=4, **KEYS)

    def session(k):
        with server.connect() as client:
            for n in range(16):
                n = (n + k) % 16
                assert client.fetch("/" + path(f"m{n}.pdb")).body == body(30_000 + n, n)
                assert is_miss(client.fetch("/" + path(f"none{n}.pdb")))
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        list(pool.map(session, range(32)))


@pytest.mark.both_ways
def test_a_second_gateway_is_reached_after_the_first(rgw, bucket, put, stage, serve):
    """Stores are asked in order, a miss moves on."""
    put(LOWER, b"second")
    first, second = stage(FaultProxy, rgw.plain), stage(FaultProxy, rgw.plain)
    rgw.client().create_bucket(Bucket=bucket + "-1")
    server = serve(stores=[s3(bucket + "-1", first), s3(bucket, second)], **KEYS)
    assert fetch(server.port, "/" + path("foo.pdb")).body == b"second"
    def plain(request):
        return request.path.endswith("/foo.pdb")
    assert len(first.asked(plain)) == 2 and 1 <= len(second.asked(plain)) <= 2


def test_two_tier_store_whose_index2_cannot_be_read(origin, serve):
    """Until index2.txt was looked for, both layouts are."""
    origin.put("two", f"fo/{LOWER}", b"two-tier")
    origin.put("two", "index2.txt", b"")
    origin.fault(faults.status(500, "InternalError"), "index2.txt")
    server = serve(stores=s3("two", origin), **IMPATIENT)
    assert server.fetch("/" + LOWER).body == b"two-tier"
