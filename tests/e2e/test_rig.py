# SPDX-License-Identifier: MIT
"""The rig itself: a test that passes because its tools are broken proves nothing. Needs no
program under test."""

import socket

import botocore.exceptions
import pytest

from rig import aws, faults
from rig import rgw as ceph
from rig.client import Client, fetch
from rig.origin import Origin, SymbolServer
from rig.pace import WAIT
from rig.samples import Pattern, body
from rig.server import parse_line
from rig.stage import Gate


def error_of(call, *args, **how):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(*args, **how)
    return caught.value.response["Error"]["Code"]


def test_rgw_refuses_as_aws_does(rgw, bucket, put):
    put("key", b"content")

    def get(who, key="key", url=None):
        return error_of(rgw.client(who, url=url).get_object, Bucket=bucket, Key=key)
    assert get(ceph.OWNER, "missing") == "NoSuchKey"
    assert get((ceph.OWNER[0], "wrong")) == "SignatureDoesNotMatch"
    assert get((ceph.OWNER[0], "wrong"), url=rgw.sts_url) == "AccessDenied", "as it is with STS"
    assert get(("NOBODY", "wrong")) == "InvalidAccessKeyId"
    assert get(None) == get(ceph.OTHER) == "AccessDenied"
    rgw.allow(bucket, "GetObject")
    assert rgw.client(None).get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"
    assert get(None, "missing") == "AccessDenied", "opaque"
    rgw.allow(bucket, "GetObject", "ListBucket", to="other", deny=["denied"])
    put("denied", b"content")
    assert get(ceph.OTHER, "missing") == "NoSuchKey" and get(ceph.OTHER, "denied") == "AccessDenied"


def test_rgw_session_tokens(rgw, bucket, put):
    put("key", b"content")
    access, secret, token = rgw.session_token()
    s3 = rgw.client((access, secret), url=rgw.sts_url, token=token)
    assert s3.get_object(Bucket=bucket, Key="key")["Body"].read() == b"content"
    other = rgw.client((access, secret), url=rgw.sts_url, token=token[:-8] + "AAAAAAA=")
    assert error_of(other.get_object, Bucket=bucket, Key="key")


def test_signatures_hold_through_the_proxy(rgw, bucket, put, proxy):
    put("a b+c#%ü", body(300_000))
    s3 = rgw.client(url=proxy.url)
    assert s3.get_object(Bucket=bucket, Key="a b+c#%ü")["Body"].read() == body(300_000)
    assert error_of(rgw.client((ceph.OWNER[0], "wrong"), url=proxy.url).get_object, Bucket=bucket,
                    Key="x") == "SignatureDoesNotMatch"
    assert proxy.asked("a b+c#%ü")[0].get("Authorization").startswith("AWS4-HMAC-SHA256 ")


@pytest.fixture
def server(stage):
    origin = stage(Origin)
    origin.put("bucket", "key", Pattern(500_000))
    return origin


def test_origin_answers_like_s3(server):
    whole = fetch(server.port, "/bucket/key")
    assert whole.body == body(500_000)
    part = fetch(server.port, "/bucket/key",
                 headers={"Range": "bytes=499990-", "If-Match": whole["ETag"]})
    assert part.status == 206 and part.body == body(500_000)[-10:]
    assert part["Content-Range"] == "bytes 499990-499999/500000"
    assert fetch(server.port, "/bucket/key", headers={"If-Match": '"x"'}).status == 412
    assert fetch(server.port, "/bucket/key", headers={"Range": "bytes=500000-"}).status == 416
    assert fetch(server.port, "/bucket/key", headers={"If-None-Match": whole["ETag"]}).status == 304
    assert b"AccessDenied" in fetch(server.port, "/bucket/missing").body
    assert b"NoSuchBucket" in fetch(server.port, "/other/missing").body
    assert fetch(server.port, "/key",
                 headers={"Host": "bucket.s3.localhost:1"}).body == body(500_000)
    server.region = "eu-west-1"
    assert b"<Region>eu-west-1</Region>" in fetch(server.port, "/bucket/key").body


