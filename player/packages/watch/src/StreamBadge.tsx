import { clockText } from '@weir/client/format.ts';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { StateBadge, type Shown } from '@weir/ui/StateBadge.tsx';
import { usePlayerState } from '@weir/ui/usePlayerState.ts';
import { useNow } from './useNow';

/** The stream's state, and with `timed` how long it has been on air. */
export function StreamBadge({ watching, timed = false }: { watching: Watching; timed?: boolean }) {
  const { stream, wasLive } = useStore(watching.follower.view);
  const lost = usePlayerState(watching) === 'unreachable';
  const since = timed && !lost && stream?.state === 'live' ? stream.live_since : null;
  return <StateBadge state={lost ? 'lost' : shownOf(stream?.state, wasLive)} detail={since !== null && <Duration since={since} />} />;
}

function Duration({ since }: { since: string }) {
  const seconds = (useNow() - Date.parse(since)) / 1000;
  return <span className="badge-time" role="timer" data-testid="on-air-for">{clockText(seconds)}</span>;
}

function shownOf(state: Shown | undefined, wasLive: boolean): Shown {
  if (state === undefined) return 'unknown';
  return state === 'idle' && wasLive ? 'ended' : state;
}
