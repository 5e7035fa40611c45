// @ts-check
"use strict";
// The state of every server at the chosen time: role, term, vote, and the log as cells in the colours of
// their terms. In the logs of a group, the entries with the same index are drawn one below the other. Many
// neighbouring entries that do not differ are folded into one wide cell. The logs open at the index that
// matters: the index of the pinned event, or the first index at which the logs differ. If there are many
// servers, the groups that do not matter are folded to one line each.

const LOG_ROW = 21;
const LOG_RULER = 17;
const LOG_LEFT = 224; // width of the texts before the cells
const LOG_LEFT_NARROW = 104; // the same on a narrow page, without the names of roles and votes
const CELL = 25;
const WIDE_CELL = 132; // width of a cell that shows its command, near the index that matters
const NEAR_FOCUS = 3; // so many cells on each side of the index that matters are wide
const FOLD = 122; // width of a folded cell
const FOLDED = 6; // so many equal entries are folded
const MOST_CELLS = 20_000;
const MANY_SERVERS = 9; // with more servers, only the groups that matter have all their rows

/**
 * A column of the picture: one index, or the folded indexes `from` to `to`.
 * @typedef {object} LogColumn
 * @property {number} from @property {number} to
 * @property {number[]} terms of each server; -1 if it has no entry
 * @property {number} x @property {number} width
 */

