import { Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { Button } from '@weir/kit/Button.tsx';
import { Dialog } from '@weir/kit/Dialog.tsx';
import { TextField } from '@weir/kit/Field.tsx';
import { apps } from '../api';
import { useAction } from '../common/useAction';
import type { Studio } from './Studio';

/** Makes an app and opens it. */
export function NewAppForm({ studio, onDone }: { studio: Studio; onDone: () => void }) {
  const { t } = useLingui();
  const [name, setName] = useState('');
  const [, go] = useLocation();
  const { busy, error, run } = useAction();
  const make = () => run(async () => {
    const made = await apps.create(await studio.signIn.token(), name.trim());
    await studio.reload();
    onDone();
    go(`/${made.id}`);
  });
  return (
    <form className="grid gap-4" onSubmit={(event) => { event.preventDefault(); make(); }}>
      <TextField label={t`Name`} name="new-app-name" required maxLength={80} autoFocus placeholder={t`e.g. Harbour TV`} value={name} onChange={(event) => setName(event.target.value)} />
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
      <Button type="submit" look="primary" busy={busy} className="justify-self-start" data-testid="create-app"><Trans>Create the app</Trans></Button>
    </form>
  );
}

export function NewAppDialog({ studio, open, onClose }: { studio: Studio; open: boolean; onClose: () => void }) {
  const { t } = useLingui();
  return (
    <Dialog open={open} onClose={onClose} title={t`New app`} lead={t`Streams, chat, keys and team of one product. Apps never see each other’s data.`}>
      <NewAppForm studio={studio} onDone={onClose} />
    </Dialog>
  );
}
