// The OpenAPI document of the service that the page comes from.

import { element } from "./elements.js";

const answer = await fetch("docs.json");
if (!answer.ok) {
  document.body.append(element("p", {}, `The service answered ${answer.status} for docs.json.`));
}
export const api = await answer.json();

/** Return what a part of the document is, by its reference if it is one. */
export function resolve(part) {
  return part.$ref ? part.$ref.slice(2).split("/").reduce((from, key) => from[key], api) : part;
}

let names;

/** Return the names of the models that are served; none while the service starts. */
export function modelNames() {
  names ??= fetch("models")
    .then((answer) => answer.json())
    .then(({ models }) => models.map(({ name }) => name));
  return names;
}
