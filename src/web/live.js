// SPDX-License-Identifier: MIT
// Live: what the server does now. One question every five seconds, only while the tab is seen; five minutes as lines.
import {ask, count, date, failed, h, shown, size} from "./lib.js";

const EVERY = 5_000, SPAN = 300_000;
const SVG = "http://www.w3.org/2000/svg", WIDE = 300, HIGH = 52;

const sum = (o, ...names) => names.reduce((n, name) => n + (o[name] || 0), 0);
const found = (s) => sum(s.requests, "found", "not_modified", "range");
const lost = (s) => sum(s.requests, "fault", "working", "refused", "too_large");
const all = (s) => Object.values(s.requests).reduce((a, b) => a + b, 0);
const hits = (s) => sum(s.cache, "hit", "stale", "joined");
const looks = (s) => hits(s) + sum(s.cache, "filled", "passed");
const saved = (s) => sum(s.saved, "cache", "misses", "names");
const share = (part, whole) => whole > 0 ? 100 * part / whole : null;
const percent = (n) => n === null ? "–" : `${n < 10 || n > 99 && n < 100 ? n.toFixed(1) : Math.round(n)} %`;
const rate = (n) => n === null ? "–" : n < 10 ? n.toFixed(1) : count(Math.round(n));

/*
 * big(now, then, seconds): what stands there large, of the last five minutes. lines: [class, value(b, a, seconds)] of two polls.
 * most: what the top of the picture means, else the largest value.
 */
const panels = [
  {name: "Requests", big: (s, a, t) => [rate(a && (all(s) - all(a)) / t), "a second"],
    hint: (s) => `${count(found(s))} found, ${count(s.requests.miss)} missing, ${count(lost(s))} without an answer`,
    lines: [["", (b, a, t) => (found(b) - found(a)) / t], ["dim", (b, a, t) => (b.requests.miss - a.requests.miss) / t],
      ["bad", (b, a, t) => (lost(b) - lost(a)) / t]],
    act: "Blue: found. Dashed: missing; the tab Missing says what. Red: a store gave no answer, or the server is full: see the stores below."},
  {name: "From the cache", most: () => 100, big: (s, a) => [percent(a && looks(s) > looks(a) ? share(hits(s) - hits(a), looks(s) - looks(a))
    : share(hits(s), looks(s)))],
  hint: (s) => `${percent(share(hits(s), looks(s)))} since the start; ${count(s.cache.filled)} fetched, ${count(s.cache.passed)} passed by`,
  lines: [["", (b, a) => share(hits(b) - hits(a), looks(b) - looks(a))]],
  act: "Low for long: the cache is too small (CACHE_SIZE), or each file is asked for once. Passed by: the cache could not take it."},
  {name: "Bytes out", big: (s, a, t) => [a ? size((s.bytes_out - a.bytes_out) / t) : "–", "a second"],
    hint: (s) => `${size(s.bytes_out)} to clients, ${size(s.bytes_in)} from stores`,
    lines: [["", (b, a, t) => (b.bytes_out - a.bytes_out) / t], ["dim", (b, a, t) => (b.bytes_in - a.bytes_in) / t]],
    act: "Dashed: from stores. More in than out for long: files are fetched that clients leave, or want small ranges of."},
  {name: "Requests saved", big: (s) => [count(saved(s)), s.saved.usd ? `= $${s.saved.usd < 10 ? s.saved.usd.toFixed(2) : count(Math.round(s.saved.usd))}` : ""],
    hint: (s) => `${count(s.saved.cache)} by the cache, ${count(s.saved.misses)} by remembered misses, ${count(s.saved.names)} by names`,
    lines: [["", (b, a, t) => (saved(b) - saved(a)) / t]],
    act: "Requests that no store had to be asked, and their price (S3_PRICE). None by names: let the credentials list the bucket (s3:ListBucket)."},
  {name: "Asked of stores", big: (s, a, t) => [rate(a && (s.store_requests - a.store_requests) / t), "a second"],
    hint: (s) => `${count(s.store_answers.found)} found, ${count(s.store_answers.miss)} missing, ${count(s.store_answers.fault)} failed`,
    lines: [["", (b, a, t) => (b.store_requests - a.store_requests) / t],
      ["bad", (b, a, t) => (b.store_answers.fault - a.store_answers.fault) / t]],
    act: "Red: a store failed. Its last words stand below. Many misses: only= and not= keep names from stores that cannot have them."},
  {name: "Cache on disk", most: (s) => s.cache.limit, big: (s) => s.cache.limit ? [size(s.cache.bytes), `of ${size(s.cache.limit)}`] : ["off"],
    hint: (s) => `${count(s.cache.objects)} files; ${size(s.cache.evicted_bytes)} made room; ${count(s.cache.errors)} errors of the disk`,
    lines: [["", (b) => b.cache.bytes]],
    act: "Full is right: the least used goes first. More than its size a day makes room: set CACHE_SIZE higher. Errors: the disk fails."},
  {name: "Fetches", big: (s) => [count(s.fills.active), "now"],
    hint: (s) => `${count(s.fills.kept)} of ${count(s.fills.started)} kept; ${count(s.fills.corrupt)} damaged, ${count(s.fills.cancelled)} left`,
    lines: [["", (b) => b.fills.active], ["bad", (b, a) => b.fills.corrupt - a.fills.corrupt]],
    act: "Damaged: what came was not what the store has, or not the file of its key. `pepto-symbol verify` finds which."},
  {name: "Decoders", big: (s) => [count(s.decoders.active), "now"],
    hint: (s) => `${count(s.decoders.failed)} failed; ${count(s.turned_away.decoders)} turned away`,
    lines: [["", (b) => b.decoders.active], ["bad", (b, a) => b.decoders.failed - a.decoders.failed]],
    act: "Turned away: all processors expand files; DECODE_MAX lets more. Failed: a packed file in a store is damaged; the log says which."},
  {name: "Connections", most: (s) => s.connections_max, big: (s) => [count(s.connections.open), `of ${count(s.connections_max)}`],
    hint: (s) => `${count(s.connections.waiting)} wait, ${count(s.connections.transfers)} to stores, ${count(s.turned_away.connections)} turned away`,
    lines: [["", (b) => b.connections.open]],
    act: "Turned away: more came than MAX_CONNECTIONS, which is bound by open files (ulimit -n)."},
];

