// @ts-check
"use strict";
// The run of the page: the events in columns, the events of each message or operation, and the states of the
// servers. The code refers to an event by its number. It refers to a message or operation by the place of its
// id in the list of ids. The number -1 means "none".

/** @typedef {{ name: string, kind: "test" | "server" | "client", group: number, index: number }} Lane */
/**
 * @typedef {object} Band
 * @property {number} from @property {number | null} to
 * @property {string} kind @property {string} text
 * @property {number | null} lane @property {number[]} [sides]
 */
/**
 * @typedef {object} State
 * @property {boolean} alive
 * @property {number} role 0: unknown, 1: follower, 2: candidate, 3: leader
 * @property {number} term @property {number} vote
 * @property {number} run the number of the log's last term run in `tree`; -1: no entries, -2: unknown
 * @property {number} last @property {number} start @property {number} startTerm
 * @property {number} commit @property {number} apply
 */

/**
 * Neighbouring indexes of the logs of a group, at which each server has one term, or -1 if it has no entry.
 * `clash` says whether two servers have different terms, `missing` whether only some servers have entries.
 * @typedef {{ from: number, to: number, terms: number[], clash: boolean, missing: boolean }} LogPart
 */

const ROLES = ["unknown", "follower", "candidate", "leader"];
// The kinds of important events. The reader can go from one important event to the next.
const LANDMARKS = /^(test\.|fault\.(?!connect)|net\.|check\.|raft\.truncate$)/;

class Run {
  /** @param {any} wire */
  constructor(wire) {
    Object.assign(this, { test: wire.test, seed: wire.seed, clock: wire.clock, before: wire.before, after: wire.after });
    /** @type {string[]} */
    this.notes = wire.notes;
    /** The command that repeats the run, or "". @type {string} */
    this.replay = wire.replay ?? "";
    /** The usual reasons of the failure: a title, and a line for each reason. @type {string[]} */
    this.hints = wire.hints ?? [];
    /** @type {Lane[]} */
    this.lanes = wire.lanes;
    /** @type {Map<number, string>} */
    this.threads = new Map(wire.threads);
    /** @type {number[]} */
    this.ids = wire.ids;
    /** What the commands in the logs are, by their digests. @type {Map<string, string>} */
    this.commands = new Map(wire.commands ?? []);
    this.takeEvents(wire.events);
    /** @type {Record<string, Int32Array>} */
    this.messages = {};
    for (const name of ["type", "id", "from", "to", "sent", "delivered", "answered", "replied", "dropped", "failed"]) {
      this.messages[name] = Int32Array.from(wire.messages[name]);
    }
    /** @type {string[]} */
    this.types = wire.messages.types;
    /** @type {Record<string, Int32Array>} */
    this.operations = {};
    for (const name of ["id", "lane", "call", "ret"]) this.operations[name] = Int32Array.from(wire.operations[name]);
    this.messageOf = this.places(this.messages.id);
    this.operationOf = this.places(this.operations.id);
    /** @type {Band[]} */
    this.bands = wire.bands;
    /** The text of the band that begins at an event. @type {Map<number, string>} */
    this.bandText = new Map(this.bands.map((band) => [band.from, band.text]));
    this.tree = Float64Array.from(wire.runs);
    /** The servers, by lane. @type {Map<number, any>} */
    this.servers = new Map(wire.servers.map((/** @type {any} */ server) => [server.lane, server]));
    /** @type {number} */
    this.failed = wire.failed;
    /** Does a page of the history of the clients lie beside this page? */
    this.history = wire.history === true;
    /** @type {{ at: number, operation: number } | null} */
    this.verdict = wire.verdict;
    this.from = this.size > 0 ? this.t[0] : 0;
    this.to = this.size > 0 ? this.t[this.size - 1] : 1e9;
    this.findParents();
    this.findTerms();
    this.landmarks = this.findLandmarks();
    /** What the failure is about; null if the run has not failed. It is made once. */
    this.failureAbout = once(() => (this.failed >= 0 ? new About(this) : null));
  }

