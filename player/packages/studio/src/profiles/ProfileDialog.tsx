import { useLingui } from '@lingui/react/macro';
import { Plus, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { Button, IconButton } from '@weir/kit/Button.tsx';
import { Dialog } from '@weir/kit/Dialog.tsx';
import { SwitchField, TextField } from '@weir/kit/Field.tsx';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import { profileApi, type Profile, type ProfileFields, type Rung } from './api';

const HEIGHTS = [2160, 1440, 1080, 720, 480, 360, 240];
const MOST_RUNGS = 6;
const START: ProfileFields = { name: '', rungs: [{ height: 720, bit_rate: null, frame_rate: null, preset: null }, { height: 360, bit_rate: null, frame_rate: null, preset: null }], audio_only: false, copy_top: false };

interface Props {
  open: boolean;
  /** null makes a new one. */
  profile: Profile | null;
  onClose: () => void;
  onSaved: () => Promise<void>;
}

export function ProfileDialog({ open, profile, ...rest }: Props) {
  const { t } = useLingui();
  return (
    <Dialog open={open} onClose={rest.onClose} wide title={profile === null ? t`New profile` : t`Change the profile`} lead={t`Live streams follow within seconds. Nothing is enlarged: rungs above the source are left out.`}>
      {open && <Form key={profile?.id ?? 'new'} profile={profile} {...rest} />}
    </Dialog>
  );
}

function Form({ profile, onClose, onSaved }: Omit<Props, 'open'>) {
  const { t } = useLingui();
  const { askAs } = useApp();
  const [fields, setFields] = useState<ProfileFields>(profile ?? START);
  const { busy, error, run } = useAction();
  const set = (change: Partial<ProfileFields>) => setFields((held) => ({ ...held, ...change }));
  const setRung = (index: number, change: Partial<Rung>) => set({ rungs: fields.rungs.map((rung, at) => (at === index ? { ...rung, ...change } : rung)) });
  const save = () => run(async () => {
    const { name, rungs, audio_only, copy_top } = fields;
    const body = { name: name.trim(), rungs: [...rungs].sort((one, other) => other.height - one.height), audio_only, copy_top };
    if (profile === null) await askAs(profileApi.create, body);
    else await askAs(profileApi.change, profile.id, body);
    await onSaved();
    onClose();
  });
  const free = HEIGHTS.find((height) => !fields.rungs.some((rung) => rung.height === height));
  return (
    <form className="grid gap-4" onSubmit={(event) => { event.preventDefault(); save(); }}>
      <TextField label={t`Name`} name="profile-name" required maxLength={64} value={fields.name} onChange={({ target }) => set({ name: target.value })} />
      <fieldset className="grid gap-2">
        <legend className="mb-1.5 text-[13px] font-semibold">{t`Qualities`}</legend>
        {fields.rungs.map((rung, index) => (
          <div key={index} className="flex flex-wrap items-center gap-2">
            <select className="entry w-auto!" aria-label={t`Height`} value={rung.height} onChange={({ target }) => setRung(index, { height: Number(target.value) })}>
              {[...new Set([...HEIGHTS, rung.height])].map((height) => <option key={height} value={height}>{height}p</option>)}
            </select>
            <input className="entry min-w-28 flex-1" type="number" min={50} max={50_000} aria-label={t`Bitrate in kb/s`} placeholder={t`kb/s, by height`} value={rung.bit_rate === null ? '' : Math.round(rung.bit_rate / 1000)} onChange={({ target }) => setRung(index, { bit_rate: target.value === '' ? null : Number(target.value) * 1000 })} />
            <input className="entry min-w-28 flex-1" type="number" min={10} max={60} aria-label={t`Most frames a second`} placeholder={t`frames/s, as the source`} value={rung.frame_rate ?? ''} onChange={({ target }) => setRung(index, { frame_rate: target.value === '' ? null : Number(target.value) })} />
            <IconButton label={t`Remove the quality`} icon={Trash2} disabled={fields.rungs.length === 1} onClick={() => set({ rungs: fields.rungs.filter((_, at) => at !== index) })} />
          </div>
        ))}
        {fields.rungs.length < MOST_RUNGS && free !== undefined && <Button size="small" icon={Plus} className="justify-self-start" onClick={() => set({ rungs: [...fields.rungs, { height: free, bit_rate: null, frame_rate: null, preset: null }] })}>{t`Add a quality`}</Button>}
      </fieldset>
      <SwitchField label={t`Sound alone, too`} hint={t`For those on a very thin line.`} checked={fields.audio_only} onChange={(audio_only) => set({ audio_only })} />
      <SwitchField label={t`Hand on a fitting source without encoding it again`} hint={t`Spares the server most of its work; the encoder’s key frames must be regular.`} checked={fields.copy_top} onChange={(copy_top) => set({ copy_top })} />
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
      <Button type="submit" look="primary" busy={busy} className="justify-self-end" data-testid="save-profile">{t`Save`}</Button>
    </form>
  );
}
