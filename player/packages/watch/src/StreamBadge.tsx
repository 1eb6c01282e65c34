import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { StateBadge, type Shown } from '@weir/ui/StateBadge.tsx';
import { usePlayerState } from '@weir/ui/usePlayerState.ts';

export function StreamBadge({ watching }: { watching: Watching }) {
  const { stream, wasLive } = useStore(watching.follower.view);
  const lost = usePlayerState(watching) === 'unreachable';
  return <StateBadge state={lost ? 'lost' : shownOf(stream?.state, wasLive)} />;
}

function shownOf(state: Shown | undefined, wasLive: boolean): Shown {
  if (state === undefined) return 'unknown';
  return state === 'idle' && wasLive ? 'ended' : state;
}
