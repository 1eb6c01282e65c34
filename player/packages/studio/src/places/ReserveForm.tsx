import { useLingui } from '@lingui/react/macro';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '@weir/kit/Button.tsx';
import { TextField } from '@weir/kit/Field.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import { localMoment, momentOf } from '../streams/settings';
import { placeApi, type Reservation } from './api';
import { dayOf } from './days';

const HOUR_MS = 3_600_000;

/** A space for a time; without a number the first that is free then. */
export function ReserveForm({ place, day, onDone }: { place: string; day: string; onDone: (made: Reservation) => void }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const say = useToast();
  const [starts, setStarts] = useState(() => firstHour(day));
  const [ends, setEnds] = useState(() => laterBy(firstHour(day), 2));
  const [space, setSpace] = useState('');
  const [user, setUser] = useState('');
  const [note, setNote] = useState('');
  const { busy, error, run } = useAction();
  const reserve = () => run(async () => {
    const made = await askAs(placeApi.reserve, place, {
      starts: momentOf(starts), ends: momentOf(ends),
      ...(space === '' ? {} : { space: Number(space) }), ...(user.trim() === '' ? {} : { user: user.trim() }), ...(note.trim() === '' ? {} : { note: note.trim() }),
    });
    await Promise.all([known.invalidateQueries({ queryKey: [app.id, 'reservations', place] }), known.invalidateQueries({ queryKey: [app.id, 'spaces', place] })]);
    say.done(t`Space ${made.space} is reserved.`);
    onDone(made);
  });
  return (
    <form className="grid gap-4" aria-label={t`New reservation`} onSubmit={(event) => { event.preventDefault(); reserve(); }}>
      <div className="grid gap-4 sm:grid-cols-2">
        <TextField label={t`From`} name="starts" type="datetime-local" required value={starts} onChange={({ target }) => setStarts(target.value)} />
        <TextField label={t`Until`} name="ends" type="datetime-local" required min={starts} value={ends} onChange={({ target }) => setEnds(target.value)} />
        <TextField label={t`Number of the space`} name="reserve-space" type="number" min={1} placeholder={t`The first that is free`} value={space} onChange={({ target }) => setSpace(target.value)} />
        <TextField label={t`Person`} name="reserve-user" maxLength={128} hint={t`Your own id of the person, if you like.`} value={user} onChange={({ target }) => setUser(target.value)} />
      </div>
      <TextField label={t`Note`} name="reserve-note" maxLength={200} value={note} onChange={({ target }) => setNote(target.value)} />
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
      <Button type="submit" look="primary" busy={busy} className="justify-self-end" data-testid="reserve">{t`Reserve`}</Button>
    </form>
  );
}

/** The next whole hour, or nine o'clock of another day. */
function firstHour(day: string): string {
  if (day !== dayOf(new Date())) return `${day}T09:00`;
  return localMoment(new Date(Math.ceil((Date.now() + 1) / HOUR_MS) * HOUR_MS).toISOString());
}

function laterBy(local: string, hours: number): string {
  return localMoment(new Date(new Date(local).getTime() + hours * HOUR_MS).toISOString());
}
