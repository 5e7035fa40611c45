// @ts-check
"use strict";
// The chart. It draws the rows with their bars, the order that is shown, the marks and the axis. The chart
// processes only what is in view, and it draws bars that share a pixel as one bar. So the time for a frame
// depends on the number of pixels, not on the number of operations.

const LABELS = 76; // least width of the column with the clients' names
const MOST_LABELS = 170; // most width of this column
const AXIS = 26; // height of the scale
const SLIVER = 1.5; // bars narrower than this are drawn together, in one colour
const PLAIN = 5; // bars narrower than this have no frame

/**
 * What is shown besides the bars.
 * @typedef {object} Shown
 * @property {number} part the part that is not dimmed, or -1
 * @property {number} hover an operation or -1
 * @property {number} pinned an operation or -1
 * @property {Order | null} order
 * @property {number[]} matches the operations that the search has found, sorted by call
 * @property {number} match the match that was visited last, or -1
 * @property {number | null} cursor the time under the pointer
 * @property {{ from: number, to: number } | null} [measured] the span that the reader has measured
 * @property {{ row: number, y: number } | null} [moved] the row that the reader drags, and the place of the
 *   pointer
 */

class Chart {
  /**
   * @param {HTMLCanvasElement} canvas @param {Recording} recording
   * @param {TimeAxis} axis @param {Rows} rows @param {Marks} marks @param {Theme} theme
   */
  constructor(canvas, recording, axis, rows, marks, theme) {
    this.canvas = canvas;
    this.recording = recording;
    this.axis = axis;
    this.rows = rows;
    this.marks = marks;
    this.theme = theme;
    const fitted = fitCanvas(canvas);
    this.context = fitted.context;
    this.width = fitted.width;
    this.height = fitted.height;
    this.stripTop = AXIS;
    this.rowsTop = AXIS + marks.height;
    this.letter = 7;
    this.layout();
  }

  layout() {
    if (this.canvas.hidden) return;
    Object.assign(this, fitCanvas(this.canvas));
    this.axis.left = this.labels(this.width);
    this.axis.width = Math.max(50, this.width - this.axis.left);
    this.rows.layout(this.rowsTop, Math.max(20, this.height - this.rowsTop));
    this.context.font = this.theme.colour("font-code");
    this.letter = this.context.measureText("0").width || 7;
  }

  /** The width that the names of the clients need. @param {number} width of the canvas */
  labels(width) {
    const { context: c, rows, theme } = this;
    c.font = theme.colour("font-label-strong");
    // The longest number makes the longest name.
    const longest = rows.lanes.reduce((most, { client }) => Math.max(most, client), 0);
    const need = Math.ceil(c.measureText(`client ${longest}`).width) + 32;
    return Math.max(LABELS, Math.min(need, MOST_LABELS, width / 3));
  }

  /** @param {Shown} shown */
  draw(shown) {
    const { context: c, theme, axis, rowsTop, width, height } = this;
    c.globalAlpha = 1;
    c.fillStyle = theme.colour("panel");
    c.fillRect(0, 0, width, height);
    c.save();
    c.beginPath();
    c.rect(axis.left, 0, width - axis.left, height);
    c.clip();
    this.drawRowLines();
    drawScale(c, axis, theme, { top: 0, bottom: AXIS, foot: height });
    this.marks.drawBehind(c, axis, theme, AXIS, height);
    c.fillStyle = theme.colour("line");
    c.fillRect(axis.left, AXIS - 1, width, 1);
    if (this.marks.height > 0) c.fillRect(axis.left, rowsTop - 1, width, 1);
    this.marks.drawStrip(c, axis, theme, this.stripTop);
    c.beginPath();
    c.rect(axis.left, rowsTop, width - axis.left, height - rowsTop);
    c.clip();
    this.drawBars(shown);
    this.drawFound(shown);
    if (shown.order) this.drawOrder(shown.order);
    this.drawSpecials(shown);
    c.restore();
    this.drawLabels(shown);
    this.drawMoved(shown);
    drawMeasured(c, axis, theme, shown.measured ?? null, { top: AXIS, foot: height });
    this.drawCursor(shown);
  }

