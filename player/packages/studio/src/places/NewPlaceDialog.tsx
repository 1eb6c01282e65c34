import { useLingui } from '@lingui/react/macro';
import { useQueryClient } from '@tanstack/react-query';
import { useId, useState } from 'react';
import { useLocation } from 'wouter';
import { Button } from '@weir/kit/Button.tsx';
import { Dialog } from '@weir/kit/Dialog.tsx';
import { TextField } from '@weir/kit/Field.tsx';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import { placeApi } from './api';

export const MOST_SPACES = 2_000;

/** A name and a number of spaces; what else a place has can be said later. */
export function NewPlaceDialog({ open, sites, onClose }: { open: boolean; sites: readonly string[]; onClose: () => void }) {
  const { t } = useLingui();
  return <Dialog open={open} onClose={onClose} title={t`New place`} lead={t`Its spaces are numbered from 1. More can be added at any time.`}><Form sites={sites} /></Dialog>;
}

function Form({ sites }: { sites: readonly string[] }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const [, go] = useLocation();
  const list = useId();
  const [name, setName] = useState('');
  const [site, setSite] = useState('');
  const [spaces, setSpaces] = useState('10');
  const { busy, error, run } = useAction();
  const create = () => run(async () => {
    const made = await askAs(placeApi.create, { name: name.trim(), site: site.trim() || null, spaces: Number(spaces), no_show_minutes: null });
    await known.invalidateQueries({ queryKey: [app.id, 'places'] });
    go(`/places/${made.id}`);
  });
  return (
    <form className="grid gap-4" aria-label={t`New place`} onSubmit={(event) => { event.preventDefault(); create(); }}>
      <TextField label={t`Name`} name="place-name" required maxLength={140} placeholder={t`e.g. Harbour garage`} value={name} onChange={({ target }) => setName(target.value)} />
      <TextField label={t`Site`} name="place-site" hint={t`Optional. Places of one site stand together.`} list={list} maxLength={80} value={site} onChange={({ target }) => setSite(target.value)} />
      <datalist id={list}>{sites.map((one) => <option key={one} value={one} />)}</datalist>
      <TextField label={t`Number of spaces`} name="place-spaces" type="number" required min={0} max={MOST_SPACES} value={spaces} onChange={({ target }) => setSpaces(target.value)} />
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
      <Button type="submit" look="primary" busy={busy} className="justify-self-end" data-testid="create-place">{t`Create the place`}</Button>
    </form>
  );
}
