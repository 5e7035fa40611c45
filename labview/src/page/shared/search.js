// @ts-check
"use strict";
// A search field. It shows the number of matches, and the reader can go from match to match.

class Search {
  /**
   * @param {{ input: HTMLInputElement, count: HTMLElement }} elements
   * @param {(words: string[], query: string) => number[]} find returns the numbers of the things that
   *   contain all words; the reader visits them in this order
   * @param {{ found: () => void, visit: (match: number) => void }} tell
   * @param {boolean} [leaves] does Enter leave the field, so that the next key is a command?
   * @param {() => number} [here] where the reader is: the first Enter goes to the nearest match. Without it,
   *   the first Enter goes to the first match
   */
  constructor({ input, count }, find, tell, leaves = false, here) {
    this.input = input;
    this.count = count;
    this.find = find;
    this.tell = tell;
    this.here = here;
    /** @type {number[]} */
    this.matches = [];
    this.at = -1;
    let wait = 0;
    input.addEventListener("input", () => {
      clearTimeout(wait);
      wait = setTimeout(() => this.run(), 120);
    });
    input.addEventListener("keydown", (event) => {
      if (event.key === "Enter") {
        clearTimeout(wait);
        if (this.asked !== this.query) this.run();
        if (leaves) input.blur();
        this.step(event.shiftKey ? -1 : 1);
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
    this.matches = words.length > 0 ? this.find(words, this.asked) : [];
    this.at = -1;
    this.say();
    this.tell.found();
  }

  /** @param {number} by */
  step(by) {
    const n = this.matches.length;
    if (n === 0) return;
    this.at = this.at >= 0 ? (this.at + by + n) % n : this.here ? this.nearest(this.here()) : by > 0 ? 0 : n - 1;
    this.say();
    this.tell.visit(this.matches[this.at]);
  }

  /** The place of the match that is nearest to `here`; of two, the earlier one. @param {number} here */
  nearest(here) {
    const { matches } = this;
    const after = firstIndex(0, matches.length, (i) => matches[i] > here);
    if (after === 0) return 0;
    if (after === matches.length) return after - 1;
    return here - matches[after - 1] <= matches[after] - here ? after - 1 : after;
  }

  say() {
    const n = formatCount(this.matches.length);
    this.count.textContent = !this.asked ? "" : this.at < 0 ? `${n} found` : `${formatCount(this.at + 1)} of ${n}`;
    this.count.classList.toggle("none", this.asked !== "" && this.matches.length === 0);
  }
}
