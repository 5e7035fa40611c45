// @ts-check
"use strict";
// The pane at the left, in which the reader chooses what to show.

class Choices {
  /** @param {Run} run @param {Filter} filter @param {Arrows} arrows @param {() => void} changed */
  constructor(run, filter, arrows, changed) {
    this.run = run;
    this.filter = filter;
    this.arrows = arrows;
    this.changed = changed;
    this.term = /** @type {HTMLInputElement} */ (byId("term"));
    this.key = /** @type {HTMLInputElement} */ (byId("key"));
    /** @type {(() => void)[]} */
    this.refreshers = [];
    this.fill();
    this.refresh();
  }

  fill() {
    const { run, filter } = this;
    const of = (/** @type {string} */ kind) => run.lanes.map((_, lane) => lane).filter((lane) => run.lanes[lane].kind === kind);
    const laneItems = (/** @type {number[]} */ lanes) => lanes.map((lane) => ({ place: lane, name: run.lanes[lane].name, count: -1 }));
    this.section("servers", filter.hiddenLanes, laneItems(of("server")));
    const clients = of("client");
    this.section("clients", filter.hiddenLanes, laneItems(clients));
    const counts = new Map();
    for (const type of run.messages.type) counts.set(type, (counts.get(type) ?? 0) + 1);
    const types = run.types.map((type, place) => ({ place, name: typeName(type), count: counts.get(place) ?? 0, colour: this.arrows.colours[place] }));
    this.section("types", filter.hiddenTypes, types.sort((a, b) => b.count - a.count));
    this.section("kinds", filter.hiddenKinds, run.kinds.map(({ name, count }, place) => ({ place, name: visible(name, 40), count })));
    const keys = new Set();
    for (let op = 0; op < run.operations.id.length && keys.size < 500; op += 1) {
      const key = run.field(run.operations.call[op], "key");
      if (key !== undefined && key !== "") keys.add(String(key));
    }
    byId("keys").replaceChildren(
      ...[...keys].sort().map((key) => {
        const option = /** @type {HTMLOptionElement} */ (document.createElement("option"));
        option.value = key;
        return option;
      }),
    );
    byId("key-row").hidden = keys.size === 0;
    for (const [input, set] of /** @type {[HTMLInputElement, (text: string) => void][]} */ ([
      [this.term, (text) => (filter.term = text)],
      [this.key, (text) => (filter.key = text)],
    ])) {
      input.addEventListener("input", () => {
        set(input.value);
        this.apply();
      });
      input.addEventListener("keydown", (event) => {
        if (event.key === "Escape") {
          input.value = "";
          set("");
          this.apply();
        }
        if (event.key === "Escape" || event.key === "Enter") input.blur();
      });
    }
    byId("clear").addEventListener("click", () => {
      filter.clear();
      this.apply();
    });
  }

  /**
   * A list of things that can be hidden. A click shows or hides one thing. A double click hides all others.
   * @param {string} id @param {Set<number>} hidden
   * @param {{ place: number, name: string, count: number, colour?: number }[]} items
   */
  section(id, hidden, items) {
    const box = byId(id);
    const section = /** @type {HTMLElement} */ (box.closest("section"));
    section.hidden = items.length === 0;
    const set = (/** @type {(place: number) => boolean} */ hide) => {
      for (const { place } of items) {
        if (hide(place)) hidden.add(place);
        else hidden.delete(place);
      }
      this.apply();
    };
    const all = section.querySelector(".all");
    all?.addEventListener("click", () => {
      const some = items.some(({ place }) => hidden.has(place));
      set(() => !some);
    });
    const buttons = items.map(({ place, name, count, colour }) => {
      const button = element("button", "choice");
      if (colour !== undefined) {
        const swatch = element("i", "line");
        swatch.style.background = `var(--msg-${colour})`;
        button.append(swatch);
      }
      button.append(element("span", "name", name));
      if (count >= 0) button.append(element("span", "size", formatCount(count)));
      button.title = `${name}: click to show or hide, double click to show it alone`;
      button.dataset.place = String(place);
      button.addEventListener("click", () => {
        if (hidden.has(place)) hidden.delete(place);
        else hidden.add(place);
        this.apply();
      });
      button.addEventListener("dblclick", () => set((other) => other !== place));
      return button;
    });
    box.replaceChildren(...buttons);
    this.refreshers.push(() => {
      for (const button of buttons) button.setAttribute("aria-pressed", String(!hidden.has(Number(button.dataset.place))));
      if (all) all.textContent = items.some(({ place }) => hidden.has(place)) ? "all" : "none";
    });
  }

  apply() {
    this.filter.apply();
    this.refresh();
    this.changed();
  }

  /** Changes the controls so that they show the present filter. */
  refresh() {
    const { filter, run } = this;
    for (const refresh of this.refreshers) refresh();
    if (this.term.value !== filter.term) this.term.value = filter.term;
    if (this.key.value !== filter.key) this.key.value = filter.key;
    this.term.classList.toggle("bad", filter.term.trim() !== "" && !filter.terms);
    byId("shown").textContent = filter.any ? `${formatCount(filter.count)} of ${plural(run.size, "event")}` : `All ${plural(run.size, "event")}`;
    byId("clear").hidden = !filter.any;
  }
}
