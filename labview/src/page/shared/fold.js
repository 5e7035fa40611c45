// @ts-check
"use strict";
// The controls of a page fold on a narrow screen. The element with the class `folds` has a button with the
// class `fold`, which shows and hides the controls. The style decides whether the screen is narrow.

function attachFold() {
  for (const controls of document.querySelectorAll(".folds")) {
    const button = controls.querySelector(".fold");
    button?.addEventListener("click", () => {
      const open = controls.classList.toggle("open");
      button.setAttribute("aria-expanded", String(open));
    });
  }
}

/** Shows folded controls if this control is among them. @param {HTMLElement} control */
function unfold(control) {
  const controls = control.closest(".folds");
  if (!controls || control.offsetParent !== null) return;
  controls.classList.add("open");
  controls.querySelector(".fold")?.setAttribute("aria-expanded", "true");
}
