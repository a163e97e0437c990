// @ts-check
/**
 * Says aloud once that the line is lost, and once that it is back; not every attempt between.
 *
 * @param {import("../state/chat.js").Chat} chat
 * @param {HTMLElement} element with an assertive role
 */
export function alertOnLoss(chat, element) {
  let wasOnline = false;
  let lost = false;
  chat.status.watch(({ phase }) => {
    if (phase === "online") {
      element.textContent = lost ? "Connected again." : "";
      [wasOnline, lost] = [true, false];
    } else if (wasOnline && !lost) {
      element.textContent = "The connection was lost. Messages are kept and sent later.";
      lost = true;
    }
  });
}