  /** @param {any} wire */
  takeEvents(wire) {
    const n = wire.dt.length;
    this.size = n;
    this.t = new Float64Array(n);
    for (let e = 0, now = 0; e < n; e += 1) this.t[e] = now += wire.dt[e];
    this.thread = Float64Array.from(wire.thread);
    this.lane = Int32Array.from(wire.lane);
    this.shape = Int32Array.from(wire.shape);
    this.causeOf = Int32Array.from(wire.cause);
    this.id = Int32Array.from(wire.id);
    this.parent = Int32Array.from(wire.parent);
    this.values = wire.values;
    /** @type {string[][]} */
    this.shapes = wire.shapes;
    /** @type {string[]} */
    this.causes = wire.causes;
    this.valueAt = new Int32Array(n + 1);
    for (let e = 0; e < n; e += 1) this.valueAt[e + 1] = this.valueAt[e] + this.shapes[this.shape[e]].length - 1;
    /** @type {Map<string, number>} */
    const counts = new Map();
    for (let e = 0; e < n; e += 1) counts.set(this.kind(e), (counts.get(this.kind(e)) ?? 0) + 1);
    this.kinds = [...counts].map(([name, count]) => ({ name, count })).sort((a, b) => (a.name < b.name ? -1 : 1));
    const placeOf = new Map(this.kinds.map(({ name }, place) => [name, place]));
    const ofShape = this.shapes.map(([kind]) => placeOf.get(kind) ?? 0);
    this.kindOf = this.shape.map((shape) => ofShape[shape]);
  }

  /** For each id, its place in a column of ids. @param {Int32Array} column */
  places(column) {
    const places = new Int32Array(this.ids.length).fill(-1);
    for (let i = 0; i < column.length; i += 1) if (column[i] >= 0) places[column[i]] = i;
    return places;
  }

  /** @param {number} e */
  kind(e) {
    return this.shapes[this.shape[e]][0];
  }

  /** @param {number} e */
  cause(e) {
    return e < 0 ? "" : this.causes[this.causeOf[e]];
  }

  /**
   * The value of a field; undefined if the event does not have the field.
   * @param {number} e @param {string} name
   */
  field(e, name) {
    if (e < 0) return undefined;
    const at = this.shapes[this.shape[e]].indexOf(name, 1);
    return at < 0 ? undefined : this.values[this.valueAt[e] + at - 1];
  }

  /** @param {number} e @returns {[string, any][]} */
  fields(e) {
    return this.shapes[this.shape[e]].slice(1).map((name, i) => [name, this.values[this.valueAt[e] + i]]);
  }

  /** The last event at or before this time; -1 if there is none. @param {number} time */
  at(time) {
    return firstIndex(0, this.size, (e) => this.t[e] > time) - 1;
  }

  // ---- events that belong together ----

  /**
   * Sorts events by a column of ids. Returns the place at which each id's events begin, and the sorted
   * events.
   * @param {Int32Array} column
   */
  gather(column) {
    const begin = new Int32Array(this.ids.length + 1);
    for (const id of column) if (id >= 0) begin[id + 1] += 1;
    for (let i = 1; i < begin.length; i += 1) begin[i] += begin[i - 1];
    const free = begin.slice();
    const events = new Int32Array(begin[begin.length - 1]);
    for (let e = 0; e < column.length; e += 1) if (column[e] >= 0) events[free[column[e]]++] = e;
    return { begin, events };
  }

  /** All events with an id, in the order of time. @param {number} id */
  ofId(id) {
    this.byId ??= this.gather(this.id);
    return id < 0 ? new Int32Array(0) : this.byId.events.subarray(this.byId.begin[id], this.byId.begin[id + 1]);
  }

  /** All events that happened during the message or operation with this id. @param {number} id */
  ofParent(id) {
    this.byParent ??= this.gather(this.parent);
    return id < 0 ? new Int32Array(0) : this.byParent.events.subarray(this.byParent.begin[id], this.byParent.begin[id + 1]);
  }

