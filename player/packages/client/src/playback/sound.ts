import { keep } from '../browserStorage';
import type { Store } from '../observable';
import type { PlaybackView } from './view';

const QUIET = 0.5;

/** Volume and silence; the volume is remembered in this browser. */
export class Sound {
  readonly #view: Store<PlaybackView>;
  #video: HTMLVideoElement | null = null;

  constructor(view: Store<PlaybackView>) {
    this.#view = view;
  }

  attach(video: HTMLVideoElement | null): void {
    this.#video = video;
    if (video === null) return;
    video.muted = this.#view.get().muted;
    video.volume = this.#view.get().volume;
  }

  toggle(): void {
    const { volume, muted } = this.#view.get();
    this.set(volume || QUIET, !muted);
  }

  louder(step: number): void {
    this.set(this.#view.get().volume + step);
  }

  set(volume: number, muted = volume <= 0): void {
    const bounded = Math.min(1, Math.max(0, volume));
    if (this.#video !== null) {
      this.#video.volume = bounded;
      this.#video.muted = muted;
    }
    keep('volume', String(bounded));
    this.#view.update({ volume: bounded, muted, offerSound: false });
  }
}
