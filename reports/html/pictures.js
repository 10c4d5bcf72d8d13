"use strict";
// Pictures of the page, lossless and in full size: in the page itself, or in files next to it.
const pictures = (function () {
  const data = JSON.parse(document.getElementById("data").textContent);
  const waiting = new Map(), found = new Map();

  // a page opened from a disk may show a picture next to it, but not read its pixels; a script it may run
  window.refbenchPicture = (name, text) => {
    const resolve = waiting.get(name);
    if (resolve) resolve(text);
  };
  function text(name) {
    const address = data.src[name];
    if (address.startsWith("data:")) return Promise.resolve(address);
    return new Promise((resolve, reject) => {
      waiting.set(name, resolve);
      const script = document.createElement("script");
      script.src = address;
      script.onerror = () => reject(new Error(address + " is not next to the page"));
      document.head.append(script);
    });
  }
  async function read(name) {
    const image = new Image();
    image.src = await text(name);
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = image.naturalWidth;
    canvas.height = image.naturalHeight;
    const context = canvas.getContext("2d", { willReadFrequently: true, colorSpace: "srgb" });
    context.drawImage(image, 0, 0);
    const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
    return { canvas, data: pixels.data, width: canvas.width, height: canvas.height };
  }
  return {
    entries: data.entries,
    metrics: data.metrics,
    /** {canvas, data, width, height} of a picture; two dozen stay in memory. */
    load(name) {
      if (!found.has(name)) {
        if (found.size >= 24) found.delete(found.keys().next().value);
        found.set(name, read(name));
      }
      return found.get(name);
    },
  };
})();
