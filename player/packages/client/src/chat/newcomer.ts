import { isExempt } from './rights';
import type { ChannelSettings } from './wire';

/** Since when a guest is known, on this page's clock, and how many seconds the app lets new ones wait. Nobody else waits. */
export class Newcomer {
  #since = 0;
  #wait: number | null = null;

  joined(guest: { known_s: number; wait_s: number } | undefined): void {
    this.#since = performance.now() - (guest?.known_s ?? 0) * 1_000;
    this.#wait = guest?.wait_s ?? null;
  }

  /** Seconds until they may write; none or less where they may now. */
  left(settings: ChannelSettings, role: string | null): number {
    if (this.#wait === null || isExempt(role)) return 0;
    return Math.max(this.#wait, settings.guestwait) - (performance.now() - this.#since) / 1_000;
  }
}
