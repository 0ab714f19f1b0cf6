# SPDX-License-Identifier: MIT
"""The services that hand out AWS credentials: instance metadata, the container endpoint, STS.

They hand out what a test gives them, usually keys that RGW really knows, so that a request signed
with them proves the whole way. Formats as in the AWS guides ("Retrieve security credentials from
instance metadata", "IAM roles for tasks") and the STS API reference (AssumeRoleWithWebIdentity).
"""

import datetime
import json

from .stage import Stage
from .wire import Response

ROLE = "e2e-role"


def stamp(seconds):
    """A time as AWS writes it, so many seconds from now."""
    then = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return then.strftime("%Y-%m-%dT%H:%M:%SZ")


class Keys:
    """What to hand out: (access key, secret[, token]) and a life in seconds, counted from each
    answer."""

    def __init__(self, keys, life=3600):
        self.access, self.secret, self.token = (*keys, "")[:3]
        self.life = life

    def json(self):
        return {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": self.access,
                "SecretAccessKey": self.secret,
                "Token": self.token, "Expiration": stamp(self.life), "LastUpdated": stamp(0)}


class Container(Stage):
    """ECS, EKS: a GET with the token of AWS_CONTAINER_AUTHORIZATION_TOKEN(_FILE) in
    Authorization."""

    def __init__(self, keys, token=None):
        super().__init__()
        self.keys, self.token = keys, token

    def answer(self, request):
        if request.get("Authorization") != self.token:
            return Response(401)
        return Response(200, [("Content-Type", "application/json")],
                        json.dumps(self.keys.json()).encode())


class Metadata(Stage):
    """EC2, version 2: a PUT gives a token, without which nothing is read."""

    TOKEN = "e2e-metadata-token"

    def __init__(self, keys):
        super().__init__()
        self.keys = keys

    def answer(self, request):
        if request.path == "/latest/api/token":
            if request.method != "PUT" or not request.get("X-aws-ec2-metadata-token-ttl-seconds"):
                return Response(400)
            return Response(200, [("X-aws-ec2-metadata-token-ttl-seconds", "21600")],
                            self.TOKEN.encode())
        if request.get("X-aws-ec2-metadata-token") != self.TOKEN:
            return Response(401)
        roles = "/latest/meta-data/iam/security-credentials/"
        if request.path == roles:
            return Response(200, body=ROLE.encode())
        if request.path == roles + ROLE:
            return Response(200, body=json.dumps(self.keys.json()).encode())
        return Response(404)


class Sts(Stage):
    """AssumeRoleWithWebIdentity, as GET or POST."""

    def __init__(self, keys):
        super().__init__()
        self.keys = keys

    def answer(self, request):
        k = self.keys
        return Response(200, [("Content-Type", "text/xml")], f"""\
<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <AssumedRoleUser><Arn>arn:aws:sts::0:assumed-role/{ROLE}/e2e</Arn></AssumedRoleUser>
    <Credentials><AccessKeyId>{k.access}</AccessKeyId><SecretAccessKey>{k.secret}</SecretAccessKey>
      <SessionToken>{k.token}</SessionToken><Expiration>{stamp(k.life)}</Expiration></Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>e2e</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>""".encode())
