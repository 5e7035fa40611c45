// @ts-check
"use strict";
// The page of a run. It keeps what the reader has chosen, and reports changes to the other classes.

class RunPage {
  /** @param {any} wire */
  constructor(wire) {
    this.run = new Run(wire);
    const { run } = this;
    /**
     * The pinned event, and the chosen time. Usually the chosen time is the time of the pinned event. But a
     * click at an empty place chooses only a time, and pins no event.
     */
    this.pinned = -1;
    this.time = run.failed >= 0 ? run.t[run.failed] : run.to;
    /** If no event is pinned: the last event at the chosen time. */
    this.last = run.at(this.time);
    /**
     * The place that was chosen by a click, and the places of the events at that time: if the axis changes,
     * the place means nothing any more. @type {{ place: number, places: Float64Array } | null}
     */
    this.spot = null;
    /** The place on the axis under the pointer. @type {number | null} */
    this.cursor = null;
    this.hover = -1;
    /** This number grows when the filter changes. Then the text pane is made again. */
    this.revision = 0;
    /** When the first frame was on the screen, in ms since the page was requested. Tests read it. */
    this.painted = 0;

    this.theme = new Theme();
    this.filter = new Filter(run);
    this.axis = new RunAxis(run, this.filter);
    this.columns = new Columns(run, this.filter);
    this.arrows = new Arrows(run, this.filter, this.axis, this.columns, this.theme);
    const canvas = (/** @type {string} */ id) => /** @type {HTMLCanvasElement} */ (byId(id));
    this.redraw = onceAFrame(() => this.draw());
    this.describe();
    this.logs = new LogPanel(canvas("logs"), run, this.filter, this.theme, () => this.redraw());
    this.chart = new Chart(canvas("chart"), run, this.filter, this.axis, this.columns, this.arrows, this.theme);
    this.overview = new Overview(canvas("overview"), run, this.axis, this.theme);
    this.choices = new Choices(run, this.filter, this.arrows, () => this.filtered());
    this.details = new Details(run, this.filter, this.arrows, {
      pin: (e) => this.visit(e),
      unpin: () => this.pin(-1),
      step: (by) => this.step(by, false),
    });
    this.tooltip = new Tooltip(byId("tooltip"), canvas("logs"), document.querySelector("aside"));
    this.search = new Search(
      { input: /** @type {HTMLInputElement} */ (byId("search")), count: byId("found") },
      (_, query) => run.onceEach(run.find(query, this.filter.shown), this.filter.shown),
      { found: () => this.changed(), visit: (e) => this.visit(e) },
      true,
      () => (this.pinned >= 0 ? this.pinned : this.last),
      { list: byId("hits"), row: (e) => hitRow(run, e), first: (e) => run.isDrawn(e) },
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
    attachGestures(
      this.chart.canvas,
      this.axis,
      {
        scroll: (pixels) => this.scroll(pixels),
        hover: (x, y) => this.point(x, y),
        leave: () => this.leave(),
        click: (x, y) => this.click(x, y),
      },
      true,
    );
    this.attachLogs();
    this.attachControls();
    attachFold();
    new ResizeObserver(() => this.resize()).observe(this.chart.canvas);
    this.fragment.read();
    openAtOperation(this);
    this.draw();
    requestAnimationFrame(() => setTimeout(() => (this.painted = performance.now())));
  }

  /** Fills in the texts that do not change. */
  describe() {
    const { run, arrows } = this;
    const failed = run.failed >= 0;
    byId("headline").textContent = headlineOf(run);
    byId("verdict").textContent = failed ? "✕" : "•";
    byId("verdict").className = `sign ${failed ? "illegal" : "plain"}`;
    byId("title").textContent = failed ? visible(run.test, 200) : "";
    byId("facts").textContent = factsOf(run);
    document.body.classList.add(failed ? "illegal" : "plain");
    const legend = byId("legend");
    const swatch = (/** @type {string} */ className, /** @type {string} */ colour) => {
      const made = element("i", className);
      made.style.background = `var(--${colour})`;
      return made;
    };
    for (const role of ["follower", "candidate", "leader"]) legend.append(element("span", "", swatch(`bar ${role}`, `role-${role}`), role));
    legend.append(element("span", "", element("i", "bar down"), "down"));
    legend.append(element("span", "", element("i", "bar cut"), "off the network"));
    if (run.bands.some((band) => band.kind === "slow")) legend.append(element("span", "", element("i", "bar slow"), "slow"));
    for (const [place, type] of run.types.entries()) {
      if (place < 8) legend.append(element("span", "", swatch("line", `msg-${arrows.colours[place]}`), typeName(type)));
    }
    legend.append(element("span", "", element("i", "line reply"), "reply"), element("span", "", element("b", "lost", "✕"), "lost"));
    legend.append(element("span", "", swatch("line", "commit"), "committed"), element("span", "", swatch("line", "apply"), "applied"));
  }

  attachLogs() {
    const { logs, tooltip, run } = this;
    logs.canvas.addEventListener("pointermove", (event) => {
      const box = logs.canvas.getBoundingClientRect();
      const found = logs.at(event.clientX - box.left, event.clientY - box.top);
      const state = found && run.state(found.lane, this.now);
      if (!found || !state || event.buttons !== 0) {
        tooltip.hide();
        return;
      }
      /** @type {[string, string][]} */
      const rows = stateRows(run, found.lane, this.now);
      const says = found.index > 0 && found.index === found.last ? run.entryText(found.lane, this.now, found.index) : "";
      if (says) rows.unshift(["entry", says]);
      const entry = found.index > 0 ? run.entries(state, found.index, found.index)[0] : undefined;
      const which = found.index === found.last ? `entry ${found.index}` : `entries ${found.index} to ${found.last}`;
      const title = entry ? `${run.lanes[found.lane].name}: ${which}, of term ${entry.term}` : run.lanes[found.lane].name;
      tooltip.show(event.clientX, event.clientY, title, rows);
    });
    logs.canvas.addEventListener("pointerleave", () => tooltip.hide());
  }

  attachControls() {
    const { axis, search } = this;
    const help = /** @type {HTMLDialogElement} */ (byId("help"));
    // The focus goes to the button at the end of the help, but the reader begins at the top.
    const showHelp = () => {
      help.showModal();
      help.scrollTop = 0;
    };
    const by = (/** @type {number} */ share) => axis.width * share;
    /** @type {[string, () => void][]} */
    const buttons = [
      ["error", () => this.showFailure()],
      ["before", () => this.step(-1, false)],
      ["after", () => this.step(1, false)],
      ["fit", () => axis.fit()],
      ["zoom-in", () => this.zoom(0.6)],
      ["zoom-out", () => this.zoom(1 / 0.6)],
      ["by-time", () => this.useAxis("time")],
      ["by-events", () => this.useAxis("events")],
      ["theme", () => this.theme.toggle()],
      ["help-button", () => showHelp()],
    ];
    for (const [id, run] of buttons) byId(id).addEventListener("click", run);
    byId("help-close").addEventListener("click", () => help.close());
    attachKeys(
      [
        { keys: ["e"], shown: "E", does: "the failure", run: () => this.showFailure() },
        { keys: [".", ">"], shown: ".", does: "next event of those shown; with Shift, of all", run: (e) => this.step(1, e.shiftKey || e.key === ">") },
        { keys: [",", "<"], shown: ",", does: "event before; with Shift, of all", run: (e) => this.step(-1, e.shiftKey || e.key === "<") },
        { keys: ["]"], shown: "]", does: "next landmark: a fault, a new leader, a verdict", run: () => this.landmark(1) },
        { keys: ["["], shown: "[", does: "landmark before", run: () => this.landmark(-1) },
        { keys: ["o"], shown: "O", does: "follow the message: its next event; with Shift, the one before", run: (e) => this.follow(e.shiftKey ? -1 : 1) },
        { keys: ["u"], shown: "U", does: "up: to the cause of the pinned event; from the failure to the step that it is about", run: () => this.up() },
        { keys: ["i"], shown: "I", does: "into: to the first event that the pinned message caused", run: () => this.into() },
        { keys: ["+", "=", "w"], shown: "+ W", does: "zoom in, around what is pinned", run: () => this.zoom(0.7) },
        { keys: ["-", "_", "s"], shown: "- S", does: "zoom out", run: () => this.zoom(1 / 0.7) },
        { keys: ["ArrowUp", "a"], shown: "↑ A", does: "earlier", run: (e) => axis.pan(-by(e.shiftKey ? 0.9 : 0.15)) },
        { keys: ["ArrowDown", "d"], shown: "↓ D", does: "later", run: (e) => axis.pan(by(e.shiftKey ? 0.9 : 0.15)) },
        { keys: ["ArrowLeft"], shown: "←", does: "lanes to the left", run: () => this.scroll(-120) },
        { keys: ["ArrowRight"], shown: "→", does: "lanes to the right", run: () => this.scroll(120) },
        { keys: ["z"], shown: "Z", does: "zoom to what is pinned", run: () => this.zoomToPinned() },
        { keys: ["x"], shown: "X", does: "switch the axis: by time, or by events (each event has a row)", run: () => this.useAxis(axis.mode === "time" ? "events" : "time") },
        { keys: ["f", "0", "Home"], shown: "F", does: "the whole run", run: () => axis.fit() },
        { keys: ["/"], shown: "/", does: "search; Enter leaves the field and goes to the next match, Shift Enter to the match before", run: () => (unfold(search.input), search.input.select()) },
        { keys: ["n"], shown: "N", does: "next match", run: (e) => search.step(e.shiftKey ? -1 : 1) },
        { keys: ["Escape"], shown: "Esc", does: "unpin; press it again to clear the search, then the filters", run: () => this.letGo() },
        { keys: ["t"], shown: "T", does: "light or dark", run: () => this.theme.toggle() },
        { keys: ["?"], shown: "?", does: "this help", run: () => showHelp() },
      ],
      help,
    );
  }

  // ---- what is chosen ----

  /** The last event up to the time at the pointer. Without a pointer, the chosen time is used instead. */
  get now() {
    const { axis, cursor, pinned, last } = this;
    if (cursor !== null) return axis.at(cursor);
    return pinned >= 0 ? pinned : last;
  }

  /** The place of the pinned event or of the chosen time. */
  get place() {
    const { axis, pinned, last, time, run, spot } = this;
    if (pinned >= 0) return axis.places[pinned];
    if (spot && spot.places === axis.places) return spot.place;
    // Several events may have the chosen time. The place is between the right two of them.
    const place = axis.placeOf(time);
    const next = last + 1 < run.size ? axis.places[last + 1] : Infinity;
    return Math.min(Math.max(place, axis.places[last] ?? -Infinity), next);
  }

  /** The message of the pinned event; -1 if there is none. */
  get message() {
    const id = this.pinned >= 0 ? this.run.id[this.pinned] : -1;
    return id >= 0 ? this.run.messageOf[id] : -1;
  }

  /** The messages that caused the pinned message, and the messages that it has caused. */
  get kin() {
    const { run, pinned } = this;
    if (pinned < 0) return [];
    const id = run.id[pinned] >= 0 ? run.id[pinned] : -1;
    const up = id >= 0 ? run.ancestors(id) : run.parent[pinned] >= 0 ? [run.parent[pinned], ...run.ancestors(run.parent[pinned])] : [];
    const found = up.map((one) => run.messageOf[one]);
    for (const e of run.ofParent(id)) {
      if (run.kind(e) === "rpc.sent" && run.id[e] >= 0) found.push(run.messageOf[run.id[e]]);
    }
    return found.filter((m) => m >= 0);
  }

  /** Pins an event, or no event with -1. @param {number} e */
  pin(e) {
    this.pinned = e;
    if (e >= 0) [this.time, this.last, this.spot] = [this.run.t[e], e, null];
    this.changed();
  }

  /** Pins an event and brings it into view. @param {number} e */
  visit(e) {
    if (e < 0) return;
    this.cursor = null;
    this.hover = -1;
    this.tooltip.hide();
    this.pin(e);
    this.columns.reveal(this.run.lane[e]);
    this.axis.reveal(this.axis.places[e], this.axis.places[e]);
  }

  /**
   * The event that the reader must see first. If the checker has found an operation without a place, it is
   * the return of this operation: the run failed only at its end, when the history was checked.
   */
  get failure() {
    const { run } = this;
    const blocked = blockedEvent(run);
    return run.failed >= 0 && blocked >= 0 ? blocked : run.failed;
  }

  /** Is the failure pinned and in view? */
  get atFailure() {
    const { axis, pinned, failure } = this;
    const place = axis.places[failure];
    return pinned >= 0 && pinned === failure && place >= axis.from && place <= axis.to;
  }

  /** Zooms around what is pinned; if it is not in view, around the middle. @param {number} factor */
  zoom(factor) {
    const { axis, place } = this;
    axis.zoom(factor, place >= axis.from && place <= axis.to ? axis.x(place) : undefined);
  }

  /**
   * Changes the axis. What is pinned stays at its place on the screen. If it is not in view, the middle of
   * the view stays. @param {AxisMode} mode
   */
  useAxis(mode) {
    const { axis, run } = this;
    if (mode === axis.mode) return;
    const inView = this.place >= axis.from && this.place <= axis.to;
    const x = inView ? axis.x(this.place) : axis.left + axis.width / 2;
    const middle = axis.timeOf(axis.time(x));
    const pinned = inView ? this.pinned : -1;
    const time = axis.timeOf(axis.to) - axis.timeOf(axis.from);
    const share = (x - axis.left) / axis.width;
    axis.use(mode);
    this.cursor = null;
    // By time, about the same events stay in view. By events, the rows get their usual height.
    const span = mode === "time" ? time : (axis.width / ROW_PIXELS) * ROW;
    const place = pinned >= 0 ? axis.places[pinned] : axis.placeOf(middle);
    axis.set(place - share * span, place + (1 - share) * span);
    this.overview.layout();
    this.sayAxis();
    this.changed();
  }

  /** Shows at the two buttons which axis is used. */
  sayAxis() {
    for (const mode of ["time", "events"]) byId(`by-${mode}`).setAttribute("aria-pressed", String(this.axis.mode === mode));
  }

  /**
   * Shows the failure and the events before it. If the operation without a place is shown already, shows
   * where the test failed.
   */
  showFailure() {
    const { run, axis } = this;
    if (run.failed < 0) return;
    const e = this.atFailure ? run.failed : this.failure;
    this.visit(e);
    const [from, to] = this.about(e, 0.84);
    axis.show(from, to);
  }

  /**
   * The span around an event with as many messages as a reader can follow.
   * @param {number} e
   * @param {number} above the share of the span that is above the event, if each event has a row
   * @returns {[number, number]}
   */
  about(e, above) {
    const { run, axis } = this;
    if (axis.mode === "events") {
      const span = (axis.width / ROW_PIXELS) * ROW;
      const place = axis.places[e];
      return [place - span * above, place + span * (1 - above)];
    }
    const at = run.t[e];
    const { sent } = run.messages;
    const before = firstIndex(0, sent.length, (m) => run.t[sent[m]] > at);
    const first = before > 0 ? run.t[sent[Math.max(0, before - 45)]] : run.from;
    const span = Math.max(at - first, (run.to - run.from) * 1e-4, 2e6);
    return [at - span, at + span * 0.22];
  }

  /** @param {number} by @param {boolean} all also goes to hidden events */
  step(by, all) {
    const start = this.pinned >= 0 ? this.pinned : by > 0 ? this.run.at(this.time) : this.run.at(this.time) + 1;
    let next = this.filter.next(start, by, all);
    // A failure can belong to a server. Then the step back goes to the event before it on this server.
    const lane = by < 0 && !all && start === this.run.failed ? (this.run.failureAbout()?.lane ?? -1) : -1;
    const first = next;
    while (lane >= 0 && next >= 0 && this.run.lane[next] !== lane) next = this.filter.next(next, by, false);
    if (next < 0) next = first;
    if (next >= 0) this.visit(next);
  }

  /** @param {number} by */
  landmark(by) {
    const { landmarks } = this.run;
    const now = this.pinned >= 0 ? this.pinned : this.run.at(this.time);
    const after = firstIndex(0, landmarks.length, (i) => landmarks[i] > now);
    let next = by > 0 ? after : after - 1;
    if (by < 0 && landmarks[next] === now) next -= 1;
    if (landmarks[next] !== undefined) this.visit(landmarks[next]);
  }

  /**
   * Goes from event to event of the same message or operation. After the last event comes the first one.
   * @param {number} by
   */
  follow(by) {
    const { run, pinned } = this;
    if (pinned < 0 || run.id[pinned] < 0) return;
    const events = run.ofId(run.id[pinned]);
    const at = events.indexOf(pinned);
    this.visit(events[(at + by + events.length) % events.length]);
  }

  /**
   * Goes to the cause of the pinned event: from a reply to the request, from a request to what made the
   * sender send it. That is another message, or an event of the sender itself.
   */
  up() {
    const { run, pinned } = this;
    if (pinned < 0) return;
    const id = run.id[pinned];
    const m = id >= 0 ? run.messageOf[id] : -1;
    if (m >= 0 && run.messages.sent[m] >= 0 && run.messages.sent[m] < pinned && /^(rpc\.(answered|held|replied)|raft\.reply)$/.test(run.kind(pinned))) {
      this.visit(run.messages.sent[m]);
      return;
    }
    const parent = run.parent[pinned] >= 0 ? run.parent[pinned] : id >= 0 ? run.parentOf[id] : -1;
    const events = run.ofId(parent);
    if (events.length === 0) {
      const about = pinned === run.failed || pinned === this.failure ? run.failureAbout() : null;
      const answer = this.answerTo(pinned);
      const step = answer >= 0 ? answer : (about?.stepFrom(pinned) ?? -1);
      if (step >= 0) {
        this.visit(step);
        return;
      }
      const own = run.ownCause(m >= 0 ? run.messages.sent[m] : pinned);
      if (own >= 0) this.visit(own);
      return;
    }
    // Of the events of the cause, goes to the last one before the pinned event.
    this.visit(events[Math.max(0, firstIndex(0, events.length, (i) => events[i] > pinned) - 1)]);
  }

  /**
   * The answer because of which an operation of a client has returned; -1 if the event is no return.
   * @param {number} e
   */
  answerTo(e) {
    const { run } = this;
    if (run.kind(e) !== "client.return" || run.id[e] < 0) return -1;
    const asked = [...run.ofParent(run.id[e])].filter((one) => run.kind(one) === "rpc.sent" && run.id[one] >= 0);
    const answers = asked.map((one) => run.messageOf[run.id[one]]).filter((m) => m >= 0 && run.messages.replied[m] >= 0 && run.messages.replied[m] <= e);
    return answers.reduce((last, m) => Math.max(last, run.messages.answered[m]), -1);
  }

  into() {
    const { run, pinned } = this;
    if (pinned < 0 || run.id[pinned] < 0) return;
    const events = run.ofParent(run.id[pinned]);
    if (events.length > 0) this.visit(events[0]);
  }

  zoomToPinned() {
    const { run, pinned, axis, place } = this;
    const events = pinned >= 0 && run.id[pinned] >= 0 ? run.ofId(run.id[pinned]) : null;
    const [from, to] = events ? [axis.places[events[0]], axis.places[events[events.length - 1]]] : [place, place];
    const margin = Math.max((to - from) * 0.4, axis.span * 0.05, axis.margin);
    axis.show(from - margin, to + margin);
  }

  letGo() {
    if (this.pinned >= 0) this.pin(-1);
    else if (this.search.query) this.search.set("");
    else if (this.filter.any) {
      this.filter.clear();
      this.choices.refresh();
      this.filtered();
    }
  }

  filtered() {
    const { axis } = this;
    this.revision += 1;
    const inView = this.place >= axis.from && this.place <= axis.to;
    axis.filtered(inView ? (this.pinned >= 0 ? this.pinned : this.last) : axis.at((axis.from + axis.to) / 2));
    this.overview.layout();
    this.columns.layout(this.chart.width);
    if (this.search.query) this.search.run();
    this.logs.layout();
    this.changed();
  }

  // ---- the pointer ----

  /** @param {number} x @param {number} y */
  point(x, y) {
    const { chart, axis, run } = this;
    this.cursor = y >= HEAD ? axis.time(y) : null;
    const box = chart.canvas.getBoundingClientRect();
    const { event, message, operation, band } = chart.at(x, y);
    this.hover = event;
    chart.canvas.style.cursor = event >= 0 || message >= 0 || operation >= 0 ? "pointer" : "";
    if (event >= 0) {
      this.tooltip.show(box.left + x, box.top + y, visible(`${run.lanes[run.lane[event]].name} ${shortText(run, event)}`, 220), this.eventRows(event));
    } else if (message >= 0) {
      const m = message;
      const { from, to, sent, delivered, answered, replied } = run.messages;
      /** @type {[string, string][]} */
      const rows = [["from", run.lanes[from[m]].name], ["to", to[m] >= 0 ? run.lanes[to[m]].name : "no server"], ["sent", formatTime(run.t[sent[m]])]];
      for (const [name, e] of /** @type {[string, number][]} */ ([["delivered", delivered[m]], ["answered", answered[m]], ["replied", replied[m]]])) {
        if (e >= 0) rows.push([name, `after ${formatDuration(run.t[e] - run.t[sent[m]])}`]);
      }
      for (const e of run.ofId(run.messages.id[m])) {
        if (/^raft\.re(quest|ply)$/.test(run.kind(e))) rows.push([run.kind(e).slice(5), visible(shortText(run, e).replace(/^\S+ \S+: /, ""), 120)]);
      }
      rows.push(["fate", visible(fateOf(run, m), 100)]);
      const [says, reply] = [messageSays(run, m), replySays(run, m)];
      if (reply) rows.unshift(["reply", reply]);
      if (says) rows.unshift(["says", says]);
      this.tooltip.show(box.left + x, box.top + y, typeName(run.types[run.messages.type[m]]), rows);
    } else if (operation >= 0) {
      const { lane, call, ret } = run.operations;
      /** @type {[string, string][]} */
      const rows = [["by", run.lanes[lane[operation]].name]];
      if (call[operation] >= 0) rows.push(["called", formatTime(run.t[call[operation]])]);
      rows.push(["returned", ret[operation] >= 0 ? formatTime(run.t[ret[operation]]) : "never: its outcome is unknown"]);
      const bad = run.verdict?.operation === operation;
      if (bad) rows.push(["checker", "no order of the operations has a place for it"]);
      this.tooltip.show(box.left + x, box.top + y, operationText(run, operation), rows, bad ? "error" : "");
    } else if (band >= 0) {
      const { from, to, kind, text } = run.bands[band];
      this.tooltip.show(box.left + x, box.top + y, visible(text, 220), [
        ["fault", kind],
        ["from", formatTime(run.t[from])],
        ["to", to === null ? "the end" : formatTime(run.t[to])],
      ]);
    } else {
      this.tooltip.hide();
    }
    this.redraw();
  }

  /** @param {number} e @returns {[string, string][]} */
  eventRows(e) {
    const { run } = this;
    /** @type {[string, string][]} */
    const rows = [["event", run.kind(e)], ["at", formatTime(run.t[e])]];
    if (run.cause(e)) rows.push(["cause", visible(run.cause(e), 100)]);
    const said = run.commandTexts(e, 4).join("; ");
    if (said) rows.push(["entries", visible(said, 200)]);
    for (const [name, value] of run.fields(e).filter(([name]) => name !== "commands").slice(0, 12)) rows.push([visible(name, 30), visible(valueText(value), 160)]);
    return rows;
  }

  leave() {
    this.hover = -1;
    this.cursor = null;
    this.tooltip.hide();
    this.redraw();
  }

  /** @param {number} x @param {number} y */
  click(x, y) {
    const { run, chart, axis } = this;
    const { event, message, operation, band } = chart.at(x, y);
    // The pane at the right now says what the box beside the pointer has said.
    this.tooltip.hide();
    if (event >= 0) this.pin(event);
    else if (message >= 0) this.pin(this.nearestOf(run.messages.id[message], y));
    else if (operation >= 0) this.pin(this.nearestOf(run.operations.id[operation], y));
    else if (band >= 0) this.pin(run.bands[band].from);
    else if (y >= HEAD) {
      // The place is empty, so the click chooses only a time.
      this.pinned = -1;
      this.time = axis.timeOf(axis.time(y));
      this.last = axis.at(axis.time(y));
      this.spot = { place: axis.time(y), places: axis.places };
      this.changed();
    }
  }

  /**
   * The event of a message or operation that is nearest to a height on the screen.
   * @param {number} id @param {number} y
   */
  nearestOf(id, y) {
    const { run, axis } = this;
    let best = -1;
    for (const e of run.ofId(id)) {
      if (best < 0 || Math.abs(axis.y(e) - y) < Math.abs(axis.y(best) - y)) best = e;
    }
    return best;
  }

  /** @param {number} pixels */
  scroll(pixels) {
    this.columns.scrollTo(this.columns.scroll + pixels);
    this.redraw();
    this.fragment.changed();
  }

  // ---- the screen ----

  changed() {
    this.redraw();
    this.fragment.changed();
  }

  resize() {
    this.logs.layout();
    this.chart.layout();
    this.overview.layout();
    this.draw();
  }

  draw() {
    const { run, axis, pinned, hover, cursor, time, place, message, kin, search, now } = this;
    const match = search.matches[search.at] ?? -1;
    const shown = { pinned, hover, cursor, time, place, message, kin, matches: search.found, match };
    this.chart.draw(shown);
    this.overview.draw(shown);
    this.logs.draw(now, pinned >= 0 ? pinned : this.last, pinned >= 0 ? run.lane[pinned] : -1);
    byId("moment").textContent = `${cursor === null ? "at" : "at the pointer,"} ${formatTime(cursor === null ? time : axis.timeOf(cursor), 1000)}`;
    this.details.show(pinned, pinned >= 0 ? pinned : this.last, this.revision);
    byId("error").hidden = run.failed < 0 || this.atFailure;
  }

  // ---- the address ----

  /** @returns {Record<string, string>} */
  state() {
    const { axis, pinned, time, search, columns, filter, run } = this;
    const list = (/** @type {Set<number>} */ hidden) => [...hidden].sort((a, b) => a - b).join(".");
    const plain = pinned < 0 && time !== (run.failed >= 0 ? run.t[run.failed] : run.to);
    return {
      axis: axis.mode === "events" ? "events" : "time",
      t: axis.whole ? "whole" : axis.address,
      e: pinned >= 0 ? String(pinned) : "",
      m: plain ? String(Math.round(time)) : "",
      q: search.query,
      lanes: list(filter.hiddenLanes),
      types: list(filter.hiddenTypes),
      kinds: list(filter.hiddenKinds),
      term: filter.term.trim(),
      key: filter.key,
      x: columns.scroll > 0 ? String(Math.round(columns.scroll)) : "",
    };
  }

  /** @param {Record<string, string>} state */
  restore({ axis: mode = "", t = "", e = "", m = "", q = "", lanes = "", types = "", kinds = "", term = "", key = "", x = "" }) {
    const { run, axis, filter } = this;
    const whole = (/** @type {string} */ text) => (/^\d{1,16}$/.test(text) ? Number(text) : -1);
    const set = (/** @type {Set<number>} */ hidden, /** @type {string} */ text, /** @type {number} */ n) => {
      hidden.clear();
      for (const part of text.split(".").slice(0, 10_000)) {
        const place = whole(part);
        if (place >= 0 && place < n) hidden.add(place);
      }
    };
    set(filter.hiddenLanes, lanes, run.lanes.length);
    set(filter.hiddenTypes, types, run.types.length);
    set(filter.hiddenKinds, kinds, run.kinds.length);
    filter.term = term.slice(0, 40);
    filter.key = key;
    filter.apply();
    this.choices.refresh();
    this.revision += 1;
    this.columns.layout(this.chart.width);
    this.logs.layout();
    // A run that has failed opens with the axis by events. In an address, `t` alone is a span of time.
    const byEvents = mode === "events" || (mode !== "time" && t === "" && run.failed >= 0);
    const rowsBefore = axis.mode === "events";
    axis.use(byEvents ? "events" : "time");
    if (byEvents || rowsBefore) this.overview.layout();
    this.sayAxis();
    const event = whole(e);
    const first = !e && !m && !t;
    this.pinned = event >= 0 && event < run.size ? event : first ? run.failed : -1;
    const moment = whole(m);
    this.time = this.pinned >= 0 ? run.t[this.pinned] : moment >= 0 ? moment : run.failed >= 0 ? run.t[run.failed] : run.to;
    this.last = run.at(this.time);
    this.spot = null;
    this.search.set(q);
    if (!axis.go(t)) {
      if (t === "" && event >= 0 && this.pinned === event) axis.set(...this.about(event, 0.5));
      else if (t === "" && run.failed >= 0) axis.set(...this.about(run.failed, 0.84));
      else axis.set(axis.full.from, axis.full.to);
    }
    this.columns.scrollTo(/^\d{1,7}$/.test(x) ? Number(x) : 0);
    this.redraw();
  }
}

/** The page is global, so that the browser's console and tests can use it. */
var page = new RunPage(JSON.parse(byId("data").textContent ?? ""));
