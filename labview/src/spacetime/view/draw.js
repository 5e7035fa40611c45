// @ts-check
"use strict";
// The chart. Time runs from top to bottom. The test, the servers and the clients have lanes, and messages are
// arrows between the lanes. The chart processes only what is in view, and it draws things that share a pixel
// as one thing. So the cost of a frame depends on the number of pixels, not on the number of events.

const BAR = 10; // width of a server's bar
const MOST_MARKS = 1500;
const MOST_LABELS = 500;
const LABEL_ROW = 13;
const WHOLE_LABEL = 400; // the width that the text of a pinned or found event may have
const TEXT = 15; // a text begins so many pixels right of the middle of a lane

/** Kinds of events that are only the ends of arrows, or are not important. */
const QUIET_KINDS = /^(rpc\.|raft\.(request|reply)$|persister\.save$|client\.)/;
/** Kinds that need no words, because the picture shows them. */
const WORDLESS_KINDS = /^(raft\.term|fault\.connect|test\.failed)$/;
/** Kinds whose marks are drawn even if there are too many events for all marks. */
const LOUD_KINDS = /^(raft\.(role|restore|truncate)|fault\.|test\.|check\.|net\.)/;

/**
 * What the chart shows in addition to the run itself.
 * @typedef {object} Shown
 * @property {number} pinned an event or -1
 * @property {number} hover an event or -1
 * @property {number | null} cursor the place on the axis under the pointer
 * @property {number} time the chosen time
 * @property {number} place the place of the chosen time on the axis
 * @property {number} message the message of the pinned event, or -1
 * @property {number[]} kin messages that caused the pinned message, and messages that it caused
 * @property {number[]} matches what the search has found
 * @property {number} match the match that was visited last, or -1
 */

class Chart {
  /**
   * @param {HTMLCanvasElement} canvas @param {Run} run @param {Filter} filter @param {RunAxis} axis
   * @param {Columns} columns @param {Arrows} arrows @param {Theme} theme
   */
  constructor(canvas, run, filter, axis, columns, arrows, theme) {
    this.canvas = canvas;
    this.run = run;
    this.filter = filter;
    this.axis = axis;
    this.columns = columns;
    this.arrows = arrows;
    this.theme = theme;
    const fitted = fitCanvas(canvas);
    this.context = fitted.context;
    this.width = fitted.width;
    this.height = fitted.height;
    this.quiet = run.kinds.map(({ name }) => QUIET_KINDS.test(name));
    this.wordless = run.kinds.map(({ name }) => WORDLESS_KINDS.test(name));
    this.loud = run.kinds.map(({ name }) => LOUD_KINDS.test(name));
    /** For each client, its operations in the order of their calls. @type {Map<number, number[]>} */
    this.operations = new Map();
    for (let op = 0; op < run.operations.id.length; op += 1) {
      const lane = run.operations.lane[op];
      const list = this.operations.get(lane) ?? [];
      list.push(op);
      this.operations.set(lane, list);
    }
    for (const list of this.operations.values()) list.sort((a, b) => run.operations.call[a] - run.operations.call[b]);
    /** The heights at which the terms of each server are written. @type {Map<number, number[]>} */
    this.termSpots = new Map();
    /** Texts that were measured. @type {Map<string, { text: string, wide: number }>} */
    this.fits = new Map();
    /** The texts beside the lanes that were drawn lately, by event. @type {Map<number, string>} */
    this.labels = new Map();
    /** Kinds of events at which the texts of messages are written. */
    this.saying = run.kinds.map(({ name }) => name === "rpc.delivered" || name === "rpc.answered");
    /** Does a message of the run have a text? */
    this.says = run.shapes.some((shape) => shape[0] === "rpc.sent" && shape.includes("args"));
    /**
     * What is drawn at which height: for each row three numbers, the left end, the right end and the height.
     * @type {Map<number, number[]>}
     */
    this.obstacles = new Map();
    this.layout();
  }

  layout() {
    Object.assign(this, fitCanvas(this.canvas));
    this.axis.left = HEAD;
    this.axis.width = Math.max(50, this.height - HEAD);
    this.columns.layout(this.width);
  }

  /**
   * The place of the call of an operation. If the call is not on the page, this is the place where the page
   * begins. @param {number} op
   */
  callPlace(op) {
    const e = this.run.operations.call[op];
    return e >= 0 ? this.axis.places[e] : this.axis.full.from;
  }

  /**
   * The place of the return of an operation. If the return is not on the page, this is the place where the
   * page ends. @param {number} op
   */
  returnPlace(op) {
    const e = this.run.operations.ret[op];
    return e >= 0 ? this.axis.places[e] : this.axis.full.to;
  }

