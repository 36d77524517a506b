// One product, read once and followed. The types are those of the OpenAPI document: a member that the service does not have is an error here.
import type { components, paths } from "./api.js";

type Product = components["schemas"]["Product"];
type Problem = components["schemas"]["Problem"];
type Read = paths["/api/v1/products/{id}"]["get"]["responses"];

/** The data of an event product. */
interface ProductState {
  id: number;
  status: "current" | "absent" | "unreadable" | "unknown";
  product?: Product;
}

const query = new URLSearchParams(location.search);
const api = query.get("api") ?? "http://localhost:8000";
const id = query.get("id") ?? "1";
const show = (text: string) => document.querySelector("output")!.textContent = text;
const describe = (product: Product) => `${product.name}: ${product.price.toFixed(2)}`;

async function read(): Promise<void> {
  const answer = await fetch(`${api}/api/v1/products/${encodeURIComponent(id)}`);
  if (answer.status === 200) {
    show(describe(await answer.json() as Read[200]["content"]["application/json"]));
  } else if (answer.status === 202) {
    show("The product is being fetched.");
  } else {
    show((await answer.json() as Problem).detail ?? answer.statusText);
  }
}

await read();
new EventSource(`${api}/api/v1/products/events?ids=${encodeURIComponent(id)}`).addEventListener("product", (event: MessageEvent<string>) => {
  const state = JSON.parse(event.data) as ProductState;
  show(state.product ? describe(state.product) : `The product is ${state.status}.`);
});
