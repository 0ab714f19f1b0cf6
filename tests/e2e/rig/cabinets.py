# SPDX-License-Identifier: MIT
"""Cabinets of one file: MSZIP as gcab makes them, LZX as symstore.exe does (lzxcab.c)."""

import functools
import pathlib
import subprocess
import tempfile

BUILT = tempfile.TemporaryDirectory(prefix="pepto-lzxcab-")


@functools.cache
def lzxcab():
    program = pathlib.Path(BUILT.name) / "lzxcab"
    source = pathlib.Path(__file__).with_name("lzxcab.c")
    subprocess.run(["cc", "-O2", source, "-o", program], check=True)
    return program


def lzx(name, content):
    return subprocess.run([lzxcab(), name], input=content, stdout=subprocess.PIPE, check=True).stdout


def mszip(name, content):
    with tempfile.TemporaryDirectory() as directory:
        (pathlib.Path(directory) / name).write_bytes(content)
        subprocess.run(["gcab", "-c", "-z", "made.cab", name], cwd=directory, check=True)
        return (pathlib.Path(directory) / "made.cab").read_bytes()