  /** @param {Shown} shown */
  draw(shown) {
    const { context: c, theme, width, height, columns, axis } = this;
    c.globalAlpha = 1;
    c.fillStyle = theme.colour("panel");
    c.fillRect(0, 0, width, height);
    c.save();
    c.beginPath();
    c.rect(0, HEAD, width, height - HEAD);
    c.clip();
    this.drawScale();
    this.drawBands();
    c.beginPath();
    c.rect(columns.left, HEAD, width - columns.left, height - HEAD);
    c.clip();
    this.drawFailure(false);
    const found = this.arrows.look();
    // If there are too many messages for single arrows, the chart shows only how many there are. The numbers
    // are drawn now, behind the lanes. Single arrows are drawn after the lanes, because they end on them.
    if (this.arrows.dense) this.arrows.drawDense(c, found, HEAD, height);
    for (const lane of columns.order) {
      const x = columns.x(lane);
      if (columns.edge(lane) + columns.wide[lane] < columns.left || columns.edge(lane) > width) continue;
      const kind = this.run.lanes[lane].kind;
      if (kind === "server") this.drawServer(lane, x);
      else this.drawThread(x);
      if (kind === "client") this.drawOperations(lane, x);
    }
    if (!this.arrows.dense) this.arrows.drawLegs(c, this.arrows.legs, found.length);
    if (shown.message >= 0 || shown.kin.length > 0) this.drawChosen(shown);
    this.drawEvents(shown);
    this.arrows.drawLosses(c, found.length);
    this.drawFailure(true);
    c.restore();
    this.drawMoment(shown);
    this.drawHead(shown);
  }

  drawScale() {
    const { context: c, axis, theme, width } = this;
    if (axis.mode === "events") {
      this.drawRows();
      return;
    }
    const { step, times } = axis.ticks(70);
    c.font = theme.colour("font-small");
    c.textBaseline = "middle";
    c.textAlign = "right";
    for (const time of times) {
      const y = Math.round(axis.x(time));
      c.fillStyle = theme.colour("grid");
      c.fillRect(SCALE, y, width - SCALE, 1);
      c.fillStyle = theme.colour("muted");
      c.fillText(formatTime(time, step), SCALE - 8, y + 0.5);
    }
  }

  /**
   * Draws the scale of the axis by events: the times of some events, and the lengths of long times without an
   * event.
   */
  drawRows() {
    const { context: c, run, axis, theme, filter, width, height } = this;
    c.textBaseline = "middle";
    c.textAlign = "right";
    c.font = theme.colour("font-small");
    const write = (/** @type {number} */ time, /** @type {number} */ y) => {
      c.fillStyle = theme.colour("muted");
      const text = formatTime(time, 1000);
      // A text with a greatest width takes longer to draw.
      if (text.length < 13) c.fillText(text, SCALE - 8, y);
      else c.fillText(text, SCALE - 8, y, SCALE - 12);
    };
    if (axis.scale > ROW / 5) {
      for (let y = HEAD + 30; y < height; y += 60) {
        c.fillStyle = theme.colour("grid");
        c.fillRect(SCALE, y, width - SCALE, 1);
        write(axis.timeOf(axis.time(y)), y);
      }
      return;
    }
    const to = axis.at(axis.to);
    const { gaps } = axis;
    let gap = firstIndex(0, gaps.length, (k) => axis.places[gaps[k].e] > axis.from);
    let free = HEAD + 8;
    for (let e = Math.max(0, axis.at(axis.from)); e <= to; e += 1) {
      const y = axis.y(e);
      const long = gaps[gap]?.e === e;
      if (long) {
        const above = axis.y(gaps[gap].before);
        const middle = Math.round((y + above) / 2);
        c.fillStyle = theme.colour("grid");
        c.fillRect(SCALE, middle, width - SCALE, 1);
        if (y - above >= 10 && middle - 5 >= free) {
          c.font = theme.colour("font-tiny");
          c.fillStyle = theme.colour("muted");
          c.fillText(`⋮ ${formatDuration(gaps[gap].time)}`, SCALE - 8, middle);
          c.font = theme.colour("font-small");
          free = middle + 4;
        }
        gap += 1;
      }
      if (y - 6 >= free && (long || (y >= free + 34 && filter.shown[e]))) {
        write(run.t[e], y);
        free = y + 6;
      }
    }
  }

