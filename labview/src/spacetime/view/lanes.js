// @ts-check
"use strict";
// The places of the lanes. From left to right there are the scale, the faults of the network, and the lanes
// of the test, the servers and the clients.

const SCALE = 82; // width of the scale
const HEAD = 30; // height of the row of names
const BAND = 17; // width of a column of faults
const MOST_BANDS = 5;
const LAST_ROOM = 46; // space right of the last server's lane, for the texts of its events
const TERM_ROOM = 52; // space left of a server's bar, for its terms

class Columns {
  /** @param {Run} run @param {Filter} filter */
  constructor(run, filter) {
    this.run = run;
    this.filter = filter;
    this.width = 1;
    this.scroll = 0;
    this.total = 0;
    /** The middle of each lane, in pixels, as if nothing was scrolled; NaN if the lane is hidden. */
    this.middle = new Float64Array(run.lanes.length);
    this.wide = new Float64Array(run.lanes.length);
    /** The left edge of each lane, in the same way. */
    this.start = new Float64Array(run.lanes.length);
    /** The lanes that are shown, from left to right. @type {number[]} */
    this.order = [];
    this.placeBands();
  }

  /** Gives columns to the faults of the network. Faults that overlap in time get different columns. */
  placeBands() {
    /** @type {number[]} */
    const ends = [];
    const { run } = this;
    /** @type {Map<number, number>} */
    this.bandColumn = new Map();
    for (const [index, band] of run.bands.entries()) {
      if (band.lane !== null) continue;
      let column = ends.findIndex((end) => end <= band.from);
      if (column < 0) column = ends.length < MOST_BANDS ? ends.length : MOST_BANDS - 1;
      ends[column] = band.to ?? Infinity;
      this.bandColumn.set(index, column);
    }
    this.bandColumns = ends.length;
  }

  /** The left edge of the lanes. */
  get left() {
    return SCALE + this.bandColumns * BAND + (this.bandColumns > 0 ? 4 : 0);
  }

  /** @param {number} width the width of the canvas */
  layout(width) {
    const { run, filter, left } = this;
    this.width = width;
    this.order = run.lanes.map((_, lane) => lane).filter((lane) => !filter.hiddenLanes.has(lane));
    const of = (/** @type {string} */ kind) => this.order.filter((lane) => run.lanes[lane].kind === kind).length;
    const [tests, servers, clients] = [of("test"), of("server"), of("client")];
    // The texts of the last lane need some space beside it.
    const room = width - left - (clients > 0 ? 8 : LAST_ROOM);
    const unit = room / Math.max(1, 3 * servers + clients + tests * 0.6);
    const test = Math.min(44, Math.max(30, unit));
    const client = Math.min(servers === 0 ? 300 : 150, Math.max(26, unit));
    // On a narrow page the reader moves the lanes. Then there is still space for the texts of the events.
    const least = width < 480 ? 112 : 66;
    const server = Math.min(420, Math.max(least, (room - tests * test - clients * client) / Math.max(1, servers)));
    this.middle.fill(NaN);
    let x = left;
    for (const lane of this.order) {
      const wide = { test, server, client }[run.lanes[lane].kind];
      // The texts right of a server's bar need more space than the terms left of it.
      this.middle[lane] = x + (run.lanes[lane].kind === "server" ? Math.min(wide / 2, Math.max(TERM_ROOM, wide * 0.4)) : wide / 2);
      this.wide[lane] = wide;
      this.start[lane] = x;
      x += wide;
    }
    this.total = x + (clients > 0 ? 8 : LAST_ROOM);
    this.scrollTo(this.scroll);
  }

  /** @param {number} scroll */
  scrollTo(scroll) {
    this.scroll = Math.min(Math.max(0, scroll), Math.max(0, this.total - this.width));
  }

  /** The middle of a lane on the screen; NaN if the lane is hidden. @param {number} lane */
  x(lane) {
    return this.middle[lane] - this.scroll;
  }

  /** The left edge of a lane on the screen. @param {number} lane */
  edge(lane) {
    return this.start[lane] - this.scroll;
  }

  /** The lane at x; -1 if there is none. @param {number} x */
  at(x) {
    if (x < this.left) return -1;
    return this.order.find((lane) => x >= this.edge(lane) && x < this.edge(lane) + this.wide[lane]) ?? -1;
  }

  /** Scrolls until a lane is visible. @param {number} lane */
  reveal(lane) {
    if (Number.isNaN(this.middle[lane])) return;
    const [from, to] = [this.start[lane], this.start[lane] + this.wide[lane] + LAST_ROOM];
    if (from - this.scroll < this.left) this.scrollTo(from - this.left);
    else if (to - this.scroll > this.width) this.scrollTo(to - this.width);
  }
}