  findParents() {
    this.parentOf = new Int32Array(this.ids.length).fill(-1);
    for (let e = 0; e < this.size; e += 1) {
      const id = this.id[e];
      if (id >= 0 && this.parent[e] >= 0 && this.parentOf[id] < 0) this.parentOf[id] = this.parent[e];
    }
    // The first cause in the chain of causes of each id. If a chain leads back to itself, the loop stops
    // after some steps.
    this.rootOf = Int32Array.from(this.parentOf, (_, id) => {
      let root = id;
      for (let steps = 0; steps < 64 && this.parentOf[root] >= 0; steps += 1) root = this.parentOf[root];
      return root;
    });
  }

  /**
   * The ids of what caused this message or operation, from the nearest cause to the first.
   * @param {number} id
   */
  ancestors(id) {
    const found = [];
    for (let up = this.parentOf[id]; up >= 0 && found.length < 32; up = this.parentOf[up]) found.push(up);
    return found;
  }

  // ---- servers ----

  /** The state of a server after an event. @param {number} lane @param {number} e @returns {State | null} */
  state(lane, e) {
    const s = this.servers.get(lane);
    if (!s) return null;
    const i = firstIndex(0, s.at.length, (k) => s.at[k] > e) - 1;
    return i < 0 ? null : this.stateOf(s, i);
  }

  /** @param {any} s @param {number} i @returns {State} */
  stateOf(s, i) {
    return {
      alive: s.alive[i] === 1,
      role: s.role[i],
      term: s.term[i],
      vote: s.vote[i],
      run: s.run[i],
      last: s.last[i],
      start: s.start[i],
      startTerm: s.startTerm[i],
      commit: s.commit[i],
      apply: s.apply[i],
    };
  }

  /**
   * The terms of the log entries from lo to hi, as sequences of entries of one term. The last sequence comes
   * first.
   * @param {State} state @param {number} lo @param {number} hi
   * @returns {{ term: number, from: number, to: number }[]}
   */
  entries(state, lo, hi) {
    const found = [];
    let end = state.last;
    for (let run = state.run; run >= 0 && end >= lo && end > state.start; run = this.tree[3 * run + 2]) {
      const from = Math.max(this.tree[3 * run + 1], state.start + 1);
      if (from <= hi && from <= end) found.push({ term: this.tree[3 * run], from: Math.max(from, lo), to: Math.min(end, hi) });
      end = Math.min(end, this.tree[3 * run + 1] - 1);
    }
    return found;
  }

  /**
   * The events of a server that satisfy a test, in the order of time. They are collected once.
   * @param {string} name of the collection @param {number} lane @param {(e: number) => boolean} wanted
   */
  collected(name, lane, wanted) {
    /** @type {Map<string, Map<number, number[]>>} */
    this.collections ??= new Map();
    let all = this.collections.get(name);
    if (!all) {
      all = new Map();
      for (let e = 0; e < this.size; e += 1) {
        if (!wanted(e)) continue;
        const list = all.get(this.lane[e]);
        if (list) list.push(e);
        else all.set(this.lane[e], [e]);
      }
      this.collections.set(name, all);
    }
    return all.get(lane) ?? [];
  }

  /**
   * What is in a log entry of a server after an event: the text of its command. Without a text it is empty.
   * @param {number} lane @param {number} e @param {number} index
   */
  entryText(lane, e, index) {
    if (this.commands.size === 0) return "";
    this.entryKinds ??= this.kinds.map(({ name }) => /^(raft\.(append|restore)|apply)$/.test(name));
    const { entryKinds } = this;
    const made = this.collected("entries", lane, (one) => entryKinds[this.kindOf[one]]);
    const before = firstIndex(0, made.length, (k) => made[k] > e);
    for (let k = before - 1; k >= 0 && k >= before - 20_000; k -= 1) {
      const one = made[k];
      const kind = this.kind(one);
      const of = (/** @type {string} */ name) => Number(this.field(one, name) ?? -1);
      if (kind === "apply") {
        if (of("index") === index) return this.commands.get(shortDigest(String(this.field(one, "command")))) ?? "";
        continue;
      }
      const first = kind === "raft.append" ? of("first") : of("last_included_index") + 1;
      if (index >= first && index <= of("last")) return this.commandText(one, index - first);
      if (kind === "raft.restore") return "";
    }
    return "";
  }

