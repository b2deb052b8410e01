/** Make an element with these properties and children. */
export function element(name, properties, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children);
  return made;
}

/** Make a part of the page that opens when its title is clicked. */
export function folded(title, ...children) {
  return element("details", {}, element("summary", {}, title), ...children);
}

/** Make a line in small grey letters. */
export function hint(...children) {
  return element("span", { className: "hint" }, ...children);
}

/** Make a list of terms, each with its explanation. */
export function terms(rows) {
  const cells = rows.flatMap(([term, ...explanation]) => [
    element("dt", {}, term),
    element("dd", {}, ...explanation),
  ]);
  return element("dl", {}, ...cells);
}
