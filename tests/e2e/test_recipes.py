# SPDX-License-Identifier: MIT
"""The recipes for build machines in docs/ci.md, as far as a shell can play the service's part: the commands of each
step run with the variables that its service sets, against a real bucket and a server with an upload door."""

import json
import os
import pathlib
import re
import subprocess

import pytest
import yaml
from botocore.exceptions import ClientError

from conftest import KEYS
from rig import symbols
from rig.client import is_miss
from rig.pace import WAIT
from rig.rgw import OTHER
from rig.server import binary, s3

DOCS = pathlib.Path(__file__).parents[2] / "docs"
TOKEN = "upload-token-1"
# what the service puts in the place of its own expressions, before a shell sees them
SAID = {"${{ secrets.SYMBOLS_KEY_ID }}": KEYS["AWS_ACCESS_KEY_ID"], "${{ secrets.SYMBOLS_SECRET }}": KEYS["AWS_SECRET_ACCESS_KEY"],
        "${{ secrets.SYMBOLS_UPLOAD_TOKEN }}": TOKEN, "${{ secrets.SYMBOLS_NOTIFY_TOKEN }}": "notify-token-1",
        "$(SymbolsKeyId)": KEYS["AWS_ACCESS_KEY_ID"], "$(SymbolsSecret)": KEYS["AWS_SECRET_ACCESS_KEY"],
        "$(SymbolsUploadToken)": TOKEN, "$(Build.BinariesDirectory)": "build", "$(Build.BuildNumber)": "20261130.4"}
# and in the environment
VARIABLES = {"GitHub": {"GITHUB_REF_NAME": "v7", "GITHUB_REPOSITORY": "team/app", "GITHUB_RUN_NUMBER": "12"},
             "Azure": {"BUILD_BUILDNUMBER": "20261130.4", "BUILD_REPOSITORY_NAME": "app"},
             "GitLab": {"CI_PROJECT_PATH": "team/app", "CI_COMMIT_REF_NAME": "main", "CI_PIPELINE_IID": "4"}}


def recipes():
    """(service, its number among those of the service, the text of its YAML)"""
    service, found = None, []
    for heading, text in re.findall(r"^## ([^\n]*)$|^```yaml\n(.*?)^```", (DOCS / "ci.md").read_text(), re.M | re.S):
        if heading:
            service = heading.split()[0]
        else:
            found.append((service, sum(one[0] == service for one in found), text))
    return found


def steps(text):
    """(environment, script) of each step, whichever service's it is."""
    read = yaml.safe_load(text)
    if isinstance(read, dict):
        return [(job.get("variables", {}), "\n".join(job["script"])) for job in read.values()]
    return [(step.get("env", {}), step.get("run") or step["script"]) for step in read]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return symbols.make(tmp_path_factory.mktemp("symbols"))


def machine(tmp, made):
    """A directory with a build in it, and one of programs: ours, and the tar of Windows, which writes zip archives."""
    (tmp / "build").mkdir()
    for role, name in (("pdb", "Foo.pdb"), ("exe", "app.exe"), ("early", "app.dll")):
        (tmp / "build" / name).write_bytes(made[role].data)
    programs = tmp / "programs"
    programs.mkdir()
    (programs / "pepto-symbol").symlink_to(binary())
    (programs / "tar").symlink_to("/usr/bin/bsdtar")
    return programs


@pytest.mark.parametrize("service, number, text", recipes(), ids=lambda v: str(v)[:8])
def test_recipe(service, number, text, rgw, bucket, serve, tmp, made):
    url = s3(bucket, rgw.url, region="us-east-1")
    server = serve(stores=url, UPLOAD_TOKENS=f"ci {TOKEN}", NOTIFY_TOKEN="notify-token-1", **KEYS)
    programs, wanted = machine(tmp, made), f"/Foo.pdb/{made['pdb'].key}/Foo.pdb"
    assert is_miss(server.fetch(wanted))
    for name, value in {**SAID, "s3://my-symbols?region=eu-west-1": url,
                        "https://symbols.example.com": f"http://127.0.0.1:{server.port}"}.items():
        text = text.replace(name, value)
    for environment, script in steps(text):
        done = subprocess.run(
            ["bash", "-e", "-c", script], cwd=tmp, capture_output=True, text=True, timeout=WAIT, check=False,
            env={"PATH": f"{programs}:{os.environ['PATH']}", "HOME": str(tmp), **VARIABLES[service],
                 **(environment if "AWS_ACCESS_KEY_ID" in environment or "TOKEN" in environment else {**KEYS, **environment})})
        assert done.returncode == 0, done.stdout + done.stderr
    told = subprocess.run([binary(), "ls", "--json"], capture_output=True, text=True, check=True, cwd=tmp,
                          env={"STORES": url, "HOME": str(tmp), "PATH": os.environ["PATH"], **KEYS}).stdout
    transaction = json.loads(told.splitlines()[0])
    assert transaction["product"] == "app" and transaction["state"] == "live" and transaction["version"]
    if "NOTIFY" in text or "/-/upload/" in text:
        assert server.fetch(wanted).status == 200, "its misses are forgotten"


def test_each_service_has_one():
    assert {service for service, _, _ in recipes()} == set(VARIABLES)


def test_the_policies(rgw, make_bucket):
    """As they stand in the page: whoever publishes can, and removes nothing; the public sees no plans."""
    policies = [json.loads(text) for text in re.findall(r"^```json\n(.*?)^```", (DOCS / "ci.md").read_text(), re.M | re.S)]
    publisher, public = (p["Statement"] for p in policies if "Statement" in p)
    name = make_bucket()
    for statement in publisher:
        statement["Principal"] = {"AWS": ["arn:aws:iam:::user/other"]}
    rgw.client().put_bucket_policy(Bucket=name, Policy=json.dumps(
        {"Version": "2012-10-17", "Statement": publisher + public}).replace("my-symbols", name))
    build, nobody = rgw.client(OTHER), rgw.client(None)
    for key in ("foo.pdb/ABC1/foo.pdb", ".pepto/tx/1.json"):
        build.put_object(Bucket=name, Key=key, Body=b"x")
    assert build.list_objects_v2(Bucket=name)["KeyCount"] == 2
    upload = build.create_multipart_upload(Bucket=name, Key="large")["UploadId"]
    build.abort_multipart_upload(Bucket=name, Key="large", UploadId=upload)
    assert nobody.get_object(Bucket=name, Key="foo.pdb/ABC1/foo.pdb")["ContentLength"] == 1
    for refused in (lambda: nobody.get_object(Bucket=name, Key=".pepto/tx/1.json"),
                    lambda: nobody.list_objects_v2(Bucket=name),
                    lambda: build.delete_object(Bucket=name, Key=".pepto/tx/1.json")):
        with pytest.raises(ClientError) as error:
            refused()
        assert error.value.response["Error"]["Code"] == "AccessDenied"
