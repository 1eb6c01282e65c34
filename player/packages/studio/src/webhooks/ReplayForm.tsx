import { useState } from 'react';
import { countText } from '@weir/client/format.ts';
import type { AskAsApp } from '../authorizedApi';
import { Check, Choice, TextField } from '../common/fields';
import { useAction } from '../common/useAction';
import { webhooks, type Replayed, type ReplayWish, type Webhook } from './api';

/** Sends many deliveries again after a receiver's failure. */
export function ReplayForm({ ask, hook }: { ask: AskAsApp; hook: Webhook }) {
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
    <form className="box" aria-label="Send again" onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <h2>Send again</h2>
      <p className="soft">Deliveries keep their event id, so that your receiver can ignore what it knows.</p>
      <div className="three">
        <Choice label="Which" name="replay-state" value={state} onChange={(one) => setState(one as ReplayWish['state'])}>
          <option value="failed">Those that failed</option>
          <option value="delivered">Those that were delivered</option>
          <option value="all">Both</option>
        </Choice>
        <TextField label="Since" type="datetime-local" name="replay-since" required={recover} value={since} onChange={setSince} />
        <TextField label="Until" type="datetime-local" name="replay-until" value={until} onChange={setUntil} />
      </div>
      <Check name="replay-recover" label="Also events that were never sent to it" hint="From the app’s log, as far as it reaches back. Needs “Since”." checked={recover} onChange={setRecover} />
      <div className="form-end">
        <button type="submit" className="small-button plain" data-testid="replay" disabled={busy || !hook.enabled}>{since === '' ? 'Send all of them again' : 'Send them again'}</button>
        {!hook.enabled && <span className="soft">Enable the webhook first.</span>}
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
  if (deliveries + recovered === 0) return 'There was nothing to send.';
  const parts = [deliveries > 0 ? `${countText(deliveries)} sent again` : '', recovered > 0 ? `${countText(recovered)} sent for the first time` : ''];
  return `Queued: ${parts.filter((one) => one !== '').join(', ')}.${more ? ' There are more: repeat it.' : ''}`;
}
