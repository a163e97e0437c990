import { setTimeout as pause } from "node:timers/promises";

/** Between two looks at what is awaited. */
const LOOK_MS = 50;

/**
 * Waits until something observable is so, and fails by name where it doesn't come to be. What
 * `look` throws ends the wait.
 */
export async function eventually(deadlineMs, what, look) {
  const until = Date.now() + deadlineMs;
  while (!(await look())) {
    if (Date.now() > until) throw new Error(`not within ${deadlineMs} ms: ${what}`);
    await pause(LOOK_MS);
  }
}
