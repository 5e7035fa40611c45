// @ts-check
"use strict";
// Messages as arrows: where each message begins and ends, which messages are in view, and how they are drawn.
// If there are too many messages to distinguish, the picture shows how many of them pass between two lanes,
// and which type is the most frequent.

const MOST_ARROWS = 2500;
const DENSE_ROW = 3; // height of a row of the dense picture, in pixels
const TYPE_COLOURS = 8;

/**
 * The types that occur in most runs. Each of them always has the same colour. Other types get the remaining
 * colours.
 * @type {[RegExp, number][]}
 */
const USUAL_TYPES = [
  [/RequestVote/, 2],
  [/AppendEntries \(empty\)/, 7],
  [/AppendEntries/, 0],
  [/InstallSnapshot/, 4],
  [/Get|Query/, 5],
  [/Put|Append|Join|Leave|Move/, 1],
];

/** One colour for each type. @param {string[]} types */
function typeColours(types) {
  const usual = types.map((type) => USUAL_TYPES.find(([pattern]) => pattern.test(type))?.[1]);
  const free = [3, 6, 1, 5, 4, 2, 0].filter((colour) => !usual.includes(colour));
  let next = 0;
  return usual.map((colour) => colour ?? (free.length > 0 ? free[next++ % free.length] : 6));
}

/**
 * One line of a message on the screen: the request or the reply.
 * @typedef {object} Leg
 * @property {number} m the message
 * @property {boolean} reply
 * @property {number} x0 @property {number} y0 @property {number} x1 @property {number} y1
 * @property {boolean} lost does it end in a cross?
 */

class Arrows {
  /**
   * @param {Run} run
   * @param {Filter} filter
   * @param {TimeAxis} axis
   * @param {Columns} columns
   * @param {Theme} theme
   */
  constructor(run, filter, axis, columns, theme) {
    this.run = run;
    this.filter = filter;
    this.axis = axis;
    this.columns = columns;
    this.theme = theme;
    this.colours = typeColours(run.types);
    const { messages, t } = run;
    const n = messages.id.length;
    /**
     * For each message, the time at which this message and all messages before it have ended. If this time is
     * before the view, the chart draws none of these messages.
     */
    this.reach = new Float64Array(n);
    this.end = new Float64Array(n);
    for (let m = 0, most = -Infinity; m < n; m += 1) {
      for (const column of [messages.sent, messages.delivered, messages.answered, messages.replied, messages.dropped]) {
        if (column[m] >= 0) this.end[m] = Math.max(this.end[m], t[column[m]]);
      }
      this.reach[m] = most = Math.max(most, this.end[m]);
    }
    /** The lines that were drawn last. They are used to find the message under the pointer. @type {Leg[]} */
    this.legs = [];
    this.dense = false;
  }

  /** The messages in view. */
  inView() {
    const { run, axis, columns, filter } = this;
    const { sent, from, to } = run.messages;
    const n = sent.length;
    const found = [];
    const slack = axis.scale * 30;
    for (let m = firstIndex(0, n, (k) => this.reach[k] >= axis.from - slack); m < n; m += 1) {
      if (run.t[sent[m]] > axis.to) break;
      if (this.end[m] < axis.from - slack || !filter.messageShown[m]) continue;
      if (Number.isNaN(columns.middle[from[m]]) || (to[m] >= 0 && Number.isNaN(columns.middle[to[m]]))) continue;
      found.push(m);
    }
    return found;
  }

  /** The lines of a message. @param {number} m @returns {Leg[]} */
  legsOf(m) {
    const { run, axis, columns } = this;
    const { from, to, sent, delivered, answered, replied, dropped, failed } = run.messages;
    const y = (/** @type {number} */ e) => axis.x(run.t[e]);
    const x0 = columns.x(from[m]);
    // If no server has the name to which the message was sent, the line ends at an empty place beside the
    // sender's lane.
    const x1 = to[m] >= 0 && to[m] !== from[m] ? columns.x(to[m]) : x0 + Math.min(60, columns.wide[from[m]] * 0.6);
    const y0 = y(sent[m]);
    const legs = [];
    const broken = (/** @type {number} */ start, /** @type {number} */ end) => start + Math.min(28, Math.max(5, end - start));
    if (delivered[m] >= 0) {
      legs.push({ m, reply: false, x0, y0, x1, y1: y(delivered[m]), lost: false });
    } else {
      const end = dropped[m] >= 0 ? dropped[m] : failed[m];
      const lost = end >= 0;
      legs.push({ m, reply: false, x0, y0, x1: x0 + (x1 - x0) * 0.5, y1: broken(y0, lost ? y(end) : y0 + 14), lost });
    }
    if (answered[m] >= 0) {
      const back = y(answered[m]);
      if (replied[m] >= 0) {
        legs.push({ m, reply: true, x0: x1, y0: back, x1: x0, y1: y(replied[m]), lost: false });
      } else {
        const end = dropped[m] >= 0 ? dropped[m] : failed[m];
        const lost = end >= 0;
        legs.push({ m, reply: true, x0: x1, y0: back, x1: x1 + (x0 - x1) * 0.5, y1: broken(back, lost ? y(end) : back + 14), lost });
      }
    }
    return legs;
  }

