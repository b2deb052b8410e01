// The pictures in an answer: strings in base64, as the document says of their fields.

import { element } from "./elements.js";
import { fieldsOf } from "./reference.js";

/** Return figures of the pictures in an answer's value, an object or a list of them. */
export function picturesIn(value, schema) {
  const fields = fieldsOf(schema).filter(([, field]) => /^image\//.test(field.contentMediaType));
  return [value].flat().flatMap((answer) =>
    fields
      .filter(([name]) => typeof answer?.[name] === "string")
      .map(([name, field]) => figure(answer[name], field.contentMediaType, answer.label)),
  );
}

function figure(coded, type, caption = "") {
  const bytes = Uint8Array.from(atob(coded), (letter) => letter.charCodeAt(0));
  const picture = element("img", {
    src: URL.createObjectURL(new Blob([bytes], { type })),
    alt: caption,
    className: "made",
  });
  picture.onload = () => URL.revokeObjectURL(picture.src);
  return element("figure", {}, picture, element("figcaption", {}, caption));
}
