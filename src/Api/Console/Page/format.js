// Numbers, times and units as texts.

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const one = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const two = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const count = value => Math.abs(value) >= 100_000 ? short.format(value) : whole.format(value);
export const rate = value => value >= 100_000 ? short.format(value) : value === 0 || value >= 10 ? whole.format(value) : value < 0.1 ? "< 0.1" : one.format(value);
export const mebibytes = bytes => `${two.format(bytes / 1048576)} MiB`;

/** A delay: "4.2 ms", "310 ms", "1.3 s". */
export function milliseconds(ms) {
  return ms < 10 ? `${ms.toFixed(ms < 1 ? 2 : 1)} ms` : ms < 1000 ? `${ms.toFixed(0)} ms` : span(ms);
}

/** A length of time: "8.5 s", "42 s", "3 min 5 s", "2 h 4 min", "3 d 2 h". */
export function span(ms) {
  const seconds = Math.floor(ms / 1000);
  if (seconds < 10) return `${(ms / 1000).toFixed(1)} s`;
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds % 3600 / 60)} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds % 86400 / 3600)} h`;
}

export const clock = time => new Date(time).toLocaleTimeString("en-GB");

/** "api:vm:6660" → "vm:6660". A host may have colons of its own. */
export const processOf = instance => instance.slice(instance.indexOf(":") + 1);
