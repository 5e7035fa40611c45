// @ts-check
"use strict";
// The link to the page of the history, which lies beside this page, and the operation at which this page
// opens. An address with `#op=3.1500` opens the page at the operation that client 3 called at 1500 ns; the
// page of the history has such links. Without a fragment, the page opens at the operation that has no place
// in an order, if the checker has found one. Otherwise the page opens at the failure.

/**
 * The operation that a client called at this time or, if it called none, the last one before; -1 if there is
 * none. The time comes from the history. It may be a little later than the time of the call in the trace.
 * @param {Run} run @param {number} client @param {number} called
 */
function operationNamed(run, client, called) {
  const { lane, call } = run.operations;
  const own = run.lanes.findIndex(({ kind, index }) => kind === "client" && index === client);
  let found = -1;
  for (let op = 0; op < lane.length; op += 1) {
    if (lane[op] !== own || call[op] < 0 || run.t[call[op]] > called) continue;
    if (found < 0 || run.t[call[op]] >= run.t[call[found]]) found = op;
  }
  return found;
}

/**
 * The event at which an operation that has no place in an order is shown; -1 if there is none.
 * @param {Run} run
 */
function blockedEvent(run) {
  const operation = run.verdict?.operation ?? -1;
  if (operation < 0) return -1;
  const { call, ret } = run.operations;
  return ret[operation] >= 0 ? ret[operation] : call[operation];
}

/** Opens the page at an operation. @param {RunPage} page */
function openAtOperation(page) {
  const { run } = page;
  const link = /** @type {HTMLAnchorElement} */ (byId("history"));
  const name = location.pathname.split("/").pop() ?? "";
  if (run.history && name.endsWith(".html")) {
    link.href = `${name.slice(0, -".html".length)}-history.html`;
    link.hidden = false;
  }
  const named = /^#op=(\d{1,10})\.(\d{1,18})$/.exec(location.hash);
  const blocked = location.hash === "" ? (run.verdict?.operation ?? -1) : -1;
  const operation = named ? operationNamed(run, Number(named[1]), Number(named[2])) : blocked;
  if (operation < 0) return;
  const { call, ret } = run.operations;
  page.visit(ret[operation] >= 0 ? ret[operation] : call[operation]);
}
