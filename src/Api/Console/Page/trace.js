// Turns the spans of a watched trace into steps: what happened, where, when.

import { milliseconds, processOf } from "./format.js";

const watched = "7ace0000";

const random = bytes => [...crypto.getRandomValues(new Uint8Array(bytes))].map(byte => byte.toString(16).padStart(2, "0")).join("");

/** An id that every process watches, and the header that carries it. */
export function newTrace() {
  const id = watched + random(12);
  return { id, header: `00-${id}-${random(8)}-01` };
}

// The end of a span's name, the step in words, its place in the picture, where it happens.
const kinds = [
  [/ lease$/, "Takes the lease: no other reader requests the product now", "api", "Api, on Redis"],
  [/cache renew$/, "Asks for a fresher entry", "api", "Api, on Redis"],
  [/cache remove$/, "Removes the entry", "redis", "Redis"],
  [/product-requests send$/, "Requests the fill", "kafka", "Kafka"],
  [/product-changes send$/, "Publishes the change", "kafka", "Kafka"],
  [/outbox relay$/, "Takes the change from the outbox", "outbox", "outbox, in PostgreSQL"],
  [/outbox refresh$/, "Brings the change from the outbox to Redis, beside Kafka", "outbox", "outbox, in PostgreSQL"],
  [/cache claim$/, "Claims the fill: no other Worker does it now", "redis", "Worker, on Redis"],
  [/cache fill$/, "Writes the entry", "redis", "Worker, on Redis"],
  [/cache change$/, "Applies the change: older rows are refused from now on", "redis", "Worker, on Redis"],
  [/cache refresh$/, "Writes the new entry", "redis", "Worker, on Redis"],
  [/cache notify$/, "Notifies all Apis", "redis", "Worker, on Redis"],
  [/readers wake$/, "Hears of the fill, and wakes readers that wait", "reader", "Api"],
  [/near cache drop$/, "Drops its near copy", "reader", "Api"],
];

export const isRequest = span => /^(GET|PUT|PATCH|POST|DELETE) /.test(span.name);
const end = span => Date.parse(span.startedAt) + fraction(span.startedAt) + span.milliseconds;
// Date.parse drops what is below a millisecond.
const fraction = time => Number(`0.${/\.\d{3}(\d+)/.exec(time)?.[1] ?? 0}`);
const begin = span => Date.parse(span.startedAt) + fraction(span.startedAt);

/** { request, picture, steps: [{ text, place, where, offset, duration, error }] }, in the order of their begin. Null: the request is not there. */
export function stepsOf(spans) {
  const request = spans.find(isRequest);
  if (!request) return null;
  const known = new Map(spans.map(span => [span.id, span]));
  const start = begin(request);
  const steps = [];
  const takes = new Map();
  for (const span of spans) {
    const step = { offset: begin(span) - start, duration: span.milliseconds, error: span.error, name: span.name };
    const process = processOf(span.instance);
    if (span === request) {
      steps.push({ ...step, text: request.name, place: "api", where: `Api ${process}` });
    } else if (/ (receive|process)$/.test(span.name)) {
      // A batch has spans of its own, and one for each record. The first that was taken by this Worker stands for all.
      const sent = ancestor(known, span, / send$/);
      const key = sent?.id ?? "";
      const before = takes.get(key);
      if (!before) {
        const what = sent?.name.endsWith("changes send") ? "change" : "request";
        takes.set(key, { ...step, text: `Worker takes the ${what}`, place: "worker", where: `Worker ${process}` });
      } else {
        const last = Math.max(before.offset + before.duration, step.offset + step.duration);
        before.offset = Math.min(before.offset, step.offset);
        before.duration = last - before.offset;
      }
    } else if (/postgresql$/.test(span.name)) {
      const writes = span.parentId === request.id && !request.name.startsWith("GET");
      steps.push({ ...step, sql: true, writes, text: writes ? "SQL: writes the row and its change, and commits" : "SQL: reads the row", place: writes ? "store" : "postgres", where: "PostgreSQL" });
    } else {
      const [, text, place, where] = kinds.find(([name]) => name.test(span.name)) ?? [null, span.name, null, ""];
      steps.push({ ...step, text, place, where: place === "kafka" || place === "outbox" ? where : where.replace(/^(Api|Worker)/, `$1 ${process}`), process });
    }
  }
  steps.push(...takes.values());
  steps.sort((a, b) => a.offset - b.offset || b.duration - a.duration);
  return { request, picture: pictureOf(request, steps), steps };
}

function ancestor(known, span, name) {
  for (let at = span, depth = 0; at && depth < 20; at = known.get(at.parentId), depth++) {
    if (name.test(at.name)) return at;
  }
  return null;
}

// The places of a read or a write, in the order in which it passes them.
function pictureOf(request, steps) {
  if (!request.name.startsWith("GET")) {
    return [["api", "Api"], ["store", "PostgreSQL"], ["outbox", "Outbox"], ["kafka", "Kafka"], ["worker", "Worker"], ["postgres", "PostgreSQL"], ["redis", "Redis"], ["reader", "Near caches"]];
  }
  const source = sourceOf(request.detail ?? "");
  if (source === "near" && steps.length === 1) steps.push({ text: "Answers from its near cache", place: "api", where: "Api, in memory", offset: 0, duration: steps[0].duration });
  if (source === "redis" && steps.length === 1) steps.push({ text: "Reads the entry", place: "redis", where: "Redis", offset: 0, duration: steps[0].duration });
  return [["api", "Api"], ["kafka", "Kafka"], ["worker", "Worker"], ["postgres", "PostgreSQL"], ["redis", "Redis"], ["reader", "Api"]];
}

const sourceOf = detail => /detail=(\w+)/.exec(detail)?.[1] ?? null;

/** "200, a hit in the near cache" from "200, ProductCache; hit; ttl=600; detail=near". */
export function answerOf(request) {
  const detail = request.detail ?? "";
  const status = detail.split(",")[0];
  const said = /; hit/.test(detail) ? `a hit${{ near: " in the near cache", redis: " in Redis" }[sourceOf(detail)] ?? ""}`
    : /fwd=(miss|stale|request)/.test(detail) ? (/; stored/.test(detail) ? "a miss that was filled" : "a miss; the fill was requested")
    : null;
  return [status, said].filter(Boolean).join(", ");
}

/**
 * When a change was in Redis and in each near cache, in milliseconds after its commit. The clocks are those of the processes. It comes directly and through Kafka: the first
 * counts.
 */
export function visibilityOf({ steps }) {
  const commit = steps.findLast(step => step.writes);
  const from = commit ? commit.offset + commit.duration : 0;
  const after = step => Math.max(0, step.offset + step.duration - from);
  const of = name => steps.filter(step => step.name?.endsWith(name)).sort((a, b) => after(a) - after(b));
  const redis = of("cache refresh")[0] ?? of("cache change")[0];
  const drops = new Map(of("near cache drop").reverse().map(step => [step.process, after(step)]));
  return {
    from: commit ? "the commit" : "the begin of the request",
    redis: redis ? after(redis) : null,
    near: [...drops].map(([process, ms]) => ({ process, ms })),
  };
}

export const offsetText = ms => ms <= 0 ? "0 ms" : milliseconds(ms);
