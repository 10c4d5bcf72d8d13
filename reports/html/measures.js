"use strict";
// Measures on pixels, as refbench's Python computes them: PSNR, SSIM, and the map of differences.
const measures = (function () {
  const WINDOW = 11;
  // MATLAB's rgb2ycbcr, 16..235, not rounded
  const Y601 = [65.481 / 255, 128.553 / 255, 24.966 / 255];

  /** Luma of the RGBA pixels of a box [x, y, width, height] of a picture {data, width, height}. */
  function luma(picture, box) {
    const [x0, y0, w, h] = box;
    const found = new Float64Array(w * h);
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < w; x++) {
        const at = 4 * ((y0 + y) * picture.width + x0 + x);
        found[y * w + x] = picture.data[at] * Y601[0] + picture.data[at + 1] * Y601[1] +
          picture.data[at + 2] * Y601[2] + 16;
      }
    }
    return found;
  }
  function psnr(sr, hr, box) {
    const a = luma(sr, box), b = luma(hr, box);
    let sum = 0;
    for (let k = 0; k < a.length; k++) sum += (a[k] - b[k]) * (a[k] - b[k]);
    return sum === 0 ? Infinity : 10 * Math.log10(255 * 255 / (sum / a.length));
  }
  function gaussian() {
    const weights = [];
    for (let k = 0; k < WINDOW; k++) weights.push(Math.exp(-0.5 * Math.pow((k - 5) / 1.5, 2)));
    const sum = weights.reduce((a, b) => a + b, 0);
    return weights.map((w) => w / sum);
  }
  /** The Gaussian mean in every 11x11 window that lies inside. */
  function blurred(values, w, h) {
    const g = gaussian(), vw = w - WINDOW + 1, vh = h - WINDOW + 1;
    const rows = new Float64Array(vw * h), found = new Float64Array(vw * vh);
    for (let y = 0; y < h; y++) {
      for (let x = 0; x < vw; x++) {
        let sum = 0;
        for (let k = 0; k < WINDOW; k++) sum += g[k] * values[y * w + x + k];
        rows[y * vw + x] = sum;
      }
    }
    for (let y = 0; y < vh; y++) {
      for (let x = 0; x < vw; x++) {
        let sum = 0;
        for (let k = 0; k < WINDOW; k++) sum += g[k] * rows[(y + k) * vw + x];
        found[y * vw + x] = sum;
      }
    }
    return found;
  }
  /** SSIM on luma (Wang et al. 2004), or NaN for a box smaller than one window. */
  function ssim(sr, hr, box) {
    const [, , w, h] = box;
    if (w < WINDOW || h < WINDOW) return NaN;
    const a = luma(sr, box), b = luma(hr, box);
    const times = (p, q) => blurred(p.map((v, k) => v * q[k]), w, h);
    const ma = blurred(a, w, h), mb = blurred(b, w, h);
    const aa = times(a, a), bb = times(b, b), ab = times(a, b);
    const c1 = Math.pow(0.01 * 255, 2), c2 = Math.pow(0.03 * 255, 2);
    let sum = 0;
    for (let k = 0; k < ma.length; k++) {
      const va = aa[k] - ma[k] * ma[k], vb = bb[k] - mb[k] * mb[k], vab = ab[k] - ma[k] * mb[k];
      sum += (2 * ma[k] * mb[k] + c1) * (2 * vab + c2) /
        ((ma[k] * ma[k] + mb[k] * mb[k] + c1) * (va + vb + c2));
    }
    return sum / ma.length;
  }

  // black-violet-orange-yellow, rising in lightness: readable in grey and with colour blindness
  const RAMP = [[0, 0, 4], [51, 10, 95], [136, 34, 106], [203, 65, 73], [245, 125, 21], [252, 255, 164]];
  /** Mean absolute RGB difference, 0 to `range` grey levels from black to yellow, as ImageData. */
  function difference(a, b, range) {
    const found = new ImageData(a.width, a.height);
    for (let at = 0; at < a.data.length; at += 4) {
      let error = 0;
      for (let c = 0; c < 3; c++) error += Math.abs(a.data[at + c] - b.data[at + c]);
      const place = Math.min(1, error / 3 / range) * (RAMP.length - 1);
      const low = Math.min(Math.floor(place), RAMP.length - 2), share = place - low;
      for (let c = 0; c < 3; c++) {
        found.data[at + c] = Math.round(RAMP[low][c] * (1 - share) + RAMP[low + 1][c] * share);
      }
      found.data[at + 3] = 255;
    }
    return found;
  }
  return { psnr, ssim, difference, WINDOW };
})();
