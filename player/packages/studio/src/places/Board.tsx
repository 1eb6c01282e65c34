import { plural } from '@lingui/core/macro';
import { Trans, useLingui } from '@lingui/react/macro';
import { keepPreviousData, useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { Grid3x3, Plus } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { countText } from '@weir/client/format.ts';
import { Button } from '@weir/kit/Button.tsx';
import { Dialog } from '@weir/kit/Dialog.tsx';
import { TextField } from '@weir/kit/Field.tsx';
import { ListBar, MoreButton } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import { placeApi, type Occupancy, type Space, type SpaceState } from './api';
import { MOST_SPACES } from './NewPlaceDialog';
import { SpaceDialog } from './SpaceDialog';
import { SPACE_STATES, STATES } from './words';

const POLL_MS = 2_000;

const TILES: Record<SpaceState, string> = {
  free: 'border-ok/40 bg-ok/12 text-ok',
  occupied: 'border-live/40 bg-live/12 text-live',
  reserved: 'border-accent/40 bg-accent/12 text-accent',
  maintenance: 'border-warn/40 bg-warn/12 text-warn',
  unknown: 'border-line bg-raised text-soft',
};

/** The spaces of a place as they are now, read again every two seconds. */
export function Board({ place }: { place: string }) {
  const { t } = useLingui();
  const { app, askAs, can } = useApp();
  const [state, setState] = useState('');
  const [q, setQ] = useState('');
  const [opened, setOpened] = useState<number | null>(null);
  const [adding, setAdding] = useState(false);
  const { data: occupancy } = useQuery({ queryKey: [app.id, 'occupancy', place], queryFn: () => askAs(placeApi.occupancy, place), refetchInterval: POLL_MS });
  return (
    <>
      <Legend occupancy={occupancy} state={state} onChange={setState} />
      <ListBar label={t`Search spaces by number or label`} value={q} onChange={setQ}>
        {can('editor') && <Button icon={Plus} data-testid="add-spaces" onClick={() => setAdding(true)}>{t`Add spaces`}</Button>}
      </ListBar>
      <Tiles place={place} state={state} q={useDeferredValue(q.trim())} onOpen={setOpened} />
      <SpaceDialog place={place} n={opened} onClose={() => setOpened(null)} />
      <AddSpaces place={place} open={adding} next={(occupancy?.total ?? 0) + 1} onClose={() => setAdding(false)} />
    </>
  );
}

/** How many spaces are in each state; a click shows these alone. */
function Legend({ occupancy, state, onChange }: { occupancy: Occupancy | undefined; state: string; onChange: (state: string) => void }) {
  const { t, i18n } = useLingui();
  const figure = (count: number | undefined) => <b className="text-xl tabular-nums">{count === undefined ? '–' : countText(count)}</b>;
  return (
    <div className="grid grid-cols-2 gap-2 sm:grid-cols-3 lg:grid-cols-6" role="group" aria-label={t`State`} data-testid="occupancy">
      <button type="button" aria-pressed={state === ''} className="tap grid content-start rounded-control border border-line bg-surface px-3 py-2 text-start aria-pressed:border-accent" onClick={() => onChange('')}>
        {figure(occupancy?.total)}
        <span className="text-[13px] text-soft">{t`All spaces`}</span>
      </button>
      {SPACE_STATES.map((one) => (
        <button key={one} type="button" aria-pressed={state === one} data-testid={`count-${one}`} className="tap grid content-start rounded-control border border-line bg-surface px-3 py-2 text-start aria-pressed:border-accent" onClick={() => onChange(state === one ? '' : one)}>
          {figure(occupancy?.[STATES[one].count])}
          <span className="flex items-center gap-1.5 text-[13px] text-soft"><span className={`size-2.5 rounded-full bg-current ${TILES[one].split(' ').at(-1) ?? ''}`} aria-hidden />{i18n._(STATES[one].words)}</span>
        </button>
      ))}
    </div>
  );
}

function Tiles({ place, state, q, onOpen }: { place: string; state: string; q: string; onOpen: (n: number) => void }) {
  const { app, askAs } = useApp();
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: [app.id, 'spaces', place, state, q],
    queryFn: ({ pageParam }) => askAs(placeApi.spaces, place, { state, q, cursor: pageParam }),
    initialPageParam: '',
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    // All pages that are shown are read again, so that more pages are read more rarely.
    refetchInterval: ({ state: { data: shown } }) => POLL_MS * (shown?.pages.length ?? 1),
    placeholderData: keepPreviousData,
  });
  const { data: numbered = [] } = useQuery({ queryKey: [app.id, 'spaces', place, 'numbered', q], queryFn: () => askAs(placeApi.numbered, place, q), refetchInterval: POLL_MS, enabled: q !== '' });
  if (data === undefined) return error === null ? <Skeleton rows={3} height={72} /> : <ErrorState error={error} onRetry={() => void refetch()} />;
  const spaces = merged(numbered.filter((one) => state === '' || one.state === state), data.pages.flatMap((page) => page.data));
  return (
    <>
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      {spaces.length === 0 && (q === '' && state === ''
        ? <EmptyState icon={Grid3x3} title={<Trans>No spaces yet</Trans>}><Trans>Add spaces to count them. Each has a number, and a label if you like.</Trans></EmptyState>
        : <EmptyState icon={Grid3x3} title={<Trans>No space fits that search</Trans>} />)}
      <ul className="grid grid-cols-[repeat(auto-fill,minmax(6.5rem,1fr))] gap-2" data-testid="board">
        {spaces.map((space) => <li key={space.n}><Tile space={space} onOpen={() => onOpen(space.n)} /></li>)}
      </ul>
      {hasNextPage && <MoreButton busy={isFetchingNextPage} onClick={() => void fetchNextPage()} />}
    </>
  );
}

