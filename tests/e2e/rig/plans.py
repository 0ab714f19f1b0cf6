# SPDX-License-Identifier: MIT
"""Transactions as they lie in a store, in our own words: src/publish/plan.h and markers.h tell them."""

import hashlib
import json

WHEN = "2026-11-29T15:07:17Z"
LIVE, OPEN, GOING, GONE = "live", "open", "going", "gone"


def plan_id(n):
    """The n-th: later ones are newer."""
    return f"2026112{n % 10}-150717-{n:08x}"


def line(key, body=b"x", **more):
    return {"key": key, "size": len(body), "sha256": hashlib.sha256(body).hexdigest(), **more}


def plan(ident, lines, **head):
    first = {"pepto": 1, "id": ident, "started": WHEN, **head, "files": len(lines),
             "bytes": sum(x["size"] for x in lines)}
    return "".join(json.dumps(x) + "\n" for x in [first, *lines]).encode()


def done(stored=(), existed=(), conflict=(), failed=()):
    return json.dumps({"ended": WHEN, "stored_bytes": 1, "stored": list(stored), "existed": list(existed),
                       "conflict": list(conflict), "failed": list(failed)}).encode()


def gone(state, **more):
    return json.dumps({"state": state, "when": WHEN, "removed": 0, "kept": 0, **more}).encode()


def publish(place, n, lines, state=LIVE, outcomes=None, **head):
    """A transaction in this state; its files are put by whoever calls. Returns its id."""
    ident = plan_id(n)
    place.put(f".pepto/tx/{ident}.json", plan(ident, lines, **head))
    if state != OPEN:
        place.put(f".pepto/tx/{ident}.json.done",
                  done(**(outcomes or {"stored": range(2, 2 + len(lines))})))
    if state in (GOING, GONE):
        place.put(f".pepto/tx/{ident}.json.gone", gone(state, by="me@here", why="too old"))
    return ident
