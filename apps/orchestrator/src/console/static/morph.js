// @ts-check

/**
 * Makes a tree what another one is, and leaves alone what is the same: focus, scroll, a half-typed field and an open
 * <details> survive. Children are found again by their ids, sections by those of their headings; where none has one, by
 * their place.
 *
 * @param {Element} from stays in the document
 * @param {Element} to a new one, which is taken apart
 */
export function morph(from, to) {
  if (from.isEqualNode(to)) return;
  morphAttributes(from, to);
  if (!from.hasAttribute('data-keep')) morphChildren(from, to);
}

/**
 * @param {Element} from
 * @param {Element} to
 */
function morphAttributes(from, to) {
  for (const { name, value } of Array.from(to.attributes))
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  for (const { name } of Array.from(from.attributes)) {
    if (to.hasAttribute(name) || isReaders(from, name)) continue;
    from.removeAttribute(name);
  }
}

/**
 * What the reader has opened stays open.
 *
 * @param {Element} element
 * @param {string} name
 */
const isReaders = (element, name) => name === 'open' && element.nodeName === 'DETAILS';

/**
 * @param {Element} from
 * @param {Element} to
 */
function morphChildren(from, to) {
  const wanted = new Set([...to.childNodes].map(keyOf).filter((key) => key !== ''));
  /** @type {Map<string, ChildNode>} */
  const known = new Map();
  for (const child of from.childNodes) if (keyOf(child) !== '') known.set(keyOf(child), child);

  let place = from.firstChild;
  for (const next of Array.from(to.childNodes)) {
    // What is not wanted any more goes first, so that what stays need not move: a moved element loses focus.
    while (place && keyOf(place) !== '' && !wanted.has(keyOf(place))) place = removed(place);
    const key = keyOf(next);
    const same = key !== '' ? known.get(key) : place && keyOf(place) === '' ? place : undefined;
    if (!same || same.nodeName !== next.nodeName) {
      from.insertBefore(next, place);
      continue;
    }
    if (same === place) place = place.nextSibling;
    else from.insertBefore(same, place);
    if (same instanceof Element && next instanceof Element) morph(same, next);
    else if (same.nodeValue !== next.nodeValue) same.nodeValue = next.nodeValue;
  }
  while (place) place = removed(place);
}

/** @param {ChildNode} node */
const keyOf = (node) =>
  node instanceof Element ? node.id || (node.getAttribute('aria-labelledby') ?? '') : '';

/** @param {ChildNode} node */
function removed(node) {
  const next = node.nextSibling;
  node.remove();
  return next;
}
