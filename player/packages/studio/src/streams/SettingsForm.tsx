import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Trash2 } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { useLocation } from 'wouter';
import { durationText } from '@weir/client/format.ts';
import { wordsOf } from '@weir/client/http.ts';
import { Button } from '@weir/kit/Button.tsx';
import { ConfirmDialog } from '@weir/kit/Dialog.tsx';
import { SelectField, SwitchField, TextArea, TextField } from '@weir/kit/Field.tsx';
import { Card } from '@weir/kit/Layout.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useApp } from '../shell/AppContext';
import { streamApi, type FullStream, type StreamChange, type StreamSettings } from './api';
import { LinksField, PairsField, ScheduleField } from './ListFields';
import { changesOf } from './settings';
import { useStreamChange } from './useStreams';

const DVR_S = [0, 600, 3_600, 4 * 3_600, 12 * 3_600, 48 * 3_600];
const GRACE_S = [5, 15, 60, 300, 1_800];

/** Every setting of a stream. What is changed is marked until it is saved; others' changes meanwhile are kept. */
export function SettingsForm({ stream }: { stream: FullStream }) {
  const { can } = useApp();
  if (!can('editor')) return <Card><p className="text-soft"><Trans>An editor of this app can change these settings.</Trans></p></Card>;
  return <Form stream={stream} />;
}

function Form({ stream }: { stream: FullStream }) {
  const { t } = useLingui();
  const [draft, setDraft] = useState<StreamChange>({});
  const [refused, setRefused] = useState<string | null>(null);
  const { mutateAsync, isPending } = useStreamChange(stream.id);
  const say = useToast();
  const now: StreamSettings = { ...stream, ...(draft as Partial<StreamSettings>) };
  const set = (change: StreamChange) => setDraft((held) => changesOf(stream, { ...held, ...change }));
  const changed = Object.keys(draft).length > 0;
  const save = async () => {
    setRefused(null);
    try {
      await mutateAsync(draft);
      setDraft({});
      say.done(t`The settings are saved.`);
    } catch (error) {
      setRefused(wordsOf(error));
    }
  };
  return (
    <form className="grid max-w-3xl grid-cols-[minmax(0,1fr)] gap-6" aria-label={t`Settings`} onSubmit={(event) => { event.preventDefault(); void save(); }}>
      <About now={now} set={set} />
      <Announcements now={now} set={set} />
      <Access now={now} set={set} />
      <Picture now={now} set={set} />
      <Card title={t`For developers`}>
        <PairsField label={t`Metadata`} hint={t`Your own names and values, up to 50. Your servers read them in every event of this stream.`} value={now.metadata} onChange={(metadata) => set({ metadata })} />
      </Card>
      <div className="sticky bottom-0 -mx-1 flex flex-wrap items-center gap-3 border-t border-line bg-page/90 px-1 py-3 backdrop-blur">
        <Button type="submit" look="primary" busy={isPending} disabled={!changed} data-testid="save-stream">{t`Save`}</Button>
        {changed && <Button look="quiet" onClick={() => setDraft({})}>{t`Discard the changes`}</Button>}
        {refused !== null && <span className="text-warn" role="alert">{refused}</span>}
      </div>
      <TheEnd stream={stream} />
    </form>
  );
}

interface PartProps {
  now: StreamSettings;
  set: (change: StreamChange) => void;
}

function Two({ children }: { children: ReactNode }) {
  return <div className="grid gap-4 sm:grid-cols-2">{children}</div>;
}

function About({ now, set }: PartProps) {
  const { t } = useLingui();
  const tags = now.tags.join(', ');
  return (
    <Card title={t`What viewers read`}>
      <TextField label={t`Title`} name="title" required maxLength={140} value={now.title} onChange={({ target }) => set({ title: target.value })} />
      <TextArea label={t`Description`} name="description" hint={t`**Bold**, lists and links work.`} rows={4} maxLength={2000} value={now.description} onChange={({ target }) => set({ description: target.value })} />
      <Two>
        <TextField label={t`Streamer`} name="streamer" maxLength={80} hint={t`The name beside the picture.`} value={now.streamer} onChange={({ target }) => set({ streamer: target.value })} />
        <TextField label={t`Picture of the streamer`} name="avatar" type="url" maxLength={500} placeholder="https://…" value={now.avatar} onChange={({ target }) => set({ avatar: target.value })} />
        <TextField label={t`Category`} name="category" maxLength={60} value={now.category} onChange={({ target }) => set({ category: target.value })} />
        <TextField key={tags} label={t`Tags`} name="tags" hint={t`Up to ten, with commas between them.`} defaultValue={tags} onBlur={({ target }) => set({ tags: target.value.split(',').map((tag) => tag.trim()).filter((tag) => tag !== '') })} />
      </Two>
      <LinksField value={now.links} onChange={(links) => set({ links })} />
    </Card>
  );
}

function Announcements({ now, set }: PartProps) {
  const { t } = useLingui();
  return (
    <Card title={t`Schedule`} lead={t`Announced broadcasts stand on the watch page with a countdown, in each viewer’s own time zone.`}>
      <ScheduleField value={now.schedule} onChange={(schedule) => set({ schedule })} />
    </Card>
  );
}

