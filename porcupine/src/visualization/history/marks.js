// @ts-check
"use strict";
// Faults and other events of the test. The chart shows them as bands and lines behind the rows. A strip above
// the rows has the texts of the events.

const MARK_LANE = 18;
const MOST_MARK_LANES = 4;

/** The signs distinguish the marks even for a reader who sees no colours. @type {Record<string, string>} */
const MARK_SIGNS = {
  partition: "‖",
  crash: "✕",
  restart: "↻",
  network: "≈",
  configuration: "◆",
  failure: "!",
  other: "•",
};

class Marks {
  /** @param {Recording} recording */
  constructor(recording) {
    this.all = recording.marks;
    this.end = recording.to;
    /** @type {number[]} */
    this.laneOf = [];
    /** The marks of each lane, in the order of time. @type {number[][]} */
    this.lanes = [];
    const total = Math.max(1, recording.to - recording.from);
    /** @type {number[]} */
    const ends = [];
    for (const [index, mark] of this.all.entries()) {
      // Leaves space for the text: as much as the text needs when the whole run is in view.
      const end = Math.max(mark.to ?? 0, mark.from + (total * (26 + 6 * Math.min(mark.text.length, 60))) / 1000);
      let lane = ends.findIndex((at) => at <= mark.from);
      if (lane < 0) lane = ends.length < MOST_MARK_LANES ? ends.length : index % MOST_MARK_LANES;
      ends[lane] = Math.max(ends[lane] ?? 0, end);
      this.laneOf.push(lane);
      (this.lanes[lane] ??= []).push(index);
    }
    this.kinds = [...new Set(this.all.map((mark) => mark.kind))];
  }

  get height() {
    return this.lanes.length === 0 ? 0 : this.lanes.length * MARK_LANE + 6;
  }

  /** @param {WireMark} mark */
  static colour(mark) {
    return mark.kind in MARK_SIGNS ? `mark-${mark.kind}` : "mark-other";
  }

  /**
   * Draws bands and lines from `top` to `foot`.
   * @param {CanvasRenderingContext2D} context @param {TimeAxis} axis @param {Theme} theme
   * @param {number} top @param {number} foot
   */
  drawBehind(context, axis, theme, top, foot) {
    let drawn = -Infinity;
    for (const mark of this.all) {
      if (mark.from > axis.to || (mark.to ?? mark.from) < axis.from) continue;
      const x0 = axis.x(mark.from);
      context.fillStyle = theme.colour(Marks.colour(mark));
      if (mark.to !== null && axis.x(mark.to) - x0 >= 2) {
        const [left, right] = [Math.max(x0, axis.left), Math.min(axis.x(mark.to), axis.left + axis.width)];
        context.globalAlpha = 0.08;
        context.fillRect(left, top, right - left, foot - top);
        context.globalAlpha = 0.45;
        if (x0 >= axis.left) context.fillRect(Math.round(x0), top, 1, foot - top);
        if (axis.x(mark.to) <= right) context.fillRect(Math.round(right) - 1, top, 1, foot - top);
      } else if (x0 - drawn >= 1) {
        context.globalAlpha = 0.55;
        context.fillRect(Math.round(x0), top, 1, foot - top);
        drawn = x0;
      }
    }
    context.globalAlpha = 1;
  }

  /**
   * Draws the strip with the texts.
   * @param {CanvasRenderingContext2D} context @param {TimeAxis} axis @param {Theme} theme @param {number} top
   */
  drawStrip(context, axis, theme, top) {
    context.font = theme.colour("font-small");
    context.textBaseline = "middle";
    context.textAlign = "left";
    const right = axis.left + axis.width;
    for (const [lane, marks] of this.lanes.entries()) {
      const y = top + 3 + lane * MARK_LANE;
      let free = -Infinity;
      for (let i = 0; i < marks.length; i += 1) {
        const mark = this.all[marks[i]];
        const to = mark.to ?? mark.from;
        if (mark.from > axis.to || to < axis.from) continue;
        const x0 = Math.max(axis.x(mark.from), axis.left);
        const x1 = Math.min(axis.x(to), right);
        if (x1 < free) continue;
        const colour = theme.colour(Marks.colour(mark));
        context.fillStyle = colour;
        const band = mark.to !== null && x1 - x0 >= 3;
        if (band) {
          context.globalAlpha = 0.22;
          context.beginPath();
          context.roundRect(x0, y, x1 - x0, MARK_LANE - 3, 3);
          context.fill();
          context.globalAlpha = 1;
        }
        const next = marks[i + 1] === undefined ? Infinity : axis.x(this.all[marks[i + 1]].from);
        const room = Math.min(band ? x1 : Infinity, next, right) - x0 - 18;
        const sign = MARK_SIGNS[mark.kind] ?? MARK_SIGNS.other;
        free = x0 + 2;
        if (room > -6) {
          context.fillStyle = colour;
          context.fillText(sign, x0 + 4, y + (MARK_LANE - 3) / 2 + 0.5);
          free = x0 + 14;
        } else {
          context.fillRect(x0, y, 2, MARK_LANE - 3);
        }
        if (room > 24) {
          context.fillStyle = theme.colour("ink");
          const text = fitText(context, visible(mark.text, 120), room);
          context.fillText(text, x0 + 17, y + (MARK_LANE - 3) / 2 + 0.5);
          free = Math.max(band ? x1 : 0, x0 + 20 + context.measureText(text).width);
        }
      }
    }
  }

  /**
   * @param {TimeAxis} axis
   * @param {number} x
   * @param {number} y below the strip's upper edge
   * @returns an index or -1
   */
  at(axis, x, y) {
    const lane = this.lanes[Math.floor((y - 3) / MARK_LANE)] ?? [];
    for (let i = lane.length - 1; i >= 0; i -= 1) {
      const mark = this.all[lane[i]];
      const [x0, x1] = [axis.x(mark.from), axis.x(mark.to ?? mark.from)];
      if (x >= x0 - 3 && x <= Math.max(x1 + 3, x0 + (mark.to === null ? 18 : 0))) return lane[i];
    }
    return -1;
  }
}
