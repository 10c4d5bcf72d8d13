"use strict";
// A crop, drawn by hand or suggested: every picture's cut with its own PSNR and SSIM, and all as one figure.
const crop = (function () {
  const $ = (id) => document.getElementById(id);
  const TALL = 180;
  let shown = null;

  /** The box within the picture, at least a pixel, or null. */
  function inside(box, width, height) {
    const x = Math.min(Math.max(0, Math.round(box[0])), width - 1), y = Math.min(Math.max(0, Math.round(box[1])), height - 1);
    const w = Math.min(Math.round(box[2]), width - x), h = Math.min(Math.round(box[3]), height - y);
    return [x, y, w, h].every(Number.isFinite) && w > 0 && h > 0 ? [x, y, w, h] : null;
  }
  function cut(picture, box, width, tall) {
    const scale = picture.width / width, [x, y, w, h] = box;
    const canvas = document.createElement("canvas");
    canvas.height = tall;
    canvas.width = Math.max(1, Math.round(tall * w / h));
    const context = canvas.getContext("2d");
    context.imageSmoothingEnabled = false;
    context.drawImage(picture.canvas, x * scale, y * scale, w * scale, h * scale, 0, 0, canvas.width, canvas.height);
    return canvas;
  }
  function words(picture, hr, box, view) {
    if (!hr || view.kind !== "SR" || picture.width !== hr.width || picture.height !== hr.height) return "";
    const psnr = measures.psnr(picture, hr, box), ssim = measures.ssim(picture, hr, box);
    return (Number.isFinite(psnr) ? psnr.toFixed(2) : "inf") + " dB" + (Number.isNaN(ssim) ? "" : " / " + ssim.toFixed(4));
  }
  function save(canvas, name) {
    const link = document.createElement("a");
    link.href = canvas.toDataURL("image/png");
    link.download = name.replace(/[^A-Za-z0-9_.-]+/g, "_") + ".png";
    link.click();
  }
  /** Fill the list below the stage; list: [{view, picture}] with HR among them where there is one. */
  function show(entry, list, box) {
    const hr = (list.find((item) => item.view.kind === "HR") || {}).picture;
    shown = { entry, box, parts: list.map(({ view, picture }) => ({
      name: view.name, canvas: cut(picture, box, entry.width, TALL), words: words(picture, hr, box, view),
    })) };
    $("v-box").textContent = box[2] + " x " + box[3] + " pixels at " + box[0] + ", " + box[1] +
      (hr ? "; PSNR-Y / SSIM-Y of this crop alone, no border left out" : "; no HR: no measures");
    $("v-crops").replaceChildren(...shown.parts.map((part) => {
      const figure = document.createElement("figure"), caption = document.createElement("figcaption");
      caption.textContent = part.name;
      const small = document.createElement("small");
      small.textContent = part.words;
      caption.append(small);
      figure.dataset.name = part.name;
      figure.append(part.canvas, caption);
      return figure;
    }));
  }
  $("v-save").addEventListener("click", () => {
    if (!shown) return;
    const gap = 8, line = 20, canvas = document.createElement("canvas");
    const widths = shown.parts.map((p) => Math.max(p.canvas.width, 110));
    canvas.width = widths.reduce((a, b) => a + b + gap, gap);
    canvas.height = TALL + 2 * gap + 2 * line;
    const context = canvas.getContext("2d");
    context.fillStyle = "#fff";
    context.fillRect(0, 0, canvas.width, canvas.height);
    context.fillStyle = "#000";
    context.font = "14px sans-serif";
    context.textAlign = "center";
    let x = gap;
    shown.parts.forEach((part, k) => {
      context.drawImage(part.canvas, x + (widths[k] - part.canvas.width) / 2, gap);
      context.fillText(part.name, x + widths[k] / 2, TALL + gap + line - 4, widths[k]);
      context.fillText(part.words, x + widths[k] / 2, TALL + gap + 2 * line - 4, widths[k]);
      x += widths[k] + gap;
    });
    save(canvas, shown.entry.sample + "_crop_" + shown.box.join("_"));
  });
  return { inside, show, save };
})();
