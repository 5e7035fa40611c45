// @ts-check
"use strict";
// Canvases in device pixels, and texts that fit into them.

/**
 * Makes a canvas as large as its box, in device pixels.
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
 * Shortens a text so that it fits. An ellipsis replaces the rest of the text.
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
