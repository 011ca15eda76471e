"use strict";
// Helpers. Names from data become text nodes only, never HTML.

const COLOURS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#F0E442", "#4D4D4D"];
const VIRIDIS = ["#440154", "#482475", "#414487", "#355f8d", "#2a788e", "#21918c", "#22a884", "#44bf70", "#7ad151",
  "#bddf26", "#fde725"];
const GREY = "#b8b8b8";
const MISSING = 255;

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made && name !== "list") made[name] = value; // an input's list is read only
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}

async function unpacked(id) {
  const packed = bytes(document.getElementById(id).textContent.trim());
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).text();
}

function shown(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (typeof value !== "number") return String(value);
  const text = Number.isInteger(value) ? value.toLocaleString("en") : String(Number(value.toPrecision(3)));
  return text.replace("-", "−");
}

// Row `at` of a matrix in bytes: numbers between its low and high, NaN where missing.
function decoded(matrix, at, width) {
  matrix.bytes ??= bytes(matrix.values);
  const [low, high] = [matrix.low[at], matrix.high[at]];
  return Array.from(matrix.bytes.subarray(at * width, (at + 1) * width), (step) =>
    step === MISSING ? NaN : low + (step / 254) * (high - low));
}

function shade(share) {
  const place = Math.min(Math.max(share, 0), 1) * (VIRIDIS.length - 1);
  const left = Math.min(Math.floor(place), VIRIDIS.length - 2);
  const part = (colour, at) => parseInt(colour.slice(1 + 2 * at, 3 + 2 * at), 16);
  const mixed = [0, 1, 2].map((at) =>
    Math.round(part(VIRIDIS[left], at) + (place - left) * (part(VIRIDIS[left + 1], at) - part(VIRIDIS[left], at))));
  return `rgb(${mixed.join(",")})`;
}

// Medians and quartiles of `values` in tenths of the points, in the order of `time`.
function quartiles(time, values) {
  const order = [...time.keys()].filter((at) => Number.isFinite(time[at]) && Number.isFinite(values[at]))
    .sort((a, b) => time[a] - time[b]);
  const made = { time: [], low: [], middle: [], high: [] };
  const parts = Math.max(1, Math.min(10, Math.floor(order.length / 4)));
  const quantile = (sorted, share) => {
    const place = share * (sorted.length - 1);
    const [left, right] = [Math.floor(place), Math.ceil(place)];
    return sorted[left] + (place - left) * (sorted[right] - sorted[left]);
  };
  for (let part = 0; part < parts; part += 1) {
    const inside = order.slice(Math.floor((part * order.length) / parts), Math.floor(((part + 1) * order.length) / parts));
    if (!inside.length) continue;
    const sorted = inside.map((at) => values[at]).sort((a, b) => a - b);
    made.time.push(time[inside[Math.floor(inside.length / 2)]]);
    made.low.push(quantile(sorted, 0.25));
    made.middle.push(quantile(sorted, 0.5));
    made.high.push(quantile(sorted, 0.75));
  }
  return made;
}

function range(values) {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    if (!Number.isFinite(value)) continue;
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return [low, high];
}
