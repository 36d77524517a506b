// One product in all places side by side, and what can be done with it.

import { ask, problem } from "./api.js";
import { find, node, say } from "./dom.js";
import { clock, processOf, span } from "./format.js";
import { createEdit } from "./edit.js";
import { draw, watch } from "./watch.js";

const findings = {
  same: ["good", "✓ Same everywhere", "Every place that has the product has the version of PostgreSQL."],
  notCached: ["unknown", "○ Not cached", "The next reader requests it."],
  different: ["bad", "≠ Different", "A place has another version than PostgreSQL. A change may be on its way: look again after a second."],
  unknown: ["unknown", "? Unknown", "PostgreSQL could not be asked, so versions cannot be compared."],
};

const path = id => encodeURIComponent(id);

export function createLookUp() {
  const [input, fault, panel, title, when, watched] = [find("look-up"), find("look-up-fault"), find("product"), find("product-title"), find("looked-up"), find("watch")];
  let id = null;
  let turn = 0;
  let busy = false;
  let stream = null;

  // Looks again whenever the product changes. By its tag, so that looking does not fill the cache. Where reads need a key there is no stream:
  // EventSource sends none.
  function follow() {
    stream?.close();
    const [of, source] = [id, new EventSource(`api/v1/products/events?tag=product-${path(id)}`)];
    stream = source;
    source.addEventListener("product", () => {
      if (!busy && of === id) lookUp(of, { focus: false });
    });
  }

  async function lookUp(wanted, { focus = true } = {}) {
    const mine = ++turn;
    panel.setAttribute("aria-busy", "true");
    const answer = wanted ? await ask(`console/data/products/${path(wanted)}`) : { status: 400 };
    if (mine !== turn) return;
    panel.removeAttribute("aria-busy");
    if (answer.status === 400 || answer.status === 404) {
      say(fault, answer.body?.detail ?? "Enter the id of a product.");
      input.setAttribute("aria-invalid", "true");
      return;
    }
    say(fault, "");
    input.removeAttribute("aria-invalid");
    input.value = wanted;
    if (id !== wanted) {
      watched.replaceChildren();
      id = wanted;
      history.replaceState(null, "", `#${path(id)}`);
      follow();
    }
    say(title, `Product ${id}`);
    panel.classList.remove("empty");
    say(when, `looked up at ${clock(Date.now())}`);
    panel.replaceChildren(...(answer.ok ? show(answer.body) : [node("p", { class: "bad", role: "alert" }, problem(answer, "cache:admin")), buttons(null)]));
    if (focus) title.focus({ preventScroll: false });
  }

  function show(found) {
    const [level, short, long] = findings[found.finding] ?? findings.unknown;
    const stored = found.postgres?.product ? found.postgres.version : found.postgres && !found.postgres.fault ? 0 : null;
    return [
      node("p", { class: `finding ${level}`, role: "status" }, node("b", {}, short), ` ${long}`),
      node("div", { class: "places" }, nearCaches(found.nearCopies, stored), redis(id, found.redis, stored), postgres(id, found.postgres)),
      buttons(found),
    ];
  }

  function buttons(found) {
    const product = found?.postgres?.product;
    return node("p", { class: "buttons" },
      node("button", { type: "button", class: "primary", onclick: read }, "Read and watch"),
      product && found.isWritable ? node("button", { type: "button", onclick: () => startEdit(found.postgres) }, "Edit") : null,
      node("button", { type: "button", onclick: purge }, "Purge"),
      node("button", { type: "button", onclick: () => lookUp(id, { focus: false }) }, "Look again"));
  }

  // One request at a time: the picture of another product must not appear below this one.
  async function alone(text, action) {
    if (busy) return;
    busy = true;
    const of = id;
    const element = node("p", { class: "panel hint", role: "status" }, text);
    watched.replaceChildren(element);
    try {
      const result = await action();
      if (of === id) watched.replaceChildren(...result);
    } finally {
      busy = false;
    }
    if (of === id) await lookUp(of, { focus: false });
  }

  // Without Cache-Control the browser would send no-cache, and the product would be read again.
  const read = () => alone("Reading…", async () => {
    const { answer, trace } = await watch(`api/v1/products/${path(id)}`, { headers: { Prefer: "wait=10", "Cache-Control": "no-transform" } });
    const failed = !answer.ok && answer.status !== 404 ? node("p", { class: "panel bad", role: "alert" }, problem(answer, "products:read")) : null;
    return [failed, trace ? draw(trace, `Read of product ${id}`) : failed ? null : node("p", { class: "panel hint" }, noSteps(answer))].filter(Boolean);
  });

  const purge = async () => {
    if (!await confirmed(`Purge product ${id}?`, "It is removed from Redis and from all near caches. The next reader requests it from PostgreSQL.")) return;
    await alone("Purging…", async () => {
      const answer = await ask(`api/v1/cache/products/${path(id)}`, { method: "DELETE" });
      return [node("p", { class: answer.ok ? "panel good" : "panel bad", role: "status" },
        answer.ok ? `✓ Product ${id} was purged at ${clock(Date.now())}.` : `! Not purged. ${problem(answer, "cache:admin")}`)];
    });
  };

  function startEdit(stored) {
    watched.replaceChildren(createEdit(id, stored, {
      save: (patch, version) => watch(`api/v1/products/${path(id)}`, {
        method: "PATCH",
        headers: { "Content-Type": "application/merge-patch+json", "If-Match": `"${version}"` },
        body: JSON.stringify(patch),
      }),
      async done(answer, trace) {
        watched.replaceChildren(trace ? draw(trace, `Change of product ${id}`) : node("p", { class: "panel hint" }, noSteps(answer)));
        await lookUp(id, { focus: false });
      },
      async reload() {
        const answer = await ask(`console/data/products/${path(id)}`);
        return answer.ok ? answer.body.postgres : null;
      },
      cancel: () => watched.replaceChildren(),
    }));
    watched.querySelector("input").focus();
  }

  find("look-up-form").addEventListener("submit", event => {
    event.preventDefault();
    lookUp(input.value.trim());
  });
  if (location.hash.length > 1) lookUp(decoded(location.hash.slice(1)), { focus: false });
  return lookUp;
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

const noSteps = answer => `Status ${answer.status}. No steps were reported: the data of the console is not available, or Redis is not.`;

function confirmed(title, text) {
  const dialog = find("confirm");
  say(find("confirm-title"), title);
  say(find("confirm-text"), text);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise(done => dialog.addEventListener("close", () => done(dialog.returnValue === "yes"), { once: true }));
}

function place(name, title, ...content) {
  return node("section", { class: "place-card", "data-place": name }, node("h3", {}, title), ...content);
}

const facts = entries => node("dl", { class: "facts" }, entries.filter(([, value]) => value !== null && value !== undefined).map(([label, value]) => node("div", {}, node("dt", {}, label), node("dd", {}, value))));
// JSON.parse has rounded an id beyond 2^53.
const json = (id, product) => {
  const text = JSON.stringify(product, null, 2);
  return node("pre", { tabindex: 0, "aria-label": "JSON" }, /^\d+$/.test(id) ? text.replace(/"id": \d[^,\n]*/, `"id": ${id}`) : text);
};

function version(value, stored) {
  if (value === null || value === undefined) return node("p", { class: "version none" }, "no copy");
  const differs = stored !== null && value !== stored;
  return node("p", { class: differs ? "version bad" : "version" }, value === 0 ? "absent" : ["version ", node("b", {}, `${value}`)], differs ? " ≠ PostgreSQL" : null);
}

function nearCaches(copies, stored) {
  const items = copies.map(copy => node("li", {}, node("span", { class: "process" }, processOf(copy.instance)), version(copy.version, stored),
    copy.ageMs === undefined ? null : node("small", {}, `filled ${span(copy.ageMs)} ago`)));
  return place("near", "Near caches", items.length ? node("ul", { class: "copies" }, items) : node("p", { class: "version none" }, "no Api has answered"));
}

function redis(id, entry, stored) {
  const lease = entry.lease;
  const claim = !lease ? "none" : `${lease.isClaim ? "a Worker fills it" : "requested by a reader"}, for ${span(lease.expiresInMs)} more`;
  if (entry.fault) return place("redis", "Redis", node("p", { class: "bad" }, entry.fault));
  return place("redis", "Redis", version(entry.version, stored),
    facts([
      ["filled at", entry.filledAt && clock(entry.filledAt)],
      ["age", entry.filledAt && span(Math.max(0, Date.now() - Date.parse(entry.filledAt)))],
      ["fresh for", entry.lifetimeMs !== undefined ? span(entry.lifetimeMs) : null],
      ["removed in", entry.expiresInMs !== undefined ? span(entry.expiresInMs) : null],
      ["lease", claim],
      ["unreadable", entry.unreadable],
    ]), entry.product ? json(id, entry.product) : null);
}

function postgres(id, row) {
  if (!row) return place("postgres", "PostgreSQL", node("p", { class: "version none" }, "This Api has no database."));
  if (row.fault) return place("postgres", "PostgreSQL", node("p", { class: "bad" }, row.fault));
  return place("postgres", "PostgreSQL", row.product ? version(row.version, row.version) : node("p", { class: "version none" }, "no such product"), row.product ? json(id, row.product) : null);
}
