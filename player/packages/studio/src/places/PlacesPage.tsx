import { Trans, useLingui } from '@lingui/react/macro';
import { keepPreviousData, useInfiniteQuery, useQuery } from '@tanstack/react-query';
import { MapPin, Plus } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { Link, useSearchParams } from 'wouter';
import { countText } from '@weir/client/format.ts';
import { Badge } from '@weir/kit/Badge.tsx';
import { Button } from '@weir/kit/Button.tsx';
import { Page } from '@weir/kit/Layout.tsx';
import { FilterSelect, ListBar, MoreButton } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { useApp } from '../shell/AppContext';
import { usePageTitle } from '../shell/title';
import { placeApi, type Place } from './api';
import { NewPlaceDialog } from './NewPlaceDialog';
import { OccupancyBar } from './OccupancyBar';

const POLL_MS = 15_000;
const SITES_MS = 60_000;

/** The places of the app, by site. The search is part of the address. */
export function PlacesPage() {
  const { t } = useLingui();
  usePageTitle(t`Places`);
  const { app, askAs, can } = useApp();
  const [adding, setAdding] = useState(false);
  const [query, setQuery] = useSearchParams();
  const q = query.get('q') ?? '';
  const site = query.get('site') ?? '';
  const { data: sites = [] } = useQuery({ queryKey: [app.id, 'places', 'sites'], queryFn: () => askAs(placeApi.sites), staleTime: SITES_MS });
  const set = (name: string, value: string) => setQuery((held) => {
    if (value === '') held.delete(name);
    else held.set(name, value);
    return held;
  }, { replace: true });
  const add = can('editor') && <Button look="primary" icon={Plus} data-testid="new-place" onClick={() => setAdding(true)}>{t`New place`}</Button>;
  return (
    <Page title={<Trans>Places</Trans>} lead={<Trans>Car parks, rooms, rows of chargers: spaces that are free or taken, with their sensors and reservations.</Trans>} actions={add}>
      <ListBar label={t`Search places`} value={q} onChange={(value) => set('q', value)}>
        {(sites.length > 0 || site !== '') && <FilterSelect label={t`Site`} value={site} onChange={(value) => set('site', value)} options={[['', t`All sites`], ...[...new Set([...sites, ...(site === '' ? [] : [site])])].map((one) => [one, one] as const)]} />}
      </ListBar>
      <Found q={useDeferredValue(q)} site={site} onAdd={() => setAdding(true)} />
      <NewPlaceDialog open={adding} sites={sites} onClose={() => setAdding(false)} />
    </Page>
  );
}

function Found({ q, site, onAdd }: { q: string; site: string; onAdd: () => void }) {
  const { app, askAs } = useApp();
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: [app.id, 'places', 'list', q, site],
    queryFn: ({ pageParam }) => askAs(placeApi.page, { q, site, cursor: pageParam }),
    initialPageParam: '',
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    refetchInterval: POLL_MS,
    placeholderData: keepPreviousData,
  });
  if (data === undefined) return error === null ? <Skeleton rows={4} height={96} /> : <ErrorState error={error} onRetry={() => void refetch()} />;
  const places = data.pages.flatMap((page) => page.data);
  if (places.length === 0) return q === '' && site === '' ? <NoPlaces onAdd={onAdd} /> : <EmptyState icon={MapPin} title={<Trans>No place fits that search</Trans>} />;
  return (
    <>
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      <Sites places={places} />
      {hasNextPage && <MoreButton busy={isFetchingNextPage} onClick={() => void fetchNextPage()} />}
    </>
  );
}

function NoPlaces({ onAdd }: { onAdd: () => void }) {
  const { t } = useLingui();
  const { can } = useApp();
  return (
    <EmptyState icon={MapPin} title={<Trans>No places yet</Trans>} action={can('editor') && <Button look="primary" icon={Plus} onClick={onAdd}>{t`New place`}</Button>}>
      <Trans>A place has numbered spaces. Sensors or your staff say which are taken, people reserve them, and displays and apps follow every change.</Trans>
    </EmptyState>
  );
}

/** Places that name no site come first, without a heading where no other has one. */
function Sites({ places }: { places: readonly Place[] }) {
  const { t } = useLingui();
  const sites = [...new Set(places.map(({ site }) => site ?? ''))].sort((one, other) => one.localeCompare(other));
  return sites.map((site) => (
    <section key={site} className="grid grid-cols-[minmax(0,1fr)] gap-3">
      {(sites.length > 1 || site !== '') && <h2 className="font-semibold [overflow-wrap:anywhere]"><bdi>{site === '' ? t`Without a site` : site}</bdi></h2>}
      <ul className="grid grid-cols-[minmax(0,1fr)] gap-3 sm:grid-cols-2 xl:grid-cols-3">
        {places.filter((place) => (place.site ?? '') === site).map((place) => <PlaceCard key={place.id} place={place} />)}
      </ul>
    </section>
  ));
}

function PlaceCard({ place }: { place: Place }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const { data: occupancy } = useQuery({ queryKey: [app.id, 'occupancy', place.id], queryFn: () => askAs(placeApi.occupancy, place.id), refetchInterval: POLL_MS });
  const [available, total, occupied] = [occupancy?.available, occupancy?.total, occupancy?.occupied].map((count) => (count === undefined ? '–' : countText(count)));
  return (
    <li className="relative grid grid-cols-[minmax(0,1fr)] content-start gap-3 rounded-card border border-line bg-surface p-4 hover:border-accent" data-testid="place-item">
      <div className="flex items-start justify-between gap-2">
        <Link href={`/places/${place.id}`} className="line-clamp-2 min-w-0 font-semibold text-ink no-underline [overflow-wrap:anywhere] after:absolute after:inset-0 after:rounded-card" title={place.name}><bdi>{place.name}</bdi></Link>
        {place.full && <Badge tone="bad">{t`Full`}</Badge>}
      </div>
      {occupancy === undefined ? <div className="skeleton h-2" /> : <OccupancyBar occupancy={occupancy} />}
      <p className="flex flex-wrap justify-between gap-x-4 text-sm text-soft tabular-nums">
        <span><Trans><b className="text-ink">{available}</b> available</Trans></span>
        <span><Trans>{occupied} of {total} occupied</Trans></span>
      </p>
    </li>
  );
}
