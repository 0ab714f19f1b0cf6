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


def before(number):
    """What the server of the number-th --against is called, behind the name that ours has."""
    return f", before {number}"
