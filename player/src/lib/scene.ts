import type { Refusal } from './access';
import type { StreamState } from './api';

/** What the picture area shows. `air` is the picture itself. */
export type Scene =
  | 'air' | 'loading' | 'offline' | 'starting' | 'interrupted' | 'ended'
  | 'missing' | 'closed' | 'withdrawn' | 'expired' | 'unsupported' | 'unreachable';

export interface Circumstances {
  refusal: Refusal | null;
  failure: 'refused' | 'unsupported' | null;
  missing: boolean;
  unreachable: boolean;
  state: StreamState | null;
  wasLive: boolean;
  /** Frames of this broadcast are on the screen. */
  picture: boolean;
}

function plays(state: StreamState): state is 'live' | 'recorded' {
  return state === 'live' || state === 'recorded';
}

/** Refusals first, then what the stream does; a broken line to the server hides nothing that still plays. */
export function sceneOf(now: Circumstances): Scene {
  if (now.missing) return 'missing';
  if (now.refusal !== null) return now.refusal;
  if (now.failure !== null) return now.failure === 'refused' ? 'withdrawn' : 'unsupported';
  if (now.state === null) return now.unreachable ? 'unreachable' : 'loading';
  if (plays(now.state)) return now.picture ? 'air' : 'loading';
  if (now.state !== 'idle') return now.state;
  if (now.picture) return 'air'; // the last seconds play out
  return now.wasLive ? 'ended' : 'offline';
}
