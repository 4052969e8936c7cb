// Live updates. The server renders the rows; this puts them on the page.
"use strict";

const maxRows = 500;
const byId = (id) => document.getElementById(id);
const events = byId("events");
const pause = byId("pause");
const state = byId("state");
const form = document.querySelector("form");

let last = events.dataset.last; // number of the newest event that is shown or passed over
let paused = false;
let waiting = 0; // events that came while paused
let source;

function connect() {
  const query = new URLSearchParams(location.search);
  query.set("after", last);
  source = new EventSource("live?" + query);
  source.onopen = () => say();
  source.onerror = () => say();
  source.addEventListener("rows", (message) => {
    const batch = JSON.parse(message.data);
    if (paused) {
      waiting += batch.rows + batch.skipped;
    } else {
      last = message.lastEventId;
      show(batch);
    }
    say();
  });
  source.addEventListener("stats", (message) => count(JSON.parse(message.data)));
}

// show puts new rows on top, and drops the oldest that nobody has opened.
function show(batch) {
  const holder = document.createElement("template");
  holder.innerHTML = batch.html; // made by the server's template, which escapes
  if (batch.skipped > 0) {
    const gap = document.createElement("li");
    gap.className = "skipped";
    gap.textContent = `${batch.skipped.toLocaleString("en")} more came faster than is shown; a filter narrows it down`;
    holder.content.append(gap);
  }
  for (const row of holder.content.querySelectorAll("[data-app]")) {
    offer(row.dataset.app);
  }
  events.prepend(holder.content);
  for (let row = events.lastElementChild; row && events.childElementCount > maxRows;) {
    const before = row.previousElementSibling;
    if (!row.querySelector("details[open]")) row.remove();
    row = before;
  }
  byId("empty").hidden = true;
}

// offer adds an app to the filter's choices when it is seen for the first time.
function offer(app) {
  const choices = form.elements.app;
  const most = 500;
  if (app && choices.length < most && !Array.from(choices.options).some((o) => o.value === app)) {
    choices.add(new Option(app, app));
  }
}

function count(stats) {
  byId("received").textContent = stats.received;
  byId("rate").textContent = stats.rate;
  byId("delay").textContent = stats.delay;
  const refused = byId("refused");
  if (refused.textContent !== stats.refused) refused.textContent = stats.refused;
  refused.hidden = stats.refused === "";
}

function say() {
  const on = source.readyState === EventSource.OPEN;
  const text = !on ? "not connected" : paused ? "paused" : "live";
  if (state.textContent !== text) state.textContent = text;
  state.className = !on ? "off" : paused ? "" : "on";
  pause.textContent = !paused ? "Pause" : waiting ? `Resume (${waiting.toLocaleString("en")} new)` : "Resume";
}

function setPaused(value) {
  if (paused === value) return;
  paused = value;
  pause.setAttribute("aria-pressed", String(paused));
  if (!paused) {
    waiting = 0;
    source.close();
    connect(); // from the last event that is shown
  }
  say();
}

pause.hidden = false;
pause.addEventListener("click", () => setPaused(!paused));
// Rows that move are hard to read: opening one pauses.
events.addEventListener("toggle", (e) => { if (e.target.open) setPaused(true); }, true);
for (const choice of [form.elements.app, form.elements.kind]) {
  choice.addEventListener("change", () => form.requestSubmit());
}
// An address without the empty parameters is easier to pass on.
form.addEventListener("formdata", (e) => {
  for (const [name, value] of [...e.formData]) if (value === "") e.formData.delete(name);
});
connect();
say();
