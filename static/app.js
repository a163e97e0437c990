// @ts-check
import { alertOnLoss } from "./a11y/line-alert.js";
import { LiveRegion } from "./a11y/live-region.js";
import { addressOf, roomAt } from "./elements/address.js";
import { ChatElement } from "./elements/chat-element.js";
import { ConnectionStatus } from "./elements/connection-status.js";
import { find } from "./elements/dom.js";
import { MessageComposer } from "./elements/message-composer.js";
import { MessageList } from "./elements/message-list.js";
import { NameForm } from "./elements/name-form.js";
import { NewRoomDialog } from "./elements/new-room-dialog.js";
import { PeopleDialog } from "./elements/people-dialog.js";
import { RoomHeader } from "./elements/room-header.js";
import { RoomListElement } from "./elements/room-list.js";
import { openRoomsBy } from "./elements/rooms-panel.js";
import { UserCard } from "./elements/user-card.js";
import { WritingLine } from "./elements/writing-line.js";
import { systemTimers } from "./protocol/timers.js";
import { Chat } from "./state/chat.js";
import { GENERAL } from "./state/rooms.js";

const elements = {
  "connection-status": ConnectionStatus,
  "message-composer": MessageComposer,
  "message-list": MessageList,
  "name-form": NameForm,
  "new-room-dialog": NewRoomDialog,
  "people-dialog": PeopleDialog,
  "room-header": RoomHeader,
  "room-list": RoomListElement,
  "user-card": UserCard,
  "writing-line": WritingLine,
};

const endpoint = new URL("/connection/websocket", location.href);
endpoint.protocol = location.protocol === "https:" ? "wss:" : "ws:";
const chat = new Chat({ url: endpoint.href, storage: localStorage });

for (const [name, element] of Object.entries(elements)) customElements.define(name, element);
for (const element of document.querySelectorAll(Object.keys(elements).join(","))) {
  if (element instanceof ChatElement) element.attach(chat);
}
openRoomsBy(chat, find(document, "#rooms-toggle", HTMLElement));

// What needs a name shows with the name.
chat.identity.user.watch((user) => {
  for (const id of ["rooms-toggle", "rooms", "conversation"]) {
    find(document, `#${id}`, HTMLElement).hidden = user === null;
  }
  if (!user) return;
  chat.connect();
  chat.open(roomAt(location.hash) ?? GENERAL);
});

// The address and the open room follow each other.
addEventListener("hashchange", () => chat.open(roomAt(location.hash) ?? GENERAL));
chat.current.watch((conversation) => {
  if (!conversation || conversation.room === (roomAt(location.hash) ?? GENERAL)) return;
  history.replaceState(null, "", addressOf(conversation.room));
});

// Whoever comes back, to the page or to the network, shouldn't wait for the next attempt.
addEventListener("online", () => chat.connect());
document.addEventListener("visibilitychange", () => {
  const visible = document.visibilityState === "visible";
  chat.setVisible(visible);
  if (visible && chat.status.value.phase === "waiting") chat.connect();
});

const spoken = new LiveRegion(find(document, "#announcements", HTMLElement), systemTimers);
chat.onMessage = (/** @type {import("./protocol/vocabulary.js").RoomEvent} */ event) => {
  if (event.room !== chat.current.value?.room) return;
  spoken.announce({ author: event.user?.name ?? "", text: event.text ?? "" });
};
alertOnLoss(chat, find(document, "#alerts", HTMLElement));

chat.rooms.view.watch(({ unread }) => {
  const count = Object.values(unread).reduce((sum, one) => sum + one, 0);
  document.title = count > 0 ? `(${count}) Scalable Chat` : "Scalable Chat";
});