function merged(first: readonly Space[], rest: readonly Space[]): Space[] {
  return [...first, ...rest.filter(({ n }) => !first.some((one) => one.n === n))];
}

function Tile({ space, onOpen }: { space: Space; onOpen: () => void }) {
  const { i18n } = useLingui();
  return (
    <button type="button" className={`grid min-h-16 w-full content-between gap-1 rounded-control border px-2.5 py-2 text-start hover:brightness-97 dark:hover:brightness-115 ${TILES[space.state]}`} data-testid="space" data-n={space.n} data-state={space.state} onClick={onOpen}>
      <span className="flex items-baseline gap-1.5 text-ink"><b className="tabular-nums">{space.n}</b>{space.label !== null && <bdi className="min-w-0 flex-1 truncate text-[13px]" title={space.label}>{space.label}</bdi>}</span>
      <span className="truncate text-[13px] font-semibold">{i18n._(STATES[space.state].words)}</span>
    </button>
  );
}

function AddSpaces({ place, open, next, onClose }: { place: string; open: boolean; next: number; onClose: () => void }) {
  const { t } = useLingui();
  return (
    <Dialog open={open} onClose={onClose} title={t`Add spaces`} lead={t`Spaces that exist stay as they are. The number of a removed space is not given again.`}>
      <AddForm place={place} next={Math.min(next, MOST_SPACES)} onClose={onClose} />
    </Dialog>
  );
}

function AddForm({ place, next, onClose }: { place: string; next: number; onClose: () => void }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const say = useToast();
  const [first, setFirst] = useState(String(next));
  const [count, setCount] = useState('10');
  const { busy, error, run } = useAction();
  const add = () => run(async () => {
    const { added } = await askAs(placeApi.addSpaces, place, { first: Number(first), count: Number(count) });
    await Promise.all([known.invalidateQueries({ queryKey: [app.id, 'spaces', place] }), known.invalidateQueries({ queryKey: [app.id, 'occupancy', place] })]);
    say.done(plural(added, { 0: 'These spaces exist already.', one: '# space is added.', other: '# spaces are added.' }));
    onClose();
  });
  return (
    <form className="grid gap-4" onSubmit={(event) => { event.preventDefault(); add(); }}>
      <div className="grid grid-cols-2 gap-4">
        <TextField label={t`From number`} name="first" type="number" required min={1} max={MOST_SPACES} value={first} onChange={({ target }) => setFirst(target.value)} />
        <TextField label={t`How many`} name="count" type="number" required min={1} max={MOST_SPACES} value={count} onChange={({ target }) => setCount(target.value)} />
      </div>
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
      <Button type="submit" look="primary" busy={busy} className="justify-self-end">{t`Add`}</Button>
    </form>
  );
}