  /**
   * Draws the faults of the network. Each fault has a band with its text at the side, and a faint band behind
   * all lanes.
   */
  drawBands() {
    const { context: c, run, axis, theme, columns, width } = this;
    for (const [index, column] of columns.bandColumn ?? []) {
      const band = run.bands[index];
      const [from, to] = [axis.places[band.from], band.to === null ? axis.full.to : axis.places[band.to]];
      if (from > axis.to || to < axis.from) continue;
      const y0 = Math.max(axis.x(from), HEAD - 4);
      const y1 = Math.min(axis.x(to), axis.left + axis.width + 4);
      const x = SCALE + column * BAND;
      const colour = theme.colour(`mark-${bandTone(band.kind)}`);
      c.fillStyle = colour;
      c.globalAlpha = band.kind === "network" ? 0.025 : 0.05;
      c.fillRect(columns.left, y0, width, y1 - y0);
      c.globalAlpha = 0.2;
      c.beginPath();
      c.roundRect(x + 1, y0, BAND - 3, Math.max(1.5, y1 - y0), 3);
      c.fill();
      c.globalAlpha = 1;
      c.fillRect(x + 1, y0, 2, Math.max(1.5, y1 - y0));
      if (band.kind === "partition" && y1 - y0 > 3) {
        c.globalAlpha = 0.5;
        for (const y of [y0, y1]) c.fillRect(columns.left, Math.round(y), width, 1);
        c.globalAlpha = 1;
      }
      if (y1 - y0 > 30) {
        c.save();
        c.translate(x + BAND / 2 + 1, y0 + 6);
        c.rotate(Math.PI / 2);
        c.font = theme.colour("font-small");
        c.textAlign = "left";
        c.textBaseline = "middle";
        c.fillStyle = theme.colour("ink");
        c.fillText(fitText(c, visible(band.text, 120), y1 - y0 - 12), 0, 0);
        c.restore();
      }
    }
  }

  /** Draws the lane of the test or of a client: a thin line. @param {number} x */
  drawThread(x) {
    const { context: c, theme, height } = this;
    c.fillStyle = theme.colour("line-strong");
    c.globalAlpha = 0.5;
    c.fillRect(Math.round(x), HEAD, 1, height - HEAD);
    c.globalAlpha = 1;
  }

  /**
   * Draws a server's bar with its roles. Where the server is down, the bar is hollow.
   * @param {number} lane @param {number} x
   */
  drawServer(lane, x) {
    const { context: c, run, axis, theme, columns, height } = this;
    const s = run.servers.get(lane);
    const left = Math.round(x - BAR / 2);
    if (!s) {
      this.drawThread(x);
      return;
    }
    const n = s.at.length;
    const time = (/** @type {number} */ i) => (i >= n ? axis.full.to : s.at[i] < 0 ? axis.full.from : axis.places[s.at[i]]);
    // If several changes are in one pixel, only the last of them is drawn.
    let i = Math.max(0, firstIndex(0, n, (k) => time(k) > axis.from) - 1);
    while (i < n && time(i) <= axis.to) {
      const y0 = Math.max(axis.x(time(i)), HEAD);
      const [alive, role] = [s.alive[i], s.role[i]];
      // Finds the next change.
      let next = i + 1;
      while (next < n && s.alive[next] === alive && s.role[next] === role && time(next) <= axis.to) next += 1;
      const y1 = Math.min(axis.x(time(next)), height);
      const h = Math.max(1, y1 - y0);
      if (alive) {
        c.fillStyle = theme.colour(`role-${ROLES[role]}`);
        c.fillRect(left, y0, BAR, h);
        if (role === 3) {
          // A leader's bar is wider, so that it can be recognised without colours.
          c.fillRect(left - 2, y0, 2, h);
          c.fillRect(left + BAR, y0, 2, h);
        }
      } else if (h > 2) {
        c.strokeStyle = theme.colour("line-strong");
        c.lineWidth = 1;
        c.setLineDash([3, 3]);
        c.strokeRect(left + 0.5, y0 + 0.5, BAR - 1, h - 1);
        c.setLineDash([]);
      }
      if (next < n && axis.x(time(next)) - axis.x(time(i)) < 0.5) {
        // There are many changes in one pixel. The loop skips to the last of them.
        const beyond = axis.time(Math.floor(axis.x(time(i))) + 1);
        next = Math.max(next, firstIndex(next, n, (k) => time(k) >= beyond) - 1);
      }
      i = Math.max(next, i + 1);
    }
    this.drawCuts(lane, x);
    this.drawTerms(s, x, lane);
    if (columns.wide[lane] > 0) c.globalAlpha = 1;
  }

