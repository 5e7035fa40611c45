// @ts-check
"use strict";
// The history of the page: the operations of all parts, and orders of operations. There is one array for each
// field of the operations. An operation has the same number everywhere in the page. The operations of a part
// have consecutive numbers.

/** @typedef {"ok" | "illegal" | "unknown"} Verdict */
/** @typedef {{ from: number, to: number | null, kind: string, text: string }} WireMark */
/**
 * @typedef {object} WirePart
 * @property {string} title
 * @property {Verdict} verdict
 * @property {number} initial
 * @property {number[]} client
 * @property {number[]} call
 * @property {(number | null)[]} ret
 * @property {string[]} text
 * @property {number[][]} partials
 * @property {number | "never" | null} lastFit
 * @property {(string | number)[]} difference words and operations
 */
/**
 * @typedef {{
 *   title: string, verdict: Verdict, parts: WirePart[], states: string[], marks: WireMark[], besideRun:
 * boolean
 * }} Wire
 */

// These kinds have the same colour on every page. Other kinds get the remaining colours.
const USUAL_KINDS = ["get", "put", "append"];
const KIND_COLOURS = 5;

/** An order of operations that the model allows, from the start of the part. */
class Order {
  /** @param {Recording} recording @param {Part} part @param {number[]} columns operation, state, ... */
  constructor(recording, part, columns) {
    this.recording = recording;
    this.part = part;
    const n = columns.length / 2;
    this.ops = new Int32Array(n);
    this.states = new Int32Array(n);
    for (let i = 0; i < n; i += 1) {
      this.ops[i] = part.first + columns[2 * i];
      this.states[i] = columns[2 * i + 1];
    }
    /** @type {Map<number, number> | undefined} */
    this.places = undefined;
    /** @type {Float64Array | undefined} */
    this.times = undefined;
    /** @type {{ blocked: number, next: number[] } | undefined} */
    this.end = undefined;
  }

  get length() {
    return this.ops.length;
  }

  /**
   * The place of an operation in this order. The first place is 0. The result is -1 if the order does not
   * have the operation.
   * @param {number} op
   */
  place(op) {
    this.places ??= new Map(Array.from(this.ops, (placed, i) => [placed, i]));
    return this.places.get(op) ?? -1;
  }

  /** The state before the operation at this place. @param {number} place */
  before(place) {
    return this.recording.states[place === 0 ? this.part.initial : this.states[place - 1]];
  }

  /**
   * The state after the operation at this place. If `place` is -1, this is the initial state.
   * @param {number} place
   */
  after(place) {
    return this.recording.states[place < 0 ? this.part.initial : this.states[place]];
  }

  /**
   * For each operation, a time at which it may have taken effect. The times rise along the order. Each time
   * is between the operation's call and return. The times are as far apart as possible.
   */
  points() {
    if (this.times) return this.times;
    const { call, ret } = this.recording;
    const n = this.length;
    // If the order ends at a blocked operation, all operations of the order come before this operation. The
    // blocked operation gets a share of the time, too.
    const { blocked } = this.part.verdict === "illegal" && this.part.kept ? this.stop() : { blocked: -1 };
    const end = blocked >= 0 ? ret[blocked] : Infinity;
    // An operation takes effect after its own call, and after the calls of all earlier operations in the
    // order. It takes effect before its own return, and before the returns of all later operations.
    const [earliest, latest] = [new Float64Array(n), new Float64Array(n)];
    for (let i = 0; i < n; i += 1) earliest[i] = Math.max(call[this.ops[i]], i > 0 ? earliest[i - 1] : 0);
    for (let i = n - 1; i >= 0; i -= 1) {
      latest[i] = Math.min(ret[this.ops[i]], i < n - 1 ? latest[i + 1] : end);
    }
    this.times = new Float64Array(n);
    let crowd = 0;
    let last = -Infinity;
    for (let i = 0; i < n; i += 1) {
      // The operations from `i` on, but before `crowd`, can take effect before the latest time of operation
      // `i`. So they share the time until then.
      while (crowd < n && earliest[crowd] < latest[i]) crowd += 1;
      const from = Math.max(last, earliest[i]);
      const more = crowd === n && blocked >= 0 && call[blocked] < latest[i] ? 1 : 0;
      last = from + (latest[i] - from) / (Math.max(crowd - i, 1) + 1 + more);
      this.times[i] = last;
    }
    return this.times;
  }

