import { Trans, useLingui } from '@lingui/react/macro';
import { keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { Cpu, Plus } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { Link } from 'wouter';
import { Button } from '@weir/kit/Button.tsx';
import { DataTable, type Column } from '@weir/kit/DataTable.tsx';
import { ConfirmDialog, Dialog } from '@weir/kit/Dialog.tsx';
import { SelectField, TextField } from '@weir/kit/Field.tsx';
import { ListBar, MoreButton } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Ago } from '@weir/kit/Time.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import { placeApi, type Device, type DeviceKind } from './api';
import { KINDS } from './words';

const POLL_MS = 5_000;

/** Sensors and displays of a place, and which space each one is for. */
export function DeviceList({ place }: { place: string }) {
  const { t } = useLingui();
  const { app, askAs, can } = useApp();
  const [serial, setSerial] = useState('');
  const [adding, setAdding] = useState(false);
  const wanted = useDeferredValue(serial.trim());
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: [app.id, 'devices', place, 'list', wanted],
    queryFn: ({ pageParam }) => askAs(placeApi.devices, place, { serial: wanted, cursor: pageParam }),
    initialPageParam: '',
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    refetchInterval: POLL_MS,
    placeholderData: keepPreviousData,
  });
  const devices = data?.pages.flatMap((page) => page.data);
  return (
    <>
      <ListBar label={t`Find a device by its whole serial`} value={serial} onChange={setSerial}>
        {can('editor') && <Button icon={Plus} data-testid="register-device" onClick={() => setAdding(true)}>{t`Register a device`}</Button>}
      </ListBar>
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      {devices === undefined ? error === null && <Skeleton /> : devices.length > 0 ? <Table place={place} devices={devices} /> : wanted === '' ? <NoDevices /> : <EmptyState icon={Cpu} title={<Trans>No device has this serial here</Trans>} />}
      {hasNextPage && <MoreButton busy={isFetchingNextPage} onClick={() => void fetchNextPage()} />}
      <Dialog open={adding} onClose={() => setAdding(false)} title={t`Register a device`}><RegisterForm place={place} onClose={() => setAdding(false)} /></Dialog>
    </>
  );
}

function NoDevices() {
  return (
    <EmptyState icon={Cpu} title={<Trans>No devices yet</Trans>}>
      <Trans>A sensor says whether its space is taken; a display shows what is free. Register one by its serial, or let a gateway send through a <Link href="/sources">source</Link>: unknown devices wait there.</Trans>
    </EmptyState>
  );
}

function Table({ place, devices }: { place: string; devices: readonly Device[] }) {
  const { t, i18n } = useLingui();
  const { can } = useApp();
  const [assigning, setAssigning] = useState<Device | null>(null);
  const [removing, setRemoving] = useState<Device | null>(null);
  const columns: readonly Column<Device>[] = [
    { id: 'serial', title: t`Device`, sortBy: ({ serial }) => serial, cell: ({ serial, kind }) => <span className="grid"><code className="text-[13px] [overflow-wrap:anywhere]">{serial}</code><small className="text-soft">{i18n._(KINDS[kind])}</small></span> },
    { id: 'space', title: t`Space`, figure: true, sortBy: ({ space }) => space ?? 0, cell: ({ space }) => space ?? '–' },
    { id: 'seen', title: t`Last seen`, wide: true, sortBy: ({ last_seen }) => last_seen ?? '', cell: ({ last_seen }) => (last_seen === null ? <span className="text-soft">{t`Never`}</span> : <Ago value={last_seen} />) },
    { id: 'battery', title: t`Battery`, wide: true, figure: true, sortBy: ({ battery }) => battery ?? -1, cell: ({ battery }) => (battery === null ? '–' : <bdi>{`${Math.round(battery)} %`}</bdi>) },
    { id: 'rssi', title: t`Signal`, wide: true, figure: true, sortBy: ({ rssi }) => rssi ?? -999, cell: ({ rssi }) => (rssi === null ? '–' : <bdi>{`${rssi} dBm`}</bdi>) },
    ...(can('editor') ? [{ id: 'deeds', title: '', figure: true, cell: (device: Device) => (
      <span className="flex flex-wrap justify-end gap-1.5">
        <Button size="small" data-testid="assign" onClick={() => setAssigning(device)}>{t`Assign`}</Button>
        <Button size="small" look="danger" data-testid="remove-device" onClick={() => setRemoving(device)}>{t`Remove`}</Button>
      </span>
    ) }] : []),
  ];
  return (
    <>
      <DataTable label={t`Devices`} rows={devices} columns={columns} rowId={({ id }) => id} testId="device" />
      <AssignDialog place={place} device={assigning} onClose={() => setAssigning(null)} />
      <RemoveDialog place={place} device={removing} onClose={() => setRemoving(null)} />
    </>
  );
}

