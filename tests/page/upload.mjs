// SPDX-License-Identifier: MIT
// Upload, for real: tokens wrong and right, several files, what each became, a long one that is cut and sent again.
import {accessible, fits, shoot, tell, tests, told} from "./browser.mjs";
import assert from "node:assert/strict";
import net from "node:net";

const job = (page, name) => page.locator("#panel-upload .jobs > li", {has: page.getByText(name, {exact: true})}).last();
const badge = (page, name, word) => job(page, name).locator(".bar > .badge", {hasText: word}).waitFor();

async function opened(open, token, ...how) {
  const page = await open("/#upload", ...how);
  await page.getByLabel("Upload token").fill(token);
  return page;
}
const send = (page, files) => page.locator("#panel-upload input[type=file]").setInputFiles(files);

await tests({
  "a wrong token, and the right one": async (open) => {
    const page = await opened(open, "no-such-token", {allowed: [/status of 401/]});
    await send(page, [told.files.pdb]);
    await badge(page, "Foo.pdb", "failed");
    await page.getByText("That is no upload token.").waitFor();
    await page.getByLabel("Upload token").fill(told.token);
    await page.getByRole("button", {name: "Send Foo.pdb again"}).click();
    await badge(page, "Foo.pdb", /^(stored|was there)$/);
    await job(page, "Foo.pdb").getByText(/^foo\.pdb\/[0-9a-f]{33}\/foo\.pdb/).waitFor();
  },

  "many files, of all kinds": async (open) => {
    const page = await opened(open, told.token, {allowed: [/status of (422|409)/]});
    await page.getByLabel("Product").fill("app & <b>");
    await send(page, [told.files.pdb]);
    await badge(page, "Foo.pdb", /^(stored|was there)$/);
    await send(page, [told.files.exe, told.files.other, told.files.conflict]);
    await badge(page, "Foo.exe", /^(stored|was there)$/);
    await badge(page, told.names.other, "no symbol file");
    await badge(page, "Foo.pdb", "conflict");
    await page.getByText("2 of 4 done, 2 not").waitFor();
    await accessible(page);
    await fits(page);
    await shoot(page, "upload");
  },

  "without a token nothing is sent": async (open) => {
    const page = await open("/#upload");
    await send(page, [told.files.exe]);
    await page.getByText("First the token, please.").waitFor();
    assert.equal(await page.locator(".jobs > li").count(), 0);
    assert.equal(await page.evaluate(() => localStorage.length + sessionStorage.length + document.cookie.length), 0);
  },

  "a long one is cut, and sent again": async (open) => {
    // What stands between is cut after half of the body.
    const upstream = new URL(told.url), half = told.long / 2;
    // A browser tries once more by itself where it took a connection that was open already: so each is cut.
    let cutting = true;
    const between = net.createServer((client) => {
      const server = net.connect(upstream.port, upstream.hostname);
      let passed = 0;
      const end = () => { client.destroy(); server.destroy(); };
      client.on("error", end).on("close", end);
      server.on("error", end).on("close", end);
      client.on("data", (bytes) => {
        passed += bytes.length;
        if (cutting && passed > half) {
          end();
          return;
        }
        if (!server.write(bytes)) client.pause();
      });
      server.on("drain", () => client.resume());
      server.pipe(client);
    });
    await new Promise((resolve) => between.listen(0, "127.0.0.1", resolve));
    const before = told.url;
    told.url = `http://127.0.0.1:${between.address().port}`;
    try {
      const page = await opened(open, told.token, {allowed: [/ERR_(ABORTED|CONNECTION_RESET|CONNECTION_CLOSED|EMPTY_RESPONSE|CONNECTION_ABORTED|SOCKET_NOT_CONNECTED|FAILED)/]});
      await tell("before");
      await send(page, [told.files.long]);
      await badge(page, "Long.exe", "cut off");
      cutting = false;
      await page.getByRole("button", {name: "Send Long.exe again"}).click();
      await badge(page, "Long.exe", /^(stored|was there)$/);
      await page.getByText("1 of 1 done").waitFor();
      await tell("after");
    } finally {
      told.url = before;
      between.close();
    }
  },
});
