import type Hls from 'hls.js';
import { forget, keep, recall } from '../browserStorage';
import type { Store } from '../observable';
import type { PlaybackView, Rung } from './view';

/** The qualities to choose from, highest first. */
export function rungsOf({ levels }: Pick<Hls, 'levels'>): Rung[] {
  const rungs = levels.map(({ height, frameRate, bitrate }, index) => ({ index, height, frames: Math.round(frameRate), rate: bitrate }));
  return rungs.filter(({ height }) => height > 0).sort((a, b) => b.height - a.height);
}

/** The rung for a height that was chosen, maybe for another stream: the next lower one where this one has no such, else the lowest. */
export function rungFor(rungs: readonly Rung[], height: number): Rung | null {
  return rungs.find((one) => one.height <= height) ?? rungs.at(-1) ?? null;
}

/** `chosen` is a height, null for automatic. */
export interface Wish {
  chosen: number | null;
  saving: boolean;
}

/** What this browser wanted last time. */
export function keptWish(): Wish {
  const height = Number(recall('quality') ?? 0);
  return { chosen: height > 0 ? height : null, saving: recall('saving') === 'yes' };
}

export function keepWish({ chosen, saving }: Wish): void {
  if (chosen === null) forget('quality');
  else keep('quality', String(chosen));
  if (saving) keep('saving', 'yes');
  else forget('saving');
}

/** The rung that a wish asks for; null leaves the choice to the engine. */
export function rungOf({ chosen, saving }: Wish, rungs: readonly Rung[]): Rung | null {
  if (saving) return rungs.at(-1) ?? null;
  return chosen === null ? null : rungFor(rungs, chosen);
}

/** The quality that a viewer wants, remembered in this browser. */
export class Quality {
  readonly #view: Store<PlaybackView>;
  #hls: Hls | null = null;

  constructor(view: Store<PlaybackView>) {
    this.#view = view;
  }

  /** A height of the ladder, or null for automatic. */
  choose(height: number | null): void {
    this.#want({ chosen: height, saving: false });
  }

  /** The lowest quality, or again what was chosen before. */
  saveData(saving: boolean): void {
    this.#want({ chosen: this.#view.get().chosen, saving });
  }

  /** The engine knows its renditions. */
  parsed(hls: Hls): void {
    this.#hls = hls;
    this.#view.update({ rungs: rungsOf(hls) });
    const rung = rungOf(this.#view.get(), this.#view.get().rungs);
    if (rung !== null) hls.nextLevel = rung.index;
  }

  detach(): void {
    this.#hls = null;
    this.#view.update({ rungs: [], height: null });
  }

  #want(wish: Wish): void {
    keepWish(wish);
    this.#view.update(wish);
    if (this.#hls !== null) this.#hls.nextLevel = rungOf(wish, this.#view.get().rungs)?.index ?? -1;
  }
}
