# SPDX-License-Identifier: MIT
"""Where credentials come from, as the AWS CLI finds them; each source proves itself by a
signature that RGW accepts."""

import pytest

from rig import aws, faults
from rig import rgw as ceph
from rig.client import fetch, is_fault, is_miss
from rig.faultproxy import FaultProxy
from rig.samples import body, path
from rig.server import run, s3, until
from rig.stock import BAR, GONE

FOO = path("foo.pdb").lower()
CONTENT = body(2_000)
ENV = {"AWS_REGION": "us-east-1"}


@pytest.fixture
def private(bucket, put, rgw):
    put(FOO, CONTENT)
    return s3(bucket, rgw)


@pytest.fixture
def private_sts(bucket, put, rgw):
    """The same bucket through the gateway that knows session tokens."""
    put(FOO, CONTENT)
    return s3(bucket, rgw.sts_url)


def reads(server):
    assert until(lambda: server.fetch("/" + FOO).body == CONTENT, what=server.stderr)
    return True


def home(tmp, credentials="", config=""):
    (tmp / ".aws").mkdir()
    for name, text in (("credentials", credentials), ("config", config)):
        if text:
            (tmp / ".aws" / name).write_text(text)
    return tmp


def keys(who):
    return f"aws_access_key_id = {who[0]}\naws_secret_access_key={who[1]}\n"


def test_environment(private, serve):
    assert reads(serve(stores=private, AWS_ACCESS_KEY_ID=ceph.OWNER[0],
                       AWS_SECRET_ACCESS_KEY=ceph.OWNER[1], **ENV))


def test_shared_file(private, tmp, serve):
    home(tmp, f"# ours\n[other]\n{keys(('NO', 'NO'))}\n[default]\n{keys(ceph.OWNER)}")
    assert reads(serve(stores=private, HOME=tmp, **ENV))


@pytest.mark.parametrize("config", [
    "[default]\nendpoint_url = {url}\n",
    "[default]\nservices = here\n[services here]\ns3 =\n    endpoint_url = {url}\n"])
def test_endpoint_of_the_profile(config, origin, tmp, serve):
    """Signed requests of a private service never go to AWS."""
    origin.put("bucket", FOO, CONTENT)
    home(tmp, f"[default]\n{keys(ceph.OWNER)}", config.format(url=origin.url))
    assert reads(serve(S3_BUCKET="bucket", HOME=tmp, **ENV))
    assert all(ceph.OWNER[0] in r.get("Authorization") for r in origin.asked())


def test_profile(private, tmp, serve):
    home(tmp, f"[default]\n{keys(('NO', 'NO'))}\n[builds]\n{keys(ceph.OWNER)}")
    assert reads(serve(stores=private, HOME=tmp, AWS_PROFILE="builds", **ENV))


def test_profile_in_the_config_file_with_its_region(bucket, put, rgw, stage, tmp, serve):
    put(FOO, CONTENT)
    proxy = stage(FaultProxy, rgw.plain)
    home(tmp, config="[default]\nregion = us-east-1\n"
                     f"[profile builds]\nregion = eu-west-9\n{keys(ceph.OWNER)}")
    assert reads(serve(stores=s3(bucket, proxy), HOME=tmp, AWS_PROFILE="builds"))
    assert "/eu-west-9/s3/" in proxy.asked(FOO)[0].get("Authorization")


def test_files_elsewhere(private, tmp, serve):
    (tmp / "creds").write_text(f"[default]\n{keys(ceph.OWNER)}")
    (tmp / "conf").write_text("[default]\nregion=us-east-1\n")
    assert reads(serve(stores=private, AWS_SHARED_CREDENTIALS_FILE=tmp / "creds",
                       AWS_CONFIG_FILE=tmp / "conf"))


def test_environment_goes_before_files(private, tmp, serve):
    home(tmp, f"[default]\n{keys(('NO', 'NO'))}")
    assert reads(serve(stores=private, HOME=tmp, AWS_ACCESS_KEY_ID=ceph.OWNER[0],
                       AWS_SECRET_ACCESS_KEY=ceph.OWNER[1], **ENV))


@pytest.mark.parametrize("settings", [{"AWS_PROFILE": "missing"}, {"AWS_ACCESS_KEY_ID": "HALF"}])
def test_meant_to_be_signed_is_never_asked_unsigned(settings, rgw, bucket, put, proxy, tmp, serve):
    """A profile that is not there, half a key pair: an outage (or a refusal to start), not a
    public bucket."""
    put(FOO, CONTENT)
    rgw.allow(bucket, "GetObject", "ListBucket")
    try:
        server = serve(stores=s3(bucket, proxy), HOME=home(tmp), **settings, **ENV)
    except AssertionError:
        return
    assert is_fault(server.fetch("/" + FOO))
    assert not proxy.asked(FOO)


