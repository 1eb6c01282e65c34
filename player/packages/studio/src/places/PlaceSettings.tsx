import { Trans, useLingui } from '@lingui/react/macro';
import { useQueryClient } from '@tanstack/react-query';
import { Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { Button } from '@weir/kit/Button.tsx';
import { ConfirmDialog } from '@weir/kit/Dialog.tsx';
import { TextField } from '@weir/kit/Field.tsx';
import { Card } from '@weir/kit/Layout.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import { PairsField } from '../streams/ListFields';
import { placeApi, type Place, type PlaceChange } from './api';

/** What a place is called and how long it keeps unused reservations. Only what was changed is sent. */
export function PlaceSettings({ place }: { place: Place }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const say = useToast();
  const [draft, setDraft] = useState<PlaceChange>({});
  const { busy, error, run } = useAction();
  const now = { ...place, ...draft };
  const changed = changesOf(place, draft);
  const set = (part: PlaceChange) => setDraft({ ...draft, ...part });
  const save = () => run(async () => {
    const after = await askAs(placeApi.change, place.id, changed);
    known.setQueryData([app.id, 'place', place.id], after);
    setDraft({});
    await known.invalidateQueries({ queryKey: [app.id, 'places'] });
    say.done(t`The settings are saved.`);
  });
  return (
    <div className="grid max-w-3xl grid-cols-[minmax(0,1fr)] gap-6">
      <form aria-label={t`Settings`} onSubmit={(event) => { event.preventDefault(); save(); }}>
        <Card title={t`Settings`}>
          <div className="grid gap-4 sm:grid-cols-2">
            <TextField label={t`Name`} name="place-name" required maxLength={140} value={now.name} onChange={({ target }) => set({ name: target.value })} />
            <TextField label={t`Site`} name="place-site" maxLength={80} value={now.site ?? ''} onChange={({ target }) => set({ site: target.value || null })} />
          </div>
          <TextField label={t`Free a space whose reservation is not used after (minutes)`} name="no-show" type="number" min={1} max={1440} placeholder={t`Never`} hint={t`Empty: it stays reserved for its whole time.`} value={now.no_show_minutes ?? ''} onChange={({ target }) => set({ no_show_minutes: target.value === '' ? null : Number(target.value) })} />
          <PairsField label={t`Metadata`} hint={t`Names and values of your own, for your servers.`} value={now.metadata} onChange={(metadata) => set({ metadata })} />
          {error !== null && <p className="text-warn" role="alert">{error}</p>}
          <Button type="submit" look="primary" busy={busy} disabled={Object.keys(changed).length === 0} className="justify-self-start" data-testid="save-place">{t`Save`}</Button>
        </Card>
      </form>
      <Deletion place={place} />
    </div>
  );
}

function changesOf(place: Place, draft: PlaceChange): PlaceChange {
  const names = Object.keys(draft) as (keyof PlaceChange)[];
  return Object.fromEntries(names.filter((name) => JSON.stringify(draft[name]) !== JSON.stringify(place[name])).map((name) => [name, draft[name]]));
}

function Deletion({ place }: { place: Place }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const [, go] = useLocation();
  const [asked, setAsked] = useState(false);
  const say = useToast();
  return (
    <Card title={t`Delete the place`} lead={t`Its spaces, devices, reservations and history are deleted with it.`}>
      <Button look="danger" icon={Trash2} className="justify-self-start" data-testid="delete-place" onClick={() => setAsked(true)}>{t`Delete the place`}</Button>
      <ConfirmDialog open={asked} onClose={() => setAsked(false)} title={t`Delete “${place.name}”?`} action={t`Delete for good`} typed={place.name}
        onConfirm={async () => {
          await askAs(placeApi.remove, place.id);
          say.done(t`“${place.name}” is deleted.`);
          go('/places');
          await known.invalidateQueries({ queryKey: [app.id, 'places'] });
        }}>
        <Trans>Its spaces, devices, reservations and history are deleted. This can’t be undone.</Trans>
      </ConfirmDialog>
    </Card>
  );
}
