import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Trash2 } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { Badge } from '@weir/kit/Badge.tsx';
import { Button } from '@weir/kit/Button.tsx';
import { ConfirmDialog, Dialog } from '@weir/kit/Dialog.tsx';
import { TextField } from '@weir/kit/Field.tsx';
import { ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Ago, Moment } from '@weir/kit/Time.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import { placeApi, type Space, type SpaceChange } from './api';
import { BY_HAND, CAUSES, KINDS, STATES } from './words';

const POLL_MS = 2_000;
const LAST = 5;

/** One space: its state, which a person may correct, its label, devices, reservations and last changes. */
export function SpaceDialog({ place, n, onClose }: { place: string; n: number | null; onClose: () => void }) {
  const { t } = useLingui();
  return <Dialog open={n !== null} onClose={onClose} wide title={n === null ? '' : t`Space ${n}`}>{n !== null && <Content key={n} place={place} n={n} onClose={onClose} />}</Dialog>;
}

function Content({ place, n, onClose }: { place: string; n: number; onClose: () => void }) {
  const { t, i18n } = useLingui();
  const { app, askAs, can } = useApp();
  const { data: space, error, refetch } = useQuery({ queryKey: [app.id, 'spaces', place, 'one', n], queryFn: () => askAs(placeApi.space, place, n), refetchInterval: POLL_MS });
  if (space === undefined) return error === null ? <Skeleton rows={4} /> : <ErrorState error={error} onRetry={() => void refetch()} />;
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-5" data-testid="space-dialog">
      <p className="flex flex-wrap items-center gap-2">
        <Badge tone={STATES[space.state].tone} dot>{i18n._(STATES[space.state].words)}</Badge>
        {space.label !== null && <bdi className="[overflow-wrap:anywhere]">{space.label}</bdi>}
        <span className="text-sm text-soft"><Trans>changed <Ago value={space.since} /></Trans></span>
      </p>
      {can('editor') && <Corrections place={place} space={space} />}
      <div className="grid grid-cols-[minmax(0,1fr)] gap-5 sm:grid-cols-2">
        <Part title={t`Reservations`}><Bookings place={place} space={space} /></Part>
        <Part title={t`Devices`}><Devices place={place} n={n} /></Part>
      </div>
      <Part title={t`Last changes`}><LastChanges place={place} n={n} /></Part>
      {can('editor') && <Removal place={place} n={n} onDone={onClose} />}
    </div>
  );
}

function Part({ title, children }: { title: string; children: ReactNode }) {
  return <section className="grid grid-cols-[minmax(0,1fr)] content-start gap-2"><h3 className="text-[13px] font-semibold">{title}</h3>{children}</section>;
}

function Corrections({ place, space }: { place: string; space: Space }) {
  const { t, i18n } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const [label, setLabel] = useState(space.label ?? '');
  const { busy, error, run } = useAction();
  const change = (body: SpaceChange) => run(async () => {
    await askAs(placeApi.changeSpace, place, space.n, body);
    await Promise.all([known.invalidateQueries({ queryKey: [app.id, 'spaces', place] }), known.invalidateQueries({ queryKey: [app.id, 'occupancy', place] })]);
  });
  return (
    <>
      <Part title={t`Set the state by hand`}>
        <div className="flex flex-wrap gap-2" role="group" aria-label={t`Set the state by hand`}>
          {BY_HAND.map((state) => <Button key={state} aria-pressed={space.state === state} disabled={busy || space.state === state} data-testid={`set-${state}`} onClick={() => change({ state })}>{i18n._(STATES[state].words)}</Button>)}
        </div>
        <p className="text-[13px] text-soft"><Trans>A sensor’s next report changes it again; out of service stays until you end it.</Trans></p>
      </Part>
      <form className="flex flex-wrap items-end gap-2" onSubmit={(event) => { event.preventDefault(); change({ label: label.trim() || null }); }}>
        <div className="min-w-0 flex-1 basis-48"><TextField label={t`Label`} name="space-label" maxLength={40} placeholder={t`e.g. Visitors`} value={label} onChange={({ target }) => setLabel(target.value)} /></div>
        <Button type="submit" className="tap min-h-10" disabled={busy || label.trim() === (space.label ?? '')} data-testid="save-label">{t`Save`}</Button>
      </form>
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
    </>
  );
}

