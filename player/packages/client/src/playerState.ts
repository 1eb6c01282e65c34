import type { Refusal } from './sessionTokens';
import type { StreamState } from './api';
import type { Failure } from './playback/view';

/** What the picture area shows. `air` is the picture itself. */
export type Scene =
  | 'air' | 'loading' | 'offline' | 'starting' | 'interrupted' | 'ended' | 'over'
  | 'missing' | 'closed' | 'withdrawn' | 'expired' | 'unsupported' | 'codec' | 'unreachable';

export interface Circumstances {
  refusal: Refusal | null;
  failure: Failure | null;
  missing: boolean;
  unreachable: boolean;
  state: StreamState | null;
  wasLive: boolean;
  /** There was a broadcast before this page was opened. */
  hadShow: boolean;
  /** Frames of this broadcast are on the screen. */
  picture: boolean;
  /** They advance now. */
  moving: boolean;
}

function plays(state: StreamState): state is 'live' | 'recorded' {
  return state === 'live' || state === 'recorded';
}

/** Refusals first, then what the stream does; without a line to the server, only what still plays is believed. */
export function sceneOf(now: Circumstances): Scene {
  if (now.missing) return 'missing';
  if (now.refusal !== null) return now.refusal;
  if (now.failure !== null) return now.failure === 'refused' ? 'withdrawn' : now.failure;
  if (now.unreachable && !now.moving) return 'unreachable';
  if (now.state === null) return 'loading';
  return sceneIn(now.state, now);
}

function sceneIn(state: StreamState, { picture, wasLive, hadShow }: Circumstances): Scene {
  if (plays(state)) return picture ? 'air' : 'loading';
  if (state !== 'idle') return state;
  if (picture) return 'air'; // the last seconds play out
  if (wasLive) return 'ended';
  return hadShow ? 'over' : 'offline';
}
