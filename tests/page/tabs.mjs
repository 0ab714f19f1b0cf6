// SPDX-License-Identifier: MIT
// Search, Builds and the test of Connect: what is done with what the api answers. The answers are made here; that the server
// gives such is what its own tests say.
import {accessible, fits, shoot, tests, told} from "./browser.mjs";
import assert from "node:assert/strict";

const guid = (i) => i.toString(16).padStart(32, "A").toUpperCase() + "1";
const row = (i, name = "foo.pdb") => ({name, key: guid(i), path: `${name}/${guid(i)}/${name}`, store: "s3://my-symbols",
  stored: `${name}/${guid(i)}/${name}`, form: "zstd", size: 1000 + i, date: `2026-11-${String(30 - i % 29).padStart(2, "0")}T10:20:30Z`,
  transaction: null});
const found = (rows, more = {}) => ({api: 1, q: "", kind: "key", rows, next: null, partial: false, errors: [], ...more});
const build = (i) => ({id: `20261129-150717-${String(i).padStart(8, "0")}`, store: "s3://my-symbols", started: "2026-11-29T15:07:17Z",
  ended: null, product: i % 2 ? "app" : "tool", version: `1.${i}`, comment: "", source: "", files: 3, bytes: 1 << 20, state: "live"});
const HOSTILE = "<img src=x onerror=alert(1)>\u202e";

/* Answer a question of the api; what was asked is kept. */
async function answering(page, name, answer) {
  const asked = [];
  await page.route((url) => url.pathname.endsWith(`/-/api/${name}`), async (route) => {
    const url = new URL(route.request().url());
    asked.push(url.searchParams);
    const a = await answer(url.searchParams, route.request());
    await route.fulfill(a.contentType ? a : {json: a}).catch(() => {}); // the page may have left
  });
  return asked;
}
const drawn = (page, tab) => page.locator(`#panel-${tab} .rows [role=row]`).count();
const seen = (page, tab, n) => page.waitForFunction(([t, rows]) =>
  document.querySelector(`#panel-${t} .table`)?.getAttribute("aria-rowcount") === String(rows + 1), [tab, n]);

