/**
 * Elements from plain calls, and bringing a live tree in line with a new one.
 *
 * `h("button", {class: "si-button", onclick: save}, "Save")` makes an element; `morph(parent, children)` changes only
 * what differs, so that focus, scrolling, an open `<details>` and half-typed text stay where they are. Text is always
 * text: nothing here reads HTML.
 */

/** @typedef {Node | string | number | boolean | null | undefined | readonly any[]} Child - a list has children; false, null and undefined are nothing */
/** @typedef {Record<string, unknown>} Props */

const SVG = "http://www.w3.org/2000/svg";

/** Properties that are set on the object: an attribute of that name would only be their first value. */
const AS_PROPERTY = new Set(["value", "checked", "data", "indeterminate", "selected"]);

/** @type {WeakMap<Node, Props>} */
const propsOf = new WeakMap();

/**
 * An element. Props: `key` (tells apart siblings that move), `on...` (a listener), `data` (for our own elements),
 * `value` and `checked` (properties); everything else is an attribute, where `true` is an empty one and `false`, null
 * and undefined are none.
 *
 * @param {string} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {HTMLElement}
 */
export function h(tag, props, ...children) {
  return build(document.createElement(tag), props ?? {}, children);
}

/**
 * The same for SVG.
 *
 * @param {string} tag
 * @param {Props | null} [props]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, props, ...children) {
  return build(document.createElementNS(SVG, tag), props ?? {}, children);
}

/**
 * Make the children of `parent` those given. Elements of the same tag (and key, where one has any) are kept and
 * changed; our own elements get their new `data` and draw themselves.
 *
 * @param {Element} parent
 * @param {Child} children
 */
export function morph(parent, children) {
  const wanted = flat(children);
  const old = [...parent.childNodes];
  /** @type {Map<string, ChildNode>} */
  const keyed = new Map();
  for (const node of old) {
    const name = keyOf(node);
    if (name !== null) keyed.set(name, node);
  }
  const taken = new Set();
  let next = 0;
  const result = wanted.map((node) => {
    const name = keyOf(node);
    let match = name === null ? undefined : keyed.get(name);
    if (name === null) {
      // The next one of its sort; those passed over are gone, or come again as new ones.
      for (let at = next; at < old.length; at += 1) {
        const candidate = /** @type {ChildNode} */ (old[at]);
        if (!taken.has(candidate) && keyOf(candidate) === null && candidate.nodeName === node.nodeName) {
          match = candidate;
          next = at + 1;
          break;
        }
      }
    }
    if (match === undefined || match === node || taken.has(match)) return node;
    taken.add(match);
    change(match, node);
    return match;
  });
  const kept = new Set(result);
  for (const node of old) if (!kept.has(node)) node.remove();
  result.forEach((node, at) => {
    const there = parent.childNodes[at] ?? null;
    if (there !== node) put(parent, node, there);
  });
}

/** Put a node before another, or last; what is focused in it stays so. @param {Element} parent @param {Node} node @param {Node | null} there */
function put(parent, node, there) {
  const moving = node.parentNode === parent;
  if (moving && "moveBefore" in parent) {
    // Chromium 133, Firefox 144: nothing of its state is lost.
    /** @type {any} */ (parent).moveBefore(node, there);
    return;
  }
  const focused = moving ? document.activeElement : null;
  parent.insertBefore(node, there);
  if (focused instanceof HTMLElement && node.contains(focused)) focused.focus({ preventScroll: true });
}

/**
 * @template {Element} E
 * @param {E} element
 * @param {Props} props
 * @param {Child[]} children
 * @returns {E}
 */
function build(element, props, children) {
  setProps(element, {}, props);
  element.append(...flat(children));
  // A <select> has its value only once it has its options.
  if ("value" in props && element instanceof HTMLSelectElement) setProp(element, "value", props.value);
  return element;
}

/** @param {Child} child @returns {Node[]} */
function flat(child) {
  if (child === null || child === undefined || child === true || child === false || child === "") return [];
  if (Array.isArray(child)) return child.flatMap((each) => flat(each));
  return [child instanceof Node ? child : document.createTextNode(String(child))];
}

/** @param {Node} node */
function keyOf(node) {
  const key = propsOf.get(node)?.key;
  return key === undefined ? null : `${node.nodeName} ${key}`;
}

/** @param {Node} live @param {Node} wanted */
function change(live, wanted) {
  if (!(live instanceof Element && wanted instanceof Element)) {
    if (live.nodeValue !== wanted.nodeValue) live.nodeValue = wanted.nodeValue;
    return;
  }
  const props = propsOf.get(wanted) ?? {};
  // What is inside our own elements is theirs.
  if (!live.localName.includes("-")) morph(live, [...wanted.childNodes]);
  setProps(live, propsOf.get(live) ?? {}, props);
}

/** @param {Element} element @param {Props} before @param {Props} after */
function setProps(element, before, after) {
  for (const name of Object.keys(before)) if (!(name in after)) setProp(element, name, undefined);
  for (const [name, value] of Object.entries(after)) {
    // The user may have changed these since.
    if (before[name] !== value || name === "value" || name === "checked") setProp(element, name, value);
  }
  propsOf.set(element, after);
}

/** @param {Element} element @param {string} name @param {unknown} value */
function setProp(element, name, value) {
  const object = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (element));
  if (name === "key") return;
  // A listener set as a property prevents what the key or click does when it happens to return false.
  if (name.startsWith("on")) object[name] = typeof value === "function" ? (/** @type {Event} */ event) => void value(event) : null;
  else if (AS_PROPERTY.has(name)) {
    if (object[name] !== value) object[name] = value;
  } else if (value === undefined || value === null || value === false) element.removeAttribute(name);
  else element.setAttribute(name, value === true ? "" : String(value));
}
