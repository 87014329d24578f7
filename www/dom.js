// Everything the page shows is built here from text nodes and attributes: no markup is ever parsed from
// data, so nothing a server or a list says can become part of the page.

/**
 * Makes an element. `class`, `text`, `testid` and `on` (listeners by event name) have their obvious meaning;
 * every other property becomes an attribute, left out when it is null, undefined or false.
 */
export function el(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "class") node.className = value;
    else if (name === "text") node.textContent = value;
    else if (name === "testid") node.dataset.testid = value;
    else if (name === "on") for (const [type, listener] of Object.entries(value)) node.addEventListener(type, listener);
    else if (value !== null && value !== undefined && value !== false)
      node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children);
  return node;
}

/** Sets text only where it differs: a live region must not be announced again for nothing. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** A button; `pressed` (true or false) makes it a toggle for assistive technology. */
export function button(label, { onClick, pressed, kind = "", ...rest }) {
  return el("button", {
    type: "button",
    class: `button ${kind}`.trim(),
    "aria-pressed": pressed === undefined ? null : String(pressed),
    on: { click: onClick },
    text: label,
    ...rest,
  });
}

/** Makes `parent` have exactly `count` children, made by `make(index)` where some are missing. */
export function fill(parent, count, make) {
  while (parent.childElementCount > count) parent.lastElementChild.remove();
  while (parent.childElementCount < count) parent.append(make(parent.childElementCount));
}
