// SPDX-License-Identifier: MIT
// Search: a name, a glob of names, or name/KEY; or files, whose keys are read here and asked for.
import {ask, count, counted, date, drop, encoded, facts, failed, h, reveal, root, say, shown, size, table, top} from "./lib.js";
import {identify} from "./files.js";

const AT_ONCE = 1000;
const forgets = "forgets" in document.documentElement.dataset;
let operator = ""; // ADMIN_TOKEN, as long as the page is open

/* Purges what this server keeps and remembers of a path. */
function forget(path) {
  const out = h("div", {"aria-live": "polite"});
  const token = h("input", {type: "password", autocomplete: "off", required: true, "aria-label": "ADMIN_TOKEN", placeholder: "ADMIN_TOKEN"});
  token.value = operator;
  return h("div", {}, h("form", {onsubmit: async (e) => {
    e.preventDefault();
    operator = token.value;
    try {
      const answer = await fetch(new URL("-/purge", top), {method: "POST", body: `${path}\n`, headers: {Authorization: `Bearer ${operator}`}});
      out.replaceChildren(answer.ok ? say("good", "Forgotten: what the cache has of it, and that it was missing.")
        : say("bad", answer.status === 401 ? "That is not the ADMIN_TOKEN." : shown(await answer.text()) || `The server answered ${answer.status}.`));
    } catch {
      out.replaceChildren(say("bad", "The server cannot be reached."));
    }
  }}, token, h("button", {}, "Forget")), out);
}

function details(r) {
  return [h("h2", {class: "data"}, shown(r.path || r.name)),
    facts([["Store", r.store && h("span", {class: "data"}, shown(r.store))], ["Stored as", r.stored && h("span", {class: "data"}, shown(r.stored))], ["Form", r.form],
      ["Size", r.size === null || r.size === undefined ? null : `${size(r.size)} (${count(r.size)} bytes)`], ["Date", r.date && `${date(r.date)} UTC`],
      ["Transaction", r.transaction && h("a", {href: `#builds?id=${encodeURIComponent(r.transaction)}`}, shown(r.transaction))],
      ["Of", r.module && shown(r.module)], ["Why", r.why && shown(r.why)]]),
    r.path && h("div", {class: "bar begins"}, r.found !== "missing" && h("a", {class: "button", href: new URL(r.href ?? encoded(r.path), root), download: ""}, "Download"),
      forgets && forget(r.path))];
}

const found_kinds = {there: "good", missing: "warn", wrong: "bad", fault: "bad"};

