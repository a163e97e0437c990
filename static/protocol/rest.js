// @ts-check
import { ChatError } from "./chat-error.js";

/**
 * Posts JSON, and reads JSON back.
 *
 * @param {string} path
 * @param {object} body
 * @param {string} [token]
 * @param {typeof fetch} [send]
 * @returns {Promise<any>} rejects with a ChatError where the server refused
 */
export async function post(path, body, token, send = fetch) {
  /** @type {Record<string, string>} */
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await send(path, { method: "POST", headers, body: JSON.stringify(body) });
  const json = await answer.json().catch(() => null);
  if (!answer.ok) throw ChatError.fromProblem(answer.status, json);
  return json;
}
