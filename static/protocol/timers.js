// @ts-check
/**
 * Time as a thing that is passed in, so that tests decide when it goes by.
 *
 * @typedef {object} Timers
 * @property {() => number} now ms since the Unix epoch
 * @property {(ms: number, run: () => void) => Cancel} after runs once
 *
 * @typedef {() => void} Cancel
 */

/** `setTimeout` counts in 32 bits: anything longer would fire at once. */
const DELAY_MS_MAX = 2 ** 31 - 1;

/** @type {Timers} */
export const systemTimers = {
  now: () => Date.now(),
  after(ms, run) {
    const timer = setTimeout(run, Math.min(ms, DELAY_MS_MAX));
    return () => clearTimeout(timer);
  },
};
