import { Trans, useLingui } from '@lingui/react/macro';
import { CirclePause, CirclePlay, Eraser, History } from 'lucide-react';
import { useEffect, useMemo, useState } from 'react';
import { locale, momentText } from '@weir/client/format.ts';
import { useStore } from '@weir/client/observable.ts';
import { Badge } from '@weir/kit/Badge.tsx';
import { Button } from '@weir/kit/Button.tsx';
import { Page } from '@weir/kit/Layout.tsx';
import { FilterSelect, ListBar } from '@weir/kit/ListBar.tsx';
import { EmptyState } from '@weir/kit/States.tsx';
import { CodeBlock } from '../common/CodeBlock';
import { useApp } from '../shell/AppContext';
import { usePageTitle } from '../shell/title';
import { EventFeed, type AppEvent } from './eventFeed';

const KINDS = ['*', 'stream.*', 'chat.*', 'user.*', 'recording.*', 'vod.*', 'viewer.*', 'health.*', 'space.*', 'place.*', 'reservation.*', 'custom.*', 'partner.*', 'webhook.*'];

/** What happens in the app while it happens, as its programs and webhooks see it. */
export function EventsPage() {
  const { t } = useLingui();
  usePageTitle(t`Events`);
  const { session } = useApp();
  const [kind, setKind] = useState('*');
  const feed = useMemo(() => new EventFeed(() => session.token(), [kind]), [session, kind]);
  useEffect(() => {
    feed.start();
    return () => feed.stop();
  }, [feed]);
  return (
    <Page title={<Trans>Events</Trans>} lead={<Trans>What happens in this app while it happens. Your servers get the same by <a href="/docs" target="_blank" rel="noopener">WebSocket</a> or webhooks.</Trans>}>
      <Feed key={kind} feed={feed} kind={kind} onKind={setKind} />
    </Page>
  );
}

function Feed({ feed, kind, onKind }: { feed: EventFeed; kind: string; onKind: (kind: string) => void }) {
  const { t } = useLingui();
  const { state, events, refused } = useStore(feed.view);
  const [text, setText] = useState('');
  const [held, setHeld] = useState<readonly AppEvent[] | null>(null);
  const shown = (held ?? events).filter((event) => text === '' || JSON.stringify(event).toLowerCase().includes(text.toLowerCase()));
  return (
    <>
      <ListBar label={t`Search in what is shown`} value={text} onChange={setText}>
        <FilterSelect label={t`Types`} value={kind} onChange={onKind} options={KINDS.map((one) => [one, one === '*' ? t`All types` : one])} />
        <Button icon={held === null ? CirclePause : CirclePlay} onClick={() => setHeld(held === null ? events : null)}>{held === null ? t`Pause` : t`Continue`}</Button>
        <Button look="quiet" icon={Eraser} onClick={() => { feed.clear(); setHeld(null); }}>{t`Clear`}</Button>
      </ListBar>
      <p className="flex flex-wrap items-center gap-2 text-sm text-soft" role="status" data-testid="feed-state" data-state={state}>
        {state === 'live' ? <Badge tone="good" dot>{t`Live`}</Badge> : state === 'lost' ? <Badge tone="warn" dot>{t`Connection lost. Trying again …`}</Badge> : <Badge dot>{t`Connecting …`}</Badge>}
        {refused !== null && <span className="text-warn">{refused}</span>}
        {held !== null && t`Paused: ${events.length - held.length} newer`}
      </p>
      {shown.length === 0
        ? <EmptyState icon={History} title={<Trans>Waiting for events</Trans>}><Trans>Start a stream, write in a chat or report a sensor: it appears here at once.</Trans></EmptyState>
        : <ul className="divide-y divide-line rounded-card border border-line bg-surface">{shown.map((event) => <EventRow key={`${event.id} ${event.type} ${event.at}`} event={event} />)}</ul>}
    </>
  );
}

function EventRow({ event }: { event: AppEvent }) {
  const [open, setOpen] = useState(false);
  return (
    <li data-testid="event" data-type={event.type}>
      <button type="button" className="tap flex w-full flex-wrap items-center gap-x-4 gap-y-0.5 px-4 py-2 text-start hover:bg-raised/60" aria-expanded={open} onClick={() => setOpen(!open)}>
        <code className="text-[13px] font-semibold">{event.type}</code>
        <bdi className="min-w-0 flex-1 basis-40 truncate text-sm text-soft">{summary(event)}</bdi>
        <time className="text-[13px] text-soft tabular-nums" dateTime={event.at} title={momentText(event.at)}>{new Date(event.at).toLocaleTimeString(locale())}</time>
      </button>
      {open && <div className="px-4 pb-3"><CodeBlock label={event.type} text={JSON.stringify(event, null, 2)} /></div>}
    </li>
  );
}

/** The first words that say what it is about. */
function summary(event: AppEvent): string {
  const { text, user, reason, stream, channel, place } = event as AppEvent & { text?: unknown; user?: { name?: unknown }; reason?: unknown };
  const who = typeof user?.name === 'string' ? user.name : '';
  const what = typeof text === 'string' ? text : typeof reason === 'string' ? reason : '';
  return [who, what].filter((part) => part !== '').join(': ') || (stream ?? place ?? channel ?? '');
}
