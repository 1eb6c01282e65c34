import { Trans, useLingui } from '@lingui/react/macro';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { History as HistoryIcon } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { Badge } from '@weir/kit/Badge.tsx';
import { ListBar, MoreButton } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Moment } from '@weir/kit/Time.tsx';
import { useApp } from '../shell/AppContext';
import { placeApi, type Transition } from './api';
import { CAUSES, STATES } from './words';

const POLL_MS = 5_000;
const NUMBER = /^\d{1,4}$/;

/** Every change of a space's state, newest first. */
export function History({ place }: { place: string }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const [text, setText] = useState('');
  const wanted = useDeferredValue(text.trim());
  const space = NUMBER.test(wanted) && Number(wanted) > 0 ? Number(wanted) : undefined;
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: [app.id, 'transitions', place, space],
    queryFn: ({ pageParam }) => askAs(placeApi.history, place, { ...(space === undefined ? {} : { space }), cursor: pageParam }),
    initialPageParam: '',
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    refetchInterval: POLL_MS,
    placeholderData: keepPreviousData,
  });
  const { data: devices } = useQuery({ queryKey: [app.id, 'devices', place, 'list', ''], queryFn: () => askAs(placeApi.devices, place, {}), select: ({ data: list }) => new Map(list.map(({ id, serial }) => [id, serial])) });
  const rows = data?.pages.flatMap((page) => page.data);
  return (
    <>
      <ListBar label={t`Number of a space`} value={text} onChange={setText} />
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      {rows === undefined ? error === null && <Skeleton /> : rows.length === 0
        ? <EmptyState icon={HistoryIcon} title={<Trans>Nothing has changed yet</Trans>}><Trans>Every arrival, departure and reservation stands here with its time.</Trans></EmptyState>
        : <ul className="grid divide-y divide-line rounded-card border border-line bg-surface">{rows.map((one) => <Row key={one.id} transition={one} serial={one.device === null ? null : devices?.get(one.device) ?? one.device} />)}</ul>}
      {hasNextPage && <MoreButton busy={isFetchingNextPage} onClick={() => void fetchNextPage()} />}
    </>
  );
}

function Row({ transition: { at, space, state, cause }, serial }: { transition: Transition; serial: string | null }) {
  const { t, i18n } = useLingui();
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-2.5" data-testid="transition">
      <b className="min-w-20 tabular-nums">{t`Space ${space}`}</b>
      <span className="flex min-w-0 flex-1 basis-52 flex-wrap items-center gap-2"><Badge tone={STATES[state].tone}>{i18n._(STATES[state].words)}</Badge><span className="text-sm text-soft">{i18n._(CAUSES[cause])}{serial !== null && <> · <code className="text-[13px] [overflow-wrap:anywhere]">{serial}</code></>}</span></span>
      <span className="text-sm text-soft"><Moment value={at} /></span>
    </li>
  );
}
