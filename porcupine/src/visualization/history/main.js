// @ts-check
"use strict";
// The page of a history. It stores what the reader has chosen, and reports changes to the other classes.

class HistoryPage {
  /** @param {Wire} wire */
  constructor(wire) {
    this.recording = new Recording(wire);
    const { recording } = this;
    /** What the reader has chosen. */
    this.chosen = { part: recording.parts.length === 1 ? 0 : -1, pinned: -1, order: -1 };
    /** What is in the middle: the operations as bars, or the plots of latencies and rates. */
    this.view = "operations";
    /** The span that the reader has measured. @type {Span | null} */
    this.measured = null;
    /** If true, every drag measures. */
    this.ruler = false;
    /** The row that the reader drags. @type {{ row: number, y: number, from: number } | null} */
    this.moved = null;
    this.hover = -1;
    /** @type {number | null} */
    this.cursor = null;
    /** When the first frame was on the screen, in ms since the page was requested. Tests read it. */
    this.painted = 0;

    this.theme = new Theme();
    this.axis = new TimeAxis(recording.from, recording.to);
    this.rows = new Rows(recording);
    this.marks = new Marks(recording);
    this.describe();
    const chartCanvas = /** @type {HTMLCanvasElement} */ (byId("chart"));
    const plotsCanvas = /** @type {HTMLCanvasElement} */ (byId("plots"));
    const overviewCanvas = /** @type {HTMLCanvasElement} */ (byId("overview"));
    this.parts = new PartList(recording, (part) => this.focus(part));
    this.details = new Details(recording, {
      pin: (op) => this.visit(op),
      step: (by) => this.step(by),
      order: (by) => this.nextOrder(by),
      unpin: () => this.pin(-1),
    }, (op) => this.runLink(op));
    this.chart = new Chart(chartCanvas, recording, this.axis, this.rows, this.marks, this.theme);
    this.plots = new Plots(plotsCanvas, recording, this.axis, this.marks, this.theme);
    this.overview = new Overview(overviewCanvas, recording, this.axis, this.marks, this.theme);
    this.tooltip = new Tooltip(byId("tooltip"));
    this.redraw = onceAFrame(() => this.draw());
    this.search = new Search(
      { input: /** @type {HTMLInputElement} */ (byId("search")), count: byId("found") },
      (words) => recording.find(words),
      { found: () => this.changed(), visit: (op) => this.visit(op) },
    );
    this.fragment = new Fragment(
      () => this.state(),
      (state) => this.restore(state),
    );
    this.axis.listeners.push(() => {
      this.tooltip.hide();
      this.redraw();
      this.fragment.changed();
    });
    this.theme.listeners.push(() => this.resize());
    this.attachRows(chartCanvas);
    const measures = (/** @type {PointerEvent} */ event) => event.shiftKey || this.ruler;
    for (const canvas of [chartCanvas, plotsCanvas]) {
      attachMeasure(canvas, this.axis, measures, (span) => this.measure(span));
      attachGestures(canvas, this.axis, {
        scroll: (pixels) => this.scroll(pixels),
        hover: (x, y) => this.point(x, y),
        leave: () => this.leave(),
        click: (x, y) => this.click(x, y),
      });
    }
    this.attachControls();
    this.attachPlots();
    const observer = new ResizeObserver(() => this.resize());
    for (const canvas of [chartCanvas, plotsCanvas]) observer.observe(canvas);
    this.fragment.read();
    this.draw();
    requestAnimationFrame(() => setTimeout(() => (this.painted = performance.now())));
  }

  /** Fills in the texts that do not change. */
  describe() {
    const { recording } = this;
    byId("headline").textContent = headline(recording);
    byId("verdict").textContent = VERDICT_SIGNS[recording.verdict];
    byId("verdict").className = `sign ${recording.verdict}`;
    byId("title").textContent = visible(recording.title, 200);
    byId("facts").textContent = summary(recording);
    document.body.classList.add(recording.verdict);
    byId("error").hidden = recording.errors.length === 0;
    byId("next-error").hidden = recording.errors.length < 2;
    this.describeLegend();
  }

