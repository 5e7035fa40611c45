// @ts-check
"use strict";
// The text pane. It says why the run failed, and it shows everything about the pinned event and the events
// around it.

const AROUND = 9; // how many events before and after are in the list

class Details {
  /**
   * @param {Run} run
   * @param {Filter} filter
   * @param {Arrows} arrows
   * @param {{ pin: (e: number) => void, unpin: () => void, step: (by: number) => void }} act
   */
  constructor(run, filter, arrows, act) {
    this.run = run;
    this.filter = filter;
    this.arrows = arrows;
    this.act = act;
    this.drawn = "";
    this.describe();
  }

  /** Fills in the texts about the whole run. */
  describe() {
    const { run } = this;
    const told = [];
    if (run.failed >= 0) {
      const sign = element("span", "sign illegal", "✕");
      told.push(element("h2", "", sign, "Why it failed"));
      const thread = run.field(run.failed, "thread");
      const where = element("p", "", "The test failed at ", this.link(run.failed, formatTime(run.t[run.failed])));
      if (thread) where.append(" in the thread ", element("code", "", visible(valueText(thread), 80)));
      // The headline says why in one sentence. The whole message is for readers who want to know more.
      const lines = valueText(run.field(run.failed, "message") ?? "").slice(0, 200_000).split(/\r?\n/);
      const message = element("code", "lines", lines.map((line) => visible(line, Infinity)).join("\n"));
      told.push(where, element("details", "", element("summary", "", "The whole message"), element("p", "text", message)));
      told.push(...this.reasons(), ...this.commands());
    }
    if (run.verdict && run.verdict.at >= 0) {
      const { at, operation } = run.verdict;
      const line = element("p", "", "Checker: ", this.link(at, verdictText(run, at)));
      if (operation >= 0) {
        const event = run.operations.call[operation] >= 0 ? run.operations.call[operation] : run.operations.ret[operation];
        line.append(". No place is left for ");
        line.append(event >= 0 ? this.link(event, operationText(run, operation)) : operationText(run, operation));
        line.append(` of ${run.lanes[run.operations.lane[operation]].name}`);
      }
      told.push(line);
    }
    for (const note of run.notes) told.push(element("p", "hint", visible(note, 400)));
    byId("why").replaceChildren(...told);
  }

  /** The usual reasons of such a failure. */
  reasons() {
    const [title, ...reasons] = this.run.hints;
    if (title === undefined) return [];
    const list = element("ul", "reasons");
    for (const reason of reasons) list.append(element("li", "", visible(reason.replace(/^\* /, ""), 400)));
    return [element("details", "", element("summary", "", visible(title.replace(/:$/, ""), 200)), list)];
  }

  /** The commands that repeat the run, and that look for a run that passes. */
  commands() {
    const { replay } = this.run;
    if (replay === "") return [];
    const line = element("p", "commands", copyButton("Copy: repeat this run", () => replay));
    if (this.canChange()) {
      line.append(copyButton("Copy: find a similar run that passes", () => `LAB_BESIDE=1 ${replay}`));
    }
    return [line];
  }

  /** Whether the run can be repeated with a change. Runs on real threads cannot. */
  canChange() {
    return this.run.replay.includes("LAB_EXPECT=");
  }

  /**
   * Buttons that copy the command that repeats the run with another fate of this message.
   * @param {number} m
   */
  fates(m) {
    const { run } = this;
    const sent = run.messages.sent[m];
    const [end, nth] = [run.field(sent, "end"), run.field(sent, "nth")];
    if (!this.canChange() || typeof end !== "number" || typeof nth !== "number") return [];
    const line = element("p", "commands", "Copy: repeat the run with this message ");
    const fates = [["lost", "lost"], ["its reply lost", "reply-lost"], ["delivered", "delivered"], ["500 ms late", "late:500"]];
    for (const [text, fate] of fates) line.append(copyButton(text, () => withFate(run.replay, `${end}.${nth}=${fate}`)));
    return [line];
  }