def test_faults_strike(server):
    def broken(act, patience=WAIT):
        server.fault(act, "key", 1)
        with Client(server.port, patience) as client:
            client.ask("/bucket/key")
            try:
                return client.answer()
            except (ConnectionResetError, AssertionError, TimeoutError) as e:
                return e
    assert broken(faults.status(503, "SlowDown")).status == 503
    assert isinstance(broken(faults.reset()), ConnectionResetError)
    assert isinstance(broken(faults.close()), AssertionError)
    assert isinstance(broken(faults.hang(), 0.3), TimeoutError)
    for act in (faults.cut(100_000), faults.reset_at(100_000)):
        torn = broken(act)
        assert torn.cut and len(torn.body) <= 100_000
        assert torn.body == body(500_000)[:len(torn.body)]
    assert broken(faults.wrong_length(1)).cut
    assert isinstance(broken(faults.stall(100_000), 0.3), TimeoutError)
    edited = broken(faults.edit(lambda response: response.set("ETag", '"other"')))
    assert edited["ETag"] == '"other"'
    assert fetch(server.port, "/bucket/key").body == body(500_000), "struck once each"


def test_gates_hold(server):
    gate = server.hold("key")
    with Client(server.port) as one, Client(server.port) as two, Client(server.port) as other:
        one.ask("/bucket/key")
        two.ask("/bucket/key")
        gate.wait(2)
        assert other.fetch("/bucket/none").status == 403
        gate.release()
        assert one.answer().body == two.answer().body == body(500_000)
    pause = Gate("")
    server.fault(faults.pause_at(100_000, pause), "key", times=1)
    with Client(server.port) as client:
        client.ask("/bucket/key")
        assert client.head().status == 200 and client.read(100_000) == body(500_000)[:100_000]
        pause.wait(1)
        assert not client.closed(0.1) and not client.buffer
        pause.release()
        assert client.read(400_000) == body(500_000)[100_000:]


def test_a_client_that_leaves_is_noticed(server):
    server.put("bucket", "huge", Pattern(1 << 30))
    with Client(server.port) as client:
        client.ask("/bucket/huge")
        client.head()
    server.wait_abandoned(1)


def test_a_stopped_stage_refuses(server):
    server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port), 1)


def test_other_servers(stage):
    upstream = stage(SymbolServer)
    upstream.put("sym/a", b"a")
    upstream.redirects["/sym/b"] = "/sym/a"
    assert fetch(upstream.port, "/sym/a").body == b"a" and fetch(upstream.port,
                                                                 "/sym/b")["Location"] == "/sym/a"
    metadata = stage(aws.Metadata, aws.Keys(("access", "secret")))
    assert fetch(metadata.port, "/latest/meta-data/iam/security-credentials/").status == 401
    token = fetch(metadata.port, "/latest/api/token", "PUT",
                  {"X-aws-ec2-metadata-token-ttl-seconds": "60"}).body.decode()
    role = fetch(metadata.port, "/latest/meta-data/iam/security-credentials/" + aws.ROLE,
                 headers={"X-aws-ec2-metadata-token": token})
    assert b'"access"' in role.body
    container = stage(aws.Container, aws.Keys(("access", "secret", "t")), "token")
    assert fetch(container.port, "/").status == 401
    assert b'"secret"' in fetch(container.port, "/", headers={"Authorization": "token"}).body
    sts = stage(aws.Sts, aws.Keys(("access", "secret")))
    assert b"<AccessKeyId>access<" in fetch(sts.port, "/").body


def test_log_lines_are_read_back():
    line = parse_line(r'time=2026-11-22T12:00:00Z level=info msg=request '
                      r'path="/a \"b\"\u001b\n" status=200 store="s3://b"')
    assert line["path"] == '/a "b"\x1b\n' and line["status"] == "200" and line["store"] == "s3://b"
    assert parse_line('{"msg":"request","status":200}') == {"msg": "request", "status": 200}
    assert parse_line("==1==ERROR: AddressSanitizer: x") == {}
