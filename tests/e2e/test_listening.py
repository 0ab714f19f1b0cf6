# SPDX-License-Identifier: MIT
"""Where it listens: several addresses, unix sockets, what systemd hands over; and proxies before it."""

import os
import socket
import stat
import subprocess

import pytest

from rig import client
from rig.client import Client
from rig.pace import WAIT
from rig.samples import path
from rig.server import binary, environment, parse_line, run, s3

KEY = path("foo.pdb").lower()
FOO = "/" + KEY


@pytest.fixture
def store(origin):
    origin.listable = True
    origin.put("bucket", KEY, b"found")
    return s3("bucket", origin)


def over(at, target=FOO, headers=()):
    """An answer by a unix socket."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(WAIT)
        s.connect(str(at))
        lines = [f"GET {target} HTTP/1.1", "Host: x", "Connection: close",
                 *(f"{n}: {v}" for n, v in headers)]
        s.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        data = b""
        while part := s.recv(65536):
            data += part
    head, _, content = data.partition(b"\r\n\r\n")
    return client.Answer(head, content)


# addresses

def test_several_addresses(serve, store, tmp):
    server = serve(stores=store, LISTEN_ADDRESS=f"127.0.0.1, 127.0.0.2 unix:{tmp}/one unix:{tmp}/two")
    assert server.fetch(FOO).body == b"found"
    listening = subprocess.run(["ss", "-Hltnp"], capture_output=True, text=True, check=True).stdout
    assert len([l for l in listening.splitlines() if f"pid={server.pid}," in l]) == 2
    for at in ("one", "two"):
        assert over(tmp / at).body == b"found"


def test_a_unix_socket(serve, store, tmp):
    at = tmp / "socket"
    server = serve(stores=store, LISTEN_ADDRESS=f"127.0.0.1 unix:{at}")
    assert stat.S_IMODE(at.stat().st_mode) == 0o660
    assert over(at).body == b"found"
    assert server.wait_log(msg="request")["client"] == "unix:"


def test_one_that_was_left_behind(serve, store, tmp):
    at = tmp / "socket"
    for _ in range(2):                  # the first one leaves it
        server = serve(stores=store, LISTEN_ADDRESS=f"127.0.0.1 unix:{at}")
        assert over(at).body == b"found"
        server.stop()
        assert at.exists()


def test_one_that_is_in_use(serve, store, tmp):
    at = tmp / "socket"
    serve(stores=store, LISTEN_ADDRESS=f"127.0.0.1 unix:{at}")
    code, _, errors = run(tmp, "serve", STORES=store, LISTEN_ADDRESS=f"unix:{at}")
    assert code == 1 and "in use" in errors
    assert over(at).body == b"found"


@pytest.mark.parametrize("there, code", [("file", 1), ("directory", 1), ("nowhere", 2), ("long", 2),
                                         ("relative", 2)])
def test_what_is_no_socket(there, code, store, tmp):
    """What is there is nobody's to remove."""
    at = {"nowhere": f"{tmp}/none/socket", "long": f"{tmp}/{'x' * 200}",
          "relative": "socket"}.get(there, f"{tmp}/at")
    if there == "file":
        (tmp / "at").write_text("mine")
    if there == "directory":
        (tmp / "at").mkdir()
    found, _, errors = run(tmp, "serve", STORES=store, LISTEN_ADDRESS=f"unix:{at}")
    assert found == code and len(errors.splitlines()) == 1 and "LISTEN_ADDRESS" in errors
    if there == "file":
        assert (tmp / "at").read_text() == "mine"


# what systemd hands over

def start_with(sockets, names, cwd, **settings):
    """The process, once it listens: (process, its line). What is inherited is moved to 3 and up."""
    moves = " ".join(f"{3 + i}<&{s.fileno()}" for i, s in enumerate(sockets))
    script = (f'exec env LISTEN_PID=$$ LISTEN_FDS={len(sockets)} '
              f'LISTEN_FDNAMES={":".join(names)} "$0" serve {moves}')
    process = subprocess.Popen(["bash", "-c", script, str(binary())], cwd=cwd,
                               env=environment(cwd, settings), stderr=subprocess.PIPE,
                               pass_fds=[s.fileno() for s in sockets], text=True,
                               stdin=subprocess.DEVNULL)
    for text in process.stderr:
        line = parse_line(text)
        if line.get("msg") == "listening":
            return process, line
    raise AssertionError(f"ended with {process.wait(WAIT)}")