  drawRowLines() {
    const { context: c, axis, rows, theme, width } = this;
    c.fillStyle = theme.colour("row");
    for (const lane of rows.inView().flat()) {
      if (rows.lanes[lane].sub > 0 || rows.places[lane] === 0) continue;
      const y = Math.round(rows.y(lane)) - 4;
      if (rows.places[lane] < rows.fixed || y >= rows.edge) c.fillRect(axis.left, y, width - axis.left, 1);
    }
    if (rows.fixed > 0) {
      c.fillStyle = theme.colour("line-strong");
      c.fillRect(axis.left, Math.round(rows.edge) - 2, width - axis.left, 1.5);
    }
  }

  /** @param {Shown} shown */
  drawBars(shown) {
    const { context: c, axis, rows } = this;
    const bright = shown.part >= 0 ? rows.lanesOf(shown.part) : undefined;
    for (const [at, lanes] of rows.inView().entries()) {
      c.save();
      c.beginPath();
      const [top, foot] = at === 0 ? [rows.top, rows.edge] : [rows.edge, rows.top + rows.height];
      c.rect(axis.left, top, axis.width, foot - top);
      c.clip();
      for (const lane of lanes) {
        if (bright) {
          c.globalAlpha = 0.28;
          this.drawLane(rows.lanes[lane].ops, lane, false);
          c.globalAlpha = 1;
          this.drawLane(bright[lane], lane, true);
        } else {
          this.drawLane(rows.lanes[lane].ops, lane, true);
        }
      }
      c.restore();
    }
  }

  /**
   * @param {Int32Array} ops the operations of one lane @param {number} lane
   * @param {boolean} texts
   */
  drawLane(ops, lane, texts) {
    const { context: c, axis, rows, theme, recording } = this;
    const { call, ret, kindOf } = recording;
    const y = Math.round(rows.y(lane)) + 0.5;
    const h = rows.bar - 1;
    const alpha = c.globalAlpha;
    const n = ops.length;
    // Each rectangle is drawn on its own. One path with thousands of rectangles would take much more time.
    /** @type {number[][]} */ const plain = [];
    /** @type {Path2D[]} */ const framed = [];
    /** @type {number[]} */ const dense = [];
    /** @type {number[]} */ const wide = [];
    let [runFrom, runTo] = [NaN, NaN];
    let i = firstIndex(0, n, (k) => ret[ops[k]] >= axis.from);
    while (i < n && call[ops[i]] <= axis.to) {
      const op = ops[i];
      const x0 = Math.max(axis.x(call[op]), axis.left - 20);
      const x1 = Math.min(axis.x(ret[op]), axis.left + axis.width + 20);
      if (x1 - x0 < SLIVER) {
        const pixel = Math.floor(x0);
        if (pixel <= runTo) {
          runTo = pixel + 1;
        } else {
          if (runTo > runFrom) dense.push(runFrom, runTo - runFrom);
          [runFrom, runTo] = [pixel, pixel + 1];
        }
        // The operations that are called inside this pixel are drawn now. Only the last of them may end after
        // this pixel.
        const beyond = axis.time(pixel + 1);
        const next = firstIndex(i + 1, n, (k) => call[ops[k]] >= beyond);
        i = next - 1 > i && axis.x(ret[ops[next - 1]]) - axis.x(call[ops[next - 1]]) >= SLIVER ? next - 1 : next;
        continue;
      }
      const kind = kindOf[op];
      if (x1 - x0 < PLAIN) {
        (plain[kind] ??= []).push(x0, x1 - x0 - 0.5);
      } else {
        (framed[kind] ??= new Path2D()).roundRect(x0 + 0.5, y, x1 - x0 - 1, h, 3);
        if (x1 - x0 > 26) wide.push(op);
      }
      i += 1;
    }
    if (runTo > runFrom) dense.push(runFrom, runTo - runFrom);
    c.fillStyle = theme.colour("dense");
    for (let k = 0; k < dense.length; k += 2) c.fillRect(dense[k], y - 0.5, dense[k + 1], h + 1);
    c.lineWidth = 1;
    for (const [kind, bars] of plain.entries()) {
      if (!bars) continue;
      c.fillStyle = theme.colour(`kind-${kind}-line`);
      c.globalAlpha = alpha * 0.6;
      for (let k = 0; k < bars.length; k += 2) c.fillRect(bars[k], y - 0.5, bars[k + 1], h + 1);
    }
    c.globalAlpha = alpha;
    for (const [kind, path] of framed.entries()) {
      if (!path) continue;
      c.fillStyle = theme.colour(`kind-${kind}`);
      c.fill(path);
      c.strokeStyle = theme.colour(`kind-${kind}-line`);
      c.stroke(path);
    }
    this.drawOpen(ops, y, h);
    if (texts) this.drawTexts(wide, y, h);
  }

