// SPDX-License-Identifier: MIT
// The shell: Connect with and without script, tabs by mouse, keyboard and URL, both themes, narrow and wide.
import {accessible, fits, shoot, tests, told, visit} from "./browser.mjs";
import assert from "node:assert/strict";

const selected = (page) => page.locator("[role=tab][aria-selected=true]");
const is_at = (page, label) => page.locator(`[role=tab][aria-selected=true]:text-is("${label}")`).waitFor();
const panels = (page) => page.locator("[role=tabpanel]").count();
// Questions that this store cannot answer are told by the tab; here it is the tabs that count.
const asked = {allowed: [/Failed to load resource.*\/-\/api\//s, /the server responded with a status of (404|501|403|503)/]};

await tests({
  "connect": async (open) => {
    const page = await open("/");
    await page.getByRole("tabpanel").waitFor();
    const lines = await page.locator("pre").allTextContents();
    assert.ok(lines.includes(`.sympath srv*C:\\Symbols*${told.shown}`), lines.join("\n"));
    assert.ok(lines.includes(`export DEBUGINFOD_URLS=${told.shown}`), lines.join("\n"));
    assert.equal(await page.locator(".cmd button").count(), lines.length);
    await page.locator(".cmd button").first().click();
    await page.locator(".cmd button", {hasText: /Copied|Ctrl/}).waitFor();
    await fits(page);
    await accessible(page);
    await shoot(page, "connect");
  },

  "without script": async (open) => {
    const page = await open("/", {javaScriptEnabled: false});
    assert.ok((await page.locator("pre").allTextContents()).includes(`export DEBUGINFOD_URLS=${told.shown}`));
    assert.equal(await page.getByRole("tab").count(), 0);
    assert.ok(!await page.locator("nav").isVisible());
    await shoot(page, "without-script");
  },

  "tabs by mouse": async (open) => {
    const page = await open("/", asked);
    const labels = await page.getByRole("tab").allTextContents();
    assert.deepEqual(labels, ["Connect", "Search", "Missing", ...(told.uploads ? ["Upload"] : []), "Builds", "Live"]);
    for (const [i, label] of labels.entries()) {
      assert.equal(await panels(page), Math.max(1, i), "no tab is built before it is opened");
      await page.getByRole("tab", {name: label}).click();
      await is_at(page, label);
      await page.locator(`#panel-${label.toLowerCase()}:visible`).waitFor();
      assert.equal(await page.getByRole("tabpanel").count(), 1);
      assert.equal(new URL(page.url()).hash, `#${label.toLowerCase()}`);
      await fits(page);
    }
    await page.goBack();
    await is_at(page, labels.at(-2));
  },

  "tabs by keyboard": async (open) => {
    const page = await open("/", asked);
    const labels = await page.getByRole("tab").allTextContents();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "tab-connect");
    for (const label of [...labels.slice(1), labels[0]]) {
      await page.keyboard.press("ArrowRight");
      await is_at(page, label);
      assert.equal(await page.evaluate(() => document.activeElement.textContent), label);
    }
    await page.keyboard.press("ArrowLeft");
    await is_at(page, labels.at(-1));
    await page.keyboard.press("Home");
    await is_at(page, labels[0]);
    await page.keyboard.press("End");
    await is_at(page, labels.at(-1));
    assert.equal(await page.locator("[role=tab][tabindex='0']").count(), 1, "one stop for all tabs");
  },

  "a bookmark": async (open) => {
    const page = await open("/#missing", asked);
    await is_at(page, "Missing");
    await page.locator("#panel-missing:visible").waitFor();
    assert.ok(!await page.locator("#panel-connect").isVisible());
    assert.equal(await page.title(), "Missing – Symbol server");
    const other = await open("/#nothing", asked);
    await is_at(other, "Connect");
    assert.equal(await selected(other).count(), 1);
  },
});