def test_region_settings(bucket, put, proxy, serve):
    put(FOO, CONTENT)
    owner = {"AWS_ACCESS_KEY_ID": ceph.OWNER[0], "AWS_SECRET_ACCESS_KEY": ceph.OWNER[1]}
    for settings, options, region in (({"AWS_DEFAULT_REGION": "eu-a-1"}, {}, "eu-a-1"),
                                      ({"AWS_REGION": "eu-b-1", "AWS_DEFAULT_REGION": "eu-a-1"}, {},
                                       "eu-b-1"),
                                      ({"AWS_REGION": "eu-b-1"}, {"region": "eu-c-1"}, "eu-c-1"),
                                      ({}, {}, "us-east-1")):
        proxy.forget()
        assert reads(serve(stores=s3(bucket, proxy, **options), **owner, **settings))
        assert f"/{region}/s3/" in proxy.asked(FOO)[0].get("Authorization")


def test_endpoint_settings(bucket, put, rgw, proxy, serve):
    put(FOO, CONTENT)
    owner = {"AWS_ACCESS_KEY_ID": ceph.OWNER[0], "AWS_SECRET_ACCESS_KEY": ceph.OWNER[1], **ENV}
    assert reads(serve(stores=f"s3://{bucket}", AWS_ENDPOINT_URL=proxy.url, **owner))
    assert reads(serve(stores=f"s3://{bucket}", AWS_ENDPOINT_URL="http://127.0.0.1:9",
                       AWS_ENDPOINT_URL_S3=proxy.url, **owner))
    assert reads(serve(stores=s3(bucket, rgw), AWS_ENDPOINT_URL_S3="http://127.0.0.1:9", **owner))


# over the network

@pytest.fixture
def temporary(rgw):
    return aws.Keys(rgw.session_token())


def test_web_identity(private_sts, temporary, stage, tmp, serve):
    sts = stage(aws.Sts, temporary)
    (tmp / "token").write_text("header.payload.signature")
    server = serve(stores=private_sts, AWS_WEB_IDENTITY_TOKEN_FILE=tmp / "token",
                   AWS_ROLE_ARN=f"arn:aws:iam::0:role/{aws.ROLE}",
                   AWS_ROLE_SESSION_NAME="e2e", AWS_ENDPOINT_URL_STS=sts.url, **ENV)
    assert reads(server)
    asked = sts.asked()[0]
    sent = asked.target + asked.body.decode()
    for part in ("AssumeRoleWithWebIdentity", "header.payload.signature", "RoleSessionName=e2e"):
        assert part in sent
    assert asked.get("Authorization") is None
    assert "payload" not in server.stderr() and temporary.secret not in server.stderr()


