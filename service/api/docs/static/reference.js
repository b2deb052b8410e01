// What an operation takes and answers, in words.

import { resolve } from "./api.js";
import { element, folded, hint, terms } from "./elements.js";

/** Return the parts of the page that tell what an operation takes and answers. */
export function reference({ requestBody, responses }) {
  const input = requestBody ? [folded("What it takes", ...inputOf(requestBody))] : [];
  return [...input, folded("What it answers", ...answersOf(responses))];
}

function inputOf({ description, content }) {
  const media = Object.entries(content).flatMap(([type, { schema }]) => {
    const objects = (schema.oneOf ?? [schema]).filter(({ properties }) => properties);
    const parts = objects.length ? objects.map(fields) : [element("p", {}, schema.description ?? nameOf(schema))];
    return [element("h4", {}, type), ...parts];
  });
  return [element("p", {}, description), ...media];
}

function answersOf(responses) {
  const answers = Object.entries(responses).map(([status, answer]) => [status, resolve(answer)]);
  const statuses = answers.map(([status, { description, content }]) => [
    status,
    element("p", {}, description),
    ...Object.entries(content).map(([type, { schema }]) => hint(`${type}: ${nameOf(schema)}`)),
  ]);
  const schemas = answers.flatMap(([, { content }]) => Object.values(content).map((m) => m.schema));
  const objects = [...new Set(schemas.flatMap(referencesIn))].flatMap((address) => [
    element("h4", {}, lastOf(address)),
    fields(resolve({ $ref: address })),
  ]);
  return [terms(statuses), ...objects];
}

function fields({ properties }) {
  return terms(
    Object.entries(properties).map(([name, schema]) => [
      name,
      element("p", {}, schema.description ?? ""),
      hint(nameOf(schema)),
    ]),
  );
}

/** Return the fields, with their names, of all objects that a schema is made of. */
export function fieldsOf(schema) {
  const addresses = [...new Set(referencesIn(schema))];
  return addresses.flatMap(($ref) => Object.entries(resolve({ $ref }).properties ?? {}));
}

/** Return the addresses of the schemas that a schema is made of. */
function referencesIn(schema) {
  if (schema.$ref) {
    return [schema.$ref, ...referencesIn(resolve(schema))];
  }
  const { oneOf = [], properties = {}, items } = schema;
  return [...oneOf, ...Object.values(properties), ...(items ? [items] : [])].flatMap(referencesIn);
}

/** Return a schema's type in words. */
function nameOf(schema) {
  const { $ref, oneOf, type, items, additionalProperties, format, contentEncoding } = schema;
  if ($ref) {
    return lastOf($ref);
  }
  if (oneOf) {
    return oneOf.map(nameOf).join(" or ");
  }
  if (items) {
    return items.oneOf ? `list of (${nameOf(items)})` : `list of ${nameOf(items)}`;
  }
  if (additionalProperties) {
    return `object of ${nameOf(additionalProperties)}`;
  }
  if (format === "binary") {
    return "file";
  }
  return (type ?? "anything") + (contentEncoding ? ` in ${contentEncoding}` : "");
}

function lastOf(address) {
  return address.split("/").at(-1);
}
