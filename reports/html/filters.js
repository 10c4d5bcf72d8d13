"use strict";
// Filters, switches of columns and metric, folded questions: what of the page is shown.
(function () {
  const $ = (id) => document.getElementById(id);
  const all = (query) => Array.from(document.querySelectorAll(query));
  const methods = all('input[name="method"]'), columns = all('input[name="column"]');

  function hide(item, off) {
    if (item instanceof SVGElement) item.style.display = off ? "none" : "";
    else item.hidden = off;
  }
  function filter() {
    const dataset = $("f-dataset").value, protocol = $("f-protocol").value, metric = $("f-metric").value;
    const off = new Set(methods.filter((b) => !b.checked).map((b) => b.value));
    all("[data-dataset],[data-protocol],[data-method],[data-metric]").forEach((item) => {
      const d = item.dataset;
      const wrongData = dataset !== "" && d.dataset !== undefined && d.dataset !== "" && d.dataset !== dataset;
      const wrongProtocol = protocol !== "" && d.protocol !== undefined && d.protocol !== protocol;
      const wrongBase = protocol !== "" && d.base !== undefined && d.base !== "" &&
        protocol !== d.base && !protocol.startsWith(d.base + "+");
      const wrongMethod = d.method !== undefined && off.has(d.method);
      const wrongMetric = d.metric !== undefined && d.metric !== "" && d.metric !== metric;
      hide(item, wrongData || wrongProtocol || wrongBase || wrongMethod || wrongMetric);
    });
    all("section[data-holds]").forEach((section) => {
      section.hidden = !Array.from(section.querySelectorAll("tbody")).some((b) => !b.hidden);
    });
    const narrowed = dataset !== "" || protocol !== "" || off.size > 0;
    $("f-state").textContent = narrowed ? "filtered" : "";
    state.set({ dataset, protocol, off: Array.from(off).join("\n"), metric: $("f-metric").selectedIndex > 0 ? metric : "" });
  }
  function show() {
    const off = columns.filter((b) => !b.checked).map((b) => b.value);
    all("[data-column]").forEach((cell) => {
      cell.hidden = cell.dataset.column.split(" ").some((name) => off.includes(name));
    });
    state.set({ columns: off.join("\n") });
  }

  // --- sorting, remembered ---
  function sorted(table) {
    const th = table.querySelector("thead th[aria-sort]");
    const down = th && th.getAttribute("aria-sort") === "descending";
    return th ? [table.id, Array.from(th.parentElement.children).indexOf(th), down ? "down" : "up"].join(":") : "";
  }
  all("table.sortable[id] thead button").forEach((button) => {
    button.addEventListener("click", () => state.set({ sort: sorted(button.closest("table")) }));
  });
  function sort() {
    const [id, column] = state.get("sort").split(":");
    const table = id && $(id);
    const button = table && table.querySelector('thead button[data-col="' + Number(column) + '"]');
    for (let k = 0; button && k < 2 && sorted(table) !== state.get("sort"); k++) {
      const wanted = state.get("sort");
      button.click();
      if (sorted(table) !== wanted) state.set({ sort: wanted });
    }
  }

  function choose(select, value) {
    select.value = value;
    if (select.selectedIndex < 0) select.selectedIndex = 0;
  }
  function apply() {
    choose($("f-dataset"), state.get("dataset"));
    choose($("f-protocol"), state.get("protocol"));
    if (state.get("metric")) choose($("f-metric"), state.get("metric"));
    const off = state.get("off").split("\n"), hidden = state.get("columns").split("\n");
    methods.forEach((b) => { b.checked = !off.includes(b.value); });
    if (state.get("columns")) columns.forEach((b) => { b.checked = !hidden.includes(b.value); });
    filter();
    show();
    sort();
  }
  ["f-dataset", "f-protocol", "f-metric"].forEach((id) => $(id).addEventListener("change", filter));
  methods.forEach((box) => box.addEventListener("change", filter));
  columns.forEach((box) => box.addEventListener("change", show));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  state.follow(apply);
  apply();

  // --- a link to a folded part unfolds it; printing unfolds all but lists of images and runs ---
  function unfold(id) {
    for (let item = $(id); item; item = item.parentElement) if (item.tagName === "DETAILS") item.open = true;
  }
  all('a[href^="#"]').forEach((a) => a.addEventListener("click", (event) => {
    const target = $(a.getAttribute("href").slice(1));
    if (!target) return;
    event.preventDefault();
    unfold(target.id);
    target.scrollIntoView();
    target.focus({ preventScroll: true });
  }));
  $("fold").addEventListener("click", () => {
    const parts = all("details.question");
    const open = parts.some((d) => !d.open);
    parts.forEach((d) => { d.open = open; });
    $("fold").textContent = open ? "Fold all" : "Unfold all";
  });
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("main details:not([open]):not(.aside)");
    folded.forEach((d) => { d.open = true; });
  });
  addEventListener("afterprint", () => folded.forEach((d) => { d.open = false; }));
})();
