import { useStore } from '../lib/store';
import type { Watching } from '../lib/watching';
import { StateBadge, type Shown } from '../ui/StateBadge';

export function StreamBadge({ watching }: { watching: Watching }) {
  const { stream, wasLive } = useStore(watching.follower.view);
  return <StateBadge state={shownOf(stream?.state, wasLive)} />;
}

function shownOf(state: Shown | undefined, wasLive: boolean): Shown {
  if (state === undefined) return 'unknown';
  return state === 'idle' && wasLive ? 'ended' : state;
}
