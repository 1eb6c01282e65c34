import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { Link, Route, Switch } from 'wouter';
import { Problem } from '@weir/client/http.ts';
import { Badge } from '@weir/kit/Badge.tsx';
import { Page } from '@weir/kit/Layout.tsx';
import { ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { useApp } from '../shell/AppContext';
import { Lost } from '../shell/Lost';
import { Tabs } from '../shell/Tabs';
import { usePageTitle } from '../shell/title';
import { placeApi, type Place } from './api';
import { Board } from './Board';
import { DeviceList } from './DeviceList';
import { History } from './History';
import { PlaceSettings } from './PlaceSettings';
import { ReservationList } from './ReservationList';

const POLL_MS = 5_000;

/** One place: its spaces now, its reservations, devices and history, each with an address of its own. */
export function PlacePage({ id }: { id: string }) {
  const { app, askAs } = useApp();
  const { data, error, refetch } = useQuery({ queryKey: [app.id, 'place', id], queryFn: () => askAs(placeApi.get, id), refetchInterval: POLL_MS });
  if (error instanceof Problem && (error.status === 404 || error.status === 400)) return <Lost />;
  if (data === undefined) return <div className="mx-auto w-full max-w-6xl p-8">{error === null ? <Skeleton rows={6} /> : <ErrorState error={error} onRetry={() => void refetch()} />}</div>;
  return <Shown place={data} />;
}

function Shown({ place }: { place: Place }) {
  const { t } = useLingui();
  const { can } = useApp();
  usePageTitle(place.name);
  const base = `/places/${place.id}`;
  const changes = can('editor');
  return (
    <Page
      title={<span className="line-clamp-3"><bdi>{place.name}</bdi></span>}
      lead={place.site === null ? undefined : <bdi>{place.site}</bdi>}
      back={<Link href="/places" className="text-sm text-soft"><Trans>Places</Trans></Link>}
      actions={place.full && <Badge tone="bad">{t`Full`}</Badge>}
    >
      <Tabs label={t`This place`} tabs={[[base, t`Spaces`], [`${base}/reservations`, t`Reservations`], [`${base}/devices`, t`Devices`], [`${base}/history`, t`History`], ...(changes ? [[`${base}/settings`, t`Settings`]] as const : [])]} />
      <Switch>
        <Route path={base}><Board place={place.id} /></Route>
        <Route path={`${base}/reservations`}><ReservationList place={place} /></Route>
        <Route path={`${base}/devices`}><DeviceList place={place.id} /></Route>
        <Route path={`${base}/history`}><History place={place.id} /></Route>
        {changes && <Route path={`${base}/settings`}><PlaceSettings place={place} /></Route>}
        <Route><Lost /></Route>
      </Switch>
    </Page>
  );
}
