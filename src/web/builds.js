// SPDX-License-Identifier: MIT
// Builds: the transactions of the stores, newest first, and the files of one. Removing stays with the command line.
import {ask, command, count, counted, date, facts, failed, h, reveal, say, shown, size, table} from "./lib.js";

const states = {live: "good", open: "warn", going: "warn", gone: "", damaged: "bad"};
const outcomes = {stored: "good", existed: "", conflict: "bad", failed: "bad", open: "warn"};
const badge = (word, kinds) => h("span", {class: `badge ${kinds[word] || ""}`}, shown(word ?? "–"));

/* Pages of a question, each asked for when the end of the last comes near. */
function pager(question, take, trouble) {
  let asking = null, next = null, ended = true;
  async function more() {
    if (asking || ended) return;
    const mine = asking = new AbortController();
    try {
      const answer = await question(next, mine.signal);
      if (mine !== asking) return;
      asking = null;
      next = answer.next;
      ended = !next;
      if (!take(answer)) more();
    } catch (e) {
      if (mine !== asking) return;
      asking = null;
      ended = true;
      if (e.name !== "AbortError") trouble(e);
    }
  }
  return {
    more,
    start() {
      this.stop();
      next = null;
      ended = false;
      more();
    },
    stop() {
      asking?.abort();
      asking = null;
      ended = true;
    },
  };
}

export function build(panel) {
  let rows = [], files = [], one = null, product = "", started = false;
  const said = h("p", {class: "dim", role: "status"}), notes = h("div", {class: "stack"}), place = h("div", {class: "stack"});
  const detail = h("aside", {class: "detail stack", hidden: true, tabindex: -1});
  const products = h("datalist", {id: "products"});
  const filter = h("input", {type: "search", list: "products", "aria-label": "Product", placeholder: "Product", autocomplete: "off"});
  const trouble = (e) => {
    said.textContent = "";
    notes.replaceChildren(failed(e, list));
  };

  const builds = table("Builds", [{name: "Product", width: "minmax(8rem, 1.2fr)", cell: (r) => shown(r.product || r.id)},
    {name: "Version", width: "minmax(6rem, 1fr)", class: "key", cell: (r) => shown(r.version || "–")}, {name: "State", width: "5.5rem", cell: (r) => badge(r.state, states)},
    {name: "Files", class: "num", width: "4.5rem", cell: (r) => count(r.files)}, {name: "Size", class: "num", width: "6rem", cell: (r) => size(r.bytes)},
    {name: "Started", class: "dim beside", width: "11.5rem", cell: (r) => date(r.started)}],
  (r) => { location.hash = `builds?${new URLSearchParams({id: r.id, ...r.store && {store: r.store}})}`; }, () => all.more());
  const all = pager((from, signal) => ask("builds", {product, from}, {signal}), (answer) => {
    const added = rows.length > 0;
    rows = rows.concat(answer.builds);
    products.replaceChildren(...(answer.products || []).map((p) => h("option", {value: p})));
    said.textContent = rows.length ? answer.next ? `${count(rows.length)} and more builds` : counted(rows.length, "build") : "";
    if (answer.errors?.length) notes.replaceChildren(say("warn", answer.errors.map((e) => h("p", {}, `${shown(e.store)}: ${shown(e.error)}`))));
    if (!rows.length && answer.next) return false;
    if (!rows.length) {
      place.replaceChildren(h("p", {class: "empty"}, product ? "No build of this product." : "Nothing was published yet by `pepto-symbol add`, or by uploads."));
      return true;
    }
    if (builds.element.parentNode !== place) place.replaceChildren(builds.element);
    builds.set(rows, added);
    return answer.builds.length > 0;
  }, trouble);

  const listed = table("Files of the build", [{name: "Path", width: "minmax(12rem, 3fr)", cell: (r) => shown(r.path)},
    {name: "Kind", class: "dim", width: "5rem", cell: (r) => shown(r.kind ?? "–")}, {name: "Machine", class: "dim", width: "5rem", cell: (r) => shown(r.machine ?? "–")},
    {name: "Size", class: "num", width: "6rem", cell: (r) => size(r.size)}, {name: "Outcome", width: "6.5rem", cell: (r) => badge(r.outcome, outcomes)}],
  (r) => { location.hash = `search?q=${encodeURIComponent(r.path.split("/").slice(0, 2).join("/"))}`; }, () => its.more());
  const its = pager((from, signal) => ask("builds", {...one, from}, {signal}), (answer) => {
    const b = answer.build, added = files.length > 0;
    if (!added) {
      reveal(detail, h("h2", {}, `${shown(b.product || "Build")} ${shown(b.version || "")} `, badge(b.state, states)),
        facts([["ID", h("span", {class: "data"}, shown(b.id))], ["Store", b.store && h("span", {class: "data"}, shown(b.store))], ["Started", `${date(b.started)} UTC`],
          ["Ended", b.ended && `${date(b.ended)} UTC`], ["Files", `${count(b.files)}, ${size(b.bytes)}`], ["Comment", b.comment && shown(b.comment)],
          ["Source", b.source && shown(b.source)], ["By", b.user && `${shown(b.user)}@${shown(b.host)}`], ["Removed", b.removed && count(b.removed)],
          ["Kept", b.kept && count(b.kept)]]),
        ...b.state === "gone" ? [] : [h("p", {class: "hint"}, "To see what would go if it is removed:"), command(`pepto-symbol rm ${shown(b.id)} --dry-run --store ...`)]);
    }
    if (answer.error) detail.append(say("warn", shown(answer.error)));
    files = files.concat(answer.files || []);
    if (files.length && !added) detail.append(listed.element);
    if (files.length) listed.set(files, added);
    return true;
  }, (e) => {
    reveal(detail, failed(e, () => its.start()));
  });

  function list() {
    rows = [];
    started = true;
    notes.replaceChildren();
    place.replaceChildren();
    said.textContent = "Reading…";
    all.start();
  }

  panel.append(h("form", {onsubmit: (e) => {
    e.preventDefault();
    product = filter.value.trim();
    list();
  }}, filter, products, h("button", {}, "Filter"), said, h("button", {type: "button", class: "push", onclick: list}, "Refresh")), notes, place, detail);
  return {
    show(parameters) {
      if (!started) list();
      const id = parameters.get("id");
      its.stop();
      detail.hidden = true;
      if (!id) return;
      one = {id, store: parameters.get("store")};
      files = [];
      reveal(detail, h("p", {class: "dim"}, "Reading…"));
      its.start();
    },
    hide() {
      all.stop();
      its.stop();
      started = false;
    },
  };
}