  /**
   * The operation that blocks the order, and all operations that could come next. The blocking operation is
   * the missing operation that returned first.
   */
  stop() {
    if (this.end) return this.end;
    const { recording, part } = this;
    const { call, ret } = recording;
    const placed = new Uint8Array(part.size);
    for (const op of this.ops) placed[op - part.first] = 1;
    const missing = [];
    for (let op = part.first; op < part.last; op += 1) {
      if (!placed[op - part.first]) missing.push(op);
    }
    let blocked = -1;
    for (const op of missing) {
      if (!recording.open.has(op) && (blocked < 0 || ret[op] < ret[blocked])) blocked = op;
    }
    // If a call and a return have the same time, the call comes first.
    const next = blocked < 0 ? [] : missing.filter((op) => call[op] <= ret[blocked]);
    next.sort((a, b) => ret[a] - ret[b]);
    this.end = { blocked, next };
    return this.end;
  }
}

class Part {
  /** @param {Recording} recording @param {WirePart} wire @param {number} index @param {number} first */
  constructor(recording, wire, index, first) {
    this.index = index;
    this.named = wire.title !== "";
    this.title = visible(wire.title, 120) || "the history";
    this.verdict = wire.verdict;
    this.initial = wire.initial;
    /**
     * The last place in the longest order at which the blocked operation is possible. The number says how
     * many operations of the order come before this place.
     */
    this.lastFit = wire.lastFit;
    /** How the answer of the blocked operation differs from the state after the longest order. */
    this.difference = wire.difference.map((piece) => (typeof piece === "number" ? { op: first + piece } : piece));
    this.first = first;
    this.last = first + wire.text.length;
    this.orders = wire.partials.map((columns) => new Order(recording, this, columns));
    /** Did the check keep orders? If not, the page cannot say what went wrong. */
    this.kept = this.orders.length > 0;
    if (!this.kept) this.orders.push(new Order(recording, this, []));
    /** @type {Int32Array | undefined} */
    this.largest = undefined;
  }

  get size() {
    return this.last - this.first;
  }

  /**
   * The longest order with this operation. If no order has this operation, this is the longest of all orders.
   * @param {number} op
   */
  orderOf(op) {
    if (!this.largest) {
      this.largest = new Int32Array(this.size);
      for (let i = this.orders.length - 1; i >= 0; i -= 1) {
        for (const placed of this.orders[i].ops) this.largest[placed - this.first] = i;
      }
    }
    return this.orders[this.largest[op - this.first]];
  }

  /** The operation at which the longest order ends, if this part is illegal; otherwise -1. */
  get blocked() {
    return this.verdict === "illegal" && this.kept ? this.orders[0].stop().blocked : -1;
  }
}

class Recording {
  /** @param {Wire} wire */
  constructor(wire) {
    this.title = wire.title;
    this.verdict = wire.verdict;
    this.besideRun = wire.besideRun;
    // The page must also show an empty state.
    this.states = wire.states.map((state) => state || "(empty)");
    const n = wire.parts.reduce((sum, part) => sum + part.text.length, 0);
    this.size = n;
    this.call = new Float64Array(n);
    this.ret = new Float64Array(n);
    this.client = new Float64Array(n);
    this.partOf = new Int32Array(n);
    this.kindOf = new Uint8Array(n);
    /** @type {string[]} */
    this.texts = [];
    /** Operations that never returned. @type {Set<number>} */
    this.open = new Set();
    /** @type {Part[]} */
    this.parts = [];
    for (const [index, part] of wire.parts.entries()) this.take(part, index);

    this.from = Infinity;
    this.to = -Infinity;
    const see = (/** @type {number} */ time) => {
      if (time < this.from) this.from = time;
      if (time > this.to) this.to = time;
    };
    for (let op = 0; op < n; op += 1) {
      see(this.call[op]);
      if (!this.open.has(op)) see(this.ret[op]);
    }
    for (const { from, to } of wire.marks) {
      see(from);
      if (to !== null) see(to);
    }
    if (this.from > this.to) [this.from, this.to] = [0, 1e9];
    const beyond = this.to + (this.to - this.from) * 0.02;
    for (const op of this.open) this.ret[op] = beyond;
    this.marks = [...wire.marks].sort((a, b) => a.from - b.from);
    this.kinds = this.sortKinds();
    this.errors = this.parts
      .filter((part) => part.blocked >= 0)
      .map((part) => ({ part: part.index, op: part.blocked, time: this.ret[part.blocked] }))
      .sort((a, b) => a.time - b.time);
  }

