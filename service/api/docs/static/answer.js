// Sending a request, and showing what comes back.

import { resolve } from "./api.js";
import { element, folded, hint, terms } from "./elements.js";
import { picturesIn } from "./pictures.js";

/** Send a request; return the parts of the page that show its answer. */
export async function answerTo(request, operation) {
  const { path, method, query, headers, body } = request;
  const url = new URL(path.slice(1) + (query ? `?${query}` : ""), document.baseURI);
  const started = performance.now();
  try {
    const answer = await fetch(url, { method, headers, body, cache: "no-store" });
    const text = await answer.text();
    const duration = performance.now() - started;
    return shown(answer, text, duration, operation.responses[answer.status], command(url, request));
  } catch (error) {
    return [element("p", { className: "status failed" }, `No answer: ${error.message}`)];
  }
}

function shown(answer, text, duration, documented, curl) {
  const kind = answer.ok ? "status" : "status failed";
  const status = element("strong", { className: kind }, `${answer.status} ${answer.statusText}`);
  const meaning = answer.ok || !documented ? [] : [hint(resolve(documented).description)];
  return [
    element("p", {}, status, hint(`${Math.round(duration)} ms`)),
    ...meaning,
    ...bodyOf(answer, text, documented),
    folded("Headers", terms([...answer.headers])),
    folded("The same with curl", element("pre", {}, curl)),
  ];
}

function bodyOf(answer, text, documented) {
  if (text.trim() === "") {
    return [hint("The body is empty.")];
  }
  const type = answer.headers.get("content-type")?.split(";")[0];
  if (!/[/+]json$/.test(type)) {
    return [element("pre", { className: "body" }, text)];
  }
  const value = JSON.parse(text);
  const schema = documented && resolve(documented).content[type]?.schema;
  const pictures = schema ? picturesIn(value, schema) : [];
  const gallery = pictures.length ? [element("div", { className: "gallery" }, ...pictures)] : [];
  return [...gallery, element("pre", { className: "body" }, pretty(value))];
}

/** Return JSON in lines; a list of numbers stays in one line. */
function pretty(value, indent = "") {
  if (typeof value !== "object" || value === null) {
    return JSON.stringify(value);
  }
  const isList = Array.isArray(value);
  const [open, close] = isList ? "[]" : "{}";
  const parts = Object.entries(value).map(
    ([key, item]) => (isList ? "" : `${JSON.stringify(key)}: `) + pretty(item, `${indent}  `),
  );
  if (parts.length === 0 || (isList && value.every((item) => typeof item === "number"))) {
    return open + parts.join(", ") + close;
  }
  return `${open}\n${indent}  ${parts.join(`,\n${indent}  `)}\n${indent}${close}`;
}

function command(url, { method, headers, curl }) {
  const usual = curl.length ? "POST" : "GET";
  const verb = method === usual ? [] : ["-X", method];
  const given = Object.entries(headers).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  return ["curl", ...verb, ...given, ...curl, url.href].map(quoted).join(" ");
}

function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
