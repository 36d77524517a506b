// Turns the reports of the processes into series of the last 2 minutes. Counters count from the start of each process, so a rate is the
// difference between two reports of the same process, by its own clock. A process that was restarted begins again.

export const period = 120_000;
const recent = 10_000;
const silence = 5_000;

const readLayers = { near_hit: "near", hit: "redis", filled: "filled", requested: "requested", absent: "absent" };

export class Rates {
  #known = new Map();
  #delays = { redis: [], near: [] };
  samples = [];

  /** Takes one answer of console/data/instances. */
  take(instances, now) {
    for (const instance of instances) {
      const id = `${instance.id} ${instance.startedAt}`;
      const before = this.#known.get(id);
      const at = Date.parse(instance.at);
      if (before && before.at === at) {
        before.seen = now;
        continue;
      }
      const values = summarize(instance);
      const seconds = before ? (at - before.at) / 1000 : 0;
      const rates = {};
      for (const name of Object.keys(values.counters)) {
        rates[name] = seconds > 0 ? Math.max(0, values.counters[name] - (before.values.counters[name] ?? 0)) / seconds : 0;
      }
      if (before) {
        for (const name of Object.keys(values.histograms)) {
          const buckets = difference(values.histograms[name], before.values.histograms[name]);
          if (buckets) this.#delays[name].push({ now, buckets });
        }
      }
      this.#known.set(id, { kind: instance.kind, at, seen: now, values, rates });
    }
    for (const [id, one] of this.#known) {
      if (now - one.seen > silence) this.#known.delete(id);
    }
    for (const delays of Object.values(this.#delays)) {
      while (delays.length && now - delays[0].now > period) delays.shift();
    }
    this.samples.push({ now, ...this.#sum(), redis: this.#quantiles("redis", recent, now), near: this.#quantiles("near", recent, now) });
    while (this.samples.length && now - this.samples[0].now > period) this.samples.shift();
  }

  /** The delays of the whole window. Null: there was no change. */
  delays(name, now) {
    return this.#quantiles(name, period, now);
  }

  #sum() {
    const sum = { rates: {}, gauges: {}, totals: {}, lag: {} };
    for (const { values, rates } of this.#known.values()) {
      for (const [name, value] of Object.entries(rates)) sum.rates[name] = (sum.rates[name] ?? 0) + value;
      for (const [name, value] of Object.entries(values.counters)) sum.totals[name] = (sum.totals[name] ?? 0) + value;
      for (const [name, value] of Object.entries(values.sums)) sum.gauges[name] = (sum.gauges[name] ?? 0) + value;
      // Every Worker sees the same outbox and the same table.
      for (const [name, value] of Object.entries(values.shared)) sum.gauges[name] = Math.max(sum.gauges[name] ?? 0, value);
      for (const [topic, value] of Object.entries(values.lag)) sum.lag[topic] = (sum.lag[topic] ?? 0) + value;
    }
    return sum;
  }

  #quantiles(name, length, now) {
    const total = new Map();
    for (const { buckets } of this.#delays[name].filter(one => now - one.now <= length)) {
      for (const { upTo, count } of buckets) total.set(upTo, (total.get(upTo) ?? 0) + count);
    }
    const buckets = [...total].map(([upTo, count]) => ({ upTo, count })).sort((a, b) => a.upTo - b.upTo);
    const count = buckets.reduce((sum, bucket) => sum + bucket.count, 0);
    return count === 0 ? null : { p50: quantile(buckets, count, 0.5), p99: quantile(buckets, count, 0.99), count };
  }
}

// With ./run both services share a process, and each reports all of its metrics: an Api counts for reads, a Worker for the rest.
function summarize({ kind, metrics }) {
  const values = { counters: {}, sums: {}, shared: {}, lag: {}, histograms: {} };
  const add = (to, name, value) => { to[name] = (to[name] ?? 0) + value; };
  for (const { name, labels = {}, value, buckets } of metrics) {
    if (kind === "api") {
      if (name === "productcache.reads") add(values.counters, `reads.${readLayers[labels.outcome] ?? "other"}`, value);
      else if (name === "productcache.misses") {
        add(values.counters, "misses", value);
        if (labels.collapsed === "true") add(values.counters, "collapsed", value);
      } else if (name === "productcache.readers.waiting") add(values.sums, "waiting", value);
      else if (name === "productcache.near.copies") add(values.sums, "copies", value);
      else if (name === "productcache.near.bytes") add(values.sums, "bytes", value);
      else if (name === "productcache.near.visible") values.histograms.near = buckets;
    } else if (name === "productcache.fills") add(values.counters, `fills.${labels.outcome}`, value);
    else if (name === "productcache.changes") add(values.counters, "changes", value);
    else if (name === "productcache.change.visible") values.histograms.redis = buckets;
    else if (name === "kafka_rider.lag") add(values.lag, labels.topic, value);
    else if (name === "kafka_rider.records.dead_lettered") add(values.counters, "dead", value);
    else if (name === "kafka_rider.records.retried") add(values.counters, "retried", value);
    else if (name === "productcache.audit.repairs" || name === "productcache.audit.corrections") add(values.counters, name.slice(13), value);
    else if (/^productcache\.(outbox|audit|store)\./.test(name) && !buckets) values.shared[name.slice(13)] = Math.max(values.shared[name.slice(13)] ?? 0, value);
  }
  return values;
}

function difference(now, before) {
  const earlier = new Map((before ?? []).map(bucket => [bucket.upTo ?? Infinity, bucket.count]));
  const buckets = now.map(({ upTo = Infinity, count }) => ({ upTo, count: count - (earlier.get(upTo) ?? 0) }));
  return buckets.some(bucket => bucket.count > 0) ? buckets : null;
}

// In milliseconds, between the bounds of its bucket. Beyond the last bound it is that bound.
function quantile(buckets, count, part) {
  let below = 0;
  let lower = 0;
  for (const bucket of buckets) {
    if (below + bucket.count >= count * part && bucket.count > 0) {
      const upper = bucket.upTo === Infinity ? lower : bucket.upTo;
      return 1000 * (lower + (upper - lower) * (count * part - below) / bucket.count);
    }
    below += bucket.count;
    lower = bucket.upTo === Infinity ? lower : bucket.upTo;
  }
  return 1000 * lower;
}
