# SPDX-License-Identifier: MIT
"""An S3 and a symbol server in this process, for what a real one cannot be told to do.

Origin does not verify signatures: it proves nothing about private buckets (rgw.py does), only
about the traffic. It has objects of any size that take no memory, regions, and objects that
change between two requests. """

import email.utils
import re

from . import faults
from .samples import Plain
from .stage import Stage
from .wire import Response

MODIFIED = email.utils.formatdate(1_700_000_000, usegmt=True)


class Stored:
    def __init__(self, body, headers=()):
        self.body = Plain(body) if isinstance(body, bytes) else body
        self.headers = list(headers)


class Origin(Stage):
    """Buckets by path (http://host/bucket/key) or by name (bucket.s3.localhost)."""

    def __init__(self, listable=False, region=None, tls=None):
        super().__init__(tls)
        self.listable, self.region = listable, region
        self.objects = {}

    def put(self, bucket, key, body, headers=()):
        stored = Stored(body, headers)
        self.objects[bucket, key] = stored
        return stored.body

    def bucket(self, name):
        """An empty one: asking for a bucket that was not made is NoSuchBucket."""
        self.objects.setdefault((name, None), None)
        return name

    def answer(self, request):
        bucket, key = self._address(request)
        if self.region and not self._signed_for(request):
            return self.wrong_region(request)
        stored = self.objects.get((bucket, key)) if key else None
        if stored:
            return read(stored, request)
        if not any(b == bucket for b, _ in self.objects):
            return faults.error(404, "NoSuchBucket")
        return faults.error(404, "NoSuchKey") if self.listable else faults.error(403,
                                                                                 "AccessDenied")

    def wrong_region(self, request):
        return faults.error(400, "AuthorizationHeaderMalformed", f"<Region>{self.region}</Region>",
                            [("x-amz-bucket-region", self.region)])

    def _signed_for(self, request):
        scope = re.search(r"Credential=[^/]+/\d{8}/([^/]+)/s3/", request.get("Authorization") or "")
        return scope and scope[1] == self.region

    @staticmethod
    def _address(request):
        host = (request.get("Host") or "").partition(":")[0]
        if host.endswith(".s3.localhost"):
            return host[:-len(".s3.localhost")], request.path[1:]
        bucket, _, key = request.path[1:].partition("/")
        return bucket, key


class SymbolServer(Stage):
    """Plain HTTP under a path, as another symbol server; `redirects` maps a path to a Location.
    `refuses`: the status for who sends no SymbolChecksum, as NuGet's and GitLab's servers do;
    `checksum`: of all that it has, so that who sends another finds nothing.
    `accepted`: what it has in place of a file for who accepts MSFZ, or a status."""

    def __init__(self, tls=None):
        super().__init__(tls)
        self.files, self.accepted, self.redirects = {}, {}, {}
        self.refuses = self.checksum = None

    def put(self, path, body, headers=()):
        self.files["/" + path] = stored = Stored(body, headers)
        return stored.body

    def answer(self, request):
        if self.refuses and not request.get("SymbolChecksum"):
            return Response(self.refuses)
        if self.checksum and request.get("SymbolChecksum") not in (None, self.checksum):
            return Response(404)
        if request.path in self.redirects:
            return Response(302, [("Location", self.redirects[request.path])])
        stored = accepts_msfz(request) and self.accepted.get(request.path)
        stored = stored or self.files.get(request.path)
        if isinstance(stored, int):
            return Response(stored)
        return read(stored, request) if stored else Response(404)


def accepts_msfz(request):
    return request.get("Accept") == "application/msfz0"


def told(stored, request):
    """Its own headers; checksums only for who asks for them, as S3 does."""
    asked = request.get("x-amz-checksum-mode") == "ENABLED"
    return [h for h in stored.headers if asked or not h[0].lower().startswith("x-amz-checksum-")]


def read(stored, request):
    """GET or HEAD of an object, with the conditions that S3 knows: one range, If-Match,
    If-None-Match."""
    body = stored.body
    headers = [("ETag", body.etag), ("Last-Modified", MODIFIED), ("Accept-Ranges", "bytes"),
               ("Content-Type", "binary/octet-stream"), *told(stored, request)]
    if request.get("If-Match") not in (None, "*", body.etag):
        return faults.error(412, "PreconditionFailed")
    if request.get("If-None-Match") == body.etag:
        return Response(304, headers)
    span = re.fullmatch(r"bytes=(\d*)-(\d*)", request.get("Range") or "")
    if not span or span[0] == "bytes=-":
        return Response(200, [*headers, ("Content-Length", str(len(body)))], body.chunks())
    if span[1]:
        first, last = int(span[1]), min(int(span[2] or len(body)), len(body) - 1)
    else:
        first, last = max(0, len(body) - int(span[2])), len(body) - 1
    if first >= len(body):
        size = f"<ActualObjectSize>{len(body)}</ActualObjectSize>"
        return faults.error(416, "InvalidRange", size, [("Content-Range", f"bytes */{len(body)}")])
    headers += [("Content-Length", str(last + 1 - first)),
                ("Content-Range", f"bytes {first}-{last}/{len(body)}")]
    return Response(206, headers, body.chunks(first, last + 1))
