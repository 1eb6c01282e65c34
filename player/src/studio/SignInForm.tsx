import { useState, type ReactNode } from 'react';
import type { SignIn } from './account';
import { useDeed } from './useDeed';

const SHORTEST_PASSWORD = 10;

export function SignInForm({ signIn }: { signIn: SignIn }) {
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const { busy, error, run } = useDeed();
  return (
    <Card title="Sign in" lead="Your streams, keys and figures." busy={busy} error={error} action="Sign in" onSubmit={() => run(() => signIn.login(email, password))}>
      <Field label="E-mail" type="email" name="email" autoComplete="username" value={email} onChange={setEmail} />
      <Field label="Password" type="password" name="password" autoComplete="current-password" value={password} onChange={setPassword} />
    </Card>
  );
}

interface SetUpProps {
  signIn: SignIn;
  setup: string;
  /** The link is spent or not wanted. */
  onDone: () => void;
}

/** The first account: the owner of this installation. */
export function SetUpForm({ signIn, setup, onDone }: SetUpProps) {
  const [name, setName] = useState('');
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const { busy, error, run } = useDeed();
  const register = () => run(async () => {
    await signIn.register({ email, password, name, setup });
    onDone();
  });
  return (
    <Card title="Welcome to Weir" lead="Make the account that owns this installation." busy={busy} error={error} action="Create account" onSubmit={register}>
      <Field label="Your name" type="text" name="name" autoComplete="name" value={name} onChange={setName} />
      <Field label="E-mail" type="email" name="email" autoComplete="username" value={email} onChange={setEmail} />
      <Field label="Password" type="password" name="password" autoComplete="new-password" minLength={SHORTEST_PASSWORD} hint={`At least ${SHORTEST_PASSWORD} characters.`} value={password} onChange={setPassword} />
      <button type="button" className="link-button" onClick={onDone}>I have an account already</button>
    </Card>
  );
}

interface CardProps {
  title: string;
  lead: string;
  action: string;
  busy: boolean;
  error: string | null;
  onSubmit: () => void;
  children: ReactNode;
}

function Card({ title, lead, action, busy, error, onSubmit, children }: CardProps) {
  return (
    <main className="door">
      <form className="door-card" onSubmit={(event) => { event.preventDefault(); onSubmit(); }}>
        <h1>{title}</h1>
        <p className="soft">{lead}</p>
        {children}
        {error !== null && <p className="error" role="alert" data-testid="notice">{error}</p>}
        <button type="submit" className="small-button wide" data-testid="submit" disabled={busy}>{busy ? 'One moment …' : action}</button>
      </form>
    </main>
  );
}

interface FieldProps {
  label: string;
  type: 'text' | 'email' | 'password';
  name: string;
  autoComplete: string;
  value: string;
  minLength?: number;
  hint?: string;
  onChange: (value: string) => void;
}

function Field({ label, hint, onChange, ...input }: FieldProps) {
  return (
    <label className="labelled">
      <span>{label}</span>
      <input className="field" required={input.type !== 'text'} maxLength={256} {...input} onChange={(event) => onChange(event.target.value)} />
      {hint !== undefined && <small className="soft">{hint}</small>}
    </label>
  );
}
