import { useLingui } from '@lingui/react/macro';
import { useState, type ReactNode } from 'react';
import type { SignIn } from './signIn';
import type { FoundInvitation } from '../api';
import { InvitationFacts } from './Invitation';
import type { OneTimeLink } from './links';
import { useAction } from '../common/useAction';

const SHORTEST_PASSWORD = 10;

interface SignInProps {
  signIn: SignIn;
  /** The way to a new account; absent where accounts are by invitation. */
  onRegister?: (() => void) | undefined;
  onForgotten: () => void;
}

export function SignInForm({ signIn, onRegister, onForgotten }: SignInProps) {
  const { t } = useLingui();
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const { busy, error, run } = useAction();
  return (
    <Card title={t`Sign in`} lead={t`Manage your streams, keys and usage.`} busy={busy} error={error} action={t`Sign in`} onSubmit={() => run(() => signIn.login(email, password))}
      after={<>
        <button type="button" className="link-button" onClick={onForgotten}>{t`Forgot your password?`}</button>
        {onRegister !== undefined && <button type="button" className="link-button" data-testid="to-register" onClick={onRegister}>{t`Create an account`}</button>}
      </>}>
      <Field label={t`E-mail`} type="email" name="email" autoComplete="username" value={email} onChange={setEmail} />
      <Field label={t`Password`} type="password" name="password" autoComplete="current-password" value={password} onChange={setPassword} />
    </Card>
  );
}

interface RegisterProps {
  signIn: SignIn;
  /** The set-up link of the first owner, or an invitation to an app; null where sign-up is open. */
  link: OneTimeLink | null;
  /** What the invitation says; null for other links. */
  invitation: FoundInvitation | null;
  mail: boolean;
  /** The link is spent or not wanted. */
  onDone: () => void;
  /** Somebody has an account; an invitation is taken with it. */
  onKnown: () => void;
}


export function RegisterForm({ signIn, link, invitation, mail, onDone, onKnown }: RegisterProps) {
  const { t } = useLingui();
  const [name, setName] = useState('');
  const [email, setEmail] = useState(invitation?.email ?? '');
  const [password, setPassword] = useState('');
  const [mailed, setMailed] = useState(false);
  const { busy, error, run } = useAction();
  const register = () => run(async () => {
    const given = link === null ? {} : { [link.purpose]: link.token };
    if (await signIn.register({ email, password, name, ...given })) onDone();
    else setMailed(true);
  });
  if (mailed) return <Told title={t`One more step`} text={mail ? t`We have mailed a link to ${email}. Open it to verify your address.` : t`A link verifies ${email}. This server sends no e-mail: ask its operator for the link; it is in the folder “mail” of its data.`} onDone={onDone} />;
  const [title, lead] = invitation !== null ? [t`Join “${invitation.app_name}”`, t`Create your account to join.`]
    : link?.purpose === 'setup' ? [t`Welcome to Weir`, t`Create the account that owns this installation.`] : [t`Create an account`, t`It takes a minute, and you can publish.`];
  return (
    <Card title={title} lead={lead} busy={busy} error={error} action={t`Create account`} onSubmit={register}
      after={<button type="button" className="link-button" onClick={onKnown}>{t`I already have an account`}</button>}>
      {invitation !== null && <InvitationFacts invitation={invitation} />}
      <Field label={t`Your name`} type="text" name="name" autoComplete="name" value={name} onChange={setName} />
      <Field label={t`E-mail`} type="email" name="email" autoComplete="username" value={email} onChange={setEmail} />
      <NewPassword value={password} onChange={setPassword} />
    </Card>
  );
}