export function build(panel) {
  let asking = null, rows = [], next = null, query = null, busy = false;
  const detail = h("aside", {class: "detail", "aria-live": "polite", hidden: true});
  const said = h("p", {class: "dim", role: "status"}), notes = h("div", {class: "stack"}), place = h("div", {class: "stack"});
  const input = h("input", {type: "search", class: "wide", autocomplete: "off", spellcheck: "false", required: true,
    "aria-label": "Name, glob or name/KEY", placeholder: "foo.pdb, foo*, or foo.pdb/KEY"});

  function open(row) {
    if (row.key === null && !row.why) {
      location.hash = `search?q=${encodeURIComponent(row.name)}`;
      return;
    }
    reveal(detail, details(row));
  }
  const names = table("Names", [{name: "Name", width: "minmax(10rem, 2fr)", cell: (r) => shown(r.name)},
    {name: "Folder", class: "dim", width: "minmax(8rem, 2fr)", cell: (r) => shown(r.stored)},
    {name: "Store", class: "dim", width: "minmax(6rem, 1fr)", cell: (r) => shown(r.store)}], open, () => more());
  const keys = table("Files", [{name: "Name", width: "minmax(8rem, 1.3fr)", cell: (r) => shown(r.name)},
    {name: "Key", class: "key dim", width: "minmax(9rem, 2fr)", cell: (r) => shown(r.key ?? "")}, {name: "Form", class: "dim", width: "5.5rem", cell: (r) => shown(r.form ?? "–")},
    {name: "Size", class: "num", width: "6rem", cell: (r) => size(r.size)}, {name: "Date", class: "dim", width: "11.5rem", cell: (r) => date(r.date)}],
  open, () => more());
  const dropped = table("Files that belong to what was dropped", [{name: "File", width: "minmax(8rem, 1.3fr)", cell: (r) => shown(r.name)},
    {name: "Key", class: "key dim", width: "minmax(9rem, 2fr)", cell: (r) => shown(r.key ?? r.why ?? "")}, {name: "Kind", class: "dim", width: "6.5rem", cell: (r) => shown(r.kind ?? "")},
    {name: "Found", width: "6.5rem", cell: (r) => h("span", {class: `badge ${found_kinds[r.found] || (r.why ? "bad" : "")}`}, r.found || (r.why ? "unknown" : "…"))},
    {name: "Size", class: "num", width: "6rem", cell: (r) => size(r.size)}], open);

  function stop() {
    asking?.abort();
    asking = null;
    busy = false;
  }

  function begin(status) {
    stop();
    asking = new AbortController();
    rows = [];
    next = null;
    detail.hidden = true;
    notes.replaceChildren();
    place.replaceChildren();
    said.textContent = status;
    return asking.signal;
  }

  function trouble(e, again) {
    if (e.name === "AbortError") return;
    said.textContent = "";
    notes.replaceChildren(failed(e, again));
  }

  function take(answer) {
    const list = answer.kind === "names" ? names : keys, added = rows.length > 0;
    rows = rows.concat(answer.rows);
    if (list === keys && added) rows.sort((a, b) => (b.date || "").localeCompare(a.date || ""));
    next = answer.next;
    const kind = answer.kind === "names" ? "name" : "file";
    said.textContent = rows.length ? next ? `${count(rows.length)} and more ${kind}s` : counted(rows.length, kind) : "";
    if (answer.errors?.length)
      notes.replaceChildren(say("warn", answer.errors.map((e) => h("p", {}, `${shown(e.store)}: ${shown(e.error)}`))));
    if (!rows.length && !next) {
      place.replaceChildren(h("p", {class: "empty"}, answer.partial ? "Nothing was found, but not all stores could be looked through."
        : "No store has it. Names are whole, in any case; with * and ? they are globs."));
      return;
    }
    if (list.element.parentNode !== place) place.replaceChildren(list.element);
    list.set(rows, added, list === keys);
  }

  /* One answer after the other, until something is to be seen. */
  async function more() {
    if (busy || !asking || query === null || rows.length && !next) return;
    const signal = asking.signal;
    busy = true;
    try {
      const answer = await ask("search", {q: query, from: next}, {signal});
      busy = false;
      take(answer);
      if (!rows.length && next) more();
    } catch (e) {
      if (signal === asking?.signal) {
        busy = false;
        next = null;
        trouble(e, () => search(query));
      }
    }
  }

  function search(q) {
    query = q;
    begin("Searching…");
    more();
  }

  async function check(files) {
    const signal = begin("Reading…");
    query = null;
    input.value = "";
    try {
      for (const file of files) rows.push(...await identify(file));
      place.replaceChildren(dropped.element);
      dropped.set(rows);
      const asked = rows.filter((r) => r.path);
      for (let i = 0; i < asked.length; i += AT_ONCE) {
        const part = asked.slice(i, i + AT_ONCE);
        said.textContent = `Asking for ${counted(asked.length, "file")}…`;
        const {keys: answers} = await ask("keys", {}, {method: "POST", signal, body: JSON.stringify({paths: part.map((r) => r.path)})});
        for (const [k, a] of answers.entries()) Object.assign(part[k], a, {path: part[k].path});
      }
      const n = (word) => rows.filter((r) => r.found === word).length;
      rows.sort((a, b) => ["missing", "wrong", "fault"].includes(b.found) - ["missing", "wrong", "fault"].includes(a.found));
      dropped.set(rows);
      said.textContent = `${count(n("there"))} there, ${count(n("missing"))} missing` + (n("wrong") ? `, ${count(n("wrong"))} wrong` : "") +
        (n("fault") ? `, ${count(n("fault"))} without an answer` : "") + (asked.length < rows.length ? `, ${count(rows.length - asked.length)} not read` : "");
    } catch (e) {
      trouble(e, () => check(files));
    }
  }

  panel.append(h("form", {role: "search", onsubmit: (e) => {
    e.preventDefault();
    const to = `#search?q=${encodeURIComponent(input.value.trim())}`;
    if (location.hash === to) search(input.value.trim());
    else location.hash = to;
  }}, input, h("button", {class: "main"}, "Search")), drop("Drop PDB, EXE, DLL, DMP, ELF or Mach-O files to see whether all is here, or", check), said, notes, place, detail);
  return {
    show(parameters) {
      const q = parameters.get("q");
      if (q && (q !== query || !asking)) {
        input.value = q;
        search(q);
      }
    },
    hide: stop,
  };
}
