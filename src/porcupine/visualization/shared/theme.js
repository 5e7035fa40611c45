// @ts-check
"use strict";
// Light and dark: as the system has it, or as the reader chose. Canvases take their colours from the same
// custom properties as the style sheet.

class Theme {
  constructor() {
    /** @type {(() => void)[]} */
    this.listeners = [];
    /** @type {Map<string, string>} */
    this.cache = new Map();
    this.system = matchMedia("(prefers-color-scheme: dark)");
    this.system.addEventListener("change", () => this.changed());
    try {
      this.set(localStorage.getItem("theme") ?? "");
    } catch {
      // A browser may keep nothing for files; then the system's choice holds.
    }
  }

  get dark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : this.system.matches;
  }

  /** @param {string} theme `light`, `dark`, or anything else for the system's */
  set(theme) {
    if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    this.changed();
  }

  toggle() {
    const theme = this.dark ? "light" : "dark";
    this.set(theme);
    try {
      localStorage.setItem("theme", theme);
    } catch {
      // As above.
    }
  }

  changed() {
    this.cache.clear();
    for (const listener of this.listeners) listener();
  }

  /** The value of the custom property `--name`. @param {string} name */
  colour(name) {
    let value = this.cache.get(name);
    if (value === undefined) {
      value = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
      this.cache.set(name, value);
    }
    return value;
  }
}

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