await tests({
  "search": async (open) => {
    const page = await open("/#search");
    const asked = await answering(page, "search", (q) => q.get("q") === "foo.pdb" ? found([0, 1, 2].map((i) => row(i))) : found([]));
    await page.getByRole("searchbox").fill("foo.pdb");
    await page.keyboard.press("Enter");
    await seen(page, "search", 3);
    assert.equal(new URL(page.url()).hash, "#search?q=foo.pdb");
    await page.locator("#panel-search .rows .open").nth(1).click();
    const link = page.getByRole("link", {name: "Download"});
    assert.equal(await link.evaluate((a) => a.href), `${told.url}/${row(1).path}`);
    await accessible(page);
    await fits(page);
    await shoot(page, "search");
    await page.getByRole("searchbox").fill("gone.pdb");
    await page.getByRole("button", {name: "Search"}).click();
    await page.getByText("No store has it.").waitFor();
    assert.deepEqual(asked.map((q) => q.get("q")), ["foo.pdb", "gone.pdb"]);
    await page.goBack();
    await seen(page, "search", 3);
  },

  "names lead to their keys": async (open) => {
    const page = await open("/");
    await answering(page, "search", (q) => q.get("q") === "foo*"
      ? found([{name: "foo.pdb", store: "s3://a", stored: "foo.pdb/", key: null, path: null, form: null, size: null, date: null, transaction: null}],
        {kind: "names", partial: true, errors: [{store: "s3://b", error: HOSTILE}]})
      : found([row(0)]));
    await page.goto(`${told.url}/#search?q=foo*`);
    await page.getByText(HOSTILE.slice(0, -1)).waitFor();
    await page.locator("#panel-search .open").click();
    await page.locator("#panel-search [role=cell].key", {hasText: guid(0)}).waitFor();
    assert.equal(new URL(page.url()).hash, "#search?q=foo.pdb");
  },

  "more is asked for when it is needed": async (open) => {
    const page = await open("/");
    const asked = await answering(page, "search", (q) => {
      const from = Number(q.get("from") || 0);
      return found(Array.from({length: 1000}, (_, i) => row(from + i)), {next: from < 9000 ? String(from + 1000) : null});
    });
    await page.goto(`${told.url}/#search?q=foo.pdb`);
    await seen(page, "search", 1000);
    assert.equal(asked.length, 1);
    await page.locator("#panel-search .rows .open").first().focus();
    for (let n = 2; n <= 10; n++) {
      await page.keyboard.press("End");
      await seen(page, "search", n * 1000);
    }
    assert.equal(asked.length, 10);
    assert.ok(await drawn(page, "search") < 100);
  },

  "leaving ends a search": async (open) => {
    const page = await open("/#search", {allowed: [/ERR_ABORTED/]});
    let answer;
    const held = new Promise((resolve) => { answer = resolve; });
    await answering(page, "search", () => held);
    const failed = page.waitForEvent("requestfailed");
    await page.getByRole("searchbox").fill("foo.pdb");
    await page.keyboard.press("Enter");
    await page.getByText("Searching…").waitFor();
    await page.getByRole("tab", {name: "Connect"}).click();
    assert.equal((await failed).failure().errorText, "net::ERR_ABORTED");
    answer(found([row(0)]));
  },

  "dropped files": async (open) => {
    const page = await open("/#search");
    let sent = [];
    await answering(page, "keys", (_, request) => {
      sent = request.postDataJSON().paths;
      return {api: 1, keys: sent.map((path, i) => ({path, found: i ? "there" : "missing", form: "plain", size: 5, store: "s3://a", why: null}))};
    });
    const input = page.locator("#panel-search input[type=file]");
    await input.setInputFiles(told.files.map(({file}) => file));
    await page.locator("#panel-search [role=status]", {hasText: /there, 1 missing$/}).waitFor();
    const paths = [...new Set(told.files.flatMap((f) => f.paths))];
    assert.deepEqual([...new Set(sent)].sort(), paths.sort());
    assert.match(await page.locator("#panel-search .rows [role=row]").first().textContent(), /missing/, "what is missing stands first");
    await accessible(page);
    await fits(page);
    await shoot(page, "dropped");
    const bad = told.files.map(({file}) => file).filter((f) => /\.(pdb|exe|dmp|so|debug|dwarf)$/i.test(f));
    const {readFileSync} = await import("node:fs");
    // Cut anywhere, or with any word of its first page made large: it is said, and no more.
    for (const file of bad) {
      const whole = readFileSync(file);
      const cuts = [0, 1, 30, 60, 200, whole.length >> 1].map((n) => whole.subarray(0, n));
      for (let o = 0; o < 64; o += 4) {
        const wrong = Buffer.from(whole);
        wrong.writeUInt32LE(0xfffffff0, Math.min(o, wrong.length - 4));
        cuts.push(wrong);
      }
      await input.setInputFiles(cuts.map((buffer, i) => ({name: `${i}.bin`, mimeType: "", buffer})));
      await page.locator("#panel-search [role=status]", {hasText: /there, \d+ missing/}).waitFor();
      await page.locator("#panel-search .rows [role=row]").first().waitFor();
    }
    // What is of another kind is told so, beside what is read.
    const others = [["notes.txt", "no symbols", /^PDB, EXE, DLL, DMP, ELF and Mach-O/], ["A.class", "\xca\xfe\xba\xbe\0\0\0\x34", /^PDB, EXE/],
      ["packed.pdb", "Microsoft MSFZ Container\r\n\x1aALD\0\0", /^Its key is packed \(MSFZ\)/]];
    await input.setInputFiles([...others.map(([name, bytes]) => ({name, mimeType: "", buffer: Buffer.from(bytes, "latin1")}))]);
    await page.locator("#panel-search [role=status]", {hasText: "0 there, 0 missing, 3 not read"}).waitFor();
    for (const [i, [, , why]] of others.entries())
      assert.match(await page.locator("#panel-search .rows [role=row]").nth(i).locator(".key").textContent(), why);
  },

  "builds": async (open) => {
    const page = await open("/");
    const files = Array.from({length: 3}, (_, i) => ({path: row(i).path, kind: "pdb", machine: "x64", size: 5, as: "zstd", outcome: "stored"}));
    const asked = await answering(page, "builds", (q) => q.get("id")
      ? {api: 1, build: {...build(1), comment: HOSTILE, ended: "2026-11-29T15:08:00Z"}, files, next: null}
      : {api: 1, builds: [1, 2, 3, 4].map(build).filter((b) => !q.get("product") || b.product === q.get("product")),
        next: null, partial: false, errors: [], products: ["app", "tool"]});
    await page.getByRole("tab", {name: "Builds"}).click();
    await seen(page, "builds", 4);
    await page.getByLabel("Product").fill("app");
    await page.keyboard.press("Enter");
    await seen(page, "builds", 2);
    assert.equal(asked.at(-1).get("product"), "app");
    await page.locator("#panel-builds .rows .open").first().click();
    await page.locator("#panel-builds .detail .table").waitFor();
    assert.equal(asked.at(-1).get("id"), build(1).id);
    assert.equal(await page.locator("#panel-builds .detail pre").textContent(), `pepto-symbol rm ${build(1).id} --dry-run --store ...`);
    assert.ok((await page.locator("#panel-builds .detail dl").textContent()).includes("<img src=x onerror=alert(1)>\\u202e"));
    await accessible(page);
    await fits(page);
    await shoot(page, "builds");
    await page.reload();
    await page.locator("#panel-builds .detail .table").waitFor();
  },

  "test from here": async (open) => {
    const page = await open("/");
    const path = row(1).path;
    const asked = await answering(page, "test", (q) => ({api: 1, path: q.get("path"), status: 404, answer: "miss", why: null, store: null, key: null, form: null,
      size: null, memory: false, ms: 3.2, cut: false, asked: [
        {store: "s3://a", key: path, said: "miss", why: "the store has no such name", memory: true, ms: 0.01},
        {store: HOSTILE, key: null, said: "passed over", why: "only=bar*", memory: false, ms: null}]}));
    const input = page.getByLabel("Path, or a line of !sym noisy");
    const lines = [path, `SYMSRV:  HTTPGET: /${path}`, `SYMSRV:  UNC: C:\\Symbols\\${path.replaceAll("/", "\\")} - path not found`,
      `https://symbols.example.com/t/0123456789abcdef/${path}`, `  ${path}  `, `DBGHELP: foo - ${told.url}/download/${path} - file not found`];
    for (const line of lines) {
      const answer = page.waitForResponse(/\/-\/api\/test/);
      await input.fill(line);
      await page.keyboard.press("Enter");
      await answer;
      await page.locator("#test button:enabled").waitFor();
      assert.equal(asked.at(-1).get("path"), path, line);
    }
    await page.getByText("Missing – a debugger is told 404").waitFor();
    assert.equal(await page.locator("#test tbody tr").count(), 2);
    await accessible(page);
    await fits(page);
    await shoot(page, "test");
  },

  "what a server says that knows no such question": async (open) => {
    const page = await open("/", {allowed: [/status of (404|403|429|501|503)/]});
    let now;
    for (const name of ["search", "builds", "test", "missing", "live"]) await answering(page, name, () => now);
    for (const [status, body, words] of [[501, "", "does not answer this question"], [404, "", "does not answer this question"],
      [403, {api: 1, error: "set AUTH_TOKENS"}, "set AUTH_TOKENS"], [503, "", "Try again"]]) {
      now = {status, contentType: "application/json", body: JSON.stringify(body)};
      for (const tab of ["search?q=x", "builds", "missing", "live"]) {
        await page.goto(`${told.url}/#connect`);
        await page.goto(`${told.url}/#${tab}`);
        await page.locator("[role=tabpanel]:visible [role=alert]", {hasText: words}).waitFor();
      }
    }
    await accessible(page);
  },
});
