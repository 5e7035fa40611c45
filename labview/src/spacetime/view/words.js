// @ts-check
"use strict";
// Texts for events, messages and operations.

/** The text of a field's value. @param {any} value */
function valueText(value) {
  return typeof value === "string" ? value : String(value);
}

/**
 * Everything that the page says about an event, in one line: first the text beside its lane, then the words
 * of the pane at the right, and all data. The search uses this text.
 * @param {Run} run @param {number} e
 */
function eventText(run, e) {
  const id = run.id[e];
  const m = id >= 0 ? run.messageOf[id] : -1;
  const said = [drawnText(run, e)];
  if (run.kind(e) === "check.verdict") said.push(verdictText(run, e));
  if (m >= 0) {
    const loss = lossOf(run, m);
    said.push(messageText(run, m), fateOf(run, m), stepText(run, e), loss && `lost: ${loss}`, run.types[run.messages.type[m]]);
  } else if (id >= 0) said.push(stepText(run, e));
  said.push(run.kind(e), run.cause(e), id >= 0 ? `#${run.ids[id]}` : "");
  for (const [name, value] of run.fields(e)) said.push(`${name}=${valueText(value)}`);
  return said.filter((part) => part).join(" ; ");
}

/** What the picture says about an event: the words beside its lane, and those of its fault. @param {Run} run @param {number} e */
function drawnText(run, e) {
  const said = [`${run.lanes[run.lane[e]].name} ${shortText(run, e)}`, run.bandText.get(e) ?? ""];
  if (run.kind(e) === "raft.term") said.push(`T${run.field(e, "term")}`);
  if (e === run.failed) said.push("The test failed here", headlineOf(run));
  return said.filter((part) => part).join(" ; ");
}

/**
 * What the list of a search says about an event: its time, its lane, and its words. If the search has found
 * other data of the event, these are there, too.
 * @param {Run} run @param {number} e
 */
function hitRow(run, e) {
  const said = [visible(e === run.failed ? "FAILED" : shortText(run, e), 110)];
  if (!run.isDrawn(e)) {
    const part = eventText(run, e).slice(drawnText(run, e).length).split(" ; ").find((one) => run.asked(searchable(one)));
    if (part) said.push(visible(part, 70));
  }
  return [element("small", "", formatTime(run.t[e])), element("b", "", run.lanes[run.lane[e]].name), element("span", "", said.join(" · "))];
}

/** What the checker has found, in words. @param {Run} run @param {number} e */
function verdictText(run, e) {
  const verdict = String(run.field(e, "verdict"));
  /** @type {Record<string, string>} */
  const words = { ok: "the history is linearizable", illegal: "the history is not linearizable", unknown: "undecided" };
  return Object.hasOwn(words, verdict) ? words[verdict] : visible(verdict, 40);
}

/**
 * A text in the form in which the search compares it: with single blanks instead of punctuation. So
 * `index=6`, `index: 6` and `index 6` are the same.
 * @param {string} text
 */
function searchable(text) {
  return text
    .replace(/[\u202f\u00a0]/g, "")
    .replace(/[\s=,:()↵]+/g, " ")
    .trim();
}

/**
 * A test whether a text contains a part. The part must begin where a word begins: `deliver` is in `delivered`
 * and in `rpc.delivered`, but `live` is not. A word also begins at a capital letter within a name: `append`
 * is in `PutAppend`. If the part begins or ends with a digit, the number must be whole: `index 6` is not in
 * `index 60`, and `S1` is not in `S12`. If the part has capital letters, the text must have them, too.
 * @param {string} part
 * @param {boolean} [whole] must the part begin and end where a word begins and ends?
 * @returns {(small: string, text: () => string) => boolean} gets the text in small letters, and as it is
 */
