// @ts-check
"use strict";
// The axis of time. It has the span of time that is in view, and computes the place of each time on the
// screen. Several canvases may share one axis, and the axis notifies them when the view changes. Time goes to
// the right or down. A place on the axis is called x. It is a number of pixels from the left edge of the
// canvas, or from its top if time goes down.

const SHORTEST_VIEW = 100; // ns
const GLIDE_MS = 160;

class TimeAxis {
  /** @param {number} from the run's first time, ns @param {number} to the run's last time, ns */
  constructor(from, to) {
    const margin = Math.max((to - from) * 0.02, 500);
    this.full = { from: from - margin, to: to + margin };
    this.from = this.full.from;
    this.to = this.full.to;
    /** The length of the shortest span that can be in view. */
    this.shortest = SHORTEST_VIEW;
    /** Where the axis begins and how long it is, in CSS pixels of the canvas. */
    this.left = 0;
    this.width = 1;
    /** @type {(() => void)[]} */
    this.listeners = [];
    this.glide = 0;
  }

  get span() {
    return this.to - this.from;
  }

  /** The length of time that one pixel stands for, in ns. */
  get scale() {
    return this.span / this.width;
  }

  /** @param {number} time */
  x(time) {
    return this.left + ((time - this.from) / this.span) * this.width;
  }

  /** @param {number} x */
  time(x) {
    return this.from + ((x - this.left) / this.width) * this.span;
  }

  get whole() {
    return this.span >= (this.full.to - this.full.from) * (1 - 1e-9);
  }

  /** The span in view, as text for the URL. */
  get address() {
    return `${Math.round(this.from)}-${Math.round(this.to)}`;
  }

  /**
   * Shows the span that a text from a URL names. Returns false if the text does not name a span. The text may
   * be anything.
   * @param {string} text
   */
  go(text) {
    const range = /^(-?\d{1,18})-(-?\d{1,18})$/.exec(text);
    if (!range || Number(range[1]) >= Number(range[2])) return false;
    this.set(Number(range[1]), Number(range[2]));
    return true;
  }

  /** Shows this span at once, without a smooth movement. @param {number} from @param {number} to */
  set(from, to) {
    cancelAnimationFrame(this.glide);
    this.place(from, to);
  }

  /** How far a view of this length may reach beyond the ends of the run. @param {number} _span */
  slack(_span) {
    return 0;
  }

  /** @param {number} from @param {number} to */
  place(from, to) {
    const { full } = this;
    const span = Math.min(Math.max(to - from, this.shortest), full.to - full.from);
    // If the span is too short or too long, its length changes and its middle stays the same, except near the
    // ends of the run.
    const slack = this.slack(span);
    const start = Math.min(Math.max((from + to - span) / 2, full.from - slack), full.to - span + slack);
    if (start === this.from && start + span === this.to) return;
    this.from = start;
    this.to = start + span;
    for (const listener of this.listeners) listener();
  }

  /**
   * Moves smoothly to this span, so that the reader sees where the span is.
   * @param {number} from @param {number} to
   */
  show(from, to) {
    cancelAnimationFrame(this.glide);
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.place(from, to);
      return;
    }
    const start = { from: this.from, to: this.to, at: performance.now() };
    const step = (/** @type {number} */ now) => {
      const done = Math.min(1, Math.max(0, (now - start.at) / GLIDE_MS));
      const eased = 1 - (1 - done) ** 3;
      this.place(start.from + (from - start.from) * eased, start.to + (to - start.to) * eased);
      if (done < 1) this.glide = requestAnimationFrame(step);
    };
    this.glide = requestAnimationFrame(step);
  }

  fit() {
    this.show(this.full.from, this.full.to);
  }

  /**
   * @param {number} factor new span / old span; below 1 zooms in @param {number} [x] the time at x stays at x
   */
  zoom(factor, x = this.left + this.width / 2) {
    const span = Math.min(Math.max(this.span * factor, this.shortest), this.full.to - this.full.from);
    const from = this.time(x) - ((x - this.left) / this.width) * span;
    this.set(from, from + span);
  }

  /** @param {number} pixels how far to move towards later times */
  pan(pixels) {
    const by = pixels * this.scale;
    this.set(this.from + by, this.to + by);
  }

  /**
   * Brings a span into view. If the span is too long for the view, the view zooms out. If the span is outside
   * of the view or near the edge of the view, the view moves until the span is in its middle. Otherwise
   * nothing changes.
   * @param {number} from @param {number} to
   */
  reveal(from, to) {
    const { span } = this;
    if (to - from > span * 0.9) {
      const margin = (to - from) * 0.2;
      this.show(from - margin, to + margin);
    } else if (from < this.from + span * 0.05 || to > this.to - span * 0.05) {
      const middle = (from + to) / 2;
      this.show(middle - span / 2, middle + span / 2);
    }
  }

  /** The round times in view. They are at least about `distance` pixels apart. @param {number} distance */
  ticks(distance) {
    const least = this.scale * distance;
    const power = 10 ** Math.floor(Math.log10(least));
    const step = Math.max(1, power * (/** @type {number} */ ([1, 2, 5, 10].find((f) => f * power >= least * 0.999))));
    const times = [];
    for (let n = Math.ceil(this.from / step); n * step <= this.to; n += 1) {
      if (n >= 0) times.push(n * step);
    }
    return { step, times };
  }
}

/**
 * Draws the scale into a strip from `top` to `bottom`, and grid lines that go down to `foot`.
 * @param {CanvasRenderingContext2D} context @param {TimeAxis} axis @param {Theme} theme
 * @param {{ top: number, bottom: number, foot: number }} place
 */
function drawScale(context, axis, theme, { top, bottom, foot }) {
  const { step, times } = axis.ticks(110);
  context.font = theme.colour("font-small");
  context.textBaseline = "middle";
  context.textAlign = "left";
  for (const time of times) {
    const x = Math.round(axis.x(time)) + 0.5;
    context.fillStyle = theme.colour("grid");
    context.fillRect(x - 0.5, bottom, 1, foot - bottom);
    context.fillStyle = theme.colour("line-strong");
    context.fillRect(x - 0.5, bottom - 5, 1, 5);
    context.fillStyle = theme.colour("muted");
    context.fillText(formatTime(time, step), x + 4, (top + bottom) / 2);
  }
}