  /**
   * Draws the ends of operations that never returned: a dashed line where the run ends.
   * @param {Int32Array} ops of a lane @param {number} y @param {number} h
   */
  drawOpen(ops, y, h) {
    const { context: c, axis, theme, recording } = this;
    if (recording.open.size === 0) return;
    c.strokeStyle = theme.colour("ink");
    c.lineWidth = 1.5;
    c.setLineDash([3, 3]);
    // An operation that never returned is the last one of its client.
    for (let i = ops.length - 1; i >= 0 && recording.open.has(ops[i]); i -= 1) {
      const [x0, x1] = [Math.max(axis.x(recording.call[ops[i]]), axis.left), axis.x(recording.ret[ops[i]])];
      c.beginPath();
      c.moveTo(x0, y + h);
      c.lineTo(x1, y + h);
      c.lineTo(x1, y);
      c.stroke();
    }
    c.setLineDash([]);
  }

  /** @param {number[]} wide bars that have room for letters @param {number} y @param {number} h */
  drawTexts(wide, y, h) {
    const { context: c, axis, theme, recording, letter } = this;
    if (h < 11) return;
    c.font = theme.colour("font-code");
    c.fillStyle = theme.colour("ink");
    c.textBaseline = "middle";
    c.textAlign = "left";
    const right = axis.left + axis.width;
    for (const op of wide) {
      const x0 = Math.max(axis.x(recording.call[op]), axis.left) + 6;
      const x1 = Math.min(axis.x(recording.ret[op]), right) - 4;
      const letters = Math.floor((x1 - x0) / letter);
      if (letters < 2) continue;
      c.fillText(cutText(recording.text(op, 200), letters), x0, y + h / 2 + 0.5, x1 - x0);
    }
  }

  /** @param {Shown} shown */
  drawFound({ matches }) {
    if (matches.length === 0) return;
    const { context: c, axis, rows, theme, recording } = this;
    const { call, ret } = recording;
    c.strokeStyle = theme.colour("accent");
    c.fillStyle = theme.colour("accent");
    c.lineWidth = 1.5;
    // Matches are sorted by call. A match that begins before the view may end inside the view.
    const end = firstIndex(0, matches.length, (k) => call[matches[k]] > axis.to);
    const frames = new Path2D();
    const drawn = new Int32Array(rows.lanes.length).fill(-1);
    for (let i = 0; i < end; i += 1) {
      const op = matches[i];
      if (ret[op] < axis.from) continue;
      const lane = rows.laneOf[op];
      if (rows.hidden(lane)) continue;
      const x0 = axis.x(call[op]);
      if (axis.x(ret[op]) - x0 >= 4) {
        this.addFrame(frames, op, 1);
      } else if (drawn[lane] !== Math.floor(x0)) {
        drawn[lane] = Math.floor(x0);
        c.fillRect(drawn[lane] - 0.5, rows.y(lane) - 1, 2, rows.bar + 2);
      }
    }
    c.stroke(frames);
  }

  /** A frame around the bar of an operation. @param {Path2D} path @param {number} op @param {number} gap */
  addFrame(path, op, gap) {
    const { axis, rows, recording } = this;
    if (rows.hidden(rows.laneOf[op])) return;
    const x0 = Math.max(axis.x(recording.call[op]), axis.left - 20) - gap;
    const x1 = Math.min(axis.x(recording.ret[op]), axis.left + axis.width + 20) + gap;
    const y = rows.y(rows.laneOf[op]) - gap;
    path.roundRect(x0, y + 0.5, Math.max(x1 - x0, 2), rows.bar - 1 + 2 * gap, 3 + gap);
  }

  /** Draws a frame around the bar of an operation. @param {number} op @param {number} gap */
  frame(op, gap) {
    const path = new Path2D();
    this.addFrame(path, op, gap);
    this.context.stroke(path);
  }

