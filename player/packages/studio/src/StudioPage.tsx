import { useEffect, useState } from 'react';
import { useStore } from '@weir/client/observable.ts';
import type { SignIn } from './account';
import { Dashboard } from './Dashboard';
import { useAction } from './useAction';
import { takeLink, type OneTimeLink } from './links';
import { ForgottenForm, RegisterForm, ResetForm, SignInForm, VerifyForm } from './SignInForm';

type Way = 'sign-in' | 'register' | 'forgotten';

export function StudioPage({ signIn, link }: { signIn: SignIn; link: OneTimeLink | null }) {
  const { phase, account } = useStore(signIn.view);
  const [present, setPresent] = useLink(link);
  const done = () => setPresent(null);
  if (account !== null && present !== null) {
    const { purpose, token } = present;
    if (purpose === 'invitation') return <Joining signIn={signIn} token={token} onDone={done} />;
    if (purpose === 'reset') return <ResetForm signIn={signIn} token={token} back="Not now" onDone={done} />;
    if (purpose === 'verify') return <VerifyForm signIn={signIn} token={token} back="Not now" onDone={done} />;
  }
  if (account !== null) return <Dashboard key={account.id} signIn={signIn} account={account} />;
  if (phase === 'unknown') return <p className="studio-wait" role="status">One moment …</p>;
  return <Door signIn={signIn} link={present} onLinkDone={done} />;
}

/** The link that this page was opened with, or that was followed in its tab since. */
function useLink(first: OneTimeLink | null): [OneTimeLink | null, (link: OneTimeLink | null) => void] {
  const [link, setLink] = useState(first);
  useEffect(() => {
    const look = () => {
      const given = takeLink();
      if (given !== null) setLink(given);
    };
    addEventListener('hashchange', look);
    return () => removeEventListener('hashchange', look);
  }, []);
  return [link, setLink];
}

function Door({ signIn, link, onLinkDone }: { signIn: SignIn; link: OneTimeLink | null; onLinkDone: () => void }) {
  const [way, setWay] = useState<Way>('sign-in');
  const [known, setKnown] = useState(false);
  const [open, setOpen] = useState(false);
  useEffect(() => {
    signIn.signUpIsOpen().then(setOpen, () => setOpen(false));
  }, [signIn]);
  const back = () => setWay('sign-in');
  if (link?.purpose === 'reset') return <ResetForm signIn={signIn} token={link.token} onDone={onLinkDone} />;
  if (link?.purpose === 'verify') return <VerifyForm signIn={signIn} token={link.token} onDone={onLinkDone} />;
  if (link !== null && !known) {
    return <RegisterForm signIn={signIn} link={link} onDone={onLinkDone} onKnown={link.purpose === 'invitation' ? () => setKnown(true) : onLinkDone} />;
  }
  if (way === 'register') return <RegisterForm signIn={signIn} link={null} onDone={back} onKnown={back} />;
  if (way === 'forgotten') return <ForgottenForm signIn={signIn} onDone={back} />;
  return <SignInForm signIn={signIn} onRegister={open ? () => setWay('register') : undefined} onForgotten={() => setWay('forgotten')} />;
}

/** Somebody who is signed in already opens an invitation. */
function Joining({ signIn, token, onDone }: { signIn: SignIn; token: string; onDone: () => void }) {
  const { busy, error, run } = useAction();
  const join = () => run(async () => {
    await signIn.join(token);
    onDone();
  });
  return (
    <main className="door">
      <div className="door-card">
        <h1>You are invited</h1>
        <p className="soft">Join with the account you are signed in with.</p>
        {error !== null && <p className="error" role="alert">{error}</p>}
        <button type="button" className="small-button wide" disabled={busy} onClick={join}>Join</button>
        <div className="door-ways"><button type="button" className="link-button" onClick={onDone}>Not now</button></div>
      </div>
    </main>
  );
}
