// SPDX-License-Identifier: MIT
// Live: numbers that go on, no question while nobody looks, a server that is started anew under the page.
import {accessible, fits, shoot, tell, tests, told} from "./browser.mjs";
import assert from "node:assert/strict";

const polled = (page) => page.waitForResponse((r) => r.url().endsWith("/-/api/live") && r.ok());
const hint = (page) => page.locator(".panel", {hasText: "Requests"}).first().locator(".hint").nth(1);
const lost = [/ERR_(CONNECTION_REFUSED|CONNECTION_RESET|EMPTY_RESPONSE|CONNECTION_CLOSED)/];

await tests({
  "numbers and lines": async (open) => {
    const page = await open("/#live");
    await page.locator(".panel").nth(8).waitFor();
    await page.locator(".panel svg path[d*=L]").first().waitFor({state: "attached"}); // a line needs three polls
    assert.equal(await page.locator("#panel-live tbody tr").count(), 1);
    await page.getByText("What to do").first().click();
    await page.locator(".panel details[open]").getByText(/^Blue: found\./).waitFor();
    await accessible(page);
    await fits(page);
    await shoot(page, "live");
  },

  "nothing is asked from another tab": async (open) => {
    const page = await open("/#live", {before: (p) => p.clock.install()});
    await page.locator(".panel").nth(8).waitFor();
    const see = (yes) => page.evaluate((is) => {
      Object.defineProperty(document, "hidden", {value: !is, configurable: true});
      document.dispatchEvent(new Event("visibilitychange"));
    }, yes);
    for (const [leave, back] of [[() => page.getByRole("tab", {name: "Connect"}).click(), () => page.getByRole("tab", {name: "Live"}).click()],
      [() => see(false), () => see(true)]]) {
      await leave();
      const asked = [];
      const note = (r) => asked.push(r.url());
      page.on("request", note);
      await page.clock.runFor(60_000); // many times what lies between two polls
      const again = polled(page);
      await back();
      await again; // whatever was asked for before it is known by now
      page.off("request", note);
      assert.equal(asked.filter((url) => url.endsWith("/-/api/live")).length, 1);
    }
    const next = polled(page);
    await page.clock.runFor(6_000);
    await next;
  },

  "a restart": async (open) => {
    const page = await open("/#live", {allowed: lost});
    await polled(page);
    await hint(page).waitFor();
    await tell("stop");
    await page.getByRole("alert").filter({hasText: "cannot be reached"}).waitFor();
    await tell("start");
    await page.getByRole("alert").waitFor({state: "detached"});
    await page.getByRole("tab", {name: "Missing"}).click();
    await page.locator("#panel-missing [role=status]", {hasText: /files$/}).waitFor();
  },
});
