// @ts-check
"use strict";
// A search field. It shows the number of matches, and the reader can go from match to match. A page can also
// have a list of matches below the field.

const LISTED = 12; // how many matches are in the list below the field

/**
 * The list below the field.
 * @typedef {object} Hits
 * @property {HTMLElement} list
 * @property {(match: number) => (Node | string)[]} row what the list says about a match
 * @property {(match: number) => boolean} first does the reader visit this match before the others?
 */

class Search {
  /**
   * @param {{ input: HTMLInputElement, count: HTMLElement }} elements
   * @param {(words: string[], query: string) => number[]} find returns the numbers of the things that
   *   contain all words; the reader visits them in this order
   * @param {{ found: () => void, visit: (match: number) => void }} tell
   * @param {boolean} [leaves] does Enter leave the field, so that the next key is a command?
   * @param {() => number} [here] where the reader is: the first Enter goes to the nearest match. Without it,
   *   the first Enter goes to the first match
   * @param {Hits} [hits]
   */
  constructor({ input, count }, find, tell, leaves = false, here, hits) {
    this.input = input;
    this.count = count;
    this.find = find;
    this.tell = tell;
    this.here = here;
    this.hits = hits;
    /** The matches in the order in which the reader visits them. @type {number[]} */
    this.matches = [];
    /** The matches in the order in which they were found. @type {number[]} */
    this.found = [];
    /** How many matches come first, because of `hits.first`. */
    this.firsts = 0;
    this.at = -1;
    /** The match to which Enter goes from the list; -1 if no list is shown. */
    this.mark = -1;
    let wait = 0;
    input.addEventListener("input", () => {
      clearTimeout(wait);
      wait = setTimeout(() => this.run(), 120);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        clearTimeout(wait);
        if (this.asked !== this.query) this.run();
        const { mark } = this;
        if (leaves) input.blur();
        if (mark >= 0 && !event.shiftKey) this.go(mark);
        else this.step(event.shiftKey ? -1 : 1);
      } else if (this.mark >= 0 && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
        const n = this.matches.length;
        this.mark = (this.mark + (event.key === "ArrowDown" ? 1 : -1) + n) % n;
        this.list();
      } else if (event.key === "Escape") {
        clearTimeout(wait);
        this.set("");
        input.blur();
      } else {
        return;
      }
      event.preventDefault();
    });
    // After the reader has left the field, Enter still goes to the next match.
    addEventListener("keydown", (event) => {
      if (!leaves || event.key !== "Enter" || event.target !== document.body || !this.query) return;
      event.preventDefault();
      this.step(event.shiftKey ? -1 : 1);
    });
    this.asked = "";
    if (!hits) return;
    input.addEventListener("focus", () => this.open());
    input.addEventListener("blur", () => this.close());
    // A click on the list must not take the focus from the field, because this would close the list.
    hits.list.addEventListener("mousedown", (event) => event.preventDefault());
  }

  /** Shows the list, if the reader is in the field. */
  open() {
    const n = this.matches.length;
    if (!this.hits || document.activeElement !== this.input) return;
    this.mark = n === 0 ? -1 : this.at >= 0 ? (this.at + 1) % n : this.begin;
    this.list();
  }

  close() {
    this.mark = -1;
    if (this.hits) this.hits.list.hidden = true;
  }

  /** Fills the list with the matches around the marked one. */
  list() {
    const { hits, matches, mark } = this;
    if (!hits) return;
    hits.list.hidden = mark < 0;
    const from = Math.max(0, Math.min(mark - (LISTED >> 1), matches.length - LISTED));
    const rows = matches.slice(from, from + LISTED).map((match, i) => {
      const row = element("li", from + i === mark ? "now" : "", ...hits.row(match));
      row.addEventListener("click", (event) => {
        // The list is in the label of the field, and a click on the label goes to the field.
        event.preventDefault();
        this.input.blur();
        this.go(from + i);
      });
      return row;
    });
    hits.list.replaceChildren(...rows);
  }

  get query() {
    return this.input.value.trim();
  }

  /** @param {string} query */
  set(query) {
    this.input.value = query;
    this.run();
  }

  run() {
    this.asked = this.query;
    const words = this.asked.toLowerCase().split(/\s+/).filter((word) => word);
    this.found = words.length > 0 ? this.find(words, this.asked) : [];
    const { found, hits } = this;
    const firsts = hits ? found.filter((match) => hits.first(match)) : found;
    this.firsts = firsts.length;
    this.matches = !hits || firsts.length === found.length ? found : [...firsts, ...found.filter((match) => !hits.first(match))];
    this.at = -1;
    this.say();
    this.open();
    this.tell.found();
  }

  /** @param {number} by */
  step(by) {
    const n = this.matches.length;
    if (n === 0) return;
    this.go(this.at >= 0 ? (this.at + by + n) % n : this.here ? this.begin : by > 0 ? 0 : n - 1);
  }

  /** Visits a match. @param {number} at its place */
  go(at) {
    this.at = at;
    this.say();
    this.tell.visit(this.matches[at]);
  }

  /** The place of the match at which the reader begins. */
  get begin() {
    return this.here ? this.nearest(this.here()) : 0;
  }

  /**
   * The place of the match that is nearest to `here`; of two, the earlier one. If some matches come first, it
   * is one of them.
   * @param {number} here
   */
  nearest(here) {
    const { matches } = this;
    const end = this.firsts > 0 ? this.firsts : matches.length;
    const after = firstIndex(0, end, (i) => matches[i] > here);
    if (after === 0) return 0;
    if (after === end) return after - 1;
    return here - matches[after - 1] <= matches[after] - here ? after - 1 : after;
  }

  say() {
    const n = formatCount(this.matches.length);
    this.count.textContent = !this.asked ? "" : this.at < 0 ? `${n} found` : `${formatCount(this.at + 1)} of ${n}`;
    // The text of the field ends before the number.
    this.input.style.paddingRight = this.asked ? `${this.count.offsetWidth + 32}px` : "";
    this.count.classList.toggle("none", this.asked !== "" && this.matches.length === 0);
  }
}
