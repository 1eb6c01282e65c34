import { useLingui } from '@lingui/react/macro';
import { i18n } from '@lingui/core';
import { useEffect, useState, type ReactNode } from 'react';
import { dateText } from '@weir/client/format.ts';
import { Problem } from '@weir/client/http.ts';
import type { SignIn } from './signIn';
import type { Account, FoundInvitation } from '../api';
import { ROLE_WORDS } from '../roles';
import { useAction } from '../common/useAction';

interface InvitedProps {
  signIn: SignIn;
  token: string;
  /** The invitation can't be taken, or is not wanted now. */
  onDone: () => void;
  children: (invitation: FoundInvitation) => ReactNode;
}

/** Looks the invitation up before anything is typed; says so when it can't be taken. */
export function Invited({ signIn, token, onDone, children }: InvitedProps) {
  const { t } = useLingui();
  const [invitation, setInvitation] = useState<FoundInvitation | null>(null);
  const [refused, setRefused] = useState<Problem | null>(null);
  const [attempt, setAttempt] = useState(0);
  useEffect(() => {
    signIn.invitation(token).then(setInvitation, (error: unknown) => setRefused(error instanceof Problem ? error : new Problem(0, 'unavailable', String(error))));
  }, [signIn, token, attempt]);
  const again = () => {
    setRefused(null);
    setAttempt(attempt + 1);
  };
  if (invitation !== null) return children(invitation);
  if (refused === null) return <p className="studio-wait" role="status">{t`One moment …`}</p>;
  return <Refused problem={refused} onAgain={again} onDone={onDone} />;
}

function Refused({ problem, onAgain, onDone }: { problem: Problem; onAgain: () => void; onDone: () => void }) {
  const { t } = useLingui();
  const spent = problem.code === 'invitation_spent';
  return (
    <main className="door">
      <div className="door-card" data-testid="invitation-refused">
        <h1>{spent ? t`This invitation has ended` : t`The invitation can’t be read now`}</h1>
        <p className="soft" role="alert">{problem.message}</p>
        {spent && <p className="soft">{t`If you have joined already, sign in with your account.`}</p>}
        {!spent && <button type="button" className="small-button wide" onClick={onAgain}>{t`Try again`}</button>}
        <div className="door-ways"><button type="button" className="link-button" onClick={onDone}>{t`To the studio`}</button></div>
      </div>
    </main>
  );
}

export function InvitationFacts({ invitation }: { invitation: FoundInvitation }) {
  const { t } = useLingui();
  return (
    <dl className="door-facts" data-testid="invitation-facts">
      {invitation.invited_by !== null && <div><dt>{t`Invited by`}</dt><dd><bdi>{invitation.invited_by}</bdi></dd></div>}
      <div><dt>{t`For`}</dt><dd>{invitation.email}</dd></div>
      <div><dt>{t`Role`}</dt><dd>{i18n._(ROLE_WORDS[invitation.role])}</dd></div>
      <div><dt>{t`Until`}</dt><dd>{dateText(invitation.expires)}</dd></div>
    </dl>
  );
}

/** Somebody who is signed in already opens an invitation. */
export function Joining({ signIn, account, token, onDone }: { signIn: SignIn; account: Account; token: string; onDone: () => void }) {
  return (
    <Invited signIn={signIn} token={token} onDone={onDone}>
      {(invitation) => <JoinCard signIn={signIn} account={account} invitation={invitation} token={token} onDone={onDone} />}
    </Invited>
  );
}

interface JoinProps {
  signIn: SignIn;
  account: Account;
  invitation: FoundInvitation;
  token: string;
  onDone: () => void;
}

function JoinCard({ signIn, account, invitation, token, onDone }: JoinProps) {
  const { t } = useLingui();
  const { busy, error, run } = useAction();
  const mine = account.email === invitation.email;
  const join = () => run(async () => {
    await signIn.join(token);
    onDone();
  });
  return (
    <main className="door">
      <div className="door-card">
        <h1>{t`Join “${invitation.app_name}”`}</h1>
        <p className="soft">{mine ? t`You are signed in as ${account.email}.` : t`You are signed in as ${account.email}, and this invitation is for another address. Sign out, then sign in or make an account with that one.`}</p>
        <InvitationFacts invitation={invitation} />
        {error !== null && <p className="error" role="alert">{error}</p>}
        <button type="button" className="small-button wide" disabled={busy} onClick={mine ? join : () => run(() => signIn.logout())}>{mine ? t`Join` : t`Sign out`}</button>
        <div className="door-ways"><button type="button" className="link-button" onClick={onDone}>{t`Not now`}</button></div>
      </div>
    </main>
  );
}
