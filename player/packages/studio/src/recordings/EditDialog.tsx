import { useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { Button } from '@weir/kit/Button.tsx';
import { Dialog } from '@weir/kit/Dialog.tsx';
import { SelectField, TextArea, TextField } from '@weir/kit/Field.tsx';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import { recordingApi, type FullRecording } from './api';

interface Props {
  recording: FullRecording;
  open: boolean;
  onClose: () => void;
  onSaved: () => Promise<void>;
}

export function EditDialog({ open, onClose, ...rest }: Props) {
  const { t } = useLingui();
  return <Dialog open={open} onClose={onClose} title={t`Change the recording`}>{open && <Form onClose={onClose} {...rest} />}</Dialog>;
}

function Form({ recording, onClose, onSaved }: Omit<Props, 'open'>) {
  const { t } = useLingui();
  const { askAs } = useApp();
  const [title, setTitle] = useState(recording.title);
  const [description, setDescription] = useState(recording.description);
  const [visibility, setVisibility] = useState<string>(recording.visibility ?? '');
  const { busy, error, run } = useAction();
  const save = () => run(async () => {
    await askAs(recordingApi.change, recording.id, { title: title.trim(), description, visibility: visibility === '' ? null : (visibility as 'public' | 'signed') });
    await onSaved();
    onClose();
  });
  return (
    <form className="grid gap-4" onSubmit={(event) => { event.preventDefault(); save(); }}>
      <TextField label={t`Title`} name="recording-title" maxLength={200} value={title} onChange={({ target }) => setTitle(target.value)} />
      <TextArea label={t`Description`} rows={3} maxLength={2000} value={description} onChange={({ target }) => setDescription(target.value)} />
      <SelectField label={t`Who may watch`} value={visibility} onChange={({ target }) => setVisibility(target.value)}>
        <option value="">{recording.stream === null ? t`Only with a signed link (default)` : t`As its stream`}</option>
        <option value="public">{t`Everybody with the address`}</option>
        <option value="signed">{t`Only with a signed link`}</option>
      </SelectField>
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
      <Button type="submit" look="primary" busy={busy} className="justify-self-end" data-testid="save-recording">{t`Save`}</Button>
    </form>
  );
}
