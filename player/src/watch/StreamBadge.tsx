import { useStore } from '../lib/store';
import type { Watching } from '../lib/watching';
import { StateBadge, type Shown } from '../ui/StateBadge';
import { useScene } from '../ui/useScene';

export function StreamBadge({ watching }: { watching: Watching }) {
  const { stream, wasLive } = useStore(watching.follower.view);
  const lost = useScene(watching) === 'unreachable';
  return <StateBadge state={lost ? 'lost' : shownOf(stream?.state, wasLive)} />;
}

function shownOf(state: Shown | undefined, wasLive: boolean): Shown {
  if (state === undefined) return 'unknown';
  return state === 'idle' && wasLive ? 'ended' : state;
}