class LogPanel {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Run} run
   * @param {Filter} filter
   * @param {Theme} theme
   * @param {() => void} redraw
   */
  constructor(canvas, run, filter, theme, redraw) {
    this.canvas = canvas;
    this.run = run;
    this.filter = filter;
    this.theme = theme;
    /** How many pixels the reader has moved the logs away from where they open. */
    this.moved = 0;
    /** The event at which the logs were opened, and the index that matters in each group. */
    this.opened = -2;
    /** @type {Map<number, number>} */
    this.focus = new Map();
    const fitted = fitCanvas(canvas);
    this.context = fitted.context;
    this.width = fitted.width;
    this.height = fitted.height;
    /** @type {{ lane: number, y: number, columns: LogColumn[], shift: number }[]} */
    this.rows = [];
    /** The groups that the reader has unfolded. @type {Set<number>} */
    this.unfolded = new Set();
    /** The lines of folded groups. @type {{ group: number, y: number }[]} */
    this.lines = [];
    this.size();
    let last = /** @type {number | null} */ (null);
    const shift = (/** @type {number} */ pixels) => {
      this.moved += pixels;
      redraw();
    };
    canvas.addEventListener("click", (event) => {
      const y = event.clientY - canvas.getBoundingClientRect().top;
      const line = this.lines.find((one) => y >= one.y && y < one.y + LOG_ROW);
      if (!line) return;
      this.unfolded.add(line.group);
      this.layout();
      redraw();
    });
    canvas.addEventListener(
      "wheel",
      (event) => {
        const sideways = event.shiftKey ? event.deltaY : event.deltaX;
        if (!sideways) return;
        event.preventDefault();
        shift(sideways);
      },
      { passive: false },
    );
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = event.clientX;
    });
    canvas.addEventListener("pointermove", (event) => {
      if (last === null) return;
      shift(last - event.clientX);
      last = event.clientX;
    });
    for (const end of ["pointerup", "pointercancel"]) canvas.addEventListener(end, () => (last = null));
  }

  /** The servers that are shown, by group. */
  groups() {
    const shown = this.run.groups().map((lanes) => lanes.filter((lane) => !this.filter.hiddenLanes.has(lane)));
    return shown.filter((lanes) => lanes.length > 0);
  }

  /** Where the cells begin. */
  get left() {
    return this.width < 560 ? LOG_LEFT_NARROW : LOG_LEFT;
  }

  /**
   * Opens the logs of all groups at the index that matters at an event: the index that the event names, or
   * else the first index at which the logs of the group differ.
   * @param {number} e
   */
  open(e) {
    if (this.opened === e) return;
    this.opened = e;
    this.moved = 0;
    this.focus.clear();
    const named = e >= 0 ? this.namedIndex(e) : 0;
    const group = e >= 0 ? this.run.lanes[this.run.lane[e]].group : -1;
    for (const lanes of this.run.groups()) {
      const own = this.run.lanes[lanes[0]].group;
      const index = named > 0 && own === group ? named : this.firstDifference(lanes, e);
      if (index > 0) this.focus.set(own, index);
    }
  }

  /** The log index that an event of a server names; 0 if there is none. @param {number} e */
  namedIndex(e) {
    const { run } = this;
    if (run.lanes[run.lane[e]].kind !== "server") return 0;
    const of = (/** @type {string} */ name) => Number(run.field(e, name) ?? 0);
    switch (run.kind(e)) {
      case "raft.append":
        return of("first");
      case "raft.truncate":
        return of("from");
      case "raft.commit":
      case "raft.apply":
      case "raft.snapshot":
      case "apply":
      case "apply.snapshot":
        return of("index");
      default: {
        // An AppendEntries and its reply are about the entries after `prev_log_index`.
        const asked = run.id[e] < 0 ? undefined : [...run.ofId(run.id[e]).subarray(0, 20)].find((one) => run.field(one, "prev_log_index") !== undefined);
        return asked === undefined ? 0 : Number(run.field(asked, "prev_log_index")) + 1;
      }
    }
  }

  /**
   * The first index at which two logs have different terms. If there is none: the first index at which only
   * some logs have an entry. If there is none either: 0.
   * @param {number[]} lanes @param {number} e
   */
  firstDifference(lanes, e) {
    const parts = this.run.logParts(lanes, lanes.map((lane) => this.run.state(lane, e)));
    return (parts.find(({ clash }) => clash) ?? parts.find(({ missing }) => missing))?.from ?? 0;
  }

  /**
   * The columns of the logs of a group.
   * @param {number[]} lanes @param {(State | null)[]} states @param {number} focus the index that matters
   */
  columns(lanes, states, focus) {
    /** @type {LogColumn[]} */
    const columns = [];
    let x = 0;
    const texts = this.run.commands.size > 0 && this.width >= 560;
    const parts = this.run.logParts(lanes, states);
    // If no index matters, the last entries show their commands.
    const near = focus > 0 ? focus : (parts[parts.length - 1]?.to ?? 0);
    const add = (/** @type {number} */ from, /** @type {number} */ to, /** @type {LogPart} */ part) => {
      const wide = texts && Math.abs(from - near) <= NEAR_FOCUS;
      const width = from !== to ? FOLD : wide ? WIDE_CELL : CELL;
      columns.push({ from, to, terms: part.terms, x, width });
      x += width;
    };
    for (const part of parts) {
      const cut = focus > part.from && focus <= part.to ? [[part.from, focus - 1], [focus, focus], [focus + 1, part.to]] : focus === part.from ? [[focus, focus], [focus + 1, part.to]] : [[part.from, part.to]];
      for (const [from, to] of cut) {
        if (from > to) continue;
        if (to - from + 1 >= FOLDED || columns.length > MOST_CELLS) add(from, to, part);
        else for (let index = from; index <= to; index += 1) add(index, index, part);
      }
    }
    return { columns, total: x };
  }

  /** Are the groups that do not matter folded? @param {number[][]} groups */
  folds(groups) {
    return groups.length > 1 && groups.reduce((sum, lanes) => sum + lanes.length, 0) > MANY_SERVERS;
  }

  /** The group to which a server's lane belongs; -1 for another lane. @param {number} lane */
  groupOf(lane) {
    return lane >= 0 && this.run.lanes[lane].kind === "server" ? this.run.lanes[lane].group : -1;
  }

  /**
   * The groups that matter at an event: the group of the event, those of the failure, and those that the
   * reader has unfolded.
   * @param {number} at
   */
  matters(at) {
    const { run } = this;
    const found = new Set(this.unfolded);
    const m = at >= 0 && run.id[at] >= 0 ? run.messageOf[run.id[at]] : -1;
    for (const lane of [at < 0 ? -1 : run.lane[at], ...(m >= 0 ? [run.messages.from[m], run.messages.to[m]] : [])]) found.add(this.groupOf(lane));
    this.ofFailure ??= this.failureGroups();
    for (const group of this.ofFailure) found.add(group);
    found.delete(-1);
    return found;
  }

  /** The groups that the failure is about. */
  failureGroups() {
    const { run } = this;
    const about = run.failureAbout();
    if (!about) return [];
    const lanes = about.names.lanes.length > 0 ? about.names.lanes : about.events.map((e) => run.lane[e]);
    const groups = lanes.map((lane) => this.groupOf(lane)).filter((group) => group >= 0);
    if (groups.length > 0) return groups.slice(0, 2);
    // The answers to the last operations came from these groups.
    const asked = about.events.flatMap((e) => (run.id[e] >= 0 ? [...run.ofParent(run.id[e])] : []));
    const from = asked.map((e) => (run.id[e] >= 0 ? run.messageOf[run.id[e]] : -1)).filter((m) => m >= 0 && run.messages.answered[m] >= 0);
    return from.slice(-1).map((m) => this.groupOf(run.messages.to[m]));
  }

  /** Makes the canvas high enough for its rows. */
  size() {
    const groups = this.groups();
    const whole = (/** @type {number[]} */ lanes) => LOG_RULER + lanes.length * LOG_ROW + 4;
    let height = groups.reduce((sum, lanes) => sum + whole(lanes), 0);
    if (this.folds(groups)) {
      // The height does not depend on what is pinned, so the picture above does not move.
      const open = groups.filter((lanes) => this.unfolded.has(this.groupOf(lanes[0])));
      const others = groups.filter((lanes) => !open.includes(lanes)).sort((a, b) => b.length - a.length);
      height = [...open, ...others.slice(0, 2)].reduce((sum, lanes) => sum + whole(lanes), 0) + Math.max(0, others.length - 2) * LOG_ROW;
    }
    this.canvas.style.height = `${Math.max(1, height)}px`;
    /** @type {HTMLElement} */ (this.canvas.parentElement).hidden = groups.length === 0;
  }

  layout() {
    this.size();
    Object.assign(this, fitCanvas(this.canvas));
  }

  /**
   * @param {number} e the event after which the state is shown @param {number} at the event at which the logs
   * open @param {number} pinned the marked server's lane, or -1
   */
  draw(e, at, pinned) {
    const { context: c, theme, width, height, left } = this;
    c.fillStyle = theme.colour("panel");
    c.fillRect(0, 0, width, height);
    this.rows = [];
    this.lines = [];
    this.open(at);
    let y = 0;
    const room = Math.max(CELL, width - left - 14);
    let [least, most] = [0, 0];
    const groups = this.groups();
    const matters = this.folds(groups) ? this.matters(at) : null;
    const isOpen = (/** @type {number[]} */ lanes) => !matters || matters.has(this.groupOf(lanes[0]));
    for (const lanes of [...groups.filter(isOpen), ...groups.filter((one) => !isOpen(one))]) {
      if (!isOpen(lanes)) {
        this.drawFolded(lanes, e, y);
        y += LOG_ROW;
        continue;
      }
      const states = lanes.map((lane) => this.run.state(lane, e));
      const focus = this.focus.get(this.run.lanes[lanes[0]].group) ?? 0;
      const { columns, total } = this.columns(lanes, states, focus);
      const place = focus > 0 ? (columns.find(({ to }) => to >= focus)?.x ?? total) : total;
      const end = Math.max(0, total - room);
      const opens = Math.min(end, Math.max(0, place - room * 0.4));
      const shift = Math.min(end, Math.max(0, opens + this.moved));
      [least, most] = [Math.min(least, -opens), Math.max(most, end - opens)];
      const seen = columns.filter((column) => column.x + column.width > shift && column.x < shift + room + CELL);
      this.drawRuler(y, seen, shift, focus);
      y += LOG_RULER;
      for (const [i, lane] of lanes.entries()) {
        this.rows.push({ lane, y, columns: seen, shift });
        this.drawRow(lane, states[i], i, y, seen, shift, lane === pinned, e);
        y += LOG_ROW;
      }
      y += 4;
    }
    this.moved = Math.min(most, Math.max(least, this.moved));
  }

  /**
   * Draws the line of a folded group: whether its logs are equal, and how long they are.
   * @param {number[]} lanes @param {number} e the event after which the state is shown @param {number} y
   */
  drawFolded(lanes, e, y) {
    const { context: c, theme } = this;
    const group = this.groupOf(lanes[0]);
    this.lines.push({ group, y });
    c.textBaseline = "middle";
    c.textAlign = "left";
    c.font = theme.colour("font-label-strong");
    c.fillStyle = theme.colour("ink");
    const name = this.run.lanes[lanes[0]].name.replace(/S\d+$/, "") || `group ${group}`;
    c.fillText(`▸ ${visible(name, 12)}`, 10, y + LOG_ROW / 2);
    c.font = theme.colour("font-small");
    c.fillStyle = theme.colour("muted");
    c.fillText(fitText(c, this.foldedText(lanes, e), this.width - 96), 86, y + LOG_ROW / 2);
  }

  /** @param {number[]} lanes @param {number} e */
  foldedText(lanes, e) {
    const { run } = this;
    const states = lanes.map((lane) => run.state(lane, e));
    const known = states.filter((state) => state !== null && state.run !== -2);
    const lasts = known.map((state) => state?.last ?? 0);
    const term = Math.max(0, ...states.map((state) => state?.term ?? 0));
    const parts = run.logParts(lanes, states);
    const clash = parts.find((part) => part.clash);
    const [least, most] = [Math.min(...lasts), Math.max(...lasts)];
    const how = known.length < lanes.length ? `${known.length} of ${lanes.length} logs are known` : clash ? `${lanes.length} logs, which differ at index ${clash.from}` : least < most ? `${lanes.length} logs, some are shorter` : `${lanes.length} equal logs`;
    const length = known.length === 0 ? "" : least < most ? `, ${formatCount(least)} to ${plural(most, "entry", "entries")}` : `, ${plural(most, "entry", "entries")}`;
    const down = lanes.filter((_, i) => !states[i]?.alive).map((lane) => run.lanes[lane].name);
    const leader = lanes.filter((_, i) => states[i]?.alive && states[i]?.role === 3).map((lane) => run.lanes[lane].name);
    return `${how}, term ${term}${length}${leader.length > 0 ? `; ${listText(leader)} ${leader.length > 1 ? "lead" : "leads"}` : "; no leader"}${down.length > 0 ? `; down: ${listText(down)}` : ""}`;
  }

  /**
   * Draws the indexes above the cells. The index that matters is marked.
   * @param {number} y @param {LogColumn[]} columns @param {number} shift @param {number} focus
   */
  drawRuler(y, columns, shift, focus) {
    const { context: c, theme, left } = this;
    c.save();
    c.beginPath();
    c.rect(left, y, this.width - left, LOG_RULER);
    c.clip();
    c.font = theme.colour("font-tiny");
    c.textBaseline = "middle";
    c.textAlign = "center";
    for (const { from, to, x, width } of columns) {
      const middle = left + x - shift + width / 2;
      if (from === focus) {
        c.fillStyle = theme.colour("accent");
        c.beginPath();
        const half = String(from).length * 3.4 + 6;
        c.roundRect(middle - half, y + 2, 2 * half, LOG_RULER - 3, 4);
        c.fill();
      }
      c.fillStyle = theme.colour(from === focus ? "panel" : "muted");
      c.fillText(from === to ? String(from) : `${from} – ${to}`, middle, y + LOG_RULER / 2 + 1, width - 1);
    }
    c.restore();
  }

  /**
   * @param {number} lane @param {State | null} state @param {number} place of the server in its group
   * @param {number} y @param {LogColumn[]} columns @param {number} shift @param {boolean} marked
   * @param {number} e the event after which the state is shown
   */
  drawRow(lane, state, place, y, columns, shift, marked, e) {
    const { context: c, theme, run, left } = this;
    const narrow = left < LOG_LEFT;
    const middle = y + LOG_ROW / 2;
    if (marked) {
      c.fillStyle = theme.colour("row");
      c.fillRect(0, y, this.width, LOG_ROW);
    }
    c.textBaseline = "middle";
    c.textAlign = "left";
    const down = !state || !state.alive;
    const role = state && !down ? ROLES[state.role] : "down";
    if (down) {
      c.strokeStyle = theme.colour("line-strong");
      c.setLineDash([2, 2]);
      c.strokeRect(10.5, middle - 4.5, 9, 9);
      c.setLineDash([]);
    } else {
      c.fillStyle = theme.colour(`role-${role}`);
      c.fillRect(10, middle - 5, 10, 10);
    }
    c.font = theme.colour("font-label-strong");
    c.fillStyle = theme.colour("ink");
    c.fillText(visible(run.lanes[lane].name, 9), 26, middle);
    c.font = theme.colour("font-small");
    c.fillStyle = theme.colour("muted");
    if (!narrow) c.fillText(!state ? "unknown" : role, 86, middle);
    if (!state) return;
    if (state.term > 0) {
      c.fillStyle = theme.colour(`term-${state.term % 8}`);
      c.beginPath();
      const x = narrow ? 70 : 149;
      c.roundRect(x, middle - 7, 28, 14, 3);
      c.fill();
      c.textAlign = "center";
      c.fillStyle = theme.colour("ink");
      c.fillText(`T${state.term}`, x + 14, middle + 0.5, 26);
    }
    if (state.vote >= 0 && !narrow) {
      c.textAlign = "left";
      c.fillStyle = theme.colour("muted");
      c.fillText(`→${run.mate(lane, state.vote).replace(/^G\d+/, "")}`, 183, middle, LOG_LEFT - 185);
    }
    if (state.run !== -2) this.drawCells(state, place, y, columns, shift, down, (index) => run.entryText(lane, e, index));
  }

  /**
   * @param {State} state @param {number} place of the server in its group @param {number} y
   * @param {LogColumn[]} columns @param {number} shift @param {boolean} down
   * @param {(index: number) => string} says what is in an entry
   */
  drawCells(state, place, y, columns, shift, down, says) {
    const { context: c, theme, left } = this;
    const [top, h] = [y + 2, LOG_ROW - 5];
    c.save();
    c.beginPath();
    c.rect(left, y, this.width - left, LOG_ROW);
    c.clip();
    c.textAlign = "center";
    c.font = theme.colour("font-small");
    const bright = down ? 0.55 : 1;
    let covered = -1;
    for (const column of columns) {
      const { from, to, width } = column;
      const x = left + column.x - shift;
      const term = column.terms[place];
      if (term < 0) {
        // The snapshot covers these entries, or the server does not have them.
        if (to <= state.start) {
          c.globalAlpha = bright;
          c.fillStyle = theme.colour("snapshot");
          c.fillRect(x, top, width, h);
          covered = x + width;
        }
        continue;
      }
      const committed = to <= state.commit;
      c.fillStyle = theme.colour(`term-${term % 8}`);
      c.globalAlpha = bright * (committed ? 1 : 0.45);
      c.fillRect(x + 1, top, width - 2, h);
      c.globalAlpha = bright;
      if (!committed) {
        // An entry that is not known to be committed has a dashed frame.
        c.strokeStyle = theme.colour("line-strong");
        c.lineWidth = 1;
        c.setLineDash([2, 2]);
        c.strokeRect(x + 1.5, top + 0.5, width - 3, h - 1);
        c.setLineDash([]);
      }
      c.fillStyle = theme.colour("ink");
      // The text is in the middle of what is in view of the cell.
      const [x0, x1] = [Math.max(x, left), Math.min(x + width, this.width)];
      const count = formatCount(to - from + 1);
      const said = from === to && width === WIDE_CELL ? says(from) : "";
      if (said) {
        c.textAlign = "left";
        c.fillText(fitText(c, `${term} ${shortCommand(said)}`, x1 - x0 - 8), x0 + 4, top + h / 2 + 0.5);
        c.textAlign = "center";
        continue;
      }
      const text = from === to ? String(term) : x1 - x0 > width * 0.9 ? `term ${term}, ${count} entries` : `${count} × T${term}`;
      if (from === to || x1 - x0 > 44) c.fillText(text, (x0 + x1) / 2, top + h / 2 + 0.5, x1 - x0 - 4);
    }
    // The thick edge at the end of the snapshot, and what it covers.
    if (covered >= 0) {
      c.globalAlpha = bright;
      c.fillStyle = theme.colour("ink");
      c.fillRect(covered - 3, top - 1, 2.5, h + 2);
      c.textAlign = "right";
      const text = `snapshot ${state.start}${state.startTerm > 0 ? `, T${state.startTerm}` : ""}`;
      if (covered - left > 24) c.fillText(fitText(c, text, covered - left - 12), covered - 8, top + h / 2 + 0.5);
    }
    const first = columns[0];
    if (!first || state.last === 0 || (state.last < first.from && state.last > state.start)) {
      c.textAlign = "left";
      c.fillStyle = theme.colour("muted");
      c.fillText(state.last === 0 ? "empty" : `◂ ends at ${state.last}`, left + 4, top + h / 2);
    }
    // Lines below the cells show up to which index the log is committed and applied.
    c.globalAlpha = bright;
    for (const [index, tone] of /** @type {[number, string][]} */ ([
      [state.commit, "commit"],
      [state.apply, "apply"],
    ])) {
      const inside = columns.filter(({ to }) => to <= index);
      const end = inside[inside.length - 1];
      if (!end) continue;
      const x = left + end.x + end.width - shift;
      c.fillStyle = theme.colour(tone);
      c.fillRect(left + 1, top + h, x - left - 2, 2.5);
      if (inside.length < columns.length) c.fillRect(x - 2, top + h - 3, 2, 5.5);
    }
    c.restore();
    c.globalAlpha = 1;
  }

  /**
   * The server and the log index at a place of the canvas. The index is 0 if there is none.
   * @param {number} x @param {number} y
   */
  at(x, y) {
    const row = this.rows.find((one) => y >= one.y && y < one.y + LOG_ROW);
    if (!row) return null;
    const at = x - this.left + row.shift;
    const column = x < this.left ? undefined : row.columns.find((one) => at >= one.x && at < one.x + one.width);
    return { lane: row.lane, index: column?.from ?? 0, last: column?.to ?? 0 };
  }
}

/**
 * The text of a command, without the name of the request if the text also has the name of the change:
 * `PutAppend Put k=v` is `Put k=v`.
 * @param {string} text
 */
function shortCommand(text) {
  return text.replace(/^\w+ (?=(Put|Append) )/, "");
}
