// The live tiles: a number, a chart and what belongs to it.

import { createChart } from "./chart.js";
import { node, say } from "./dom.js";
import { count, mebibytes, milliseconds, rate, span } from "./format.js";

const layers = [
  ["near", "near cache"], ["redis", "Redis"], ["filled", "waited for a fill"], ["requested", "requested (202)"], ["absent", "no such product"], ["other", "problems"],
];

const fillOutcomes = [["stored", "stored"], ["already_cached", "already cached"], ["refused", "refused"], ["given_up", "given up"]];

export function createTiles(parent, rates) {
  const tiles = [reads(), number("misses", "Misses", "/s", sample => sample.rates.misses ?? 0, sample => `${rate(sample.rates.collapsed ?? 0)}/s of them joined a fill`),
    number("waiting", "Waiting readers", "", sample => sample.gauges.waiting ?? 0, () => "for a fill"),
    number("fills", "Fills", "/s", sample => sumOf(sample.rates, "fills."), fillsNote),
    number("changes", "Changes", "/s", sample => sample.rates.changes ?? 0, () => "applied to Redis"),
    number("near", "Near copies", "", sample => sample.gauges.copies ?? 0, sample => `${mebibytes(sample.gauges.bytes ?? 0)} in all Apis`),
    number("outbox", "Outbox", "", sample => sample.gauges["outbox.depth"] ?? 0, outboxNote),
    number("lag", "Kafka lag", "", sample => Object.values(sample.lag).reduce((sum, one) => sum + one, 0), lagNote),
    troubles(),
    delays("redis", "Commit to Redis"), delays("near", "Commit to near caches")];
  parent.append(...tiles.map(tile => tile.element));
  return { update: now => tiles.forEach(tile => tile.update(now)) };

  function reads() {
    const chart = createChart(layers.map(([name]) => ({ className: `layer-${name}` })), { stacked: true });
    const value = node("b", {}, "–");
    const scale = node("span", { class: "scale", "aria-hidden": "true" });
    const numbers = layers.map(() => node("dd", {}, "–"));
    const legend = node("dl", { class: "legend" }, layers.map(([name, label], at) =>
      node("div", {}, node("dt", {}, node("i", { class: `swatch layer-${name}`, "aria-hidden": "true" }), label), numbers[at])));
    const element = node("article", { class: "tile reads", "data-tile": "reads" },
      node("h3", {}, "Reads"), node("p", { class: "value" }, value, node("span", {}, "/s")), legend, node("div", { class: "plot" }, chart.svg, scale));
    return {
      element,
      update(now) {
        const last = rates.samples.at(-1);
        const all = sumOf(last.rates, "reads.");
        say(value, rate(all));
        const of = layers.map(([name]) => last.rates[`reads.${name}`] ?? 0);
        numbers.forEach((number, at) => say(number, rate(of[at])));
        const drawn = chart.draw(layers.map(([name]) => rates.samples.map(sample => ({ now: sample.now, value: sample.rates[`reads.${name}`] ?? 0 }))), now,
          `Reads of the last 2 minutes by layer. Now ${rate(all)} per second: ${layers.map(([, label], at) => `${label} ${rate(of[at])}`).join(", ")}.`, 10);
        say(scale, `${count(drawn.top)}/s`);
      },
    };
  }

  function number(name, title, unit, read, note) {
    const chart = createChart([{ className: "plain" }]);
    const value = node("b", {}, "–");
    const text = node("p", { class: "note" });
    const element = node("article", { class: "tile", "data-tile": name },
      node("h3", {}, title), node("p", { class: "value" }, value, unit && node("span", {}, unit)), chart.svg, text);
    const show = unit ? rate : count;
    return {
      element,
      update(now) {
        const last = rates.samples.at(-1);
        say(value, show(read(last)));
        say(text, note(last));
        const points = rates.samples.map(sample => ({ now: sample.now, value: read(sample) }));
        chart.draw([points], now, `${title}: now ${show(read(last))}${unit}, highest of the last 2 minutes ${show(Math.max(...points.map(point => point.value)))}${unit}.`, 5);
      },
    };
  }

  // Without a chart: these are 0, or an operator has to look.
  function troubles() {
    const kinds = [
      ["Dead letters", sample => sample.totals.dead ?? 0],
      ["Parked changes", sample => sample.gauges["outbox.parked.waiting"] ?? 0],
      ["Differences", sample => sample.gauges["audit.differences"] ?? sample.totals["audit.corrections"] ?? 0],
      ["Store faults", sample => sample.gauges["store.faults"] ?? 0],
    ];
    const rows = kinds.map(([label]) => {
      const number = node("dd", {}, "–");
      return { number, row: node("div", {}, node("dt", {}, label), number) };
    });
    const element = node("article", { class: "tile", "data-tile": "troubles" }, node("h3", {}, "Needs attention"), node("dl", { class: "troubles" }, rows.map(one => one.row)));
    return {
      element,
      update() {
        const last = rates.samples.at(-1);
        kinds.forEach(([, read], at) => {
          const value = read(last);
          say(rows[at].number, value ? `! ${count(value)}` : "0");
          rows[at].row.classList.toggle("bad", value > 0);
        });
      },
    };
  }

  function delays(name, title) {
    const chart = createChart([{ className: "p99" }, { className: "p50" }], { filled: false });
    const [p50, p99] = [node("dd", {}, "–"), node("dd", {}, "–")];
    const text = node("p", { class: "note" });
    const scale = node("span", { class: "scale", "aria-hidden": "true" });
    const element = node("article", { class: "tile delays", "data-tile": `delay-${name}` },
      node("h3", {}, title),
      node("dl", { class: "pair" },
        node("div", {}, node("dt", {}, node("i", { class: "swatch p50", "aria-hidden": "true" }), "median"), p50),
        node("div", {}, node("dt", {}, node("i", { class: "swatch p99", "aria-hidden": "true" }), "99 of 100"), p99)),
      node("div", { class: "plot" }, chart.svg, scale), text);
    return {
      element,
      update(now) {
        const all = rates.delays(name, now);
        say(p50, all ? milliseconds(all.p50) : "–");
        say(p99, all ? milliseconds(all.p99) : "–");
        say(text, all ? `${count(all.count)} measured in 2 minutes; estimated from buckets` : "no change in the last 2 minutes");
        const part = key => rates.samples.map(sample => ({ now: sample.now, value: sample[name]?.[key] ?? null }));
        const drawn = chart.draw([part("p99"), part("p50")], now,
          all ? `${title}: median ${milliseconds(all.p50)}, 99 of 100 within ${milliseconds(all.p99)}.` : `${title}: no change in the last 2 minutes.`, 10);
        say(scale, all ? milliseconds(drawn.top) : "");
      },
    };
  }
}

const sumOf = (values, beginning) => Object.entries(values).reduce((sum, [name, value]) => name.startsWith(beginning) ? sum + value : sum, 0);

const fillsNote = sample => fillOutcomes
  .filter(([name], at) => at === 0 || sample.rates[`fills.${name}`])
  .map(([name, label]) => `${rate(sample.rates[`fills.${name}`] ?? 0)}/s ${label}`).join(", ");

const outboxNote = sample => sample.gauges["outbox.depth"] ? `oldest waits ${span(1000 * (sample.gauges["outbox.age"] ?? 0))}` : "no change waits";

function lagNote(sample) {
  const behind = Object.entries(sample.lag).filter(([, value]) => value > 0);
  return behind.length ? behind.map(([topic, value]) => `${topic.replace(/^.*product-/, "")} ${count(value)}`).join(", ") : "no record waits";
}
