// @ts-check
"use strict";
// Keeps the state of the view in the part of the URL after #. A link with this part shows the same view
// again.

class Fragment {
  /**
   * @param {() => Record<string, string>} state gives the values to keep; empty values are left out
   * @param {(state: Record<string, string>) => void} restore gets the URL's values, which may be anything
   */
  constructor(state, restore) {
    this.state = state;
    this.restore = restore;
    this.wait = 0;
    this.written = location.hash;
    addEventListener("hashchange", () => {
      if (location.hash !== this.written) this.read();
    });
  }

  read() {
    this.written = location.hash;
    this.restore(Object.fromEntries(new URLSearchParams(location.hash.slice(1))));
  }

  /**
   * Writes the state after a short time. Changes during this time are written together, because browsers
   * limit how often the URL may change.
   */
  changed() {
    clearTimeout(this.wait);
    this.wait = setTimeout(() => this.write(), 250);
  }

  write() {
    clearTimeout(this.wait);
    const kept = Object.entries(this.state()).filter(([, value]) => value !== "");
    const hash = kept.length > 0 ? `#${new URLSearchParams(kept)}` : "";
    if (hash === location.hash) return;
    try {
      history.replaceState(null, "", hash || location.href.split("#")[0]);
    } catch {
      // The URL has changed too often, or this kind of document may not change its URL. The page also
      // works if the URL does not have the new state.
    }
    this.written = location.hash;
  }
}
