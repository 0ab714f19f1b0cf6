// SPDX-License-Identifier: MIT
// Each tab with what a server has to show, in one look: nothing is cut off, nothing lies on another, axe-core finds nothing.
import {accessible, fits, shoot, tests, tidy, told} from "./browser.mjs";

const rows = (tab) => `#panel-${tab} .rows .open`;
const looks = {
  "connect": ["/", async (page) => {
    await page.getByLabel("Path, or a line of !sym noisy").fill(told.path);
    await page.keyboard.press("Enter");
    await page.locator("#test tbody tr").first().waitFor();
  }],
  "search": [`/#search?q=${told.path.split("/")[0]}`, async (page) => {
    await page.locator(rows("search")).first().click();
    await page.locator("#panel-search .detail h2").waitFor();
  }],
  "missing": ["/#missing", async (page) => {
    await page.locator(rows("missing")).first().click();
    await page.locator("#panel-missing .detail pre").waitFor();
  }],
  "upload": ["/#upload", (page) => page.locator("#panel-upload .drop").waitFor()],
  "builds": ["/#builds", async (page) => {
    await page.locator(rows("builds")).first().click();
    await page.locator("#panel-builds .detail .table").waitFor();
  }],
  "live": ["/#live", async (page) => {
    await page.locator("#panel-live tbody tr").first().waitFor();
    await page.getByText("What to do").first().click();
  }],
};

await tests({
  "each tab": async (open) => {
    const page = await open("/");
    for (const [name, [where, fill]] of Object.entries(looks)) {
      await page.goto(told.url + where);
      await fill(page);
      await fits(page);
      await tidy(page);
      await accessible(page);
      await shoot(page, `look-${name}`);
    }
  },
});
