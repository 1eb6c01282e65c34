import { t } from '@lingui/core/macro';
import { useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { countText } from '@weir/client/format.ts';
import type { AskAsApp } from '../authorizedApi';
import { Check, Choice, TextField } from '../common/fields';
import { useAction } from '../common/useAction';
import { webhooks, type Replayed, type ReplayWish, type Webhook } from './api';

/** Sends many deliveries again after a receiver's failure. */
export function ReplayForm({ ask, hook }: { ask: AskAsApp; hook: Webhook }) {
  const { t } = useLingui();
  const [state, setState] = useState<ReplayWish['state']>('failed');
  const [since, setSince] = useState('');
  const [until, setUntil] = useState('');
  const [recover, setRecover] = useState(false);
  const [done, setDone] = useState<Replayed | null>(null);
  const { busy, error, run } = useAction();
  const submit = () => run(async () => {
    setDone(null);
    setDone(await ask(webhooks.replay, hook.id, { state, ...timed('since', since), ...timed('until', until), ...(recover ? { recover } : {}) }));
  });
  return (
    <form className="box" aria-label={t`Send again`} onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <h2>{t`Send again`}</h2>
      <p className="soft">{t`Deliveries keep their event id, so that your receiver can ignore what it knows.`}</p>
      <div className="three">
        <Choice label={t`Which`} name="replay-state" value={state} onChange={(one) => setState(one as ReplayWish['state'])}>
          <option value="failed">{t`Those that failed`}</option>
          <option value="delivered">{t`Those that were delivered`}</option>
          <option value="all">{t`Both`}</option>
        </Choice>
        <TextField label={t`Since`} type="datetime-local" name="replay-since" required={recover} value={since} onChange={setSince} />
        <TextField label={t`Until`} type="datetime-local" name="replay-until" value={until} onChange={setUntil} />
      </div>
      <Check name="replay-recover" label={t`Also events that were never sent to it`} hint={t`From the app’s log, as far as it reaches back. Needs “Since”.`} checked={recover} onChange={setRecover} />
      <div className="form-end">
        <button type="submit" className="small-button plain" data-testid="replay" disabled={busy || !hook.enabled}>{since === '' ? t`Send all of them again` : t`Send them again`}</button>
        {!hook.enabled && <span className="soft">{t`Enable the webhook first.`}</span>}
        <span role="status">{done === null ? '' : resultText(done)}</span>
        {error !== null && <span className="error" role="alert">{error}</span>}
      </div>
    </form>
  );
}

/** The field's local time in RFC 3339; nothing when it is empty. */
function timed(name: 'since' | 'until', local: string): { since?: string; until?: string } {
  return local === '' ? {} : { [name]: new Date(local).toISOString() };
}

export function resultText({ deliveries, recovered, more }: Replayed): string {
  if (deliveries + recovered === 0) return t`There was nothing to send.`;
  const parts = [deliveries > 0 ? t`${countText(deliveries)} sent again` : '', recovered > 0 ? t`${countText(recovered)} sent for the first time` : ''].filter((one) => one !== '');
  return [t`Queued: ${parts.join(', ')}.`, ...(more ? [t`There are more: repeat it.`] : [])].join(' ');
}
