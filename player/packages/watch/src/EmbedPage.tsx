import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Player } from '@weir/ui/Player.tsx';
import { StreamBadge } from './StreamBadge';

/** The picture alone, filling the frame of another site. */
export function EmbedPage({ watching }: { watching: Watching }) {
  const { stream } = useStore(watching.follower.view);
  return (
    <main className="embed">
      <Player watching={watching} />
      <div className="embed-head">
        <StreamBadge watching={watching} />
        <span className="embed-title">{stream?.title}</span>
      </div>
    </main>
  );
}
