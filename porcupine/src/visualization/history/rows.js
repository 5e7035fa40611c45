// @ts-check
"use strict";
// The rows of the chart, and their places. There is one row for each client. A row consists of one or more
// lanes. Operations of the client that overlap are in different lanes. The reader can move rows and pin rows.
// Pinned rows stay at the top when the other rows scroll.

const MOST_LANES = 16;

/** @typedef {{ client: number, row: number, sub: number, subs: number, ops: Int32Array }} Lane */

class Rows {
  /** @param {Recording} recording */
  constructor(recording) {
    this.recording = recording;
    this.laneOf = new Int32Array(recording.size);
    /** @type {Lane[]} */
    this.lanes = [];
    /** The first lane of each row. The rows are numbered in the order of their clients. @type {number[]} */
    this.firsts = [];
    /**
     * The rows from top to bottom, as the reader has arranged them; the pinned rows are among them.
     * @type {number[]}
     */
    this.order = [];
    /** @type {Set<number>} */
    this.pins = new Set();
    /** For each lane, its place: how many lanes are above it. */
    this.places = new Int32Array(0);
    /** For each place, the lane that is there. */
    this.laneAt = new Int32Array(0);
    /** How many lanes are pinned. */
    this.fixed = 0;
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
    this.order = this.firsts.map((_, row) => row);
    this.places = new Int32Array(this.lanes.length);
    this.laneAt = new Int32Array(this.lanes.length);
    this.arrange();
  }

  /** Gives each lane its place. The pinned rows come first. */
  arrange() {
    let place = 0;
    this.fixed = 0;
    const room = Math.floor(this.height / this.lane) - 2;
    for (const pinned of [true, false]) {
      for (const row of this.order) {
        if (this.pins.has(row) !== pinned) continue;
        const first = this.firsts[row];
        for (let lane = first; lane < this.lanes.length && this.lanes[lane].row === row; lane += 1) {
          this.places[lane] = place;
          this.laneAt[place] = lane;
          place += 1;
        }
        // Too many pinned rows would leave no room to scroll the others. So in this case the last pinned rows
        // scroll, too.
        if (pinned && place <= room) this.fixed = place;
      }
    }
  }

  /** The rows from top to bottom, as they are on the screen. */
  get shown() {
    return [...this.order.filter((row) => this.pins.has(row)), ...this.order.filter((row) => !this.pins.has(row))];
  }

  /** Pins a row, or unpins it. @param {number} row */
  pin(row) {
    if (!this.pins.delete(row)) this.pins.add(row);
    this.arrange();
    this.scrollTo(this.scroll);
  }

  /** Moves a row to the place of another row. @param {number} row @param {number} to the other row */
  move(row, to) {
    if (row === to) return;
    const shown = this.shown;
    const down = shown.indexOf(row) < shown.indexOf(to);
    this.order = shown.filter((one) => one !== row);
    this.order.splice(this.order.indexOf(to) + (down ? 1 : 0), 0, row);
    // At the place of a pinned row, the moved row is pinned. At any other place, it is not pinned.
    if (this.pins.has(to)) this.pins.add(row);
    else this.pins.delete(row);
    this.arrange();
  }

  /** Has the reader moved or pinned a row? */
  get arranged() {
    return this.pins.size > 0 || this.order.some((row, at) => row !== at);
  }

  /**
   * The arrangement, as text for the URL. The pinned rows come first, with a `p` after the last pinned row.
   * Then come the other rows.
   */
  get address() {
    if (!this.arranged) return "";
    const rows = this.shown.join(".");
    const pinned = this.order.filter((row) => this.pins.has(row)).join(".");
    return pinned ? `${pinned}p${rows.slice(pinned.length + 1)}` : rows;
  }

  /** Arranges the rows as a text from a URL says. The text may be anything. @param {string} text */
  go(text) {
    const [pinned, others] = text.includes("p") ? text.split("p", 2) : ["", text];
    const rows = (/** @type {string} */ list) => list.split(".").filter((one) => /^\d{1,6}$/.test(one)).map(Number);
    const known = (/** @type {number} */ row) => row < this.firsts.length;
    this.pins = new Set(rows(pinned).filter(known));
    this.order = [...new Set([...this.pins, ...rows(others).filter(known), ...this.firsts.keys()])];
    this.arrange();
  }

  /** @param {Int32Array} ops the operations of one client, in the order of their calls */
  addClient(ops) {
    const { call, ret, client } = this.recording;
    const row = this.firsts.push(this.lanes.length) - 1;
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
      this.lanes.push({ client: client[ops[0]], row, sub, subs: subs.length, ops: Int32Array.from(one.ops) });
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
    this.arrange();
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
    const place = this.places[lane];
    return this.top + 6 + place * this.lane - (place < this.fixed ? 0 : this.scroll);
  }

  /** Where the pinned rows end. Below this edge, the rows scroll. */
  get edge() {
    return this.top + (this.fixed > 0 ? 4 + this.fixed * this.lane : 0);
  }

  /** Is a lane, or most of it, behind the pinned rows? @param {number} lane */
  hidden(lane) {
    return this.places[lane] >= this.fixed && this.y(lane) + this.bar / 2 < this.edge;
  }

  /**
   * The lanes that are on the screen: the pinned ones, and those that scroll.
   * @returns {[number[], number[]]}
   */
  inView() {
    const first = Math.max(this.fixed, Math.floor((this.scroll - 8) / this.lane) + this.fixed);
    const end = Math.min(this.lanes.length, Math.ceil((this.scroll + this.height) / this.lane) + 1);
    const lanes = (/** @type {number} */ from, /** @type {number} */ to) => Array.from(this.laneAt.subarray(from, Math.max(from, to)));
    return [lanes(0, this.fixed), lanes(first, end)];
  }

  /**
   * The place where lines touch the bar of an operation. It is at the bar's lower edge, so the lines do not
   * cross the bar's text.
   * @param {number} op
   */
  foot(op) {
    const lane = this.laneOf[op];
    const foot = this.y(lane) + this.bar - 0.5;
    return this.places[lane] < this.fixed || this.fixed === 0 ? foot : Math.max(foot, this.edge);
  }

  /** @param {number} y @returns the lane there, or -1 */
  at(y) {
    if (y < this.top || y >= this.top + this.height) return -1;
    const pinned = y < this.edge;
    const place = Math.floor((y - this.top - 4 + (pinned ? 0 : this.scroll)) / this.lane);
    if (place < (pinned ? 0 : this.fixed) || place >= (pinned ? this.fixed : this.lanes.length)) return -1;
    return this.laneAt[place];
  }

  /** Scrolls until the lane of an operation can be seen. @param {number} op */
  reveal(op) {
    const place = this.places[this.laneOf[op]];
    if (place < this.fixed) return;
    const y = place * this.lane;
    const above = this.fixed * this.lane;
    if (y < this.scroll + above) this.scrollTo(y - above);
    else if (y + this.lane + 8 > this.scroll + this.height) this.scrollTo(y + this.lane + 8 - this.height);
  }
}
