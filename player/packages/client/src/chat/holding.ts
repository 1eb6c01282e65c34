import type { Hold } from './rights';

/** Counts down to the moment when the next message will be taken; a mute outweighs the pace. */
export class Holding {
  readonly #shown: () => Hold | null;
  readonly #show: (hold: Hold | null) => void;
  #ends = 0;
  #timer: number | undefined;

  constructor(shown: () => Hold | null, show: (hold: Hold | null) => void) {
    this.#shown = shown;
    this.#show = show;
  }

  begin(why: Hold['why'], seconds: number | null, reason: string | null): void {
    const held = this.#shown();
    if (why !== 'muted' && held?.why === 'muted') return;
    this.#ends = performance.now() + (seconds ?? 0) * 1_000;
    const known = held?.why === why ? held.reason : null; // a refusal does not repeat it
    clearTimeout(this.#timer);
    this.#show({ why, left: seconds === null ? null : Math.ceil(seconds), reason: reason ?? known });
    if (seconds !== null) this.#tick();
  }

  release(): void {
    this.stop();
    this.#show(null);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  #tick(): void {
    const hold = this.#shown();
    const left = Math.ceil((this.#ends - performance.now()) / 1_000);
    if (hold === null || left <= 0) {
      this.release();
      return;
    }
    this.#show({ ...hold, left });
    this.#timer = window.setTimeout(() => this.#tick(), 1_000);
  }
}
