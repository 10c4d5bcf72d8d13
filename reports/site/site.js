"use strict";
// Filters, choice of columns, and an address that holds them. Nothing is fetched.
(function () {
  const $ = (id) => document.getElementById(id);
  const store = {
    get: (name) => { try { return localStorage.getItem(name); } catch (error) { return null; } },
    set: (name, value) => { try { localStorage.setItem(name, value); } catch (error) { /* private window */ } },
  };

  // --- the theme stays from page to page ---
  const theme = $("theme");
  const wanted = store.get("refbench-theme");
  if (wanted && wanted !== document.documentElement.dataset.theme) theme.click();
  theme.addEventListener("click", () => store.set("refbench-theme", document.documentElement.dataset.theme));

  // --- a row that the address names ---
  function target(id) {
    document.querySelectorAll("tr.target").forEach((row) => row.classList.remove("target"));
    const item = id ? $(id) : null;
    if (!item) return;
    if (item.tagName === "DETAILS") item.open = true;
    if (item.tagName === "TR") item.classList.add("target");
    item.scrollIntoView({ block: "center" });
  }

  const form = $("filters");
  if (!form) {
    target(location.hash.slice(1));
    window.addEventListener("hashchange", () => target(location.hash.slice(1)));
    return;
  }
  const columns = Array.from(form.querySelectorAll('input[name="column"]'));
  const fields = { m: $("f-method"), d: $("f-dataset"), p: $("f-protocol"), a: $("f-audit") };
  let row = "";

  function showColumns() {
    const off = new Set(columns.filter((box) => !box.checked).map((box) => box.value));
    document.querySelectorAll("table[id] [data-c]").forEach((cell) => { cell.hidden = off.has(cell.dataset.c); });
  }
  function filter() {
    const text = fields.m.value.trim().toLowerCase();
    const value = (field) => (field ? field.value : "");
    const dataset = value(fields.d), protocol = value(fields.p), audit = value(fields.a);
    const published = $("f-published").checked;
    let shown = 0, all = 0;
    document.querySelectorAll("tr.row, .strip figure").forEach((item) => {
      const d = item.dataset;
      const wrongMethod = text !== "" && !d.method.toLowerCase().includes(text);
      const self = d.audit === "self-reported" || d.audit === "contradicted";
      const wrongAudit = d.audit !== undefined && d.audit !== "published" &&
        ((audit === "checked" && self) || (audit === "self-reported" && d.audit !== "self-reported"));
      item.hidden = wrongMethod || wrongAudit;
      if (item.tagName === "TR" && item.id) { all += 1; shown += item.hidden ? 0 : 1; }
    });
    document.querySelectorAll("[data-dataset]").forEach((body) => {
      const d = body.dataset;
      const wrong = (dataset !== "" && d.dataset !== dataset) || (protocol !== "" && d.protocol !== protocol);
      const none = body.tagName === "TBODY" && !body.querySelector("tr.row:not([hidden])");
      body.hidden = wrong || none || (!published && body.classList.contains("published"));
    });
    document.querySelectorAll(".other").forEach((part) => { part.hidden = !published; });
    document.querySelectorAll("section[data-holds]").forEach((section) => {
      section.hidden = !Array.from(section.querySelectorAll("table[id] > tbody")).some((b) => !b.hidden);
    });
    const narrow = text !== "" || dataset !== "" || protocol !== "" || audit !== "";
    $("f-state").textContent = narrow ? shown + " of " + all + " rows" : "";
  }

  // --- the address ---
  function write() {
    const state = new URLSearchParams();
    for (const [name, field] of Object.entries(fields)) if (field && field.value) state.set(name, field.value);
    if (!$("f-published").checked) state.set("pub", "0");
    const usual = columns.every((box) => box.checked === (box.dataset.default === "1"));
    if (!usual) state.set("c", columns.filter((box) => box.checked).map((box) => box.value).join(","));
    const sorted = Array.from(document.querySelectorAll("table[id]")).map((table) => {
      const th = table.querySelector("th[aria-sort]");
      return th ? table.id + ":" + th.dataset.c + ":" + (th.getAttribute("aria-sort") === "descending" ? "d" : "a") : "";
    }).filter(Boolean);
    if (sorted.length) state.set("s", sorted.join(","));
    if (row) state.set("row", row);
    const text = state.toString();
    history.replaceState(null, "", text ? "#" + text : "#");
  }
  function read() {
    const text = location.hash.slice(1);
    const plain = text !== "" && !text.includes("=");
    const state = new URLSearchParams(plain ? "" : text);
    row = plain ? text : state.get("row") || "";
    for (const [name, field] of Object.entries(fields)) if (field) field.value = state.get(name) || "";
    $("f-published").checked = state.get("pub") !== "0";
    const chosen = state.has("c") ? new Set(state.get("c").split(",")) : null;
    columns.forEach((box) => { box.checked = chosen ? chosen.has(box.value) : box.dataset.default === "1"; });
    for (const part of (state.get("s") || "").split(",").filter(Boolean)) {
      const [id, column, way] = part.split(":");
      const table = $(id);
      const th = table && Array.from(table.tHead.rows[0].cells).find((cell) => cell.dataset.c === column);
      const want = way === "d" ? "descending" : "ascending";
      for (let k = 0; th && k < 2 && th.getAttribute("aria-sort") !== want; k += 1) th.querySelector("button").click();
    }
    showColumns();
    filter();
    target(row);
  }
  let reading = true;
  read();
  reading = false;
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { showColumns(); filter(); write(); });
  document.querySelectorAll("table[id] thead button").forEach((button) => {
    button.addEventListener("click", () => { if (!reading) write(); });
  });
  document.querySelectorAll("a.link").forEach((link) => link.addEventListener("click", (event) => {
    event.preventDefault();
    row = link.getAttribute("href").slice(1);
    target(row);
    write();
  }));
  window.addEventListener("hashchange", read);
})();
