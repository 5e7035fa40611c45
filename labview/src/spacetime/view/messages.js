// @ts-check
"use strict";
// Messages as arrows: where each message begins and ends, which messages are in view, and how they are drawn.
// If there are too many messages to distinguish, the picture shows how many of them pass between two lanes,
// and which type is the most frequent.

const MOST_ARROWS = 2500;
const DENSE_ROW = 3; // height of a row of the dense picture, in pixels
const TYPE_COLOURS = 8;
const FROM_TARGET = 40; // a lost message ends so many pixels before its target, or in the middle of the gap
const MANY_LOSSES = 3; // so many losses of the same kind are drawn faintly
const MOST_REASONS = 60;

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
 * @property {boolean} [faint] is it one of many losses of the same kind?
 */

/**
 * Losses of one sender for one reason, without a message between them that reached its target.
 * @typedef {{ sender: number, reply: boolean, cause: string, targets: Set<number>, legs: Leg[] }} Stretch
 */

class Arrows {
  /**
   * @param {Run} run
   * @param {Filter} filter
   * @param {RunAxis} axis
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
    const { messages } = run;
    const n = messages.id.length;
    /**
     * For each message, the last event of this message and of all messages before it. If this event is before
     * the view, the chart draws none of these messages.
     */
    this.reach = new Int32Array(n);
    this.end = new Int32Array(n);
    for (let m = 0, most = -1; m < n; m += 1) {
      for (const column of [messages.sent, messages.delivered, messages.answered, messages.replied, messages.dropped]) {
        this.end[m] = Math.max(this.end[m], column[m]);
      }
      this.reach[m] = most = Math.max(most, this.end[m]);
    }
    /** The lines that were drawn last. They are used to find the message under the pointer. @type {Leg[]} */
    this.legs = [];
    /** @type {Stretch[]} */
    this.stretches = [];
    this.dense = false;
  }

  /** The messages in view. */
  inView() {
    const { run, axis, columns, filter } = this;
    const { sent, from, to } = run.messages;
    const n = sent.length;
    const found = [];
    const first = axis.at(axis.from - axis.scale * 30);
    for (let m = firstIndex(0, n, (k) => this.reach[k] >= first); m < n; m += 1) {
      if (axis.places[sent[m]] > axis.to) break;
      if (this.end[m] < first || !filter.messageShown[m]) continue;
      if (Number.isNaN(columns.middle[from[m]]) || (to[m] >= 0 && Number.isNaN(columns.middle[to[m]]))) continue;
      found.push(m);
    }
    return found;
  }

  /** The lines of a message. @param {number} m @returns {Leg[]} */
  legsOf(m) {
    const { run, axis, columns } = this;
    const { from, to, sent, delivered, answered, replied, dropped, failed } = run.messages;
    const y = (/** @type {number} */ e) => axis.y(e);
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
      legs.push({ m, reply: false, x0, y0, x1: lost ? this.short(from[m], to[m], x0, x1) : x0 + (x1 - x0) * 0.5, y1: broken(y0, lost ? y(end) : y0 + 14), lost });
    }
    if (answered[m] >= 0) {
      const back = y(answered[m]);
      if (replied[m] >= 0) {
        legs.push({ m, reply: true, x0: x1, y0: back, x1: x0, y1: y(replied[m]), lost: false });
      } else {
        const end = dropped[m] >= 0 ? dropped[m] : failed[m];
        const lost = end >= 0;
        legs.push({ m, reply: true, x0: x1, y0: back, x1: lost ? this.short(to[m], from[m], x1, x0) : x1 + (x0 - x1) * 0.5, y1: broken(back, lost ? y(end) : back + 14), lost });
      }
    }
    return legs;
  }

  /**
   * Where a lost message ends: before the lane of its target, in the gap between this lane and the lane next
   * to it. On the bar of a server, the cross would look like a crash of this server.
   * @param {number} from the lane where the message begins @param {number} to the lane of its target, or -1
   * @param {number} x0 @param {number} x1 the places of both
   */
  short(from, to, x0, x1) {
    const { columns } = this;
    if (to < 0 || to === from) return x0 + (x1 - x0) * 0.5;
    const side = Math.sign(x0 - x1);
    const beside = columns.order[columns.order.indexOf(to) + side];
    return x1 + side * Math.min(FROM_TARGET, Math.abs(columns.x(beside) - x1) / 2);
  }

  /** Finds the messages in view. If they are not too many, it also finds their lines. */
  look() {
    const found = this.inView();
    this.dense = found.length > MOST_ARROWS;
    this.legs = this.dense ? [] : found.flatMap((m) => this.legsOf(m));
    this.findStretches();
    return found;
  }

  /**
   * Finds stretches of losses: requests of one sender, or replies to it, that are lost for the same reason,
   * while no other request or reply between the same servers arrives. A disconnected server, for example,
   * loses all its messages. Such losses say the same again and again. So they are drawn faintly, and the
   * reason is written once.
   */
  findStretches() {
    const { run } = this;
    const { from, to, delivered, replied } = run.messages;
    this.stretches = [];
    /** @type {Map<string, Stretch>} */
    const open = new Map();
    for (const leg of this.legs) {
      const { m } = leg;
      if (!leg.lost) {
        if ((leg.reply ? replied : delivered)[m] < 0) continue;
        for (const [key, { sender, reply, targets }] of open) {
          if (sender === from[m] && reply === leg.reply && targets.has(to[m])) open.delete(key);
        }
        continue;
      }
      const cause = lossOf(run, m);
      const key = `${from[m]} ${leg.reply} ${cause}`;
      let stretch = open.get(key);
      if (!stretch) {
        stretch = { sender: from[m], reply: leg.reply, cause, targets: new Set(), legs: [] };
        open.set(key, stretch);
        this.stretches.push(stretch);
      }
      stretch.targets.add(to[m]);
      stretch.legs.push(leg);
    }
    for (const { legs } of this.stretches) for (const leg of legs) leg.faint = legs.length >= MANY_LOSSES;
  }

  /** @param {CanvasRenderingContext2D} c @param {Leg[]} legs @param {number} crowd */
  drawLegs(c, legs, crowd) {
    const { run, theme, colours } = this;
    const fine = crowd > 700;
    /** @type {Map<string, { style: string, dash: boolean, faint: number, lines: Path2D, heads: Path2D }>} */
    const batches = new Map();
    for (const leg of legs) {
      const type = run.messages.type[leg.m];
      const key = `${type} ${leg.reply} ${leg.faint === true}`;
      let batch = batches.get(key);
      if (!batch) {
        batch = { style: theme.colour(`msg-${colours[type]}`), dash: leg.reply, faint: leg.faint ? 0.4 : colours[type] === 7 ? 0.75 : 1, lines: new Path2D(), heads: new Path2D() };
        batches.set(key, batch);
      }
      batch.lines.moveTo(leg.x0, leg.y0);
      batch.lines.lineTo(leg.x1, leg.y1);
      if (!leg.lost && !fine) this.addHead(batch.heads, leg);
    }
    for (const { style, dash, faint, lines, heads } of batches.values()) {
      c.strokeStyle = style;
      c.fillStyle = style;
      c.lineWidth = dash ? 1 : fine ? 1 : 1.4;
      c.globalAlpha = (dash ? 0.6 : 0.9) * faint * (fine ? 0.7 : 1);
      c.setLineDash(dash && !fine ? [5, 3] : []);
      c.stroke(lines);
      c.fill(heads);
    }
    c.setLineDash([]);
    c.globalAlpha = 1;
  }

  /**
   * Draws a cross at the end of each lost message. If there are not too many messages, it also writes the
   * reasons. @param {CanvasRenderingContext2D} c @param {number} crowd
   */
  drawLosses(c, crowd) {
    const { theme, stretches } = this;
    const [strong, faint] = [new Path2D(), new Path2D()];
    for (const { legs } of stretches) {
      for (const leg of legs) this.addCross(leg.faint ? faint : strong, leg.x1, leg.y1, crowd > 700 ? 2.5 : leg.faint ? 3 : 4);
    }
    c.lineWidth = 1.6;
    c.strokeStyle = theme.colour("error-line");
    c.stroke(strong);
    c.globalAlpha = 0.5;
    c.lineWidth = 1.2;
    c.stroke(faint);
    c.globalAlpha = 1;
    if (stretches.length <= MOST_REASONS) this.drawReasons(c);
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
   * Writes the reason once for each stretch of losses, below its first cross in view, on the side from which
   * the message came. @param {CanvasRenderingContext2D} c
   */
  drawReasons(c) {
    const { theme, columns, axis } = this;
    c.font = theme.colour("font-small");
    c.textBaseline = "middle";
    c.textAlign = "left";
    /** @type {{ left: number, right: number, y: number }[]} */
    const placed = [];
    for (const { legs, cause } of this.stretches) {
      const text = visible(legs.length > 1 ? `${formatCount(legs.length)} lost: ${cause}` : `lost: ${cause}`, 48);
      const width = c.measureText(text).width;
      const free = legs.find(({ x0, x1, y1 }) => {
        const left = x1 > x0 ? x1 - width + 6 : x1 - 6;
        return y1 > axis.left + 4 && left > columns.left && left + width < columns.width && !placed.some((one) => Math.abs(one.y - y1) < 14 && left < one.right && left + width > one.left);
      });
      if (!free) continue;
      const left = free.x1 > free.x0 ? free.x1 - width + 6 : free.x1 - 6;
      placed.push({ left, right: left + width, y: free.y1 });
      c.globalAlpha = 0.85;
      c.fillStyle = theme.colour("panel");
      c.fillRect(left - 2, free.y1 + 5, width + 4, 13);
      c.globalAlpha = 1;
      c.fillStyle = theme.colour("error-line");
      c.fillText(text, left, free.y1 + 12);
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
        const y = (axis.y(begin) + axis.y(end >= 0 ? end : begin)) / 2;
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
