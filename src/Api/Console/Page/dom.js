// Elements without HTML text: the policy of the page allows none.

const svgNames = new Set(["svg", "path", "line", "rect", "g", "title"]);

/** node("p", { class: "hint", onclick: f }, "text", child, null). */
export function node(name, properties = {}, ...children) {
  const element = svgNames.has(name) ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (value === undefined || value === null || value === false) continue;
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter(child => child !== null && child !== undefined && child !== false));
  return element;
}

export const find = id => document.getElementById(id);

/** Changes a text only if it differs, so that screen readers and selections are left alone. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** Makes the children of a list fit the items; known children are changed, not replaced, so focus and hover stay. */
export function list(parent, items, create, update) {
  while (parent.children.length > items.length) parent.lastElementChild.remove();
  items.forEach((item, at) => {
    if (!parent.children[at]) parent.append(create());
    update(parent.children[at], item);
  });
}

export const prefersCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
