import { useEffect } from 'react';
import { useStore } from '../lib/store';
import { countText, dateText, viewersText } from '../lib/wording';
import type { Watching } from '../lib/watching';
import { Glyph } from '../ui/icons';
import { Player } from '../ui/Player';
import { Chat } from './Chat';
import { NoChat } from './NoChat';
import { StreamBadge } from './StreamBadge';

/** Picture, title and chat: side by side where there is room, below each other on phones. */
export function WatchPage({ watching }: { watching: Watching }) {
  const { chat } = useStore(watching.view);
  const { stream, missing } = useStore(watching.follower.view);
  const title = stream?.title ?? '';
  const recorded = stream?.state === 'recorded';
  useEffect(() => {
    document.title = title === '' ? 'Watch' : title;
  }, [title]);
  return (
    <div className="watch" data-alone={missing || recorded}>
      <main className="stage">
        <Player watching={watching} />
        {!missing && (
          <header className="meta">
            <h1 title={title}>{title || '\u00a0'}</h1>
            <div className="meta-facts">
              <StreamBadge watching={watching} />
              {stream !== null && (recorded ? <Day moment={stream.live_since} /> : <Viewers count={stream.viewers} />)}
            </div>
          </header>
        )}
      </main>
      {missing || recorded ? null : chat === null ? <NoChat watching={watching} /> : <Chat watching={watching} chat={chat} />}
    </div>
  );
}

/** When a recorded show was live. */
function Day({ moment }: { moment: string | null }) {
  return moment === null ? null : <time dateTime={moment}>{dateText(moment)}</time>;
}

function Viewers({ count }: { count: number }) {
  return (
    <span className="viewers" data-testid="viewer-count" data-count={count} aria-label={viewersText(count)} title={viewersText(count)}>
      <Glyph name="eye" />
      {countText(count)}
    </span>
  );
}
