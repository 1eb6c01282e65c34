import { Trans, useLingui } from '@lingui/react/macro';
import { Plus, Radio } from 'lucide-react';
import { useDeferredValue } from 'react';
import { Link, useSearchParams } from 'wouter';
import { countText } from '@weir/client/format.ts';
import { Badge } from '@weir/kit/Badge.tsx';
import { buttonClass } from '@weir/kit/Button.tsx';
import { DataTable, type Column } from '@weir/kit/DataTable.tsx';
import { Page } from '@weir/kit/Layout.tsx';
import { FilterSelect, ListBar, MoreButton } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Ago } from '@weir/kit/Time.tsx';
import { StateBadge } from '@weir/ui/StateBadge.tsx';
import { useApp } from '../shell/AppContext';
import { usePageTitle } from '../shell/title';
import type { FullStream } from './api';
import { useMoreStreams } from './useMoreStreams';
import { useStreams } from './useStreams';

/** All streams of the app. The search is part of the address. */
export function StreamsPage() {
  const { t } = useLingui();
  usePageTitle(t`Streams`);
  const { can } = useApp();
  const [query, setQuery] = useSearchParams();
  const q = query.get('q') ?? '';
  const state = query.get('state') ?? '';
  const set = (name: string, value: string) => setQuery((held) => {
    if (value === '') held.delete(name);
    else held.set(name, value);
    return held;
  }, { replace: true });
  return (
    <Page title={<Trans>Streams</Trans>} lead={<Trans>A stream has a key for an encoder, a page for its viewers and a chat.</Trans>} actions={can('editor') && <NewStreamLink />}>
      <ListBar label={t`Search streams`} value={q} onChange={(value) => set('q', value)}>
        <FilterSelect label={t`State`} value={state} onChange={(value) => set('state', value)} options={[['', t`All states`], ['live', t`Live`], ['interrupted', t`Interrupted`], ['idle', t`Offline`]]} />
      </ListBar>
      <Found q={useDeferredValue(q)} state={state} />
    </Page>
  );
}

function Found({ q, state }: { q: string; state: string }) {
  const { data, error, refetch } = useStreams(q, state);
  const more = useMoreStreams(q, state, data?.next_cursor ?? null);
  if (data === undefined) return error === null ? <Skeleton rows={5} /> : <ErrorState error={error} onRetry={() => void refetch()} />;
  const rows = [...data.data, ...more.rows];
  return (
    <>
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      {rows.length > 0 ? <StreamTable rows={rows} /> : q === '' && state === '' ? <NoStreams /> : <EmptyState icon={Radio} title={<Trans>No stream fits that search</Trans>} />}
      {more.cursor !== null && <MoreButton busy={more.busy} onClick={more.load} />}
    </>
  );
}

function NewStreamLink() {
  return <Link href="/streams/new" className={buttonClass('primary')} data-testid="new-stream"><Plus size={16} aria-hidden /><Trans>New stream</Trans></Link>;
}

function NoStreams() {
  const { can } = useApp();
  return (
    <EmptyState icon={Radio} title={<Trans>No streams yet</Trans>} action={can('editor') && <NewStreamLink />}>
      <Trans>Create one to get a stream key for OBS or any other encoder, and a page where people watch and chat.</Trans>
    </EmptyState>
  );
}

function StreamTable({ rows }: { rows: readonly FullStream[] }) {
  const { t } = useLingui();
  const columns: readonly Column<FullStream>[] = [
    { id: 'title', title: t`Title`, sortBy: ({ title }) => title.toLowerCase(), cell: (stream) => <TitleCell stream={stream} /> },
    { id: 'state', title: t`State`, sortBy: ({ state }) => state, cell: ({ state }) => <StateBadge state={state} /> },
    { id: 'viewers', title: t`Viewers`, figure: true, sortBy: ({ viewers }) => viewers ?? -1, cell: ({ viewers, state }) => (viewers === null || state === 'idle' ? '–' : countText(viewers)) },
    { id: 'last', title: t`On air since`, wide: true, sortBy: ({ live_since }) => live_since ?? '', cell: ({ live_since }) => (live_since === null ? '–' : <Ago value={live_since} />) },
    { id: 'created', title: t`Created`, wide: true, sortBy: ({ created }) => created, cell: ({ created }) => <Ago value={created} /> },
  ];
  return <DataTable label={t`Streams`} rows={rows} columns={columns} rowId={({ id }) => id} testId="stream-item" />;
}

function TitleCell({ stream }: { stream: FullStream }) {
  const { t } = useLingui();
  return (
    <span className="grid gap-1">
      <Link href={`/streams/${stream.id}`} className="line-clamp-2 font-semibold text-ink no-underline [overflow-wrap:anywhere] hover:underline" title={stream.title}><bdi>{stream.title || t`Untitled stream`}</bdi></Link>
      {stream.visibility === 'signed' && <Badge>{t`Signed`}</Badge>}
    </span>
  );
}
