// @ts-check
"use strict";
// What the reader wants to see: the chosen lanes, types of messages, kinds of events and terms, and the key
// whose operations are shown.

class Filter {
  /** @param {Run} run */
  constructor(run) {
    this.run = run;
    /** @type {Set<number>} */
    this.hiddenLanes = new Set();
    /** @type {Set<number>} */
    this.hiddenTypes = new Set();
    /** @type {Set<number>} */
    this.hiddenKinds = new Set();
    /** The terms to show, as a text: `5` or `3-7`. An empty text means all terms. */
    this.term = "";
    /** The key of the operations to show. An empty text means all operations. */
    this.key = "";
    this.shown = new Uint8Array(run.size).fill(1);
    this.messageShown = new Uint8Array(run.messages.id.length).fill(1);
    this.count = run.size;
  }

  get any() {
    return this.hiddenLanes.size > 0 || this.hiddenTypes.size > 0 || this.hiddenKinds.size > 0 || this.term !== "" || this.key !== "";
  }

  clear() {
    for (const hidden of [this.hiddenLanes, this.hiddenTypes, this.hiddenKinds]) hidden.clear();
    this.term = "";
    this.key = "";
    this.apply();
  }

  /** The first and the last term to show; null if all terms are shown. @returns {[number, number] | null} */
  get terms() {
    const range = /^\s*(\d+)\s*(?:[-–]\s*(\d+)\s*)?$/.exec(this.term);
    return range ? [Number(range[1]), Number(range[2] ?? range[1])] : null;
  }

  /**
   * For each id, does it belong to an operation on the chosen key? The result is null if no key is chosen.
   */
  ofKey() {
    if (!this.key) return null;
    const { run } = this;
    const { id, call } = run.operations;
    const wanted = new Uint8Array(run.ids.length);
    for (let op = 0; op < id.length; op += 1) {
      if (id[op] >= 0 && String(run.field(call[op], "key")) === this.key) wanted[id[op]] = 1;
    }
    return run.rootOf.map((root) => wanted[root]);
  }

  apply() {
    const { run, shown, messageShown } = this;
    const terms = this.terms;
    const keyed = this.ofKey();
    const inTerm = (/** @type {number} */ term) => !terms || (term >= terms[0] && term <= terms[1]);
    const { messages } = run;
    for (let m = 0; m < messageShown.length; m += 1) {
      const term = Math.max(run.termOf[messages.sent[m]], messages.delivered[m] >= 0 ? run.termOf[messages.delivered[m]] : -1);
      const own = run.termOf[messages.sent[m]];
      const hidden =
        this.hiddenTypes.has(messages.type[m]) ||
        this.hiddenLanes.has(messages.from[m]) ||
        (messages.to[m] >= 0 && this.hiddenLanes.has(messages.to[m])) ||
        !inTerm(own >= 0 ? own : term) ||
        (keyed && !keyed[messages.id[m]]);
      messageShown[m] = hidden ? 0 : 1;
    }
    this.count = 0;
    for (let e = 0; e < run.size; e += 1) {
      const id = run.id[e];
      const message = id >= 0 ? run.messageOf[id] : -1;
      const hidden =
        this.hiddenKinds.has(run.kindOf[e]) ||
        this.hiddenLanes.has(run.lane[e]) ||
        (message >= 0 && !messageShown[message]) ||
        (message < 0 && !inTerm(run.termOf[e])) ||
        (keyed && !(id >= 0 && keyed[id]) && !(run.parent[e] >= 0 && keyed[run.parent[e]]) && String(run.field(e, "key")) !== this.key);
      // The failure is never hidden.
      shown[e] = hidden && e !== run.failed ? 0 : 1;
      this.count += shown[e];
    }
  }

  /**
   * The next event after `e`, or the event before it.
   * @param {number} e @param {number} by @param {boolean} all also goes to hidden events
   */
  next(e, by, all) {
    for (let at = e + by; at >= 0 && at < this.run.size; at += by) {
      if (all || this.shown[at]) return at;
    }
    return -1;
  }
}
