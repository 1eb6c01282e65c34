import { Trans, useLingui } from '@lingui/react/macro';
import { MessagesSquare } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { Link } from 'wouter';
import { countText } from '@weir/client/format.ts';
import { DataTable, type Column } from '@weir/kit/DataTable.tsx';
import { Page } from '@weir/kit/Layout.tsx';
import { ListBar, MoreButton } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { StateBadge } from '@weir/ui/StateBadge.tsx';
import { usePageTitle } from '../shell/title';
import type { FullStream } from '../streams/api';
import { useMoreStreams } from '../streams/useMoreStreams';
import { useStreams } from '../streams/useStreams';

/** The chats of the app: each stream has one. */
export function ChannelsPage() {
  const { t } = useLingui();
  usePageTitle(t`Channels`);
  const [q, setQ] = useState('');
  return (
    <Page title={<Trans>Channels</Trans>} lead={<Trans>Every stream has a channel, where its viewers talk: who may write, who is banned, and what moderators did.</Trans>}>
      <ListBar label={t`Search channels`} value={q} onChange={setQ} />
      <Found q={useDeferredValue(q)} />
    </Page>
  );
}

function Found({ q }: { q: string }) {
  const { t } = useLingui();
  const { data, error, refetch } = useStreams(q);
  const more = useMoreStreams(q, '', data?.next_cursor ?? null);
  if (data === undefined) return error === null ? <Skeleton rows={5} /> : <ErrorState error={error} onRetry={() => void refetch()} />;
  const rows = [...data.data, ...more.rows];
  if (rows.length === 0) return <EmptyState icon={MessagesSquare} title={q === '' ? <Trans>No channels yet</Trans> : <Trans>No channel fits that search</Trans>}><Trans>A channel comes with each stream.</Trans></EmptyState>;
  const columns: readonly Column<FullStream>[] = [
    { id: 'title', title: t`Stream`, sortBy: ({ title }) => title.toLowerCase(), cell: ({ channel, title }) => <Link href={`/channels/${channel}`} className="line-clamp-2 font-semibold text-ink no-underline [overflow-wrap:anywhere] hover:underline"><bdi>{title || t`Untitled stream`}</bdi></Link> },
    { id: 'state', title: t`State`, sortBy: ({ state }) => state, cell: ({ state }) => <StateBadge state={state} /> },
    { id: 'people', title: t`People now`, figure: true, sortBy: ({ viewers }) => viewers ?? -1, cell: ({ viewers }) => (viewers === null ? '–' : countText(viewers)) },
  ];
  return (
    <>
      <DataTable label={t`Channels`} rows={rows} columns={columns} rowId={({ id }) => id} testId="channel-item" />
      {more.cursor !== null && <MoreButton busy={more.busy} onClick={more.load} />}
    </>
  );
}
