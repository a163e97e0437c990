// @ts-check
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const full = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short" });
const day = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const dayWithYear = new Intl.DateTimeFormat(undefined, { dateStyle: "long" });

/** @param {number} time ms since the Unix epoch */
export const clockTime = (time) => clock.format(time);

/** @param {number} time ms since the Unix epoch */
export const fullTime = (time) => full.format(time);

/**
 * A day as people call it.
 *
 * @param {number} time ms since the Unix epoch
 * @param {number} [now]
 */
export function dayName(time, now = Date.now()) {
  const [date, today] = [new Date(time), new Date(now)];
  const yesterday = new Date(now);
  yesterday.setDate(today.getDate() - 1);
  if (date.toDateString() === today.toDateString()) return "Today";
  if (date.toDateString() === yesterday.toDateString()) return "Yesterday";
  return date.getFullYear() === today.getFullYear() ? day.format(date) : dayWithYear.format(date);
}
