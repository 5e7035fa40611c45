// @ts-check
"use strict";
// Keys. One table says what each key does. The help shows the same table.

/**
 * @typedef {object} Key
 * @property {string[]} keys as in `KeyboardEvent.key`
 * @property {string} shown
 * @property {string} does
 * @property {(event: KeyboardEvent) => void} run
 */

/** @param {Key[]} table @param {HTMLDialogElement} help */
function attachKeys(table, help) {
  /** @type {Map<string, Key>} */
  const of = new Map();
  for (const entry of table) {
    for (const key of entry.keys) of.set(key, entry);
  }
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || help.open) return;
    const typing = event.target instanceof HTMLInputElement;
    if (typing) return;
    // If a button has the focus, Enter and the space bar press the button.
    if (event.target instanceof Element && event.target.closest("button, a") && (event.key === "Enter" || event.key === " ")) return;
    const entry = of.get(event.key) ?? of.get(event.key.toLowerCase());
    if (!entry) return;
    event.preventDefault();
    entry.run(event);
  });
  const list = help.querySelector("dl");
  for (const { shown, does } of table) {
    const keys = shown.split(" ").map((key) => element("kbd", "", key));
    list?.append(element("dt", "", ...keys), element("dd", "", does));
  }
  // A click outside the help's box closes the help.
  help.addEventListener("click", (event) => {
    if (event.target === help) help.close();
  });
}
