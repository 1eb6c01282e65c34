import type Hls from 'hls.js';
import Light from 'hls.js/light';
import { Store } from '../observable';

/** A sound or the subtitles of a recording. `index` is the engine's number. */
export interface Track {
  index: number;
  name: string;
}

/** `subtitle` is -1 while none are shown. */
export interface TracksView {
  sounds: readonly Track[];
  sound: number;
  subtitles: readonly Track[];
  subtitle: number;
}

const NONE: TracksView = { sounds: [], sound: -1, subtitles: [], subtitle: -1 };

/** Sounds and subtitles that a viewer may choose from. */
export class Tracks {
  readonly view = new Store<TracksView>(NONE);
  #hls: Hls | null = null;
  #shownLast = 0;

  attach(hls: Hls): void {
    this.#hls = hls;
    const read = () => {
      if (hls === this.#hls) this.#read(hls);
    };
    hls.on(Light.Events.AUDIO_TRACKS_UPDATED, read);
    hls.on(Light.Events.AUDIO_TRACK_SWITCHED, read);
    hls.on(Light.Events.SUBTITLE_TRACKS_UPDATED, read);
    hls.on(Light.Events.SUBTITLE_TRACK_SWITCH, read);
  }

  detach(): void {
    this.#hls = null;
    this.view.update(NONE);
  }

  chooseSound(index: number): void {
    if (this.#hls !== null) this.#hls.audioTrack = index;
  }

  /** -1 shows none. */
  chooseSubtitles(index: number): void {
    if (this.#hls === null) return;
    if (index >= 0) this.#shownLast = index;
    this.#hls.subtitleDisplay = index >= 0;
    this.#hls.subtitleTrack = index;
  }

  /** Off, or those shown last, else the first. */
  toggleSubtitles(): void {
    const { subtitles, subtitle } = this.view.get();
    if (subtitles.length > 0) this.chooseSubtitles(subtitle >= 0 ? -1 : this.#shownLast);
  }

  #read({ audioTracks, audioTrack, subtitleTracks, subtitleTrack }: Hls): void {
    this.view.update({ sounds: audioTracks.map(named), sound: audioTrack, subtitles: subtitleTracks.map(named), subtitle: subtitleTrack });
  }
}

function named({ name, lang }: { name: string; lang?: string }, index: number): Track {
  return { index, name: name || lang || String(index + 1) };
}
