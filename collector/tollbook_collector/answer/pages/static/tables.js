// Tables of class data: a click on a heading sorts, and a button saves the table as CSV.
"use strict";
(() => {
  // What a cell says, without the signs in it that filter the page.
  const words = (cell) => {
    const said = cell.cloneNode(true);
    said.querySelectorAll(".pick").forEach((signs) => signs.remove());
    return said.textContent.trim().replace(/\s+/g, " ");
  };
  const value = (row, column) => {
    const cell = row.cells[column];
    if (cell.dataset.v === undefined) return words(cell);
    // What is not known is no 0: it comes below all numbers.
    return cell.dataset.v === "" ? -Infinity : Number(cell.dataset.v);
  };

  function sort(table, heading) {
    const column = heading.cellIndex;
    const body = table.tBodies[0];
    const rows = [...body.rows];
    const numbers = rows.length > 0 && rows[0].cells[column].dataset.v !== undefined;
    // Numbers are wanted largest first, words from A to Z; a second click turns it around.
    const before = heading.getAttribute("aria-sort");
    const descending = before ? before === "ascending" : numbers;
    rows.sort((a, b) => {
      const [x, y] = [value(a, column), value(b, column)];
      return (descending ? -1 : 1) * (numbers ? (x > y) - (x < y) : x.localeCompare(y, "en"));
    });
    body.append(...rows);
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  }

  function csv(table) {
    // A leading = + - or @ would be run as a formula by a spreadsheet.
    const quote = (text) => `"${(/^[=+\-@\t\r]/.test(text) && isNaN(text) ? "'" : "") + text.replaceAll('"', '""')}"`;
    const line = (row) => [...row.cells].map((cell) => quote(cell.dataset.v ?? words(cell))).join(",");
    return [table.tHead.rows[0], ...table.tBodies[0].rows].map(line).join("\r\n") + "\r\n";
  }

  function save(table, name) {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv(table)], { type: "text/csv" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  }

  addEventListener("DOMContentLoaded", () => {
    document.querySelectorAll("table.data").forEach((table, at) => {
      const box = document.createElement("div");
      box.className = "scroll";
      table.replaceWith(box);
      const button = document.createElement("button");
      button.type = "button";
      button.className = "export";
      button.textContent = "Save as CSV";
      const page = location.pathname.replaceAll("/", "-").replace(/^-$/, "-overview");
      button.addEventListener("click", () => save(table, `tollbook${page}-${at + 1}.csv`));
      box.append(table);
      box.after(button);
      for (const heading of table.tHead.rows[0].cells) {
        heading.tabIndex = 0;
        heading.addEventListener("click", () => sort(table, heading));
        heading.addEventListener("keydown", (event) => {
          if (event.key === "Enter" || event.key === " ") {
            event.preventDefault();
            sort(table, heading);
          }
        });
      }
    });
    // A table that is wider than the page is moved by the keyboard as well.
    document.querySelectorAll(".scroll").forEach((box) => {
      if (box.scrollWidth > box.clientWidth) {
        box.tabIndex = 0;
        box.setAttribute("role", "region");
        box.setAttribute("aria-label", "Table, can be scrolled");
      }
    });
  });
})();