function Bookings({ place, space }: { place: string; space: Space }) {
  const { t } = useLingui();
  const { app, askAs, can } = useApp();
  const known = useQueryClient();
  const { busy, error, run } = useAction();
  const cancel = (id: string) => run(async () => {
    await askAs(placeApi.cancel, place, id);
    await Promise.all([known.invalidateQueries({ queryKey: [app.id, 'spaces', place] }), known.invalidateQueries({ queryKey: [app.id, 'reservations', place] })]);
  });
  if (space.reservations.length === 0) return <p className="text-sm text-soft">{t`None to come.`}</p>;
  return (
    <ul className="grid gap-2 text-sm">
      {space.reservations.map(({ id, starts, ends }) => (
        <li key={id} className="flex flex-wrap items-center justify-between gap-2">
          <span><Moment value={starts} /> – <Moment value={ends} /></span>
          {can('editor') && <Button size="small" disabled={busy} onClick={() => cancel(id)}>{t`Cancel`}</Button>}
        </li>
      ))}
      {error !== null && <li className="text-warn" role="alert">{error}</li>}
    </ul>
  );
}

function Devices({ place, n }: { place: string; n: number }) {
  const { t, i18n } = useLingui();
  const { app, askAs } = useApp();
  const { data } = useQuery({ queryKey: [app.id, 'devices', place, 'of', n], queryFn: () => askAs(placeApi.devices, place, { space: n }) });
  if (data === undefined) return <Skeleton rows={1} />;
  if (data.data.length === 0) return <p className="text-sm text-soft">{t`No device reports on it.`}</p>;
  return (
    <ul className="grid gap-2 text-sm">
      {data.data.map(({ id, serial, kind, last_seen }) => (
        <li key={id} className="grid">
          <code className="text-[13px] [overflow-wrap:anywhere]">{serial}</code>
          <span className="text-soft">{i18n._(KINDS[kind])} · {last_seen === null ? t`never seen` : <Trans>seen <Ago value={last_seen} /></Trans>}</span>
        </li>
      ))}
    </ul>
  );
}

function LastChanges({ place, n }: { place: string; n: number }) {
  const { t, i18n } = useLingui();
  const { app, askAs } = useApp();
  const { data } = useQuery({ queryKey: [app.id, 'spaces', place, 'history', n], queryFn: () => askAs(placeApi.history, place, { space: n, limit: LAST }), refetchInterval: POLL_MS });
  if (data === undefined) return <Skeleton rows={2} height={22} />;
  if (data.data.length === 0) return <p className="text-sm text-soft">{t`Nothing has changed yet.`}</p>;
  return (
    <ul className="grid gap-1.5 text-sm" data-testid="space-history">
      {data.data.map(({ id, at, state, cause }) => <li key={id} className="flex flex-wrap justify-between gap-x-4"><span>{i18n._(STATES[state].words)} <span className="text-soft">· {i18n._(CAUSES[cause])}</span></span><span className="text-soft"><Ago value={at} /></span></li>)}
    </ul>
  );
}

function Removal({ place, n, onDone }: { place: string; n: number; onDone: () => void }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const say = useToast();
  const [asked, setAsked] = useState(false);
  return (
    <div className="border-t border-line pt-4">
      <Button size="small" look="danger" icon={Trash2} onClick={() => setAsked(true)}>{t`Remove the space`}</Button>
      <ConfirmDialog open={asked} onClose={() => setAsked(false)} title={t`Remove space ${n}?`} action={t`Remove`}
        onConfirm={async () => {
          await askAs(placeApi.removeSpace, place, n);
          onDone();
          say.done(t`Space ${n} is removed.`);
          await Promise.all([known.invalidateQueries({ queryKey: [app.id, 'spaces', place] }), known.invalidateQueries({ queryKey: [app.id, 'occupancy', place] })]);
        }}>
        <Trans>Its devices report for no space from then on, and its number is not given again. Its history stays.</Trans>
      </ConfirmDialog>
    </div>
  );
}
