// @ts-check
"use strict";
// The theme, light or dark. It is the theme of the system, or the theme that the reader has chosen. Canvases
// take their colours from the same custom properties as the style sheet.

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
      // If the page is a file, some browsers store nothing for it. Then the theme of the system is used.
    }
  }

  get dark() {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : this.system.matches;
  }

  /** @param {string} theme `light`, `dark`, or any other text for the system's choice */
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
      // This browser stores nothing for a page that is a file.
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
