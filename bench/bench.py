#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""
bench.py: this server beside nginx's proxy_pass, on one machine, in one run.

An nginx on loopback plays the bucket (it answers 403 for what is missing, as S3 does without
s3:ListBucket). In front of it stand, one after another: nothing, nginx as a forwarding proxy in its
default form (a new connection to the origin per request), nginx with connections kept alive and
temporary files off, and pepto-symbol. Each does the same work several times; the table shows the
median and the ratio to nginx. CPU is user + system time of all the server's processes, from /proc.

	bench.py [--rounds N] [--binary build/pepto-symbol] [WORK ...]
"""
import argparse
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
TICK = os.sysconf("SC_CLK_TCK")

ORIGIN_CONF = """
user root; worker_processes 1; daemon off; pid {dir}/origin.pid; error_log {dir}/origin.err crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; sendfile on; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 60;
  default_type binary/octet-stream; open_file_cache max=10000; open_file_cache_valid 60s;
  server {{
    listen 127.0.0.1:{origin} backlog=4096; root {dir}/data;
    error_page 404 =403 @missing;
    location @missing {{ internal; default_type application/xml;
      return 403 '<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'; }}
  }}
}}
"""

PROXY_CONF = """
user root; worker_processes 2; daemon off; pid {dir}/proxy.pid; error_log {dir}/proxy.err crit;
events {{ worker_connections 4096; }}
http {{
  access_log off; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 60;
  proxy_max_temp_file_size 0; {upstream}
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ proxy_pass {target}; {keepalive} }}
  }}
}}
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_port(port):
    for _ in range(500):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.01)
    sys.exit(f"nothing listens on port {port}")


def family(pid):
    """pid and its children."""
    out = [pid]
    with contextlib.suppress(OSError):
        for child in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            out += family(int(child))
    return out


def cpu_seconds(pid):
    ticks = 0
    for p in family(pid):
        fields = pathlib.Path(f"/proc/{p}/stat").read_text().rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def peak_kib(pid):
    total = 0
    for p in family(pid):
        for line in pathlib.Path(f"/proc/{p}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                total += int(line.split()[1])
    return total


class Server:
    def __init__(self, name, port, argv, env=None, cwd=None):
        self.name, self.port = name, port
        self.process = subprocess.Popen(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        wait_port(port)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def nginx(name, directory, text, port, **values):
    conf = directory / f"{name.replace(' ', '-')}.conf"
    conf.write_text(text.format(dir=directory, port=port, **values))
    return Server(name, port, [shutil.which("nginx") or "/usr/sbin/nginx", "-p", str(directory),
                               "-c", str(conf)])


def pepto_env(origin, port, directory):
    return {"STORES": f"s3://bucket?endpoint=http://127.0.0.1:{origin}&anonymous=true",
            "PORT": str(port), "LISTEN_ADDRESS": "127.0.0.1", "ACCESS_LOG": "off",
            "LOG_LEVEL": "error", "PATH": os.environ["PATH"], "HOME": str(directory)}


def peers(directory, origin, binary):
    """Makers of the servers under test, in the order of the table."""
    def plain():
        port = free_port()
        return nginx("nginx proxy_pass", directory, PROXY_CONF, port, upstream="", keepalive="",
                     target=f"http://127.0.0.1:{origin}/bucket/")

    def kept():
        port = free_port()
        return nginx("nginx keepalive", directory, PROXY_CONF, port,
                     upstream=f"upstream o {{ server 127.0.0.1:{origin}; keepalive 64; }}",
                     target="http://o/bucket/",
                     keepalive='proxy_http_version 1.1; proxy_set_header Connection "";')

    def ours():
        port = free_port()
        return Server("pepto-symbol", port, [binary, "serve"], pepto_env(origin, port, directory),
                      directory)
    return [plain, kept, ours]


# ---- works: each returns {measure: value} for one round against one server ----

def wrk(url, connections, seconds, headers=()):
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "10s"]
    for h in headers:
        argv += ["-H", h]
    text = subprocess.run(argv + [url], check=True, capture_output=True, text=True).stdout
    done = int(text.split(" requests in ")[0].split()[-1])
    rate = float(text.split("Requests/sec:")[1].split()[0])
    if "Socket errors" in text:
        sys.exit(f"{url}: {text}")
    return done, rate


def small(server, path, seconds=3, connections=32):
    url = f"http://127.0.0.1:{server.port}/{path}"
    wrk(url, connections, 1)
    before = cpu_seconds(server.pid)
    done, rate = wrk(url, connections, seconds)
    return {"us/req": (cpu_seconds(server.pid) - before) / done * 1e6, "req/s": rate}


def work_78k(server):
    return small(server, "78k.pdb/0000000011/78k.pdb")


def work_miss(server):
    return small(server, "none.pdb/0000000011/none.pdb")


def work_1g(server):
    before = cpu_seconds(server.pid)
    began = time.monotonic()
    subprocess.run(["curl", "-sf", "-o", "/dev/null",
                    f"http://127.0.0.1:{server.port}/1g.pdb/0000000011/1g.pdb"], check=True)
    took = time.monotonic() - began
    return {"MB/s": (1 << 30) / took / 1e6, "cpu s": cpu_seconds(server.pid) - before}


def download(port, path, n, failures):
    try:
        got = 0
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}") as r:
            while chunk := r.read(1 << 18):
                got += len(chunk)
        if got != n:
            failures.append(f"{got} of {n} bytes")
    except OSError as e:
        failures.append(str(e))


