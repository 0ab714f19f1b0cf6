# SPDX-License-Identifier: MIT
"""
results.py: what the works measured, by the names under which the report knows servers.
"""
import statistics

OURS, FLOOR = "pepto-symbol", "floor"
PEER, FORWARDER, TOOL = "nginx cache", "nginx forward, keepalive", "the tool"
LUA, STATIC = "nginx lua", "nginx static"
OFF = f"{OURS}, cache off"


class Results:
    """Values by (work, row, server); a row is a measure, or a cell of the hot works."""

    def __init__(self):
        self.values, self.notes = {}, {}

    def add(self, work, row, server, value):
        self.values.setdefault(work, {}).setdefault(row, {}).setdefault(server, []).append(value)

    def note(self, work, text):
        self.notes.setdefault(work, []).append(text)

    def get(self, work, row, server):
        """The median, or None."""
        found = self.values.get(work, {}).get(row, {}).get(server)
        return statistics.median(found) if found else None

    def ratio(self, work, row, server, peer, peer_row=None, peer_work=None):
        mine = self.get(work, row, server)
        other = self.get(peer_work or work, peer_row or row, peer)
        return mine / other if mine is not None and other else None


# ---- the server under test beside other binaries of ours ----

FASTER_IS_MORE = ("/s", "per s", "rate")
WORSE = 1.05


def before(number):
    """What the server of the number-th --against is called, behind the name that ours has."""
    return f", before {number}"


def slower(work, row, ratio):
    """A ratio of costs, above 1 for what got worse; rates are turned round."""
    more = any(word in text for word in FASTER_IS_MORE for text in (work, row))
    return 1 / ratio if more and ratio else ratio


def changes(results):
    """(work, row, server, old, new, cost new / old, cost of the second old one / the first or None)"""
    for work, rows in results.values.items():
        for row, cells in rows.items():
            for old in [name for name in cells if name.endswith(before(1))]:
                server = old.removesuffix(before(1))
                ratio = results.ratio(work, row, server, old)
                noise = results.ratio(work, row, server + before(2), old)
                if ratio is not None:
                    yield (work, row, server, results.get(work, row, old), results.get(work, row, server),
                           slower(work, row, ratio),
                           slower(work, row, noise) if noise is not None else None)


def is_worse(cost, noise):
    """By more than 5 % beyond what the same binary differs from itself."""
    return cost > WORSE + (abs(noise - 1) if noise is not None else 0)