  /**
   * Draws a hatched strip beside the bar, for the times when the server is disconnected or cut off. In a
   * partition it also draws the server's side. @param {number} lane @param {number} x
   */
  drawCuts(lane, x) {
    const { context: c, run, axis, theme, height } = this;
    for (const band of run.bands) {
      if (band.lane === null && !(band.kind === "partition" && band.sides)) continue;
      if (band.lane !== null && (band.lane !== lane || band.kind === "crash")) continue;
      const slow = band.kind === "slow";
      const [from, to] = [axis.places[band.from], band.to === null ? axis.full.to : axis.places[band.to]];
      if (from > axis.to || to < axis.from) continue;
      const y0 = Math.max(axis.x(from), HEAD);
      const y1 = Math.min(axis.x(to), height);
      if (y1 - y0 < 0.7) continue;
      if (band.lane === null) {
        const side = band.sides?.[lane] ?? 0;
        if (side === 0) continue;
        c.fillStyle = theme.colour(`side-${(side - 1) % 4}`);
        c.globalAlpha = 0.9;
        c.fillRect(Math.round(x - BAR / 2) - 6, y0, 3, y1 - y0);
        c.globalAlpha = 1;
        continue;
      }
      // A slow server has dotted edges. They are a little closer, so that both faults can be seen.
      const half = slow ? 13 : 17;
      c.fillStyle = c.strokeStyle = theme.colour(slow ? "mark-slow" : "cut");
      c.globalAlpha = 0.13;
      c.fillRect(x - half, y0, 2 * half, y1 - y0);
      c.globalAlpha = 1;
      c.lineWidth = 1.5;
      c.setLineDash(slow ? [1.5, 3] : []);
      c.beginPath();
      for (const edge of [Math.round(x - half) + 0.75, Math.round(x + half) - 0.75]) {
        c.moveTo(edge, y0);
        c.lineTo(edge, y1);
      }
      c.stroke();
      c.setLineDash([]);
      if (slow && y1 - y0 > 60) {
        // The text stands upright beside the bar, where the marks of events do not reach.
        c.save();
        c.translate(x + half + 6, y0 + 8);
        c.rotate(Math.PI / 2);
        c.font = theme.colour("font-tiny");
        c.textAlign = "left";
        c.textBaseline = "middle";
        c.fillText(fitText(c, visible(band.text, 60), y1 - y0 - 16), 0, 0);
        c.restore();
      }
    }
  }

  /**
   * Writes the new term left of the bar at each change of the term.
   * @param {any} s @param {number} x @param {number} lane
   */
  drawTerms(s, x, lane) {
    const { context: c, run, axis, theme } = this;
    const n = s.at.length;
    c.font = theme.colour("font-tiny");
    c.textAlign = "right";
    c.textBaseline = "middle";
    const time = (/** @type {number} */ i) => (s.at[i] < 0 ? axis.full.from : axis.places[s.at[i]]);
    const first = Math.max(0, firstIndex(0, n, (k) => time(k) > axis.from) - 1);
    let free = HEAD;
    let last = -1;
    /** @type {number[]} */
    const spots = [];
    this.termSpots.set(lane, spots);
    for (let i = first; i < n && time(i) <= axis.to; i += 1) {
      if (s.term[i] === last || !s.alive[i]) continue;
      // If a term began before the span in view, it is written at the upper edge.
      const y = Math.max(axis.x(time(i)), HEAD + 1);
      if (s.term[i] === 0) continue;
      last = s.term[i];
      if (y < free) {
        // There is no space for all changes. Of the changes that are too close together, only the last one is
        // written.
        const next = firstIndex(i + 1, n, (k) => axis.x(time(k)) >= free) - 1;
        if (next > i) {
          i = next - 1;
          last = -1;
        }
        continue;
      }
      const text = `T${s.term[i]}`;
      const w = c.measureText(text).width + 6;
      c.fillStyle = theme.colour(`term-${s.term[i] % 8}`);
      c.beginPath();
      c.roundRect(x - 20 - w, y, w, 13, 3);
      c.fill();
      c.fillStyle = theme.colour("ink");
      c.fillText(text, x - 23, y + 7);
      free = y + 15;
      spots.push(y + 6);
    }
  }

  /** @param {number} lane @param {number} x */
  drawOperations(lane, x) {
    const { context: c, run, axis, theme, columns, filter } = this;
    const list = this.operations.get(lane) ?? [];
    const n = list.length;
    const half = Math.min(9, Math.max(3, columns.wide[lane] / 2 - 3));
    const wide = columns.wide[lane] >= 96;
    const left = wide ? x - 6 : x - half;
    const room = wide ? 12 : 2 * half;
    const bad = run.verdict?.operation ?? -1;
    let drawn = -Infinity;
    for (let i = Math.max(0, firstIndex(0, n, (k) => this.returnPlace(list[k]) >= axis.from)); i < n; i += 1) {
      const op = list[i];
      if (this.callPlace(op) > axis.to) break;
      const [y0, y1] = [axis.x(this.callPlace(op)), axis.x(this.returnPlace(op))];
      if (y1 < HEAD) continue;
      if (y1 - y0 < 1 && y0 - drawn < 1 && op !== bad) continue;
      drawn = y0;
      const kind = operationKind(run, op);
      const call = run.operations.call[op];
      c.globalAlpha = call < 0 || filter.shown[call] ? 1 : 0.2;
      c.fillStyle = theme.colour(op === bad ? "error-ground" : `kind-${kind}`);
      c.strokeStyle = theme.colour(op === bad ? "error-line" : `kind-${kind}-line`);
      c.lineWidth = op === bad ? 2 : 1;
      const h = Math.max(1, y1 - y0);
      if (h < 3) {
        c.fillStyle = c.strokeStyle;
        c.fillRect(left, y0, room, h);
        continue;
      }
      c.beginPath();
      c.roundRect(left + 0.5, y0 + 0.5, room - 1, h - 1, Math.min(3, h / 2));
      c.fill();
      if (run.operations.ret[op] < 0) c.setLineDash([3, 3]);
      c.stroke();
      c.setLineDash([]);
      c.fillStyle = theme.colour("ink");
      c.font = theme.colour("font-code");
      c.textAlign = "left";
      c.textBaseline = "middle";
      const top = Math.max(y0, HEAD);
      if (wide && h >= 12) {
        c.fillText(fitText(c, operationText(run, op), columns.wide[lane] / 2 - 14), x + 10, Math.min(top + 8, y1 - 5));
      } else if (!wide && room >= 12 && y1 - top > 34) {
        c.save();
        c.translate(x + 0.5, top + 5);
        c.rotate(Math.PI / 2);
        c.fillText(fitText(c, operationText(run, op), Math.min(y1, this.height) - top - 8), 0, 0);
        c.restore();
      }
    }
    c.globalAlpha = 1;
  }

