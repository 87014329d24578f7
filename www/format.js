// Numbers and times as people read them.

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** A wall-clock time with milliseconds: 18:04:09.250. */
export function timeOfDay(date) {
  return `${clock.format(date)}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** A running clock: 0:07, 12:31, 1:02:03. */
export function stopwatch(milliseconds) {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000));
  const two = (number) => String(number).padStart(2, "0");
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  return hours > 0 ? `${hours}:${two(minutes)}:${two(seconds % 60)}` : `${minutes}:${two(seconds % 60)}`;
}

/** A duration: 0.4 ms, 12 ms, 1.3 s, 2 min 5 s. */
export function duration(milliseconds) {
  if (milliseconds < 10) return `${milliseconds.toFixed(1)} ms`;
  if (milliseconds < 1000) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 60_000) return `${(milliseconds / 1000).toFixed(1)} s`;
  return `${Math.floor(milliseconds / 60_000)} min ${Math.floor(milliseconds / 1000) % 60} s`;
}

/** How long ago something was: 0.1 s ago, 2 min 5 s ago. */
export function ago(milliseconds) {
  return `${milliseconds < 60_000 ? `${(milliseconds / 1000).toFixed(1)} s` : duration(milliseconds)} ago`;
}

/**
 * A probability or utilisation as a percentage; small ones keep a digit, so that they do not read as nothing. The sign
 * stays on the line of its number.
 */
export function percent(fraction) {
  const value = fraction * 100;
  return value > 0 && value < 9.95 ? `${value.toFixed(1)}\u00a0%` : `${Math.round(value)}\u00a0%`;
}

/** A version, or its beginning: a hash needs no more to be told from the next. */
export function shortVersion(version) {
  return String(version).slice(0, 8);
}

/** 1 server, 2 servers. */
export function count(number, noun) {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}
