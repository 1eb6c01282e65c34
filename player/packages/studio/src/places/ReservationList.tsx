import { Trans, useLingui } from '@lingui/react/macro';
import { keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { CalendarClock, ChevronLeft, ChevronRight, Plus } from 'lucide-react';
import { useState } from 'react';
import { Badge } from '@weir/kit/Badge.tsx';
import { Button, IconButton } from '@weir/kit/Button.tsx';
import { DataTable, type Column } from '@weir/kit/DataTable.tsx';
import { ConfirmDialog, Dialog } from '@weir/kit/Dialog.tsx';
import { FilterSelect, MoreButton } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Moment } from '@weir/kit/Time.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useApp } from '../shell/AppContext';
import { placeApi, type Place, type Reservation, type ReservationStatus } from './api';
import { dayAfter, dayOf, spanOf } from './days';
import { ReserveForm } from './ReserveForm';
import { STATUSES } from './words';

const POLL_MS = 5_000;

/** The reservations that begin on one day of the reader's, earliest first. */
export function ReservationList({ place }: { place: Place }) {
  const { t, i18n } = useLingui();
  const { can } = useApp();
  const [day, setDay] = useState(() => dayOf(new Date()));
  const [status, setStatus] = useState('');
  const [adding, setAdding] = useState(false);
  const statuses = Object.entries(STATUSES).map(([one, { words }]) => [one, i18n._(words)] as const);
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <IconButton label={t`The day before`} icon={ChevronLeft} className="rtl:-scale-x-100" onClick={() => setDay(dayAfter(day, -1))} />
        <input type="date" className="entry w-auto!" aria-label={t`Day`} required value={day} onChange={({ target }) => { if (target.value !== '') setDay(target.value); }} />
        <IconButton label={t`The next day`} icon={ChevronRight} className="rtl:-scale-x-100" onClick={() => setDay(dayAfter(day, 1))} />
        <FilterSelect label={t`State`} value={status} onChange={setStatus} options={[['', t`All states`], ...statuses]} />
        <span className="flex-1" />
        {can('editor') && <Button icon={Plus} look="primary" data-testid="new-reservation" onClick={() => setAdding(true)}>{t`New reservation`}</Button>}
      </div>
      <OfDay key={`${day} ${status}`} place={place.id} day={day} status={status} />
      <Dialog open={adding} onClose={() => setAdding(false)} title={t`New reservation`} lead={place.no_show_minutes === null ? t`An unused reservation is kept for its whole time.` : t`An unused reservation ends after ${place.no_show_minutes} minutes.`}>
        <ReserveForm place={place.id} day={day} onDone={(made) => { setAdding(false); setDay(dayOf(new Date(made.starts))); }} />
      </Dialog>
    </>
  );
}

function OfDay({ place, day, status }: { place: string; day: string; status: string }) {
  const { app, askAs } = useApp();
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: [app.id, 'reservations', place, day, status],
    queryFn: ({ pageParam }) => askAs(placeApi.reservations, place, { ...spanOf(day), status, cursor: pageParam }),
    initialPageParam: '',
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    refetchInterval: POLL_MS,
    placeholderData: keepPreviousData,
  });
  if (data === undefined) return error === null ? <Skeleton /> : <ErrorState error={error} onRetry={() => void refetch()} />;
  const rows = data.pages.flatMap((page) => page.data);
  return (
    <>
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      {rows.length > 0 ? <Table place={place} rows={rows} /> : (
        <EmptyState icon={CalendarClock} title={<Trans>No reservations on this day</Trans>}>
          <Trans>A reserved space turns to reserved when its time begins, and no two reservations of one space overlap.</Trans>
        </EmptyState>
      )}
      {hasNextPage && <MoreButton busy={isFetchingNextPage} onClick={() => void fetchNextPage()} />}
    </>
  );
}

function Table({ place, rows }: { place: string; rows: readonly Reservation[] }) {
  const { t } = useLingui();
  const { app, askAs, can } = useApp();
  const known = useQueryClient();
  const say = useToast();
  const [ending, setEnding] = useState<Reservation | null>(null);
  const columns: readonly Column<Reservation>[] = [
    { id: 'starts', title: t`From – until`, sortBy: ({ starts }) => starts, cell: ({ starts, ends, status }) => <span className="grid"><Moment value={starts} /><small className="text-soft"><Moment value={ends} /></small><span className="mt-1 md:hidden"><Status status={status} /></span></span> },
    { id: 'space', title: t`Space`, figure: true, sortBy: ({ space }) => space, cell: ({ space }) => space },
    { id: 'state', title: t`State`, wide: true, sortBy: ({ status }) => status, cell: ({ status }) => <Status status={status} /> },
    { id: 'user', title: t`Person`, wide: true, sortBy: ({ user }) => user ?? '', cell: ({ user }) => <bdi className="line-clamp-2 [overflow-wrap:anywhere]">{user ?? '–'}</bdi> },
    { id: 'note', title: t`Note`, wide: true, cell: ({ note }) => <bdi className="line-clamp-2 [overflow-wrap:anywhere]" title={note ?? undefined}>{note ?? '–'}</bdi> },
    ...(can('editor') ? [{ id: 'deeds', title: '', figure: true, cell: (one: Reservation) => one.status === 'booked' && <Button size="small" data-testid="cancel-reservation" onClick={() => setEnding(one)}>{t`Cancel`}</Button> }] : []),
  ];
  return (
    <>
      <DataTable label={t`Reservations`} rows={rows} columns={columns} rowId={({ id }) => id} testId="reservation" />
      <ConfirmDialog open={ending !== null} onClose={() => setEnding(null)} title={t`Cancel the reservation of space ${ending?.space ?? 0}?`} action={t`Cancel the reservation`}
        onConfirm={async () => {
          if (ending !== null) await askAs(placeApi.cancel, place, ending.id);
          await Promise.all([known.invalidateQueries({ queryKey: [app.id, 'reservations', place] }), known.invalidateQueries({ queryKey: [app.id, 'spaces', place] })]);
          say.done(t`The reservation is cancelled.`);
        }}>
        <Trans>The space can be reserved by others at once.</Trans>
      </ConfirmDialog>
    </>
  );
}

function Status({ status }: { status: ReservationStatus }) {
  const { i18n } = useLingui();
  return <Badge tone={STATUSES[status].tone}>{i18n._(STATUSES[status].words)}</Badge>;
}