  /**
   * Draws the marks of events on the lanes. Where there is space, it writes texts beside them.
   * @param {Shown} shown
   */
  drawEvents(shown) {
    const { context: c, run, axis, theme, columns, filter, height } = this;
    const from = Math.max(0, axis.at(axis.from));
    const to = axis.at(axis.to);
    let count = 0;
    for (let e = from; e <= to && count <= MOST_MARKS; e += 1) if (filter.shown[e] && !this.quiet[run.kindOf[e]]) count += 1;
    const all = count <= MOST_MARKS;
    const words = count <= MOST_LABELS;
    const last = new Float64Array(run.lanes.length).fill(-Infinity);
    const free = new Float64Array(run.lanes.length).fill(-Infinity);
    this.obstacles.clear();
    for (const [lane, spots] of this.termSpots) {
      for (const spot of spots) this.block(columns.x(lane) - 56, columns.x(lane) + BAR, spot);
    }
    /**
     * Events with texts, and those of messages with texts.
     * @type {{ e: number, lane: number, x: number, y: number }[][]}
     */
    const labels = [[], []];
    const says = words && this.says && !this.arrows.dense;
    // The pinned event and the found event always have their whole texts. Texts that would be too close to
    // them are left out.
    const hasText = (/** @type {number} */ e) => e >= 0 && filter.shown[e] && !this.quiet[run.kindOf[e]] && !this.wordless[run.kindOf[e]];
    const firm = [shown.match, shown.pinned].filter(hasText).map((e) => ({ e, lane: run.lane[e], y: axis.y(e) }));
    for (let e = from; e <= to; e += 1) {
      const kind = run.kindOf[e];
      if (!filter.shown[e]) continue;
      if (this.quiet[kind] && e !== run.failed) {
        if (says && this.saying[kind]) this.addSaying(e, labels[1]);
        continue;
      }
      if (!all && !this.loud[kind]) continue;
      const lane = run.lane[e];
      const x = columns.x(lane);
      if (Number.isNaN(x)) continue;
      const y = axis.y(e);
      if (y < HEAD - 6 || y > height + 6) continue;
      if (y - last[lane] >= 1 || this.loud[kind]) {
        last[lane] = y;
        this.drawMark(e, x, y);
      }
      if (words && !this.wordless[kind] && y > HEAD + 4) {
        labels[0].push({ e, lane, x, y });
        this.block(x - BAR, x + BAR, y);
      }
    }
    for (const { e, lane, y } of firm) this.block(columns.x(lane) - BAR, columns.x(lane) + WHOLE_LABEL / 2, y);
    // The texts of messages come last: they get the space that is left.
    for (const [place, list] of labels.entries()) {
      for (const { e, lane, x, y } of list) {
        if (place === 0 ? y < free[lane] : this.blocked(x + TEXT, y)) continue;
        if (firm.some((it) => it.lane === lane && Math.abs(it.y - y) < LABEL_ROW)) continue;
        const room = this.roomAt(x + TEXT, y);
        if (room <= 34) continue;
        const wide = this.drawLabel(e, x + TEXT, y, room);
        this.block(x + TEXT - 2, x + TEXT + wide, y);
        free[lane] = y + LABEL_ROW;
      }
    }
    for (const { e, lane, y } of firm) {
      const x = columns.x(lane);
      if (!Number.isNaN(x) && y > HEAD + 4 && y <= height + 6) this.drawLabel(e, x + TEXT, y, WHOLE_LABEL);
    }
    c.globalAlpha = 1;
    if (shown.matches.length > 0) this.drawFound(shown);
    for (const [e, tone] of /** @type {[number, string][]} */ ([[shown.hover, "muted"], [shown.pinned, "accent"]])) {
      if (e < 0) continue;
      const [x, y] = [columns.x(run.lane[e]), axis.y(e)];
      if (Number.isNaN(x) || y < HEAD - 8 || y > height + 8) continue;
      c.strokeStyle = theme.colour("panel");
      c.lineWidth = 5;
      c.beginPath();
      c.arc(x, y, 7.5, 0, 2 * Math.PI);
      c.stroke();
      c.strokeStyle = theme.colour(tone);
      c.lineWidth = 2.5;
      c.stroke();
    }
  }

