# SPDX-License-Identifier: MIT
"""
servers.py: everything that is started for a benchmark (the bucket, the peers, this server, the
floor), and what can be read of a running one: CPU time and memory of all its processes.
"""
import contextlib
import functools
import itertools
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import time
import urllib.request

BENCH = pathlib.Path(__file__).resolve().parent
ROOT = BENCH.parent
NGINX_MODULES = "/usr/lib/nginx/modules"
DISTANT = 8  # ports of the bucket at which servers can be counted at once


class Failure(Exception):
    """A work that has no result, and why."""


def tool(name):
    found = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if not found:
        raise Failure(f"{name} is missing: tools/install-deps.sh bench")
    return found


def compile_c(directory, name, sources=(), libraries=()):
    """
    Build bench/NAME.c with those of our sources that it needs; returns the program's path. All of base
    is there to be taken from, and what is not used needs no library.
    """
    out = directory / name
    base = sorted((ROOT / "src" / "base").glob("*.c"))
    subprocess.run(["cc", "-std=gnu11", "-D_GNU_SOURCE", "-O2", "-ffunction-sections", "-fdata-sections",
                    "-Wl,--gc-sections", f"-I{ROOT}/src", f"-I{ROOT}", f"{BENCH}/{name}.c",
                    *map(str, [*base, *sources]), "-o", str(out), "-pthread", *libraries], check=True)
    return str(out)


