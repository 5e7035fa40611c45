// @ts-check
"use strict";
// The axis of the run. It has two modes. In the mode "time", the distance of two events is the time between
// them. In the mode "events", each event has a row of its own, so that a reader can see the order of events
// that are only microseconds apart. A place on the axis is a time in ns in the first mode, and a number of
// thousandths of a row in the second mode. In both modes the places of the events never decrease.

const ROW = 1000; // places of one row
const ROW_PIXELS = 14; // height of a row in the view that the page opens with
const SLANT = 1.3; // how many rows an arrow goes down at least
const LONG_GAP = 5e6; // ns; longer times without an event are named at the scale

/** Kinds of events at which an arrow begins or ends. They have no text, so half a row is enough for them. */
const END_KINDS = /^rpc\.(sent|delivered|answered|replied)$/;
/** Kinds of events that the chart does not draw. */
const UNDRAWN_KINDS = /^(rpc\.|raft\.(request|reply)$|persister\.save$)/;

/** @typedef {"time" | "events"} AxisMode */

class RunAxis extends TimeAxis {
  /** @param {Run} run @param {Filter} filter */
  constructor(run, filter) {
    super(run.from, run.to);
    this.run = run;
    this.filter = filter;
    /** @type {AxisMode} */
    this.mode = "time";
    /** The place of each event. */
    this.places = run.t;
    this.spanOfTime = this.full;
    /**
     * The long times without an event, in the mode "events": the event at the end of each, the event before
     * it, and the time between them. @type {{ e: number, before: number, time: number }[]}
     */
    this.gaps = [];
  }

  /** The place of an event on the screen. @param {number} e */
  y(e) {
    return this.left + ((this.places[e] - this.from) / (this.to - this.from)) * this.width;
  }

  /** The last event at or before a place; -1 if there is none. @param {number} place */
  at(place) {
    const { places } = this;
    return firstIndex(0, places.length, (e) => places[e] > place) - 1;
  }

  /** The time at a place. @param {number} place */
  timeOf(place) {
    const { run, places } = this;
    if (this.mode === "time") return place;
    const e = this.at(place);
    if (e < 0) return run.from;
    if (e + 1 >= run.size) return run.to;
    const share = (place - places[e]) / (places[e + 1] - places[e] || 1);
    return run.t[e] + share * (run.t[e + 1] - run.t[e]);
  }

  /** The place of a time. @param {number} time */
  placeOf(time) {
    const { run, places } = this;
    if (this.mode === "time") return time;
    const e = run.at(time);
    if (e < 0) return 0;
    if (e + 1 >= run.size) return places[e] ?? 0;
    const share = (time - run.t[e]) / (run.t[e + 1] - run.t[e] || 1);
    return places[e] + share * (places[e + 1] - places[e]);
  }

  /** How exact a time must be written here, in ns. */
  get step() {
    return this.mode === "time" ? Math.max(1, this.scale) : 1000;
  }

  /** The smallest margin around a message that is zoomed to. */
  get margin() {
    return this.mode === "time" ? 1e5 : 2 * ROW;
  }

  /**
   * The view may reach beyond the ends of the run. So the zoom can be around an event near the end, where
   * most failures are. @param {number} span
   */
  slack(span) {
    return Math.min(span * 0.5, this.full.to - this.full.from - span);
  }

  /** Changes the mode. The caller then chooses what is in view. @param {AxisMode} mode */
  use(mode) {
    this.mode = mode;
    if (mode === "time") {
      this.places = this.run.t;
      this.full = this.spanOfTime;
      this.shortest = SHORTEST_VIEW;
    } else {
      this.places = this.rows();
      const end = this.places[this.run.size - 1] ?? 0;
      this.full = { from: -2 * ROW, to: end + 4 * ROW };
      this.shortest = 4 * ROW;
    }
  }

  /**
   * After a change of the filter, hidden events have no rows any more. The rows of the other events change,
   * but the event `anchor` stays at its place on the screen.
   * @param {number} anchor
   */
  filtered(anchor) {
    if (this.mode === "time") return;
    const { scale, span } = this;
    const above = anchor >= 0 ? (this.y(anchor) - this.left) * scale : 0;
    this.use("events");
    const from = (anchor >= 0 ? this.places[anchor] : 0) - above;
    this.set(from, from + span);
  }

  /**
   * Gives a place to each event. Two events of one lane are a row apart, so that their texts do not lie on
   * each other. Events of different lanes may be closer. A long time without an event makes a gap.
   */
  rows() {
    const { run, filter } = this;
    const { messages } = run;
    const rows = new Float64Array(run.size);
    const ends = run.kinds.map(({ name }) => END_KINDS.test(name));
    const undrawn = run.kinds.map(({ name }) => UNDRAWN_KINDS.test(name));
    const delivered = run.kinds.map(({ name }) => name === "rpc.delivered");
    const replied = run.kinds.map(({ name }) => name === "rpc.replied");
    /** For each lane, the place from which on the lane is free. */
    const free = new Float64Array(run.lanes.length).fill(-Infinity);
    this.gaps = [];
    let [last, drawn, before] = [0, 0, -1];
    for (let e = 0; e < run.size; e += 1) {
      const kind = run.kindOf[e];
      const id = run.id[e];
      const m = id >= 0 ? run.messageOf[id] : -1;
      const end = ends[kind] && m >= 0 && filter.messageShown[m] === 1;
      if (!filter.shown[e] || (undrawn[kind] && !end)) {
        rows[e] = last += 1;
        continue;
      }
      const lane = run.lane[e];
      const gap = before >= 0 ? run.t[e] - run.t[before] : 0;
      let place = Math.max(last + 1, drawn + 0.35 * ROW, free[lane]);
      if (gap >= LONG_GAP) {
        place = Math.max(place, drawn + ROW * (0.9 + 0.4 * Math.log10(gap / LONG_GAP)));
        this.gaps.push({ e, before, time: gap });
      }
      if (end) {
        const begin = delivered[kind] ? messages.sent[m] : replied[kind] ? messages.answered[m] : -1;
        if (begin >= 0 && begin < e) place = Math.max(place, rows[begin] + SLANT * ROW);
      }
      rows[e] = last = drawn = place;
      free[lane] = place + (end ? 0.5 : 1) * ROW;
      before = e;
    }
    return rows;
  }
}
