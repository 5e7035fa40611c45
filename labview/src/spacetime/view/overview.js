// @ts-check
"use strict";
// The whole run in a strip at the side. The strip shows how much happens at each time, the faults, the
// failure, the matches of the search, and the span that the chart shows.

class Overview {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Run} run
   * @param {RunAxis} axis of the chart
   * @param {Theme} theme
   */
  constructor(canvas, run, axis, theme) {
    this.canvas = canvas;
    this.run = run;
    this.axis = axis;
    this.theme = theme;
    const fitted = fitCanvas(canvas);
    this.context = fitted.context;
    this.width = fitted.width;
    this.height = fitted.height;
    this.density = new Float64Array(0);
    this.layout();
    attachStrip(canvas, axis, { place: (time) => this.y(time), time: (y) => this.time(y) }, true);
  }

  layout() {
    Object.assign(this, fitCanvas(this.canvas));
    const rows = Math.max(1, Math.ceil(this.height));
    this.density = new Float64Array(rows);
    for (let e = 0; e < this.run.size; e += 1) {
      const row = Math.floor(this.y(this.axis.places[e]));
      if (row >= 0 && row < rows) this.density[row] += 1;
    }
  }

  /** @param {number} place on the axis */
  y(place) {
    const { from, to } = this.axis.full;
    return ((place - from) / (to - from)) * this.height;
  }

  /** The place on the axis. @param {number} y */
  time(y) {
    const { from, to } = this.axis.full;
    return from + (y / this.height) * (to - from);
  }

  /** @param {Shown} shown */
  draw(shown) {
    const { context: c, theme, width, height, density, run, axis } = this;
    c.fillStyle = theme.colour("panel");
    c.fillRect(0, 0, width, height);
    c.fillStyle = theme.colour("dense");
    const most = Math.log1p(density.reduce((a, b) => Math.max(a, b), 1));
    for (let row = 0; row < density.length; row += 1) {
      if (density[row] > 0) c.fillRect(8, row, (Math.log1p(density[row]) / most) * (width - 14), 1);
    }
    for (const band of run.bands) {
      if (band.kind === "cut") continue;
      c.fillStyle = theme.colour(`mark-${bandTone(band.kind)}`);
      const y = this.y(axis.places[band.from]);
      const end = band.to === null ? height : this.y(axis.places[band.to]);
      c.globalAlpha = 0.7;
      c.fillRect(band.kind === "network" ? 1 : 4, y, 2.5, Math.max(1.5, end - y));
    }
    c.globalAlpha = 1;
    c.fillStyle = theme.colour("accent");
    let drawn = -Infinity;
    for (const e of shown.matches) {
      const y = Math.round(this.y(axis.places[e]));
      if (y > drawn) c.fillRect(width - 6, (drawn = y), 6, 1);
    }
    const [y0, y1] = [this.y(axis.from), this.y(axis.to)];
    c.fillStyle = theme.colour("panel");
    c.globalAlpha = 0.6;
    c.fillRect(0, 0, width, y0);
    c.fillRect(0, y1, width, height - y1);
    c.globalAlpha = 1;
    if (!axis.whole) {
      const [a, b] = y1 - y0 >= 3 ? [y0, y1] : [(y0 + y1) / 2 - 1.5, (y0 + y1) / 2 + 1.5];
      c.strokeStyle = theme.colour("accent");
      c.lineWidth = 1.5;
      c.beginPath();
      c.roundRect(1, a, width - 2, b - a, 3);
      c.stroke();
    }
    c.fillStyle = theme.colour("accent");
    c.fillRect(0, Math.round(this.y(shown.place)), width, 1);
    if (run.failed >= 0) {
      const y = this.y(axis.places[run.failed]);
      c.fillStyle = theme.colour("mark-failure");
      c.fillRect(0, y - 1, width, 2);
      c.beginPath();
      c.moveTo(width, y - 6);
      c.lineTo(width, y + 6);
      c.lineTo(width - 9, y);
      c.fill();
    }
  }
}
