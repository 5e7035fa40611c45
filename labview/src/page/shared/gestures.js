// @ts-check
"use strict";
// Wheel, drag, pinch and click on a canvas that shows a span of an axis.

const CLICK_SLACK = 4; // how many pixels the pointer may move during a click

/**
 * @typedef {object} Reactions
 * @property {(pixels: number) => void} scroll scrolls the lanes or rows by so many pixels
 * @property {(x: number, y: number) => void} hover
 * @property {() => void} leave
 * @property {(x: number, y: number) => void} click
 */

/**
 * The wheel zooms around the pointer. The wheel with Shift moves the view in time, and the wheel with Alt
 * scrolls the lanes or rows. A wheel that turns sideways moves the view to the side: in time, or across the
 * lanes if time goes down. A drag does both: it moves the view in time, and it scrolls the lanes or rows. Two
 * fingers zoom. A double click zooms in.
 * @param {HTMLCanvasElement} canvas @param {TimeAxis} axis @param {Reactions} reactions @param {boolean}
 * [downwards] does time go down? Otherwise it goes to the right.
 */
function attachGestures(canvas, axis, reactions, downwards = false) {
  const along = (/** @type {{ x: number, y: number }} */ at) => (downwards ? at.y : at.x);
  const across = (/** @type {{ x: number, y: number }} */ at) => (downwards ? at.x : at.y);
  /** @type {Map<number, { x: number, y: number }>} */
  const down = new Map();
  let dragged = false;

  const place = (/** @type {MouseEvent} */ event) => {
    const box = canvas.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const unit = event.deltaMode === 1 ? 16 : event.deltaMode === 2 ? 400 : 1;
      const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
      if (event.altKey) reactions.scroll(dy);
      else if (event.shiftKey) axis.pan(dy || dx);
      else if (Math.abs(dx) > Math.abs(dy)) (downwards ? reactions.scroll(dx) : axis.pan(dx));
      else axis.zoom(Math.exp(Math.min(Math.max(dy, -300), 300) * (event.ctrlKey ? 0.008 : 0.002)), along(place(event)));
    },
    { passive: false },
  );

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    down.set(event.pointerId, place(event));
    dragged = down.size > 1;
  });

  canvas.addEventListener("pointermove", (event) => {
    const now = place(event);
    const before = down.get(event.pointerId);
    if (!before) {
      reactions.hover(now.x, now.y);
      return;
    }
    if (!dragged && Math.hypot(now.x - before.x, now.y - before.y) < CLICK_SLACK) return;
    dragged = true;
    canvas.style.cursor = "grabbing";
    if (down.size === 2) {
      const other = /** @type {{ x: number, y: number }} */ ([...down].find(([id]) => id !== event.pointerId)?.[1]);
      const [was, is] = [before, now].map((at) => Math.abs(along(at) - along(other)));
      if (was > 10 && is > 10) axis.zoom(was / is, along(other));
    } else {
      axis.pan(along(before) - along(now));
      reactions.scroll(across(before) - across(now));
    }
    down.set(event.pointerId, now);
  });

  const up = (/** @type {PointerEvent} */ event) => {
    if (!down.delete(event.pointerId)) return;
    canvas.style.cursor = "";
    const { x, y } = place(event);
    if (event.type === "pointerup" && !dragged) reactions.click(x, y);
  };
  canvas.addEventListener("pointerup", up);
  canvas.addEventListener("pointercancel", up);
  canvas.addEventListener("pointerleave", () => {
    if (down.size === 0) reactions.leave();
  });
  canvas.addEventListener("dblclick", (event) => axis.zoom(0.4, along(place(event))));
}
