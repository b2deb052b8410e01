// The API page: a card for each operation of the document, with a form that tries it.

import { answerTo } from "./answer.js";
import { api, modelNames, resolve } from "./api.js";
import { element, folded, hint } from "./elements.js";
import { reference } from "./reference.js";
import { waysToSend } from "./request.js";

showAbout(document.querySelector("header"), api.info);
for (const tag of api.tags) {
  document.querySelector("main").append(await group(tag));
}

function showAbout(header, { description, version }) {
  const document_ = element("a", { href: "docs.json" }, "OpenAPI document");
  const paragraphs = description.split("\n\n").map((text) => element("p", {}, text));
  header.append(
    ...paragraphs,
    element("p", {}, hint(`Version ${version} · `, document_)),
  );
}

async function group({ name, description }) {
  const operations = Object.entries(api.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const own = operations.filter(({ operation }) => operation.tags.includes(name));
  const cards = await Promise.all(own.map(card));
  return element("section", {}, element("h2", {}, name), element("p", {}, description), ...cards);
}

async function card({ path, method, operation }) {
  const title = element(
    "h3",
    {},
    element("span", { className: "method" }, method.toUpperCase()),
    element("code", {}, path),
    element("span", { className: "summary" }, operation.summary),
  );
  const answer = element("output", { hidden: true });
  const fields = await form(path, method, operation, answer);
  const trial = element("div", { className: "trial" }, fields, answer);
  const parts = [title, trial, ...reference(operation)];
  return element("section", { className: "card", id: operation.operationId }, ...parts);
}

async function form(path, method, operation, output) {
  const way = choiceOf(await waysToSend(operation));
  const parameters = (operation.parameters ?? []).map(resolve);
  const places = await placesOf(parameters.filter((p) => p.in === "path"));
  const options = optionsOf(parameters.filter((p) => p.in !== "path"));
  const key = keyOf(operation);
  const button = element("button", {}, "Send");
  const made = element("form", {}, places.node, key.node, way.node, options.node, button);
  made.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    const place = places.in(path);
    const sent = { path: place, method: method.toUpperCase(), ...way.read() };
    const request = key.addTo(options.addTo(sent));
    output.replaceChildren(...(await answerTo(request, operation)));
    output.hidden = false;
    button.disabled = false;
  });
  return made;
}

/** Return the one of several ways that the visitor chooses. */
function choiceOf(ways) {
  const options = ways.map(({ label }) => element("option", {}, label));
  const select = element("select", { name: "way" }, ...options);
  const choice = element("label", { hidden: ways.length < 2 }, "Send as", select);
  const show = () => ways.forEach(({ node }, i) => hide(node, i !== select.selectedIndex));
  select.addEventListener("change", show);
  show();
  const node = element("div", {}, choice, ...ways.map((way) => way.node));
  return { node, read: () => ways[select.selectedIndex].read() };
}

/** Hide a way, or show it. What is wrong in a field that nobody sees mustn't keep back the form. */
function hide(node, isHidden) {
  node.hidden = isHidden;
  node.querySelectorAll("input").forEach((input) => (input.disabled = isHidden));
}

/** Return the fields of the parameters in a path. The models to choose from are those served. */
async function placesOf(parameters) {
  const inputs = await Promise.all(parameters.map(placeOf));
  const rows = parameters.map(({ name, description }, i) =>
    element("label", {}, element("code", {}, name), inputs[i], hint(description)),
  );
  const fill = (path, { name }, i) => path.replace(`{${name}}`, encodeURIComponent(inputs[i].value));
  return { node: element("div", {}, ...rows), in: (path) => parameters.reduce(fill, path) };
}

async function placeOf({ name, schema }) {
  if (schema.type === "integer") {
    return element("input", { name, type: "number", min: 1, value: 1, required: true });
  }
  if (name !== "name") {
    return element("input", { name, value: schema.examples[0], required: true });
  }
  const options = (await modelNames()).map((model) => element("option", {}, model));
  return element("select", { name }, ...options);
}

/** Return the field of the key that an operation needs, if it needs one. */
function keyOf({ security }) {
  const input = element("input", { name: "key", type: "password", autocomplete: "off" });
  const explanation = hint("A key with the right admin.");
  const node = security ? element("label", {}, element("code", {}, "key"), input, explanation) : "";
  const addTo = (request) =>
    input.value
      ? { ...request, headers: { ...request.headers, Authorization: `Bearer ${input.value}` } }
      : request;
  return { node, addTo };
}

/** Return the fields of an operation's other parameters, of which an empty one isn't sent. */
function optionsOf(parameters) {
  const inputs = parameters.map(({ name }) => element("input", { name, autocomplete: "off" }));
  const rows = parameters.map(({ name, description }, i) =>
    element("label", {}, element("code", {}, name), inputs[i], hint(description)),
  );
  const addTo = (request) => {
    const given = parameters.map((p, i) => ({ ...p, value: inputs[i].value })).filter((p) => p.value);
    const pairs = (place) => given.filter((p) => p.in === place).map(({ name, value }) => [name, value]);
    return {
      ...request,
      query: new URLSearchParams(pairs("query")).toString(),
      headers: { ...request.headers, ...Object.fromEntries(pairs("header")) },
    };
  };
  return { node: rows.length ? folded("Options", ...rows) : "", addTo };
}