function containsPart(part, whole = false) {
  const wanted = part.toLowerCase();
  const digit = (/** @type {string | undefined} */ c) => c !== undefined && c >= "0" && c <= "9";
  const letter = (/** @type {string | undefined} */ c) => c !== undefined && c.toLowerCase() !== c.toUpperCase();
  const [first, last, word] = [digit(wanted[0]), digit(wanted[wanted.length - 1]), letter(wanted[0])];
  const exact = part.split(" ").some((one) => /[A-Z]/.test(one));
  // In a part with capital letters, only the words with capital letters are compared exactly.
  const words = part.split(" ");
  const same = (/** @type {string} */ found) => found.split(" ").every((one, i) => !/[A-Z]/.test(words[i] ?? "") || one === words[i]);
  return (small, text) => {
    for (let at = small.indexOf(wanted); at >= 0; at = small.indexOf(wanted, at + 1)) {
      if (first && digit(small[at - 1])) continue;
      if (last && digit(small[at + wanted.length])) continue;
      if (whole && [small[at - 1], small[at + wanted.length]].some((c) => digit(c) || letter(c) || c === "_")) continue;
      if (word && letter(small[at - 1])) {
        const [before, begin] = [text()[at - 1] ?? "", text()[at] ?? ""];
        if (before !== before.toLowerCase() || begin === begin.toLowerCase()) continue;
      }
      if (exact && !same(text().slice(at, at + wanted.length))) continue;
      return true;
    }
    return false;
  };
}

/**
 * The type and the ends of a message, for example `heartbeat S0 → S1`.
 * @param {Run} run @param {number} m
 */
function messageText(run, m) {
  const { from, to, type } = run.messages;
  const says = messageSays(run, m);
  return `${typeName(run.types[type[m]])} ${run.lanes[from[m]].name} → ${to[m] >= 0 ? run.lanes[to[m]].name : "no server"}${says ? `: ${says}` : ""}`;
}

/**
 * What is in a message: the arguments of a request of a service, the entries of an AppendEntries.
 * @param {Run} run @param {number} m
 */
function messageSays(run, m) {
  const { sent, id } = run.messages;
  const args = run.field(sent[m], "args");
  if (args !== undefined) return visible(valueText(args), 90);
  if (run.commands.size === 0) return "";
  for (const e of run.ofId(id[m]).subarray(0, 4)) {
    if (run.kind(e) !== "raft.request") continue;
    const texts = run.commandTexts(e, 3);
    return texts.length > 0 ? visible(`${Number(run.field(e, "prev_log_index")) + 1}: ${texts.join("; ")}`, 120) : "";
  }
  return "";
}

/** What is in the reply to a message of a service. @param {Run} run @param {number} m */
function replySays(run, m) {
  const reply = run.field(run.messages.answered[m], "reply");
  return reply === undefined ? "" : visible(valueText(reply), 90);
}

/** The short digest of a command, from its long digest: both have hexadecimal digits. @param {string} long */
function shortDigest(long) {
  if (!/^[0-9a-f]{16}$/.test(long)) return "";
  const mixed = (Number.parseInt(long.slice(0, 8), 16) ^ Number.parseInt(long.slice(8), 16)) >>> 0;
  return mixed.toString(16).padStart(8, "0");
}

/**
 * The text of an event in the list of all events of its message or operation.
 * @param {Run} run @param {number} e
 */
function stepText(run, e) {
  const kind = run.kind(e);
  const cause = run.cause(e);
  if (kind === "raft.request" || kind === "raft.reply") return shortText(run, e);
  const m = run.id[e] >= 0 ? run.messageOf[run.id[e]] : -1;
  const says = m < 0 ? "" : kind === "rpc.sent" ? valueText(run.field(e, "args") ?? "") : kind === "rpc.answered" ? replySays(run, m) : "";
  const by = kind === "rpc.delayed" || kind === "rpc.held" ? "" : `by ${run.lanes[run.lane[e]].name}`;
  return `${kind.replace(/^(rpc|client)\./, "")} ${by}${cause ? ` (${cause})` : ""}${says ? `: ${says}` : ""}`;
}

/** The short name of a type of messages, for example `AppendEntries`. @param {string} type */
function typeName(type) {
  const name = type.replace(/^[A-Za-z]\w*\./, "");
  // The Raft paper uses the name "heartbeat".
  return name === "AppendEntries (empty)" ? "heartbeat" : visible(name, 40);
}

/** The text of an operation, for example `put("x", "1") → ok`. @param {Run} run @param {number} op */
function operationText(run, op) {
  const { call, ret } = run.operations;
  const [key, value, result] = [run.field(call[op], "key"), run.field(call[op], "value"), run.field(ret[op], "result")];
  const name = run.field(call[op], "op") ?? "operation";
  const given = [key, value].filter((part) => part !== undefined && part !== "").map((part) => `${valueText(part)}`);
  const asked = `${name}(${given.join(", ")})`;
  if (ret[op] < 0) return visible(`${asked} → ?`, 200);
  return visible(result === undefined || result === "" ? asked : `${asked} → ${valueText(result)}`, 200);
}

