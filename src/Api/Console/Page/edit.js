// The form that changes a product, on the condition that it has not changed meanwhile.

import { problem } from "./api.js";
import { node, say } from "./dom.js";

/** actions: save(patch, version) → { answer, trace }, done(answer, trace), reload() → the row, cancel(). */
export function createEdit(id, stored, actions) {
  let base = stored;
  const field = (name, label, input) => [node("label", { for: `edit-${name}` }, label), input];
  const inputs = {
    name: node("input", { id: "edit-name", autocomplete: "off", value: stored.product.name }),
    price: node("input", { id: "edit-price", inputmode: "decimal", autocomplete: "off", value: stored.product.price.toFixed(2) }),
    description: node("textarea", { id: "edit-description", rows: 2 }, stored.product.description),
  };
  const title = node("h3", {}, `Change product ${id} `, node("small", {}, `version ${stored.version}`));
  const fault = node("p", { class: "fault", role: "alert" });
  const load = node("button", { type: "button", hidden: true, onclick: loadNew }, "Load the new version");
  const save = node("button", { type: "submit", class: "primary" }, "Save and watch");
  const form = node("form", { class: "panel edit", novalidate: true, "aria-label": `Change product ${id}` }, title,
    node("div", { class: "fields" }, field("name", "Name", inputs.name), field("price", "Price", inputs.price), field("description", "Description", inputs.description)),
    fault, node("p", { class: "buttons" }, save, load, node("button", { type: "button", onclick: actions.cancel }, "Cancel")));

  form.addEventListener("submit", async event => {
    event.preventDefault();
    const patch = changes();
    if (typeof patch === "string") {
      say(fault, patch);
      return;
    }
    say(fault, "");
    save.disabled = true;
    const { answer, trace } = await actions.save(patch, base.version);
    save.disabled = false;
    if (answer.ok) {
      if (form.isConnected) await actions.done(answer, trace);
      return;
    }
    load.hidden = answer.status !== 412;
    say(fault, problem(answer, "products:write"));
  });
  return form;

  // Only what differs from the row that the form was filled with.
  function changes() {
    const price = Number(inputs.price.value.trim().replace(",", "."));
    if (inputs.price.value.trim() === "" || !Number.isFinite(price)) return "The price is not a number.";
    const now = { name: inputs.name.value, price, description: inputs.description.value };
    const patch = Object.fromEntries(Object.entries(now).filter(([key, value]) => value !== base.product[key]));
    return Object.keys(patch).length ? patch : "Nothing is changed.";
  }

  async function loadNew() {
    const row = await actions.reload();
    if (!row?.product) {
      say(fault, "The new version could not be read.");
      return;
    }
    base = row;
    inputs.name.value = row.product.name;
    inputs.price.value = row.product.price.toFixed(2);
    inputs.description.value = row.product.description;
    say(title.lastElementChild, `version ${row.version}`);
    say(fault, "");
    load.hidden = true;
    inputs.name.focus();
  }
}
