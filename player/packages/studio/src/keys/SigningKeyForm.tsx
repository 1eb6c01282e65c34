import { useState } from 'react';
import { useAction } from '../common/useAction';

interface Props {
  onCreate: (body: { name: string }) => Promise<void>;
}

/** For servers that sign their users’ tokens and need not call the API. */
export function SigningKeyForm({ onCreate }: Props) {
  const { busy, error, run } = useAction();
  const [name, setName] = useState('');
  const submit = () => run(async () => {
    await onCreate({ name: name.trim() });
    setName('');
  });
  return (
    <details className="box">
      <summary>Sign tokens with a secret of their own</summary>
      <form className="form" aria-label="Signing key" onSubmit={(event) => { event.preventDefault(); submit(); }}>
        <label className="labelled"><span>Name</span><input className="field" name="signing-name" required maxLength={80} value={name} onChange={(event) => setName(event.target.value)} /></label>
        <div className="form-end"><button type="submit" className="small-button" disabled={busy}>Make the signing key</button>{error !== null && <span className="error" role="alert">{error}</span>}</div>
      </form>
    </details>
  );
}