/** What follows a text because of a reason. @param {string} why */
function reason(why) {
  return why ? `: ${why}` : "";
}

/** A short text about an event, which is written beside its lane. @param {Run} run @param {number} e */
function shortText(run, e) {
  const f = (/** @type {string} */ name) => run.field(e, name);
  const lane = run.lane[e];
  const cause = run.cause(e);
  switch (run.kind(e)) {
    case "raft.role":
      return `${f("role")} T${f("term")}${reason(f("role") === "leader" ? run.votesText(e) : "")}`;
    case "raft.term":
      return `term ${f("term")}`;
    case "raft.vote": {
      const candidate = run.mate(lane, Number(f("candidate")));
      return cause === "granted" ? `votes for ${candidate}${reason(run.comparedText(e))}` : `no vote for ${candidate}: ${cause}`;
    }
    case "raft.append": {
      const what = run.commandTexts(e, 2).map(shortCommand).join("; ");
      return `${f("first") === f("last") ? `+${f("last")}` : `+${f("first")}–${f("last")}`}${what ? `: ${what}` : ""}`;
    }
    case "raft.truncate":
      return `drops ${f("dropped")} from ${f("from")}`;
    case "raft.commit": {
      const before = run.commitBefore(e);
      return `commits ${f("index")}${before > 0 ? `, BACK from ${before}` : reason(run.copiesText(e))}`;
    }
    case "raft.apply":
    case "apply": {
      const what = run.entryText(lane, e, Number(f("index")));
      return `applies ${f("index")}${what ? `: ${shortCommand(what)}` : ""}`;
    }
    case "service.repeated":
      return `dup ${f("operation")}: not done again`;
    case "raft.snapshot":
      return `snapshot ${f("index")}${cause === "own" ? "" : `, ${cause}`}`;
    case "seen.state":
      return f("role") === "leader" ? `seen as leader T${f("term")}` : `seen in T${f("term")}`;
    case "raft.restore":
      return `starts: term ${f("term")}, log to ${f("last")}`;
    case "fault.hold":
      return `${f("from")} → ${f("to")} holds ${f("holds")}`;
    case "fault.link":
      return `${f("from")} → ${f("to")} loses ${f("loses")}`;
    case "fault.release":
      return `releases ${f("from")} → ${f("to")}`;
    case "fault.slow":
      return `slow: up to ${Number(f("longest_us")) / 1000} ms`;
    case "persister.save": {
      if (f("term") === undefined) return "saves";
      const vote = f("voted_for") === undefined ? "no vote" : `vote for ${run.mate(lane, Number(f("voted_for")))}`;
      const from = Number(f("last_included_index"));
      return `saves: term ${f("term")}, ${vote}, log to ${f("last")}${from > 0 ? `, snapshot ${from}` : ""}`;
    }
    case "test.failed":
      return "FAILED";
    case "check.verdict":
      return `checker: ${f("verdict")}`;
    case "test.begin":
      return `begins: ${f("title")}`;
    case "test.end":
      return "has passed";
    case "client.call":
    case "client.return":
      return run.id[e] >= 0 && run.operationOf[run.id[e]] >= 0 ? operationText(run, run.operationOf[run.id[e]]) : run.kind(e);
    default: {
      const kind = run.kind(e);
      if (kind.startsWith("rpc.") && run.id[e] >= 0 && run.messageOf[run.id[e]] >= 0) {
        const type = typeName(run.types[run.messages.type[run.messageOf[run.id[e]]]]);
        const m = run.messageOf[run.id[e]];
        const says = kind === "rpc.answered" ? replySays(run, m) : kind === "rpc.sent" || kind === "rpc.delivered" ? messageSays(run, m) : "";
        return `${type} ${kind.slice(4)}${cause ? `: ${cause}` : ""}${says ? `: ${says}` : ""}`;
      }
      if (kind === "raft.request" || kind === "raft.reply") {
        const rest = run.fields(e).filter(([name]) => !["rpc", "inc", "commands"].includes(name));
        const what = run.commandTexts(e, 3).join("; ");
        return `${f("rpc")} ${kind.slice(5)}: ${rest.map(([name, value]) => `${name} ${valueText(value)}`).join(", ")}${what ? `; ${what}` : ""}`;
      }
      const rest = run.fields(e).filter(([name]) => name !== "inc");
      const said = rest.map(([name, value]) => (rest.length === 1 ? valueText(value) : `${name} ${valueText(value)}`)).join(", ");
      return `${kind.replace(/^(fault|net|raft|shard|shardkv)\./, "")}${said ? ` ${said}` : ""}${cause ? ` (${cause})` : ""}`;
    }
  }
}

