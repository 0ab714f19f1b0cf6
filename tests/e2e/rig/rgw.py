# SPDX-License-Identifier: MIT
"""Ceph RGW: a production S3 that verifies signatures and policies, started in about two seconds.

One monitor and one OSD keep everything in memory; two gateways stand in front of the same data,
because they differ as AWS and itself do: without STS a wrong signature is SignatureDoesNotMatch,
as AWS says it; with STS there are session tokens, but a wrong signature is AccessDenied. Each
gateway listens for http and https.

Addresses: path style goes to 127.0.0.1 (the name `localhost` would be taken for a bucket),
virtual-host style to BUCKET.s3.localhost, which libcurl resolves to loopback by itself (RFC 6761)
where getaddrinfo does not. """

import json
import pathlib
import random
import shutil
import socket
import subprocess
import time
import uuid

import boto3
import botocore
import botocore.client

from . import child
from .pace import WAIT

OWNER = ("OWNERACCESSKEY000001", "ownersecretownersecretownersecretowner01")
OTHER = ("OTHERACCESSKEY000001", "othersecretothersecretothersecretother01")

CONFIG = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]
public network = 127.0.0.0/8
ms bind ipv4 = true
auth cluster required = none
auth service required = none
auth client required = none
ms mon client mode = crc
ms mon service mode = crc
ms mon cluster mode = crc
paxos propose interval = 0.05
paxos min wait = 0.01
mon mgr beacon grace = 100000
mon data = {dir}/mon
mon data avail crit = 1
mon cluster log file = {dir}/cluster.log
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
osd data = {dir}/osd
osd objectstore = memstore
memstore device bytes = 6442450944
run dir = {dir}/run
admin socket = {dir}/run/$name.$pid.asok
pid file =
log file = {dir}/$name.log
keyring = {dir}/keyring
debug ms = 0/0
debug osd = 0/0
debug mon = 0/0
debug paxos = 0/0
debug rgw = 0/0
[client]
rgw data = {dir}/rgw
rgw dns name = s3.localhost
rgw enable usage log = false
rgw thread pool size = 32
rgw ops log rados = false
rgw sts key = e2eteststskey012
[client.rgw.plain]
rgw enable apis = s3, admin
rgw frontends = {plain}
[client.rgw.sts]
rgw enable apis = s3, admin, sts, iam
rgw s3 auth use sts = true
rgw frontends = {sts}
"""
# tcp_nodelay: without it every kept-alive GET takes 40 ms
FRONTEND = "beast endpoint=127.0.0.1:{} ssl_endpoint=127.0.0.1:{} ssl_certificate={} tcp_nodelay=1"
PROGRAMS = ("ceph-mon", "ceph-osd", "radosgw", "radosgw-admin", "ceph", "monmaptool", "openssl")


def free_ports(n):
    """Below those that the system gives away (ip_local_port_range), for from there another client or
    server of these tests may take one before Ceph does."""
    held = []
    for port in random.SystemRandom().sample(range(20000, 32000), 12000):
        try:
            held.append(socket.create_server(("127.0.0.1", port)))
        except OSError:
            continue
        if len(held) == n:
            break
    ports = [s.getsockname()[1] for s in held]
    for s in held:
        s.close()
    return ports


def make_authority(directory):
    """A certificate authority of our own, and a server's certificate under it; returns (CA file,
    server PEM)."""
    def openssl(*args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=directory)
    names = "DNS:s3.localhost,DNS:*.s3.localhost,DNS:localhost,IP:127.0.0.1"
    (directory / "san").write_text(f"subjectAltName={names}\n")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl("req", "-x509", *key, "-days", 2, "-subj", "/CN=e2e authority", "-keyout", "ca.key",
            "-out", "ca.pem")
    openssl("req", *key, "-subj", "/CN=s3.localhost", "-keyout", "server.key", "-out", "server.csr")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key",
            "-CAcreateserial", "-days", 2, "-extfile", "san", "-out", "server.crt")
    pem = directory / "server.pem"
    pem.write_text((directory / "server.key").read_text() + (directory / "server.crt").read_text())
    return directory / "ca.pem", pem


class Rgw:
    """`plain` and `sts` are the gateways' http ports, `plain_tls` and `sts_tls` their https
    ports."""

    def __init__(self, directory, pem):
        missing = [p for p in PROGRAMS if not shutil.which(p)]
        assert not missing, f"not installed: {missing} (packages ceph-mon ceph-osd radosgw openssl)"
        self.dir = pathlib.Path(directory)
        self.running = []
        mon2, mon1, self.plain, self.plain_tls, self.sts, self.sts_tls = free_ports(6)
        self.conf = self.dir / "ceph.conf"
        self.fsid = str(uuid.uuid4())
        self.mon = f"[v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]"
        self.conf.write_text(CONFIG.format(
            fsid=self.fsid, dir=self.dir, mon1=mon1, mon2=mon2,
            plain=FRONTEND.format(self.plain, self.plain_tls, pem),
            sts=FRONTEND.format(self.sts, self.sts_tls, pem)))
        for name in ("mon", "osd", "run", "rgw"):
            (self.dir / name).mkdir()
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    @property
    def url(self):
        return f"http://127.0.0.1:{self.plain}"

    @property
    def sts_url(self):
        return f"http://127.0.0.1:{self.sts}"

    def client(self, who=OWNER, service="s3", url=None, token=None):
        config = botocore.client.Config(s3={"addressing_style": "path"},
                                        retries={"max_attempts": 1})
        if who is None:
            config = config.merge(botocore.client.Config(signature_version=botocore.UNSIGNED))
            who = (None, None)
        return boto3.client(service, endpoint_url=url or self.url, region_name="us-east-1",
                            config=config,
                            aws_access_key_id=who[0], aws_secret_access_key=who[1],
                            aws_session_token=token)

    def session_token(self):
        """Temporary credentials, which only the STS gateway accepts: (access key, secret,
        token)."""
        c = self.client(service="sts",
                        url=self.sts_url).get_session_token(DurationSeconds=3600)["Credentials"]
        return c["AccessKeyId"], c["SecretAccessKey"], c["SessionToken"]

    def allow(self, bucket, *actions, to="*", deny=()):
        """A bucket policy: actions for a principal ('*', or a user's name), and keys denied to
        everyone."""
        principal = to if to == "*" else {"AWS": [f"arn:aws:iam:::user/{to}"]}
        def statement(effect, who, actions, resources):
            return {"Effect": effect, "Principal": who, "Action": [f"s3:{a}" for a in actions],
                    "Resource": resources}
        rules = [statement("Allow", principal, actions,
                           [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"])]
        if deny:
            rules.append(statement("Deny", "*", ["GetObject"],
                                   [f"arn:aws:s3:::{bucket}/{key}" for key in deny]))
        self.client().put_bucket_policy(Bucket=bucket,
                                        Policy=json.dumps({"Version": "2012-10-17",
                                                           "Statement": rules}))

    def stop(self):
        """All data is in memory and of no further use: no reason to let them wind down for five
        seconds."""
        for process in reversed(self.running):
            process.kill()
            process.wait()
        self.running = []

    # starting

    def _run(self, *command):
        return subprocess.run([command[0], "-c", str(self.conf), *command[1:]], check=True,
                              capture_output=True, text=True)

    def _spawn(self, name, *command):
        with open(self.dir / f"{name}.out", "wb") as out:
            self.running.append(child.start(command[0], "-c", str(self.conf), *command[1:], "-f",
                                            stdout=out, stderr=out))

    def _until(self, what, ready, seconds=2 * WAIT):
        end = time.monotonic() + seconds
        while not ready():
            dead = [p.args for p in self.running if p.poll() is not None]
            assert not dead, f"{dead} ended; see {self.dir}"
            assert time.monotonic() < end, f"no {what} after {seconds} s; see {self.dir}"
            time.sleep(0.1)

    def _start(self):
        monmap = self.dir / "monmap"
        subprocess.run(["monmaptool", "--create", "--fsid", self.fsid, "--addv", "a", self.mon,
                        str(monmap)],
                       check=True, capture_output=True)
        self._run("ceph-mon", "--mkfs", "-i", "a", "--monmap", str(monmap))
        self._spawn("mon", "ceph-mon", "-i", "a")
        osd = str(uuid.uuid4())
        self._run("ceph", "--connect-timeout", "60", "osd", "new", osd)
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", osd, "--no-mon-config")
        self._spawn("osd", "ceph-osd", "-i", "0")
        self._until("OSD", lambda: " 1 up" in self._run("ceph", "osd", "stat").stdout)
        # the first gateway makes the pools, so the second waits for it
        for name, port in (("plain", self.plain), ("sts", self.sts)):
            self._spawn(name, "radosgw", "-n", f"client.rgw.{name}")
            self._until(name, lambda port=port: listens(port))
        self._add_user("owner", OWNER)
        self._add_user("other", OTHER)
        self._grant_sts()
        self._warm_up()

    def _admin(self, *args):
        self._run("radosgw-admin", "-n", "client.rgw.plain", *args)

    def _add_user(self, name, keys):
        self._admin("user", "create", f"--uid={name}", f"--display-name={name}",
                    f"--access-key={keys[0]}", f"--secret-key={keys[1]}")

    def _grant_sts(self):
        self._admin("caps", "add", "--uid=owner", "--caps=roles=*;user-policy=*")
        policy = {"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": ["sts:*"], "Resource": ["*"]},
            {"Effect": "Allow", "Action": ["s3:*"], "Resource": ["arn:aws:s3:::*"]}]}
        self.client(service="iam", url=self.sts_url).put_user_policy(
            UserName="owner", PolicyName="all", PolicyDocument=json.dumps(policy))

    def _warm_up(self):
        """The data pools are made by the first bucket and object, which is slow."""
        s3 = self.client()
        s3.create_bucket(Bucket="warm-up")
        s3.put_object(Bucket="warm-up", Key="x", Body=b"x")


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
