// @ts-check
/** The newest id's time and sequence, so that ids of one page sort as they were made. */
let newest = { ms: 0, sequence: 0 };

/** Ids within one millisecond are told apart by twelve bits of sequence. */
const SEQUENCE_MAX = 0xfff;

/**
 * A UUIDv7: what names a write for ever, however often it is repeated. Later ids of one page
 * sort after earlier ones.
 *
 * @param {number} [now] ms since the Unix epoch
 * @returns {string}
 */
export function newClientId(now = Date.now()) {
  newest = next(now);
  const random = crypto.getRandomValues(new Uint8Array(8));
  const tail = Array.from(random, (byte) => byte.toString(16).padStart(2, "0"));
  tail[0] = ((random[0] & 0x3f) | 0x80).toString(16);
  const time = newest.ms.toString(16).padStart(12, "0");
  const sequence = newest.sequence.toString(16).padStart(3, "0");
  return [
    time.slice(0, 8),
    time.slice(8),
    `7${sequence}`,
    tail.slice(0, 2).join(""),
    tail.slice(2).join(""),
  ].join("-");
}

/**
 * @param {number} now
 * @returns {{ ms: number, sequence: number }}
 */
function next(now) {
  if (now > newest.ms) return { ms: now, sequence: 0 };
  if (newest.sequence < SEQUENCE_MAX) return { ms: newest.ms, sequence: newest.sequence + 1 };
  return { ms: newest.ms + 1, sequence: 0 };
}
