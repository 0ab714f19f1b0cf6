// SPDX-License-Identifier: MIT
// One browser for a program of tests: Debian's chromium by playwright-core. What a page must never do is a failure whatever
// the test looks at: errors and warnings in the console, a violation of the policy, a request to another origin.
import {createRequire} from "node:module";
import {existsSync, mkdirSync} from "node:fs";
import assert from "node:assert/strict";

// What a test is told by test_page.py.
export const told = JSON.parse(process.env.PEPTO_PAGE_TEST);
const require = createRequire(`${told.modules}/`);
const {chromium} = require("playwright-core");
const WAIT = 60_000;

const browser = await chromium.launch({
  executablePath: ["/usr/bin/chromium", "/usr/bin/chromium-browser"].find(existsSync),
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"], // there are no user namespaces in many containers
});

/*
 * A page at told.url + where, in a context of its own. allowed: what the console may say, as the failing answers that the
 * test provokes are told there. before(page): what is done with it before it loads anything.
 */
export async function visit(where = "", {allowed = [], wait = true, before = () => {}, ...how} = {}) {
  const context = await browser.newContext({
    viewport: {width: told.width ?? 1280, height: 800}, colorScheme: told.scheme ?? "light", reducedMotion: "reduce", ...how});
  const faults = [];
  const fault = (text) => allowed.some((a) => a.test(text)) || faults.push(text);
  await context.addInitScript(() => document.addEventListener("securitypolicyviolation",
    (e) => console.error(`policy: ${e.violatedDirective} ${e.blockedURI} ${e.sample}`)));
  const page = await context.newPage();
  page.setDefaultTimeout(WAIT);
  page.on("console", (m) => ["error", "warning"].includes(m.type()) && fault(`console: ${m.text()} ${m.location().url}`));
  page.on("pageerror", (e) => fault(`exception: ${e.stack}`));
  const origin = new URL(told.url).origin;
  page.on("request", (r) => /^(data|blob):/.test(r.url()) || new URL(r.url()).origin === origin || fault(`foreign: ${r.url()}`));
  await before(page);
  await page.goto(told.url + where, {waitUntil: wait ? "load" : "commit"});
  // The tabs begin to work when Connect has been drawn.
  if (wait && how.javaScriptEnabled !== false) await page.locator("[role=tabpanel]").first().waitFor({state: "attached"});
  page.faults = faults;
  return page;
}

export async function shoot(page, name) {
  mkdirSync(told.out, {recursive: true});
  await page.screenshot({path: `${told.out}/${name}-${told.scheme ?? "light"}-${told.width ?? 1280}.png`, fullPage: true});
}

/* Ask test_page.py to do something; it is done when this returns. */
export async function tell(what) {
  const done = new Promise((resolve) => process.stdin.once("data", resolve));
  process.stdin.resume();
  console.log(`do ${what}`);
  await done;
  process.stdin.pause();
}

/* axe-core, in what is there now. */
export async function accessible(page) {
  // By the debugger, which the page's policy does not hold off.
  await page.evaluate(require("axe-core").source);
  const {violations} = await page.evaluate(() => globalThis.axe.run());
  assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} ${n.failureSummary}`).join("; ")}`), []);
}

/* No part of the page is wider than the window. */
export async function fits(page) {
  const [wide, window] = await page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
  assert.ok(wide <= window, `${wide} px in a window of ${window}`);
}

/* No cell of a table reaches out of its row, and the open tab can be seen. */
export async function tidy(page) {
  const out = await page.evaluate(() => {
    const far = (outer, inner) => {
      const [o, i] = [outer.getBoundingClientRect(), inner.getBoundingClientRect()];
      return i.width && (i.top < o.top - 1 || i.bottom > o.bottom + 1 || i.left < o.left - 1 || i.right > o.right + 1);
    };
    const cells = [...document.querySelectorAll(".rows [role=row]")].flatMap((row) => [...row.children].filter((cell) => far(row, cell)));
    const open = document.querySelector("[role=tab][aria-selected=true]");
    return [...cells, ...far(open.parentNode, open) ? [open] : []].map((e) => e.textContent);
  });
  assert.deepEqual(out, []);
}

/* Each test is a line of what is printed; the first that fails ends the program. */
export async function tests(table) {
  let status = 0;
  for (const [name, test] of Object.entries(table)) {
    if (told.only && told.only !== name) continue;
    const pages = [];
    try {
      await test(async (...how) => {
        pages.push(await visit(...how));
        return pages.at(-1);
      });
      for (const page of pages) assert.deepEqual(page.faults, []);
      console.log(`ok ${name}`);
    } catch (e) {
      status = 1;
      console.log(`not ok ${name}\n${e.stack}`);
      for (const [i, page] of pages.entries()) {
        console.log(page.faults.join("\n"));
        await shoot(page, `failed-${name.replace(/\W+/g, "-")}-${i}`).catch(() => {});
      }
    }
    for (const page of pages) await page.context().close();
  }
  await browser.close();
  process.exitCode = status;
}
