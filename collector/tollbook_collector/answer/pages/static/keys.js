// The keyboard: g and a letter goes to a page, / to the first filter, ? shows the keys.
"use strict";
(() => {
  let going = false;

  function help() {
    const box = document.createElement("dialog");
    box.setAttribute("aria-label", "Keys");
    const list = document.createElement("dl");
    const add = (key, what) => {
      const term = document.createElement("dt");
      const text = document.createElement("dd");
      term.textContent = key;
      text.textContent = what;
      list.append(term, text);
    };
    document.querySelectorAll("[data-key]").forEach((link) => add(`g ${link.dataset.key}`, link.textContent));
    add("/", "to the first filter");
    add("?", "these keys");
    const close = document.createElement("button");
    close.textContent = "Close";
    close.addEventListener("click", () => box.close());
    box.addEventListener("close", () => box.remove());
    box.append(list, close);
    document.body.append(box);
    box.showModal();
  }

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea, dialog")) return;
    if (going) {
      going = false;
      const link = document.querySelector(`[data-key="${CSS.escape(event.key)}"]`);
      if (link) location.assign(link.href);
      return;
    }
    going = event.key === "g";
    if (event.key === "?") help();
    if (event.key === "/") {
      const field = document.querySelector(".filters input:not([type=hidden]), .filters select");
      if (field) {
        event.preventDefault();
        field.focus();
      }
    }
  });
})();
