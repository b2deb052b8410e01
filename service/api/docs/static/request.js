// The ways in which an operation's input can be sent. Each has a label, a node with its fields, and
// read(): the body, its headers, and the body as arguments of curl.

import { element, hint } from "./elements.js";

const FORM = "application/x-www-form-urlencoded";
const MOST_PREVIEWS = 12;

/** Return the ways in which an operation's input can be sent. */
export async function waysToSend({ requestBody }) {
  if (!requestBody) {
    return [{ label: "", node: element("div"), read: () => ({ curl: [] }) }];
  }
  const media = Object.entries(requestBody.content);
  const example = await exampleFile(media);
  return media.flatMap(([type, { schema, examples }]) => {
    if (type === "multipart/form-data") {
      return [filesInForm(schema.properties, example)];
    }
    if (type === FORM) {
      return [fieldsInForm(type, schema.properties)];
    }
    if (schema.format === "binary") {
      return [fileAsBody(type, example)];
    }
    return Object.values(examples).map((one) => textAsBody(type, one));
  });
}

/** Fetch the example file that one of the media types has, if any. */
async function exampleFile(media) {
  const examples = media.flatMap(([, { examples }]) => Object.values(examples ?? {}));
  const address = examples.find(({ externalValue }) => externalValue)?.externalValue;
  if (!address) {
    return undefined;
  }
  const content = await (await fetch(address)).blob();
  return new File([content], address.split("/").at(-1), { type: content.type });
}

function filesInForm(properties, example) {
  const fields = Object.entries(properties).map(([name, { description }]) =>
    fileField(name, description, true),
  );
  return filesWay("Files in a form", fields, example, (files) => {
    const body = new FormData();
    files.forEach(([name, file]) => body.append(name, file));
    const curl = files.flatMap(([name, file]) => ["-F", `${name}=@${formName(file.name)}`]);
    return { body, curl };
  });
}

/** Return a way that sends the fields that aren't empty. */
function fieldsInForm(type, properties) {
  const inputs = Object.entries(properties).map(([name, { type: kind, minimum, maximum }]) =>
    element("input", {
      name,
      autocomplete: "off",
      ...(kind === "integer" ? { type: "number", min: minimum, max: maximum } : {}),
    }),
  );
  const rows = inputs.map((input) =>
    element(
      "label",
      {},
      element("code", {}, input.name),
      input,
      hint(properties[input.name].description),
    ),
  );
  const read = () => {
    const given = inputs.filter(({ value }) => value).map(({ name, value }) => [name, value]);
    return {
      body: new URLSearchParams(given).toString(),
      headers: { "Content-Type": type },
      curl: given.flatMap(([name, value]) => ["--data-urlencode", `${name}=${value}`]),
    };
  };
  return { label: "Fields of a form", node: element("div", {}, ...rows), read };
}

function fileAsBody(type, example) {
  const field = fileField("file", "An image file.", false);
  return filesWay("A file as the body", [field], example, ([[, file]]) => {
    const header = file.type.startsWith("image/") ? file.type : type;
    return {
      body: file,
      headers: { "Content-Type": header },
      curl: ["--data-binary", `@${file.name}`],
    };
  });
}

function textAsBody(type, { summary, value }) {
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 2);
  const area = element("textarea", { value: text, rows: 6, spellcheck: false });
  const read = () => ({
    body: area.value,
    headers: { "Content-Type": type },
    curl: ["--data-raw", area.value],
  });
  return { label: summary, node: element("label", {}, element("code", {}, type), area), read };
}

/** Return a way that sends the files of its fields, or the example as long as there is none. */
function filesWay(label, fields, example, write) {
  const chosen = () =>
    fields.flatMap(({ input }) => [...input.files].map((file) => [input.name, file]));
  const files = () => (chosen().length ? chosen() : [[fields[0].input.name, example]]);
  const gallery = element("div", { className: "gallery" });
  const show = () => {
    const note = chosen().length ? "" : hint("An example, sent until you choose a file.");
    gallery.replaceChildren(...previews(files().map(([, file]) => file)), note);
  };
  fields.forEach(({ input }) => input.addEventListener("change", show));
  show();
  const node = element("div", {}, ...fields.map((field) => field.node), gallery);
  return { label, node, read: () => write(files()) };
}

function fileField(name, description, multiple) {
  const input = element("input", { type: "file", name, multiple, accept: "image/*" });
  const node = element("label", {}, element("code", {}, name), input, hint(description));
  return { input, node };
}

function previews(files) {
  const shown = files.slice(0, MOST_PREVIEWS).map((file) => {
    const picture = element("img", { src: URL.createObjectURL(file), alt: "" });
    picture.onload = () => URL.revokeObjectURL(picture.src);
    picture.onerror = () => picture.remove();
    return element("figure", {}, picture, element("figcaption", {}, file.name));
  });
  const more = files.length - shown.length;
  return more > 0 ? [...shown, hint(`and ${more} more`)] : shown;
}

/** Return a file's name as curl's -F takes it. */
function formName(name) {
  return /[;,"\\]/.test(name) ? `"${name.replace(/["\\]/g, "\\$&")}"` : name;
}
