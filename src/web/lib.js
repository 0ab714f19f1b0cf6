// SPDX-License-Identifier: MIT
// What the tabs share. All that comes from a bucket or a client gets into the page as text (append, textContent).

export const root = new URL("../../", import.meta.url); // below it lie symbols and /-/api/
export const top = new URL(document.documentElement.dataset.top, location); // below it, /-/upload/ and /-/purge

/* An element: h("p", {class: "dim", onclick: f}, "text", another). Of the properties undefined and false are left out. */
export function h(tag, properties = {}, ...children) {
  const e = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value);
    else if (value !== undefined && value !== false) e.setAttribute(name, value === true ? "" : value);
  }
  e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false));
  return e;
}

/* Characters that are not seen, or turn around what is beside them, are shown by their number. */
export const shown = (s) =>
  String(s ?? "").replace(/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`);

export const count = (n) => n === null || n === undefined ? "–" : n.toLocaleString("en");

export const counted = (n, one) => `${count(n)} ${one}${n === 1 ? "" : "s"}`;

export function size(n) {
  if (n === null || n === undefined) return "–";
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let i = 0;
  for (; n >= 1000 && i < units.length - 1; i++) n /= 1024;
  return `${i && n < 100 ? n.toFixed(1) : Math.round(n)} ${units[i]}`;
}

export const date = (s) => s ? shown(s).replace("T", " ").replace(/(:\d\d)(\.\d+)?Z$/, "$1") : "–";

/* A name of a file as a shell takes it, whatever is in it. */
export function shell(name) {
  const safe = name.startsWith("-") ? `./${name}` : name;
  return /^[\w.+/-]+$/.test(safe) ? safe : `'${shown(safe).replaceAll("'", "'\\''")}'`;
}

/* A path of names as it stands in a URL. */
export const encoded = (path) => path.split("/").map(encodeURIComponent).join("/");

/* What went wrong, in words for who looks at the page. */
export class Problem extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

function problem_of(status, said) {
  if (status === 401) return "The server asks for a token. Reload the page, and log in.";
  if (status === 404 || status === 501) return said || "This server does not answer this question yet. A newer one does.";
  if (said) return said;
  if (status === 429 || status === 503) return "The server cannot answer now. Try again.";
  return `The server answered ${status}.`;
}

/* A question to /-/api/. Throws Problem, or AbortError where signal says so. */
export async function ask(name, parameters = {}, how = {}) {
  const url = new URL(`-/api/${name}`, root);
  for (const [key, value] of Object.entries(parameters))
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(key, value);
  let answer;
  try {
    answer = await fetch(url, {cache: "no-store", ...how});
  } catch (e) {
    if (e.name === "AbortError") throw e;
    throw new Problem(0, "The server cannot be reached.");
  }
  let body = null;
  try {
    body = await answer.json();
  } catch (e) {
    if (e.name === "AbortError") throw e;
  }
  if (!answer.ok) throw new Problem(answer.status, problem_of(answer.status, body?.error));
  if (!body) throw new Problem(answer.status, "What the server answered was cut off. Try again.");
  return body;
}

export function say(kind, ...children) {
  return h("div", {class: `say ${kind}`, role: kind === "bad" ? "alert" : "status"}, ...children);
}

/* A problem with a button that tries again. */
export function failed(e, again) {
  if (!(e instanceof Problem)) console.error(e);
  return say("bad", h("p", {}, e instanceof Problem ? e.message : "This page is at fault. Reload it."),
    again && h("button", {type: "button", onclick: again}, "Try again"));
}

async function copy(text, pre) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch { // not over plain http
    getSelection().selectAllChildren(pre);
    return document.execCommand("copy");
  }
}

/* A button that copies what a <pre> says. */
export function copied(pre) {
  const box = h("div", {class: "cmd"});
  const button = h("button", {type: "button", "aria-label": "Copy", onclick: async () => {
    button.textContent = await copy(pre.textContent, pre) ? "Copied" : "Press Ctrl+C";
    setTimeout(() => { button.textContent = "Copy"; }, 2000);
  }}, "Copy");
  pre.replaceWith(box);
  box.append(pre, button);
  return box;
}

export const command = (text) => copied(h("pre", {tabindex: 0}, h("code", {}, text)));

export const facts = (rows) => h("dl", {}, rows.filter(([, value]) => value !== null && value !== undefined && value !== "")
  .map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]));

/* Fill the box below a table, and let it be seen. */
export function reveal(box, ...children) {
  box.replaceChildren(...children.flat(Infinity).filter(Boolean));
  box.hidden = false;
  box.scrollIntoView({block: "nearest"});
}

/*
 * A table of any length, of which only the rows that are seen are drawn. columns: {name, width, class, cell(row)}; the first
 * is a button that calls open(row). more(): called when the end comes near. Arrow keys, Page, Home and End go from
 * row to row.
 */
export function table(label, columns, open, more) {
  let rows = [], on = 0, chosen = null;
  const drawn = new Map();
  const body = h("div", {class: "rows", role: "rowgroup"});
  const frame = h("div", {class: "table", role: "table", "aria-label": label},
    h("div", {role: "rowgroup"}, h("div", {role: "row", class: "head"},
      columns.map((c) => h("span", {role: "columnheader", class: c.class}, c.name)))), body);
  frame.style.setProperty("--columns", columns.map((c) => c.width).join(" "));

  const high = () => parseFloat(getComputedStyle(frame).getPropertyValue("--row")) *
    parseFloat(getComputedStyle(document.documentElement).fontSize) || 38;

  function choose(i) {
    on = chosen = i;
    draw();
    open(rows[i], i);
  }

  function make(i) {
    const cells = columns.map((c, at) => {
      const content = c.cell(rows[i]);
      const inside = at ? content
        : h("button", {type: "button", class: "open", tabindex: -1, onclick: () => choose(i)}, content);
      return h("span", {role: "cell", class: `${at ? "" : "first "}${c.class || ""}`,
        title: typeof content === "string" ? content : undefined}, inside);
    });
    return h("div", {role: "row", "aria-rowindex": i + 2}, cells);
  }

  function draw() {
    const each = high();
    const first = Math.max(0, Math.floor(frame.scrollTop / each) - 6);
    const last = Math.min(rows.length, Math.ceil((frame.scrollTop + (frame.clientHeight || 900)) / each) + 6);
    body.style.height = `${rows.length * each}px`;
    for (const [i, row] of drawn) {
      if ((i < first || i >= last) && !row.contains(document.activeElement)) {
        row.remove();
        drawn.delete(i);
      }
    }
    for (let i = first; i < last; i++) {
      if (drawn.has(i)) continue;
      const row = make(i);
      drawn.set(i, row);
      const next = [...drawn.keys()].filter((k) => k > i).sort((a, b) => a - b)[0];
      body.insertBefore(row, next === undefined ? null : drawn.get(next));
    }
    for (const [i, row] of drawn) {
      row.style.top = `${i * each}px`;
      row.classList.toggle("on", i === chosen);
      row.querySelector(".open").tabIndex = i === on ? 0 : -1;
    }
    if (rows.length && !drawn.has(on)) drawn.get(first).querySelector(".open").tabIndex = 0;
    if (more && last >= rows.length - 20) more();
  }

  function go(i) {
    on = Math.max(0, Math.min(rows.length - 1, i));
    const each = high(), seen = frame.clientHeight - each - 4;
    if (on * each < frame.scrollTop) frame.scrollTop = on * each;
    else if ((on + 1) * each > frame.scrollTop + seen) frame.scrollTop = (on + 1) * each - seen;
    draw();
    drawn.get(on)?.querySelector(".open").focus({preventScroll: true});
  }

  frame.addEventListener("keydown", (e) => {
    const page = Math.max(1, Math.floor(frame.clientHeight / high()) - 2);
    const to = {ArrowDown: on + 1, ArrowUp: on - 1, PageDown: on + page, PageUp: on - page, Home: 0, End: rows.length - 1}[e.key];
    if (to === undefined || e.ctrlKey || e.metaKey || e.altKey || !rows.length) return;
    e.preventDefault();
    go(to);
  });
  frame.addEventListener("focusin", (e) => {
    for (const [i, row] of drawn) if (row.contains(e.target)) on = i;
  });
  let asked = false;
  frame.addEventListener("scroll", () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; draw(); });
  });
  new ResizeObserver(draw).observe(frame);

  return {
    element: frame,
    get rows() { return rows; },
    /* added: the rows are others at the end of those that were there; moved: and they may be in another order. */
    set(all, added = false, moved = false) {
      const focused = body.contains(document.activeElement);
      rows = all;
      if (!added || moved) {
        for (const row of drawn.values()) row.remove();
        drawn.clear();
      }
      if (!added) {
        on = 0;
        chosen = null;
        frame.scrollTop = 0;
      }
      frame.setAttribute("aria-rowcount", rows.length + 1);
      draw();
      if (focused && rows.length) go(on);
    },
  };
}

/* Where files are dropped, or chosen. */
export function drop(text, take) {
  const input = h("input", {type: "file", multiple: true, onchange: () => {
    take([...input.files]);
    input.value = "";
  }});
  const zone = h("label", {class: "drop",
    ondragover: (e) => { e.preventDefault(); zone.classList.add("over"); },
    ondragleave: () => zone.classList.remove("over"),
    ondrop: (e) => {
      e.preventDefault();
      zone.classList.remove("over");
      take([...e.dataTransfer.files]);
    }}, input, text, " ", h("u", {}, "choose them"), ".");
  return zone;
}
