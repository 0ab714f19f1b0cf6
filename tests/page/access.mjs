// SPDX-License-Identifier: MIT
// Tokens and base paths: the same page behind Basic, behind a token in the path, and not without.
import {shoot, tests, told} from "./browser.mjs";
import assert from "node:assert/strict";

/* The tabs that ask, and what they load, work from wherever the page is. */
async function works(page) {
  await page.getByRole("tab", {name: "Missing"}).click();
  await page.locator("#panel-missing [role=status]", {hasText: "1 of 1 file"}).waitFor();
  await page.getByLabel("All").check();
  const [download] = await Promise.all([page.waitForEvent("download"), page.getByRole("link", {name: "CSV"}).click()]);
  assert.equal(await download.failure(), null);
  await page.getByRole("tab", {name: "Upload"}).click();
  await page.getByLabel("Upload token").fill(told.uploader);
  await page.locator("#panel-upload input[type=file]").setInputFiles([told.file]);
  await page.locator(".jobs .badge", {hasText: /^(stored|was there)$/}).waitFor();
}
const basic = (password) => ({httpCredentials: {username: "any", password}});

await tests({
  "a token as a password": async (open) => {
    const page = await open(told.base, basic(told.token));
    assert.ok((await page.locator("pre").first().textContent()).endsWith("/t/TOKEN"));
    await page.locator(".note").waitFor();
    await works(page);
    await shoot(page, "with-a-token");
  },
  "a token in the path": async (open) => {
    for (const end of ["", "/"]) {
      const page = await open(`${told.base}/t/${told.token}${end}`);
      assert.ok((await page.locator("pre").first().textContent()).endsWith(`/t/${told.token}`));
      await works(page);
    }
  },
  "no token, and a wrong one": async (open) => {
    const refused = {allowed: [/status of 401/, /ERR_INVALID_AUTH_CREDENTIALS/], wait: false};
    for (const [where, how] of [[told.base, {}], [told.base, basic("0000000000000000")], [`${told.base}/t/0000000000000000/`, {}]]) {
      const page = await open(where, {...refused, ...how}).catch((e) => {
        assert.match(e.message, /ERR_(INVALID_AUTH_CREDENTIALS|HTTP_RESPONSE_CODE_FAILURE)/);
        return null;
      });
      if (page) assert.equal(await page.locator("pre").count(), 0);
    }
  },
});
