// Small charts of the last 2 minutes: lines, or areas on top of each other. The text beside a chart says the same.

import { node } from "./dom.js";
import { period } from "./rates.js";

const [width, height] = [240, 100];

/** series: [{ name, className }]. stacked: each one stands on the one before. */
export function createChart(series, { stacked = false, filled = true } = {}) {
  const shapes = series.map(({ className }) => ({
    area: (stacked || filled) ? node("path", { class: `area ${className}` }) : null,
    line: stacked ? null : node("path", { class: `line ${className}` }),
  }));
  const svg = node("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", class: "chart" },
    [25, 50, 75].map(y => node("line", { class: "grid", x1: 0, x2: width, y1: y, y2: y })),
    shapes.flatMap(shape => [shape.area, shape.line]));

  /** values: one list for each series, of { now, value }; value null: nothing to show. Returns the highest. */
  function draw(values, now, label, minimum = 1) {
    const sums = values.map(list => list.map(point => point.value));
    if (stacked) {
      for (let at = 1; at < sums.length; at++) sums[at] = sums[at].map((value, i) => value + sums[at - 1][i]);
    }
    const highest = Math.max(0, ...sums.flat().filter(value => value !== null));
    const top = scale(Math.max(highest, minimum));
    shapes.forEach((shape, at) => {
      const points = values[at].map((point, i) => sums[at][i] === null ? null : [width - (now - point.now) / period * width, height - sums[at][i] / top * (height - 4) - 1]);
      const base = stacked && at > 0 ? values[at].map((point, i) => [width - (now - point.now) / period * width, height - sums[at - 1][i] / top * (height - 4) - 1]) : null;
      shape.line?.setAttribute("d", lines(points));
      shape.area?.setAttribute("d", areas(points, base));
    });
    svg.setAttribute("aria-label", label);
    return { highest, top };
  }

  return { svg, draw };
}

function scale(highest) {
  const power = 10 ** Math.floor(Math.log10(highest));
  return [1, 2, 5, 10].map(step => step * power).find(step => step >= highest);
}

const text = ([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`;

// A gap ends a line. A point between two gaps is a short line.
function runs(points) {
  const all = [[]];
  for (const point of points) {
    if (point) all.at(-1).push(point);
    else if (all.at(-1).length) all.push([]);
  }
  return all.filter(run => run.length);
}

const lines = points => runs(points).map(run => `M${run.map(text).join("L")}${run.length === 1 ? "h1" : ""}`).join("");

function areas(points, base) {
  if (base) return points.length ? `M${points.map(text).join("L")}L${base.toReversed().map(text).join("L")}Z` : "";
  return runs(points).map(run => `M${run[0][0].toFixed(1)} ${height}L${run.map(text).join("L")}L${run.at(-1)[0].toFixed(1)} ${height}Z`).join("");
}
