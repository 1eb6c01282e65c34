import { Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { Button } from '@weir/kit/Button.tsx';
import { Dialog } from '@weir/kit/Dialog.tsx';
import { TextField } from '@weir/kit/Field.tsx';
import { Card, Facts, Page } from '@weir/kit/Layout.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useAction } from '../common/useAction';
import type { Studio } from '../shell/Studio';

const SHORTEST_PASSWORD = 10;

/** Who is signed in, the password, the devices, and how to go for good. */
export function AccountPage({ studio }: { studio: Studio }) {
  const { t } = useLingui();
  const { account } = studio;
  return (
    <Page title={<Trans>Account</Trans>}>
      <div className="grid max-w-3xl grid-cols-[minmax(0,1fr)] gap-6">
        <Card title={t`You`}><Facts facts={[[t`Name`, <bdi key="name">{account.name || '–'}</bdi>], [t`E-mail`, account.email], [t`Account id`, <code key="id" className="text-[13px]">{account.id}</code>]]} /></Card>
        <PasswordForm studio={studio} />
        <Everywhere studio={studio} />
        <Deletion studio={studio} />
      </div>
    </Page>
  );
}

function PasswordForm({ studio: { signIn } }: { studio: Studio }) {
  const { t } = useLingui();
  const [old, setOld] = useState('');
  const [fresh, setFresh] = useState('');
  const { busy, error, run } = useAction();
  const say = useToast();
  const change = () => run(async () => {
    await signIn.changePassword(old, fresh);
    setOld('');
    setFresh('');
    say.done(t`The password is changed. Other devices are signed out.`);
  });
  return (
    <form aria-label={t`Password`} onSubmit={(event) => { event.preventDefault(); change(); }}>
      <Card title={t`Password`}>
        <TextField label={t`Present password`} type="password" name="old-password" autoComplete="current-password" required maxLength={256} value={old} onChange={({ target }) => setOld(target.value)} />
        <TextField label={t`New password`} type="password" name="new-password" autoComplete="new-password" hint={t`At least ${SHORTEST_PASSWORD} characters.`} required minLength={SHORTEST_PASSWORD} maxLength={256} value={fresh} onChange={({ target }) => setFresh(target.value)} />
        {error !== null && <p className="text-warn" role="alert">{error}</p>}
        <Button type="submit" look="primary" busy={busy} className="justify-self-start" data-testid="change-password">{t`Change the password`}</Button>
      </Card>
    </form>
  );
}

function Everywhere({ studio: { signIn } }: { studio: Studio }) {
  const { t } = useLingui();
  const { busy, error, run } = useAction();
  return (
    <Card title={t`Signed-in devices`} lead={t`Signs you out on every device, this one too.`}>
      <Button className="justify-self-start" busy={busy} data-testid="sign-out-everywhere" onClick={() => run(() => signIn.logout(true))}>{t`Sign out everywhere`}</Button>
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
    </Card>
  );
}

function Deletion({ studio: { account, signIn } }: { studio: Studio }) {
  const { t } = useLingui();
  const [open, setOpen] = useState(false);
  const [typed, setTyped] = useState('');
  const [password, setPassword] = useState('');
  const { busy, error, run } = useAction();
  const ready = typed.trim().toLowerCase() === account.email && password !== '';
  return (
    <Card title={t`Delete your account`} lead={t`You leave all apps and are signed out everywhere. An app of which you are the only owner has to be handed over or deleted first.`}>
      <Button look="danger" className="justify-self-start" data-testid="to-delete-account" onClick={() => setOpen(true)}>{t`Delete your account`}</Button>
      <Dialog open={open} onClose={() => setOpen(false)} title={t`Delete your account?`} lead={t`This can’t be undone.`}>
        <form className="grid gap-4" aria-label={t`Delete account`} onSubmit={(event) => { event.preventDefault(); run(() => signIn.erase(password)); }}>
          <TextField label={<Trans>Type {account.email} to confirm</Trans>} name="confirm-email" value={typed} onChange={({ target }) => setTyped(target.value)} />
          <TextField label={t`Password`} type="password" name="confirm-password" autoComplete="current-password" maxLength={256} value={password} onChange={({ target }) => setPassword(target.value)} />
          {error !== null && <p className="text-warn" role="alert">{error}</p>}
          <Button type="submit" look="danger" className="justify-self-end" data-testid="delete-account" busy={busy} disabled={!ready}>{t`Delete for good`}</Button>
        </form>
      </Dialog>
    </Card>
  );
}