  /** Draws a line through the points at which the operations may have taken effect. @param {Order} order */
  drawOrder(order) {
    const { context: c, axis, rows, theme } = this;
    const times = order.points();
    const n = order.length;
    const from = Math.max(0, firstIndex(0, n, (k) => times[k] >= axis.from) - 1);
    const to = Math.min(n, firstIndex(0, n, (k) => times[k] > axis.to) + 1);
    c.strokeStyle = theme.colour("order");
    c.fillStyle = theme.colour("order");
    c.lineJoin = "round";
    if (to - from > axis.width / 2) {
      this.drawDenseOrder(order, from, to);
    } else {
      c.lineWidth = 1.25;
      c.globalAlpha = to - from > axis.width / 8 ? 0.5 : 0.85;
      c.beginPath();
      for (let i = from; i < to; i += 1) c.lineTo(axis.x(times[i]), rows.foot(order.ops[i]));
      c.stroke();
      c.globalAlpha = 1;
      const radius = to - from > axis.width / 12 ? 1.75 : 3;
      for (let i = from; i < to; i += 1) {
        const [x, y] = [axis.x(times[i]), rows.foot(order.ops[i])];
        c.beginPath();
        c.arc(x, y, radius, 0, 2 * Math.PI);
        c.fill();
        if (radius > 2) {
          c.lineWidth = 1;
          c.strokeStyle = theme.colour("panel");
          c.stroke();
        }
      }
    }
    if (order.part.blocked >= 0) this.drawDeadEnd(order);
    if (rows.roomy && to - from < axis.width / 12) this.drawStates(order, from, to);
  }

  /**
   * Writes the state after each operation beside its point, where there is space.
   * @param {Order} order @param {number} from @param {number} to
   */
  drawStates(order, from, to) {
    const { context: c, axis, rows, theme } = this;
    const times = order.points();
    c.font = theme.colour("font-small");
    c.textBaseline = "middle";
    c.textAlign = "left";
    /**
     * For each lane, the place where the last drawn text begins. Texts further left must end before this
     * place.
     * @type {Map<number, number>}
     */
    const taken = new Map();
    for (let i = to - 1; i >= from; i -= 1) {
      const lane = rows.laneOf[order.ops[i]];
      const x = axis.x(times[i]) + 6;
      const room = (taken.get(lane) ?? axis.left + axis.width) - x - 8;
      taken.set(lane, x - 6);
      const text = room > 20 ? fitText(c, visible(order.after(i), 60), Math.min(room, 160)) : "";
      if (!text) continue;
      const y = rows.foot(order.ops[i]) + 9;
      // Lines may cross here, so the text gets a background of its own.
      c.fillStyle = theme.colour("panel");
      c.globalAlpha = 0.8;
      c.fillRect(x - 2, y - 6, c.measureText(text).width + 4, 12);
      c.globalAlpha = 1;
      c.fillStyle = theme.colour("muted");
      c.fillText(text, x, y);
    }
  }

  /**
   * Draws an order that has too many points to draw each point. For each pixel, this method draws a line from
   * the highest to the lowest point.
   * @param {Order} order @param {number} from @param {number} to
   */
  drawDenseOrder(order, from, to) {
    const { context: c, axis, rows } = this;
    const times = order.points();
    c.globalAlpha = 0.16;
    for (let i = from; i < to; ) {
      const pixel = Math.floor(axis.x(times[i]));
      const end = firstIndex(i + 1, to, (k) => axis.x(times[k]) >= pixel + 2);
      let [low, high] = [Infinity, -Infinity];
      const stride = Math.max(1, Math.floor((end - i) / 64));
      for (let k = Math.max(from, i - 1); k < end; k += stride) {
        const y = rows.foot(order.ops[k]);
        if (y < low) low = y;
        if (y > high) high = y;
      }
      c.fillRect(pixel, low, 1, Math.max(1, high - low));
      i = end;
    }
    c.globalAlpha = 1;
  }

