"use strict";
// The gallery's viewer: one trial's pictures side by side, under a slider, in turn, or as a map of differences.
(function () {
  const $ = (id) => document.getElementById(id);
  const viewer = $("viewer"), RANGE = 40;
  let current = 0, box = null, drawing = false, turn = 0, timer = 0, ticket = 0;

  const entry = () => pictures.entries[current];
  const mode = () => document.querySelector('input[name="mode"]:checked').value;
  const chosen = () => Array.from(document.querySelectorAll('input[name="pane"]:checked')).map((b) => entry().views[b.value]);
  const side = (id) => entry().views[Number($(id).value)];
  const identity = (e) => [e.dataset, e.seed, e.protocol, e.sample, e.draw].join("\n");

  function options(select, views, at) {
    select.replaceChildren(...views.map((view, k) => new Option(view.name, String(k), false, k === at)));
  }
  function pane(name) {
    const figure = document.createElement("figure"), canvas = document.createElement("canvas");
    const caption = document.createElement("figcaption");
    caption.textContent = name;
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", name);
    figure.append(canvas, caption);
    return { figure, canvas };
  }
  async function layers() {
    const left = side("v-left"), right = side("v-right");
    if (mode() === "panes") {
      return Promise.all(chosen().map(async (view) => ({ name: view.name, under: await pictures.load(view.src) })));
    }
    const [a, b] = await Promise.all([pictures.load(left.src), pictures.load(right.src)]);
    if (mode() === "slider") return [{ name: left.name + " | " + right.name, over: a, under: b, at: $("v-range").value / 100 }];
    if (mode() === "flicker") return [{ name: (turn ? right : left).name, under: turn ? b : a }];
    if (a.width !== b.width || a.height !== b.height) return [{ name: "not of one size: no map of differences", under: b }];
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [a.width, a.height];
    canvas.getContext("2d").putImageData(measures.difference(a, b, RANGE), 0, 0);
    return [{ name: "difference of " + left.name + " and " + right.name, under: { canvas, width: a.width, height: a.height } }];
  }
  async function draw(whole) {
    const own = ++ticket;
    let list;
    try {
      list = await layers();
    } catch (error) {
      $("v-trouble").textContent = error.message;
      return;
    }
    if (own !== ticket) return;
    $("v-trouble").textContent = "";
    const old = Array.from($("v-stage").children);
    const made = list.map((layer, k) => {
      const { figure, canvas } = old[k] ? { figure: old[k], canvas: old[k].firstChild } : pane(layer.name);
      figure.lastChild.textContent = layer.name;
      canvas.setAttribute("aria-label", layer.name);
      if (!old[k]) $("v-stage").append(figure);
      return { ...layer, canvas, box };
    });
    old.slice(list.length).forEach((item) => item.remove());
    $("v-stage").dataset.panes = String(list.length);
    stage.show(made, entry().width, entry().height, whole);
    $("v-range").disabled = mode() !== "slider";
  }
  async function crops() {
    if (!box) return;
    const views = entry().views, own = current;
    const list = await Promise.all(views.map(async (view) => ({ view, picture: await pictures.load(view.src) })));
    if (own === current && box) crop.show(entry(), list, box);
  }
  function remember() {
    state.set({
      image: identity(entry()), crop: box ? box.join(",") : "", mode: mode(),
      left: side("v-left").name, right: side("v-right").name,
    });
  }
  function setBox(wanted) {
    box = wanted && crop.inside(wanted, entry().width, entry().height);
    remember();
    draw(false);
    crops().catch((error) => { $("v-trouble").textContent = error.message; });
  }
  function facts() {
    const e = entry(), table = $("v-scores");
    $("v-facts").textContent = [e.dataset, e.protocol, e.width + " x " + e.height + " pixels", ...e.missing].join("; ");
    const row = (cells, tag) => {
      const tr = document.createElement("tr");
      tr.append(...cells.map((text, k) => {
        const cell = document.createElement(k === 0 ? "th" : tag);
        cell.textContent = text;
        return cell;
      }));
      return tr;
    };
    table.replaceChildren(row(["", ...pictures.metrics], "th"), ...e.scores.map(([name, ...values]) => row([name, ...values], "td")));
  }
  function show(number, given) {
    const e = pictures.entries[current = (number + pictures.entries.length) % pictures.entries.length];
    $("v-title").textContent = e.sample + (e.draw ? ", draw " + e.draw : "");
    $("v-title").title = $("v-title").textContent;
    const named = (name, other) => {
      const at = e.views.findIndex((view) => view.name === name);
      return name && at >= 0 ? at : other;
    };
    options($("v-left"), e.views, named(given && given.left, e.pair[0]));
    options($("v-right"), e.views, named(given && given.right, e.pair[1]));
    $("v-panes").replaceChildren(...e.views.map((view, k) => {
      const label = document.createElement("label"), input = document.createElement("input");
      Object.assign(input, { type: "checkbox", name: "pane", value: String(k), checked: view.kind !== "Ref" || view.first });
      input.addEventListener("change", () => draw(true));
      label.className = "chip";
      label.append(input, " " + view.name);
      return label;
    }));
    $("v-boxes").replaceChildren(...e.boxes.map((one, k) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = "where methods differ most" + (e.boxes.length > 1 ? ", " + (k + 1) : "");
      button.addEventListener("click", () => setBox(one));
      return button;
    }));
    $("v-kept").replaceChildren(...e.views.filter((view) => view.file).map((view) => {
      const link = document.createElement("a");
      link.href = view.file;
      link.textContent = view.name;
      return link;
    }));
    facts();
    if (!viewer.open) viewer.showModal();
    viewer.scrollTop = 0;
    box = null;
    $("v-crops").replaceChildren();
    $("v-box").textContent = "";
    draw(true).then(() => setBox((given && given.box) || e.boxes[0] || null));
  }
  function setMode(name) {
    const input = document.querySelector('input[name="mode"][value="' + name + '"]');
    if (input) input.checked = true;
    clearInterval(timer);
    // who asked for less motion turns the pictures with the space bar
    const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (name === "flicker" && !still) timer = setInterval(() => { turn = 1 - turn; draw(false); }, 700);
    draw(true);
    remember();
  }

  // --- opening and closing ---
  document.querySelectorAll("button.open").forEach((button) => {
    button.addEventListener("click", () => show(Number(button.dataset.entry)));
  });
  $("v-prev").addEventListener("click", () => show(current - 1));
  $("v-next").addEventListener("click", () => show(current + 1));
  $("v-close").addEventListener("click", () => viewer.close());
  viewer.addEventListener("close", () => {
    clearInterval(timer);
    state.set({ image: "", crop: "", mode: "", left: "", right: "" });
  });
  ["v-left", "v-right"].forEach((id) => $(id).addEventListener("change", () => { draw(false); remember(); }));
  $("v-range").addEventListener("input", () => draw(false));
  document.querySelectorAll('input[name="mode"]').forEach((input) => input.addEventListener("change", () => setMode(input.value)));
  $("v-in").addEventListener("click", () => stage.zoom(1.5));
  $("v-out").addEventListener("click", () => stage.zoom(1 / 1.5));
  $("v-whole").addEventListener("click", () => stage.whole());
  $("v-exact").addEventListener("click", () => stage.exact());
  $("v-draw").addEventListener("click", () => {
    drawing = !drawing;
    $("v-draw").setAttribute("aria-pressed", String(drawing));
  });
  stage.onChange(() => { $("v-zoom").textContent = Math.round(100 * stage.view.zoom * (window.devicePixelRatio || 1)) + " %"; });

  // --- pointer: the wheel zooms, a drag moves, or draws with Shift or the Crop button ---
  let held = null;
  $("v-stage").addEventListener("wheel", (event) => {
    if (event.target.tagName !== "CANVAS") return;
    event.preventDefault();
    stage.zoom(Math.exp(-event.deltaY / 400), event.target, event);
  }, { passive: false });
  $("v-stage").addEventListener("pointerdown", (event) => {
    if (event.target.tagName !== "CANVAS" || event.button !== 0) return;
    event.target.setPointerCapture(event.pointerId);
    const near = mode() === "slider" && !drawing && !event.shiftKey &&
      Math.abs(event.offsetX / event.target.clientWidth - $("v-range").value / 100) < 0.03;
    held = { canvas: event.target, from: stage.place(event.target, event), draws: drawing || event.shiftKey, slides: near };
  });
  $("v-stage").addEventListener("pointermove", (event) => {
    if (!held) return;
    if (held.slides) {
      $("v-range").value = String(Math.round(100 * Math.min(1, Math.max(0, event.offsetX / held.canvas.clientWidth))));
      draw(false);
    } else if (held.draws) {
      held.to = stage.place(held.canvas, event);
      box = crop.inside(corners(held), entry().width, entry().height);
      draw(false);
    } else {
      stage.move(-event.movementX, -event.movementY);
    }
  });
  $("v-stage").addEventListener("pointerup", () => {
    if (held && held.draws && held.to) setBox(corners(held));
    held = null;
  });
  function corners({ from, to }) {
    const [x, y] = [Math.floor(Math.min(from[0], to[0])), Math.floor(Math.min(from[1], to[1]))];
    return [x, y, Math.ceil(Math.max(from[0], to[0])) - x, Math.ceil(Math.max(from[1], to[1])) - y];
  }

  // --- keys ---
  const modes = { s: "slider", p: "panes", f: "flicker", d: "difference" };
  viewer.addEventListener("keydown", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!plain || event.target.tagName === "SELECT" || event.target.type === "range") return;
    const key = event.key, step = 60;
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.shiftKey && moves[key]) stage.move(...moves[key]);
    else if (key === "ArrowLeft" && event.target.type !== "radio") show(current - 1);
    else if (key === "ArrowRight" && event.target.type !== "radio") show(current + 1);
    else if (key === "+" || key === "=") stage.zoom(1.25);
    else if (key === "-") stage.zoom(0.8);
    else if (key === "0") stage.whole();
    else if (key === "1") stage.exact();
    else if (key === "c") $("v-draw").click();
    else if (key === " " && mode() === "flicker" && event.target.tagName !== "BUTTON") { turn = 1 - turn; draw(false); }
    else if (modes[key]) setMode(modes[key]);
    else return;
    event.preventDefault();
  });

  // --- a link to an image ---
  function follow() {
    const wanted = state.get("image");
    const at = wanted ? pictures.entries.findIndex((e) => identity(e) === wanted) : -1;
    if (at < 0) return;
    const numbers = state.get("crop").split(",").map(Number);
    const given = { left: state.get("left"), right: state.get("right"), box: numbers.length === 4 ? numbers : null };
    const name = state.get("mode");
    const input = name && document.querySelector('input[name="mode"][value="' + CSS.escape(name) + '"]');
    if (input) input.checked = true;
    show(at, given);
    if (name === "flicker") setMode(name);
  }
  state.follow(follow);
  if (pictures.entries.length) follow();
})();