def raise_file_limit(wanted=32768):
    """For the idle connections; children inherit it. Only root can go beyond the hard limit."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, wanted),) * 2)
        return max(hard, wanted)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


@functools.cache
def shuffled_ports():
    """Below those that Linux gives to clients, whose connections would be in the way of who wants to listen."""
    return iter(random.sample(range(20000, 32000), 12000))


def free_port():
    for port in shuffled_ports():
        with contextlib.suppress(OSError), socket.socket() as s:
            s.bind(("127.0.0.1", port))
            return port
    raise Failure("there is no free port")


def family(pid):
    """pid and all that descend from it."""
    out = [pid]
    with contextlib.suppress(OSError):
        for thread in pathlib.Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                out += family(int(child))
    return out


class Server:
    """A process tree that listens on a port of loopback."""

    def __init__(self, name, port, argv, env=None, cwd=None, scheme="http"):
        self.name, self.port, self.scheme = name, port, scheme
        self.process = subprocess.Popen(argv, env=env, cwd=cwd, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.pid = self.process.pid
        self.wait_until_it_listens()

    def wait_until_it_listens(self):
        for _ in range(1000):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        self.stop()
        raise Failure(f"{self.name} does not listen")

    def url(self, path):
        return f"{self.scheme}://127.0.0.1:{self.port}/{path}"

    def cpu_seconds(self):
        """User and system time since the start; the clock of a process is that of clock_getcpuclockid(3)."""
        return sum(time.clock_gettime(~pid << 3 | 2) for pid in family(self.pid))

    def memory_kib(self, file, field):
        total = 0
        for pid in family(self.pid):
            for line in pathlib.Path(f"/proc/{pid}/{file}").read_text().splitlines():
                if line.startswith(field + ":"):
                    total += int(line.split()[1])
        return total

    def peak_mib(self):
        """The most that was ever resident, shared pages counted once per process."""
        return self.memory_kib("status", "VmHWM") / 1024

    def pss_kib(self):
        """What is resident now, shared pages counted once."""
        return self.memory_kib("smaps_rollup", "Pss")

    def read_from_disk_mib(self):
        return sum(int(line.split()[1]) for pid in family(self.pid)
                   for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines()
                   if line.startswith("read_bytes:")) / (1 << 20)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


class Lab:
    """The directory of a run, the bucket in it, and the makers of the servers under test."""

    def __init__(self, directory, binary, files, against=(), store_option="", many=0):
        self.directory, self.binary, self.files = directory, binary, files
        self.against = dict(against)  # name: another binary of ours
        self.many = many  # small files to publish
        self.store_option = store_option  # what the replay adds to the store URL of one more server
        self.views = {view: free_port() for view in (
            "opaque", "exact", "slow", "trickle", "status", *(f"distant{i}" for i in range(DISTANT)))}
        self.serial = itertools.count(1)
        self.load = compile_c(directory, "load")
        self.floor_program = compile_c(directory, "floor")
        self.origin = None

    def start_origin(self):
        distant = [self.views[f"distant{i}"] for i in range(DISTANT)]
        self.origin = Server("origin", self.views["exact"], self.nginx_argv(
            "origin.conf", "origin", conf=BENCH / "conf",
            distant_delays=" ".join(f"{port} 30;" for port in distant),
            distant_listens=" ".join(f"listen 127.0.0.1:{port} backlog=4096;" for port in distant),
            **self.views))

    def fresh(self, what):
        """A path in the run's directory that is not there yet."""
        return self.directory / f"{what}-{next(self.serial)}"

    def nginx_argv(self, template, name, **values):
        text = (BENCH / "conf" / template).read_text()
        values |= {"dir": self.directory, "name": name, "files": self.files,
                   "modules": NGINX_MODULES}
        for key, value in values.items():
            text = text.replace(f"@{key}@", str(value))
        conf = self.directory / f"{name}.conf"
        conf.write_text(text)
        return [tool("nginx"), "-p", str(self.directory), "-c", str(conf)]

    # ---- the servers: each maker starts one in front of a view of the bucket, with nothing cached

    def nginx_forward(self, view, name="nginx forward", keepalive="", headers=""):
        port = free_port()
        return Server(name, port, self.nginx_argv(
            "forward.conf", self.fresh("forward").name, port=port, origin=self.views[view],
            keepalive=keepalive, headers=headers))

    def nginx_forward_kept(self, view):
        return self.nginx_forward(view, "nginx forward, keepalive", "keepalive 64;",
                                  'proxy_http_version 1.1; proxy_set_header Connection "";')

    def nginx_cache(self, view, miss_ttl="10m", name="nginx cache",
                    open_files="open_file_cache max=20000 inactive=1h; open_file_cache_valid 60s;",
                    template="cache.conf", ssl=""):
        port = free_port()
        cache = self.fresh("nginx-cache")
        return Server(name, port, self.nginx_argv(
            template, cache.name, port=port, origin=self.views[view], cache=cache,
            open_file_cache=open_files, miss_ttl=miss_ttl, ssl=ssl), scheme="https" if ssl else "http")

    def nginx_cache_closed(self, view):
        return self.nginx_cache(view, name="nginx cache, no open files", open_files="")

    def nginx_lua(self, view):
        return self.nginx_cache(view, name="nginx lua", template="lua.conf")

    def varnish(self, view, miss_ttl="10m"):
        port = free_port()
        directory = self.fresh("varnish")
        vcl = self.directory / f"{directory.name}.vcl"
        vcl.write_text((BENCH / "conf" / "symbols.vcl").read_text()
                       .replace("@origin@", str(self.views[view])).replace("@miss_ttl@", miss_ttl))
        return Server("varnish", port, [
            tool("varnishd"), "-F", "-j", "none", "-n", str(directory), "-f", str(vcl),
            "-a", f"127.0.0.1:{port}", "-T", "none", "-s", "malloc,2g", "-p", "thread_pools=2",
            "-p", "timeout_idle=75", "-p", "listen_depth=4096"])

    def ours(self, view, miss_ttl="10m", name="pepto-symbol", **settings):
        return self.pepto(name, view, CACHE_DIR=str(self.fresh("pepto-cache")), MISS_TTL=miss_ttl,
                          **settings)

    def ours_off(self, view, name="pepto-symbol"):
        """Remembers nothing at all: every request is forwarded."""
        suffix = name.removeprefix("pepto-symbol")
        return self.pepto(f"pepto-symbol, cache off{suffix}", view, CACHE_DIR="off", MISS_TTL="0s")

    def all_of_ours(self, make, setting=""):
        """
        Makers of the server under test and of each binary that it is compared with; if a setting is
        named, of those that have it.
        """
        return [functools.partial(make, name=name) for name in ("pepto-symbol", *self.against)
                if setting in subprocess.run([self.binary_of(name), "serve", "--help"], check=False,
                                             capture_output=True, text=True).stdout]

    def binary_of(self, name):
        return next((binary for other, binary in self.against.items()
                     if name.endswith(other.removeprefix("pepto-symbol"))), self.binary)

    def pepto(self, name, view, **settings):
        """With TLS_PORT among the settings that is the port, and the only one."""
        port = settings.get("TLS_PORT") or free_port()
        settings |= {"PORT": "off"} if "TLS_PORT" in settings else {}
        return Server(name, port, [self.binary_of(name), "serve"],
                      self.pepto_env(view, port, **settings), self.directory,
                      "https" if "TLS_PORT" in settings else "http")

    def store(self, view):
        return f"s3://bucket?endpoint=http://127.0.0.1:{self.views[view]}&anonymous=true"

    def pepto_env(self, view, port, **settings):
        return {"STORES": self.store(view) if view else "", "PORT": str(port), "LISTEN_ADDRESS": "127.0.0.1",
                "ACCESS_LOG": "off", "LOG_LEVEL": "error", "MAX_CONNECTIONS": "16384",
                "PATH": os.environ["PATH"], "HOME": str(self.directory)} | settings

    def floor(self, size):
        port = free_port()
        return Server("floor", port, [self.floor_program, str(port), str(size)])

    # ---- what the bucket was asked for

    def origin_requests(self):
        """All that any of its ports answered, this question included."""
        text = urllib.request.urlopen(f"http://127.0.0.1:{self.views['status']}/").read().decode()
        return int(text.split("handled requests")[1].split()[2])

    def origin_lines(self, view):
        """
        (status, bytes, rest) of each request so far, once the log stands still; without the health
        probes, which ask a quiet store for a random key now and then.
        """
        log = self.directory / "origin.log"
        size = -1
        while size != (size := log.stat().st_size):
            time.sleep(0.2)
        wanted = str(self.views[view])
        lines = [line.split(" ", 3) for line in log.read_text().splitlines()]
        return [(int(l[1]), int(l[2]), l[3]) for l in lines
                if l[0] == wanted and "pepto-probe-" not in l[3]]
