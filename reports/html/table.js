"use strict";
// What every page with tables has: light and dark, and columns that sort.
(function () {
  // --- light and dark ---
  const root = document.documentElement;
  const theme = document.getElementById("theme");
  const wide = window.matchMedia("(prefers-color-scheme: dark)");
  function setTheme(name) {
    root.dataset.theme = name;
    theme.setAttribute("aria-pressed", String(name === "dark"));
    theme.textContent = name === "dark" ? "Light" : "Dark";
  }
  setTheme(wide.matches ? "dark" : "light");
  theme.addEventListener("click", () => setTheme(root.dataset.theme === "dark" ? "light" : "dark"));

  // --- sorting: within each section only, so that protocols are never mixed ---
  function key(row, column) {
    const cell = row.cells[column];
    const text = cell.dataset.v === undefined ? cell.textContent.trim() : cell.dataset.v;
    const number = text === "" ? NaN : Number(text);
    return { text: text, number: number, none: text === "" };
  }
  function sort(table, column, down) {
    for (const body of table.tBodies) {
      const rows = Array.from(body.querySelectorAll("tr.row")).map((row) => ({ row: row, key: key(row, column) }));
      const numeric = rows.every((r) => r.key.none || !Number.isNaN(r.key.number));
      rows.sort((a, b) => {
        if (a.key.none !== b.key.none) return a.key.none ? 1 : -1;
        const order = numeric ? a.key.number - b.key.number : a.key.text.localeCompare(b.key.text);
        return down ? -order : order;
      });
      for (const r of rows) body.appendChild(r.row);
    }
    table.querySelectorAll("thead th").forEach((th, k) => {
      if (k === column) th.setAttribute("aria-sort", down ? "descending" : "ascending");
      else th.removeAttribute("aria-sort");
    });
  }
  document.querySelectorAll("table.sortable thead button").forEach((button) => {
    button.addEventListener("click", () => {
      const th = button.parentElement;
      const before = th.getAttribute("aria-sort");
      const first = th.classList.contains("num") ? "descending" : "ascending";
      const down = before === null ? first === "descending" : before === "ascending";
      sort(th.closest("table"), Number(button.dataset.col), down);
    });
  });
})();