  /**
   * Draws lines from the end of an order to all operations that could come next by their times. None of them
   * is possible there.
   * @param {Order} order
   */
  drawDeadEnd(order) {
    const { context: c, axis, rows, theme, recording } = this;
    const { blocked, next } = order.stop();
    const times = order.points();
    const n = order.length;
    const start = n > 0 ? times[n - 1] : recording.from;
    c.strokeStyle = theme.colour("error-line");
    c.fillStyle = theme.colour("error-line");
    for (const op of next.slice(0, 64)) {
      const limit = recording.ret[blocked];
      const earliest = Math.max(start, recording.call[op]);
      const time = earliest + (Math.min(limit, recording.ret[op]) - earliest) * 0.6;
      const [x, y] = [axis.x(time), rows.foot(op)];
      if (n > 0) {
        c.lineWidth = 1.25;
        c.setLineDash([4, 3]);
        c.beginPath();
        c.moveTo(axis.x(start), rows.foot(order.ops[n - 1]));
        c.lineTo(x, y);
        c.stroke();
        c.setLineDash([]);
      }
      c.lineWidth = 2;
      c.beginPath();
      c.moveTo(x - 4, y - 4);
      c.lineTo(x + 4, y + 4);
      c.moveTo(x + 4, y - 4);
      c.lineTo(x - 4, y + 4);
      c.stroke();
      if (op !== blocked) {
        c.lineWidth = 1.25;
        c.setLineDash([3, 2]);
        this.frame(op, 0);
        c.setLineDash([]);
      }
    }
  }

  /**
   * Draws what must be visible at any zoom: the ends of orders, the pinned operation, and the operation under
   * the pointer.
   * @param {Shown} shown
   */
  drawSpecials({ part, hover, pinned, match }) {
    const { context: c, axis, rows, theme, recording } = this;
    for (const error of recording.errors) {
      const { op } = error;
      const x = axis.x(recording.ret[op]);
      const y = rows.y(rows.laneOf[op]);
      if (rows.hidden(rows.laneOf[op])) continue;
      if (x < axis.left - 10 || axis.x(recording.call[op]) > axis.left + axis.width + 10) continue;
      c.globalAlpha = part >= 0 && error.part !== part ? 0.35 : 1;
      c.strokeStyle = theme.colour("error-line");
      c.lineWidth = 2;
      this.frame(op, 0.5);
      // A flag, which the reader can see even if the bar is very narrow.
      c.fillStyle = theme.colour("error-line");
      c.beginPath();
      c.moveTo(x - 5, y - 7);
      c.lineTo(x + 5, y - 7);
      c.lineTo(x, y - 0.5);
      c.fill();
      c.globalAlpha = 1;
    }
    if (match >= 0) {
      c.strokeStyle = theme.colour("accent");
      c.lineWidth = 3;
      this.frame(match, 2);
    }
    if (pinned >= 0) {
      c.strokeStyle = theme.colour("ink");
      c.lineWidth = 2;
      this.frame(pinned, 2.5);
    }
    if (hover >= 0 && hover !== pinned) {
      c.strokeStyle = theme.colour("ink");
      c.lineWidth = 1;
      this.frame(hover, 1.5);
    }
  }

  /** @param {Shown} shown */
  drawLabels({ hover, pinned }) {
    const { context: c, axis, rows, theme, height } = this;
    const width = axis.left;
    c.fillStyle = theme.colour("panel");
    c.fillRect(0, 0, width, height);
    c.fillStyle = theme.colour("line");
    c.fillRect(width - 1, 0, 1, height);
    c.textBaseline = "middle";
    c.textAlign = "right";
    const marked = [hover, pinned].filter((op) => op >= 0).map((op) => rows.lanes[rows.laneOf[op]].client);
    for (const lane of rows.inView().flat()) {
      const { client, row, sub } = rows.lanes[lane];
      if (sub > 0 || rows.hidden(lane)) continue;
      const y = rows.y(lane) + rows.bar / 2 + 0.5;
      c.font = theme.colour(marked.includes(client) ? "font-label-strong" : "font-label");
      c.fillStyle = theme.colour(marked.includes(client) ? "ink" : "muted");
      c.fillText(`client ${client}`, width - 11, y, width - 26);
      if (rows.pins.has(row)) {
        c.fillStyle = theme.colour("accent");
        c.beginPath();
        c.arc(10, y - 1, 3, 0, 2 * Math.PI);
        c.fill();
        c.fillRect(9.25, y, 1.5, 7);
      }
    }
    if (rows.longest > 0) {
      // A scroll bar for the rows.
      const size = Math.max(24, (rows.height * rows.height) / (rows.longest + rows.height));
      const y = this.rowsTop + (rows.scroll / rows.longest) * (rows.height - size);
      c.fillStyle = theme.colour("line-strong");
      c.beginPath();
      c.roundRect(this.width - 6, y + 2, 4, size - 4, 2);
      c.fill();
    }
    if (this.marks.height > 0) {
      c.font = theme.colour("font-small");
      c.fillStyle = theme.colour("muted");
      c.textAlign = "right";
      c.fillText("faults", width - 11, this.stripTop + MARK_LANE / 2 + 2);
    }
  }

