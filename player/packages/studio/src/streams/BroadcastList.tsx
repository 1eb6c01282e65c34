import { Trans, useLingui } from '@lingui/react/macro';
import { useInfiniteQuery } from '@tanstack/react-query';
import { Radio } from 'lucide-react';
import { countText, durationText } from '@weir/client/format.ts';
import { Badge } from '@weir/kit/Badge.tsx';
import { DataTable, type Column } from '@weir/kit/DataTable.tsx';
import { MoreButton } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Moment } from '@weir/kit/Time.tsx';
import { useApp } from '../shell/AppContext';
import { streamApi, type Broadcast } from './api';

/** Every broadcast of a stream with what became of it, newest first. */
export function BroadcastList({ stream }: { stream: string }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: [app.id, 'broadcasts', stream],
    queryFn: ({ pageParam }) => askAs(streamApi.broadcasts, stream, pageParam),
    initialPageParam: '',
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    refetchInterval: 10_000,
  });
  if (data === undefined) return error === null ? <Skeleton /> : <ErrorState error={error} onRetry={() => void refetch()} />;
  const rows = data.pages.flatMap((page) => page.data);
  if (rows.length === 0) return <EmptyState icon={Radio} title={<Trans>No broadcasts yet</Trans>}><Trans>Each time an encoder publishes, a broadcast begins; its figures stay here.</Trans></EmptyState>;
  const columns: readonly Column<Broadcast>[] = [
    { id: 'started', title: t`Started`, sortBy: ({ started }) => started, cell: ({ started, ended, trouble }) => <span className="grid gap-1"><Moment value={started} />{ended === null && <Badge tone="bad" dot>{t`On air`}</Badge>}{trouble !== null && <span className="text-[13px] text-warn">{trouble}</span>}</span> },
    { id: 'length', title: t`On air for`, figure: true, sortBy: ({ live_s }) => live_s, cell: ({ live_s }) => durationText(live_s) },
    { id: 'peak', title: t`Most viewers at once`, figure: true, wide: true, sortBy: ({ peak_viewers }) => peak_viewers ?? -1, cell: ({ peak_viewers }) => (peak_viewers === null ? '–' : countText(peak_viewers)) },
    { id: 'viewers', title: t`Viewers`, figure: true, sortBy: ({ viewers }) => viewers ?? -1, cell: ({ viewers }) => (viewers === null ? '–' : countText(viewers)) },
    { id: 'minutes', title: t`Minutes watched`, figure: true, wide: true, sortBy: ({ minutes_watched }) => minutes_watched, cell: ({ minutes_watched }) => countText(Math.round(minutes_watched)) },
  ];
  return (
    <>
      <DataTable label={t`Broadcasts`} rows={rows} columns={columns} rowId={({ id }) => id} testId="broadcast" />
      {hasNextPage && <MoreButton busy={isFetchingNextPage} onClick={() => void fetchNextPage()} />}
    </>
  );
}
