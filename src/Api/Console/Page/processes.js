// The table of processes, the health at a glance and the most read products.

import { find, list, node, say } from "./dom.js";
import { clock, count, processOf, span } from "./format.js";

const late = 6_000;
const shown = 20;

const serverNames = { "masstransit-bus": "Kafka consumers", postgresql: "PostgreSQL", database: "schema", redis: "Redis", kafka: "Kafka", audit: "audit" };

export function showProcesses(instances) {
  list(find("processes").tBodies[0], instances, () => node("tr", {}, Array.from({ length: 6 }, (_, at) => node("td", { class: at === 3 || at === 4 ? "number" : null }))), (row, one) => {
    const [kind, host, version, up, age, servers] = row.cells;
    say(kind, one.kind === "api" ? "Api" : one.kind === "worker" ? "Worker" : one.kind);
    say(host, processOf(one.id));
    say(version, one.version);
    say(up, span(Math.max(0, Date.parse(one.at) - Date.parse(one.startedAt) + one.ageMs)));
    say(age, one.ageMs > late ? `! ${span(one.ageMs)} ago` : `${span(one.ageMs)} ago`);
    age.classList.toggle("bad", one.ageMs > late);
    if (!servers.firstChild) servers.append(node("ul", { class: "servers" }));
    list(servers.firstChild, one.servers, () => node("li"), (item, server) => {
      const text = server.available
        ? `✓ ${nameOf(server)}`
        : `✗ ${nameOf(server)} not available since ${clock(server.since)}${server.reason ? `: ${server.reason}` : ""}`;
      say(item, text);
      item.className = server.available ? "good" : "bad";
      item.title = server.available ? `available since ${clock(server.since)}${server.required ? "" : "; the process is ready without it"}` : "";
    });
  });
}

/** "All servers are available", or which one is not. */
export function healthOf(instances) {
  if (instances.length === 0) return { level: "unknown", text: "No process has reported" };
  const faults = new Map();
  for (const one of instances) {
    for (const server of one.servers.filter(server => !server.available)) {
      const before = faults.get(server.name);
      if (!before || server.since < before.since) faults.set(server.name, { since: server.since, name: nameOf(server) });
    }
  }
  if (faults.size) return { level: "bad", text: `${[...faults.values()].map(fault => `${fault.name} is not available since ${clock(fault.since)}`).join("; ")}` };
  if (!instances.some(one => one.kind === "worker")) return { level: "bad", text: "No Worker reports: misses are not filled" };
  if (instances.some(one => one.ageMs > late)) return { level: "unknown", text: "A process has not reported for some seconds" };
  return { level: "good", text: "All servers are available" };
}

export function showHot(instances, lookUp) {
  const reads = new Map();
  for (const { id, readsPerMinute } of instances.filter(one => one.kind === "api").flatMap(one => one.hot)) reads.set(id, (reads.get(id) ?? 0) + readsPerMinute);
  const top = [...reads].sort((a, b) => b[1] - a[1] || a[0].length - b[0].length || (a[0] < b[0] ? -1 : 1)).slice(0, shown);
  find("hot-empty").hidden = top.length > 0;
  list(find("hot"), top, () => {
    const button = node("button", { type: "button", onclick: () => lookUp(button.dataset.id) }, node("span", { class: "bar", "aria-hidden": "true" }), node("span", { class: "id" }), node("span", { class: "count" }));
    return node("li", {}, button);
  }, (item, [id, number]) => {
    const [bar, name, value] = item.firstChild.children;
    item.firstChild.dataset.id = id;
    bar.style.width = `${100 * number / top[0][1]}%`;
    say(name, id);
    say(value, `${count(number)}/min`);
  });
}

const nameOf = server => serverNames[server.name] ?? server.name;