def stop(process):
    process.terminate()
    process.communicate(timeout=WAIT)
    assert process.returncode == 0


def listening_socket():
    s = socket.socket()
    while s.fileno() < 20:              # out of the way of those that are to be
        s = socket.socket(fileno=os.dup2(s.detach(), 20 + os.getpid() % 50, inheritable=False))
    s.bind(("127.0.0.1", 0))
    s.listen(128)
    return s


def test_a_socket_that_is_handed_over(store, tmp):
    """It goes from one process to the next, and who connects in between waits for that."""
    with listening_socket() as s:
        port = s.getsockname()[1]
        for _ in range(2):
            early = Client(port)        # before there is a server
            early.ask(FOO)
            process, line = start_with([s], ["http"], tmp, STORES=store, PORT="1")
            assert int(line["port"]) == port
            with early:
                assert early.answer().body == b"found"
            stop(process)


def test_what_is_no_listening_socket(store, tmp):
    with open("/dev/null") as f, open(os.dup(f.fileno())) as other:
        script = (f'exec env LISTEN_PID=$$ LISTEN_FDS=1 "$0" serve 3<&{other.fileno()}')
        done = subprocess.run(["bash", "-c", script, str(binary())], cwd=tmp,
                              env=environment(tmp, {"STORES": store}), capture_output=True,
                              pass_fds=[other.fileno()], text=True, timeout=WAIT,
                              stdin=subprocess.DEVNULL)
    assert done.returncode == 2 and "no listening socket" in done.stderr


def test_sockets_for_another_process(serve, store):
    """LISTEN_PID is what keeps a child from taking its parent's."""
    server = serve(stores=store, LISTEN_PID="1", LISTEN_FDS="1")
    assert server.fetch(FOO).body == b"found"


# proxies

@pytest.mark.parametrize("trusted, forwarded, seen", [
    (None, ["203.0.113.9"], "127.0.0.1"),
    ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
    ("127.0.0.0/8", ["1.1.1.1, 203.0.113.9"], "203.0.113.9"),
    ("127.0.0.0/8,10.0.0.0/8", ["1.1.1.1, 203.0.113.9", "10.0.0.7"], "203.0.113.9"),
    ("10.0.0.0/8", ["203.0.113.9"], "127.0.0.1"),
    ("127.0.0.1", ["2001:db8::7"], "2001:db8::7"),
    ("127.0.0.1", ["nonsense"], "127.0.0.1"),
    ("127.0.0.1", [], "127.0.0.1")])
def test_whom_a_request_comes_from(trusted, forwarded, seen, serve, store):
    server = serve(stores=store, TRUSTED_PROXIES=trusted)
    with server.connect() as c:
        c.send((f"GET {FOO} HTTP/1.1\r\nHost: x\r\n" +
                "".join(f"X-Forwarded-For: {f}\r\n" for f in forwarded) + "\r\n").encode())
        assert c.answer().body == b"found"
    assert server.wait_log(msg="request", path=FOO)["client"] == seen


@pytest.mark.parametrize("trusted, scheme", [("127.0.0.1", b"https://sym.example"),
                                             (None, b"http://sym.example")])
def test_the_page_behind_a_proxy(trusted, scheme, serve, store):
    server = serve(stores=store, TRUSTED_PROXIES=trusted)
    answer = server.fetch("/", headers={"Host": "sym.example", "X-Forwarded-Proto": "https"})
    assert scheme in answer.body


def test_a_proxy_on_a_unix_socket(serve, store, tmp):
    server = serve(stores=store, LISTEN_ADDRESS=f"127.0.0.1 unix:{tmp}/s", TRUSTED_PROXIES="unix:")
    assert over(tmp / "s", headers=[("X-Forwarded-For", "203.0.113.9")]).body == b"found"
    assert server.wait_log(msg="request", path=FOO)["client"] == "203.0.113.9"
    assert server.fetch(FOO, headers={"X-Forwarded-For": "203.0.113.9"}).status == 200
    assert server.wait_log(msg="request", path=FOO, count=2)["client"] == "127.0.0.1"


def test_a_proxy_that_is_none(tmp, store):
    code, _, errors = run(tmp, "serve", STORES=store, TRUSTED_PROXIES="10.0.0.0/8 proxy.example")
    assert code == 2 and "TRUSTED_PROXIES: 'proxy.example'" in errors
