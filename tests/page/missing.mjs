// SPDX-License-Identifier: MIT
// Missing: the server's list, its filter and its links; the line that fixes a row; hostile names; 10,000 rows.
import {accessible, fits, shoot, tests, told} from "./browser.mjs";
import assert from "node:assert/strict";

const KEY = "ABCDEF0123456789ABCDEF01234567891";
const row = (name, more = {}) => ({name, key: KEY, count: 3, over: 0, first: "2026-11-30T11:02:50Z", last: "2026-11-30T11:02:51Z",
  held: true, ...more});
const answering = (page, missing) => page.route(/\/-\/api\/missing$/, (r) => r.fulfill({json: {api: 1, missing}}));
const names = (page) => page.locator(".rows .open").allTextContents();

async function opened(open, missing) {
  const page = await open("/");
  await answering(page, missing);
  await page.getByRole("tab", {name: "Missing"}).click();
  await page.locator("#panel-missing [role=status]", {hasText: /files$/}).waitFor();
  return page;
}

await tests({
  "the server's own list": async (open) => {
    const page = await open("/#missing");
    await page.getByRole("status").filter({hasText: `${told.held.length} of ${told.held.length + told.others.length} files`}).waitFor();
    assert.deepEqual((await names(page)).sort(), told.held);
    await page.getByLabel("All").check();
    await page.locator(".rows [role=row]").nth(told.held.length + told.others.length - 1).waitFor();
    assert.deepEqual((await names(page)).sort(), [...told.held, ...told.others].sort());
    await page.getByRole("button", {name: told.others[0]}).click();
    assert.match(await page.locator(".detail pre").textContent(), new RegExp(`add ${told.others[0]} --store`));
    await accessible(page);
    await fits(page);
    await shoot(page, "missing");
    for (const kind of ["CSV", "JSON"]) {
      const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", {name: kind}).click()]);
      assert.equal(download.suggestedFilename(), `missing.${kind.toLowerCase()}`);
      assert.equal(await download.failure(), null);
    }
  },

  "nothing is missing": async (open) => {
    const page = await opened(open, []);
    await page.getByText("Nothing is missing:").waitFor();
    await accessible(page);
  },

  "the server's words when it refuses": async (open) => {
    const page = await open("/", {allowed: [/status of 403/]});
    await page.route(/\/-\/api\/missing$/, (r) => r.fulfill({status: 403, json: {api: 1, error: "set <b>AUTH_TOKENS</b>"}}));
    await page.getByRole("tab", {name: "Missing"}).click();
    await page.getByRole("alert").filter({hasText: "set <b>AUTH_TOKENS</b>"}).waitFor();
    await page.unroute(/\/-\/api\/missing$/);
    await answering(page, [row("foo.pdb")]);
    await page.getByRole("button", {name: "Try again"}).click();
    await page.getByRole("button", {name: "foo.pdb"}).waitFor();
  },

  "hostile names": async (open) => {
    const hostile = ["<img src=x onerror=alert(1)>.pdb", "\u202egpj.exe", "a\u0000b\u001b[31m.pdb", "x".repeat(251) + ".pdb",
      "$(rm -rf ~)'`.pdb", "--force", "</script><script>alert(1)</script>", "\ud800.pdb", "שלום.pdb"];
    const page = await opened(open, hostile.map((name) => row(name)));
    page.on("dialog", () => page.faults.push("a script of a name has run"));
    const shown = await names(page);
    assert.equal(shown[0], hostile[0]);
    assert.equal(shown[1], "\\u202egpj.exe");
    assert.equal(shown[2], "a\\u0000b\\u001b[31m.pdb");
    assert.equal(await page.locator("main img, main script").count(), 0);
    await page.locator(".rows .open").nth(4).click();
    assert.match(await page.locator(".detail pre").textContent(), /add '\$\(rm -rf ~\)'\\''`\.pdb' --store/);
    await page.locator(".rows .open").nth(5).click();
    assert.match(await page.locator(".detail pre").textContent(), /add \.\/--force --store/);
    await page.locator(".rows .open").nth(3).click();
    await fits(page);
    await accessible(page);
    await shoot(page, "hostile");
  },

  "10,000 rows": async (open) => {
    const page = await opened(open, Array.from({length: 10_000}, (_, i) => row(`file-${i}.pdb`)));
    const drawn = () => page.locator(".rows [role=row]").count();
    assert.ok(await drawn() < 100, `${await drawn()} rows are drawn`);
    assert.equal(await page.getByRole("table").getAttribute("aria-rowcount"), "10001");
    await page.locator(".rows .open").first().focus();
    const focused = (text) => page.waitForFunction((t) => document.activeElement.textContent === t, text);
    for (const [key, text] of [["ArrowDown", "file-1.pdb"], ["End", "file-9999.pdb"], ["ArrowUp", "file-9998.pdb"],
      ["Home", "file-0.pdb"]]) {
      await page.keyboard.press(key);
      await focused(text);
    }
    await page.keyboard.press("PageDown");
    await page.waitForFunction(() => document.activeElement.textContent !== "file-0.pdb");
    await page.keyboard.press("End");
    await focused("file-9999.pdb");
    await page.keyboard.press("Enter");
    await page.locator(".detail h2", {hasText: "file-9999.pdb"}).waitFor();
    assert.ok(await drawn() < 100, `${await drawn()} rows are drawn`);
    await accessible(page);
    await shoot(page, "rows");
  },
});
