# SPDX-License-Identifier: MIT
"""Child processes that never outlive the tests, not even when those are killed.

The kernel is asked to do it (PR_SET_PDEATHSIG, by util-linux' setpriv, which then becomes the
program itself): it watches the thread that started the child, so start them from the main thread.
"""

import subprocess


def start(*command, **how):
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *command], stdin=subprocess.DEVNULL,
                            **how)
