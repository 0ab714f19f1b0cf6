# SPDX-License-Identifier: MIT
"""An S3 in this process that lists: Origin with ListObjectsV2, in pages as short as a test likes."""

import urllib.parse
import xml.sax.saxutils

from .origin import Origin
from .wire import Response


def level(keys, prefix):
    """What stands directly below a prefix: (keys, common prefixes)."""
    below = [k[len(prefix):] for k in keys if k and k.startswith(prefix)]
    folders = {prefix + k.partition("/")[0] + "/" for k in below if "/" in k}
    return {prefix + k for k in below if "/" not in k}, folders


class Listed(Origin):
    """`page`: so many entries at most in one answer; the index of names believes a listing for 5 s
    for each page."""

    def __init__(self, page=1000, **how):
        super().__init__(listable=True, **how)
        self.page = page
        self.dates = {}                 # key: LastModified, as in a listing

    def answer(self, request):
        if request.query.get("list-type") == "2":
            return self.list(self._address(request)[0], request.query)
        return super().answer(request)

    def list(self, bucket, query):
        prefix = query.get("prefix", "")
        all_keys = [k for b, k in self.objects if b == bucket and k]
        keys, folders = (level(all_keys, prefix) if "delimiter" in query else
                         ({k for k in all_keys if k.startswith(prefix)}, set()))
        after = bytes.fromhex(query.get("continuation-token", "token-").partition("-")[2])
        entries = [e for e in sorted(keys | folders, key=str.encode) if e.encode() > after]
        page, more = entries[:self.page], len(entries) > self.page
        lines = [one("CommonPrefixes", Prefix=name) if name in folders else
                 one("Contents", Key=name, Size="1", ETag='"x"', **self.dated(name)) for name in page]
        if more:
            token = "token-" + page[-1].encode().hex()
            lines.append(f"<NextContinuationToken>{token}</NextContinuationToken>")
        text = "".join(lines)
        return Response(200, [("Content-Type", "application/xml")], (
            "<?xml version='1.0' encoding='UTF-8'?><ListBucketResult>"
            f"<EncodingType>url</EncodingType><IsTruncated>{str(more).lower()}</IsTruncated>"
            f"{text}</ListBucketResult>").encode())

    def dated(self, key):
        return {"LastModified": self.dates[key]} if key in self.dates else {}


def one(kind, **fields):
    inner = "".join(f"<{name}>{encoded(name, value)}</{name}>" for name, value in fields.items())
    return f"<{kind}>{inner}</{kind}>"


def encoded(name, value):
    """As AWS does with encoding-type=url: a space is a '+'."""
    if name in ("Key", "Prefix"):
        return urllib.parse.quote_plus(value, safe="/")
    return xml.sax.saxutils.escape(value)
