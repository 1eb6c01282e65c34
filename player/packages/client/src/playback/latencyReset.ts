const FIRST_CALM_MS = 30_000;
const LONGEST_CALM_MS = 600_000;

/**
 * When to dare the low latency again. hls.js keeps half a second more distance for each stall and never takes it back, so a
 * moment of load would cost every viewer seconds for the rest of the show. After a calm time the distance is taken back; each
 * time it was, the next calm must last twice as long, so that a line that cannot bear it stalls rarely.
 */
export class Calm {
  #wait = FIRST_CALM_MS;
  #since: number;

  /** Times are milliseconds on one clock. */
  constructor(now: number) {
    this.#since = now;
  }

  stalled(now: number): void {
    this.#since = now;
  }

  /** True once when it has been calm for long enough. */
  daresAgain(now: number): boolean {
    if (now - this.#since < this.#wait) return false;
    this.#since = now;
    this.#wait = Math.min(this.#wait * 2, LONGEST_CALM_MS);
    return true;
  }
}