  /** The text of one of the commands that an event lists. @param {number} e @param {number} place */
  commandText(e, place) {
    const list = this.field(e, "commands");
    // A digest has eight characters, and a comma follows it.
    return typeof list === "string" ? (this.commands.get(list.slice(9 * place, 9 * place + 8)) ?? "") : "";
  }

  /** The texts of the first commands that an event lists. @param {number} e @param {number} most */
  commandTexts(e, most) {
    const list = this.field(e, "commands");
    if (typeof list !== "string" || list === "" || this.commands.size === 0) return [];
    const count = Math.round((list.length + 1) / 9);
    const texts = Array.from({ length: Math.min(count, most) }, (_, place) => this.commandText(e, place)).filter((text) => text);
    return texts.length > 0 && count > most ? [...texts, `${count - most} more`] : texts;
  }

  /**
   * The last save of a server up to an event whose content is known; -1 if there is none.
   * @param {number} lane @param {number} e
   */
  savedAt(lane, e) {
    const saves = this.collected("saves", lane, (one) => this.kind(one) === "persister.save" && this.field(one, "term") !== undefined);
    return saves[firstIndex(0, saves.length, (k) => saves[k] > e) - 1] ?? -1;
  }

  /**
   * What a leader knows about the logs of the others after an event: the last event of each that says it.
   * @param {number} lane @param {number} e
   */
  progressAt(lane, e) {
    const said = this.collected("progress", lane, (one) => this.kind(one) === "rpc.replied" && this.field(one, "match_index") !== undefined);
    const leads = this.leadsSince(lane, e);
    /** @type {Map<number, number>} */
    const found = new Map();
    if (leads < 0) return found;
    for (let k = firstIndex(0, said.length, (i) => said[i] > e) - 1; k >= 0 && said[k] >= leads; k -= 1) {
      const peer = Number(this.field(said[k], "peer"));
      if (!found.has(peer)) found.set(peer, said[k]);
    }
    return new Map([...found].sort(([a], [b]) => a - b));
  }

  /**
   * The event with which a server became the leader, if it still leads after event `e`; otherwise -1.
   * @param {number} lane @param {number} e
   */
  leadsSince(lane, e) {
    if (this.state(lane, e)?.role !== 3) return -1;
    const roles = this.collected("roles", lane, (one) => this.kind(one) === "raft.role");
    const last = roles[firstIndex(0, roles.length, (k) => roles[k] > e) - 1] ?? -1;
    return this.field(last, "role") === "leader" ? last : -1;
  }

  // ---- why a server decided something ----

  /** The request of Raft that a message carries; -1 if it is not known. @param {number} id of the message */
  requestOf(id) {
    const found = id < 0 ? undefined : [...this.ofId(id).subarray(0, 8)].find((e) => this.kind(e) === "raft.request");
    return found ?? -1;
  }

  /** The other servers of the group of a lane. @param {number} lane */
  mates(lane) {
    return (this.groups().find((lanes) => lanes.includes(lane)) ?? []).filter((other) => other !== lane);
  }

  /**
   * The servers whose replies to a server say yes, among the replies that have come before an event.
   * @param {number} lane of the server @param {number} e
   * @param {string} rpc @param {(reply: number, request: number) => boolean} wanted
   */
  saidYes(lane, e, rpc, wanted) {
    const since = rpc === "AppendEntries" ? this.leadsSince(lane, e) : 0;
    return this.mates(lane).filter((mate) => {
      const replies = this.collected("replies", mate, (one) => this.kind(one) === "raft.reply");
      const end = firstIndex(0, replies.length, (k) => replies[k] > e);
      for (let k = end - 1, steps = 0; k >= 0 && replies[k] >= since && steps < 400; k -= 1, steps += 1) {
        const reply = replies[k];
        const m = this.id[reply] >= 0 ? this.messageOf[this.id[reply]] : -1;
        if (m < 0 || this.messages.from[m] !== lane || this.field(reply, "rpc") !== rpc) continue;
        const replied = this.messages.replied[m];
        const came = replied >= 0 && (replied <= e || this.id[reply] === this.parent[e]);
        if (came && wanted(reply, this.requestOf(this.id[reply]))) return true;
      }
      return false;
    });
  }

