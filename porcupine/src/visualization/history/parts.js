// @ts-check
"use strict";
// The list of the parts, with the verdict on each part. If a part is chosen, the other parts are dimmed.

const MOST_SHOWN = 300;
const VERDICT_SIGNS = { ok: "✓", illegal: "✕", unknown: "?" };
const VERDICT_WORDS = { ok: "linearizable", illegal: "not linearizable", unknown: "undecided" };

class PartList {
  /** @param {Recording} recording @param {(part: number) => void} choose */
  constructor(recording, choose) {
    this.recording = recording;
    this.choose = choose;
    this.list = byId("parts");
    this.filter = /** @type {HTMLInputElement} */ (byId("filter"));
    this.chosen = -1;
    const rank = { illegal: 0, unknown: 1, ok: 2 };
    const errorTime = new Map(recording.errors.map((error) => [error.part, error.time]));
    this.sorted = [...recording.parts].sort((a, b) => {
      const times = (errorTime.get(a.index) ?? Infinity) - (errorTime.get(b.index) ?? Infinity);
      return rank[a.verdict] - rank[b.verdict] || times || a.index - b.index;
    });
    this.filter.addEventListener("input", () => this.fill());
    this.filter.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      this.filter.value = "";
      this.filter.blur();
      this.fill();
    });
    this.filter.hidden = recording.parts.length < 8;
    byId("parts-pane").hidden = recording.parts.length < 2;
    document.body.classList.toggle("one-part", recording.parts.length < 2);
    const illegal = recording.parts.filter((part) => part.verdict === "illegal").length;
    const n = plural(recording.parts.length, "part");
    byId("parts-title").textContent = illegal > 0 ? `${n}, ${formatCount(illegal)} not linearizable` : n;
    this.fill();
  }

  fill() {
    const wanted = this.filter.value.trim().toLowerCase();
    const found = this.sorted.filter((part) => part.title.toLowerCase().includes(wanted));
    const items = found.slice(0, MOST_SHOWN).map((part) => this.item(part));
    if (found.length > MOST_SHOWN) {
      items.push(element("p", "hint", `${plural(found.length - MOST_SHOWN, "other")} not shown: filter to find them.`));
    }
    if (found.length === 0) items.push(element("p", "hint", "No part has this text in its name."));
    this.list.replaceChildren(...items);
  }

  /** @param {Part} part */
  item(part) {
    const sign = element("span", `sign ${part.verdict}`, VERDICT_SIGNS[part.verdict]);
    sign.title = VERDICT_WORDS[part.verdict];
    const button = element("button", "part", sign, element("span", "name", part.title), element("span", "size", formatCount(part.size)));
    button.dataset.part = String(part.index);
    button.title = `${part.title}: ${VERDICT_WORDS[part.verdict]}, ${plural(part.size, "operation")}`;
    button.setAttribute("aria-pressed", String(part.index === this.chosen));
    button.addEventListener("click", () => this.choose(part.index === this.chosen ? -1 : part.index));
    return button;
  }

  /** Marks the chosen part. @param {number} part */
  mark(part) {
    if (part === this.chosen) return;
    this.chosen = part;
    for (const button of this.list.querySelectorAll("button")) {
      const pressed = button.dataset.part === String(part);
      button.setAttribute("aria-pressed", String(pressed));
      if (pressed) button.scrollIntoView({ block: "nearest" });
    }
  }
}
