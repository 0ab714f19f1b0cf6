# SPDX-License-Identifier: MIT
"""
paint.py: how soon the page is seen, in the same chromium and the same turns as the two letters of
/healthz and an empty page of nginx: what those take is chromium's own, of this machine as loaded as it is.

Chromium is spoken to through its pipe (--remote-debugging-pipe: JSON, a NUL behind each message). Each
look has a context of its own, so that nothing is in a cache; the first of each page is not counted.
"""
import contextlib
import itertools
import json
import os
import select
import subprocess

from clients import started
from results import OURS, STATIC
from servers import Failure, Server, free_port, tool

LOOKS = 11
EMPTY = b"<!DOCTYPE html><title>empty</title><p>ok\n"
# Both are there once something has been drawn.
WHEN = """new Promise((done) => {
  const found = () => {
    const paint = performance.getEntriesByType("paint").find((e) => e.name === "first-contentful-paint");
    if (paint) done({paint: paint.startTime, html: performance.getEntriesByType("navigation")[0].responseEnd});
  };
  new PerformanceObserver(found).observe({type: "paint", buffered: true});
  found();
})"""


class Browser:
    """A chromium of its own, with a profile below directory."""

    def __init__(self, directory):
        there, back = os.pipe(), os.pipe()
        redirected = f'exec "$@" 3</proc/self/fd/{there[0]} 4>/proc/self/fd/{back[1]}'  # where it looks for them
        self.process = subprocess.Popen(
            ["sh", "-c", redirected, "sh", tool("chromium"), "--headless", "--no-sandbox", "--disable-gpu",
             "--disable-dev-shm-usage", "--remote-debugging-pipe", f"--user-data-dir={directory}"],
            pass_fds=(there[0], back[1]), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env={**os.environ, "HOME": str(directory)})
        os.close(there[0])
        os.close(back[1])
        self.out, self.back = there[1], back[0]
        self.rest, self.events, self.numbers = b"", [], itertools.count(1)

    def read(self):
        while b"\0" not in self.rest:
            ready, _, _ = select.select([self.back], [], [], 120)
            more = ready and os.read(self.back, 1 << 16)
            if not more:
                raise Failure("chromium says nothing")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, session=None, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params, **({"sessionId": session} if session else {})}
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while (answer := self.read()).get("id") != number:
            self.events.append(answer)
        if "error" in answer:
            raise Failure(f"chromium: {method}: {answer['error']}")
        return answer["result"]

    def wait(self, method, session):
        def is_it(event):
            return event.get("method") == method and event.get("sessionId") == session
        while not any(map(is_it, self.events)):
            self.events.append(self.read())
        self.events.clear()

    def look(self, url):
        """(first contentful paint, end of the HTML), in ms from the start of the navigation."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank", browserContextId=context, width=1280,
                          height=800)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.ask("Page.enable", session)
        self.events.clear()
        self.ask("Page.navigate", session, url=url)
        self.wait("Page.loadEventFired", session)
        seen = self.ask("Runtime.evaluate", session, expression=WHEN, awaitPromise=True,
                        returnByValue=True)["result"]["value"]
        self.ask("Target.disposeBrowserContext", browserContextId=context)
        return seen["paint"], seen["html"]

    def stop(self):
        with contextlib.suppress(Failure, OSError):
            self.ask("Browser.close")
        os.close(self.out)
        os.close(self.back)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def nginx_empty(lab):
    port = free_port()
    (lab.directory / "data" / "bucket" / "empty.html").write_bytes(EMPTY)
    return Server(STATIC, port, lab.nginx_argv("static.conf", lab.fresh("static").name, port=port))


def paint(lab, results, rounds):
    with started(lambda: lab.pepto(OURS, "exact", STORES=f"file://{lab.directory}/data/bucket"),
                 lambda: nginx_empty(lab)) as (ours, nginx):
        pages = {OURS: ours.url(""), f"{OURS}, /healthz": ours.url("healthz"), STATIC: nginx.url("empty.html")}
        browser = Browser(lab.fresh("chromium"))
        try:
            for round_, (name, url) in itertools.product(range(1 + LOOKS * rounds), pages.items()):
                seen, html = browser.look(url)
                if round_:
                    results.add("paint", "first paint, ms", name, seen)
                    results.add("paint", "of that after the HTML, ms", name, seen - html)
        finally:
            browser.stop()


WORKS = {"paint": ("the page in chromium, 1280 x 800, nothing in a cache; nginx: an empty one", paint, 1)}
