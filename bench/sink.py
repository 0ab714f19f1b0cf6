# SPDX-License-Identifier: MIT
"""
sink.py: a bucket that takes everything and has nothing, so that what stores large files can be watched
without room for them.
"""
import contextlib
import http.server
import threading

EMPTY = ('<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>'
         "<Prefix></Prefix><KeyCount>0</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>false</IsTruncated>"
         "</ListBucketResult>")
BEGUN = ("<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId>"
         "</InitiateMultipartUploadResult>")
ENDED = ('<CompleteMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><ETag>"e-1"</ETag>'
         "</CompleteMultipartUploadResult>")
MISSING = "<Error><Code>NoSuchKey</Code></Error>"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, text="", **headers):
        body = text.encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def take_body(self):
        left, room = int(self.headers.get("Content-Length", 0)), memoryview(bytearray(1 << 18))
        while left:
            got = self.rfile.readinto(room[:min(left, len(room))])
            if not got:
                self.close_connection = True
                return
            left -= got
            self.server.taken += got

    def do_HEAD(self):
        self.answer(404)

    def do_GET(self):
        if "list-type" in self.path:
            self.answer(200, EMPTY)
        else:
            self.answer(404, MISSING)

    def do_PUT(self):
        self.take_body()
        self.answer(200, ETag='"0123456789abcdef0123456789abcdef"')

    def do_POST(self):
        self.take_body()
        self.answer(200, BEGUN if self.path.split("?")[1].startswith("uploads") else ENDED)

    def do_DELETE(self):
        self.answer(204)


class Sink(http.server.ThreadingHTTPServer):
    daemon_threads, request_queue_size = True, 128
    taken = 0  # bytes of bodies, about: several threads count

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def running():
    sink = Sink(("127.0.0.1", 0), Handler)
    threading.Thread(target=sink.serve_forever, daemon=True).start()
    try:
        yield sink
    finally:
        sink.shutdown()
        sink.server_close()
