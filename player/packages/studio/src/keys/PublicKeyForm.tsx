import { useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { Button } from '@weir/kit/Button.tsx';
import { TextArea, TextField } from '@weir/kit/Field.tsx';
import { useAction } from '../common/useAction';

interface Props {
  onUpload: (body: { name: string; public_key: string }) => Promise<void>;
}

/** For those who sign with a private key that never leaves their servers. */
export function PublicKeyForm({ onUpload }: Props) {
  const { t } = useLingui();
  const { busy, error, run } = useAction();
  const [name, setName] = useState('');
  const [pem, setPem] = useState('');
  const submit = () => run(async () => {
    await onUpload({ name: name.trim(), public_key: pem });
    setName('');
    setPem('');
  });
  return (
    <details className="rounded-card border border-line bg-surface p-4 sm:p-5">
      <summary className="cursor-pointer font-semibold">{t`Sign tokens with a key pair of your own`}</summary>
      <form className="mt-4 grid grid-cols-[minmax(0,1fr)] gap-4" aria-label={t`Public key`} onSubmit={(event) => { event.preventDefault(); submit(); }}>
        <TextField label={t`Name`} name="public-name" required maxLength={80} value={name} onChange={({ target }) => setName(target.value)} />
        <TextArea label={t`Public key (PEM; Ed25519 or RSA)`} name="pem" className="font-mono text-[13px]" dir="ltr" required rows={5} spellCheck={false} value={pem} onChange={({ target }) => setPem(target.value)} />
        {error !== null && <p className="text-warn" role="alert">{error}</p>}
        <Button type="submit" busy={busy} className="justify-self-start">{t`Add the public key`}</Button>
      </form>
    </details>
  );
}
