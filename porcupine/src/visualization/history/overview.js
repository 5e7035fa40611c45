// @ts-check
"use strict";
// A strip for the whole run. It shows the number of operations that run at each time, the faults, the errors,
// the results of the search, and the time span of the chart.

class Overview {
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
    const fitted = fitCanvas(canvas);
    this.context = fitted.context;
    this.width = fitted.width;
    this.height = fitted.height;
    this.left = axis.left;
    this.room = 1;
    this.density = new Float64Array(0);
    this.layout();
    attachStrip(canvas, axis, { place: (time) => this.x(time), time: (x) => this.time(x), first: LABELS - 1 });
  }

  layout() {
    Object.assign(this, fitCanvas(this.canvas));
    this.left = this.axis.left;
    this.room = Math.max(50, this.width - this.left);
    this.density = this.countOpen();
  }

  /** @param {number} time */
  x(time) {
    const { from, to } = this.axis.full;
    return this.left + ((time - from) / (to - from)) * this.room;
  }

  /** @param {number} x */
  time(x) {
    const { from, to } = this.axis.full;
    return from + ((x - this.left) / this.room) * (to - from);
  }

  /** For each pixel, the average number of operations that run at its time. */
  countOpen() {
    const { call, ret, size } = this.recording;
    const n = Math.ceil(this.room);
    // An operation changes the number only at its call and at its return. The number at each pixel is the sum
    // of the changes up to this pixel.
    const change = new Float64Array(n + 2);
    const add = (/** @type {number} */ at, /** @type {number} */ by) => {
      const pixel = Math.min(Math.max(Math.floor(at), 0), n);
      change[pixel] += by * (pixel + 1 - at);
      change[pixel + 1] += by * (at - pixel);
    };
    for (let op = 0; op < size; op += 1) {
      add(this.x(call[op]) - this.left, 1);
      add(this.x(ret[op]) - this.left, -1);
    }
    const density = new Float64Array(n);
    let sum = 0;
    for (let i = 0; i < n; i += 1) {
      sum += change[i];
      density[i] = sum;
    }
    return density;
  }

  /** @param {Shown} shown */
  draw(shown) {
    const { context: c, theme, width, height, left, room, density, recording, axis } = this;
    const foot = height - 8;
    c.fillStyle = theme.colour("panel");
    c.fillRect(0, 0, width, height);
    c.fillStyle = theme.colour("dense");
    const most = density.reduce((a, b) => Math.max(a, b), 1e-9);
    c.beginPath();
    c.moveTo(left, foot);
    for (let i = 0; i < density.length; i += 1) c.lineTo(left + i + 0.5, foot - (Math.max(0, density[i]) / most) * (foot - 10));
    c.lineTo(left + room, foot);
    c.fill();
    for (const mark of recording.marks) {
      c.fillStyle = theme.colour(Marks.colour(mark));
      c.globalAlpha = 0.75;
      const x = this.x(mark.from);
      c.fillRect(x, foot + 2, Math.max(1.5, mark.to === null ? 1.5 : this.x(mark.to) - x), 4);
    }
    c.globalAlpha = 1;
    c.fillStyle = theme.colour("accent");
    let drawn = -Infinity;
    for (const op of shown.matches) {
      const x = Math.round(this.x(recording.call[op]));
      if (x > drawn) c.fillRect((drawn = x), foot - 6, 1, 6);
    }
    // Dims what the chart does not show.
    const [x0, x1] = [this.x(axis.from), this.x(axis.to)];
    c.fillStyle = theme.colour("panel");
    c.globalAlpha = 0.6;
    c.fillRect(left, 0, x0 - left, height);
    c.fillRect(x1, 0, left + room - x1, height);
    c.globalAlpha = 1;
    if (!axis.whole) {
      const [a, b] = x1 - x0 >= 3 ? [x0, x1] : [(x0 + x1) / 2 - 1.5, (x0 + x1) / 2 + 1.5];
      c.strokeStyle = theme.colour("accent");
      c.lineWidth = 1.5;
      c.beginPath();
      c.roundRect(a, 1, b - a, height - 2, 3);
      c.stroke();
    }
    c.fillStyle = theme.colour("error-line");
    for (const error of recording.errors) {
      const x = this.x(error.time);
      c.globalAlpha = shown.part >= 0 && error.part !== shown.part ? 0.35 : 1;
      c.beginPath();
      c.moveTo(x - 5, 1);
      c.lineTo(x + 5, 1);
      c.lineTo(x, 9);
      c.fill();
      c.fillRect(x - 0.5, 1, 1, foot - 1);
    }
    c.globalAlpha = 1;
    c.fillStyle = theme.colour("panel");
    c.fillRect(0, 0, left, height);
    c.fillStyle = theme.colour("line");
    c.fillRect(left - 1, 0, 1, height);
    c.font = theme.colour("font-small");
    c.textAlign = "right";
    c.textBaseline = "middle";
    c.fillStyle = theme.colour("muted");
    c.fillText("whole run", left - 11, height / 2);
  }
}
