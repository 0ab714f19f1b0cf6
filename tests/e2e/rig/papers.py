# SPDX-License-Identifier: MIT
"""Certificates: an authority, and what it has signed. Made by openssl(1), once for a directory."""

import pathlib
import ssl
import subprocess

KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Papers:
    def __init__(self, directory):
        self.at = pathlib.Path(directory)
        self.at.mkdir(parents=True, exist_ok=True)
        self.authority("ca")

    def openssl(self, *args):
        subprocess.run(["openssl", *map(str, args)], check=True, capture_output=True, cwd=self.at)

    def authority(self, name):
        self.openssl("req", "-x509", *KEY, "-days", 2, "-subj", f"/CN={name}", "-keyout",
                     f"{name}.key", "-out", f"{name}.pem")
        return self.at / f"{name}.pem"

    def sign(self, name, usage="serverAuth", by="ca", alternatives="IP:127.0.0.1,DNS:localhost",
             days=2):
        """(certificate, key) of this name."""
        (self.at / f"{name}.ext").write_text(f"extendedKeyUsage={usage}\n"
                                             f"subjectAltName={alternatives}\n")
        self.openssl("req", *KEY, "-subj", f"/O=Pepto/CN={name}", "-keyout", f"{name}.key", "-out",
                     f"{name}.csr")
        self.openssl("x509", "-req", "-in", f"{name}.csr", "-CA", f"{by}.pem", "-CAkey",
                     f"{by}.key", "-CAcreateserial", "-days", days, "-extfile", f"{name}.ext",
                     "-out", f"{name}.pem")
        return self.at / f"{name}.pem", self.at / f"{name}.key"

    def trusting(self, shown=None, alpn=("http/1.1",), version=None):
        """What a client needs: it trusts the authority, and shows this (certificate, key)."""
        context = ssl.create_default_context(cafile=self.at / "ca.pem")
        context.set_alpn_protocols(list(alpn))
        if version:
            context.minimum_version = context.maximum_version = version
        if shown:
            context.load_cert_chain(*shown)
        return context
