// @ts-check
"use strict";
// Formats numbers, times and texts for people. The texts may contain anything.

/** A number in groups of three digits, with narrow spaces between the groups. @param {number} n */
function formatCount(n) {
  return String(n).replace(/\B(?=(\d{3})+$)/g, "\u202f");
}

/**
 * A number with a noun, for example `3 operations`.
 * @param {number} n @param {string} one @param {string} [many]
 */
function plural(n, one, many) {
  return `${formatCount(n)} ${n === 1 ? one : (many ?? one + "s")}`;
}

/**
 * A time in seconds, as exact as `step` needs. Without `step`, the time has 3 digits after the point if these
 * are exact, otherwise 6.
 * @param {number} ns @param {number} [step] times that differ by this much must look different, in ns
 */
function formatTime(ns, step) {
  let digits;
  if (step === undefined) {
    digits = ns % 1e6 === 0 ? 3 : ns % 1e3 === 0 ? 6 : 9;
    digits = Math.min(digits, 6);
  } else {
    digits = Math.min(9, Math.max(0, Math.ceil(9 - Math.log10(step) - 1e-9)));
  }
  const [whole, fraction] = (ns / 1e9).toFixed(digits).split(".");
  const grouped = whole.replace(/\B(?=(\d{3})+$)/g, "\u202f");
  return fraction ? `${grouped}.${fraction.replace(/(\d{3})(?=\d)/g, "$1\u202f")}\u00a0s` : `${grouped}\u00a0s`;
}

/** A length of time, rounded to three digits. @param {number} ns */
function formatDuration(ns) {
  for (const [unit, size] of /** @type {[string, number][]} */ ([["s", 1e9], ["ms", 1e6], ["µs", 1e3]])) {
    if (ns >= size * 0.9995) {
      return `${Number((ns / size).toPrecision(3))}\u00a0${unit}`;
    }
  }
  return `${Math.round(ns)}\u00a0ns`;
}

/** @type {Record<string, string>} */
const ESCAPES = { "\n": "↵", "\r": "\\r", "\t": "\\t" };
// Characters that are invisible, break the line, or change the direction of the text after them.
const INVISIBLE = /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/g;

/**
 * A text that may contain anything, as one visible line of at most about `limit` characters. @param {string}
 * text @param {number} limit
 */
function visible(text, limit) {
  let cut = text;
  if (text.length > limit) {
    // The end of a long text can be as important as its beginning, so a part of the end is kept.
    const tail = Math.floor(limit / 4);
    cut = `${text.slice(0, limit - tail - 1)}…${text.slice(-tail)}`;
  }
  return cut.replace(INVISIBLE, (c) => {
    return ESCAPES[c] ?? `\\u{${/** @type {number} */ (c.codePointAt(0)).toString(16)}}`;
  });
}

/**
 * Makes an element with a class and content. Texts become text nodes, never markup.
 * @param {string} tag @param {string} [className] @param {...(Node | string)} content
 * @returns {HTMLElement}
 */
function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

/** The element of the page with this id. @param {string} id @returns {HTMLElement} */
function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`the page has no element ${id}`);
  return found;
}

/**
 * Returns a function that computes its value at the first call, and keeps it.
 * @template T @param {() => T} make @returns {() => T}
 */
function once(make) {
  /** @type {{ value: T } | null} */
  let made = null;
  return () => (made ??= { value: make() }).value;
}

/**
 * Returns a function that requests a call of `f` at the next frame. If there are several requests before this
 * frame, `f` is called only once. @param {() => void} f
 */
function onceAFrame(f) {
  let asked = false;
  return () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => {
      asked = false;
      f();
    });
  };
}

/**
 * The first index from lo on for which `after` is true. If there is none before hi, the result is hi. If
 * `after` is true for an index, it must be true for all later indices, too.
 * @param {number} lo @param {number} hi @param {(index: number) => boolean} after
 */
function firstIndex(lo, hi, after) {
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (after(mid)) hi = mid;
    else lo = mid + 1;
  }
  return lo;
}

const FIRST_LETTERS = 600;

/**
 * The beginning of a text of any length, and a button that shows the rest.
 * @param {string} text @returns {(Node | string)[]}
 */
function longText(text) {
  if (text.length <= FIRST_LETTERS) return [visible(text, Infinity)];
  const span = element("span", "", visible(text.slice(0, FIRST_LETTERS), Infinity));
  const more = element("button", "more", `… all ${formatCount(text.length)} characters`);
  more.addEventListener("click", () => {
    span.textContent = visible(text, 200_000);
    more.remove();
  });
  return [span, more];
}
