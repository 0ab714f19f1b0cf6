// SPDX-License-Identifier: MIT
// A slow network, and answers that are long on their way: what can be read is there, the page says what it waits for, and asks once.
import {tests, told} from "./browser.mjs";
import assert from "node:assert/strict";

/* All bytes of this page take their time. */
async function slow(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  await devtools.send("Network.emulateNetworkConditions", {offline: false, latency: 300, downloadThroughput: 40_000, uploadThroughput: 40_000});
}

/* Holds what matches, until let() is called; asked: what came. */
async function hold(page, matches) {
  const asked = [];
  let let_go;
  const gate = new Promise((resolve) => { let_go = resolve; });
  await page.route(matches, async (route) => {
    asked.push(route.request().url());
    await gate;
    await route.continue().catch(() => {});
  });
  return {asked, let_go};
}

const tabs = {search: [`search?q=${told.held}`, "Searching…", ".rows [role=row]"], missing: ["missing", "Reading…", ".rows [role=row]"],
  builds: ["builds", "Reading…", ".rows [role=row]"], live: ["live", "Reading…", ".panel"]};

await tests({
  "connect can be read before a script has come": async (open) => {
    let scripts;
    const page = await open("/", {wait: false, before: async (p) => {
      await slow(p);
      scripts = await hold(p, /\.js$/);
    }});
    await page.getByText("export DEBUGINFOD_URLS=").waitFor();
    await page.getByRole("tab", {name: "Missing"}).click(); // is remembered by the URL
    assert.equal(await page.getByRole("tabpanel").count(), 0);
    scripts.let_go();
    await page.locator("#panel-missing [role=status]", {hasText: /files$/}).waitFor();
    assert.equal(new Set(scripts.asked).size, scripts.asked.length, "no script is fetched twice");
  },

  "each tab says what it waits for, and asks once": async (open) => {
    for (const [tab, [where, words, then]] of Object.entries(tabs)) {
      const page = await open("/", {before: slow});
      const module = await hold(page, new RegExp(`/${tab}\\.js$`)), api = await hold(page, new RegExp(`/-/api/${tab}(\\?|$)`));
      await page.goto(`${told.url}/#${where}`);
      await page.locator(`#panel-${tab}`).getByText("Loading…").waitFor();
      module.let_go();
      await page.locator(`#panel-${tab}`).getByText(words).waitFor();
      await page.getByRole("tab", {name: "Connect"}).focus(); // the page is not held up by it
      api.let_go();
      await page.locator(`#panel-${tab} ${then}`).first().waitFor();
      await page.getByText(words).waitFor({state: "detached"});
      assert.equal(module.asked.length, 1);
      assert.equal(api.asked.length, 1, api.asked.join("\n"));
    }
  },

  "a test that takes long": async (open) => {
    const page = await open("/", {before: slow});
    const api = await hold(page, /\/-\/api\/test/);
    await page.getByLabel("Path, or a line of !sym noisy").fill(told.path);
    await page.keyboard.press("Enter");
    await page.getByText("Asking the stores…").waitFor();
    await page.keyboard.press("Enter"); // once more, of one who does not wait
    api.let_go();
    await page.locator("#test tbody tr").first().waitFor();
    assert.equal(api.asked.length, 1);
  },
});
