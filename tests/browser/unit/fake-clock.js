/** Time that goes by only when told to. */
export class FakeClock {
  #now = 1_764_000_000_000;
  #alarms = new Set();

  now = () => this.#now;

  after = (ms, run) => {
    const alarm = { at: this.#now + (ms < 2 ** 31 ? ms : 1), run }; // as timers do: what is too long is at once
    this.#alarms.add(alarm);
    return () => this.#alarms.delete(alarm);
  };

  /** Lets `ms` go by, running in order what falls due, and what that asks for in turn. */
  async pass(ms) {
    const until = this.#now + ms;
    await settled();
    for (let alarm = this.#due(until); alarm; alarm = this.#due(until)) {
      this.#alarms.delete(alarm);
      this.#now = Math.max(this.#now, alarm.at);
      alarm.run();
      await settled();
    }
    this.#now = until;
  }

  #due(until) {
    const due = [...this.#alarms].filter((alarm) => alarm.at <= until);
    return due.sort((a, b) => a.at - b.at)[0];
  }
}

/** Every promise that can go on has gone on. */
export function settled() {
  return new Promise((resolve) => setImmediate(resolve));
}
