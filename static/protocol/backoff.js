// @ts-check
/** Shortest and longest pause between two attempts. */
const PAUSE_MS_MIN = 500;
const PAUSE_MS_MAX = 20_000;

/**
 * How long to wait before attempt number `tries` + 1: exponential with full jitter, so that the
 * clients of a server that died don't all come back in the same instant.
 *
 * @param {number} tries attempts that failed so far, 0 or more
 * @param {() => number} [random] in [0, 1)
 * @returns {number} milliseconds, 500 to 20 000
 */
export function backoffMs(tries, random = Math.random) {
  const span = Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN * 2 ** Math.min(tries, 16));
  return Math.min(PAUSE_MS_MAX, PAUSE_MS_MIN + Math.floor(random() * span));
}
