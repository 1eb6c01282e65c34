import { i18n } from '@lingui/core';
import { Link } from 'wouter';
import { Trans, useLingui } from '@lingui/react/macro';
import { useCallback, useState } from 'react';
import { momentText } from '@weir/client/format.ts';
import type { AskAsApp } from '../authorizedApi';
import { Choice, TextField } from '../common/fields';
import { useAction } from '../common/useAction';
import { useQuery } from '../common/useQuery';
import { STATES } from '../places/words';
import { sources as api, type Place, type PoolEntry, type Source } from './api';

const POLL_MS = 10_000;

/** Devices that report and belong to no place yet. */
export function DevicePool({ ask, sources }: { ask: AskAsApp; sources: readonly Source[] }) {
  const { t } = useLingui();
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const cursor = cursors.at(-1) ?? null;
  const { value: page, error, refresh } = useQuery(useCallback(() => ask(api.pool, cursor), [ask, cursor]), POLL_MS);
  const { value: places } = useQuery(useCallback(() => ask(api.places), [ask]));
  const next = page?.next_cursor ?? null;
  if (error === null && cursor === null && (page === null || page.data.length === 0)) return null;
  return (
    <div className="box" data-testid="device-pool">
      <h2>{t`Unknown devices`}</h2>
      <p className="soft">{t`They report, and no place has them. Give a device a place, and a space that it watches.`}</p>
      {error !== null && <p className="error" role="alert">{error}</p>}
      <ul className="rows">{page?.data.map((one) => <PoolRow key={one.serial} ask={ask} device={one} source={sources.find(({ id }) => id === one.source)?.name ?? one.source} places={places ?? []} onAdopted={refresh} />)}</ul>
      {(cursor !== null || next !== null) && (
        <div className="form-end">
          <button type="button" className="small-button plain" disabled={cursor === null} onClick={() => setCursors(cursors.slice(0, -1))}>{t`Newer`}</button>
          <button type="button" className="small-button plain" disabled={next === null} onClick={() => setCursors([...cursors, ...(next === null ? [] : [next])])}>{t`Older`}</button>
        </div>
      )}
    </div>
  );
}

interface RowProps {
  ask: AskAsApp;
  device: PoolEntry;
  /** Name of the source that heard of it. */
  source: string;
  places: readonly Place[];
  onAdopted: () => Promise<void>;
}

function PoolRow({ ask, device, source, places, onAdopted }: RowProps) {
  const { t } = useLingui();
  const [open, setOpen] = useState(false);
  const [place, setPlace] = useState('');
  const [space, setSpace] = useState(device.space === null ? '' : String(device.space));
  const { busy, error, run } = useAction();
  const adopt = () => run(async () => {
    await ask(api.adopt, device.serial, { place, ...(space === '' ? {} : { space: Number(space) }) });
    await onAdopted();
  });
  const facts = [stateText(device.state), device.battery === null ? null : t`battery ${device.battery} %`].filter((one) => one !== null);
  return (
    <li className="row of-two with-address" data-testid="pool-device">
      <span className="row-main"><strong className="mono">{device.serial}</strong><span className="soft" dir="auto">{source}</span></span>
      <span className="row-facts"><span className="soft">{[t`Seen ${momentText(device.last_seen)}`, ...facts].join(' · ')}</span>{!open && <button type="button" className="small-button plain" data-testid="adopt" onClick={() => setOpen(true)}>{t`Adopt`}</button>}</span>
      {open && (
        <form className="form row-address" aria-label={t`Adopt ${device.serial}`} onSubmit={(event) => { event.preventDefault(); adopt(); }} onKeyDown={(event) => { if (event.key === 'Escape') setOpen(false); }}>
          {places.length === 0 ? <p className="soft"><Trans>This app has no place yet. <Link href="/places">Create one</Link> first.</Trans></p> : (
            <div className="three">
              <Choice label={t`Place`} name="adopt-place" autoFocus required value={place} onChange={setPlace}>
                <option value="" disabled>{t`Choose …`}</option>
                {places.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
              </Choice>
              <TextField label={t`Space`} type="number" name="adopt-space" min={1} placeholder={t`None yet`} value={space} onChange={setSpace} />
            </div>
          )}
          <div className="form-end">
            {places.length > 0 && <button type="submit" className="small-button" data-testid="adopt-yes" disabled={busy}>{t`Adopt the device`}</button>}
            <button type="button" className="small-button plain" onClick={() => setOpen(false)}>{t`Cancel`}</button>
            {error !== null && <span className="error" role="alert">{error}</span>}
          </div>
        </form>
      )}
    </li>
  );
}

/** Sources may report states of their own. */
function stateText(state: string | null): string | null {
  const known = state !== null && state in STATES ? STATES[state as keyof typeof STATES] : null;
  return known === null ? state : i18n._(known.words);
}
