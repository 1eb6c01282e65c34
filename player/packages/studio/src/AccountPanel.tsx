import { useState } from 'react';
import type { SignIn } from './account';
import type { Account } from './api';
import { useAction } from './useAction';

/** Who is signed in, and how to go for good. */
export function AccountPanel({ signIn, account }: { signIn: SignIn; account: Account }) {
  const [typed, setTyped] = useState('');
  const [password, setPassword] = useState('');
  const { busy, error, run } = useAction();
  const ready = typed.trim().toLowerCase() === account.email && password !== '';
  return (
    <main className="pages">
      <section className="page" aria-label="Account">
        <header className="page-head"><h1>{account.name || account.email}</h1></header>
        <form className="box" aria-label="Delete account" onSubmit={(event) => { event.preventDefault(); run(() => signIn.erase(password)); }}>
          <h2>Delete your account</h2>
          <p className="soft">You leave all apps and are signed out everywhere. This cannot be undone. An app of which you are the only owner has to be handed over or deleted first.</p>
          <label className="labelled"><span>Type {account.email} to confirm</span><input className="field" name="confirm-email" autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} /></label>
          <label className="labelled"><span>Password</span><input className="field" type="password" name="confirm-password" autoComplete="current-password" maxLength={256} value={password} onChange={(event) => setPassword(event.target.value)} /></label>
          <div className="form-end">
            <button type="submit" className="small-button danger" data-testid="delete-account" disabled={busy || !ready}>Delete account</button>
            {error !== null && <span className="error" role="alert">{error}</span>}
          </div>
        </form>
      </section>
    </main>
  );
}
