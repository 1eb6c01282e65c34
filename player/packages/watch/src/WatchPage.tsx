import { useEffect } from 'react';
import type { WatchedStream } from '@weir/client/api.ts';
import { useStore } from '@weir/client/observable.ts';
import { countText, dateText, viewersText, waitingText } from '@weir/client/format.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { Player } from '@weir/ui/Player.tsx';
import { Chat } from './chat/Chat';
import { ChatDisabled } from './chat/ChatDisabled';
import { StreamBadge } from './StreamBadge';

/** Picture, title and chat: side by side where there is room, below each other on phones. */
export function WatchPage({ watching }: { watching: Watching }) {
  const { chat } = useStore(watching.view);
  const { stream, missing, unreachable } = useStore(watching.follower.view);
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
            <h1 title={title}><bdi>{title || '\u00a0'}</bdi></h1>
            <div className="meta-facts">
              <StreamBadge watching={watching} />
              {stream !== null && <Fact stream={stream} known={!unreachable} />}
            </div>
          </header>
        )}
      </main>
      {missing || recorded ? null : chat === null ? <ChatDisabled watching={watching} /> : <Chat watching={watching} chat={chat} />}
    </div>
  );
}

function Fact({ stream, known }: { stream: WatchedStream; known: boolean }) {
  if (stream.state === 'recorded') return <Day moment={stream.live_since} />;
  const waiting = stream.state === 'idle';
  return known && (waiting || stream.viewers > 0) ? <Viewers count={stream.viewers} waiting={waiting} /> : null; // until this page is counted too
}

/** When a recorded show was live. */
function Day({ moment }: { moment: string | null }) {
  return moment === null ? null : <time dateTime={moment}>{dateText(moment)}</time>;
}

/** Before and after a broadcast these people wait; they view nothing. */
function Viewers({ count, waiting }: { count: number; waiting: boolean }) {
  const words = waiting ? waitingText(count) : viewersText(count);
  return (
    <span className="viewers" data-testid="viewer-count" data-count={count} aria-label={words} title={words}>
      <Glyph name="eye" />
      {waiting ? `${countText(count)} waiting` : countText(count)}
    </span>
  );
}