  /**
   * @param {number} pinned @param {number} around the event in the middle of the list @param {number}
   *   revision of the filter
   */
  show(pinned, around, revision) {
    const key = `${pinned} ${around} ${revision}`;
    if (key === this.drawn) return;
    this.drawn = key;
    byId("pinned").replaceChildren(...(pinned >= 0 ? this.pinned(pinned) : this.hint()));
    byId("around").replaceChildren(...this.around(around, pinned));
  }

  /** A link to an event. @param {number} e @param {string} text */
  link(e, text) {
    const link = /** @type {HTMLAnchorElement} */ (element("a", "", text));
    link.href = `#e=${e}`;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      this.act.pin(e);
    });
    return link;
  }

  /** @param {number} e */
  pinned(e) {
    const { run } = this;
    const id = run.id[e];
    const message = id >= 0 ? run.messageOf[id] : -1;
    const operation = id >= 0 ? run.operationOf[id] : -1;
    const says = message >= 0 ? messageSays(run, message) : "";
    const title = message >= 0 ? `${typeName(run.types[run.messages.type[message]])}${says ? ` ${says}` : ""}` : operation >= 0 ? operationText(run, operation) : run.servers.has(run.lane[e]) ? `${run.lanes[run.lane[e]].name} ${shortText(run, e)}` : run.kind(e);
    const heading = element("h2", "");
    if (message >= 0) {
      const swatch = element("i", "line");
      swatch.style.background = `var(--msg-${this.arrows.colours[run.messages.type[message]]})`;
      heading.append(swatch);
    }
    heading.append(element("span", "headline", visible(title, 120)));
    const close = element("button", "close", "×");
    close.title = "Unpin (Esc)";
    close.addEventListener("click", () => this.act.unpin());
    heading.append(close);
    const made = [heading];
    if (e === run.failed || e === blockedEvent(run)) made.push(...this.about(e));
    if (message >= 0) made.push(this.messageLine(message), this.course(id, e), ...this.fates(message));
    else if (operation >= 0) made.push(this.course(id, e));
    made.push(...this.eventFields(e), ...this.serverAfter(e));
    if (id >= 0) made.push(...this.family(id, e));
    else made.push(...this.causes(run.parent[e] >= 0 ? [run.parent[e], ...run.ancestors(run.parent[e])] : [], e));
    return made;
  }

  /** The events that the failure is about. @param {number} pinned the failure, or the operation without a place */
  about(pinned) {
    const { run } = this;
    const about = run.failureAbout();
    if (!about || about.events.length === 0) return [];
    // From an operation the key U goes to its answer, and from what a message has caused it goes to the message.
    const step = pinned === run.failed && run.parent[pinned] < 0 ? about.stepFrom(pinned) : -1;
    const list = element("ol", "around");
    for (const e of about.events) list.append(this.line(e, e === step ? "here" : ""));
    const made = [element("h3", "", about.title), list];
    if (step >= 0) made.push(element("p", "hint", "The key ", element("kbd", "", "U"), " goes to the marked one."));
    return made;
  }

  /** A line of a list of events: the lane, the time, and the words. @param {number} e @param {string} className */
  line(e, className) {
    const { run } = this;
    const place = element("small", "", run.lanes[run.lane[e]].name, element("br", ""), formatTime(run.t[e]));
    return element("li", className, place, this.link(e, visible(shortText(run, e), 140)));
  }

  /** The state of the server of an event, after the event. @param {number} e */
  serverAfter(e) {
    const { run } = this;
    const lane = run.lane[e];
    const rows = stateRows(run, lane, e);
    if (rows.length === 0) return [];
    const list = element("dl", "fields");
    for (const [name, value] of rows) list.append(element("dt", "", name), element("dd", "", visible(value, 200)));
    return [element("h3", "", `${run.lanes[lane].name} after it`), list];
  }

  /** @param {number} m */
  messageLine(m) {
    const { run } = this;
    const to = run.messages.to[m] >= 0 ? run.lanes[run.messages.to[m]].name : "no server";
    const line = element("p", "", element("b", "", `${run.lanes[run.messages.from[m]].name} → ${to}`), ` ${visible(fateOf(run, m), 90)}`);
    return line;
  }

  /**
   * All events of a message or operation, each with the time since the first of them.
   * @param {number} id @param {number} pinned
   */
  course(id, pinned) {
    const { run } = this;
    const list = element("ol", "course");
    const events = run.ofId(id);
    for (const e of events.subarray(0, 40)) {
      const after = run.t[e] - run.t[events[0]];
      const item = element("li", e === pinned ? "now" : "");
      item.append(element("small", "", after === 0 ? formatTime(run.t[e]) : `+${formatDuration(after)}`), this.link(e, visible(stepText(run, e), 240)));
      list.append(item);
    }
    return list;
  }

  /** @param {number} e */
  eventFields(e) {
    const { run } = this;
    const list = element("dl", "fields");
    const add = (/** @type {string} */ name, /** @type {(Node | string)[]} */ ...value) => {
      list.append(element("dt", "", visible(name, 40)), element("dd", "", ...value));
    };
    add("event", `${run.kind(e)}${run.cause(e) ? `, ${visible(run.cause(e), 80)}` : ""}`);
    add("at", formatTime(run.t[e]), ` · ${run.lanes[run.lane[e]].name}`);
    const thread = run.threads.get(run.thread[e]);
    if (thread && run.field(e, "thread") === undefined) add("thread", visible(thread, 60));
    // The message of the failure is above, under "why it failed".
    const fields = e === run.failed ? run.fields(e).filter(([name]) => name !== "message") : run.fields(e);
    for (const [name, value] of fields) add(name === "inc" ? "life" : name, element("code", "", ...longText(valueText(value))));
    if (run.id[e] >= 0) add("id", `#${run.ids[run.id[e]]}`);
    return [list];
  }

  /** What caused a message or operation, and what it has caused. @param {number} id @param {number} pinned */
  family(id, pinned) {
    const { run } = this;
    const made = this.causes(run.ancestors(id), pinned);
    const children = [...run.ofParent(id)].filter((e) => !/^(rpc\.(?!sent)|raft\.request)/.test(run.kind(e)) && (run.kind(e) !== "persister.save" || run.field(e, "term") !== undefined));
    if (children.length > 0) {
      made.push(element("h3", "", "In its course"));
      const list = element("ul", "family");
      for (const e of children.slice(0, 25)) {
        const text = run.id[e] >= 0 && run.messageOf[run.id[e]] >= 0 ? messageText(run, run.messageOf[run.id[e]]) : `${run.lanes[run.lane[e]].name} ${shortText(run, e)}`;
        list.append(element("li", "", this.link(e, visible(text, 100))));
      }
      if (children.length > 25) list.append(element("li", "", `and ${plural(children.length - 25, "other")}`));
      made.push(list);
    }
    return made;
  }

  /**
   * @param {number[]} ids from the nearest cause to the first
   * @param {number} pinned the event whose causes these are
   */
  causes(ids, pinned) {
    const { run } = this;
    const known = ids.filter((id) => run.ofId(id).length > 0);
    // What no message has caused has a cause on its own server.
    const first = known.length > 0 ? run.ofId(known[known.length - 1])[0] : run.id[pinned] >= 0 ? run.ofId(run.id[pinned])[0] : pinned;
    const own = run.ownCause(first);
    if (known.length === 0 && own < 0) return [];
    const list = element("ul", "family");
    for (const id of known.slice(0, 12)) {
      const [m, op] = [run.messageOf[id], run.operationOf[id]];
      const text = m >= 0 ? messageText(run, m) : op >= 0 ? `${run.lanes[run.operations.lane[op]].name} ${operationText(run, op)}` : `#${run.ids[id]}`;
      list.append(element("li", "", this.link(run.ofId(id)[0], visible(text, 100))));
    }
    if (own >= 0) list.append(element("li", "", this.link(own, visible(`${run.lanes[run.lane[own]].name} ${shortText(run, own)}`, 100))));
    return [element("h3", "", "Caused by"), list];
  }

  /**
   * The events before and after an event. Hidden events are left out.
   * @param {number} e @param {number} pinned
   */
  around(e, pinned) {
    const { run, filter } = this;
    const before = [];
    for (let at = filter.next(e + 1, -1, false); at >= 0 && before.length <= AROUND; at = filter.next(at, -1, false)) before.push(at);
    const after = [];
    for (let at = filter.next(e, 1, false); at >= 0 && after.length < AROUND; at = filter.next(at, 1, false)) after.push(at);
    const list = element("ol", "around");
    for (const at of [...before.reverse(), ...after]) {
      list.append(this.line(at, at === pinned ? "now" : at === e ? "here" : ""));
    }
    return [element("h2", "", "Events around"), list];
  }

  hint() {
    return [element("p", "hint", "Point at the picture to see the state of every server at that time. Click a message, a mark or a bar to see everything about it. , and . go from event to event.")];
  }
}

