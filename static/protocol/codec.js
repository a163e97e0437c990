// @ts-check
/**
 * Frames of the JSON transport: several messages share one frame, a line each.
 *
 * @typedef {import("./vocabulary.js").Reply} Reply
 */

/** The answer to a server's ping, and the ping itself. */
export const EMPTY = "{}";

/**
 * @param {readonly object[]} commands at least one
 * @returns {string}
 */
export function encodeFrame(commands) {
  return commands.map((command) => JSON.stringify(command)).join("\n");
}

/**
 * A line that isn't an object is dropped rather than thrown on: one bad line must not cost the
 * good ones beside it.
 *
 * @param {string} frame
 * @returns {Reply[]}
 */
export function decodeFrame(frame) {
  /** @type {Reply[]} */
  const replies = [];
  for (const line of frame.split("\n")) {
    const reply = decodeLine(line);
    if (reply) replies.push(reply);
  }
  return replies;
}

/**
 * @param {string} line
 * @returns {Reply | null}
 */
function decodeLine(line) {
  if (line.trim() === "") return null;
  try {
    const value = JSON.parse(line);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : null;
  } catch {
    return null;
  }
}

/**
 * A message with neither an id nor a push is the server asking whether we are still here.
 *
 * @param {Reply} reply
 * @returns {boolean}
 */
export function isPing(reply) {
  return reply.id === undefined && reply.push === undefined;
}
