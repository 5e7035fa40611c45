// @ts-check
"use strict";
// Texts for events, messages and operations.

/** The text of a field's value. @param {any} value */
function valueText(value) {
  return typeof value === "string" ? value : String(value);
}

/**
 * All data of an event, in one line. The search uses this text.
 * @param {Run} run @param {number} e
 */
function eventText(run, e) {
  const fields = run.fields(e).map(([name, value]) => `${name}=${valueText(value)}`);
  const cause = run.cause(e);
  const id = run.id[e] >= 0 ? `#${run.ids[run.id[e]]}` : "";
  const message = run.id[e] >= 0 ? run.messageOf[run.id[e]] : -1;
  const type = message >= 0 ? run.types[run.messages.type[message]] : "";
  return [run.lanes[run.lane[e]].name, run.kind(e), id, cause && `(${cause})`, type, ...fields].filter((part) => part).join(" ");
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

/** A short text about an event, which is written beside its lane. @param {Run} run @param {number} e */
function shortText(run, e) {
  const f = (/** @type {string} */ name) => run.field(e, name);
  const lane = run.lane[e];
  const cause = run.cause(e);
  switch (run.kind(e)) {
    case "raft.role":
      return `${f("role")} T${f("term")}`;
    case "raft.term":
      return `term ${f("term")}`;
    case "raft.vote": {
      const candidate = run.mate(lane, Number(f("candidate")));
      return cause === "granted" ? `votes for ${candidate}` : `no vote for ${candidate}: ${cause}`;
    }
    case "raft.append":
      return f("first") === f("last") ? `+${f("last")}` : `+${f("first")}–${f("last")}`;
    case "raft.truncate":
      return `drops ${f("dropped")} from ${f("from")}`;
    case "raft.commit":
      return `commits ${f("index")}`;
    case "raft.apply":
    case "apply":
      return `applies ${f("index")}`;
    case "raft.snapshot":
      return `snapshot ${f("index")}${cause === "own" ? "" : `, ${cause}`}`;
    case "seen.state":
      return f("role") === "leader" ? `seen as leader T${f("term")}` : `seen in term ${f("term")}`;
    case "raft.restore":
      return `starts: term ${f("term")}, log to ${f("last")}`;
    case "persister.save":
      return "saves";
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
        return `${type} ${kind.slice(4)}${cause ? `: ${cause}` : ""}`;
      }
      if (kind === "raft.request" || kind === "raft.reply") {
        const rest = run.fields(e).filter(([name]) => !["rpc", "inc", "commands"].includes(name));
        return `${f("rpc")} ${kind.slice(5)}: ${rest.map(([name, value]) => `${name} ${valueText(value)}`).join(", ")}`;
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

/** The headline of the page. @param {Run} run */
function headlineOf(run) {
  if (run.failed < 0) return run.test ? `Run of ${visible(run.test, 200)}` : "A run";
  const message = valueText(run.field(run.failed, "message") ?? "no message");
  return `Failed at ${formatTime(run.t[run.failed])}: ${visible(message, 260)}`;
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
