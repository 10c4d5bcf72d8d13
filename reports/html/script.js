"use strict";
(function () {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);

  // --- filters ---
  const boxes = Array.from(document.querySelectorAll('input[name="method"]'));
  function filter() {
    const dataset = $("f-dataset").value;
    const protocol = $("f-protocol").value;
    const off = new Set(boxes.filter((b) => !b.checked).map((b) => b.value));
    document.querySelectorAll("[data-dataset],[data-protocol],[data-method]").forEach((item) => {
      const d = item.dataset;
      const wrongData = dataset !== "" && d.dataset !== undefined && d.dataset !== "" && d.dataset !== dataset;
      const wrongProtocol = protocol !== "" && d.protocol !== undefined && d.protocol !== protocol;
      const wrongBase = protocol !== "" && d.base !== undefined && d.base !== "" &&
        protocol !== d.base && !protocol.startsWith(d.base + "+");
      const wrongMethod = d.method !== undefined && off.has(d.method);
      const hide = wrongData || wrongProtocol || wrongBase || wrongMethod;
      if (item instanceof SVGElement) item.style.display = hide ? "none" : "";
      else item.hidden = hide;
    });
    document.querySelectorAll("section[data-holds]").forEach((section) => {
      section.hidden = !Array.from(section.querySelectorAll("tbody")).some((b) => !b.hidden);
    });
    const narrowed = dataset !== "" || protocol !== "" || off.size > 0;
    $("f-state").textContent = narrowed ? "filtered" : "";
  }
  $("f-dataset").addEventListener("change", filter);
  $("f-protocol").addEventListener("change", filter);
  boxes.forEach((box) => box.addEventListener("change", filter));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  filter();

  // --- the gallery's viewer ---
  const viewer = $("viewer");
  let current = 0;
  function figure(name, src, extra) {
    const box = document.createElement("figure");
    const image = document.createElement("img");
    image.loading = "lazy";
    image.decoding = "async";
    image.alt = name;
    image.src = data.src[src];
    const caption = document.createElement("figcaption");
    caption.textContent = extra ? name + ", " + extra : name;
    caption.title = caption.textContent;
    box.append(image, caption);
    return box;
  }
  function options(select, views, chosen) {
    select.replaceChildren(...views.map((view, k) => {
      const option = document.createElement("option");
      option.value = String(k);
      option.textContent = view.name;
      option.selected = k === chosen;
      return option;
    }));
  }
  function compare() {
    const views = data.entries[current].views;
    const left = views[Number($("v-left").value)];
    const right = views[Number($("v-right").value)];
    $("v-over").src = data.src[left.src];
    $("v-over").alt = left.name;
    $("v-under").src = data.src[right.src];
    $("v-under").alt = right.name;
  }
  function slide() {
    $("v-stage").style.setProperty("--at", $("v-range").value + "%");
  }
  function show(number) {
    current = (number + data.entries.length) % data.entries.length;
    const entry = data.entries[current];
    $("v-title").textContent = entry.sample + (entry.draw ? ", draw " + entry.draw : "");
    $("v-title").title = $("v-title").textContent;
    $("v-facts").textContent = entry.dataset + ", " + entry.protocol + ", " + entry.width + " x " + entry.height +
      " pixels" + Object.entries(entry.scores).map(([name, value]) => "; " + name + " " + value).join("");
    const kinds = entry.views.map((view) => view.kind);
    const last = kinds.lastIndexOf("SR");
    const other = kinds.indexOf("SR") !== last ? kinds.indexOf("SR") : Math.max(0, kinds.indexOf("LR"));
    options($("v-left"), entry.views, other);
    options($("v-right"), entry.views, last);
    $("v-stage").style.aspectRatio = entry.width + " / " + entry.height;
    $("v-stage").style.width = "min(100%, calc(60vh * " + entry.width / entry.height + "))";
    $("v-crops").replaceChildren(...entry.crops.map((crop) => {
      const set = document.createElement("div");
      set.className = "set";
      set.append(...crop.images.map((image) => figure(image.name, image.src)));
      return set;
    }));
    $("v-all").replaceChildren(
      ...entry.references.map((ref) => figure("reference " + ref.name, ref.src)),
      ...entry.views.map((view) => figure(view.name, view.src, entry.scores[view.name]))
    );
    $("v-range").value = "50";
    slide();
    compare();
    if (!viewer.open) viewer.showModal();
    viewer.scrollTop = 0;
  }
  document.querySelectorAll("button.open").forEach((button) => {
    button.addEventListener("click", () => show(Number(button.dataset.entry)));
  });
  $("v-left").addEventListener("change", compare);
  $("v-right").addEventListener("change", compare);
  $("v-range").addEventListener("input", slide);
  $("v-prev").addEventListener("click", () => show(current - 1));
  $("v-next").addEventListener("click", () => show(current + 1));
  $("v-close").addEventListener("click", () => viewer.close());
  function drag(event) {
    if (event.buttons !== 1 && event.type !== "pointerdown") return;
    const box = $("v-stage").getBoundingClientRect();
    $("v-range").value = String(Math.round(100 * Math.min(1, Math.max(0, (event.clientX - box.left) / box.width))));
    slide();
  }
  $("v-stage").addEventListener("pointerdown", drag);
  $("v-stage").addEventListener("pointermove", drag);
  viewer.addEventListener("keydown", (event) => {
    if (["INPUT", "SELECT"].includes(event.target.tagName)) return;
    if (event.key === "ArrowLeft") show(current - 1);
    if (event.key === "ArrowRight") show(current + 1);
  });
})();
