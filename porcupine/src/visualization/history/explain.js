// @ts-check
"use strict";
// Explains the result of the check in sentences.

/** @param {Recording} recording */
function headline(recording) {
  const { errors, parts, size } = recording;
  if (recording.verdict === "illegal") {
    const illegal = parts.filter((part) => part.verdict === "illegal");
    const first = errors.length > 0 ? parts[errors[0].part] : illegal[0];
    const more = illegal.length > 1 ? ` and ${plural(illegal.length - 1, "other part")}` : "";
    const where = first && first.named ? `: ${first.title}${more}` : "";
    const when = errors.length > 0 ? `, first error at ${formatTime(errors[0].time)}` : "";
    return `Not linearizable${where}${when}`;
  }
  if (recording.verdict === "unknown") {
    const open = parts.filter((part) => part.verdict === "unknown");
    const where = open.length === 1 ? ` ${open[0].title}` : open.length > 1 ? ` ${plural(open.length, "part")}` : "";
    return `Undecided: the check was stopped before it knew about${where || " the history"}`;
  }
  return size > 0 ? `Linearizable: an order fits all ${plural(size, "operation")}` : "Linearizable: no operations";
}

/** @param {Recording} recording */
function summary(recording) {
  const clients = new Set(recording.client).size;
  const parts = recording.parts.length;
  const facts = [plural(recording.size, "operation"), plural(clients, "client")];
  if (parts > 1) facts.push(plural(parts, "part"));
  facts.push(formatDuration(recording.to - recording.from));
  return facts.join(" · ");
}

/**
 * A sentence that contains operations and states.
 * @typedef {(string | { op: number } | { state: string })[]} Sentence
 */

/**
 * What is known about a part: a title, sentences, a list of the operations that could come next, and the
 * sentences that follow this list.
 * @param {Recording} recording @param {Part} part @param {Order} order
 * @returns {{ title: string, sentences: Sentence[], next: number[], rest: Sentence[] }}
 */
function explain(recording, part, order) {
  const { size } = part;
  const all = plural(size, "operation");
  const last = order.length - 1;
  if (part.verdict === "ok") {
    const end = last >= 0 ? [" It ends in the state ", { state: order.after(last) }, "."] : [];
    const fits = order.length < size && order.length > 0 ? "The operations that are not in this order never returned." : "";
    return {
      title: `An order fits all ${all} of ${part.title}`,
      sentences: [["Each takes effect once between its call and its return.", ...end, fits && ` ${fits}`]],
      next: [],
      rest: [],
    };
  }
  if (!part.kept) {
    const title = part.verdict === "illegal" ? `No order fits all ${all} of ${part.title}` : `The search in ${part.title} was stopped`;
    return { title, sentences: [["The check has kept no orders, so nothing is known about why."]], next: [], rest: [] };
  }
  const { blocked, next } = order.stop();
  /** @type {Sentence[]} */
  const sentences = [];
  const longest = order === part.orders[0];
  const which = longest ? "The longest that fits" : "The order shown";
  if (order.length === 0) {
    sentences.push([`No order fits even one of them. The state at the start is `, { state: order.after(-1) }, "."]);
  } else {
    const how = part.verdict === "unknown" ? `${which}, of those tried,` : which;
    sentences.push([
      `${how} has ${formatCount(order.length)}. It ends with `,
      { op: order.ops[last] },
      ", in the state ",
      { state: order.after(last) },
      ".",
    ]);
  }
  if (part.verdict === "unknown") {
    return { title: `The search in ${part.title} was stopped`, sentences, next: [], rest: [] };
  }
  const title = `No order fits all ${all} of ${part.title}`;
  if (blocked < 0) return { title, sentences, next: [], rest: [] };
  const returned = formatTime(recording.ret[blocked]);
  if (next.length === 1) {
    sentences.push([
      { op: blocked },
      ` must come next: it returned at ${returned}, before any other that is left was called. But it cannot have happened in this state.`,
    ]);
  } else {
    sentences.push([
      { op: blocked },
      ` must come before ${returned}, when it returned. So one of these ${formatCount(next.length)} calls, all made by then, must come next; but none of them can have happened in this state:`,
    ]);
  }
  // This comes first, because it says most about the mistake.
  if (longest && part.difference.length > 0) sentences.unshift([{ op: blocked }, " has no place. ", ...part.difference]);
  return { title, sentences, next: next.length === 1 ? [] : next, rest: [...lastFit(part, order, blocked), ...otherOrders(part, order, blocked)] };
}

/**
 * Says at which place of the order the blocked operation was possible for the last time.
 * @param {Part} part @param {Order} order @param {number} blocked
 * @returns {Sentence[]}
 */
function lastFit(part, order, blocked) {
  const fit = part.lastFit;
  if (fit === null || order !== part.orders[0] || order.length === 0) return [];
  if (fit === "never") return [[{ op: blocked }, " is possible in no state of this order."]];
  if (fit < 0 || fit >= order.length) return [];
  const when = fit === 0 ? ["at the start"] : ["after ", { op: order.ops[fit - 1] }];
  return [
    [
      { op: blocked },
      " was last possible ",
      ...when,
      ", in the state ",
      { state: order.after(fit - 1) },
      "; then came ",
      { op: order.ops[fit] },
      ".",
    ],
  ];
}

/**
 * The states in which other orders stop at the same operation.
 * @param {Part} part @param {Order} order @param {number} blocked
 * @returns {Sentence[]}
 */
function otherOrders(part, order, blocked) {
  const here = order.after(order.length - 1);
  /** @type {Set<string>} */
  const states = new Set();
  for (const other of part.orders.slice(0, 200)) {
    if (other !== order && other.stop().blocked === blocked) states.add(other.after(other.length - 1));
  }
  states.delete(here);
  if (states.size === 0) return [];
  /** @type {Sentence} */
  const sentence = ["Shorter orders come to the same operation in the "];
  sentence.push(states.size === 1 ? "state " : "states ");
  for (const [i, state] of [...states].slice(0, 5).entries()) {
    if (i > 0) sentence.push(", ");
    sentence.push({ state });
  }
  if (states.size > 5) sentence.push(` and ${formatCount(states.size - 5)} others`);
  sentence.push(", and it is not possible there either.");
  return [sentence];
}
