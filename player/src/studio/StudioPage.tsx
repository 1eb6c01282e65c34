import { useState } from 'react';
import { useStore } from '../lib/store';
import type { SignIn } from './account';
import { Dashboard } from './Dashboard';
import { SetUpForm, SignInForm } from './SignInForm';

export function StudioPage({ signIn, setup }: { signIn: SignIn; setup: string | null }) {
  const { phase, account } = useStore(signIn.view);
  const [setUp, setSetUp] = useState(setup);
  if (account !== null) return <Dashboard signIn={signIn} account={account} />;
  if (phase === 'unknown') return <p className="studio-wait" role="status">One moment …</p>;
  if (setUp !== null) return <SetUpForm signIn={signIn} setup={setUp} onDone={() => setSetUp(null)} />;
  return <SignInForm signIn={signIn} />;
}
