// @ts-check
"use strict";
// A strip that shows the whole run. A frame in the strip, the *window*, shows the span in view. The reader
// can drag this window.

const EDGE = 6; // a drag that begins within this many pixels of the window's edge moves the edge

/**
 * @typedef {object} Strip
 * @property {(time: number) => number} place gives the place of a time, in pixels along the strip
 * @property {(place: number) => number} time
 * @property {number} [first] the first pixel that belongs to the strip
 */

/**
 * A drag moves the window or one of its edges, or makes a new window. A click sets the middle of the view.
 * The wheel zooms. A double click shows the whole run. @param {HTMLCanvasElement} canvas @param {TimeAxis}
 * axis @param {Strip} strip @param {boolean} [downwards] does time go down? Otherwise it goes to the right.
 */
function attachStrip(canvas, axis, { place, time, first = -Infinity }, downwards = false) {
  /** @type {{ kind: string, at: number, from: number, to: number, moved: boolean } | null} */
  let grip = null;
  const placeOf = (/** @type {MouseEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    return downwards ? event.clientY - box.top : event.clientX - box.left;
  };
  const kindAt = (/** @type {number} */ at) => {
    const [from, to] = [place(axis.from), place(axis.to)];
    if (axis.whole) return "new";
    if (Math.abs(at - from) < EDGE && to - from > 3 * EDGE) return "from";
    if (Math.abs(at - to) < EDGE && to - from > 3 * EDGE) return "to";
    return at > from - EDGE && at < to + EDGE ? "move" : "new";
  };
  canvas.addEventListener("pointerdown", (event) => {
    const at = placeOf(event);
    if (event.button !== 0 || at < first) return;
    canvas.setPointerCapture(event.pointerId);
    grip = { kind: kindAt(at), at, from: axis.from, to: axis.to, moved: false };
  });
  canvas.addEventListener("pointermove", (event) => {
    const at = placeOf(event);
    if (!grip) {
      const kind = kindAt(at);
      const edge = downwards ? "ns-resize" : "ew-resize";
      canvas.style.cursor = kind === "move" ? "grab" : kind === "new" ? "crosshair" : edge;
      return;
    }
    if (Math.abs(at - grip.at) > CLICK_SLACK) grip.moved = true;
    if (!grip.moved) return;
    const by = time(at) - time(grip.at);
    if (grip.kind === "move") axis.set(grip.from + by, grip.to + by);
    else if (grip.kind === "from") axis.set(Math.min(grip.from + by, grip.to), grip.to);
    else if (grip.kind === "to") axis.set(grip.from, Math.max(grip.to + by, grip.from));
    else axis.set(Math.min(time(at), time(grip.at)), Math.max(time(at), time(grip.at)));
  });
  canvas.addEventListener("pointerup", (event) => {
    if (grip && !grip.moved && !axis.whole) {
      const middle = time(placeOf(event));
      axis.show(middle - axis.span / 2, middle + axis.span / 2);
    }
    grip = null;
  });
  canvas.addEventListener("pointercancel", () => {
    grip = null;
  });
  canvas.addEventListener("dblclick", () => axis.fit());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      // The zoom is around the pointer, or around the view's nearest edge if the pointer is outside of the
      // view.
      const at = Math.min(Math.max(time(placeOf(event)), axis.from), axis.to);
      axis.zoom(Math.exp(Math.min(Math.max(event.deltaY, -300), 300) * 0.002), axis.x(at));
    },
    { passive: false },
  );
}