  /**
   * Adds the event of a message that has a text: what the request says where it is delivered, and what the
   * reply says where the server has answered.
   * @param {number} e @param {{ e: number, lane: number, x: number, y: number }[]} labels
   */
  addSaying(e, labels) {
    const { run, axis, columns, height, filter } = this;
    const m = run.id[e] >= 0 ? run.messageOf[run.id[e]] : -1;
    const { messages } = run;
    if (m < 0 || !filter.messageShown[m] || (e !== messages.delivered[m] && e !== messages.answered[m])) return;
    if (run.field(messages.sent[m], "args") === undefined) return;
    const [lane, y] = [run.lane[e], axis.y(e)];
    const x = columns.x(lane);
    if (!Number.isNaN(x) && y > HEAD + 4 && y < height + 6) labels.push({ e, lane, x, y });
  }

  /**
   * Notes that something is drawn from `x0` to `x1` at this height.
   * @param {number} x0 @param {number} x1 @param {number} y
   */
  block(x0, x1, y) {
    const row = Math.floor(y / LABEL_ROW);
    const list = this.obstacles.get(row);
    if (list) list.push(x0, x1, y);
    else this.obstacles.set(row, [x0, x1, y]);
  }

  /** Is something drawn at this place? @param {number} x @param {number} y */
  blocked(x, y) {
    const row = Math.floor(y / LABEL_ROW);
    for (let near = row - 1; near <= row + 1; near += 1) {
      const list = this.obstacles.get(near) ?? [];
      for (let i = 0; i < list.length; i += 3) if (list[i] <= x && x <= list[i + 1] && Math.abs(list[i + 2] - y) < LABEL_ROW) return true;
    }
    return false;
  }

  /**
   * How much space a text has that begins at this place. It may lie on the bars of other lanes, but not on
   * their marks and texts. @param {number} x @param {number} y
   */
  roomAt(x, y) {
    let end = this.width - 6;
    const row = Math.floor(y / LABEL_ROW);
    for (let near = row - 1; near <= row + 1; near += 1) {
      const list = this.obstacles.get(near) ?? [];
      for (let i = 0; i < list.length; i += 3) if (list[i] > x && list[i] < end && Math.abs(list[i + 2] - y) < LABEL_ROW) end = list[i];
    }
    return end - x - 3;
  }

  /** @param {number} e @param {number} x @param {number} y */
  drawMark(e, x, y) {
    const { context: c, run, theme } = this;
    const kind = run.kind(e);
    if (kind === "fault.crash" || kind === "test.failed") {
      c.strokeStyle = theme.colour(kind === "test.failed" ? "mark-failure" : "mark-crash");
      c.lineWidth = 2.5;
      const path = new Path2D();
      this.arrows.addCross(path, x, y, 5.5);
      c.stroke(path);
      return;
    }
    if (kind === "fault.restart" || kind === "raft.restore") {
      c.fillStyle = theme.colour("mark-restart");
      c.beginPath();
      c.moveTo(x - 6, y);
      c.lineTo(x + 6, y);
      c.lineTo(x, y + 7);
      c.fill();
      return;
    }
    const tone =
      kind === "raft.commit" && run.commitBefore(e) >= 0 ? "error-line" : kind === "raft.commit" || kind === "raft.apply" ? "ok" : kind === "raft.truncate" ? "error-line" : kind.startsWith("shard") ? "mark-configuration" : "ink";
    c.fillStyle = theme.colour(tone);
    if (kind.startsWith("fault.") || kind.startsWith("net.")) {
      c.fillStyle = theme.colour("cut");
      c.fillRect(x - 8, y - 1, 16, 2.5);
    } else {
      c.fillRect(x - BAR / 2 + 1, y - 0.75, BAR - 2, 1.5);
    }
  }

  /**
   * A text that is short enough for its space, and its width. To measure texts takes long, and most texts are
   * drawn again in the next frame, so the results are kept. @param {string} text @param {number} room
   */
  fitted(text, room) {
    let whole = this.fits.get(text);
    if (!whole) {
      if (this.fits.size > 5000) this.fits.clear();
      const shown = visible(text, 110);
      whole = { text: shown, wide: this.context.measureText(shown).width };
      this.fits.set(text, whole);
    }
    if (whole.wide <= room) return whole;
    const key = `${Math.floor(room)} ${text}`;
    let found = this.fits.get(key);
    if (!found) {
      const short = fitText(this.context, whole.text, Math.floor(room));
      found = { text: short, wide: this.context.measureText(short).width };
      this.fits.set(key, found);
    }
    return found;
  }

