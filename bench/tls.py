# SPDX-License-Identifier: MIT
"""
tls.py: the works over TLS, beside nginx with the same certificate (ECDSA, P-256). tls.c is a client that
never resumes a session.
"""
import functools
import itertools
import subprocess

import servers
from clients import check_object, load, note_peak, path, started, wrk
from servers import free_port
from works import KIB4, hold, nothing_fetched

TOGETHER, SECONDS = 32, 2
IDLE_TLS = 2000


@functools.cache
def client(lab):
    return servers.compile_c(lab.directory, "tls", (), ("-lssl", "-lcrypto"))


@functools.cache
def certificate(lab):
    """(certificate, key), both in PEM."""
    files = lab.directory / "certificate.pem", lab.directory / "key.pem"
    subprocess.run([servers.tool("openssl"), "req", "-x509", "-nodes", "-days", "30", "-newkey", "ec",
                    "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-out", files[0], "-keyout", files[1]],
                   check=True, capture_output=True)
    return files


def makers(lab):
    """Of ours that have TLS, and nginx as its own defaults have it: it hands out tickets, too."""
    public, private = map(str, certificate(lab))

    def ours(view, name):
        return lab.ours(view, name=name, TLS_PORT=str(free_port()), TLS_CERT=public, TLS_KEY=private)

    def nginx(view):
        return lab.nginx_cache(view, ssl=f"ssl; ssl_certificate {public}; ssl_certificate_key {private}; "
                                         "ssl_protocols TLSv1.2 TLSv1.3")
    return [*lab.all_of_ours(ours, "TLS_PORT"), nginx]


def tls(lab, results, rounds):
    with started(*(functools.partial(make, "exact") for make in makers(lab))) as running:
        for server in running:
            for name in ("4k", "78k"):
                check_object(lab, server, name)
            wrk(server, path("78k"), TOGETHER, 1)
        with nothing_fetched(lab, results, "tls"):
            for _, server in itertools.product(range(rounds), running):
                before = server.cpu_seconds()
                done = load(lab, "handshakes", server, path("4k"), TOGETHER, KIB4, SECONDS * 1000,
                            program=client(lab))
                cpu = server.cpu_seconds() - before
                results.add("tls", "handshakes/s", server.name, done["connections"] / done["ms"] * 1000)
                results.add("tls", "CPU us per handshake, 4 KiB sent", server.name,
                            cpu / done["connections"] * 1e6)
                before = server.cpu_seconds()
                requests, rate = wrk(server, path("78k"), TOGETHER, SECONDS)
                cpu = server.cpu_seconds() - before
                results.add("tls", "78 KB: CPU us per request", server.name, cpu / requests * 1e6)
                results.add("tls", "78 KB: thousand requests/s", server.name, rate / 1000)
        note_peak(results, "tls", running)


def idletls(lab, results, rounds):
    for _, make in itertools.product(range(rounds), makers(lab)):
        hold(lab, results, "idletls", make, IDLE_TLS, KIB4, program=client(lab))


WORKS = {
    "tls": (f"TLS, {TOGETHER} clients: new connections without resumption, and 78 KB over kept ones", tls, 9),
    "idletls": (f"{IDLE_TLS} idle connections with TLS", idletls, 1),
}
