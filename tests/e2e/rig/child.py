# SPDX-License-Identifier: MIT
"""Child processes that never outlive the tests, not even when those are killed.

The kernel is asked to do it (PR_SET_PDEATHSIG, by util-linux' setpriv, which then becomes the
program itself): it watches the thread that started the child, so start them from the main thread.
"""

import subprocess


def start(*command, obeys_modes=False, **how):
    """obeys_modes: what the mode of a file forbids is forbidden to it, even if it runs as root."""
    powers = "-dac_override,-dac_read_search"
    limits = ["--inh-caps", powers, "--bounding-set", powers] if obeys_modes else []
    return subprocess.Popen(["setpriv", "--pdeathsig", "KILL", *limits, *command],
                            stdin=subprocess.DEVNULL, **how)