@pytest.mark.parametrize("token_from", ["variable", "file", "none"])
def test_container(token_from, private_sts, temporary, stage, tmp, serve):
    token = None if token_from == "none" else "Basic container-token"
    container = stage(aws.Container, temporary, token)
    settings = {}
    if token_from == "variable":
        settings["AWS_CONTAINER_AUTHORIZATION_TOKEN"] = token
    if token_from == "file":
        (tmp / "token").write_text(token)
        settings["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = tmp / "token"
    server = serve(stores=private_sts,
                   AWS_CONTAINER_CREDENTIALS_FULL_URI=container.url + "/v1/credentials", **settings,
                   **ENV)
    assert reads(server)
    assert [r.path for r in container.asked()][:1] == ["/v1/credentials"]
    assert "container-token" not in server.stderr()


@pytest.mark.parametrize("address",
                         ["http://192.0.2.1/creds", "http://symbols.example/creds",
                          "ftp://127.0.0.1/creds", "http://169.254.1.1/x"])
def test_container_elsewhere_is_refused(address, private, tmp):
    """Plain http only to loopback and the addresses AWS uses: else credentials could be
    anybody's."""
    code, _, err = run(tmp, "serve", STORES=private, AWS_CONTAINER_CREDENTIALS_FULL_URI=address,
                       **ENV)
    assert code == 2 and "AWS_CONTAINER_CREDENTIALS_FULL_URI" in err, err


def test_instance_metadata(private_sts, temporary, stage, serve):
    metadata = stage(aws.Metadata, temporary)
    server = serve(stores=private_sts, AWS_EC2_METADATA_DISABLED=None,
                   AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url, **ENV)
    assert reads(server)
    assert [r.method for r in metadata.asked("/latest/api/token")][:1] == ["PUT"]
    assert temporary.secret not in server.stderr() and aws.Metadata.TOKEN not in server.stderr()


def test_instance_metadata_that_hangs(bucket, put, rgw, stage, serve):
    """One try, one second; then there are no credentials, and a public bucket is read unsigned."""
    put(FOO, CONTENT)
    rgw.allow(bucket, "GetObject")
    metadata = stage(aws.Metadata, aws.Keys(("a", "b")))
    metadata.fault(faults.hang())
    server = serve(stores=s3(bucket, rgw), AWS_EC2_METADATA_DISABLED=None,
                   AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url, **ENV)
    assert server.fetch("/healthz").status == 200
    assert reads(server)
    assert len(metadata.asked()) <= 2


@pytest.mark.row("C19")
def test_refresh_before_the_end(private_sts, temporary, stage, serve):
    """Nearly expired: fetched again in the background, while requests go on with what is still
    valid."""
    temporary.life = 120
    container = stage(aws.Container, temporary)
    gate = container.hold(lambda request: request.number > 0)
    server = serve(stores=private_sts, AWS_CONTAINER_CREDENTIALS_FULL_URI=container.url + "/c",
                   **ENV)
    assert reads(server)
    gate.wait(1)
    for _ in range(5):
        assert fetch(server.port, "/" + FOO).body == CONTENT, "not in the path of a request"
    temporary.life = 3600
    gate.release()
    until(lambda: server.metrics()["pepto_credentials_refreshed_total", ""] >= 2)
    assert reads(server)


@pytest.mark.row("C19")
def test_refresh_that_fails(private_sts, temporary, stage, serve):
    """Tried again; what is still valid goes on being used."""
    temporary.life = 120
    container = stage(aws.Container, temporary)
    container.fault(faults.status(500), lambda request: request.number > 0)
    server = serve(stores=private_sts, AWS_CONTAINER_CREDENTIALS_FULL_URI=container.url + "/c",
                   **ENV)
    assert reads(server)
    until(lambda: server.metrics()["pepto_credentials_failed_total", ""] >= 1)
    assert server.fetch("/" + FOO).body == CONTENT


@pytest.mark.row("C19")
def test_credentials_that_come_late(private_sts, temporary, stage, serve):
    """The endpoint is down at start: 503, never unsigned requests; then it is up."""
    container = stage(aws.Container, temporary)
    fault = container.fault(faults.status(503))
    server = serve(stores=private_sts, AWS_CONTAINER_CREDENTIALS_FULL_URI=container.url + "/c",
                   **ENV)
    assert is_fault(server.fetch("/" + FOO))
    assert fault.struck >= 1
    container.heal()
    assert until(lambda: server.fetch("/" + FOO).body == CONTENT)


@pytest.mark.row("C19")
def test_rejected_token_is_fetched_again(bucket, put, rgw, stage, temporary, serve):
    """ExpiredToken although it should be valid: an outage at first, credentials anew, then all is
    well."""
    put(FOO, CONTENT)
    put(BAR, CONTENT)
    through = stage(FaultProxy, rgw.sts)
    container = stage(aws.Container, temporary)
    server = serve(stores=s3(bucket, through),
                   AWS_CONTAINER_CREDENTIALS_FULL_URI=container.url + "/c", **ENV)
    assert reads(server)
    through.fault(faults.status(400, "ExpiredToken"), BAR)
    before = len(container.asked())
    until(lambda: is_fault(server.fetch("/" + BAR)) and len(container.asked()) > before)
    through.heal()
    assert server.fetch("/" + BAR).body == CONTENT
    assert until(lambda: server.fetch("/" + FOO).body == CONTENT)


def test_credentials_that_come_after_the_start_are_used(rgw, make_bucket, stage, serve):
    """The metadata service is silent at first; then requests are signed, and what 403 means is
    found out anew."""
    name = make_bucket()
    rgw.client().put_object(Bucket=name, Key=FOO, Body=body(5_000))
    gateway = stage(FaultProxy, rgw.sts)
    metadata = stage(aws.Metadata, aws.Keys(rgw.session_token()))
    metadata.fault(faults.hang())
    server = serve(stores=s3(name, gateway), AWS_REGION="us-east-1",
                   AWS_EC2_METADATA_DISABLED=None, AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.url)
    assert is_miss(server.fetch("/" + FOO)), "unsigned, the bucket denies what there is"
    metadata.heal()
    until(lambda: server.fetch("/" + FOO).body == body(5_000))
    assert is_miss(server.fetch("/" + GONE))
    gateway.fault(faults.status(403, "AccessDenied"), BAR)
    assert is_fault(server.fetch("/" + BAR)), "the owner may list: no longer an opaque bucket"
