import { i18n } from '@lingui/core';
import { useCallback, useState } from 'react';
import { dateText } from '@weir/client/format.ts';
import { team, type Account, type Invitation, type Invited, type Member, type Role } from '../api';
import type { Ask } from '../authorizedApi';
import { CopyField } from '@weir/kit/CopyField.tsx';
import { atLeast, givable, ROLE_WORDS } from '../roles';
import { Sure } from '../common/ConfirmButton';
import { useAction } from '../common/useAction';
import { useQuery } from '../common/useQuery';

interface Props {
  ask: Ask;
  account: Account;
  role: Role;
  onLeft: () => void;
}

/** Who works on the app, and who is asked to. */
export function TeamPage({ ask, account, role, onLeft }: Props) {
  const rules = atLeast(role, 'admin');
  const members = useQuery(useCallback(() => ask(team.members), [ask]));
  const invitations = useQuery(useCallback(async () => (rules ? await ask(team.invitations) : []), [ask, rules]));
  const [invited, setInvited] = useState<Invited | null>(null);
  const { busy, error, run } = useAction();
  const act = (deed: () => Promise<void>) => run(async () => {
    await deed();
    await Promise.all([members.refresh(), invitations.refresh()]);
  });
  const invite = (email: string, to: Role) => act(async () => setInvited(await ask(team.invite, email, to)));
  const remove = (member: Member) => act(async () => { await ask(team.remove, member.account); });
  const leave = () => run(async () => {
    await ask(team.remove, account.id);
    onLeft();
  });
  const trouble = error ?? members.error ?? invitations.error;
  return (
    <section className="page" aria-label="Team">
      <header className="page-head"><h1>Team</h1></header>
      {trouble !== null && <p className="error" role="alert">{trouble}</p>}
      <ul className="rows">
        {members.value?.map((member) => (
          <MemberRow key={member.account} member={member} mine={member.account === account.id} role={role} busy={busy}
            onRole={(to) => act(async () => { await ask(team.setRole, member.account, to); })}
            onRemove={() => (member.account === account.id ? leave() : remove(member))} />
        ))}
        {invitations.value?.map((one) => <InvitationRow key={one.id} invitation={one} busy={busy} onWithdraw={() => act(() => ask(team.withdraw, one.id))} />)}
      </ul>
      {invited !== null && invited.link !== null && (
        <div className="box fresh" role="status">
          <h2>{invited.mailed ? 'The invitation is on its way by mail' : 'No mail is sent: hand over this link'}</h2>
          <p className="soft">{invited.mailed ? 'You can also hand over this link yourself.' : 'There is no mail server, or that address has been sent enough mails for now.'} It works once, within seven days, for that address; unlike a mailed one it does not verify it.</p>
          <CopyField label="Invitation" value={invited.link} testId="invitation-link" />
        </div>
      )}
      {rules && <InviteForm role={role} busy={busy} onInvite={invite} />}
    </section>
  );
}

interface MemberProps {
  member: Member;
  mine: boolean;
  /** The reader's own. */
  role: Role;
  busy: boolean;
  onRole: (role: Role) => void;
  onRemove: () => void;
}

function MemberRow({ member, mine, role, busy, onRole, onRemove }: MemberProps) {
  const roles = givable(role);
  const changeable = atLeast(role, 'admin') && roles.includes(member.role);
  return (
    <li className="row" data-testid="member">
      <span className="row-main">
        <strong>{nameOf(member)}{mine && <span className="soft"> (you)</span>}</strong>
        {member.name !== '' && member.email !== null && <span className="soft">{member.email}</span>}
      </span>
      <span className="row-facts">
        {changeable ? (
          <select className="field" aria-label={`Role of ${member.email ?? nameOf(member)}`} disabled={busy} value={member.role} onChange={(event) => onRole(event.target.value as Role)}>
            {roles.map((one) => <option key={one} value={one}>{titled(one)}</option>)}
          </select>
        ) : <span className="soft">{titled(member.role)}</span>}
      </span>
      <span className="row-deeds">
        {(mine || changeable) && (
          <Sure
            label={mine ? 'Leave' : 'Remove'} testId="remove-member" busy={busy} plain yes={mine ? 'Leave the app' : 'Remove them'} onYes={onRemove}
            question={mine ? 'You can return only when a member of the team invites you again.' : `${nameOf(member)} can no longer open this app, and is signed out of it within ten seconds.`}
          />
        )}
      </span>
    </li>
  );
}

function InvitationRow({ invitation, busy, onWithdraw }: { invitation: Invitation; busy: boolean; onWithdraw: () => void }) {
  return (
    <li className="row" data-testid="invitation">
      <span className="row-main">
        <strong>{invitation.email}</strong>
        <span className="soft">Invited, until {dateText(invitation.expires)}</span>
      </span>
      <span className="row-facts soft">{titled(invitation.role)}</span>
      <span className="row-deeds">
        <Sure label="Withdraw" testId="withdraw" busy={busy} plain yes="Withdraw it" question={`The link that ${invitation.email} has works no longer.`} onYes={onWithdraw} />
      </span>
    </li>
  );
}

function InviteForm({ role, busy, onInvite }: { role: Role; busy: boolean; onInvite: (email: string, role: Role) => void }) {
  const [email, setEmail] = useState('');
  const [to, setTo] = useState<Role>('editor');
  const submit = () => {
    onInvite(email.trim(), to);
    setEmail('');
  };
  return (
    <form className="box" aria-label="Invite a member" onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <h2>Invite a member</h2>
      <label className="labelled"><span>E-mail</span><input className="field" type="email" name="invitee" required maxLength={254} value={email} onChange={(event) => setEmail(event.target.value)} /></label>
      <label className="labelled"><span>Role</span>
        <select className="field" value={to} onChange={(event) => setTo(event.target.value as Role)}>
          {givable(role).map((one) => <option key={one} value={one}>{i18n._(ROLE_WORDS[one])}</option>)}
        </select>
      </label>
      <div className="form-end"><button type="submit" className="small-button" data-testid="invite" disabled={busy}>Invite</button></div>
    </form>
  );
}

function nameOf({ name, email, account }: Member): string {
  return name || (email ?? account);
}

function titled(role: Role): string {
  return role.charAt(0).toUpperCase() + role.slice(1);
}
