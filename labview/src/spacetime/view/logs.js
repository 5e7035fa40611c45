// @ts-check
"use strict";
// The state of every server at the chosen time: role, term, vote, and the log as cells in the colours of
// their terms. In the logs of a group, the entries with the same index are drawn one below the other.

const LOG_ROW = 21;
const LOG_RULER = 17;
const LOG_LEFT = 224; // width of the texts before the cells
const CELL = 25;

class LogPanel {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Run} run
   * @param {Filter} filter
   * @param {Theme} theme
   * @param {() => void} redraw
   */
  constructor(canvas, run, filter, theme, redraw) {
    this.canvas = canvas;
    this.run = run;
    this.filter = filter;
    this.theme = theme;
    /** How many cells the reader has scrolled back from the end. */
    this.back = 0;
    const fitted = fitCanvas(canvas);
    this.context = fitted.context;
    this.width = fitted.width;
    this.height = fitted.height;
    /** @type {{ lane: number, y: number, lo: number }[]} */
    this.rows = [];
    this.size();
    let last = /** @type {number | null} */ (null);
    const shift = (/** @type {number} */ cells) => {
      this.back = Math.max(0, this.back + cells);
      redraw();
    };
    canvas.addEventListener(
      "wheel",
      (event) => {
        const sideways = event.shiftKey ? event.deltaY : event.deltaX;
        if (!sideways) return;
        event.preventDefault();
        shift(-Math.sign(sideways) * Math.max(1, Math.round(Math.abs(sideways) / 40)));
      },
      { passive: false },
    );
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = event.clientX;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (last === null) return;
      const cells = Math.trunc((event.clientX - last) / CELL);
      if (cells !== 0) {
        last += cells * CELL;
        shift(cells);
      }
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (last = null));
  }

  /** The servers that are shown, by group. */
  groups() {
    /** @type {Map<number, number[]>} */
    const groups = new Map();
    for (const lane of this.run.servers.keys()) {
      if (this.filter.hiddenLanes.has(lane) || this.run.lanes[lane].kind !== "server") continue;
      const { group } = this.run.lanes[lane];
      groups.set(group, [...(groups.get(group) ?? []), lane]);
    }
    return [...groups.values()];
  }

  /** Makes the canvas high enough for its rows. */
  size() {
    const groups = this.groups();
    const height = groups.reduce((sum, lanes) => sum + LOG_RULER + lanes.length * LOG_ROW + 4, 0);
    this.canvas.style.height = `${Math.max(1, height)}px`;
    /** @type {HTMLElement} */ (this.canvas.parentElement).hidden = groups.length === 0;
  }

  layout() {
    this.size();
    Object.assign(this, fitCanvas(this.canvas));
  }

  /**
   * @param {number} e the event after which the state is shown @param {number} pinned the marked server's
   *   lane, or -1
   */
  draw(e, pinned) {
    const { context: c, theme, width, height } = this;
    c.fillStyle = theme.colour("panel");
    c.fillRect(0, 0, width, height);
    this.rows = [];
    let y = 0;
    for (const lanes of this.groups()) {
      const states = lanes.map((lane) => this.run.state(lane, e));
      const most = states.reduce((max, state) => Math.max(max, state && state.run !== -2 ? state.last : 0), 0);
      const cells = Math.max(1, Math.floor((width - LOG_LEFT - 14) / CELL));
      const lo = Math.max(1, most - cells + 1 - Math.min(this.back, Math.max(0, most - cells)));
      this.drawRuler(y, lo, cells, most);
      y += LOG_RULER;
      for (const [i, lane] of lanes.entries()) {
        this.rows.push({ lane, y, lo });
        this.drawRow(lane, states[i], y, lo, lo + cells - 1, lane === pinned);
        y += LOG_ROW;
      }
      y += 4;
    }
  }

  /** @param {number} y @param {number} lo @param {number} cells @param {number} most */
  drawRuler(y, lo, cells, most) {
    const { context: c, theme } = this;
    c.font = theme.colour("font-tiny");
    c.textBaseline = "middle";
    c.textAlign = "center";
    c.fillStyle = theme.colour("muted");
    const each = lo + cells >= 10_000 ? 3 : lo + cells >= 1000 ? 2 : 1;
    for (let index = lo; index < lo + cells && index <= Math.max(most, lo); index += 1) {
      if (index % each === 0 || each === 1) c.fillText(String(index), LOG_LEFT + (index - lo) * CELL + CELL / 2, y + LOG_RULER / 2 + 1);
    }
    if (lo > 1) {
      c.textAlign = "right";
      c.fillText("…", LOG_LEFT - 4, y + LOG_RULER / 2 + 1);
    }
  }

  /**
   * @param {number} lane
   * @param {State | null} state
   * @param {number} y
   * @param {number} lo
   * @param {number} hi
   * @param {boolean} marked
   */
  drawRow(lane, state, y, lo, hi, marked) {
    const { context: c, theme, run } = this;
    const middle = y + LOG_ROW / 2;
    if (marked) {
      c.fillStyle = theme.colour("row");
      c.fillRect(0, y, this.width, LOG_ROW);
    }
    c.textBaseline = "middle";
    c.textAlign = "left";
    const down = !state || !state.alive;
    const role = state && !down ? ROLES[state.role] : "down";
    if (down) {
      c.strokeStyle = theme.colour("line-strong");
      c.setLineDash([2, 2]);
      c.strokeRect(10.5, middle - 4.5, 9, 9);
      c.setLineDash([]);
    } else {
      c.fillStyle = theme.colour(`role-${role}`);
      c.fillRect(10, middle - 5, 10, 10);
    }
    c.font = theme.colour("font-label-strong");
    c.fillStyle = theme.colour("ink");
    c.fillText(visible(run.lanes[lane].name, 9), 26, middle);
    c.font = theme.colour("font-small");
    c.fillStyle = theme.colour("muted");
    c.fillText(!state ? "unknown" : role, 86, middle);
    if (!state) return;
    if (state.term > 0) {
      c.fillStyle = theme.colour(`term-${state.term % 8}`);
      c.beginPath();
      c.roundRect(149, middle - 7, 28, 14, 3);
      c.fill();
      c.textAlign = "center";
      c.fillStyle = theme.colour("ink");
      c.fillText(`T${state.term}`, 163, middle + 0.5, 26);
    }
    if (state.vote >= 0) {
      c.textAlign = "left";
      c.fillStyle = theme.colour("muted");
      c.fillText(`→${run.mate(lane, state.vote).replace(/^G\d+/, "")}`, 183, middle, LOG_LEFT - 185);
    }
    if (state.run !== -2) this.drawCells(state, y, lo, hi, down);
  }

  /** @param {State} state @param {number} y @param {number} lo @param {number} hi @param {boolean} down */
  drawCells(state, y, lo, hi, down) {
    const { context: c, theme, run } = this;
    const x = (/** @type {number} */ index) => LOG_LEFT + (index - lo) * CELL;
    const [top, h] = [y + 2, LOG_ROW - 5];
    c.globalAlpha = down ? 0.55 : 1;
    c.textAlign = "center";
    c.font = theme.colour("font-small");
    for (const { term, from, to } of run.entries(state, lo, hi)) {
      for (let index = from; index <= to; index += 1) {
        const committed = index <= state.commit;
        c.fillStyle = theme.colour(`term-${term % 8}`);
        c.globalAlpha = (down ? 0.55 : 1) * (committed ? 1 : 0.45);
        c.fillRect(x(index) + 1, top, CELL - 2, h);
        c.globalAlpha = down ? 0.55 : 1;
        if (!committed) {
          // An entry that is not known to be committed has a dashed frame.
          c.strokeStyle = theme.colour("line-strong");
          c.lineWidth = 1;
          c.setLineDash([2, 2]);
          c.strokeRect(x(index) + 1.5, top + 0.5, CELL - 3, h - 1);
          c.setLineDash([]);
        }
        c.fillStyle = theme.colour("ink");
        c.fillText(String(term), x(index) + CELL / 2, top + h / 2 + 0.5, CELL - 4);
      }
    }
    // The snapshot: its edge, and the part of it that is in view.
    if (state.start >= lo) {
      const end = x(Math.min(state.start, hi) + 1);
      c.fillStyle = theme.colour("snapshot");
      c.fillRect(LOG_LEFT, top, end - LOG_LEFT - 2, h);
      c.fillStyle = theme.colour("ink");
      c.fillRect(end - 3, top - 1, 2.5, h + 2);
      c.textAlign = "right";
      const text = `snapshot ${state.start}${state.startTerm > 0 ? `, T${state.startTerm}` : ""}`;
      if (end - LOG_LEFT > 24) c.fillText(fitText(c, text, end - LOG_LEFT - 12), end - 8, top + h / 2 + 0.5);
    }
    if (state.last < lo) {
      c.textAlign = "left";
      c.fillStyle = theme.colour("muted");
      c.fillText(state.last === 0 ? "empty" : `◂ ends at ${state.last}`, LOG_LEFT + 4, top + h / 2);
    }
    // Lines below the cells show up to which index the log is committed and applied.
    for (const [index, tone, offset] of /** @type {[number, string, number][]} */ ([
      [state.commit, "commit", 0],
      [state.apply, "apply", 0],
    ])) {
      const to = Math.min(index, hi);
      if (to < lo) continue;
      c.fillStyle = theme.colour(tone);
      c.fillRect(LOG_LEFT + 1, top + h + offset, x(to + 1) - LOG_LEFT - 2, 2.5);
      if (index <= hi) c.fillRect(x(to + 1) - 2, top + h - 3, 2, 5.5);
    }
    c.globalAlpha = 1;
  }

  /** The server and the log index at a place of the canvas. @param {number} x @param {number} y */
  at(x, y) {
    const row = this.rows.find((one) => y >= one.y && y < one.y + LOG_ROW);
    return row ? { lane: row.lane, index: x < LOG_LEFT ? 0 : row.lo + Math.floor((x - LOG_LEFT) / CELL) } : null;
  }
}
