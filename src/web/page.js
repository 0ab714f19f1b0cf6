// SPDX-License-Identifier: MIT
// The tabs of page.html. Each is a URL (#missing, #search?q=foo*), and is built when it is opened first: its module has
// build(panel), which returns what is called when it is shown, with the parameters of its URL, and left.
import {h, say} from "./lib.js";

const strip = document.getElementById("tabs");
const tabs = [...strip.children].map((link) => ({link, name: link.hash.slice(1), label: link.textContent}));
const main = document.querySelector("main");
let open = null;

function asked() {
  const [name, query] = location.hash.slice(1).split(/\?(.*)/s);
  return {tab: tabs.find((t) => t.name === name) || tabs[0], parameters: new URLSearchParams(query || "")};
}

function panel_of(tab) {
  const id = `panel-${tab.name}`;
  const panel = document.getElementById(id) || h("div", {id});
  panel.setAttribute("role", "tabpanel");
  panel.setAttribute("aria-labelledby", `tab-${tab.name}`);
  panel.tabIndex = -1;
  main.append(panel);
  tab.link.setAttribute("aria-controls", id);
  return panel;
}

async function load(tab) {
  tab.panel = panel_of(tab);
  tab.view = {};
  const waits = h("p", {class: "dim"}, "Loading…");
  if (tab !== tabs[0]) tab.panel.append(waits);
  try {
    const {build} = await import(`./${tab.name}.js`);
    waits.remove();
    tab.view = build(tab.panel) || {};
  } catch (e) {
    console.error(e);
    waits.remove();
    tab.panel.append(say("bad", h("p", {}, "A part of this page did not come."),
      h("button", {type: "button", onclick: () => location.reload()}, "Reload")));
  }
}

async function show() {
  const {tab, parameters} = asked();
  if (open && open !== tab) {
    open.view.hide?.();
    open.panel.hidden = true;
  }
  for (const t of tabs) {
    t.link.setAttribute("aria-selected", String(t === tab));
    t.link.tabIndex = t === tab ? 0 : -1;
  }
  if (tab.name !== "connect") document.getElementById("panel-connect").hidden = true;
  document.title = tab.name === "connect" ? "Symbol server" : `${tab.label} – Symbol server`;
  open = tab;
  strip.scrollLeft = tab.link.offsetLeft - (strip.clientWidth - tab.link.offsetWidth) / 2; // a narrow window has no room for all
  tab.loaded ||= load(tab);
  tab.panel.hidden = false;
  await tab.loaded;
  if (open === tab) tab.view.show?.(parameters);
}

/* The first picture is drawn, or there is none to wait for, as nobody looks. */
const painted = () => new Promise((resolve) => {
  const hidden = () => document.hidden && resolve();
  document.addEventListener("visibilitychange", hidden);
  hidden();
  requestAnimationFrame(() => setTimeout(resolve));
});

strip.addEventListener("keydown", (e) => {
  const at = tabs.indexOf(open);
  const to = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1}[e.key];
  if (e.key === "ArrowDown") {
    e.preventDefault();
    open.panel.focus();
  }
  if (to === undefined || e.ctrlKey || e.metaKey || e.altKey) return;
  e.preventDefault();
  const tab = tabs[(to + tabs.length) % tabs.length];
  location.hash = tab.name;
  tab.link.focus();
});
addEventListener("hashchange", show);
// Connect is whole without script, and is seen before any of it does something.
if (asked().tab === tabs[0]) await painted();
if (!open) show();
