// @ts-check
"use strict";
// Latencies and rates over time, for all operations together, for each client or for each part. The chart and
// the plots have the same time axis. So if the reader changes between them, the time span stays the same. The
// faults are bands behind the plots.

const PLOT_ROW = 92; // least height of the row of one client or part
const PLOT_GAP = 10;

/** @typedef {"all" | "client" | "part"} Grouping */
/**
 * @typedef {{ name: string, strong: boolean, byCall: Int32Array, byReturn: Int32Array, median: number }}
 *   PlotRow
 */
/**
 * The place of one row: where its points are, and where its rates are.
 * @typedef {{ top: number, foot: number, rateTop: number, rateFoot: number }} PlotPlace
 */

class Plots {
  /**
   * @param {HTMLCanvasElement} canvas @param {Recording} recording @param {TimeAxis} axis of the chart
   * @param {Marks} marks @param {Theme} theme
   */
  constructor(canvas, recording, axis, marks, theme) {
    this.canvas = canvas;
    this.recording = recording;
    this.axis = axis;
    this.marks = marks;
    this.theme = theme;
    /** @type {Grouping} */
    this.grouping = "all";
    /** The only client that is shown, or -1. */
    this.client = -1;
    /** The only part that is shown, or -1. */
    this.part = -1;
    this.scroll = 0;
    const fitted = fitCanvas(canvas);
    this.context = fitted.context;
    this.width = fitted.width;
    this.height = fitted.height;
    this.stripTop = AXIS;
    this.rowsTop = AXIS + marks.height;
    /** @type {PlotRow[]} */
    this.rows = [];
    this.made = "";
    /** For each pixel, the kinds that have a point there, as bits. */
    this.taken = new Uint8Array(0);
    const lengths = Array.from(recording.call, (call, op) => Math.max(1, recording.ret[op] - call)).filter((_, op) => !recording.open.has(op));
    /** The ends of the latency axis, in ns: powers of ten. All latencies are between them. */
    this.low = 10 ** Math.floor(Math.log10(lengths.reduce((a, b) => Math.min(a, b), 1e9)));
    this.high = 10 ** Math.ceil(Math.log10(lengths.reduce((a, b) => Math.max(a, b), this.low * 10)));
    if (this.high <= this.low) this.high = this.low * 10;
  }

  /** @param {number} labels width of the column at the left */
  layout(labels) {
    Object.assign(this, fitCanvas(this.canvas));
    this.axis.left = labels;
    this.axis.width = Math.max(50, this.width - labels);
    this.make();
    this.scrollTo(this.scroll);
  }

  /** Sorts the operations to show into rows. */
  make() {
    const key = `${this.grouping} ${this.client} ${this.part}`;
    if (key === this.made) return;
    this.made = key;
    const { recording, grouping, part } = this;
    const { call, ret, client, partOf, parts, open } = recording;
    /** @type {Map<number, number[]>} */
    const groups = new Map();
    for (let op = 0; op < recording.size; op += 1) {
      if ((this.client >= 0 && client[op] !== this.client) || (part >= 0 && partOf[op] !== part)) continue;
      const group = grouping === "client" ? client[op] : grouping === "part" ? partOf[op] : -1;
      const list = groups.get(group);
      if (list) list.push(op);
      else groups.set(group, [op]);
    }
    const bad = new Set(recording.errors.map((error) => error.part));
    this.rows = [...groups.keys()]
      .sort((a, b) => a - b)
      .map((group) => {
        const ops = Int32Array.from(groups.get(group) ?? []);
        const returned = ops.filter((op) => !open.has(op));
        const lengths = Float64Array.from(returned, (op) => ret[op] - call[op]).sort();
        const name = grouping === "client" ? `client ${group}` : grouping === "part" ? parts[group].title : "";
        return {
          name,
          strong: grouping === "part" && bad.has(group),
          byCall: ops.slice().sort((a, b) => call[a] - call[b]),
          byReturn: returned.sort((a, b) => ret[a] - ret[b]),
          median: lengths.length > 0 ? lengths[lengths.length >> 1] : NaN,
        };
      });
    this.scrollTo(this.scroll);
  }

  get row() {
    const room = this.height - this.rowsTop;
    return this.grouping === "all" ? room : Math.max(PLOT_ROW, Math.floor(room / Math.max(1, this.rows.length)));
  }

  get longest() {
    return Math.max(0, this.row * this.rows.length - (this.height - this.rowsTop));
  }

