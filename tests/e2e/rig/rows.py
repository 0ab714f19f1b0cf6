# SPDX-License-Identifier: MIT
"""The rows of the conformance table, and those that this program does not have to hold yet, each
with its reason."""

ROWS = {f"C{n:02}" for n in range(1, 80)}
LATER = {
    **dict.fromkeys(["C03", "C25", "C49", "C59", "C75"], "needs decoding"),
    **dict.fromkeys(["C15"], "nothing is encoded for clients yet"),
    **dict.fromkeys(["C29", "C40", "C42"], "key aliases"),
    **dict.fromkeys(["C38"], "twins in MSFZ form"),
    **dict.fromkeys(["C41"], "no redirects"),
    **dict.fromkeys(["C51", "C53"], "other layouts"),
    **dict.fromkeys(["C55"], "a rule for one client's compressed names"),
}
