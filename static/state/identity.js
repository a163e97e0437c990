// @ts-check
import { ChatError, asChatError } from "../protocol/chat-error.js";
import { post } from "../protocol/rest.js";
import { Store } from "./store.js";

const KEY = "chat.identity";
/** A token is exchanged on connecting when less than this part of its life is left. */
const RENEW_BELOW = 0.25;

/**
 * Who we are, and the token that proves it; kept over reloads.
 *
 * @typedef {import("../protocol/vocabulary.js").User} User
 * @typedef {{ token: string, expires_at: number, issued_at: number, user: User }} Saved
 *
 * @typedef {object} Options
 * @property {Storage} storage
 * @property {typeof fetch} [fetch]
 * @property {() => number} [now] ms since the Unix epoch
 */
export class Identity {
  user = new Store(/** @type {User | null} */ (null));
  /** @type {Saved | null} */
  #saved = null;
  #storage;
  #fetch;
  #now;

  /** @param {Options} options */
  constructor({ storage, fetch: send = (...args) => fetch(...args), now = Date.now }) {
    this.#storage = storage;
    this.#fetch = send;
    this.#now = now;
    this.#saved = read(storage);
    this.user.set(this.#saved?.user ?? null);
  }

  /**
   * Comes in as a guest.
   *
   * @param {string} name
   */
  async enter(name) {
    this.#keep(await post("/api/guests", { name }, undefined, this.#fetch));
  }

  /** @param {User} user oneself, called otherwise since */
  rename(user) {
    if (this.#saved?.user.id === user.id) this.#keep({ ...this.#saved, user });
  }

  /**
   * @param {import("../protocol/connection.js").TokenReason} why
   * @returns {Promise<string>}
   */
  async token(why) {
    const saved = this.#saved;
    if (!saved) throw new ChatError(0, "no_identity", "Choose a name first.", false);
    if (why !== "connect") return this.#exchange(saved, why);
    const life = saved.expires_at - saved.issued_at;
    const fresh = saved.expires_at - this.#now() > life * RENEW_BELOW;
    return fresh ? saved.token : this.#exchange(saved, why);
  }

  /**
   * A new token for the same user; where the server knows that user no longer, a new guest of
   * the same name.
   *
   * @param {Saved} saved
   * @param {import("../protocol/connection.js").TokenReason} why
   */
  async #exchange(saved, why) {
    try {
      const renewed = await post("/api/tokens/refresh", {}, saved.token, this.#fetch);
      this.#keep({ user: saved.user, ...renewed });
    } catch (thrown) {
      const error = asChatError(thrown);
      // On a plain connect the server shall judge the old token: it may still be good.
      if (why === "connect") return saved.token;
      if (error.temporary || why === "refresh") throw error;
      await this.enter(saved.user.name);
    }
    return this.#saved?.token ?? "";
  }

  /** @param {{ token: string, expires_at: number, user: User, issued_at?: number }} granted */
  #keep({ token, expires_at, user, issued_at = this.#now() }) {
    this.#saved = { token, expires_at, user, issued_at };
    try {
      this.#storage.setItem(KEY, JSON.stringify(this.#saved));
    } catch {
      // Without storage the name lasts as long as the page.
    }
    this.user.set(user);
  }
}

/**
 * @param {Storage} storage
 * @returns {Saved | null}
 */
function read(storage) {
  try {
    const saved = JSON.parse(storage.getItem(KEY) ?? "null");
    const complete = typeof saved?.token === "string" && typeof saved.user?.id === "string";
    return complete ? saved : null;
  } catch {
    return null;
  }
}