function RemoveDialog({ place, device, onClose }: { place: string; device: Device | null; onClose: () => void }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  return (
    <ConfirmDialog open={device !== null} onClose={onClose} title={t`Remove ${device?.serial ?? ''}?`} action={t`Remove`}
      onConfirm={async () => {
        if (device !== null) await askAs(placeApi.removeDevice, place, device.id);
        await known.invalidateQueries({ queryKey: [app.id, 'devices', place] });
      }}>
      <Trans>What it reports is not counted any more. Its space stays as it is.</Trans>
    </ConfirmDialog>
  );
}

function AssignDialog({ place, device, onClose }: { place: string; device: Device | null; onClose: () => void }) {
  const { t } = useLingui();
  return (
    <Dialog open={device !== null} onClose={onClose} title={t`Assign ${device?.serial ?? ''}`} lead={t`What it reports counts for this space from now on.`}>
      {device !== null && <AssignForm key={device.id} place={place} device={device} onClose={onClose} />}
    </Dialog>
  );
}

function AssignForm({ place, device, onClose }: { place: string; device: Device; onClose: () => void }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const [space, setSpace] = useState(device.space === null ? '' : String(device.space));
  const { busy, error, run } = useAction();
  const assign = () => run(async () => {
    await askAs(placeApi.assign, place, device.id, space === '' ? null : Number(space));
    await known.invalidateQueries({ queryKey: [app.id, 'devices', place] });
    onClose();
  });
  return (
    <form className="grid gap-4" onSubmit={(event) => { event.preventDefault(); assign(); }}>
      <TextField label={t`Number of the space`} name="assign-space" type="number" min={1} hint={t`Empty: it counts for no space.`} value={space} onChange={({ target }) => setSpace(target.value)} />
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
      <Button type="submit" look="primary" busy={busy} className="justify-self-end" data-testid="assign-yes">{t`Assign`}</Button>
    </form>
  );
}

function RegisterForm({ place, onClose }: { place: string; onClose: () => void }) {
  const { t, i18n } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const say = useToast();
  const [serial, setSerial] = useState('');
  const [kind, setKind] = useState<DeviceKind>('sensor');
  const [space, setSpace] = useState('');
  const { busy, error, run } = useAction();
  const register = () => run(async () => {
    const made = await askAs(placeApi.addDevice, place, { serial: serial.trim(), kind, ...(space === '' ? {} : { space: Number(space) }) });
    await known.invalidateQueries({ queryKey: [app.id, 'devices', place] });
    say.done(t`${made.serial} is registered.`);
    onClose();
  });
  return (
    <form className="grid gap-4" aria-label={t`Register a device`} onSubmit={(event) => { event.preventDefault(); register(); }}>
      <TextField label={t`Serial`} name="serial" dir="ltr" required maxLength={64} spellCheck={false} hint={t`The device’s own name, as its DevEUI or MAC address.`} value={serial} onChange={({ target }) => setSerial(target.value)} />
      <div className="grid gap-4 sm:grid-cols-2">
        <SelectField label={t`Kind`} name="kind" value={kind} onChange={({ target }) => setKind(target.value as DeviceKind)}>
          {(['sensor', 'display'] as const).map((one) => <option key={one} value={one}>{i18n._(KINDS[one])}</option>)}
        </SelectField>
        <TextField label={t`Number of the space`} name="device-space" type="number" min={1} placeholder={t`None yet`} value={space} onChange={({ target }) => setSpace(target.value)} />
      </div>
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
      <Button type="submit" look="primary" busy={busy} className="justify-self-end" data-testid="register-yes">{t`Register`}</Button>
    </form>
  );
}