  /** Finds the messages in view. If they are not too many, it also finds their lines. */
  look() {
    const found = this.inView();
    this.dense = found.length > MOST_ARROWS;
    this.legs = this.dense ? [] : found.flatMap((m) => this.legsOf(m));
    return found;
  }

  /** @param {CanvasRenderingContext2D} c @param {Leg[]} legs @param {number} crowd */
  drawLegs(c, legs, crowd) {
    const { run, theme, colours } = this;
    const fine = crowd > 700;
    /** @type {Map<string, { style: string, dash: boolean, faint: boolean, lines: Path2D, heads: Path2D }>} */
    const batches = new Map();
    const crosses = new Path2D();
    for (const leg of legs) {
      const type = run.messages.type[leg.m];
      const key = `${type} ${leg.reply}`;
      let batch = batches.get(key);
      if (!batch) {
        batch = { style: theme.colour(`msg-${colours[type]}`), dash: leg.reply, faint: colours[type] === 7, lines: new Path2D(), heads: new Path2D() };
        batches.set(key, batch);
      }
      batch.lines.moveTo(leg.x0, leg.y0);
      batch.lines.lineTo(leg.x1, leg.y1);
      if (leg.lost) this.addCross(crosses, leg.x1, leg.y1, fine ? 2.5 : 4);
      else if (!fine) this.addHead(batch.heads, leg);
    }
    for (const { style, dash, faint, lines, heads } of batches.values()) {
      c.strokeStyle = style;
      c.fillStyle = style;
      c.lineWidth = dash ? 1 : fine ? 1 : 1.4;
      c.globalAlpha = (dash ? 0.6 : 0.9) * (faint ? 0.75 : 1) * (fine ? 0.7 : 1);
      c.setLineDash(dash && !fine ? [5, 3] : []);
      c.stroke(lines);
      c.fill(heads);
    }
    c.setLineDash([]);
    c.globalAlpha = 1;
    c.lineWidth = 1.6;
    c.strokeStyle = theme.colour("error-line");
    c.stroke(crosses);
    if (crowd < 60) this.drawReasons(c, legs);
  }

  /** @param {Path2D} path @param {number} x @param {number} y @param {number} r */
  addCross(path, x, y, r) {
    path.moveTo(x - r, y - r);
    path.lineTo(x + r, y + r);
    path.moveTo(x - r, y + r);
    path.lineTo(x + r, y - r);
  }

  /**
   * Adds the head of an arrow. The head ends before the bar of the lane.
   * @param {Path2D} path @param {Leg} leg
   */
  addHead(path, { x0, y0, x1, y1 }) {
    const length = Math.hypot(x1 - x0, y1 - y0);
    if (length < 12) return;
    const [ux, uy] = [(x1 - x0) / length, (y1 - y0) / length];
    const gap = Math.min(6 / Math.max(0.2, Math.abs(ux)), length / 3);
    const [x, y] = [x1 - ux * gap, y1 - uy * gap];
    path.moveTo(x, y);
    path.lineTo(x - ux * 8 - uy * 3.4, y - uy * 8 + ux * 3.4);
    path.lineTo(x - ux * 8 + uy * 3.4, y - uy * 8 - ux * 3.4);
    path.closePath();
  }

  /**
   * Writes the reason of the loss beside the cross of each lost message.
   * @param {CanvasRenderingContext2D} c @param {Leg[]} legs
   */
  drawReasons(c, legs) {
    const { run, theme } = this;
    c.font = theme.colour("font-small");
    c.textBaseline = "middle";
    c.textAlign = "left";
    /** @type {{ x: number, y: number }[]} */
    const placed = [];
    for (const leg of legs.filter((one) => one.lost)) {
      if (placed.some(({ x, y }) => Math.abs(y - leg.y1) < 12 && Math.abs(x - leg.x1) < 110)) continue;
      placed.push({ x: leg.x1, y: leg.y1 });
      const text = visible(lossOf(run, leg.m), 40);
      const width = c.measureText(text).width;
      c.globalAlpha = 0.85;
      c.fillStyle = theme.colour("panel");
      c.fillRect(leg.x1 + 6, leg.y1 - 6, width + 4, 13);
      c.globalAlpha = 1;
      c.fillStyle = theme.colour("error-line");
      c.fillText(text, leg.x1 + 8, leg.y1 + 1);
    }
  }

