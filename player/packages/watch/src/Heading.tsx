import { useLingui } from '@lingui/react/macro';
import type { WatchedStream } from '@weir/client/api.ts';
import { clockText, countText, dateText, timeText, viewersText, waitingText } from '@weir/client/format.ts';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Avatar } from '@weir/ui/Avatar.tsx';
import { Glyph } from '@weir/ui/icons.tsx';
import { FollowButton } from './FollowButton';
import { ShareButton } from './ShareButton';
import { StreamBadge } from './StreamBadge';

/** Title, who streams, and how it stands: directly under the picture. */
export function Heading({ watching }: { watching: Watching }) {
  const { t } = useLingui();
  const { stream, unreachable } = useStore(watching.follower.view);
  const title = stream?.title ?? '';
  const streamer = stream?.streamer ?? '';
  return (
    <header className="meta">
      {stream !== null && streamer !== '' && <Avatar name={streamer} address={stream.avatar} />}
      <div className="meta-words">
        <h1 title={title}>{title === '' ? <span className="only-heard">{t`Watch`}</span> : <bdi>{title}</bdi>}</h1>
        {streamer !== '' && <p className="meta-streamer" title={streamer}><bdi>{streamer}</bdi></p>}
        <div className="meta-facts">
          <StreamBadge watching={watching} timed />
          {stream !== null && <Facts stream={stream} known={!unreachable} />}
        </div>
      </div>
      {stream !== null && (
        <div className="meta-actions">
          <FollowButton watching={watching} stream={stream} />
          <ShareButton watching={watching} stream={stream} />
        </div>
      )}
    </header>
  );
}

function Facts({ stream, known }: { stream: WatchedStream; known: boolean }) {
  const { category } = stream;
  return (
    <>
      {stream.state === 'recorded' ? <PastFacts stream={stream} /> : <LiveFacts stream={stream} known={known} />}
      {category !== '' && <span className="category" title={category}><bdi>{category}</bdi></span>}
    </>
  );
}

/** When a recorded show was live, and how long. */
function PastFacts({ stream: { live_since, duration_s } }: { stream: WatchedStream }) {
  return (
    <>
      {live_since !== null && <time dateTime={live_since}>{dateText(live_since)}</time>}
      {duration_s !== null && <span>{clockText(duration_s)}</span>}
    </>
  );
}

function LiveFacts({ stream: { state, viewers, live_since }, known }: { stream: WatchedStream; known: boolean }) {
  const { t } = useLingui();
  const waiting = state === 'idle';
  const started = state === 'live' && live_since !== null ? timeText(live_since) : null;
  return (
    <>
      {known && (waiting || viewers > 0) && <Viewers count={viewers} waiting={waiting} /> /* until this page is counted too */}
      {started !== null && <time className="started" dateTime={live_since ?? ''}>{t`Started at ${started}`}</time>}
    </>
  );
}

/** Before and after a broadcast these people wait; they view nothing. */
function Viewers({ count, waiting }: { count: number; waiting: boolean }) {
  const { t } = useLingui();
  const shown = countText(count);
  return (
    <span className="viewers" data-testid="viewer-count" data-count={count} title={waiting ? waitingText(count) : viewersText(count)}>
      <Glyph name="eye" />
      {waiting ? t`${shown} waiting` : viewersText(count)}
    </span>
  );
}