function Access({ now, set }: PartProps) {
  const { t } = useLingui();
  return (
    <Card title={t`Who may watch`}>
      <Two>
        <SelectField label={t`Visibility`} name="visibility" value={now.visibility} onChange={({ target }) => set({ visibility: target.value as StreamSettings['visibility'] })}>
          <option value="public">{t`Everybody with the address`}</option>
          <option value="signed">{t`Only with a signed link`}</option>
        </SelectField>
        <TextField label={t`Most viewers at once`} name="max-viewers" type="number" min={0} max={1_000_000} placeholder={t`No bound`} value={now.max_viewers ?? ''} onChange={({ target }) => set({ max_viewers: target.value === '' ? null : Number(target.value) })} />
      </Two>
      <SwitchField label={t`Encrypt the segments`} hint={t`Copies of single files can’t be played without a key that is given to viewers alone. From the next broadcast on.`} checked={now.encrypted} onChange={(encrypted) => set({ encrypted })} />
    </Card>
  );
}

function Picture({ now, set }: PartProps) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const { data: profiles = [] } = useQuery({ queryKey: [app.id, 'profiles'], queryFn: () => askAs(streamApi.profiles), staleTime: 30_000 });
  const recording = now.recording === null ? 'default' : now.recording ? 'on' : 'off';
  return (
    <Card title={t`Picture and recording`} lead={t`These count from the next broadcast on.`}>
      <Two>
        <SelectField label={t`Latency`} name="latency" value={now.latency} onChange={({ target }) => set({ latency: target.value as StreamSettings['latency'] })}>
          <option value="low">{t`Low – about a second`}</option>
          <option value="normal">{t`Normal – about a second and a half`}</option>
          <option value="standard">{t`Standard – some seconds, for every player`}</option>
        </SelectField>
        <SelectField label={t`Qualities`} name="profile" value={now.profile ?? ''} onChange={({ target }) => set({ profile: target.value === '' ? null : target.value })}>
          <option value="">{t`The installation’s own ladder`}</option>
          {profiles.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
          {now.profile !== null && !profiles.some(({ id }) => id === now.profile) && <option value={now.profile}>{now.profile}</option>}
        </SelectField>
        <SelectField label={t`Record broadcasts`} name="recording" value={recording} onChange={({ target }) => set({ recording: target.value === 'default' ? null : target.value === 'on' })}>
          <option value="default">{t`As the installation does`}</option>
          <option value="on">{t`Every broadcast`}</option>
          <option value="off">{t`Only when started by hand`}</option>
        </SelectField>
        <SelectField label={t`Viewers may go back by`} name="dvr" value={now.dvr_s} onChange={({ target }) => set({ dvr_s: Number(target.value) })}>
          {[...new Set([...DVR_S, now.dvr_s])].sort((one, other) => one - other).map((seconds) => <option key={seconds} value={seconds}>{seconds === 0 ? t`Nothing` : durationText(seconds)}</option>)}
        </SelectField>
        <SelectField label={t`Wait for an encoder that vanished`} name="grace" value={now.reconnect_grace_s ?? ''} onChange={({ target }) => set({ reconnect_grace_s: target.value === '' ? null : Number(target.value) })}>
          <option value="">{t`As the installation does`}</option>
          {[...new Set([...GRACE_S, ...(now.reconnect_grace_s === null ? [] : [now.reconnect_grace_s])])].sort((one, other) => one - other).map((seconds) => <option key={seconds} value={seconds}>{durationText(seconds)}</option>)}
        </SelectField>
        <SelectField label={t`When the server is busy`} name="priority" value={now.priority} onChange={({ target }) => set({ priority: target.value as StreamSettings['priority'] })}>
          <option value="high">{t`This stream keeps its qualities first`}</option>
          <option value="normal">{t`As others`}</option>
          <option value="low">{t`Others come first`}</option>
        </SelectField>
      </Two>
    </Card>
  );
}

function TheEnd({ stream }: { stream: FullStream }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const [, go] = useLocation();
  const [asked, setAsked] = useState(false);
  const say = useToast();
  const title = stream.title || t`Untitled stream`;
  const live = stream.state !== 'idle';
  return (
    <Card title={t`Delete the stream`} lead={live ? t`It is on air. End the broadcast before you delete it.` : t`Its key and its watch page stop working, and its chat is deleted. Recordings stay.`}>
      <Button look="danger" icon={Trash2} className="justify-self-start" disabled={live} data-testid="delete-stream" onClick={() => setAsked(true)}>{t`Delete the stream`}</Button>
      <ConfirmDialog open={asked} onClose={() => setAsked(false)} title={t`Delete “${title}”?`} action={t`Delete for good`} typed={title}
        onConfirm={async () => {
          await askAs(streamApi.remove, stream.id);
          await known.invalidateQueries({ queryKey: [app.id, 'streams'] });
          say.done(t`“${title}” is deleted.`);
          go('/streams');
        }}>
        <Trans>Its key and its watch page stop working at once, and its chat is deleted. This can’t be undone.</Trans>
      </ConfirmDialog>
    </Card>
  );
}
