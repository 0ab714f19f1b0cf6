# SPDX-License-Identifier: MIT
"""Proxies that stand in front of the program, as processes of their own."""

import pathlib
import socket
import subprocess

from . import child
from .rgw import free_ports
from .server import until


class Frontend:
    """A started proxy on `port`. It is over when the test is."""

    def __init__(self, directory, *command):
        self.log = open(pathlib.Path(directory) / "frontend.log", "w+", encoding="utf-8")
        self.process = child.start(*map(str, command), cwd=directory, stdout=self.log,
                                   stderr=subprocess.STDOUT)

    def wait(self):
        def listens():
            assert self.process.poll() is None, self.text()
            with socket.socket() as probe:
                return probe.connect_ex(("127.0.0.1", self.port)) == 0
        until(listens, 60, "the proxy listens")
        return self

    def text(self):
        self.log.seek(0)
        return self.log.read()

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


NGINX = """
worker_processes 1; daemon off; pid nginx.pid; error_log stderr; user root;
events {{ }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path temp; fastcgi_temp_path f; uwsgi_temp_path u;
    scgi_temp_path s;
{http}
}}
"""


class Nginx(Frontend):
    """http: what stands in its http block, {port} and all."""

    def __init__(self, directory, http):
        self.port, = free_ports(1)
        config = pathlib.Path(directory) / "nginx.conf"
        config.write_text(NGINX.format(http=http.replace("@port@", str(self.port))))
        super().__init__(directory, "/usr/sbin/nginx", "-p", directory, "-c", config, "-e", "stderr")
        self.wait()
