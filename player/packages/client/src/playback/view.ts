/** `index` is the engine's number of the rendition; `rate` is bits a second, `frames` frames a second, 0 where unknown. */
export interface Rung {
  index: number;
  height: number;
  frames: number;
  rate: number;
}

/** `unsupported`: this browser plays no such streams at all; `codec`: not this one's picture or sound. */
export type Failure = 'refused' | 'unsupported' | 'codec';

export interface PlaybackView {
  /** A frame of this source has been shown. */
  picture: boolean;
  playing: boolean;
  waiting: boolean;
  muted: boolean;
  volume: number;
  /** Muted because browsers allow no sound before a gesture, not because the viewer wants silence. */
  offerSound: boolean;
  /** Seconds behind the encoder's edge; null while unknown. */
  latency: number | null;
  atLive: boolean;
  rungs: readonly Rung[];
  /** The chosen height, null for automatic. */
  chosen: number | null;
  /** The lowest quality, for a line that is small or dear. */
  saving: boolean;
  height: number | null;
  /** As the viewer chose it; what catches up with a live stream by itself does not count. */
  speed: number;
  /** Where the viewer is between `from` and `to`, seconds on the video's clock; null where there is nothing to seek in. */
  at: number | null;
  from: number;
  to: number;
  failure: Failure | null;
}

export const START: PlaybackView = {
  picture: false, playing: false, waiting: false, muted: true, volume: 1, offerSound: true, latency: null, atLive: true,
  rungs: [], chosen: null, saving: false, height: null, speed: 1, at: null, from: 0, to: 0, failure: null,
};