  /** @param {WirePart} wire @param {number} index */
  take(wire, index) {
    const first = this.texts.length;
    for (let i = 0; i < wire.text.length; i += 1) {
      const op = first + i;
      this.client[op] = wire.client[i];
      this.call[op] = wire.call[i];
      const ret = wire.ret[i];
      if (ret === null) this.open.add(op);
      this.ret[op] = ret ?? Infinity;
      this.partOf[op] = index;
      this.texts.push(wire.text[i]);
    }
    this.parts.push(new Part(this, wire, index, first));
  }

  /**
   * Sorts operations into kinds by the first word of their texts. If there are more kinds than colours, the
   * rarest kinds are shown together as the last kind.
   */
  sortKinds() {
    /** @type {Map<string, number>} */
    const counts = new Map();
    const names = this.texts.map((text) => /^[^\s(]{1,24}/.exec(text)?.[0] ?? "");
    for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
    const rank = (/** @type {string} */ name) => {
      const usual = USUAL_KINDS.indexOf(name.toLowerCase());
      return usual >= 0 ? usual : USUAL_KINDS.length;
    };
    const found = [...counts.keys()].sort((a, b) => rank(a) - rank(b) || (counts.get(b) ?? 0) - (counts.get(a) ?? 0));
    /** @type {{ name: string, colour: number, count: number }[]} */
    const kinds = [];
    const taken = new Set(found.map(rank).filter((r) => r < USUAL_KINDS.length));
    const free = Array.from({ length: KIND_COLOURS }, (_, i) => i).filter((i) => !taken.has(i));
    /** @type {Map<string, number>} */
    const colours = new Map();
    for (const name of found) {
      const usual = rank(name);
      const colour = usual < USUAL_KINDS.length && !kinds.some((k) => k.colour === usual) ? usual : free.shift();
      if (colour === undefined || name === "") continue;
      colours.set(name, colour);
      kinds.push({ name: visible(name, 24), colour, count: counts.get(name) ?? 0 });
    }
    for (let op = 0; op < names.length; op += 1) this.kindOf[op] = colours.get(names[op]) ?? KIND_COLOURS;
    const other = this.kindOf.filter((colour) => colour === KIND_COLOURS).length;
    if (other > 0) kinds.push({ name: "other", colour: KIND_COLOURS, count: other });
    return kinds;
  }

  /** @param {number} op @param {number} [limit] of characters */
  text(op, limit = 160) {
    return visible(this.texts[op], limit);
  }

  /** @param {number} op */
  returned(op) {
    return this.open.has(op) ? "never" : formatTime(this.ret[op]);
  }

  /**
   * The operations that have all these words. Each word is in the operation's text or in its part's title.
   * The operations are in the order of their calls. The words `client 3` mean all operations of client 3.
   * @param {string[]} words in lower case
   */
  find(words) {
    const found = [];
    const at = words.findIndex((word, i) => word === "client" && /^\d+$/.test(words[i + 1] ?? ""));
    const client = at >= 0 ? Number(words[at + 1]) : -1;
    if (at >= 0) words = words.toSpliced(at, 2);
    const titles = this.parts.map((part) => part.title.toLowerCase());
    for (let op = 0; op < this.size; op += 1) {
      if (client >= 0 && this.client[op] !== client) continue;
      const text = `${this.texts[op].toLowerCase()}\n${titles[this.partOf[op]]}`;
      if (words.every((word) => text.includes(word))) found.push(op);
    }
    return found.sort((a, b) => this.call[a] - this.call[b]);
  }
}
