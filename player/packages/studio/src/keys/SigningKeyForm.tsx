import { useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { Button } from '@weir/kit/Button.tsx';
import { TextField } from '@weir/kit/Field.tsx';
import { useAction } from '../common/useAction';

interface Props {
  onCreate: (body: { name: string }) => Promise<void>;
}

/** For servers that sign their users’ tokens and need not call the API. */
export function SigningKeyForm({ onCreate }: Props) {
  const { t } = useLingui();
  const { busy, error, run } = useAction();
  const [name, setName] = useState('');
  const submit = () => run(async () => {
    await onCreate({ name: name.trim() });
    setName('');
  });
  return (
    <details className="rounded-card border border-line bg-surface p-4 sm:p-5">
      <summary className="cursor-pointer font-semibold">{t`Sign tokens with a secret of their own`}</summary>
      <form className="mt-4 grid grid-cols-[minmax(0,1fr)] gap-4" aria-label={t`Signing key`} onSubmit={(event) => { event.preventDefault(); submit(); }}>
        <TextField label={t`Name`} name="signing-name" required maxLength={80} value={name} onChange={({ target }) => setName(target.value)} />
        {error !== null && <p className="text-warn" role="alert">{error}</p>}
        <Button type="submit" busy={busy} className="justify-self-start">{t`Create the signing key`}</Button>
      </form>
    </details>
  );
}