  /** Does the trace have the replies of Raft? Without them, nothing is known about votes and copies. */
  get hasReplies() {
    return this.kinds.some(({ name }) => name === "raft.reply");
  }

  /** How many servers voted for a new leader, for example `3 of 5 votes`; "" if it is not known. @param {number} e */
  votesText(e) {
    const lane = this.lane[e];
    if (!this.hasReplies || !this.servers.has(lane)) return "";
    const term = this.field(e, "term");
    const yes = this.saidYes(lane, e, "RequestVote", (reply, request) => this.field(reply, "vote_granted") === true && this.field(request, "term") === term);
    const own = this.state(lane, e)?.vote === this.lanes[lane].index ? 1 : 0;
    const all = this.mates(lane).length + 1;
    return yes.length + own > 0 ? `${yes.length + own} of ${all} votes` : "";
  }

  /** On which servers a leader knew an entry when it committed it, for example `on S0 S2`; else "". @param {number} e */
  copiesText(e) {
    const lane = this.lane[e];
    if (!this.hasReplies || this.leadsSince(lane, e) < 0) return "";
    const index = Number(this.field(e, "index"));
    const yes = this.saidYes(lane, e, "AppendEntries", (reply, request) => {
      const of = (/** @type {string} */ name) => Number(this.field(request, name) ?? 0);
      return this.field(reply, "success") === true && of("prev_log_index") + of("entries") >= index;
    });
    const names = [lane, ...yes].sort((a, b) => a - b).map((one) => this.lanes[one].name);
    return `on ${names.join(" ")}`;
  }

  /**
   * The ends of the logs that a server compared when it voted, as index/term, for example
   * `its log 5/1, own 6/2`; "" if they are not known.
   * @param {number} e
   */
  comparedText(e) {
    const lane = this.lane[e];
    const request = this.requestOf(this.parent[e]);
    const [index, term] = [this.field(request, "last_log_index"), this.field(request, "last_log_term")];
    const state = this.state(lane, e);
    if (index === undefined || term === undefined || !state || state.run === -2) return "";
    const own = state.last > state.start ? (this.entries(state, state.last, state.last)[0]?.term ?? 0) : state.startTerm;
    return `its log ${index}/${term}, own ${state.last}/${own}`;
  }

  /**
   * Has this event set the commit index of its server back? Then the index before it; otherwise -1.
   * @param {number} e
   */
  commitBefore(e) {
    const before = this.kind(e) === "raft.commit" ? (this.state(this.lane[e], e - 1)?.commit ?? 0) : 0;
    return before > Number(this.field(e, "index")) ? before : -1;
  }

  /**
   * Why a server did something that no message has caused: the event of the same server because of which it
   * happened, or -1. An AppendEntries goes back to the entries that it brings, or to the election of the
   * leader; a RequestVote to the candidate's timeout; a timeout to the last time that the server heard from a
   * leader, or gave its vote.
   * @param {number} e
   */
  ownCause(e) {
    const lane = this.lane[e];
    if (!this.servers.has(lane)) return -1;
    const back = (/** @type {(one: number) => boolean} */ wanted) => {
      for (let one = e - 1; one >= 0; one -= 1) {
        if (this.lane[one] !== lane) continue;
        if (wanted(one)) return one;
        if (this.kind(one) === "fault.restart") return one;
      }
      return -1;
    };
    const id = this.id[e];
    const m = id >= 0 ? this.messageOf[id] : -1;
    const role = (/** @type {number} */ one, /** @type {string} */ name) => this.kind(one) === "raft.role" && this.field(one, "role") === name;
    if (m >= 0 && this.messages.from[m] === lane) {
      const asked = [...this.ofId(id).subarray(0, 8)].find((one) => this.kind(one) === "raft.request");
      const rpc = asked === undefined ? "" : this.field(asked, "rpc");
      if (rpc === "RequestVote") return back((one) => role(one, "candidate"));
      if (rpc === "AppendEntries" && asked !== undefined && Number(this.field(asked, "entries")) > 0) {
        const last = Number(this.field(asked, "prev_log_index")) + Number(this.field(asked, "entries"));
        return back((one) => role(one, "leader") || (this.kind(one) === "raft.append" && Number(this.field(one, "last")) >= last && Number(this.field(one, "first")) <= last));
      }
      return rpc ? back((one) => role(one, "leader")) : -1;
    }
    if (role(e, "candidate")) {
      const { index } = this.lanes[lane];
      return back((one) => (this.kind(one) === "raft.vote" && this.cause(one) === "granted" && this.field(one, "candidate") !== index) || (this.kind(one) === "rpc.delivered" && /AppendEntries|InstallSnapshot/.test(String(this.field(one, "method")))) || this.kind(one) === "raft.role");
    }
    return -1;
  }