  /**
   * Draws the name of the row that the reader drags, and the place to which the row would go.
   * @param {Shown} shown
   */
  drawMoved({ moved }) {
    if (!moved) return;
    const { context: c, rows, axis, theme } = this;
    const over = rows.at(moved.y);
    c.fillStyle = theme.colour("accent");
    if (over >= 0 && rows.lanes[over].row !== moved.row) {
      const { row } = rows.lanes[over];
      const first = rows.firsts[row];
      const down = rows.places[rows.firsts[moved.row]] < rows.places[first];
      c.fillRect(0, rows.y(first) - 5 + (down ? rows.lanes[first].subs * rows.lane : 0), this.width, 2);
    }
    c.font = theme.colour("font-label-strong");
    c.textAlign = "right";
    c.textBaseline = "middle";
    c.fillText(`client ${rows.lanes[rows.firsts[moved.row]].client}`, axis.left - 11, moved.y);
  }

  /** @param {Shown} shown */
  drawCursor({ cursor }) {
    drawCursorAt(this.context, this.axis, this.theme, cursor, this);
  }

  /**
   * The operation at a place of the canvas, and how many operations share this place. Operations of the part
   * that is not dimmed come first.
   * @param {number} x @param {number} y @param {number} part
   * @returns {{ op: number, many: number }} op is -1 if there is none
   */
  at(x, y, part) {
    const lane = x >= this.axis.left ? this.rows.at(y) : -1;
    if (lane < 0) return { op: -1, many: 0 };
    if (part >= 0) {
      const found = this.nearest(this.rows.lanesOf(part)[lane], x);
      if (found.op >= 0) return found;
    }
    return this.nearest(this.rows.lanes[lane].ops, x);
  }

  /** @param {Int32Array} ops of a lane @param {number} x */
  nearest(ops, x) {
    const { axis, recording } = this;
    const { call, ret } = recording;
    const time = axis.time(x);
    const slack = 3 * axis.scale;
    let [op, best] = [-1, Infinity];
    const first = firstIndex(0, ops.length, (k) => ret[ops[k]] >= time - slack);
    const end = firstIndex(first, ops.length, (k) => call[ops[k]] > time + slack);
    for (let i = first; i < Math.min(end, first + 2000); i += 1) {
      const away = Math.max(0, call[ops[i]] - time, time - ret[ops[i]]);
      if (away < best) [op, best] = [ops[i], away];
    }
    const narrow = op >= 0 && (ret[op] - call[op]) / axis.scale < SLIVER;
    return { op, many: narrow ? end - first : Math.min(1, end - first) };
  }
}

/**
 * Draws the time under the pointer: a line and a label in the scale.
 * @param {CanvasRenderingContext2D} c @param {TimeAxis} axis @param {Theme} theme
 * @param {number | null} cursor @param {{ width: number, height: number }} size of the canvas
 */
function drawCursorAt(c, axis, theme, cursor, { width, height }) {
  if (cursor === null) return;
  const x = axis.x(cursor);
  if (x < axis.left) return;
  c.fillStyle = theme.colour("line-strong");
  c.fillRect(Math.round(x), AXIS, 1, height - AXIS);
  c.font = theme.colour("font-small");
  const text = formatTime(cursor, axis.scale * 2);
  const w = c.measureText(text).width + 12;
  const left = Math.min(Math.max(x - w / 2, axis.left), width - w);
  c.fillStyle = theme.colour("ink");
  c.beginPath();
  c.roundRect(left, 3, w, AXIS - 7, 4);
  c.fill();
  c.fillStyle = theme.colour("panel");
  c.textAlign = "left";
  c.textBaseline = "middle";
  c.fillText(text, left + 6, AXIS / 2);
}