  /** @param {number} scroll */
  scrollTo(scroll) {
    this.scroll = Math.min(Math.max(0, scroll), this.longest);
  }

  /** @param {number} index @returns {PlotPlace} */
  place(index) {
    const top = this.rowsTop + index * this.row - this.scroll + PLOT_GAP;
    const end = top + this.row - PLOT_GAP - 4;
    const split = top + (end - top) * (this.grouping === "all" ? 0.66 : 0.6);
    const title = this.grouping === "all" ? 18 : 4;
    return { top: top + (this.grouping === "all" ? 14 : 0), foot: split - title, rateTop: split + title, rateFoot: end };
  }

  /** The place of a latency. @param {number} ns @param {PlotPlace} place */
  y(ns, { top, foot }) {
    const share = Math.log(Math.max(ns, this.low) / this.low) / Math.log(this.high / this.low);
    return foot - share * (foot - top);
  }

  /** @param {Shown} shown */
  draw(shown) {
    const { context: c, axis, theme, marks, width, height, rowsTop } = this;
    this.make();
    c.globalAlpha = 1;
    c.fillStyle = theme.colour("panel");
    c.fillRect(0, 0, width, height);
    c.save();
    c.beginPath();
    c.rect(axis.left, 0, width - axis.left, height);
    c.clip();
    drawScale(c, axis, theme, { top: 0, bottom: AXIS, foot: height });
    marks.drawBehind(c, axis, theme, AXIS, height);
    c.fillStyle = theme.colour("line");
    c.fillRect(axis.left, AXIS - 1, width, 1);
    if (marks.height > 0) c.fillRect(axis.left, rowsTop - 1, width, 1);
    marks.drawStrip(c, axis, theme, this.stripTop);
    c.restore();
    c.save();
    c.beginPath();
    c.rect(0, rowsTop, width, height - rowsTop);
    c.clip();
    const rates = this.rows.map((row) => this.rates(row));
    const most = rates.reduce((a, { most }) => Math.max(a, most), 0);
    for (const [index, row] of this.rows.entries()) {
      const place = this.place(index);
      if (place.rateFoot < rowsTop || place.top > height) continue;
      this.drawFrame(row, place, most, index);
      this.drawPoints(row, place, shown);
      this.drawRates(rates[index], place, most);
    }
    c.restore();
    if (this.rows.length === 0) {
      c.font = theme.colour("font-label");
      c.fillStyle = theme.colour("muted");
      c.textAlign = "left";
      c.fillText("No operation is chosen.", axis.left + 16, rowsTop + 30);
    }
    if (this.longest > 0) {
      const room = height - rowsTop;
      const size = Math.max(24, (room * room) / (this.longest + room));
      c.fillStyle = theme.colour("line-strong");
      c.beginPath();
      c.roundRect(width - 6, rowsTop + (this.scroll / this.longest) * (room - size) + 2, 4, size - 4, 2);
      c.fill();
    }
    if (marks.height > 0) {
      c.font = theme.colour("font-small");
      c.fillStyle = theme.colour("muted");
      c.textAlign = "right";
      c.textBaseline = "middle";
      c.fillText("faults", axis.left - 11, this.stripTop + MARK_LANE / 2 + 2);
    }
    c.fillStyle = theme.colour("line");
    c.fillRect(axis.left - 1, 0, 1, height);
    drawMeasured(c, axis, theme, shown.measured ?? null, { top: AXIS, foot: height });
    drawCursorAt(c, axis, theme, shown.cursor, { width, height });
  }

