// @ts-check
/** One key per draft, so that two tabs never overwrite each other's list. */
const PREFIX = "chat.draft.";

/**
 * Drafts in memory and, so that a reload keeps them, in the browser's storage.
 *
 * @typedef {import("./outbox.js").Draft} Draft
 */
export class Drafts {
  /** @type {Map<string, Draft>} */
  #drafts = new Map();
  #storage;

  /** @param {Storage} storage */
  constructor(storage) {
    this.#storage = storage;
    for (let at = 0; at < storage.length; at++) {
      const draft = read(storage, storage.key(at) ?? "");
      if (draft) this.#drafts.set(draft.client_id, draft);
    }
  }

  /** @returns {Draft[]} in the order of writing, which is that of the client ids */
  all() {
    return [...this.#drafts.values()].sort((a, b) => (a.client_id < b.client_id ? -1 : 1));
  }

  /** @param {string} clientId */
  get(clientId) {
    return this.#drafts.get(clientId);
  }

  /** @param {Draft} draft */
  put(draft) {
    this.#drafts.set(draft.client_id, draft);
    try {
      this.#storage.setItem(PREFIX + draft.client_id, JSON.stringify(draft));
    } catch {
      // A full storage costs the draft its survival of a reload, and nothing else.
    }
  }

  /** @param {string} clientId */
  delete(clientId) {
    this.#drafts.delete(clientId);
    this.#storage.removeItem(PREFIX + clientId);
  }
}

/**
 * @param {Storage} storage
 * @param {string} key
 * @returns {Draft | null}
 */
function read(storage, key) {
  if (!key.startsWith(PREFIX)) return null;
  try {
    const draft = JSON.parse(storage.getItem(key) ?? "");
    const complete = [draft.client_id, draft.room, draft.author, draft.text].every(
      (field) => typeof field === "string",
    );
    return complete ? draft : null;
  } catch {
    return null;
  }
}
