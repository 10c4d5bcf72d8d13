"use strict";
// Canvases that show the same place of several pictures at the same size: zoom by wheel and keys, move by drag.
const stage = (function () {
  const MOST = 64;
  let panes = [], size = [1, 1], view = { x: 0.5, y: 0.5, zoom: 1 }, drawn = false;
  let changed = () => {};

  const ratio = () => window.devicePixelRatio || 1;
  function fit() {
    const canvas = panes.length && panes[0].canvas;
    return canvas ? Math.min(canvas.clientWidth / size[0], canvas.clientHeight / size[1]) : 1;
  }
  /** Place of HR pixel (0, 0) in the pane, in CSS pixels. */
  function origin(canvas) {
    return [canvas.clientWidth / 2 - view.x * size[0] * view.zoom, canvas.clientHeight / 2 - view.y * size[1] * view.zoom];
  }
  function paint(pane) {
    const canvas = pane.canvas, scale = ratio();
    canvas.width = Math.round(canvas.clientWidth * scale);
    canvas.height = Math.round(canvas.clientHeight * scale);
    const context = canvas.getContext("2d"), [left, top] = origin(canvas);
    context.scale(scale, scale);
    const layer = (picture, from, to) => {
      // a reference or LR image of another size is laid over the width of HR
      const factor = view.zoom * size[0] / picture.width;
      context.save();
      context.beginPath();
      context.rect(from * canvas.clientWidth, 0, (to - from) * canvas.clientWidth, canvas.clientHeight);
      context.clip();
      context.imageSmoothingEnabled = factor < 1;
      context.drawImage(picture.canvas, left, top, picture.width * factor, picture.height * factor);
      context.restore();
    };
    if (pane.over) {
      layer(pane.under, pane.at, 1);
      layer(pane.over, 0, pane.at);
      context.fillStyle = "#fff";
      context.fillRect(pane.at * canvas.clientWidth - 1, 0, 2, canvas.clientHeight);
    } else if (pane.under) {
      layer(pane.under, 0, 1);
    }
    if (pane.box) {
      const [x, y, w, h] = pane.box;
      context.lineWidth = 2;
      context.strokeStyle = "#ffd400";
      context.strokeRect(left + x * view.zoom, top + y * view.zoom, w * view.zoom, h * view.zoom);
    }
  }
  function draw() {
    if (drawn) return;
    drawn = true;
    requestAnimationFrame(() => {
      drawn = false;
      panes.forEach(paint);
      changed();
    });
  }
  /** HR pixel under a pointer event. */
  function place(canvas, event) {
    const box = canvas.getBoundingClientRect(), [left, top] = origin(canvas);
    return [(event.clientX - box.left - left) / view.zoom, (event.clientY - box.top - top) / view.zoom];
  }
  function zoom(factor, canvas, event) {
    const before = view.zoom;
    view.zoom = Math.min(MOST, Math.max(fit() / 2, view.zoom * factor));
    if (canvas && event) {
      const box = canvas.getBoundingClientRect();
      const dx = event.clientX - box.left - canvas.clientWidth / 2, dy = event.clientY - box.top - canvas.clientHeight / 2;
      view.x += dx / size[0] * (1 / before - 1 / view.zoom);
      view.y += dy / size[1] * (1 / before - 1 / view.zoom);
    }
    draw();
  }
  new ResizeObserver(draw).observe(document.getElementById("v-stage"));
  return {
    place, draw, zoom,
    get view() { return view; },
    /** Show panes [{canvas, under, over, at, box}] of an image of this size; keep what is looked at. */
    show(list, width, height, whole) {
      panes = list;
      size = [width, height];
      if (whole) {
        view = { x: 0.5, y: 0.5, zoom: fit() };
      }
      draw();
    },
    whole() { view = { x: 0.5, y: 0.5, zoom: fit() }; draw(); },
    exact() { view.zoom = 1 / ratio(); draw(); },
    move(dx, dy) { view.x += dx / size[0] / view.zoom; view.y += dy / size[1] / view.zoom; draw(); },
    onChange(call) { changed = call; },
  };
})();