/** Asks for a mail with a link; the answer does not show whether there is such an account. */
export function ForgottenForm({ signIn, mail, onDone }: { signIn: SignIn; mail: boolean; onDone: () => void }) {
  const { t } = useLingui();
  const [email, setEmail] = useState('');
  const [sent, setSent] = useState(false);
  const { busy, error, run } = useAction();
  const ask = () => run(async () => {
    await signIn.forgotten(email);
    setSent(true);
  });
  if (sent && !mail) return <Told title={t`Ask for your link`} text={t`If ${email} has an account here, a link to set a new password is waiting. This server sends no e-mail: ask its operator for the link; it is in the folder “mail” of its data.`} onDone={onDone} />;
  if (sent) return <Told title={t`Check your e-mail`} text={t`If ${email} has an account here, a link to set a new password is on its way.`} onDone={onDone} />;
  return (
    <Card title={t`Forgot your password`} lead={mail ? t`We mail you a link that sets a new one.` : t`A link sets a new one. This server sends no e-mail: its operator gives you the link.`} busy={busy} error={error} action={mail ? t`Send the link` : t`Ask for the link`} onSubmit={ask}
      after={<button type="button" className="link-button" onClick={onDone}>{t`Back to sign-in`}</button>}>
      <Field label={t`E-mail`} type="email" name="email" autoComplete="username" value={email} onChange={setEmail} />
    </Card>
  );
}

interface LinkProps {
  signIn: SignIn;
  token: string;
  /** What the way out is called. */
  back?: string;
  onDone: () => void;
}

/** Where a mailed link leads that sets a new password. */
export function ResetForm({ signIn, token, back, onDone }: LinkProps) {
  const { t } = useLingui();
  const [password, setPassword] = useState('');
  const { busy, error, run } = useAction();
  const reset = () => run(async () => {
    await signIn.reset(token, password);
    onDone();
  });
  return (
    <Card title={t`New password`} lead={t`Everybody signed in with the old one is signed out.`} busy={busy} error={error} action={t`Set password`} onSubmit={reset}
      after={<button type="button" className="link-button" onClick={onDone}>{back ?? t`Back to sign-in`}</button>}>
      <NewPassword value={password} onChange={setPassword} />
    </Card>
  );
}

/** Where a mailed link leads that verifies an address. */
export function VerifyForm({ signIn, token, back, onDone }: LinkProps) {
  const { t } = useLingui();
  const { busy, error, run } = useAction();
  const verify = () => run(async () => {
    await signIn.verify(token);
    onDone();
  });
  return (
    <Card title={t`Verify your address`} lead={t`The last step of making your account.`} busy={busy} error={error} action={t`Verify and sign in`} onSubmit={verify}
      after={<button type="button" className="link-button" onClick={onDone}>{back ?? t`Back to sign-in`}</button>}>
      {null}
    </Card>
  );
}

function NewPassword({ value, onChange }: { value: string; onChange: (value: string) => void }) {
  const { t } = useLingui();
  return <Field label={t`Password`} type="password" name="password" autoComplete="new-password" minLength={SHORTEST_PASSWORD} hint={t`At least ${SHORTEST_PASSWORD} characters.`} value={value} onChange={onChange} />;
}

function Told({ title, text, onDone }: { title: string; text: string; onDone: () => void }) {
  const { t } = useLingui();
  return (
    <main className="door">
      <div className="door-card">
        <h1>{title}</h1>
        <p className="soft" role="status">{text}</p>
        <button type="button" className="link-button" onClick={onDone}>{t`Back to sign-in`}</button>
      </div>
    </main>
  );
}

interface CardProps {
  title: string;
  lead: string;
  action: string;
  busy: boolean;
  error: string | null;
  onSubmit: () => void;
  /** Other ways, below the button. */
  after: ReactNode;
  children: ReactNode;
}

function Card({ title, lead, action, busy, error, onSubmit, after, children }: CardProps) {
  const { t } = useLingui();
  return (
    <main className="door">
      <form className="door-card" onSubmit={(event) => { event.preventDefault(); onSubmit(); }}>
        <h1>{title}</h1>
        <p className="soft">{lead}</p>
        {children}
        {error !== null && <p className="error" role="alert" data-testid="notice">{error}</p>}
        <button type="submit" className="small-button wide" data-testid="submit" disabled={busy}>{busy ? t`One moment …` : action}</button>
        <div className="door-ways">{after}</div>
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
