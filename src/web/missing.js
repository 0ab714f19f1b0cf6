// SPDX-License-Identifier: MIT
// Missing: what was asked for most and is nowhere. Those whose name a store holds come first: they are gaps.
import {ask, command, count, counted, date, facts, failed, h, reveal, root, shell, shown, table} from "./lib.js";

const held = (row) => row.held !== false;

function fix(row) {
  return [h("h2", {class: "data"}, shown(row.name)),
    facts([["Key", h("span", {class: "data"}, shown(row.key))],
      ["Asked for", `${counted(row.count, "time")}${row.over ? `, or up to ${count(row.over)} fewer` : ""}`],
      ["First", `${date(row.first)} UTC`], ["Last", `${date(row.last)} UTC${row.client ? ` by ${shown(row.client)}` : ""}`],
      ["Other builds of it", {true: "A store has some: this one was not published, or is gone.",
        false: "No store has any.", null: "Unknown: no store's names are known."}[row.held]]]),
    h("p", {class: "hint"}, "Where the file is, see that it is the one, and publish it:"),
    command(`pepto-symbol key ${shell(row.name)}    # ${shown(row.key)}\npepto-symbol add ${shell(row.name)} --store ...`)];
}

export function build(panel) {
  let all = [], every = false, reading = null;
  const detail = h("aside", {class: "detail", "aria-live": "polite", hidden: true});
  const list = table("Missing files", [
    {name: "File", width: "minmax(9rem, 1.3fr)", cell: (r) => shown(r.name)},
    {name: "Key", class: "key dim", width: "minmax(9rem, 1.6fr)", cell: (r) => shown(r.key)},
    {name: "Count", class: "num strong", width: "5rem", cell: (r) => count(r.count)},
    {name: "Last", class: "dim", width: "11.5rem", cell: (r) => date(r.last)},
  ], (row) => reveal(detail, fix(row)));
  const said = h("p", {class: "dim", role: "status"});
  const place = h("div", {class: "stack"}, h("p", {class: "dim"}, "Reading…"));

  function draw() {
    const rows = every ? all : all.filter(held);
    const known = all.some((r) => r.held !== null);
    said.textContent = `${count(rows.length)} of ${counted(all.length, "file")}`;
    detail.hidden = true;
    if (!rows.length) {
      place.replaceChildren(h("p", {class: "empty"}, all.length
        ? "Nothing is missing under the names that the stores hold. “All” shows what else was asked for."
        : "Nothing is missing: all that was asked for since the server began to count was found."));
      return;
    }
    if (list.element.parentNode !== place)
      place.replaceChildren(...known || every ? [] : [h("p", {class: "hint"},
        "No store's names are known, so nothing can be told apart: these are all.")], list.element);
    list.set(rows);
  }

  async function read() {
    reading?.abort();
    reading = new AbortController();
    try {
      all = (await ask("missing", {}, {signal: reading.signal})).missing;
      draw();
    } catch (e) {
      if (e.name === "AbortError") return;
      said.textContent = "";
      place.replaceChildren(failed(e, read));
    }
  }

  const choice = (label, value) => h("label", {}, h("input", {type: "radio", name: "which", checked: value === every,
    onchange: () => {
      every = value;
      draw();
    }}), label);
  const link = (label, query) => h("a", {class: "button", href: new URL(`-/api/missing${query}`, root), download: `missing.${label.toLowerCase()}`},
    label);
  panel.append(h("div", {class: "bar"}, h("span", {class: "bar", role: "radiogroup", "aria-label": "Which"},
    choice("Names we hold", false), choice("All", true)), said,
  h("span", {class: "bar push"}, h("button", {type: "button", onclick: read}, "Refresh"), link("CSV", "?format=csv"), link("JSON", ""))),
  place, detail);
  return {show: read, hide: () => reading?.abort()};
}