  /** Finds the term of each event; -1 if an event belongs to no term. */
  findTerms() {
    this.termOf = new Int32Array(this.size).fill(-1);
    const next = new Map([...this.servers].map(([lane]) => [lane, 0]));
    for (let e = 0; e < this.size; e += 1) {
      const said = this.field(e, "term");
      const s = this.servers.get(this.lane[e]);
      if (typeof said === "number") this.termOf[e] = said;
      else if (s) {
        let i = next.get(this.lane[e]) ?? 0;
        while (i < s.at.length && s.at[i] <= e) i += 1;
        next.set(this.lane[e], i);
        if (i > 0) this.termOf[e] = s.term[i - 1];
      }
    }
  }

  findLandmarks() {
    const wanted = this.kinds.map(({ name }) => LANDMARKS.test(name));
    const found = [];
    for (let e = 0; e < this.size; e += 1) {
      if (wanted[this.kindOf[e]]) found.push(e);
      else if (this.kind(e) === "raft.role" && this.field(e, "role") === "leader") found.push(e);
    }
    return found;
  }

  /**
   * The name of the server with this index in the group to which the lane belongs.
   * @param {number} lane @param {number} index
   */
  mate(lane, index) {
    const { group } = this.lanes[lane];
    const found = this.lanes.find((other) => other.kind === "server" && other.group === group && other.index === index);
    return found?.name ?? `server ${index}`;
  }

  // ---- where logs differ ----

  /**
   * The logs of some servers after an event, from the lowest index to the highest: parts in which each server
   * has one term. A part also ends where the log, the committed part or the applied part of a server ends.
   * @param {number[]} lanes @param {(State | null)[]} states @returns {LogPart[]}
   */
  logParts(lanes, states) {
    /** @type {{ term: number, from: number, to: number }[][]} */
    const logs = states.map((state) => (state && state.run !== -2 ? this.entries(state, 1, Infinity).reverse() : []));
    const edges = new Set([1]);
    for (const [i, state] of states.entries()) {
      for (const { from, to } of logs[i]) edges.add(from).add(to + 1);
      if (state && state.run !== -2) edges.add(state.last + 1).add(state.start + 1).add(state.commit + 1).add(state.apply + 1);
    }
    const sorted = [...edges].sort((a, b) => a - b);
    const next = new Int32Array(lanes.length);
    const parts = [];
    for (let k = 0; k + 1 < sorted.length; k += 1) {
      const [from, to] = [sorted[k], sorted[k + 1] - 1];
      const terms = logs.map((log, i) => {
        while (next[i] < log.length && log[next[i]].to < from) next[i] += 1;
        const run = log[next[i]];
        return run && run.from <= from ? run.term : -1;
      });
      const here = terms.filter((term) => term >= 0);
      const missing = states.some((state, i) => terms[i] < 0 && state && state.run !== -2 && state.start < from);
      parts.push({ from, to, terms, clash: here.some((term) => term !== here[0]), missing: missing && here.length > 0 });
    }
    return parts;
  }

  /** The servers of each group. @returns {number[][]} */
  groups() {
    /** @type {Map<number, number[]>} */
    const groups = new Map();
    for (const lane of this.servers.keys()) {
      if (this.lanes[lane].kind !== "server") continue;
      const { group } = this.lanes[lane];
      groups.set(group, [...(groups.get(group) ?? []), lane]);
    }
    return [...groups.values()];
  }