  /**
   * Draws the names, scales and grid lines of a row.
   * @param {PlotRow} row
   * @param {PlotPlace} place
   * @param {number} most
   * @param {number} index
   */
  drawFrame(row, place, most, index) {
    const { context: c, axis, theme, grouping } = this;
    const all = grouping === "all";
    if (index > 0) {
      c.fillStyle = theme.colour("line");
      c.fillRect(0, Math.round(place.top - PLOT_GAP / 2), axis.left + axis.width, 1);
    }
    c.textBaseline = "middle";
    c.textAlign = "right";
    c.font = theme.colour("font-small");
    const decades = Math.round(Math.log10(this.high / this.low));
    const stride = Math.max(1, Math.ceil((decades * 16) / Math.max(1, place.foot - place.top)));
    for (let decade = 0; decade <= decades; decade += stride) {
      const ns = this.low * 10 ** decade;
      const y = Math.round(this.y(ns, place));
      c.fillStyle = theme.colour("line");
      c.fillRect(axis.left, y, axis.width, 1);
      c.fillStyle = theme.colour("muted");
      if (all || decade === 0 || decade + stride > decades) c.fillText(formatDuration(ns), axis.left - 6, y);
    }
    c.fillStyle = theme.colour("line");
    c.fillRect(axis.left, Math.round(place.rateFoot), axis.width, 1);
    c.fillStyle = theme.colour("muted");
    c.fillText(`${formatRate(most)}`, axis.left - 6, place.rateTop + (all ? 0 : 4));
    if (all) c.fillText("0", axis.left - 6, place.rateFoot);
    c.textAlign = "left";
    if (all) {
      const caption = (/** @type {string} */ text, /** @type {number} */ y) => c.fillText(fitText(c, text, axis.width - 12), axis.left + 6, y);
      caption("latency: from call to return, at the time of the call", place.top - 12);
      caption("operations that returned, per second; grey: all kinds together", place.rateTop - 10);
      return;
    }
    c.font = theme.colour("font-label-strong");
    c.fillStyle = theme.colour(row.strong ? "error-line" : "ink");
    const middle = (place.top + place.foot) / 2;
    c.fillText(fitText(c, row.name, axis.left - 14), 8, middle - 7);
    c.font = theme.colour("font-small");
    c.fillStyle = theme.colour("muted");
    const median = Number.isNaN(row.median) ? "" : `, ${formatDuration(row.median)}`;
    c.fillText(fitText(c, `${formatCount(row.byCall.length)}${median}`, axis.left - 14), 8, middle + 9);
  }

  /**
   * Draws each operation as a point, by its call and its latency.
   * @param {PlotRow} row
   * @param {PlotPlace} place
   * @param {Shown} shown
   */
  drawPoints(row, place, shown) {
    const { context: c, axis, theme, recording } = this;
    const { call, ret, kindOf, open } = recording;
    const size = this.grouping === "all" ? 3 : 2;
    const [w, h] = [Math.ceil(this.width), Math.ceil(this.height)];
    if (this.taken.length !== w * h) this.taken = new Uint8Array(w * h);
    else this.taken.fill(0);
    /** @type {number[][]} */
    const points = [];
    /** @type {number[]} */
    const never = [];
    const first = firstIndex(0, row.byCall.length, (k) => call[row.byCall[k]] >= axis.from);
    for (let k = first; k < row.byCall.length && call[row.byCall[k]] <= axis.to; k += 1) {
      const op = row.byCall[k];
      const x = Math.round(axis.x(call[op]));
      if (open.has(op)) {
        never.push(x);
        continue;
      }
      const y = Math.round(this.y(ret[op] - call[op], place));
      const at = y * w + x;
      const bit = 1 << kindOf[op];
      if (at < 0 || at >= this.taken.length || this.taken[at] & bit) continue;
      this.taken[at] |= bit;
      (points[kindOf[op]] ??= []).push(x, y);
    }
    for (const [kind, list] of points.entries()) {
      if (!list) continue;
      c.fillStyle = theme.colour(`kind-${kind}-line`);
      for (let i = 0; i < list.length; i += 2) c.fillRect(list[i] - size / 2, list[i + 1] - size / 2, size, size);
    }
    c.strokeStyle = theme.colour("ink");
    c.lineWidth = 1.5;
    for (const x of never) drawCross(c, x, place.top - 4, 3);
    for (const error of recording.errors) this.mark(error.op, place, row, "error-line", 5);
    if (shown.hover >= 0) this.mark(shown.hover, place, row, "ink", 4);
    if (shown.pinned >= 0) this.mark(shown.pinned, place, row, "ink", 6);
  }

  /**
   * Draws a ring around the point of an operation, if the row has it.
   * @param {number} op
   * @param {PlotPlace} place
   * @param {PlotRow} row
   * @param {string} colour
   * @param {number} radius
   */
  mark(op, place, row, colour, radius) {
    const { context: c, axis, theme, recording } = this;
    const { call, ret, open } = recording;
    if (call[op] < axis.from || call[op] > axis.to || !this.has(row, op)) return;
    const y = open.has(op) ? place.top - 4 : this.y(ret[op] - call[op], place);
    c.strokeStyle = theme.colour(colour);
    c.lineWidth = 2;
    c.beginPath();
    c.arc(axis.x(call[op]), y, radius, 0, 2 * Math.PI);
    c.stroke();
  }

  /** @param {PlotRow} row @param {number} op */
  has(row, op) {
    const { call } = this.recording;
    let k = firstIndex(0, row.byCall.length, (i) => call[row.byCall[i]] >= call[op]);
    while (k < row.byCall.length && call[row.byCall[k]] === call[op]) {
      if (row.byCall[k] === op) return true;
      k += 1;
    }
    return false;
  }

