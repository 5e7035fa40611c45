// @ts-check
"use strict";
// The text pane. It shows the result of the check for a part, and everything about the pinned operation.

class Details {
  /**
   * @param {Recording} recording
   * @param {{
   *   pin: (op: number) => void, step: (by: number) => void,
   *   order: (by: number) => void, unpin: () => void
   * }} act
   * @param {(op: number) => string} runLink the address of an operation in the page of the run; empty if
   *   there is no such page
   */
  constructor(recording, act, runLink) {
    this.recording = recording;
    this.act = act;
    this.runLink = runLink;
    this.why = byId("why");
    this.pinned = byId("pinned");
    this.drawn = "";
  }

  /** @param {number} part to explain, or -1 @param {number} pinned @param {Order | null} order */
  show(part, pinned, order) {
    const key = `${part} ${pinned} ${order ? order.part.orders.indexOf(order) : -1}`;
    if (key === this.drawn) return;
    this.drawn = key;
    const about = part >= 0 ? this.recording.parts[part] : undefined;
    this.why.replaceChildren(...(about ? this.explanation(about, order ?? about.orders[0]) : []));
    this.pinned.replaceChildren(...(pinned >= 0 ? this.operation(pinned, order) : this.hint()));
  }

  /** @param {Part} part @param {Order} order */
  explanation(part, order) {
    const { title, sentences, next, rest } = explain(this.recording, part, order);
    const heading = element("h2", "", element("span", `sign ${part.verdict}`, VERDICT_SIGNS[part.verdict]), title);
    const list = element("ul", "next");
    for (const op of next.slice(0, 30)) {
      const r = this.recording;
      const times = `${formatTime(r.call[op])} – ${r.returned(op)}`;
      list.append(element("li", "", this.operationLink(op), element("small", "", times)));
    }
    if (next.length > 30) list.append(element("li", "", `and ${formatCount(next.length - 30)} others`));
    const paragraphs = (/** @type {Sentence[]} */ of) => of.map((sentence) => this.paragraph(sentence));
    const told = [heading, ...paragraphs(sentences)];
    if (next.length > 0) told.push(list);
    told.push(...paragraphs(rest));
    if (part.orders.length > 1) told.push(this.orderButtons(part, order));
    return told;
  }

  /** The buttons that lead to other orders of the same part. @param {Part} part @param {Order} order */
  orderButtons(part, order) {
    const at = part.orders.indexOf(order) + 1;
    const line = element("p", "orders", `order ${formatCount(at)} of ${formatCount(part.orders.length)}`);
    for (const [text, by, title] of /** @type {[string, number, string][]} */ ([
      ["‹", -1, "a longer order (Shift O)"],
      ["›", 1, "a shorter order (O)"],
    ])) {
      const button = element("button", "", text);
      button.title = title;
      button.addEventListener("click", () => this.act.order(by));
      line.append(button);
    }
    return line;
  }

  /** @param {Sentence} sentence */
  paragraph(sentence) {
    const made = element("p", "");
    for (const piece of sentence) {
      if (typeof piece === "string") made.append(piece);
      else if ("op" in piece) made.append(this.operationLink(piece.op));
      else made.append(element("code", "state", visible(piece.state, 120)));
    }
    return made;
  }

  /** @param {number} op */
  operationLink(op) {
    const { recording } = this;
    // This is a link and not a button, because it is part of a sentence. Its address leads to the operation.
    const link = /** @type {HTMLAnchorElement} */ (element("a", "op", element("code", "", recording.text(op, 90))));
    link.append(` by client ${recording.client[op]}`);
    link.href = `#op=${op}`;
    link.addEventListener("click", (event) => {
      event.preventDefault();
      this.act.pin(op);
    });
    return link;
  }

  /** @param {number} op @param {Order | null} order */
  operation(op, order) {
    const { recording, act } = this;
    const part = recording.parts[recording.partOf[op]];
    const place = order ? order.place(op) : -1;
    const heading = element("h2", "", "Pinned operation");
    const close = element("button", "close", "×");
    close.title = "Unpin (Esc)";
    close.addEventListener("click", () => act.unpin());
    heading.append(close);
    const list = element("dl", "fields");
    for (const [label, value] of operationFields(recording, op, order)) {
      const content = label.startsWith("state") ? element("code", "state", ...longText(value)) : value;
      list.append(element("dt", "", label), element("dd", "", content));
    }
    const made = [heading, element("p", "text", element("code", "", ...longText(recording.texts[op]))), list];
    if (place < 0 && part.blocked >= 0 && op === (order ?? part.orders[0]).stop().blocked) {
      made.splice(1, 0, element("p", "error-note", "First error: here the longest order ends."));
    }
    const buttons = element("p", "buttons");
    for (const [text, by, title] of /** @type {[string, number, string][]} */ ([
      ["‹ before", -1, "the operation before, in the order shown (,)"],
      ["after ›", 1, "the operation after, in the order shown (.)"],
    ])) {
      const button = /** @type {HTMLButtonElement} */ (element("button", "", text));
      button.title = title;
      const target = order ? neighbour(order, op, by) : -1;
      button.disabled = target < 0;
      button.addEventListener("click", () => act.step(by));
      buttons.append(button);
    }
    const run = this.runLink(op);
    if (run) {
      const link = /** @type {HTMLAnchorElement} */ (element("a", "button", "In the run →"));
      link.href = run;
      link.title = "Show this operation in the run: its messages, the servers and their logs";
      buttons.append(link);
    }
    made.push(buttons);
    return made;
  }

  hint() {
    if (this.recording.size === 0) return [element("p", "hint", "The history has no operations.")];
    return [element("p", "hint", "Point at an operation to see an order that contains it; click to pin it.")];
  }
}

/**
 * Everything that is known about an operation, as labels and values.
 * @param {Recording} recording @param {number} op @param {Order | null} order
 * @returns {[string, string][]}
 */
function operationFields(recording, op, order) {
  const part = recording.parts[recording.partOf[op]];
  /** @type {[string, string][]} */
  const fields = [["client", String(recording.client[op])]];
  if (recording.parts.length > 1) fields.push(["part", part.title]);
  fields.push(["called", formatTime(recording.call[op])], ["returned", recording.returned(op)]);
  if (!recording.open.has(op)) fields.push(["took", formatDuration(recording.ret[op] - recording.call[op])]);
  const place = order ? order.place(op) : -1;
  if (order && place >= 0) {
    fields.push(["in the order", `${formatCount(place + 1)} of ${formatCount(order.length)}`]);
    fields.push(["state before", order.before(place)], ["state after", order.after(place)]);
  } else if (order && order.part === part && part.kept) {
    const could = part.verdict === "illegal" && order.stop().next.includes(op);
    fields.push(["in the order", could ? "could come next, but is not possible" : "not placed"]);
    if (could) fields.push(["state before", order.after(order.length - 1)]);
  }
  return fields;
}

/**
 * The operation before or after this operation in an order. The blocked operation comes after the last
 * operation of the order.
 * @param {Order} order @param {number} op @param {number} by -1 or 1
 */
function neighbour(order, op, by) {
  const place = order.place(op);
  if (place < 0) return by < 0 && order.length > 0 ? order.ops[order.length - 1] : -1;
  if (place + by >= 0 && place + by < order.length) return order.ops[place + by];
  return by > 0 && order.part.blocked >= 0 ? order.stop().blocked : -1;
}