def work_rss(server):
    failures = []
    threads = [threading.Thread(target=download, args=(
        server.port, "200m.pdb/0000000011/200m.pdb", 200_000_000, failures)) for _ in range(64)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failures:
        sys.exit(f"{server.name}: {failures[0]}")
    return {"peak MiB": peak_kib(server.pid) / 1024}


WORKS = {
    "78k": ("78 KB object, 32 connections", work_78k),
    "miss": ("missing object, 32 connections", work_miss),
    "1g": ("1 GiB object, one client", work_1g),
    "rss": ("64 downloads of 200 MB at once", work_rss),
}


def start_time(directory, origin, binary):
    """Seconds from exec to the first answer that came from the bucket."""
    port = free_port()
    began = time.monotonic()
    process = subprocess.Popen([binary, "serve"], env=pepto_env(origin, port, directory),
                               cwd=directory, stderr=subprocess.DEVNULL)
    while True:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/78k.pdb/0000000011/78k.pdb").read()
            break
        time.sleep(0.0005)
    took = time.monotonic() - began
    process.terminate()
    process.wait()
    return took


def make_data(directory):
    for name, size in (("78k", 79872), ("200m", 200_000_000), ("1g", 1 << 30)):
        folder = directory / "data" / "bucket" / f"{name}.pdb" / "0000000011"
        folder.mkdir(parents=True)
        block = os.urandom(1 << 20)
        with open(folder / f"{name}.pdb", "wb") as f:
            left = size
            while left > 0:
                left -= f.write(block[:left])


def run(works, rounds, binary, directory):
    rows = {}
    origin_port = free_port()
    make_data(directory)
    origin = nginx("origin", directory, ORIGIN_CONF, origin_port, origin=origin_port)
    try:
        direct = Server.__new__(Server)
        direct.name, direct.pid, direct.port = "origin itself", origin.pid, origin_port
        for _ in range(rounds):
            for make in peers(directory, origin_port, binary):
                for work in works:
                    server = make()
                    try:
                        for measure, value in WORKS[work][1](server).items():
                            rows.setdefault((work, server.name, measure), []).append(value)
                    finally:
                        server.stop()
            if "1g" in works:
                began = time.monotonic()
                subprocess.run(["curl", "-sf", "-o", "/dev/null", f"http://127.0.0.1:{origin_port}"
                                "/bucket/1g.pdb/0000000011/1g.pdb"], check=True)
                rows.setdefault(("1g", "origin itself", "MB/s"), []).append(
                    (1 << 30) / (time.monotonic() - began) / 1e6)
        starts = [start_time(directory, origin_port, binary) for _ in range(rounds)]
    finally:
        origin.stop()
    return rows, starts


def report(rows, starts):
    lines = ["| work | server | measure | median | ratio to nginx keepalive | ratio to nginx default |",
             "|---|---|---|--:|--:|--:|"]
    for (work, name, measure), values in rows.items():
        median = statistics.median(values)
        ratios = []
        for peer in ("nginx keepalive", "nginx proxy_pass"):
            other = rows.get((work, peer, measure))
            ratios.append(f"{median / statistics.median(other):.2f}" if other and name != peer else "")
        lines.append(f"| {WORKS[work][0]} | {name} | {measure} | {median:.1f} | {ratios[0]} | {ratios[1]} |")
    lines.append(f"\nStart to first answer from the bucket: {statistics.median(starts) * 1000:.0f} ms "
                 f"(median of {len(starts)}).")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--binary", default=str(ROOT / "build" / "pepto-symbol"))
    parser.add_argument("works", nargs="*", metavar="WORK", help=", ".join(WORKS))
    args = parser.parse_args()
    for tool in ("nginx", "wrk", "curl"):
        if not shutil.which(tool) and not os.path.exists(f"/usr/sbin/{tool}"):
            sys.exit(f"bench: {tool} is missing: tools/install-deps.sh bench")
    with tempfile.TemporaryDirectory(prefix="pepto-bench-") as name:
        directory = pathlib.Path(name)
        print(report(*run(args.works or list(WORKS), args.rounds, os.path.abspath(args.binary), directory)))


if __name__ == "__main__":
    main()
