import type Hls from 'hls.js';
import type { Calm } from './latencyReset';
import { paceFor } from './pace';

const NATIVE_LATENCY_S = 8; // what players without low latency keep from the end of the playlist
const EXTRA_S = 0.1; // distance beyond the stream's own that is worth taking back
const WHOLE_S = 0.67; // for a part's length where segments come whole: a second ahead is enough to play faster

type Engine = Hls | null;

/** Seconds behind the encoder's edge; null while unknown. */
export function latencyOf(hls: Engine, { seekable, currentTime }: HTMLVideoElement, picture: boolean): number | null {
  if (hls !== null) return hls.levels.length > 0 && picture ? hls.latency : null;
  return seekable.length > 0 ? seekable.end(seekable.length - 1) - currentTime : null;
}

/** Seconds behind the latency that is aimed at: it grows a little with every stall. */
export function lagOf(hls: Engine, latency: number | null): number {
  return (latency ?? 0) - (hls?.targetLatency ?? NATIVE_LATENCY_S);
}

/** Where playing is in step with the live edge, on the video's clock. */
export function targetOf(hls: Engine, seekable: TimeRanges | undefined): number | null {
  if (hls !== null) return hls.liveSyncPosition;
  return seekable !== undefined && seekable.length > 0 ? seekable.end(seekable.length - 1) : null;
}

/** Takes back the distance that stalls have added, once they are over. */
export function approach(hls: Engine, calm: Calm, now: number): void {
  const wanted = hls?.latestLevelDetails?.partHoldBack;
  if (hls === null || !wanted || (hls.targetLatency ?? 0) < wanted + EXTRA_S) return;
  if (calm.daresAgain(now)) hls.targetLatency = wanted;
}

/** How fast to play to come nearer to the live edge; null where that is not wanted: in a recording. */
export function paceOf(hls: Engine, { buffered, currentTime }: HTMLVideoElement, lag: number): number | null {
  const details = hls?.latestLevelDetails;
  if (!details?.live) return null;
  const ahead = buffered.length > 0 ? buffered.end(buffered.length - 1) - currentTime : 0;
  return paceFor(lag, ahead, details.partTarget || WHOLE_S);
}
