import { useEffect, useState, type CSSProperties } from 'react';
import { countText, hueOf, viewersText } from '@weir/client/format.ts';
import type { Message } from '@weir/client/chat/messages.ts';
import { useStore } from '@weir/client/observable.ts';
import { KINDS as REACTIONS, type Reactions } from '@weir/client/reactions.ts';
import type { AlertQueue } from './alerts';
import type { Feed } from './feed';
import type { Kind, Options } from './options';

const MOST_LINES = 60;
const LOOK_MS = 1_000;

interface Props {
  kind: Kind;
  options: Options;
  feed: Feed;
  alerts: AlertQueue;
  reactions: Reactions;
}

/** One of the four overlays. There is nothing to press: OBS draws it into the picture. */
export function Overlay({ kind, options, feed, alerts, reactions }: Props) {
  const { ended } = useStore(feed.view);
  const { size, color, font, side } = options;
  const style = { fontSize: size, color, fontFamily: font } satisfies CSSProperties;
  return (
    <main className="overlay" data-kind={kind} data-side={side} data-ended={ended} data-testid="overlay" style={style}>
      {!ended && kind === 'chat' && <ChatLines feed={feed} options={options} />}
      {!ended && kind === 'viewers' && <Viewers feed={feed} />}
      {!ended && kind === 'alerts' && <Alerts alerts={alerts} />}
      {!ended && kind === 'reactions' && <Rising reactions={reactions} />}
    </main>
  );
}

function ChatLines({ feed, options: { seconds, badges } }: { feed: Feed; options: Options }) {
  const { log } = useStore(feed.view);
  const arrivals = useArrivals(log.messages, seconds);
  const shown = log.messages.filter((message) => message.state === 'sent' && (seconds === 0 || (arrivals.get(keyOf(message)) ?? 0) > 0)).slice(-MOST_LINES);
  return <ul className="lines">{shown.map((message) => <Row key={keyOf(message)} message={message} badges={badges} />)}</ul>;
}

function Row({ message: { author, text, manner }, badges }: { message: Message; badges: boolean }) {
  const hue = { '--hue': hueOf(author.id) } as CSSProperties;
  return (
    <li data-testid="overlay-message" data-role={author.role} data-manner={manner}>
      {badges && author.badges.includes('subscriber') && <span className="sign">★ </span>}
      <bdi className="who" style={hue}>{author.name}</bdi> <span dir="auto">{text}</span>
    </li>
  );
}

const keyOf = ({ author, cid }: Message) => `${author.id} ${cid}`;

/** Messages that may still be seen: key → ms that are left. What was said before the page began is over. */
function useArrivals(messages: readonly Message[], seconds: number): ReadonlyMap<string, number> {
  const [left, setLeft] = useState<ReadonlyMap<string, number>>(new Map());
  useEffect(() => {
    if (seconds === 0) return;
    const look = () => setLeft(new Map(messages.map((message) => [keyOf(message), Date.parse(message.at) + seconds * 1_000 - Date.now()])));
    const first = window.setTimeout(look);
    const timer = window.setInterval(look, LOOK_MS);
    return () => {
      clearTimeout(first);
      clearInterval(timer);
    };
  }, [messages, seconds]);
  return left;
}

function Viewers({ feed }: { feed: Feed }) {
  const { viewers } = useStore(feed.view);
  return viewers === null ? null : <p className="count" data-testid="overlay-viewers">{viewersText(viewers)}</p>;
}

function Alerts({ alerts }: { alerts: AlertQueue }) {
  const { shown } = useStore(alerts.view);
  if (shown === null) return null;
  return (
    <div key={shown.id} className="alert" role="status" data-testid="overlay-alert">
      <p className="alert-title"><bdi>{shown.title}</bdi></p>
      {shown.text !== '' && <p className="alert-text"><bdi>{shown.text}</bdi></p>}
    </div>
  );
}

function Rising({ reactions }: { reactions: Reactions }) {
  const { floats } = useStore(reactions.view);
  return (
    <div className="rise">
      {floats.map(({ key, name, lane, count }) => (
        <span key={key} className="flown" data-testid="overlay-reaction" style={{ '--lane': lane } as CSSProperties}>{REACTIONS[name]}{count > 1 && <b>×{countText(count)}</b>}</span>
      ))}
    </div>
  );
}