/** Causes that only delay a message and do not lose it. */
const MERE_DELAYS = /^(cost|unreliable|latency|long reordering)?$/;

/** Why a message was lost; empty if the message was not lost. @param {Run} run @param {number} m */
function lossOf(run, m) {
  const { id, dropped, failed, replied } = run.messages;
  if (replied[m] >= 0) return "";
  if (run.cause(dropped[m])) return run.cause(dropped[m]);
  // If a caller has to wait until it learns of a loss, the event `rpc.delayed` has the reason of the loss.
  // The event at the end of the wait may have another cause.
  for (const e of run.ofId(id[m])) {
    if (run.kind(e) === "rpc.delayed" && !MERE_DELAYS.test(run.cause(e))) return run.cause(e);
  }
  return run.cause(failed[m]) || (dropped[m] >= 0 ? "dropped" : failed[m] >= 0 ? "failed" : "");
}

/** What happened to a message. @param {Run} run @param {number} m */
function fateOf(run, m) {
  const { delivered, answered, replied, failed, dropped } = run.messages;
  const loss = lossOf(run, m);
  if (replied[m] >= 0) return "answered";
  if (delivered[m] < 0) return loss ? `request lost: ${loss}` : "under way when the trace ends";
  if (answered[m] < 0) return loss ? `delivered; given up: ${loss}` : "delivered, not yet answered when the trace ends";
  return failed[m] >= 0 || dropped[m] >= 0 ? `reply lost: ${loss}` : "its reply is under way when the trace ends";
}

/**
 * Why the run failed, in one sentence. If servers have committed different entries, the sentence says so.
 * Otherwise it is the beginning of the message of the test. @param {Run} run
 */
function failureText(run) {
  const broken = run.brokenCommit(run.failed);
  if (broken) {
    const parts = [...broken.terms].map(([term, lanes]) => `${listText(lanes.map((lane) => run.lanes[lane].name))} ${lanes.length > 1 ? "have" : "has"} term ${term}`);
    return `index ${broken.index}: ${parts.join(", ")}`;
  }
  const message = valueText(run.field(run.failed, "message") ?? "no message");
  const line = message
    .split("\n", 1)[0]
    .replace(/ \(at [^()]*\)$/, "")
    .replace(/^assertion `.*?` failed: /, "");
  if (line.length <= 110) return visible(line, 110);
  return visible(line.split(/; |\. /, 1)[0], 160);
}

/** Names in a sentence: `S0, S1 and S2`. @param {string[]} names */
function listText(names) {
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names[names.length - 1]}`;
}

/** The headline of the page. @param {Run} run */
function headlineOf(run) {
  if (run.failed < 0) return run.test ? `Run of ${visible(run.test, 200)}` : "A run";
  return `Failed at ${formatTime(run.t[run.failed])}: ${failureText(run)}`;
}

/** A text with the most important numbers about the run. @param {Run} run */
function factsOf(run) {
  const servers = run.lanes.filter((lane) => lane.kind === "server").length;
  const clients = run.lanes.filter((lane) => lane.kind === "client").length;
  const parts = [];
  if (run.clock) parts.push(`${run.clock === "virtual" ? "virtual time" : "real threads"}`);
  if (run.seed) parts.push(`seed 0x${run.seed.replace(/^0+(?=.)/, "")}`);
  parts.push(formatDuration(run.to - run.from), plural(servers, "server"));
  if (clients > 0) parts.push(plural(clients, "client"));
  parts.push(plural(run.messages.id.length, "message"), plural(run.size, "event"));
  if (run.before > 0) parts.push(`${plural(run.before, "earlier event")} not here`);
  if (run.after > 0) parts.push(`${plural(run.after, "later event")} not here`);
  return parts.join(" · ");
}
