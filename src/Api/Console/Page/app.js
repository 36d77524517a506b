// Starts the page: reads the reports once a second and gives them to the parts.

import { ask, getKey, problem, readScopes, setKey } from "./api.js";
import { find, say } from "./dom.js";
import { clock } from "./format.js";
import { createLookUp } from "./lookup.js";
import { healthOf, showHot, showProcesses } from "./processes.js";
import { Rates } from "./rates.js";
import { createSearch } from "./search.js";
import { createTiles } from "./tiles.js";

const interval = 1000;

const rates = new Rates();
const tiles = createTiles(find("tiles"), rates);
const lookUp = createLookUp();
createSearch(lookUp);

let timer = null;
let polling = false;
let failedSince = null;
let seen = false;

async function poll() {
  clearTimeout(timer);
  if (polling) return;
  polling = true;
  const answer = await ask("console/data/instances");
  polling = false;
  // Without the right key another request only adds a refusal to the metrics.
  const isRefused = answer.status === 401 || answer.status === 403;
  // First, so that a fault in one picture does not end the next ones.
  if (!isRefused && !document.hidden) timer = setTimeout(poll, interval);
  if (!answer.ok) return fail(answer);
  const { instances } = answer.body;
  failedSince = null;
  seen = true;
  tell(null);
  const now = performance.now();
  rates.take(instances, now);
  tiles.update(now);
  showProcesses(instances);
  showHot(instances, lookUp);
  showHealth(healthOf(instances));
}

function fail(answer) {
  failedSince ??= Date.now();
  const since = `since ${clock(failedSince)}`;
  const kept = seen ? " The page shows the last picture." : "";
  if (answer.status === 401) {
    tell(`${getKey() ? "The key is not accepted." : "The data of this page needs an API key."} Enter a key with the scope cache:admin above.`);
    showHealth({ level: "unknown", text: "Not visible without a key" });
  } else if (answer.status === 403) {
    tell(`The key lacks the scope cache:admin, so the data of this page is not visible.${kept}`);
    showHealth({ level: "unknown", text: "Not visible with this key" });
  } else if (answer.status === 0) {
    tell(`The Api does not answer ${since}.${kept}`);
    showHealth({ level: "bad", text: `The Api does not answer ${since}` });
  } else if (answer.status === 503) {
    tell(`Redis is not available ${since}: ${answer.body?.detail ?? "no reason given"}${kept}`);
    showHealth({ level: "bad", text: `Redis is not available ${since}` });
  } else {
    tell(`No data ${since}: ${problem(answer, "cache:admin")}${kept}`);
    showHealth({ level: "bad", text: `No data ${since}` });
  }
}

function tell(text) {
  find("notice").hidden = text === null;
  document.body.classList.toggle("stale", text !== null && seen);
  say(find("notice"), text ?? "");
}

function showHealth({ level, text }) {
  const health = find("health");
  health.className = `state ${level}`;
  say(health.querySelector(".mark"), { good: "✓", bad: "✗", unknown: "?" }[level]);
  say(health.querySelector(".text"), text);
}

async function showAccess() {
  const [field, access] = [find("key"), find("access")];
  find("forget").hidden = !getKey();
  field.placeholder = getKey() ? "a key is in use" : "pc_…";
  const scopes = await readScopes();
  say(access, scopes === null ? "read-only"
    : scopes === undefined ? "the key could not be checked"
    : scopes.length ? scopes.join(", ")
    : "the key is not accepted");
}

find("key-form").addEventListener("submit", event => {
  event.preventDefault();
  const key = find("key").value.trim();
  if (!key) return;
  setKey(key);
  find("key").value = "";
  showAccess();
  poll();
});
find("forget").addEventListener("click", () => {
  setKey(null);
  find("key").focus();
  showAccess();
  poll();
});
document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(timer) : poll());

showAccess();
poll();
