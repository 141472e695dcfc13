// The colours of series stay apart for who sees no red or no green, and from the page, in both themes; those of the
// scale from low to high go evenly from light to dark:
//   node palette_test.mjs STYLE_CSS
// Simulation: Machado, Oliveira and Fernandes (2009), severity 1, on linear sRGB. Distance: CIE 1976 L*a*b*, D65.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

const kLeast = 10;      // between any two series: 2.3 is just noticeable; dashes and markers tell them apart too
const kLeastFirst = 15;  // between the first four, which most charts need
const kContrast = 1.9;   // of WCAG, series and the scale against the page: yellow and orange of Okabe and Ito are light by design
const kLeastStep = 8;    // of lightness L*, between neighbours of the scale from low to high
const kMostUneven = 2.2;  // the largest of these steps, over the smallest
const kSimulated = {
  normal: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
};

const linear = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
const times = (matrix, v) => matrix.map((row) => Math.min(1, Math.max(0, row.reduce((sum, m, i) => sum + m * v[i], 0))));
const luminance = ([r, g, b]) => 0.2126 * r + 0.7152 * g + 0.0722 * b;

function lab([r, g, b]) {
  const x = (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047;
  const y = 0.2126729 * r + 0.7151522 * g + 0.072175 * b;
  const z = (0.0193339 * r + 0.119192 * g + 0.9503041 * b) / 1.08883;
  const f = (t) => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27 * t + 16) / 116);
  return [116 * f(y) - 16, 500 * (f(x) - f(y)), 200 * (f(y) - f(z))];
}
const distance = (a, b) => Math.hypot(...lab(a).map((one, i) => one - lab(b)[i]));

// The formulas themselves: white is L* 100, and (Sharma's sRGB) red is 53.24, 80.09, 67.20.
assert.ok(Math.abs(lab([1, 1, 1])[0] - 100) < 0.01);
assert.ok(lab([1, 0, 0]).every((one, i) => Math.abs(one - [53.24, 80.09, 67.2][i]) < 0.02));

const css = readFileSync(process.argv[2], "utf8");
const themes = { light: /:root, \.on-paper \{(.*?)\}/s.exec(css)[1], dark: /:root\[data-theme="dark"\] \{(.*?)\}/s.exec(css)[1] };
const failures = [];
for (const [theme, text] of Object.entries(themes)) {
  const named = (name) => linear(new RegExp(`--${name}: (#[0-9a-f]{6});`).exec(text)[1]);
  const series = Array.from({ length: 8 }, (_, i) => named(`series-${i + 1}`));
  const page = luminance(named("page"));
  series.forEach((one, i) => {
    const own = luminance(one);
    const contrast = (Math.max(own, page) + 0.05) / (Math.min(own, page) + 0.05);
    if (contrast < kContrast) failures.push(`${theme}: series ${i + 1} has contrast ${contrast.toFixed(2)}`);
  });
  for (let i = 0; i < 5; ++i) {
    const own = luminance(named(`ramp-${i}`));
    const contrast = (Math.max(own, page) + 0.05) / (Math.min(own, page) + 0.05);
    if (contrast < kContrast) failures.push(`${theme}: step ${i} of the scale has contrast ${contrast.toFixed(2)}`);
  }
  for (const [sight, matrix] of Object.entries(kSimulated)) {
    const seen = series.map((one) => times(matrix, one));
    // A perceptual scale: lightness goes one way, in even steps, for who sees no red or no green too.
    const lightness = [0, 1, 2, 3, 4].map((i) => lab(times(matrix, named(`ramp-${i}`)))[0]);
    const steps = lightness.slice(1).map((one, i) => (theme === "light" ? lightness[i] - one : one - lightness[i]));
    if (Math.min(...steps) < kLeastStep || Math.max(...steps) > kMostUneven * Math.min(...steps)) {
      failures.push(`${theme}, ${sight}: the steps of the scale are ${steps.map((one) => one.toFixed(1)).join(", ")}`);
    }
    for (let i = 0; i < 8; ++i) {
      for (let j = i + 1; j < 8; ++j) {
        const apart = distance(seen[i], seen[j]);
        if (apart < (j < 4 ? kLeastFirst : kLeast)) failures.push(`${theme}, ${sight}: series ${i + 1} and ${j + 1} are ${apart.toFixed(1)} apart`);
      }
    }
  }
}
assert.deepEqual(failures, []);
