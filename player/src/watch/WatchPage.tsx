import { useEffect } from 'react';
import { useStore } from '../lib/store';
import { countText, viewersText } from '../lib/wording';
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
  useEffect(() => {
    document.title = title === '' ? 'Watch' : title;
  }, [title]);
  return (
    <div className="watch" data-alone={missing}>
      <main className="stage">
        <Player watching={watching} />
        {!missing && (
          <header className="meta">
            <h1 title={title}>{title || '\u00a0'}</h1>
            <div className="meta-facts">
              <StreamBadge watching={watching} />
              {stream !== null && (
                <span className="viewers" data-testid="viewer-count" data-count={stream.viewers} aria-label={viewersText(stream.viewers)} title={viewersText(stream.viewers)}>
                  <Glyph name="eye" />
                  {countText(stream.viewers)}
                </span>
              )}
            </div>
          </header>
        )}
      </main>
      {missing ? null : chat === null ? <NoChat watching={watching} /> : <Chat watching={watching} chat={chat} />}
    </div>
  );
}
