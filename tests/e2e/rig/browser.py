# SPDX-License-Identifier: MIT
"""Programs of tests/page/, which drive Debian's chromium by playwright-core.

What they need of npm is installed into build/page, once for each package-lock.json. Without a
registry, a node or a chromium the tests fail and say so: they are not skipped. """

import fcntl
import json
import os
import shutil
import signal
import subprocess
import threading

from .pace import WAIT
from .server import ROOT

PROGRAMS = ROOT / "tests/page"
INSTALLED = ROOT / "build/page"
SHOTS = ROOT / "build/test/page"        # what the pages looked like
CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser")


def install():
    """The folder whose node_modules has what package-lock.json names."""
    for tool in ("node", "npm"):
        assert shutil.which(tool), f"no {tool}: tools/install-deps.sh test installs it"
    assert any(map(os.path.exists, CHROMIUM)), "no chromium: tools/install-deps.sh test installs it"
    INSTALLED.mkdir(parents=True, exist_ok=True)
    lock = (PROGRAMS / "package-lock.json").read_bytes()
    with open(INSTALLED / "lock", "a+", encoding="utf-8") as mutex:
        fcntl.flock(mutex, fcntl.LOCK_EX)
        done = INSTALLED / "installed"
        if not done.exists() or done.read_bytes() != lock:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(PROGRAMS / name, INSTALLED / name)
            npm = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"],
                                 cwd=INSTALLED, capture_output=True, text=True, timeout=5 * WAIT)
            assert npm.returncode == 0, f"npm ci of tests/page/package-lock.json:\n{npm.stderr}"
            done.write_bytes(lock)
    return INSTALLED


def run(program, url, profile, does=None, timeout=10 * WAIT, **told):
    """Run tests/page/PROGRAM.mjs against the page at url; what it prints stands with a failure.
    profile: a folder for what chromium leaves. does: {word: function}, called when it says "do word".
    """
    told = {"url": url, "modules": str(install()), "out": str(SHOTS), **told}
    environment = {"PATH": os.environ["PATH"], "HOME": str(profile), "TMPDIR": str(profile),
                   "LC_ALL": "C.UTF-8", "PEPTO_PAGE_TEST": json.dumps(told)}
    node = subprocess.Popen(["node", PROGRAMS / f"{program}.mjs"], env=environment, cwd=profile,
                            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                            text=True, errors="replace", start_new_session=True)
    late = threading.Timer(timeout, os.killpg, (node.pid, signal.SIGKILL))   # chromium, too
    late.start()
    lines = []
    try:
        for line in node.stdout:
            lines.append(line)
            if line.startswith("do "):
                does[line[3:].strip()]()
                node.stdin.write("done\n")
                node.stdin.flush()
        status = node.wait(WAIT)
    finally:
        late.cancel()
        if node.poll() is None:
            os.killpg(node.pid, signal.SIGKILL)
        node.stdin.close()
    assert status == 0, "".join(lines)
    return [line[3:] for line in lines if line.startswith("ok ")]