  /**
   * Draws how many messages pass between neighbouring lanes.
   * @param {CanvasRenderingContext2D} c @param {number[]} found @param {number} top @param {number} foot
   */
  drawDense(c, found, top, foot) {
    const { run, axis, columns, colours, theme } = this;
    const { order } = columns;
    const gaps = order.length - 1;
    const rows = Math.ceil((foot - top) / DENSE_ROW);
    if (gaps < 1 || rows < 1) return;
    const rank = new Int32Array(run.lanes.length).fill(-1);
    for (const [i, lane] of order.entries()) rank[lane] = i;
    const counts = new Uint16Array(rows * gaps * TYPE_COLOURS);
    const { type, from, to, sent, delivered, answered, replied } = run.messages;
    for (const m of found) {
      if (to[m] < 0) continue;
      const [a, b] = [rank[from[m]], rank[to[m]]];
      const [lo, hi] = a < b ? [a, b] : [b, a];
      for (const [begin, end] of [[sent[m], delivered[m]], [answered[m], replied[m]]]) {
        if (begin < 0) continue;
        const y = (axis.x(run.t[begin]) + (end >= 0 ? axis.x(run.t[end]) : axis.x(run.t[begin]))) / 2;
        const row = Math.floor((y - top) / DENSE_ROW);
        if (row < 0 || row >= rows) continue;
        for (let gap = lo; gap < hi; gap += 1) counts[(row * gaps + gap) * TYPE_COLOURS + colours[type[m]]] += 1;
      }
    }
    const styles = Array.from({ length: TYPE_COLOURS }, (_, i) => theme.colour(`msg-${i}`));
    for (let cell = 0; cell < rows * gaps; cell += 1) {
      let [most, all] = [0, 0];
      let colour = 0;
      for (let k = 0; k < TYPE_COLOURS; k += 1) {
        const n = counts[cell * TYPE_COLOURS + k];
        all += n;
        if (n > most) [most, colour] = [n, k];
      }
      if (all === 0) continue;
      const [gap, row] = [cell % gaps, Math.floor(cell / gaps)];
      const [x0, x1] = [columns.x(order[gap]), columns.x(order[gap + 1])];
      c.globalAlpha = Math.min(0.6, 0.1 + 0.07 * Math.log2(all));
      c.fillStyle = styles[colour];
      c.fillRect(x0, top + row * DENSE_ROW, x1 - x0, DENSE_ROW);
    }
    c.globalAlpha = 1;
  }

  /**
   * Draws the lines of one message on top of all others.
   * @param {CanvasRenderingContext2D} c @param {number} m @param {boolean} main
   */
  highlight(c, m, main) {
    const { theme, run, colours } = this;
    if (Number.isNaN(this.columns.middle[run.messages.from[m]])) return;
    for (const leg of this.legsOf(m)) {
      if (Number.isNaN(leg.x0 + leg.x1)) continue;
      c.lineCap = "round";
      if (main) {
        c.strokeStyle = theme.colour("halo");
        c.lineWidth = 8;
        c.beginPath();
        c.moveTo(leg.x0, leg.y0);
        c.lineTo(leg.x1, leg.y1);
        c.stroke();
      }
      c.strokeStyle = c.fillStyle = theme.colour(`msg-${colours[run.messages.type[m]]}`);
      c.lineWidth = main ? 2.6 : 2;
      c.setLineDash(leg.reply ? [6, 4] : []);
      c.beginPath();
      c.moveTo(leg.x0, leg.y0);
      c.lineTo(leg.x1, leg.y1);
      c.stroke();
      c.setLineDash([]);
      c.lineCap = "butt";
      const path = new Path2D();
      if (leg.lost) {
        this.addCross(path, leg.x1, leg.y1, 5);
        c.strokeStyle = theme.colour("error-line");
        c.stroke(path);
      } else {
        this.addHead(path, leg);
        c.fill(path);
      }
    }
  }

  /**
   * The message at a place of the canvas; -1 if no message is near enough.
   * @param {number} x @param {number} y
   */
  at(x, y) {
    let [best, nearest] = [-1, 6];
    for (const { m, x0, y0, x1, y1 } of this.legs) {
      const [dx, dy] = [x1 - x0, y1 - y0];
      const share = Math.min(1, Math.max(0, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1)));
      const distance = Math.hypot(x - x0 - share * dx, y - y0 - share * dy);
      if (distance < nearest) [best, nearest] = [m, distance];
    }
    return best;
  }
}
