import { useLingui } from '@lingui/react/macro';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { durationText } from '@weir/client/format.ts';
import { SelectField, SwitchField } from '@weir/kit/Field.tsx';
import { Card, Stat } from '@weir/kit/Layout.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { countText } from '@weir/client/format.ts';
import { useApp } from '../shell/AppContext';
import { channelApi, type Channel, type Modes } from './api';

const SLOW_S = [0, 5, 10, 30, 60, 300, 1_800];
const WAIT_S = [0, 60, 300, 600, 1_800, 3_600, 86_400];

/** Who may write and how fast. Each switch counts at once, and everybody in the chat is told. */
export function ModesForm({ channel }: { channel: Channel }) {
  const { t } = useLingui();
  const { app, askAs, can } = useApp();
  const known = useQueryClient();
  const say = useToast();
  const key = [app.id, 'channel', channel.id];
  const { mutate } = useMutation({
    mutationFn: (change: Partial<Omit<Modes, 'pinned'>>) => askAs(channelApi.change, channel.id, change),
    onMutate: (change) => known.setQueryData(key, { ...channel, settings: { ...channel.settings, ...change } }),
    onError: (error) => say.failed(error),
    onSettled: () => known.invalidateQueries({ queryKey: key }),
  });
  const { slow, guestwait, guestsread, lockdown, subscribers, followers, emoteonly } = channel.settings;
  const fixed = !can('editor');
  const seconds = (list: readonly number[], present: number) => [...new Set([...list, present])].sort((one, other) => one - other).map((one) => <option key={one} value={one}>{one === 0 ? t`Off` : durationText(one)}</option>);
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-6 lg:grid-cols-[minmax(0,2fr)_minmax(0,1fr)]">
      <Card title={t`Modes`} lead={t`Each change counts at once, and everybody in the chat is told.`}>
        <SwitchField label={t`Lockdown`} hint={t`Only moderators may write.`} checked={lockdown} disabled={fixed} testId="mode-lockdown" onChange={(on) => mutate({ lockdown: on })} />
        <SwitchField label={t`Guests only read`} checked={guestsread} disabled={fixed} onChange={(on) => mutate({ guestsread: on })} />
        <SwitchField label={t`Followers only`} checked={followers} disabled={fixed} onChange={(on) => mutate({ followers: on })} />
        <SwitchField label={t`Subscribers only`} checked={subscribers} disabled={fixed} onChange={(on) => mutate({ subscribers: on })} />
        <SwitchField label={t`Emoji only`} checked={emoteonly} disabled={fixed} onChange={(on) => mutate({ emoteonly: on })} />
        <div className="grid gap-4 sm:grid-cols-2">
          <SelectField label={t`Slow mode: one message every`} value={slow} disabled={fixed} onChange={({ target }) => mutate({ slow: Number(target.value) })}>{seconds(SLOW_S, slow)}</SelectField>
          <SelectField label={t`New guests wait`} value={guestwait} disabled={fixed} onChange={({ target }) => mutate({ guestwait: Number(target.value) })}>{seconds(WAIT_S, guestwait)}</SelectField>
        </div>
      </Card>
      <div className="grid content-start gap-3">
        <Stat label={t`People here now`} value={countText(channel.viewers)} />
        <Stat label={t`Messages and events so far`} value={countText(channel.seq)} />
      </div>
    </div>
  );
}
