import { useLingui } from '@lingui/react/macro';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Player } from '@weir/ui/Player.tsx';
import { StreamBadge } from './StreamBadge';

/** The picture alone, filling the frame of another site, with the way to its own page. */
export function EmbedPage({ watching }: { watching: Watching }) {
  const { t } = useLingui();
  const { stream } = useStore(watching.follower.view);
  return (
    <main className="embed">
      <Player watching={watching} />
      <div className="embed-head">
        <StreamBadge watching={watching} />
        {stream !== null && (
          <a className="embed-title" href={`/watch/${watching.address}`} target="_blank" rel="noopener" title={t`Open the page of this stream`}>
            <bdi>{stream.title || t`Watch`}</bdi>
          </a>
        )}
      </div>
    </main>
  );
}
