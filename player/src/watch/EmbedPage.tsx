import { useStore } from '../lib/store';
import type { Watching } from '../lib/watching';
import { Player } from '../ui/Player';
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
