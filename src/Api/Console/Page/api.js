// Requests to the Api. The key is kept for this tab only, and goes to this origin only.

const storage = "productcache.key";
const patience = 5000;

export const getKey = () => sessionStorage.getItem(storage);
export function setKey(key) {
  if (key) sessionStorage.setItem(storage, key);
  else sessionStorage.removeItem(storage);
}

/** Never throws: status 0 means that the Api did not answer. Paths are relative, so that the page works below a prefix. */
export async function ask(path, { method = "GET", headers = {}, body, timeout = patience } = {}) {
  const key = getKey();
  try {
    const answer = await fetch(path, {
      method,
      headers: { Accept: "application/json", ...(key ? { Authorization: `Bearer ${key}` } : {}), ...headers },
      body,
      cache: "no-store",
      credentials: "omit",
      signal: AbortSignal.timeout(timeout),
    });
    const text = await answer.text();
    return { status: answer.status, ok: answer.ok, headers: answer.headers, body: parse(text) };
  } catch {
    return { status: 0, ok: false, headers: new Headers(), body: null };
  }
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** A problem (RFC 9457) as one text. */
export function problem(answer, scope) {
  if (answer.status === 0) return "The Api does not answer.";
  if (answer.status === 401) return `${getKey() ? "The key is not accepted." : "This needs an API key."} Enter one with the scope ${scope} above.`;
  const { title, detail, errors } = answer.body ?? {};
  const faults = (errors ?? []).map(fault => `${(fault.pointer ?? "").replace("#/", "")}: ${fault.detail}`);
  return [`${title ?? `Status ${answer.status}`}.`, detail, ...faults].filter(Boolean).join(" ");
}

/** What the key may do. Null: there is no key. */
export async function readScopes() {
  if (!getKey()) return null;
  const answer = await ask("console/data/scopes");
  return answer.ok ? answer.body.scopes : answer.status === 401 ? [] : undefined;
}