  /**
   * For each step of time in view, how many operations of a row returned per second. There are numbers for
   * each kind, and for all kinds together.
   * @param {PlotRow} row
   * @returns {{ step: number, start: number, kinds: Map<number, Float64Array>, all: Float64Array, most:
   *   number }}
   */
  rates({ byReturn }) {
    const { axis, recording } = this;
    const { ret, kindOf } = recording;
    const { step } = axis.ticks(10);
    const start = Math.floor(axis.from / step) * step;
    const n = Math.ceil((axis.to - start) / step) + 1;
    const all = new Float64Array(n);
    /** @type {Map<number, Float64Array>} */
    const kinds = new Map();
    const each = 1e9 / step;
    const end = start + n * step;
    for (let k = firstIndex(0, byReturn.length, (i) => ret[byReturn[i]] >= start); k < byReturn.length; k += 1) {
      const op = byReturn[k];
      if (ret[op] >= end) break;
      const bin = Math.floor((ret[op] - start) / step);
      let own = kinds.get(kindOf[op]);
      if (!own) kinds.set(kindOf[op], (own = new Float64Array(n)));
      own[bin] += each;
      all[bin] += each;
    }
    return { step, start, kinds, all, most: all.reduce((a, b) => Math.max(a, b), 0) };
  }

  /** @param {ReturnType<Plots["rates"]>} rates @param {PlotPlace} place @param {number} most */
  drawRates({ step, start, kinds, all }, place, most) {
    const { context: c, axis, theme } = this;
    if (most === 0) return;
    c.save();
    c.beginPath();
    c.rect(axis.left, place.rateTop - 2, axis.width, place.rateFoot - place.rateTop + 3);
    c.clip();
    const trace = (/** @type {Float64Array} */ rate) => {
      c.beginPath();
      for (const [bin, value] of rate.entries()) {
        const y = place.rateFoot - (value / most) * (place.rateFoot - place.rateTop);
        c.lineTo(axis.x(start + bin * step), y);
        c.lineTo(axis.x(start + (bin + 1) * step), y);
      }
    };
    trace(all);
    c.lineTo(axis.left + axis.width + 50, place.rateFoot);
    c.lineTo(axis.x(start), place.rateFoot);
    c.fillStyle = theme.colour("dense");
    c.globalAlpha = 0.35;
    c.fill();
    c.globalAlpha = 1;
    c.lineWidth = 1.5;
    for (const [kind, rate] of kinds) {
      c.strokeStyle = theme.colour(`kind-${kind}-line`);
      trace(rate);
      c.stroke();
    }
    c.restore();
  }

  /**
   * The operation whose point is nearest to a place, or -1 if none is near. `many` says how many points share
   * the place.
   * @param {number} x @param {number} y
   * @returns {{ op: number, many: number }}
   */
  at(x, y) {
    const { axis, recording, rowsTop } = this;
    const { call, ret, open } = recording;
    const index = Math.floor((y - rowsTop + this.scroll) / this.row);
    const row = this.rows[index];
    if (!row || x < axis.left || y < rowsTop) return { op: -1, many: 0 };
    const place = this.place(index);
    let [op, best, many] = [-1, 8, 0];
    const slack = 8 * axis.scale;
    const first = firstIndex(0, row.byCall.length, (k) => call[row.byCall[k]] >= axis.time(x) - slack);
    for (let k = first; k < row.byCall.length && call[row.byCall[k]] <= axis.time(x) + slack; k += 1) {
      const one = row.byCall[k];
      const top = open.has(one) ? place.top - 4 : this.y(ret[one] - call[one], place);
      const away = Math.hypot(axis.x(call[one]) - x, top - y);
      if (away < 2) many += 1;
      if (away < best) [op, best] = [one, away];
    }
    return { op, many: Math.max(1, many) };
  }
}

/** @param {number} rate per second */
function formatRate(rate) {
  return `${rate >= 10 ? formatCount(Math.round(rate)) : Number(rate.toPrecision(2))}/s`;
}

/** @param {CanvasRenderingContext2D} c @param {number} x @param {number} y @param {number} r */
function drawCross(c, x, y, r) {
  c.beginPath();
  c.moveTo(x - r, y - r);
  c.lineTo(x + r, y + r);
  c.moveTo(x + r, y - r);
  c.lineTo(x - r, y + r);
  c.stroke();
}