  /** @param {number} e @param {number} x @param {number} y @param {number} room */
  drawLabel(e, x, y, room) {
    const { context: c, run, theme, width } = this;
    c.font = theme.colour("font-small");
    c.textAlign = "left";
    c.textBaseline = "middle";
    const { text, wide } = this.fitted(this.labelText(e), room);
    // A whole text beside the last lane ends at the edge of the chart.
    if (x + wide + 4 > width) x = width - wide - 4;
    c.fillStyle = theme.colour("panel");
    c.globalAlpha = 0.78;
    c.fillRect(x - 2, y - 6, wide + 4, 12);
    c.globalAlpha = 1;
    const kind = run.kind(e);
    const back = kind === "raft.commit" && run.commitBefore(e) >= 0;
    c.fillStyle = theme.colour(back ? "error-line" : this.loud[run.kindOf[e]] ? (kind === "test.failed" ? "mark-failure" : "ink") : "muted");
    c.fillText(text, x, y + 0.5);
    return wide;
  }

  /**
   * The text beside a lane. It is kept, because most texts are drawn again in the next frame.
   * @param {number} e
   */
  labelText(e) {
    let text = this.labels.get(e);
    if (text === undefined) {
      if (this.labels.size > 5000) this.labels.clear();
      text = this.makeLabel(e);
      this.labels.set(e, text);
    }
    return text;
  }

  /** @param {number} e */
  makeLabel(e) {
    const { run } = this;
    const m = run.id[e] >= 0 ? run.messageOf[run.id[e]] : -1;
    if (m < 0 || !this.saying[run.kindOf[e]]) return shortText(run, e);
    const type = typeName(run.types[run.messages.type[m]]);
    return run.kind(e) === "rpc.delivered" ? `← ${type} ${messageSays(run, m).replace(new RegExp(`^${type} `), "")}` : `→ ${replySays(run, m)}`;
  }

  /** @param {Shown} shown */
  drawFound({ matches, match }) {
    const { context: c, run, axis, theme, columns } = this;
    const n = matches.length;
    const last = new Float64Array(run.lanes.length).fill(-Infinity);
    for (let i = firstIndex(0, n, (k) => axis.places[matches[k]] >= axis.from); i < n && axis.places[matches[i]] <= axis.to; i += 1) {
      const e = matches[i];
      const [x, y] = [columns.x(run.lane[e]), axis.y(e)];
      if (Number.isNaN(x) || (y - last[run.lane[e]] < 2 && e !== match)) continue;
      last[run.lane[e]] = y;
      c.strokeStyle = theme.colour("accent");
      c.lineWidth = e === match ? 2.5 : 1.3;
      c.strokeRect(x - 8, y - 3, 16, 6);
    }
  }

  /** Highlights the message of the pinned event and the related messages. @param {Shown} shown */
  drawChosen(shown) {
    const { context: c } = this;
    for (const m of shown.kin.slice(0, 200)) this.arrows.highlight(c, m, false);
    if (shown.message >= 0) this.arrows.highlight(c, shown.message, true);
  }

  /** Draws the failure: a line across all lanes. @param {boolean} words */
  drawFailure(words) {
    const { context: c, run, axis, theme, columns, width } = this;
    if (run.failed < 0) return;
    const y = Math.round(axis.y(run.failed));
    if (y < HEAD - 20 || y > this.height + 2) return;
    c.fillStyle = theme.colour("mark-failure");
    if (!words) {
      c.fillRect(columns.left, y - 1, width, 2.5);
      return;
    }
    c.font = theme.colour("font-label-strong");
    c.textAlign = "left";
    c.textBaseline = "middle";
    // The headline says why. If there is no space below the line, the word is above it.
    const text = "The test failed here";
    const w = c.measureText(text).width + 14;
    const top = y + 27 < this.height ? y + 4 : y - 23;
    c.beginPath();
    c.roundRect(columns.left + 4, top, w, 19, 4);
    c.fill();
    c.fillStyle = theme.colour("panel");
    c.fillText(text, columns.left + 11, top + 10);
  }

