// @ts-check
"use strict";
// A small box beside the pointer.

class Tooltip {
  /**
   * @param {HTMLElement} box
   * @param {HTMLElement} [clear] the box does not lie on this part of the page, unless the pointer is in it
   * @param {HTMLElement | null} [beside] the box does not lie on this pane at the right, if there is space
   */
  constructor(box, clear, beside = null) {
    this.box = box;
    this.beside = beside;
    this.clear = clear;
  }

  /**
   * @param {number} x in the browser's window @param {number} y
   * @param {string} title @param {[string, string][]} rows @param {string} [tone] a class for the title
   */
  show(x, y, title, rows, tone = "") {
    const list = element("dl", "");
    for (const [label, value] of rows) {
      list.append(element("dt", "", label), element("dd", "", value));
    }
    this.box.replaceChildren(element("div", `tip-title ${tone}`, title), list);
    this.box.hidden = false;
    const { offsetWidth: w, offsetHeight: h } = this.box;
    const pane = this.beside?.getBoundingClientRect().left ?? 0;
    const right = x < pane && pane > w + 16 ? pane : innerWidth;
    const left = x + 16 + w > right - 8 ? Math.max(8, x - 16 - w) : x + 16;
    const edge = this.clear?.getBoundingClientRect().top ?? Infinity;
    const floor = y < edge ? Math.min(edge, innerHeight) : innerHeight;
    const above = y + 18 + h > floor - 8;
    this.box.style.transform = `translate(${left}px, ${above ? Math.max(8, y - 14 - h) : y + 18}px)`;
  }

  hide() {
    this.box.hidden = true;
  }
}
