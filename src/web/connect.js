// SPDX-License-Identifier: MIT
// Connect is the server's own HTML. Here it gets buttons that copy, and a test: what would a debugger be told, and why?
import {ask, copied, failed, facts, h, say, shown, size} from "./lib.js";

/*
 * The path in what was pasted: itself, a URL, or a line that a debugger has printed ("SYMSRV:  HTTPGET: /foo.pdb/KEY/foo.pdb",
 * "SYMSRV:  UNC: C:\Symbols\foo.pdb\KEY\foo.pdb - path not found").
 */
export function path_in(text) {
  const clean = text.trim().replaceAll("\\", "/");
  const build_id = clean.match(/buildid\/[0-9a-f]{4,}\/\S+/i);
  if (build_id) return build_id[0];
  // Of all "name/KEY/last" the one at the end: a folder, or a token, may look like the first two.
  const all = [...clean.matchAll(/(?=(?:^|[/:])([^/:*?"<>|\r\n]+)\/([0-9a-z-]{5,64})\/([^/:*?"<>|\r\n]+))/gi)];
  if (!all.length) return clean.replace(/^[a-z]+:\/\/[^/]*\//i, "").replace(/^\/+/, "");
  const [, name, key, last] = all.findLast(([, a, , b]) => /[._]/.test(a) && b.includes("."))  || all.at(-1);
  let path = `${name.trimStart()}/${key}/${last.replace(/\s+(-\s|not found).*$/is, "").trim()}`;
  if (/%[0-9a-f]{2}/i.test(path)) {
    try {
      path = decodeURIComponent(path);
    } catch { /* a % that stands for itself */ }
  }
  return path;
}

const answers = {
  found: ["good", "Found"],
  miss: ["warn", "Missing"],
  fault: ["bad", "No answer from a store"],
  refused: ["bad", "Refused"],
};
const said = {found: "good", denied: "warn", refused: "warn", fault: "bad", "no answer": "warn"};
const ms = (n) => n === null || n === undefined ? "–" : `${n < 10 ? n.toFixed(1) : Math.round(n)} ms`;

/* Another key may be found before all have answered, which is no trouble. */
function asked_row(a, is_found) {
  const kind = is_found && a.said === "no answer" ? "" : said[a.said] || "";
  return h("tr", {}, h("td", {}, h("span", {class: `badge ${kind}`}, shown(a.said))),
    h("td", {}, shown(a.key), a.why && h("div", {class: "hint dim"}, shown(a.why))), h("td", {}, shown(a.store)),
    h("td", {}, /^(not asked|passed over)$/.test(a.said) ? "–" : a.memory ? "memory" : "store"), h("td", {}, ms(a.ms)));
}

export function result(t) {
  const [kind, title] = answers[t.answer] || ["", shown(t.answer)];
  return [say(kind, h("h3", {}, `${title} – a debugger is told ${t.status}`),
    t.why && h("p", {}, shown(t.why)),
    facts([["Path", h("span", {class: "data"}, shown(t.path))], ["Store", t.store && h("span", {class: "data"}, shown(t.store))],
      ["Key", t.key && h("span", {class: "data"}, shown(t.key))], ["Form", t.form && shown(t.form)],
      ["Size", t.size === null || t.size === undefined ? null : size(t.size)], ["Took", ms(t.ms)]])),
  t.asked?.length ? h("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "What was asked of which store"},
    h("table", {}, h("thead", {}, h("tr", {}, ["Said", "Key", "Store", "From", "Took"].map((c) => h("th", {scope: "col"}, c)))),
      h("tbody", {}, t.asked.map((a) => asked_row(a, t.answer === "found"))))) : h("p", {class: "hint"}, "No store was asked.")];
}

function tester() {
  const input = h("input", {type: "text", class: "wide", name: "path", required: true, autocomplete: "off", spellcheck: "false",
    "aria-label": "Path, or a line of !sym noisy", placeholder: "foo.pdb/KEY/foo.pdb, or a line of !sym noisy"});
  const out = h("div", {class: "stack", "aria-live": "polite"});
  const button = h("button", {class: "main"}, "Test");
  const run = async (e) => {
    e?.preventDefault();
    const path = path_in(input.value);
    if (!path) return;
    button.disabled = true;
    out.replaceChildren(say("", "Asking the stores…"));
    try {
      out.replaceChildren(...result(await ask("test", {path})));
    } catch (problem) {
      out.replaceChildren(failed(problem, run));
    }
    button.disabled = false;
  };
  return h("section", {class: "stack", id: "test"}, h("h2", {}, "Test from here"),
    h("form", {onsubmit: run}, input, button), out);
}

export function build(panel) {
  for (const pre of panel.querySelectorAll("pre")) copied(pre);
  panel.append(tester());
}
