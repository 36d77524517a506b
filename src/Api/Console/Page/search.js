// Search of the catalogue by name, page by page.

import { ask, problem } from "./api.js";
import { find, node, say } from "./dom.js";

const limit = 20;

export function createSearch(lookUp) {
  const [input, state, found, more] = [find("search"), find("search-state"), find("found"), find("more")];
  let next = null;
  let text = "";
  let turn = 0;

  async function load() {
    const mine = ++turn;
    say(state, "Searching…");
    const answer = await ask(`api/v1/products?${new URLSearchParams({ q: text, limit, ...(next ? { after: next } : {}) })}`);
    if (mine !== turn) return;
    if (!answer.ok) {
      more.hidden = true;
      say(state, answer.status === 501 ? "This Api has no database, so it cannot search. Look a product up by its id." : problem(answer, "products:read"));
      return;
    }
    for (const item of answer.body.items) {
      // The URL has the exact id even if JSON.parse rounds the number.
      const id = decodeURIComponent(item.self.slice(item.self.lastIndexOf("/") + 1));
      const product = item.product ?? item;
      found.append(node("li", {}, node("button", { type: "button", onclick: () => lookUp(id) },
        node("span", { class: "id" }, id), node("span", { class: "name" }, item.unreadable ? `unreadable: ${item.unreadable}` : product.name ?? product.title ?? ""), node("span", { class: "count" }, typeof product.price === "number" ? product.price.toFixed(2) : ""))));
    }
    next = answer.body.next ?? null;
    more.hidden = next === null;
    const number = found.children.length;
    say(state, number === 0 ? "No product has this in its name." : `${number} product${number === 1 ? "" : "s"}${next ? ", and there are more" : ""}`);
  }

  find("search-form").addEventListener("submit", event => {
    event.preventDefault();
    text = input.value.trim();
    next = null;
    more.hidden = true;
    found.replaceChildren();
    if (/[\p{L}\p{N}]{3}/u.test(text)) load();
    else say(state, "Enter at least 3 letters or digits in a row.");
  });
  more.addEventListener("click", () => load());
}
