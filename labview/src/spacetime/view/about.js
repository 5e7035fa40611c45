// @ts-check
"use strict";
// What a failure is about. The message of a failure names servers, a log index, a key, a command or a value.
// This file finds the last events before the failure that are about them.

/**
 * What the message of the failure names.
 * @typedef {object} Names
 * @property {number[]} lanes the servers
 * @property {number} index the log index, or 0
 * @property {string} key of the key/value service, or ""
 * @property {string} command the text of a command, or ""
 * @property {string} value what a client has read, or ""
 */

const MOST_ABOUT = 6;

class About {
  /** @param {Run} run */
  constructor(run) {
    this.run = run;
    const blocked = blockedEvent(run);
    /** The events before this one count. */
    this.end = blocked >= 0 ? blocked : run.failed;
    this.names = this.read(blocked);
    /** The server to which the failure belongs: its own, or the only one that it names. */
    this.lane = run.servers.has(run.lane[run.failed]) ? run.lane[run.failed] : this.names.lanes.length === 1 ? this.names.lanes[0] : -1;
  }

  /** @param {number} blocked the operation that has no place, or -1 @returns {Names} */
  read(blocked) {
    const { run } = this;
    const message = valueText(run.field(run.failed, "message") ?? "")
      .slice(0, 2000)
      .replace(/\(at [^()]*:\d+\)/g, "");
    // The states of all servers can follow after a semicolon.
    const [said] = message.split(";", 1);
    const lanes = [...run.servers.keys()].filter((lane) => run.lanes[lane].kind === "server");
    const group = run.groups().length === 1;
    const numbers = new Set([...said.matchAll(/\b(?:server|leader|peer|follower)[ =]+(\d+)\b/gi)].map(([, n]) => Number(n)));
    const words = new Set(said.match(/[A-Za-z]\w*/g) ?? []);
    const own = run.lane[run.failed];
    const named = lanes.filter((lane) => lane === own || words.has(run.lanes[lane].name) || (group && numbers.has(run.lanes[lane].index)));
    const first = (/** @type {RegExp} */ what, text = message) => what.exec(text)?.[1] ?? "";
    const broken = run.brokenCommit(run.failed);
    // The message of a broken rule says first what the server did. The other numbers only compare.
    const index = broken ? broken.index : Number(first(/\bindex[ =]+(\d+)/i, said) || (run.servers.has(own) ? "" : first(/\bindex[ =]+(\d+)/i)));
    const operation = run.id[blocked] >= 0 ? run.operationOf[run.id[blocked]] : -1;
    const key = blocked >= 0 ? run.field(run.operations.call[operation], "key") : undefined;
    return {
      lanes: named,
      index,
      key: key !== undefined ? String(key) : first(/\bkey[ =]+"?([^\s",:;]+)/i) || first(/\b(?:Get|Put|Append)\(\s*"?([^\s",)]+)/i),
      command: first(/\bone\("?([^\s"),]+)/) || first(/\b(?:command|value) "?(\d+)\b/, said),
      value: first(/"([^"\s]{1,40})"/),
    };
  }

  /** What the failure is about, in words. */
  get title() {
    const { run, names, end } = this;
    const said = [];
    if (names.index > 0) said.push(`index ${names.index}`);
    if (names.key) said.push(`key ${visible(names.key, 30)}`);
    if (names.command && names.index === 0) said.push(`command ${visible(names.command, 30)}`);
    if (said.length === 0 && names.lanes.length === 0 && names.value) said.push(`"${visible(names.value, 40)}"`);
    if (names.lanes.length > 0 && names.lanes.length < 4) said.push(listText(names.lanes.map((lane) => run.lanes[lane].name)));
    if (said.length === 0) return "The last events that can matter";
    return `${end === run.failed ? "The failure" : "The operation"} is about ${said.join(", ")}`;
  }

  /** The last events about it, in the order of time. They are found once. @returns {number[]} */
  get events() {
    if (this.found) return this.found;
    const { names } = this;
    let found = names.index > 0 ? this.atIndex() : [];
    if (found.length === 0 && names.key) found = this.onKey();
    if (found.length === 0 && names.command) found = this.ofCommand();
    if (found.length === 0 && names.lanes.length > 0) found = this.ofServers(names.lanes, /^(raft\.(role|vote|append|truncate|commit|restore|snapshot)|(raft\.)?apply|fault\.(crash|restart|disconnect|connect))$/);
    if (found.length === 0 && names.value) found = this.withValue();
    if (found.length === 0 && /leader|elect|\bterm/i.test(headlineOf(this.run))) found = this.ofServers([...this.run.servers.keys()], /^raft\.role$/);
    if (found.length === 0) found = this.last(/^client\.return$/, () => true, 3);
    if (found.length === 0) found = this.last(/^rpc\.answered$/, (e) => this.run.field(e, "reply") !== undefined, 3);
    this.found = found.sort((a, b) => a - b);
    return this.found;
  }

  /**
   * Where the reader goes from the failure: to the operation without a place, or to the event that contradicts.
   * @param {number} e
   */
  stepFrom(e) {
    return e === this.run.failed && this.end !== e ? this.end : this.step;
  }

  /**
   * The event that contradicts: the last one, of the servers that the message names; -1 if there is none.
   */
  get step() {
    const { names, run, lane } = this;
    const events = this.events.filter((e) => e !== this.end);
    const own = events.filter((e) => run.lane[e] === lane);
    const named = events.filter((e) => names.lanes.includes(run.lane[e]));
    const among = [own, named, events].find((list) => list.length > 0) ?? [];
    return among[among.length - 1] ?? -1;
  }

  /**
   * The last events before the failure that are wanted.
   * @param {RegExp} kinds @param {(e: number) => boolean} wanted @param {number} most
   * @param {number} [looks] how many events of these kinds are looked at
   */
  last(kinds, wanted, most, looks = Infinity) {
    const { run } = this;
    const some = run.kinds.map(({ name }) => kinds.test(name));
    const found = [];
    for (let e = this.end - 1, left = looks; e >= 0 && left > 0 && found.length < most; e -= 1) {
      if (!some[run.kindOf[e]]) continue;
      left -= 1;
      if (wanted(e)) found.push(e);
    }
    return found;
  }

  /** What each server last did at the index: it applied the entry, else committed it, else stored it. */
  atIndex() {
    const { run, names } = this;
    const { index } = names;
    const group = names.lanes.length > 0 ? run.lanes[names.lanes[0]].group : (run.lanes[run.groups()[0]?.[0] ?? 0]?.group ?? 0);
    const of = (/** @type {number} */ e, /** @type {string} */ name) => Number(run.field(e, name) ?? -1);
    const some = run.kinds.map(({ name }) => ["raft.append", "raft.commit", "raft.apply", "apply", "raft.truncate"].indexOf(name));
    /** @type {Map<number, { e: number, rank: number }>} */
    const best = new Map();
    const drops = [];
    for (let e = this.end - 1; e >= 0; e -= 1) {
      const kind = some[run.kindOf[e]];
      const lane = run.lane[e];
      if (kind < 0 || run.lanes[lane].group !== group) continue;
      if (kind === 4) {
        if (of(e, "from") <= index && drops.length < 2) drops.push(e);
        continue;
      }
      const rank = kind === 0 ? 1 : kind === 1 ? 2 : 3;
      const about = kind === 0 ? of(e, "first") <= index && index <= of(e, "last") : of(e, "index") === index;
      if (about && rank > (best.get(lane)?.rank ?? 0)) best.set(lane, { e, rank });
    }
    const all = [...best].map(([lane, { e, rank }]) => ({ e, score: rank + (names.lanes.includes(lane) ? 4 : 0) }));
    all.push(...drops.map((e) => ({ e, score: names.lanes.includes(run.lane[e]) ? 6 : 2 })));
    all.sort((a, b) => b.score - a.score || b.e - a.e);
    return all.slice(0, MOST_ABOUT).map(({ e }) => e);
  }

  /** The last answers to clients about the key, and the last commands on it that a server has applied. */
  onKey() {
    const { run, names, end } = this;
    const key = names.key.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const on = new RegExp(`\\b(Get|Put|Append) ${key}(=|$| )`);
    const answers = this.last(/^client\.return$/, (e) => run.id[e] >= 0 && String(run.field(run.operations.call[run.operationOf[run.id[e]]] ?? -1, "key")) === names.key, 3);
    /** @type {Set<string>} */
    const seen = new Set();
    /** The operations that a server did not do again, by lane. @type {Map<number, { e: number, operation: string }>} */
    const repeated = new Map();
    const most = MOST_ABOUT - answers.length - (end !== run.failed ? 1 : 0);
    /** @type {number[]} */
    const done = [];
    const wanted = (/** @type {number} */ e) => {
      if (run.kind(e) === "service.repeated") {
        repeated.set(run.lane[e], { e, operation: String(run.field(e, "operation")) });
        return false;
      }
      const text = run.entryText(run.lane[e], e, Number(run.field(e, "index")));
      if (seen.has(text) || !on.test(text)) return false;
      seen.add(text);
      const twin = repeated.get(run.lane[e]);
      if (twin && text.endsWith(` ${twin.operation}`)) done.push(twin.e);
      done.push(e);
      return done.length >= most;
    };
    this.last(/^((raft\.)?apply|service\.repeated)$/, wanted, 1, 5000);
    return [...answers, ...done, ...(end !== run.failed ? [end] : [])];
  }

  /** Where the servers stored the command. */
  ofCommand() {
    const { run, names } = this;
    /** @type {Set<number>} */
    const seen = new Set();
    return this.last(
      /^(raft\.append|apply)$/,
      (e) => {
        const texts = run.kind(e) === "apply" ? [run.commands.get(shortDigest(String(run.field(e, "command")))) ?? ""] : run.commandTexts(e, 20);
        if (seen.has(run.lane[e]) || !texts.includes(names.command)) return false;
        seen.add(run.lane[e]);
        return true;
      },
      MOST_ABOUT,
    );
  }

  /** The last event of each kind on these servers. @param {number[]} lanes @param {RegExp} kinds */
  ofServers(lanes, kinds) {
    const { run } = this;
    /** @type {Set<string>} */
    const seen = new Set();
    return this.last(
      kinds,
      (e) => {
        const name = `${run.lane[e]} ${run.kind(e).replace("raft.apply", "apply")}`;
        if (!lanes.includes(run.lane[e]) || seen.has(name)) return false;
        seen.add(name);
        return true;
      },
      MOST_ABOUT,
    );
  }

  /** The last answers that have the value. */
  withValue() {
    const { run, names } = this;
    const has = containsPart(searchable(names.value), true);
    return this.last(
      /^(rpc\.answered|client\.(call|return))$/,
      (e) => {
        const text = searchable(shortText(run, e));
        return has(text.toLowerCase(), () => text);
      },
      MOST_ABOUT,
    );
  }
}