  /** Draws the chosen time and the time under the pointer. @param {Shown} shown */
  drawMoment(shown) {
    const { context: c, axis, theme, width, height } = this;
    const line = (/** @type {number} */ place, /** @type {string} */ tone, /** @type {boolean} */ strong) => {
      const y = Math.round(axis.x(place)) + 0.5;
      if (y < HEAD || y > height) return;
      c.strokeStyle = theme.colour(tone);
      c.lineWidth = 1;
      c.setLineDash(strong ? [] : [2, 3]);
      c.globalAlpha = strong ? 0.9 : 0.7;
      c.beginPath();
      c.moveTo(SCALE - 4, y);
      c.lineTo(width, y);
      c.stroke();
      c.setLineDash([]);
      c.globalAlpha = 1;
      c.font = theme.colour("font-small");
      const text = formatTime(strong ? shown.time : axis.timeOf(place), axis.step);
      c.fillStyle = theme.colour(tone);
      c.beginPath();
      c.roundRect(2, y - 8.5, SCALE - 6, 17, 4);
      c.fill();
      c.fillStyle = theme.colour("panel");
      c.textAlign = "right";
      c.textBaseline = "middle";
      c.fillText(text, SCALE - 8, y + 0.5, SCALE - 12);
    };
    line(shown.place, "accent", true);
    if (shown.cursor !== null) line(shown.cursor, "muted", false);
  }

  /** @param {Shown} shown */
  drawHead(shown) {
    const { context: c, run, theme, columns, width } = this;
    c.fillStyle = theme.colour("panel");
    c.fillRect(0, 0, width, HEAD);
    c.fillStyle = theme.colour("line");
    c.fillRect(0, HEAD - 1, width, 1);
    c.save();
    c.beginPath();
    c.rect(columns.left, 0, width, HEAD);
    c.clip();
    c.textAlign = "center";
    c.textBaseline = "middle";
    const on = shown.pinned >= 0 ? run.lane[shown.pinned] : -1;
    for (const lane of columns.order) {
      const { name, kind, index } = run.lanes[lane];
      c.font = theme.colour(kind === "server" ? "font-label-strong" : "font-small");
      c.fillStyle = theme.colour(lane === on ? "accent" : kind === "server" ? "ink" : "muted");
      const wide = columns.wide[lane];
      const text = kind === "client" && wide < 56 ? `c${index}` : visible(name, 20);
      c.fillText(fitText(c, text, wide - 2), columns.x(lane), HEAD / 2);
    }
    c.restore();
    c.font = theme.colour("font-small");
    c.textAlign = "right";
    c.textBaseline = "middle";
    c.fillStyle = theme.colour("muted");
    c.fillText(this.axis.mode === "time" ? "time ↓" : "events ↓", SCALE - 8, HEAD / 2);
  }

  /**
   * The thing at a place of the canvas: an event, a message or an operation.
   * @param {number} x @param {number} y
   */
  at(x, y) {
    const { run, axis, columns, filter } = this;
    const nothing = { event: -1, message: -1, operation: -1, band: -1 };
    if (y < HEAD) return nothing;
    if (x < columns.left) return { ...nothing, band: this.bandAt(x, y) };
    const lane = columns.at(x);
    if (lane >= 0 && Math.abs(columns.x(lane) - x) <= 9) {
      let [best, nearest] = [-1, 6];
      const from = Math.max(0, axis.at(axis.time(y - 6)));
      for (let e = from; e < run.size && axis.y(e) <= y + 6; e += 1) {
        if (run.lane[e] !== lane || !filter.shown[e] || this.quiet[run.kindOf[e]]) continue;
        // If two events have about the same distance, the more important event is chosen.
        const distance = Math.abs(axis.y(e) - y) - (this.loud[run.kindOf[e]] ? 2 : 0);
        if (distance < nearest) [best, nearest] = [e, distance];
      }
      if (best >= 0) return { ...nothing, event: best };
    }
    const message = this.arrows.at(x, y);
    if (message >= 0) return { ...nothing, message };
    if (lane >= 0 && run.lanes[lane].kind === "client") {
      const place = axis.time(y);
      const list = this.operations.get(lane) ?? [];
      const found = list.findLast((op) => this.callPlace(op) <= place && this.returnPlace(op) + 2 * axis.scale >= place);
      if (found !== undefined) return { ...nothing, operation: found };
    }
    return nothing;
  }

  /** @param {number} x @param {number} y @returns a fault of the network, or -1 */
  bandAt(x, y) {
    const { run, axis, columns } = this;
    const column = Math.floor((x - SCALE) / BAND);
    for (const [index, at] of columns.bandColumn ?? []) {
      const { from, to } = run.bands[index];
      const place = axis.time(y);
      if (at === column && place >= axis.places[from] && (to === null || place <= axis.places[to])) return index;
    }
    return -1;
  }
}

/** @param {string} kind the kind of a band */
function bandTone(kind) {
  return kind === "link" ? "configuration" : kind === "cut" ? "crash" : kind === "hold" ? "slow" : kind;
}

/**
 * The colour of an operation. The page of a history uses the same colours.
 * @param {Run} run @param {number} op
 */
function operationKind(run, op) {
  const usual = ["get", "put", "append"].indexOf(String(run.field(run.operations.call[op], "op")).toLowerCase());
  return usual >= 0 ? usual : 4;
}
