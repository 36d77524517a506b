// Sends one request with a watched trace, waits for its steps and draws them: the way through the places, and a table with bars.

import { ask } from "./api.js";
import { node, prefersCalm } from "./dom.js";
import { milliseconds } from "./format.js";
import { answerOf, isRequest, newTrace, offsetText, stepsOf, visibilityOf } from "./trace.js";

const [interval, quiet, longest, perStep, requestPatience] = [150, 700, 3000, 260, 15_000];

const sleep = ms => new Promise(done => setTimeout(done, ms));

/** Returns { answer, trace }; trace is null if no step was reported. */
export async function watch(path, request) {
  const { id, header } = newTrace();
  const answer = await ask(path, { timeout: requestPatience, ...request, headers: { ...request.headers, traceparent: header } });
  return { answer, trace: answer.status === 0 ? null : await collect(id) };
}

// Until the request is there and nothing new has come for a while.
async function collect(id) {
  const started = performance.now();
  let spans = [];
  let changed = started;
  while (performance.now() - started < longest && !(spans.some(isRequest) && performance.now() - changed > quiet)) {
    await sleep(interval);
    const answer = await ask(`console/data/traces/${id}`);
    if (!answer.ok) {
      if (answer.status === 401 || answer.status === 403) break;
      continue;
    }
    if (answer.body.spans.length > spans.length) {
      spans = answer.body.spans;
      changed = performance.now();
    }
  }
  return stepsOf(spans);
}

/** Draws a trace. Returns the element. */
export function draw(trace, title) {
  const { request, picture, steps } = trace;
  const total = Math.max(...steps.map(step => step.offset + step.duration), 0.001);
  const visited = new Set(steps.map(step => step.place));
  const places = new Map(picture.map(([place, label]) => [place, node("li", { class: visited.has(place) ? "visited" : "passed" },
    node("span", { class: "place" }, label), node("small", {}, visited.has(place) ? timeAt(steps, place) : "not needed"))]));
  const rows = steps.map(step => {
    const bar = node("i");
    bar.style.left = `${100 * Math.max(0, step.offset) / total}%`;
    bar.style.width = `max(2px, ${100 * step.duration / total}%)`;
    return node("tr", { class: `at-${step.place ?? "other"}` },
      node("td", {}, step.text, step.error ? node("span", { class: "bad" }, ` ! ${step.error}`) : null),
      node("td", {}, step.where),
      node("td", { class: "number" }, offsetText(step.offset)),
      node("td", { class: "number" }, milliseconds(step.duration)),
      node("td", { class: "bar-cell", "aria-hidden": "true" }, bar));
  });
  const again = node("button", { type: "button", onclick: () => play(steps, places, rows) }, "Play again");
  const element = node("section", { class: "panel watched", "aria-label": title },
    node("div", { class: "title" }, node("h3", {}, title, " ", node("small", {}, `${answerOf(request)}, ${milliseconds(request.milliseconds)}`)), again),
    request.name.startsWith("GET") ? null : visibility(trace),
    node("ol", { class: "way", "aria-label": "The way of the request" }, [...places.values()]),
    node("div", { class: "scroll", role: "region", "aria-label": "Steps", tabindex: 0 },
      node("table", { class: "steps" },
        node("thead", {}, node("tr", {}, ["Step", "Where"].map(text => node("th", { scope: "col" }, text)), ["From", "For"].map(text => node("th", { scope: "col", class: "number" }, text)),
          node("th", { class: "bar-cell", "aria-hidden": "true" }, `0 – ${milliseconds(total)}`))),
        node("tbody", {}, rows))));
  play(steps, places, rows);
  return element;
}

function visibility(trace) {
  const { from, redis, near } = visibilityOf(trace);
  const row = (label, ms) => node("div", {}, node("dt", {}, label), node("dd", {}, ms === null ? "no report" : milliseconds(ms)));
  return node("div", { class: "visible-after" },
    node("p", {}, `Visible after ${from}:`),
    node("dl", {}, row("Redis", redis), near.map(one => row(`near cache of ${one.process}`, one.ms))),
    near.length === 0 ? node("p", { class: "hint" }, "No near cache had a copy to drop.") : null);
}

function timeAt(steps, place) {
  const of = steps.filter(step => step.place === place);
  return offsetText(place === "api" ? 0 : Math.max(...of.map(step => step.offset)));
}

let playing = 0;

async function play(steps, places, rows) {
  const mine = ++playing;
  const parts = [...places.values(), ...rows];
  parts.forEach(part => part.classList.remove("now", "done"));
  const calm = prefersCalm();
  for (let at = 0; at < steps.length && mine === playing; at++) {
    const now = [rows[at], places.get(steps[at].place)].filter(Boolean);
    now.forEach(part => part.classList.add(calm ? "done" : "now"));
    if (calm) continue;
    await sleep(perStep);
    now.forEach(part => { part.classList.remove("now"); part.classList.add("done"); });
  }
}