/* Blanks in place of what is not known break the line. */
function path(points, from, most) {
  let text = "", on = false;
  for (const [t, v] of points) {
    if (v === null || !isFinite(v)) {
      on = false;
      continue;
    }
    const x = WIDE * (t - from) / SPAN, y = HIGH - 2 - (HIGH - 4) * Math.min(1, v / most);
    text += `${on ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`;
    on = true;
  }
  return text;
}

function draw(svg, panel, history) {
  const now = history.at(-1), from = now.t - SPAN;
  const series = panel.lines.map(([, value]) => history.slice(1).map((b, i) => [b.t, value(b.s, history[i].s, Math.max(0.001, b.s.uptime_s - history[i].s.uptime_s))]));
  const most = panel.most?.(now.s) || Math.max(1e-9, ...series.flat().map(([, v]) => v || 0));
  // What did not happen needs no line of its own; the first is drawn last, upon the others.
  const drawn = panel.lines.map(([kind], i) => [kind, series[i]]).filter(([kind, points]) => !kind || points.some(([, v]) => v > 0));
  svg.replaceChildren(...drawn.reverse().map(([kind, points]) => {
    const line = document.createElementNS(SVG, "path");
    line.setAttribute("class", kind);
    line.setAttribute("d", path(points, from, most));
    return line;
  }));
}

function box(panel) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDE} ${HIGH}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("aria-hidden", "true");
  const big = h("p", {class: "big"}), hint = h("p", {class: "hint dim"});
  const element = h("section", {class: "panel"}, h("h2", {}, panel.name), big, hint, svg,
    h("details", {}, h("summary", {}, "What to do"), h("p", {class: "hint"}, panel.act)));
  return {element, set(history) {
    const now = history.at(-1).s, then = history.length > 1 ? history[0].s : null;
    const [n, unit] = panel.big(now, then, then && Math.max(0.001, now.uptime_s - then.uptime_s));
    big.replaceChildren(n, " ", h("span", {class: "hint dim"}, unit || ""));
    hint.textContent = panel.hint(now);
    draw(svg, panel, history);
  }};
}

const states = {up: ["good", "up"], failing: ["bad", "failing"], silent: ["", "not asked lately"], new: ["", "not asked yet"]};

function store_row(s) {
  const [kind, word] = states[s.state] || ["", shown(s.state)];
  return h("tr", {}, h("td", {}, shown(s.name)), h("td", {}, h("span", {class: `badge ${kind}`}, word)),
    h("td", {}, count(s.names)), h("td", {}, count(s.errors)),
    h("td", {}, s.last_error ? [shown(s.last_error), " ", h("span", {class: "dim"}, date(s.last_error_at))] : "–"));
}

const hours = (s) => s < 120 ? `${Math.round(s)} s` : s < 7200 ? `${Math.round(s / 60)} minutes` : s < 172800 ? `${Math.round(s / 3600)} hours` : `${Math.round(s / 86400)} days`;

export function build(panel) {
  let history = [], timer = 0, asking = null, seen = false;
  const boxes = panels.map(box);
  const said = h("p", {class: "dim"}, "Reading…"), trouble = h("div", {"aria-live": "polite"}), stores = h("tbody");
  const below = h("div", {class: "stack", hidden: true}, h("div", {class: "panels"}, boxes.map((b) => b.element)), h("h2", {}, "Stores"),
    h("div", {class: "scroll", tabindex: 0, role: "region", "aria-label": "Stores"}, h("table", {}, h("thead", {}, h("tr", {},
      ["Store", "State", "Names", "Errors", "Last error"].map((c) => h("th", {scope: "col"}, c)))), stores)));

  function take(s) {
    const t = Date.now();
    if (history.length && s.uptime_s < history.at(-1).s.uptime_s) history = []; // it was started anew: counters are 0 again
    history = history.filter((p) => p.t >= t - SPAN);
    history.push({t, s});
    said.textContent = `Version ${shown(s.version)}, up for ${hours(s.uptime_s)}. Lines: the last five minutes, as far as this page has seen them.`;
    for (const b of boxes) b.set(history);
    stores.replaceChildren(...s.stores.map(store_row));
    below.hidden = false;
    trouble.replaceChildren();
  }

  async function poll() {
    clearTimeout(timer);
    asking?.abort();
    const mine = asking = new AbortController();
    try {
      take(await ask("live", {}, {signal: mine.signal}));
    } catch (e) {
      if (e.name !== "AbortError") {
        if (!history.length) said.textContent = "";
        trouble.replaceChildren(failed(e, poll));
      }
    }
    if (mine === asking && seen && !document.hidden) timer = setTimeout(poll, EVERY);
  }

  function stop() {
    clearTimeout(timer);
    asking?.abort();
    asking = null;
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) stop();
    else if (seen) poll();
  });
  panel.append(said, trouble, below);
  return {
    show() {
      seen = true;
      poll();
    },
    hide() {
      seen = false;
      stop();
    },
  };
}
