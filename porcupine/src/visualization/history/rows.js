// @ts-check
"use strict";
// The rows of the chart, and their places. There is one row for each client. A row consists of one or more
// lanes. Operations of the client that overlap are in different lanes.

const MOST_LANES = 16;

/** @typedef {{ client: number, sub: number, subs: number, ops: Int32Array }} Lane */

class Rows {
  /** @param {Recording} recording */
  constructor(recording) {
    this.recording = recording;
    this.laneOf = new Int32Array(recording.size);
    /** @type {Lane[]} */
    this.lanes = [];
    /** @type {Map<number, Int32Array[]>} */
    this.ofPart = new Map();
    this.top = 0;
    this.height = 1;
    this.lane = 28;
    this.scroll = 0;
    this.build();
  }

  build() {
    const { call, ret, client, size } = this.recording;
    const order = Int32Array.from({ length: size }, (_, op) => op);
    order.sort((a, b) => client[a] - client[b] || call[a] - call[b] || ret[a] - ret[b]);
    for (let i = 0; i < size; ) {
      let end = i;
      while (end < size && client[order[end]] === client[order[i]]) end += 1;
      this.addClient(order.subarray(i, end));
      i = end;
    }
  }

  /** @param {Int32Array} ops the operations of one client, in the order of their calls */
  addClient(ops) {
    const { call, ret, client } = this.recording;
    /** @type {{ ops: number[], end: number }[]} */
    const subs = [];
    for (const op of ops) {
      let sub = subs.findIndex((one) => one.end <= call[op]);
      if (sub < 0) {
        sub = subs.length < MOST_LANES ? subs.push({ ops: [], end: 0 }) - 1 : MOST_LANES - 1;
      }
      subs[sub].ops.push(op);
      subs[sub].end = Math.max(subs[sub].end, ret[op]);
      this.laneOf[op] = this.lanes.length + sub;
    }
    for (const [sub, one] of subs.entries()) {
      this.lanes.push({ client: client[ops[0]], sub, subs: subs.length, ops: Int32Array.from(one.ops) });
    }
  }

  /** The operations of one part, for each lane. @param {number} part */
  lanesOf(part) {
    let lanes = this.ofPart.get(part);
    if (!lanes) {
      const { first, last } = this.recording.parts[part];
      /** @type {number[][]} */
      const found = this.lanes.map(() => []);
      const { call } = this.recording;
      for (let op = first; op < last; op += 1) found[this.laneOf[op]].push(op);
      lanes = found.map((ops) => Int32Array.from(ops.sort((a, b) => call[a] - call[b])));
      if (this.ofPart.size > 50) this.ofPart.clear();
      this.ofPart.set(part, lanes);
    }
    return lanes;
  }

  /** @param {number} top @param {number} height of the room for rows, in pixels */
  layout(top, height) {
    this.top = top;
    this.height = height;
    const n = Math.max(1, this.lanes.length);
    this.lane = Math.min(54, Math.max(18, Math.floor((height - 8) / n)));
    this.scrollTo(this.scroll);
  }

  /** Is there enough space below the bars to write states? */
  get roomy() {
    return this.lane >= 38;
  }

  /** The height of a bar. */
  get bar() {
    return this.roomy ? Math.min(26, this.lane - 20) : this.lane - (this.lane > 24 ? 6 : 4);
  }

  get longest() {
    return Math.max(0, this.lanes.length * this.lane + 8 - this.height);
  }

  /** @param {number} scroll */
  scrollTo(scroll) {
    this.scroll = Math.min(Math.max(0, scroll), this.longest);
  }

  /** The upper edge of the bars in a lane. @param {number} lane */
  y(lane) {
    return this.top + 6 + lane * this.lane - this.scroll;
  }

  /**
   * Where lines touch the bar of an operation: at its lower edge, so that they do not cross its text.
   * @param {number} op
   */
  foot(op) {
    return this.y(this.laneOf[op]) + this.bar - 0.5;
  }

  /** @param {number} y @returns the lane there, or -1 */
  at(y) {
    if (y < this.top || y >= this.top + this.height) return -1;
    const lane = Math.floor((y - this.top - 4 + this.scroll) / this.lane);
    return lane >= 0 && lane < this.lanes.length ? lane : -1;
  }

  /** Scrolls until the lane of an operation can be seen. @param {number} op */
  reveal(op) {
    const y = this.laneOf[op] * this.lane;
    if (y < this.scroll) this.scrollTo(y);
    else if (y + this.lane + 8 > this.scroll + this.height) this.scrollTo(y + this.lane + 8 - this.height);
  }
}
