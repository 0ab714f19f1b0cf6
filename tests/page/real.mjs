// SPDX-License-Identifier: MIT
// From a build to its file and back, with what the server itself answers.
import {accessible, shoot, tests, told} from "./browser.mjs";
import assert from "node:assert/strict";

await tests({
  "a build, its file, and the file's bytes": async (open) => {
    const page = await open("/#builds");
    await page.locator("#panel-builds .rows .open", {hasText: "app & <b>"}).first().click();
    await page.locator("#panel-builds .detail .rows .open", {hasText: told.path.split("/")[0]}).click();
    const row = page.locator("#panel-search .rows .open").first();
    await row.click();
    await page.locator("#panel-search .detail h2", {hasText: told.path}).waitFor();
    const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", {name: "Download"}).click()]);
    assert.equal(await download.failure(), null);
    await accessible(page);
    await shoot(page, "real-search");
  },

  "forget": async (open) => {
    const page = await open(`/#search?q=${encodeURIComponent(told.path.split("/").slice(0, 2).join("/"))}`, {allowed: [/status of 401/]});
    await page.locator("#panel-search .rows .open").first().click();
    for (const [token, words] of [["no-such-token", "That is not the ADMIN_TOKEN."], [told.operator, "Forgotten:"]]) {
      await page.getByLabel("ADMIN_TOKEN").fill(token);
      await page.getByRole("button", {name: "Forget"}).click();
      await page.locator("#panel-search .detail .say", {hasText: words}).waitFor();
    }
  },

  "test from here": async (open) => {
    const page = await open("/", {allowed: [/status of 404/]});
    const rows = page.locator("#test tbody tr");
    for (const [line, title, word] of [[`SYMSRV:  HTTPGET: /${told.path}`, "Found – a debugger is told 200", "found"],
      [told.missing, "Missing – a debugger is told 404", "miss"]]) {
      await page.getByLabel("Path, or a line of !sym noisy").fill(line);
      await page.keyboard.press("Enter");
      await page.locator("#test h3", {hasText: title}).waitFor();
      await rows.filter({hasText: word}).first().waitFor();
    }
  },

  "files that are dropped": async (open) => {
    const page = await open("/#search");
    await page.locator("#panel-search input[type=file]").setInputFiles(told.files);
    await page.locator("#panel-search [role=status]", {hasText: /^1 there, [1-9]\d* missing$/}).waitFor();
    const there = page.locator("#panel-search .rows [role=row]", {has: page.locator(".badge.good")});
    assert.match((await there.textContent()).toLowerCase(), new RegExp(told.path.split("/")[1]));
    await there.locator(".open").click();
    await page.locator("#panel-search .detail").getByText(/^s3:/).waitFor();
  },

  "a glob, and a name that is nowhere": async (open) => {
    const page = await open("/#search");
    await page.getByRole("searchbox").fill("HEL*.pdb");
    await page.keyboard.press("Enter");
    await page.locator("#panel-search .rows .open", {hasText: /^hello\.pdb$/}).waitFor();
    await page.getByRole("searchbox").fill("nowhere.pdb");
    await page.keyboard.press("Enter");
    await page.getByText("No store has it.").waitFor();
  },
});
