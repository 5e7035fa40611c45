// @ts-check
"use strict";
// What is in view, in the part of the URL behind #: a link to this page shows the same again.

class Fragment {
  /**
   * @param {() => Record<string, string>} state what to keep; empty values are left out
   * @param {(state: Record<string, string>) => void} restore values come from anybody and may be nonsense
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

  /** Soon, and once for many changes: browsers refuse an address that changes all the time. */
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
      // Too often, or not allowed for this kind of document: the page works without.
    }
    this.written = location.hash;
  }
}
