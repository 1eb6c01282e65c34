import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Ban, ShieldCheck } from 'lucide-react';
import { useState } from 'react';
import { durationText, momentText } from '@weir/client/format.ts';
import { Button } from '@weir/kit/Button.tsx';
import { DataTable, type Column } from '@weir/kit/DataTable.tsx';
import { Dialog } from '@weir/kit/Dialog.tsx';
import { SelectField, TextField } from '@weir/kit/Field.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Ago } from '@weir/kit/Time.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import { channelApi, type Restriction, type RestrictionKind } from './api';

const POLL_MS = 5_000;
const TIMEOUTS_S = [60, 600, 3_600, 86_400, 7 * 86_400];

interface Kept extends Restriction {
  kind: RestrictionKind;
}

/** Who is banned, muted or timed out in this channel; each can be ended. */
export function RestrictionList({ channel }: { channel: string }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const say = useToast();
  const [adding, setAdding] = useState(false);
  const { data, error, refetch } = useQuery({
    queryKey: [app.id, 'restricted', channel],
    queryFn: async (): Promise<Kept[]> => (await Promise.all((['bans', 'timeouts', 'mutes'] as const).map(async (kind) => (await askAs(channelApi.restricted, channel, kind)).map((one) => ({ ...one, kind }))))).flat(),
    refetchInterval: POLL_MS,
  });
  const words: Record<RestrictionKind, string> = { bans: t`Banned`, timeouts: t`Timed out`, mutes: t`Muted` };
  const end = ({ kind, user }: Kept) => { askAs(channelApi.release, channel, kind, user.id).then(({ reply }) => { say.done(reply); return known.invalidateQueries({ queryKey: [app.id, 'restricted', channel] }); }).catch(say.failed); };
  const columns: readonly Column<Kept>[] = [
    { id: 'user', title: t`Person`, sortBy: ({ user }) => user.name, cell: ({ user }) => <span className="grid"><bdi className="font-semibold [overflow-wrap:anywhere]">{user.name || user.id}</bdi><code className="text-[12px] text-soft [overflow-wrap:anywhere]">{user.id}</code></span> },
    { id: 'kind', title: t`Measure`, sortBy: ({ kind }) => kind, cell: ({ kind, expires }) => <span className="grid">{words[kind]}<small className="text-soft">{expires === null ? t`for good` : t`until ${momentText(expires)}`}</small></span> },
    { id: 'reason', title: t`Reason`, wide: true, cell: ({ reason }) => <bdi className="line-clamp-2">{reason || '–'}</bdi> },
    { id: 'by', title: t`By`, wide: true, cell: ({ actor, at }) => <span className="grid"><bdi>{actor.name ?? actor.id ?? '–'}</bdi><small className="text-soft"><Ago value={at} /></small></span> },
    { id: 'end', title: '', figure: true, cell: (one) => <Button size="small" onClick={() => end(one)}>{t`End`}</Button> },
  ];
  return (
    <>
      <Button icon={Ban} className="justify-self-start" onClick={() => setAdding(true)}>{t`Restrict somebody`}</Button>
      {data === undefined ? (error === null ? <Skeleton /> : <ErrorState error={error} onRetry={() => void refetch()} />) : data.length === 0
        ? <EmptyState icon={ShieldCheck} title={<Trans>Nobody is banned or muted here</Trans>} />
        : <DataTable label={t`Banned and muted`} rows={data} columns={columns} rowId={({ action, kind }) => kind + action} testId="restriction" />}
      <RestrictDialog channel={channel} open={adding} onClose={() => setAdding(false)} onDone={() => void refetch()} />
    </>
  );
}

function RestrictDialog({ channel, open, onClose, onDone }: { channel: string; open: boolean; onClose: () => void; onDone: () => void }) {
  const { t } = useLingui();
  const { askAs } = useApp();
  const say = useToast();
  const [user, setUser] = useState('');
  const [reason, setReason] = useState('');
  const [kind, setKind] = useState<RestrictionKind>('timeouts');
  const [seconds, setSeconds] = useState(600);
  const { busy, error, run } = useAction();
  const restrict = () => run(async () => {
    const { reply } = await askAs(channelApi.restrict, channel, kind, { user: user.trim(), reason: reason.trim(), ...(kind === 'timeouts' ? { expires_s: seconds } : {}) });
    say.done(reply);
    setUser('');
    onDone();
    onClose();
  });
  return (
    <Dialog open={open} onClose={onClose} title={t`Restrict somebody`} lead={t`By the id of a user, also of one who was never here.`}>
      <form className="grid gap-4" onSubmit={(event) => { event.preventDefault(); restrict(); }}>
        <TextField label={t`User id`} name="user" dir="ltr" required maxLength={128} value={user} onChange={({ target }) => setUser(target.value)} />
        <div className="grid gap-4 sm:grid-cols-2">
          <SelectField label={t`Measure`} value={kind} onChange={({ target }) => setKind(target.value as RestrictionKind)}>
            <option value="timeouts">{t`Time out`}</option>
            <option value="mutes">{t`Mute`}</option>
            <option value="bans">{t`Ban`}</option>
          </SelectField>
          {kind === 'timeouts' && <SelectField label={t`For`} value={seconds} onChange={({ target }) => setSeconds(Number(target.value))}>{TIMEOUTS_S.map((one) => <option key={one} value={one}>{durationText(one)}</option>)}</SelectField>}
        </div>
        <TextField label={t`Reason`} maxLength={200} value={reason} onChange={({ target }) => setReason(target.value)} />
        {error !== null && <p className="text-warn" role="alert">{error}</p>}
        <Button type="submit" look="danger" busy={busy} className="justify-self-end">{t`Restrict`}</Button>
      </form>
    </Dialog>
  );
}
