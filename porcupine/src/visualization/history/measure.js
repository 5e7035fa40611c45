// @ts-check
"use strict";
// A span of time that the reader measures with a drag. A drag measures if Shift is pressed or the ruler is
// on. The picture shows the length of the span.

/** @typedef {{ from: number, to: number }} Span */

/**
 * A drag on the canvas measures a span if `wanted` says so. Such a drag must not move the view. So this
 * function must be called before `attachGestures`: it then gets each event first, and can stop it.
 * @param {HTMLCanvasElement} canvas @param {TimeAxis} axis
 * @param {(event: PointerEvent) => boolean} wanted
 * @param {(span: Span | null) => void} measured is called at each move; null if the drag was only a click
 */
function attachMeasure(canvas, axis, wanted, measured) {
  /** @type {{ pointer: number, time: number, x: number } | null} */
  let grip = null;
  const place = (/** @type {PointerEvent} */ event) => event.clientX - canvas.getBoundingClientRect().left;
  const inside = (/** @type {number} */ x) => axis.time(Math.min(Math.max(x, axis.left), axis.left + axis.width));
  canvas.addEventListener("pointerdown", (event) => {
    const x = place(event);
    if (event.button !== 0 || x < axis.left || grip || !wanted(event)) return;
    event.stopImmediatePropagation();
    canvas.setPointerCapture(event.pointerId);
    grip = { pointer: event.pointerId, time: inside(x), x };
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!grip || event.pointerId !== grip.pointer) return;
    event.stopImmediatePropagation();
    const time = inside(place(event));
    measured({ from: Math.min(time, grip.time), to: Math.max(time, grip.time) });
  });
  for (const kind of /** @type {const} */ (["pointerup", "pointercancel"])) {
    canvas.addEventListener(kind, (event) => {
      if (!grip || event.pointerId !== grip.pointer) return;
      event.stopImmediatePropagation();
      if (Math.abs(place(event) - grip.x) < CLICK_SLACK) measured(null);
      grip = null;
    });
  }
}

/**
 * Draws the measured span with its length.
 * @param {CanvasRenderingContext2D} c @param {TimeAxis} axis @param {Theme} theme
 * @param {Span | null} span @param {{ top: number, foot: number }} place
 */
function drawMeasured(c, axis, theme, span, { top, foot }) {
  if (!span) return;
  const right = axis.left + axis.width;
  const [x0, x1] = [Math.max(axis.x(span.from), axis.left), Math.min(axis.x(span.to), right)];
  if (x1 < axis.left || x0 > right) return;
  c.fillStyle = theme.colour("accent");
  c.globalAlpha = 0.14;
  c.fillRect(x0, top, x1 - x0, foot - top);
  c.globalAlpha = 1;
  if (axis.x(span.from) >= axis.left) c.fillRect(Math.round(x0), top, 1, foot - top);
  if (axis.x(span.to) <= right) c.fillRect(Math.round(x1), top, 1, foot - top);
  c.font = theme.colour("font-label-strong");
  c.textAlign = "left";
  c.textBaseline = "middle";
  const text = formatDuration(span.to - span.from);
  const width = c.measureText(text).width + 16;
  const left = Math.min(Math.max((x0 + x1 - width) / 2, axis.left + 2), right - width - 2);
  const y = foot - 34;
  c.fillRect(x0, y + 10.5, x1 - x0, 1);
  c.beginPath();
  c.roundRect(left, y, width, 22, 5);
  c.fill();
  c.fillStyle = theme.colour("on-accent");
  c.fillText(text, left + 8, y + 11.5);
}