  /**
   * The first index at which two servers of a group have committed entries of different terms, and the
   * servers that have each term. Null if there is no such index.
   * @param {number} e @returns {{ index: number, terms: Map<number, number[]> } | null}
   */
  brokenCommit(e) {
    for (const lanes of this.groups()) {
      const states = lanes.map((lane) => this.state(lane, e));
      for (const { from, terms } of this.logParts(lanes, states)) {
        /** @type {Map<number, number[]>} */
        const found = new Map();
        for (const [i, term] of terms.entries()) {
          if (term >= 0 && from <= (states[i]?.commit ?? 0)) found.set(term, [...(found.get(term) ?? []), lanes[i]]);
        }
        if (found.size > 1) return { index: from, terms: found };
      }
    }
    return null;
  }

  // ---- search ----

  /**
   * What a search visits. If all events of a message match, the text is about the message as a whole. Then
   * only its first event stays in the list. @param {number[]} found @param {Uint8Array} shown
   */
  onceEach(found, shown) {
    const counts = new Int32Array(this.ids.length);
    for (const e of found) if (this.id[e] >= 0) counts[this.id[e]] += 1;
    /** @type {Map<number, number>} */
    const firsts = new Map();
    return found.filter((e) => {
      const id = this.id[e];
      if (id < 0 || this.messageOf[id] < 0) return true;
      let first = firsts.get(id);
      if (first === undefined) {
        const all = this.ofId(id).filter((one) => shown[one]);
        const sent = this.messages.sent[this.messageOf[id]];
        first = all.length > 1 && counts[id] === all.length ? (shown[sent] ? sent : e) : -1;
        firsts.set(id, first);
      }
      return first < 0 || first === e;
    });
  }

  /**
   * The shown events that the search finds. Usually these are the events that contain the searched text as a
   * whole. If there are none, they are the events that contain each word of it. A text in double quotes is
   * found only as it is, from the beginning of a word to the end of a word.
   * @param {string} query @param {Uint8Array} shown
   */
  find(query, shown) {
    // The picture writes the reason of many losses once, with their number. The events have only the reason.
    const asked = searchable(query).replace(/^\d+ (?=lost )/i, "");
    if (!asked) return [];
    const time = /^(\d+\.\d+) ?s?$/.exec(asked)?.[1];
    const at = (/** @type {number} */ e) => time !== undefined && searchable(formatTime(this.t[e])).startsWith(time);
    if (!this.texts) {
      this.drawnTo = new Int32Array(this.size);
      const { drawnTo } = this;
      this.texts = Array.from({ length: this.size }, (_, e) => {
        drawnTo[e] = searchable(drawnText(this, e)).length;
        return searchable(eventText(this, e)).toLowerCase();
      });
    }
    const { texts } = this;
    const all = (/** @type {((small: string, text: () => string) => boolean)[]} */ tests) => {
      this.tests = tests;
      const found = [];
      for (let e = 0; e < this.size; e += 1) {
        if (!shown[e]) continue;
        const text = () => searchable(eventText(this, e));
        if (at(e) || tests.every((test) => test(texts[e], text))) found.push(e);
      }
      return found;
    };
    const quoted = [...query.matchAll(/"([^"]+)("|$)/g)].map(([, phrase]) => searchable(phrase)).filter((phrase) => phrase);
    if (quoted.length > 0) {
      const rest = searchable(query.replace(/"[^"]*("|$)/g, " "));
      const found = all([...quoted.map((phrase) => containsPart(phrase, true)), ...rest.split(" ").filter((word) => word).map((word) => containsPart(word))]);
      if (found.length > 0) return found;
    }
    const whole = all([containsPart(asked)]);
    return whole.length > 0 || !asked.includes(" ") || quoted.length > 0 ? whole : all(asked.split(" ").map((part) => containsPart(part)));
  }

  /** Did the search find this event by the words that the picture has? @param {number} e */
  isDrawn(e) {
    const text = this.texts?.[e].slice(0, this.drawnTo?.[e]) ?? "";
    return (this.tests ?? []).every((test) => test(text, () => searchable(drawnText(this, e))));
  }

  /** Does a text contain what the last search looked for, or a word of it? @param {string} text */
  asked(text) {
    return (this.tests ?? []).some((test) => test(text.toLowerCase(), () => text));
  }
}