  /** The legend has everything that the picture may show. */
  describeLegend() {
    const { recording } = this;
    const legend = byId("legend");
    const add = (/** @type {string} */ swatch, /** @type {string} */ words, /** @type {string} */ title = "") => {
      const item = element("span", "", element("i", `swatch ${swatch}`), words);
      item.title = title;
      legend.append(item);
    };
    for (const { name, colour, count } of recording.kinds) {
      const swatch = element("i", "swatch");
      swatch.style.background = `var(--kind-${colour})`;
      swatch.style.borderColor = `var(--kind-${colour}-line)`;
      const item = element("span", "", swatch, name);
      item.title = plural(count, "operation");
      legend.append(item);
    }
    if (recording.size > 0) {
      add("dense", "several, too near to tell apart", "zoom in to see each of them; above, the height is the number of operations that run");
      add("order", "takes effect, in this order", "the text below a point is the state after the operation");
    }
    if (recording.errors.length > 0) {
      add("error", "has no place (▾)");
      add("could", "could come next, is not possible (✕)");
    }
    if (recording.open.size > 0) add("open", "never returned");
    if (recording.parts.length > 1) add("dim", "other keys, if one is chosen");
    if (recording.size > 0) {
      add("pin", "pinned");
      add("match", "found by the search");
    }
    for (const kind of this.marks.kinds) {
      const band = element("i", "swatch band");
      band.style.background = `var(--${kind in MARK_SIGNS ? `mark-${kind}` : "mark-other"})`;
      const sign = element("b", "", MARK_SIGNS[kind] ?? MARK_SIGNS.other);
      sign.style.color = `var(--${kind in MARK_SIGNS ? `mark-${kind}` : "mark-other"})`;
      legend.append(element("span", "", sign, band, kind));
    }
  }

  attachControls() {
    const { axis, search } = this;
    const help = /** @type {HTMLDialogElement} */ (byId("help"));
    const by = (/** @type {number} */ share) => axis.width * share;
    /** @type {[string, () => void][]} */
    const buttons = [
      ["error", () => this.firstError()],
      ["next-error", () => this.nextError(1)],
      ["fit", () => axis.fit()],
      ["zoom-in", () => axis.zoom(0.6)],
      ["zoom-out", () => axis.zoom(1 / 0.6)],
      ["theme", () => this.theme.toggle()],
      ["help-button", () => help.showModal()],
      ["ruler", () => this.setRuler(!this.ruler)],
      ["show-operations", () => this.show("operations")],
      ["show-plots", () => this.show("plots")],
    ];
    for (const [id, run] of buttons) byId(id).addEventListener("click", run);
    byId("help-close").addEventListener("click", () => help.close());
    attachFold();
    attachKeys(
      [
        { keys: ["e"], shown: "E", does: "first error", run: () => this.firstError() },
        { keys: ["]"], shown: "]", does: "next error", run: () => this.nextError(1) },
        { keys: ["["], shown: "[", does: "error before", run: () => this.nextError(-1) },
        { keys: ["."], shown: ".", does: "next operation in the order shown", run: () => this.step(1) },
        { keys: [","], shown: ",", does: "operation before in the order shown", run: () => this.step(-1) },
        { keys: ["o"], shown: "O", does: "another order; with Shift, the one before", run: (e) => this.nextOrder(e.shiftKey ? -1 : 1) },
        { keys: ["+", "=", "w"], shown: "+ W", does: "zoom in", run: () => axis.zoom(0.7) },
        { keys: ["-", "_", "s"], shown: "- S", does: "zoom out", run: () => axis.zoom(1 / 0.7) },
        { keys: ["ArrowLeft", "a"], shown: "← A", does: "earlier", run: (e) => axis.pan(-by(e.shiftKey ? 0.9 : 0.15)) },
        { keys: ["ArrowRight", "d"], shown: "→ D", does: "later", run: (e) => axis.pan(by(e.shiftKey ? 0.9 : 0.15)) },
        { keys: ["ArrowUp"], shown: "↑", does: "rows above; with Shift, moves the row of the pinned operation up", run: (e) => this.up(-1, e.shiftKey) },
        { keys: ["ArrowDown"], shown: "↓", does: "rows below; with Shift, moves the row of the pinned operation down", run: (e) => this.up(1, e.shiftKey) },
        { keys: ["p"], shown: "P", does: "pin the row of the pinned operation at the top, or unpin it", run: () => this.pinRow() },
        { keys: ["l"], shown: "L", does: "operations, or latencies and rates", run: () => this.show(this.view === "plots" ? "operations" : "plots") },
        { keys: ["m"], shown: "M", does: "measure: drags measure a span of time; again: they move the view", run: () => this.setRuler(!this.ruler) },
        { keys: ["f", "0", "Home"], shown: "F", does: "the whole run", run: () => axis.fit() },
        { keys: ["/"], shown: "/", does: "search; then Enter: next match, Shift Enter: match before", run: () => search.input.select() },
        { keys: ["n"], shown: "N", does: "next match", run: (e) => search.step(e.shiftKey ? -1 : 1) },
        { keys: ["Escape"], shown: "Esc", does: "ends measuring; then unpins; then clears the search, then the choice of a part", run: () => this.letGo() },
        { keys: ["t"], shown: "T", does: "light or dark", run: () => this.theme.toggle() },
        { keys: ["?"], shown: "?", does: "this help", run: () => help.showModal() },
      ],
      help,
    );
  }