/**
 * A replay line with another fate of a message. The changed run is not the recorded one, so the line does not
 * say which trace it must have.
 * @param {string} replay @param {string} fate
 */
function withFate(replay, fate) {
  const line = replay.replace(/LAB_EXPECT=\S+ /, "");
  if (line.includes("LAB_FATES=")) return line.replace(/LAB_FATES=\S+/, (old) => `${old},${fate}`);
  return line.replace("cargo test", `LAB_FATES=${fate} cargo test`);
}

/**
 * A button that copies a text. After a click it shows the text, because a browser may refuse to copy.
 * @param {string} title @param {() => string} text
 */
function copyButton(title, text) {
  const button = element("button", "copy", title);
  button.addEventListener("click", () => {
    const shown = element("code", "lines", text());
    button.parentElement?.querySelector("code")?.remove();
    button.parentElement?.append(shown);
    getSelection()?.selectAllChildren(shown);
    navigator.clipboard?.writeText(text()).catch(() => {});
  });
  return button;
}

/**
 * The state of a server after an event, as names and values. What the server has saved is there, too, and
 * what a leader knows about the logs of the others.
 * @param {Run} run @param {number} lane @param {number} e @returns {[string, string][]}
 */
function stateRows(run, lane, e) {
  const state = run.state(lane, e);
  if (!state) return [];
  /** @type {[string, string][]} */
  const rows = [["role", `${state.alive ? ROLES[state.role] : "down"}${state.term > 0 ? `, term ${state.term}` : ""}`]];
  rows.push(["vote", state.vote >= 0 ? run.mate(lane, state.vote) : "none"]);
  if (state.run !== -2) {
    const start = state.start > 0 ? `, snapshot ${state.start}${state.startTerm > 0 ? ` of term ${state.startTerm}` : ""}` : "";
    rows.push(["log", `${state.last > state.start ? `${state.start + 1} to ${state.last}` : "no entries"}${start}`]);
    rows.push(["committed", `${state.commit}, applied ${state.apply}`]);
  }
  const save = run.savedAt(lane, e);
  if (save >= 0) rows.push(["saved", `${shortText(run, save).replace("saves: ", "")} (at ${formatTime(run.t[save])})`]);
  for (const [peer, at] of run.progressAt(lane, e)) {
    rows.push([`of ${run.mate(lane, peer)}`, `matchIndex ${run.field(at, "match_index")}, nextIndex ${run.field(at, "next_index")}`]);
  }
  return rows;
}
