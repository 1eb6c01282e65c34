import { useState } from 'react';
import { useAction } from '../common/useAction';

interface Props {
  onUpload: (body: { name: string; public_key: string }) => Promise<void>;
}

/** For those who sign with a private key that never leaves their servers. */
export function PublicKeyForm({ onUpload }: Props) {
  const { busy, error, run } = useAction();
  const [name, setName] = useState('');
  const [pem, setPem] = useState('');
  const submit = () => run(async () => {
    await onUpload({ name: name.trim(), public_key: pem });
    setName('');
    setPem('');
  });
  return (
    <details className="box">
      <summary>Sign tokens with a key pair of your own</summary>
      <form className="form" aria-label="Public key" onSubmit={(event) => { event.preventDefault(); submit(); }}>
        <label className="labelled"><span>Name</span><input className="field" name="public-name" required maxLength={80} value={name} onChange={(event) => setName(event.target.value)} /></label>
        <label className="labelled"><span>Public key (PEM; Ed25519 or RSA)</span>
          <textarea className="field mono" name="pem" required rows={5} spellCheck={false} value={pem} onChange={(event) => setPem(event.target.value)} />
        </label>
        <div className="form-end"><button type="submit" className="small-button" disabled={busy}>Add the public key</button>{error !== null && <span className="error" role="alert">{error}</span>}</div>
      </form>
    </details>
  );
}
