// @ts-check
"use strict";
// Sets the sizes of canvases, and shortens texts so that they fit.

/**
 * Gives a canvas one pixel for each device pixel of its box, so that lines and texts are sharp.
 * @param {HTMLCanvasElement} canvas
 * @returns {{ context: CanvasRenderingContext2D, width: number, height: number }} in CSS pixels
 */
function fitCanvas(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return { context, width, height };
}

/**
 * Shortens a text so that it is at most `room` pixels wide. An ellipsis replaces the rest of the text.
 * @param {CanvasRenderingContext2D} context @param {string} text @param {number} room in pixels
 */
function fitText(context, text, room) {
  if (context.measureText(text).width <= room) return text;
  const keep = firstIndex(0, text.length, (n) => context.measureText(`${text.slice(0, n + 1)}…`).width > room);
  return keep > 0 ? `${text.slice(0, keep)}…` : "";
}

/** @param {string} text @param {number} letters */
function cutText(text, letters) {
  return text.length <= letters ? text : `${text.slice(0, Math.max(1, letters - 1))}…`;
}