  /** The names of the clients: a click pins a row, and a drag moves it. @param {HTMLCanvasElement} canvas */
  attachRows(canvas) {
    const { rows, axis } = this;
    const place = (/** @type {PointerEvent} */ event) => {
      const box = canvas.getBoundingClientRect();
      return { x: event.clientX - box.left, y: event.clientY - box.top };
    };
    canvas.addEventListener("pointerdown", (event) => {
      const { x, y } = place(event);
      const lane = x < axis.left ? rows.at(y) : -1;
      if (event.button !== 0 || lane < 0) return;
      event.stopImmediatePropagation();
      canvas.setPointerCapture(event.pointerId);
      this.moved = { row: rows.lanes[lane].row, y, from: y };
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.moved) return;
      event.stopImmediatePropagation();
      this.moved.y = place(event).y;
      this.redraw();
    });
    for (const kind of /** @type {const} */ (["pointerup", "pointercancel"])) {
      canvas.addEventListener(kind, (event) => {
        const { moved } = this;
        if (!moved) return;
        event.stopImmediatePropagation();
        this.moved = null;
        const { y } = place(event);
        const over = rows.at(y);
        if (kind === "pointerup" && Math.abs(y - moved.from) < CLICK_SLACK) rows.pin(moved.row);
        else if (kind === "pointerup" && over >= 0) rows.move(moved.row, rows.lanes[over].row);
        this.changed();
      });
    }
  }

  attachPlots() {
    const { plots, recording } = this;
    const keys = recording.parts.every((part) => part.title.startsWith("key "));
    const client = /** @type {HTMLSelectElement} */ (byId("plot-client"));
    const part = /** @type {HTMLSelectElement} */ (byId("plot-part"));
    const option = (/** @type {string} */ value, /** @type {string} */ text) => {
      const made = /** @type {HTMLOptionElement} */ (element("option", "", text));
      made.value = value;
      return made;
    };
    const clients = [...new Set(recording.client)].sort((a, b) => a - b);
    client.append(option("-1", "all clients"), ...clients.map((one) => option(String(one), `client ${one}`)));
    part.append(option("-1", keys ? "all keys" : "all parts"), ...recording.parts.map((one) => option(String(one.index), one.title)));
    part.hidden = recording.parts.length < 2;
    client.addEventListener("change", () => {
      plots.client = Number(client.value);
      this.changed();
    });
    part.addEventListener("change", () => {
      plots.part = Number(part.value);
      this.changed();
    });
    for (const button of byId("plot-bar").querySelectorAll("button")) {
      if (button.dataset.grouping === "part") {
        button.textContent = keys ? "By key" : "By part";
        button.hidden = recording.parts.length < 2;
      }
      button.addEventListener("click", () => {
        plots.grouping = /** @type {Grouping} */ (button.dataset.grouping);
        this.changed();
      });
    }
  }

  /** Shows the operations or the plots. @param {string} view */
  show(view) {
    this.view = view === "plots" ? "plots" : "operations";
    this.hover = -1;
    this.tooltip.hide();
    byId("chart").hidden = this.view === "plots";
    byId("plots").hidden = byId("plot-bar").hidden = this.view !== "plots";
    this.resize();
    this.fragment.changed();
  }

  /** The canvas in the middle. */
  get picture() {
    return this.view === "plots" ? this.plots : this.chart;
  }

  /** @param {boolean} on */
  setRuler(on) {
    this.ruler = on;
    byId("ruler").setAttribute("aria-pressed", String(on));
  }

  /** @param {Span | null} span */
  measure(span) {
    this.measured = span;
    this.changed();
  }

  /**
   * The address of an operation in the page of the run. It is empty if there is no such page in the folder of
   * this page.
   * @param {number} op
   */
  runLink(op) {
    const { recording } = this;
    const name = location.pathname.split("/").pop() ?? "";
    if (!recording.besideRun || !name.endsWith("-history.html")) return "";
    const at = op >= 0 ? `#op=${recording.client[op]}.${recording.call[op]}` : "";
    return `${name.slice(0, -"-history.html".length)}.html${at}`;
  }

  /** The row of the pinned operation, or -1. */
  get pinnedRow() {
    const { rows, chosen } = this;
    return chosen.pinned >= 0 ? rows.lanes[rows.laneOf[chosen.pinned]].row : -1;
  }

  pinRow() {
    if (this.pinnedRow < 0) return;
    this.rows.pin(this.pinnedRow);
    this.changed();
  }

  /**
   * Scrolls the rows, or moves the row of the pinned operation.
   * @param {number} by -1 or 1
   * @param {boolean} move
   */
  up(by, move) {
    const { rows, pinnedRow } = this;
    if (!move) {
      this.scroll(by * 2 * (this.view === "plots" ? this.plots.row / 4 : rows.lane));
      return;
    }
    const { shown } = rows;
    const other = shown[shown.indexOf(pinnedRow) + by];
    if (pinnedRow < 0 || other === undefined) return;
    rows.move(pinnedRow, other);
    this.changed();
  }

  // ---- what is chosen ----

  /** The part that is not dimmed. */
  get part() {
    const { part, pinned } = this.chosen;
    return pinned >= 0 ? this.recording.partOf[pinned] : part;
  }

  /**
   * The order whose line is drawn: the order of the pinned operation, of the operation under the pointer, or
   * of the chosen part.
   * @returns {Order | null}
   */
  get order() {
    const { recording, chosen, hover } = this;
    if (chosen.order >= 0 && this.part >= 0) return recording.parts[this.part].orders[chosen.order];
    if (chosen.pinned >= 0) {
      const part = recording.parts[recording.partOf[chosen.pinned]];
      // For a blocked operation the longest order is shown, because this order ends at the operation.
      return chosen.pinned === part.blocked ? part.orders[0] : part.orderOf(chosen.pinned);
    }
    if (hover >= 0 && (chosen.part < 0 || recording.partOf[hover] === chosen.part)) {
      return recording.parts[recording.partOf[hover]].orderOf(hover);
    }
    return chosen.part >= 0 ? recording.parts[chosen.part].orders[0] : null;
  }

  /** The part to explain: the chosen part, or the most important part if none is chosen. */
  get explained() {
    const { recording, part } = this;
    if (part >= 0) return part;
    if (recording.errors.length > 0) return recording.errors[0].part;
    const odd = recording.parts.findIndex((one) => one.verdict !== "ok");
    return odd >= 0 || recording.parts.length !== 1 ? odd : 0;
  }

  /** @param {number} op or -1 */
  pin(op) {
    const part = op >= 0 ? this.recording.partOf[op] : this.chosen.part;
    this.chosen = { part, pinned: op, order: -1 };
    this.changed();
  }

  /** Chooses a part, or no part with -1. @param {number} part */
  focus(part) {
    if (part < 0 && this.recording.parts.length === 1) part = 0;
    this.chosen = { part, pinned: -1, order: -1 };
    this.changed();
  }

  /** Pins an operation and brings it into view. @param {number} op */
  visit(op) {
    this.pin(op);
    this.rows.reveal(op);
    this.axis.reveal(this.recording.call[op], this.recording.ret[op]);
  }

  /** Moves along the order that is shown. The order stays the same. @param {number} by */
  step(by) {
    const { order } = this;
    if (!order || order.length === 0) return;
    const { pinned } = this.chosen;
    const target = pinned >= 0 ? neighbour(order, pinned, by) : order.ops[by > 0 ? 0 : order.length - 1];
    if (target < 0) return;
    this.visit(target);
    this.chosen.order = order.part.orders.indexOf(order);
  }

  /** Shows another order of the part that is explained. @param {number} by */
  nextOrder(by) {
    const { explained, order } = this;
    if (explained < 0) return;
    const { orders } = this.recording.parts[explained];
    const now = order && order.part.index === explained ? orders.indexOf(order) : 0;
    this.chosen.part = explained;
    this.chosen.order = (now + by + orders.length) % orders.length;
    this.changed();
  }

  firstError() {
    this.visitError(0);
  }

  /** Opens the page at an error. @param {number} error */
  openAtError(error) {
    const { axis } = this;
    const show = axis.show;
    // The page opens without a movement.
    axis.show = (from, to) => axis.set(from, to);
    this.visitError(error);
    axis.show = show;
  }

  /** @param {number} by */
  nextError(by) {
    const { errors } = this.recording;
    const now = errors.findIndex((error) => error.op === this.chosen.pinned);
    this.visitError(now < 0 ? 0 : (now + by + errors.length) % errors.length);
  }

  /** Pins the blocked operation and shows it together with the operations before it. @param {number} index */
  visitError(index) {
    const { recording, axis, rows } = this;
    const error = recording.errors[index];
    if (!error) return;
    const order = recording.parts[error.part].orders[0];
    const { next } = order.stop();
    const steps = order.points();
    let from = recording.call[error.op];
    let to = recording.ret[error.op];
    const long = to - from;
    for (const op of next.slice(0, 12)) from = Math.min(from, Math.max(recording.call[op], to - 6 * long));
    // The last operations of the order are also shown: at least three of them, and more if they are near in
    // time.
    for (let i = order.length - 1; i >= Math.max(0, order.length - 8); i -= 1) {
      if (i >= order.length - 3 || steps[i] > to - 2 * long) from = Math.min(from, recording.call[order.ops[i]]);
    }
    // The view must not be too wide to read.
    from = Math.max(from, to - Math.max(14 * long, 1e3));
    const margin = (to - from) * 0.15;
    to += margin;
    this.pin(error.op);
    rows.reveal(error.op);
    axis.show(from - margin, to + margin);
  }

  letGo() {
    if (this.measured || this.ruler) {
      this.setRuler(false);
      this.measure(null);
    } else if (this.chosen.pinned >= 0) this.pin(-1);
    else if (this.search.query) this.search.set("");
    else this.focus(-1);
  }

  // ---- the pointer ----

  /** @param {number} x @param {number} y */
  point(x, y) {
    const { axis, recording, marks, rows } = this;
    const chart = this.picture;
    this.cursor = x >= axis.left ? axis.time(x) : null;
    const box = chart.canvas.getBoundingClientRect();
    const { op, many } = chart.at(x, y, this.part);
    this.hover = op;
    const row = this.view === "operations" && x < axis.left ? rows.at(y) : -1;
    chart.canvas.style.cursor = op >= 0 || row >= 0 ? "pointer" : this.ruler ? "col-resize" : "";
    const mark = y >= chart.stripTop && y < chart.rowsTop && x >= axis.left ? marks.at(axis, x, y - chart.stripTop) : -1;
    if (op >= 0) {
      const shown = this.order;
      const order = shown && shown.part.index === recording.partOf[op] ? shown : recording.parts[recording.partOf[op]].orderOf(op);
      /** @type {[string, string][]} */
      const fields = operationFields(recording, op, order).map(([label, value]) => [label, visible(value, 120)]);
      if (many > 1) fields.push(["here", `${plural(many, "operation")}: zoom in to tell them apart`]);
      const tone = recording.errors.some((error) => error.op === op) ? "error" : "";
      this.tooltip.show(box.left + x, box.top + y, recording.text(op, 220), fields, tone);
    } else if (mark >= 0) {
      const { from, to, kind, text } = marks.all[mark];
      /** @type {[string, string][]} */
      const fields = [["event", kind], [to === null ? "at" : "from", formatTime(from)]];
      if (to !== null) fields.push(["to", formatTime(to)], ["for", formatDuration(to - from)]);
      this.tooltip.show(box.left + x, box.top + y, visible(text, 220) || kind, fields);
    } else {
      this.tooltip.hide();
    }
    this.redraw();
  }

  leave() {
    this.hover = -1;
    this.cursor = null;
    this.tooltip.hide();
    this.redraw();
  }

  /** @param {number} x @param {number} y */
  click(x, y) {
    const { op } = this.picture.at(x, y, this.part);
    if (op >= 0 || this.chosen.pinned >= 0) this.pin(op === this.chosen.pinned ? -1 : op);
  }

  /** @param {number} pixels */
  scroll(pixels) {
    if (this.view === "plots") this.plots.scrollTo(this.plots.scroll + pixels);
    else this.rows.scrollTo(this.rows.scroll + pixels);
    this.redraw();
    this.fragment.changed();
  }

  // ---- the screen ----

  changed() {
    this.redraw();
    this.fragment.changed();
  }

  resize() {
    if (this.view === "plots") this.plots.layout(this.chart.labels(byId("plots").clientWidth));
    else this.chart.layout();
    this.overview.layout();
    this.draw();
  }

  draw() {
    const { chosen, hover, part, order, search, cursor, measured, moved } = this;
    const { matches, at } = search;
    const shown = { part, hover, pinned: chosen.pinned, order, matches, match: matches[at] ?? -1, cursor, measured, moved };
    this.picture.draw(shown);
    this.drawControls();
    this.overview.draw(shown);
    this.parts.mark(part);
    const { explained } = this;
    const told = order && order.part.index === explained && (chosen.pinned >= 0 || chosen.order >= 0) ? order : null;
    this.details.show(explained, chosen.pinned, told ?? (explained >= 0 ? this.recording.parts[explained].orders[0] : null));
  }

  /** Brings the controls up to date with what is shown. */
  drawControls() {
    const { view, plots, recording, chosen } = this;
    const press = (/** @type {Element} */ button, /** @type {boolean} */ on) => button.setAttribute("aria-pressed", String(on));
    press(byId("show-operations"), view === "operations");
    press(byId("show-plots"), view === "plots");
    if (view === "plots") {
      for (const button of byId("plot-bar").querySelectorAll("button")) press(button, button.dataset.grouping === plots.grouping);
      /** @type {HTMLSelectElement} */ (byId("plot-client")).value = String(plots.client);
      /** @type {HTMLSelectElement} */ (byId("plot-part")).value = String(plots.part);
    }
    const run = /** @type {HTMLAnchorElement} */ (byId("run"));
    const href = this.runLink(chosen.pinned >= 0 ? chosen.pinned : (recording.errors[0]?.op ?? -1));
    run.hidden = href === "";
    if (href && run.getAttribute("href") !== href) run.setAttribute("href", href);
  }

  // ---- the address ----

  /** @returns {Record<string, string>} */
  state() {
    const { axis, chosen, search, rows, recording, measured, view, plots } = this;
    return {
      t: axis.whole ? (recording.errors.length > 0 ? "whole" : "") : axis.address,
      part: chosen.part >= 0 && recording.parts.length > 1 ? String(chosen.part) : "",
      op: chosen.pinned >= 0 ? String(chosen.pinned) : "",
      order: chosen.order >= 0 ? String(chosen.order) : "",
      q: search.query,
      y: rows.scroll > 0 ? String(Math.round(rows.scroll)) : "",
      rows: rows.address,
      span: measured ? `${Math.round(measured.from)}-${Math.round(measured.to)}` : "",
      plot: view === "plots" ? [plots.grouping, plots.client, plots.part].join(".") : "",
    };
  }

  /** @param {Record<string, string>} state */
  restore({ t = "", part = "", op = "", order = "", q = "", y = "", rows = "", span = "", plot = "" }) {
    const { recording, axis, plots } = this;
    const index = (/** @type {string} */ text, /** @type {number} */ n) => {
      return /^\d{1,9}$/.test(text) && Number(text) < n ? Number(text) : -1;
    };
    const one = recording.parts.length === 1 ? 0 : -1;
    const pinned = index(op, recording.size);
    const shown = pinned >= 0 ? recording.partOf[pinned] : Math.max(one, index(part, recording.parts.length));
    const orders = shown >= 0 ? recording.parts[shown].orders.length : 0;
    this.chosen = { part: shown, pinned, order: index(order, orders) };
    this.search.set(q);
    this.rows.go(rows);
    const [from, to] = /^\d{1,18}-\d{1,18}$/.test(span) ? span.split("-").map(Number) : [1, 0];
    this.measured = from < to ? { from, to } : null;
    const [grouping, client, only] = plot.split(".");
    plots.grouping = grouping === "client" || grouping === "part" ? grouping : "all";
    plots.client = recording.client.includes(Number(client || NaN)) ? Number(client) : -1;
    plots.part = index(only ?? "", recording.parts.length);
    if ((plot !== "") !== (this.view === "plots")) this.show(plot ? "plots" : "operations");
    this.rows.scrollTo(/^\d{1,7}$/.test(y) ? Number(y) : 0);
    if (!axis.go(t)) this.open(t === "whole");
    this.redraw();
  }

  /**
   * Chooses a span if the address does not name one: the pinned operation, the first error, or the whole run.
   * @param {boolean} whole
   */
  open(whole) {
    const { recording, axis, chosen } = this;
    const error = recording.errors.findIndex(({ op, part }) => (chosen.pinned >= 0 ? op === chosen.pinned : chosen.part < 0 || part === chosen.part));
    const { pinned } = chosen;
    if (!whole && error >= 0) {
      this.openAtError(error);
    } else if (!whole && pinned >= 0) {
      const margin = 4 * Math.max(recording.ret[pinned] - recording.call[pinned], 1e3);
      this.rows.reveal(pinned);
      axis.set(recording.call[pinned] - margin, recording.ret[pinned] + margin);
    } else {
      axis.set(axis.full.from, axis.full.to);
    }
  }
}

/** The page is global, so that the browser's console and tests can use it. */
var page = new HistoryPage(JSON.parse(byId("data").textContent ?? ""));
