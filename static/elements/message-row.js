// @ts-check
import { avatar } from "./avatar.js";
import { make, say } from "./dom.js";
import { clockTime, dayName, fullTime } from "./times.js";

/**
 * One row of a room, as a list item. An echo and the event that replaces it are the same item.
 *
 * @typedef {import("../state/timeline.js").Row} Row
 * @typedef {import("../state/timeline.js").MessageRow} MessageRow
 *
 * @param {Row} row
 * @returns {HTMLLIElement}
 */
export function makeRow(row) {
  if (row.kind === "day") return make("li", { class: "day" }, [make("span", {}, [dayName(row.time)])]);
  if (row.kind === "notice") {
    return make("li", { class: "notice" }, [row.text, " ", timeOf(row.time)]);
  }
  const item = make("li", { class: row.mine ? "message mine" : "message" }, [
    avatar(row.user),
    make("div", { class: "body" }, [
      make("p", { class: "author" }, [row.user.name]),
      make("p", { class: "text", dir: "auto" }, [row.text]),
      make("p", { class: "state" }),
    ]),
  ]);
  updateRow(item, row);
  return item;
}

/**
 * @param {HTMLLIElement} item
 * @param {Row} row
 */
export function updateRow(item, row) {
  if (row.kind !== "message") return;
  item.classList.toggle("leads", row.leads);
  const shown = `${row.echo?.state ?? "placed"} ${row.echo?.reason ?? ""}`;
  if (item.dataset.shown === shown) return;
  item.dataset.shown = shown;
  item.dataset.state = row.echo?.state ?? "placed";
  item.querySelector(".state")?.replaceChildren(...stateOf(row));
}

/**
 * What is known of a message's way, in words: colour alone tells nothing to many.
 *
 * @param {MessageRow} row
 * @returns {Node[]}
 */
function stateOf({ echo, time }) {
  if (!echo) return [timeOf(time)];
  const words = make("span");
  if (echo.state === "sent") say(words, "Sent");
  if (echo.state === "pending") say(words, echo.reason ? `Not sent yet. ${echo.reason}` : "Sending…");
  if (echo.state !== "failed") return [words];
  say(words, `Not sent. ${echo.reason ?? ""}`);
  return [words, action("retry", "Try again", echo), action("discard", "Discard", echo)];
}

/**
 * @param {string} name
 * @param {string} label
 * @param {import("../state/message-log.js").Echo} echo
 */
function action(name, label, echo) {
  const attributes = { type: "button", class: "button small", "data-action": name };
  return make("button", { ...attributes, "data-client-id": echo.client_id }, [label]);
}

/** @param {number} time ms since the Unix epoch */
function timeOf(time) {
  const attributes = { datetime: new Date(time).toISOString(), title: fullTime(time) };
  return make("time", attributes, [clockTime(time)]);
}
