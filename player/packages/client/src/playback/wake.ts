/** Browsers call the timers of a page in the background once a minute; after a longer gap the machine has slept. */
const ASLEEP_MS = 90_000;

/** Notices that this machine slept, from the gap between calls. Times are milliseconds on the machine's clock, which goes on meanwhile. */
export class Wake {
  #last: number;

  constructor(now: number) {
    this.#last = now;
  }

  slept(now: number): boolean {
    const gap = now - this.#last;
    this.#last = now;
    return gap > ASLEEP_MS;
  }
}
