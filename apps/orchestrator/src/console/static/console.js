// @ts-check
import { morph } from './morph.js';

/** The page works without this script; with it, it follows what happens, and asks in a dialog instead of on a page. */

const partHeader = 'X-Console-Part';
/** Milliseconds between two looks, however much is told. */
const lookEveryMs = 1_000;
/** Milliseconds until a stream that was refused is asked for again. An interrupted one comes back by itself. */
const askAgainMs = 5_000;

const main = /** @type {HTMLElement} */ (document.getElementById('main'));
const live = /** @type {HTMLElement} */ (document.getElementById('live'));
const dialog = /** @type {HTMLDialogElement} */ (document.getElementById('dialog'));

// ---- what changes ----

/** @type {EventSource | undefined} */
let stream;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let lookTimer;
/** @type {ReturnType<typeof setTimeout> | undefined} */
let refreshTimer;
let lookedAt = performance.now();
let isLooking = false;
let isMissed = false;

/** Something may have changed. */
function lookSoon() {
  if (document.hidden || isLooking) {
    isMissed = true;
    return;
  }
  lookTimer ??= setTimeout(look, Math.max(0, lookedAt + lookEveryMs - performance.now()));
}

async function look() {
  lookTimer = undefined;
  isLooking = true;
  isMissed = false;
  try {
    const next = await fetchMain(location.href);
    if (next) show(next);
    if (!next) tell(false);
    else if (!main.dataset['events']) tell(undefined);
  } catch {
    tell(false);
  }
  lookedAt = performance.now();
  isLooking = false;
  plan();
  if (isMissed) lookSoon();
}

/**
 * @param {string} url
 * @param {RequestInit} [options]
 * @returns {Promise<HTMLElement | undefined>} undefined where the server is not able to
 */
async function fetchMain(url, options = {}) {
  const headers = { [partHeader]: 'main', accept: 'text/html' };
  const response = await fetch(url, { ...options, headers });
  if (response.redirected && new URL(response.url).pathname === '/login') location.reload();
  if (!response.ok && response.status !== 409 && response.status !== 400) return undefined;
  const text = await response.text();
  const part = new DOMParser().parseFromString(text, 'text/html').getElementById('main');
  if (part) localiseTimes(part);
  return part ?? undefined;
}

/** @param {HTMLElement} next */
function show(next) {
  const events = main.dataset['events'];
  morph(main, next);
  document.dispatchEvent(new CustomEvent('console:shown'));
  if (main.dataset['events'] !== events) connect();
}

/** Asks again after a while, where the page says that it should: numbers over time change without being told. */
function plan() {
  clearTimeout(refreshTimer);
  const refreshMs = Number(main.dataset['refreshMs'] ?? 0);
  if (refreshMs > 0 && !document.hidden) refreshTimer = setTimeout(lookSoon, refreshMs);
}

function connect() {
  stream?.close();
  stream = undefined;
  const url = main.dataset['events'];
  // A hidden page needs none, and browsers have few connections to one server.
  if (!url || document.hidden) return tell(undefined);
  const own = new EventSource(url);
  stream = own;
  let isFirst = false;
  own.addEventListener('open', () => {
    isFirst = true;
    tell(true);
  });
  own.addEventListener('saga', lookSoon);
  own.addEventListener('changes', ({ data }) => {
    const { sagas, left } = JSON.parse(data);
    // What changed before the stream stood was not told.
    if (isFirst || sagas.length > 0 || left > 0) lookSoon();
    isFirst = false;
  });
  own.addEventListener('error', () => {
    if (stream !== own) return;
    tell(false);
    if (own.readyState !== EventSource.CLOSED) return;
    stream = undefined;
    lookSoon();
    setTimeout(() => stream ?? connect(), askAgainMs);
  });
}

/** @param {boolean | undefined} isConnected undefined: nothing to say */
function tell(isConnected) {
  live.hidden = isConnected === undefined;
  live.dataset['state'] = isConnected ? 'live' : 'lost';
  const text = isConnected ? 'Live' : 'Connection lost, trying again';
  if (live.textContent !== text) live.textContent = text;
}

document.addEventListener('visibilitychange', () => {
  connect();
  if (!document.hidden) lookSoon();
});

// ---- times ----

const clock = new Intl.DateTimeFormat(undefined, { dateStyle: 'short', timeStyle: 'medium' });

/**
 * Shows moments in the reader's own time.
 *
 * @param {ParentNode} tree
 */
function localiseTimes(tree) {
  for (const time of tree.querySelectorAll('time')) {
    time.title = time.dateTime;
    time.textContent = clock.format(new Date(time.dateTime));
  }
}

// ---- dialogs ----

document.addEventListener('click', (event) => {
  if (
    event.defaultPrevented ||
    event.button !== 0 ||
    event.ctrlKey ||
    event.metaKey ||
    event.shiftKey
  )
    return;
  const link = event.target instanceof Element ? event.target.closest('a') : null;
  if (!link) return;
  if (link.hasAttribute('data-close') && dialog.open) {
    event.preventDefault();
    dialog.close();
  }
  if (!link.hasAttribute('data-dialog')) return;
  event.preventDefault();
  ask(link.href).catch(() => location.assign(link.href));
});

/** @param {string} url of a page with a question */
async function ask(url) {
  const part = await fetchMain(url);
  if (!part) return location.assign(url);
  dialog.replaceChildren(...part.childNodes);
  dialog.showModal();
}

// ---- sliders ----

document.addEventListener('input', ({ target }) => {
  if (!(target instanceof HTMLInputElement) || target.type !== 'range') return;
  const output = document.getElementById(`${target.id}-value`);
  if (output) output.textContent = `${target.value} ${target.dataset['unit']}`;
});

/** A form of sliders is sent when one is let go. */
document.addEventListener('change', ({ target }) => {
  const form = target instanceof HTMLInputElement ? target.form : null;
  if (form?.hasAttribute('data-live')) void send(form);
});

document.addEventListener('submit', (event) => {
  const form = event.target;
  if (!(form instanceof HTMLFormElement) || !form.hasAttribute('data-live')) return;
  event.preventDefault();
  const button = event.submitter instanceof HTMLButtonElement ? event.submitter : undefined;
  void send(form, button);
});

/**
 * @param {HTMLFormElement} form
 * @param {HTMLButtonElement} [button]
 */
async function send(form, button) {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form, button)) fields.append(name, String(value));
  try {
    const next = await fetchMain(form.action, { method: 'POST', body: fields });
    if (!next) return tell(false);
    show(next);
    // What the reader has moved is now what is: from here on it follows again.
    // Not `form.reset()`: one of its fields has that name.
    HTMLFormElement.prototype.reset.call(form);
  } catch {
    tell(false);
  }
}

localiseTimes(main);
connect();
plan();
