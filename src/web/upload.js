// SPDX-License-Identifier: MIT
// Upload: files, each by a request of its own (an XHR, since fetch tells nothing of how far it is). The token stays in memory.
import {count, drop, h, shown, size, top} from "./lib.js";

const AT_ONCE = 2;
const words = {stored: ["good", "stored"], exists: ["", "was there"], conflict: ["bad", "conflict"], refused: ["bad", "refused"],
  failed: ["bad", "failed"], unknown: ["warn", "no symbol file"]};
const whys = {401: "That is no upload token.", 413: "It is longer than the server takes (UPLOAD_MAX_SIZE).",
  503: "The server cannot take it now. Try again."};

export function build(panel) {
  const jobs = [];
  let running = 0;
  const token = h("input", {type: "password", autocomplete: "off"});
  const about = {product: h("input", {type: "text", autocomplete: "off"}), version: h("input", {type: "text", autocomplete: "off"}),
    comment: h("input", {type: "text", autocomplete: "off"})};
  const said = h("p", {class: "dim", role: "status"}), list = h("ul", {class: "jobs"});

  const badge = (job, kind, word) => {
    job.badge.className = `badge ${kind}`;
    job.badge.textContent = word;
  };

  function tell(job, answer) {
    const files = answer?.files || [];
    job.files.replaceChildren(...files.slice(0, 500).map((f) => h("p", {class: "data"},
      files.length > 1 && [h("span", {class: `badge ${words[f.status]?.[0] || ""}`}, words[f.status]?.[1] || shown(f.status)), " "], shown(f.key || f.name), f.why && f.why !== words[f.status]?.[1] && h("span", {class: "dim"}, ` – ${shown(f.why)}`))));
    if (answer?.error) job.files.append(h("p", {class: "bad"}, shown(answer.error)));
  }

  /* What became of it: stands in the answer, or there is none. */
  function end(job, state) {
    running--;
    job.xhr = null;
    job.bar.hidden = job.stop.hidden = true;
    job.again.hidden = state === "done";
    job.state = state;
    next();
  }

  function answered(job, xhr) {
    let answer = null;
    try {
      answer = JSON.parse(xhr.responseText);
    } catch { /* a proxy's page */ }
    tell(job, answer);
    const done = xhr.status === 200 || xhr.status === 201;
    const few = answer?.files?.length === 1 && words[answer.files[0].status];
    if (done) badge(job, "good", xhr.status === 201 ? "stored" : "was there");
    else badge(job, "bad", few ? few[1] : "failed");
    if (!done && !answer?.files?.length && !answer?.error)
      job.files.replaceChildren(h("p", {class: "bad"}, whys[xhr.status] || `The server answered ${xhr.status}.`));
    end(job, done ? "done" : "failed");
  }

  function send(job) {
    const url = new URL(`-/upload/${encodeURIComponent(job.file.name)}`, top);
    for (const [name, field] of Object.entries(about)) if (field.value.trim()) url.searchParams.set(name, field.value.trim());
    const xhr = job.xhr = new XMLHttpRequest();
    running++;
    job.state = "running";
    job.bar.hidden = job.stop.hidden = false;
    job.again.hidden = true;
    job.files.replaceChildren();
    badge(job, "", "0 %");
    xhr.open("PUT", url);
    xhr.setRequestHeader("Authorization", `Bearer ${token.value}`);
    xhr.setRequestHeader("Content-Type", "application/octet-stream");
    xhr.upload.onprogress = (e) => {
      job.bar.value = e.total ? e.loaded / e.total : 1;
      badge(job, "", e.loaded === e.total ? "being stored" : `${Math.floor(100 * e.loaded / e.total)} %`);
    };
    xhr.onload = () => answered(job, xhr);
    xhr.onerror = () => {
      badge(job, "bad", "cut off");
      job.files.replaceChildren(h("p", {class: "bad"}, "The connection was cut. What the server has stored by then is there: send it again."));
      end(job, "failed");
    };
    xhr.onabort = () => {
      badge(job, "warn", "stopped");
      end(job, "failed");
    };
    xhr.send(job.file);
  }

  function next() {
    for (const job of jobs) {
      if (running >= AT_ONCE) break;
      if (job.state === "waiting") send(job);
    }
    const n = (state) => jobs.filter((j) => j.state === state).length;
    said.textContent = jobs.length ? `${count(n("done"))} of ${count(jobs.length)} done${n("failed") ? `, ${count(n("failed"))} not` : ""}` : "";
  }

  function wait(job) {
    job.state = "waiting";
    job.again.hidden = true;
    badge(job, "", "waits");
    next();
  }

  function take(files) {
    if (!token.value) {
      token.focus();
      said.textContent = "First the token, please.";
      return;
    }
    for (const file of files) {
      const job = {file, state: "waiting", badge: h("span", {class: "badge"}, "waits"), files: h("div", {class: "stack"}),
        bar: h("progress", {max: 1, value: 0, "aria-label": `How far ${shown(file.name)} is`, hidden: true})};
      job.stop = h("button", {type: "button", hidden: true, onclick: () => job.xhr?.abort(), "aria-label": `Stop ${shown(file.name)}`}, "Stop");
      job.again = h("button", {type: "button", hidden: true, onclick: () => wait(job), "aria-label": `Send ${shown(file.name)} again`}, "Send again");
      jobs.push(job);
      list.append(h("li", {}, h("div", {class: "bar"}, h("span", {class: "data"}, shown(file.name)), h("span", {class: "dim data"}, size(file.size)),
        job.badge, h("span", {class: "push bar"}, job.stop, job.again)), job.bar, job.files));
    }
    next();
  }

  const field = (label, input) => h("label", {class: "field"}, label, input);
  addEventListener("beforeunload", (e) => {
    if (running) e.preventDefault();
  });
  panel.append(h("form", {onsubmit: (e) => e.preventDefault()}, field("Upload token", token), field("Product", about.product),
    field("Version", about.version), field("Comment", about.comment)),
  drop("Drop PDB, EXE, DLL and other symbol files, or zip archives of them, or", take), said, list);
}
