import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { dateText } from '@weir/client/format.ts';
import { Avatar } from '@weir/kit/Avatar.tsx';
import { Badge } from '@weir/kit/Badge.tsx';
import { Button } from '@weir/kit/Button.tsx';
import { CopyField } from '@weir/kit/CopyField.tsx';
import { ConfirmDialog } from '@weir/kit/Dialog.tsx';
import { SelectField, TextField } from '@weir/kit/Field.tsx';
import { Card, Page } from '@weir/kit/Layout.tsx';
import { ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { team, type Invitation, type Invited, type Member, type Role } from '../api';
import { useAction } from '../common/useAction';
import { givable, ROLE_NAMES, ROLE_WORDS } from '../roles';
import { useApp } from '../shell/AppContext';
import { usePageTitle } from '../shell/title';

/** Who works on the app, and who is asked to. */
export function TeamPage({ onLeft }: { onLeft: () => void }) {
  const { t } = useLingui();
  usePageTitle(t`Team`);
  const { app, ask, can } = useApp();
  const rules = can('admin');
  const { data: members, error, refetch } = useQuery({ queryKey: [app.id, 'members'], queryFn: () => ask(team.members) });
  const { data: invitations = [] } = useQuery({ queryKey: [app.id, 'invitations'], queryFn: () => ask(team.invitations), enabled: rules });
  return (
    <Page title={<Trans>Team</Trans>} lead={<Trans>Who works on this app, and what each may do.</Trans>}>
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      {members === undefined ? error === null && <Skeleton /> : (
        <ul className="grid divide-y divide-line rounded-card border border-line bg-surface">
          {members.map((member) => <MemberRow key={member.account} member={member} onlyOwner={member.role === 'owner' && members.filter(({ role }) => role === 'owner').length === 1} onLeft={onLeft} />)}
          {invitations.map((one) => <InvitationRow key={one.id} invitation={one} />)}
        </ul>
      )}
      {rules && <InviteForm />}
    </Page>
  );
}

function useTeam(): () => Promise<void> {
  const { app } = useApp();
  const known = useQueryClient();
  return async () => { await Promise.all([known.invalidateQueries({ queryKey: [app.id, 'members'] }), known.invalidateQueries({ queryKey: [app.id, 'invitations'] })]); };
}

/** The only owner of an app can't leave it, and nobody can take the role away. */
function MemberRow({ member, onlyOwner, onLeft }: { member: Member; onlyOwner: boolean; onLeft: () => void }) {
  const { t, i18n } = useLingui();
  const { app, account, can } = useApp();
  const mine = member.account === account.id;
  const changeable = !onlyOwner && can('admin') && givable(app.role).includes(member.role);
  const name = nameOf(member);
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3" data-testid="member">
      <Avatar id={member.account} name={name} size={34} />
      <div className="grid min-w-0 flex-1 basis-44">
        <strong className="line-clamp-2 [overflow-wrap:anywhere]"><bdi>{name}</bdi>{mine && <span className="font-normal text-soft"> {t`(you)`}</span>}</strong>
        {member.name !== '' && member.email !== null && <span className="text-sm text-soft [overflow-wrap:anywhere]">{member.email}</span>}
      </div>
      {changeable ? <RoleSelect member={member} /> : <Badge>{i18n._(ROLE_NAMES[member.role])}</Badge>}
      {!onlyOwner && (mine || changeable) && <Removal member={member} mine={mine} onLeft={onLeft} />}
    </li>
  );
}

function RoleSelect({ member }: { member: Member }) {
  const { t, i18n } = useLingui();
  const { app, ask } = useApp();
  const read = useTeam();
  const say = useToast();
  return (
    <select className="entry w-auto!" aria-label={t`Role of ${member.email ?? nameOf(member)}`} value={member.role} onChange={({ target }) => { ask(team.setRole, member.account, target.value as Role).then(read).catch(say.failed); }}>
      {givable(app.role).map((one) => <option key={one} value={one}>{i18n._(ROLE_NAMES[one])}</option>)}
    </select>
  );
}

function Removal({ member, mine, onLeft }: { member: Member; mine: boolean; onLeft: () => void }) {
  const { t } = useLingui();
  const { app, ask } = useApp();
  const read = useTeam();
  const [asked, setAsked] = useState(false);
  const remove = async () => {
    await ask(team.remove, member.account);
    if (mine) onLeft();
    else await read();
  };
  return (
    <>
      <Button size="small" data-testid="remove-member" onClick={() => setAsked(true)}>{mine ? t`Leave` : t`Remove`}</Button>
      <ConfirmDialog open={asked} onClose={() => setAsked(false)} title={mine ? t`Leave “${app.name}”?` : t`Remove ${nameOf(member)}?`} action={mine ? t`Leave the app` : t`Remove`} onConfirm={remove}>
        {mine ? <Trans>You can return only when a member of the team invites you again.</Trans> : <Trans>They can no longer open this app, and are signed out of it within ten seconds.</Trans>}
      </ConfirmDialog>
    </>
  );
}

function InvitationRow({ invitation }: { invitation: Invitation }) {
  const { t, i18n } = useLingui();
  const { ask } = useApp();
  const read = useTeam();
  const [asked, setAsked] = useState(false);
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-2 px-4 py-3" data-testid="invitation">
      <div className="grid min-w-0 flex-1 basis-44">
        <strong className="[overflow-wrap:anywhere]">{invitation.email}</strong>
        <span className="text-sm text-soft">{t`Invited, until ${dateText(invitation.expires)}`}</span>
      </div>
      <Badge>{i18n._(ROLE_NAMES[invitation.role])}</Badge>
      <Button size="small" data-testid="withdraw" onClick={() => setAsked(true)}>{t`Withdraw`}</Button>
      <ConfirmDialog open={asked} onClose={() => setAsked(false)} title={t`Withdraw the invitation of ${invitation.email}?`} action={t`Withdraw`} onConfirm={async () => { await ask(team.withdraw, invitation.id); await read(); }}>
        <Trans>The link that they have no longer works.</Trans>
      </ConfirmDialog>
    </li>
  );
}

function InviteForm() {
  const { t, i18n } = useLingui();
  const { app, ask } = useApp();
  const read = useTeam();
  const say = useToast();
  const [email, setEmail] = useState('');
  const [role, setRole] = useState<Role>('editor');
  const [invited, setInvited] = useState<Invited | null>(null);
  const { busy, error, run } = useAction();
  const invite = () => run(async () => {
    const made = await ask(team.invite, email.trim(), role);
    setInvited(made);
    setEmail('');
    if (made.link === null) say.done(t`The invitation is on its way by mail.`);
    await read();
  });
  return (
    <>
      {invited !== null && invited.link !== null && <FreshInvitation mailed={invited.mailed} link={invited.link} />}
      <form aria-label={t`Invite a member`} onSubmit={(event) => { event.preventDefault(); invite(); }}>
        <Card title={t`Invite a member`}>
          <div className="grid gap-4 sm:grid-cols-2">
            <TextField label={t`E-mail`} type="email" name="invitee" required maxLength={254} value={email} onChange={({ target }) => setEmail(target.value)} />
            <SelectField label={t`Role`} name="role" value={role} onChange={({ target }) => setRole(target.value as Role)}>
              {givable(app.role).map((one) => <option key={one} value={one}>{i18n._(ROLE_WORDS[one])}</option>)}
            </SelectField>
          </div>
          {error !== null && <p className="text-warn" role="alert">{error}</p>}
          <Button type="submit" look="primary" busy={busy} className="justify-self-start" data-testid="invite">{t`Invite`}</Button>
        </Card>
      </form>
    </>
  );
}

function FreshInvitation({ mailed, link }: { mailed: boolean; link: string }) {
  const { t } = useLingui();
  const lead = mailed ? t`You can also hand over this link yourself.` : t`There is no mail server, or that address has been sent enough mails for now.`;
  return (
    <div role="status">
      <Card className="border-accent" title={mailed ? t`The invitation is on its way by mail` : t`No mail is sent: hand over this link`} lead={`${lead} ${t`It works once, within seven days, for that address; unlike a mailed one it does not verify it.`}`}>
        <CopyField label={t`Invitation`} value={link} testId="invitation-link" />
      </Card>
    </div>
  );
}

function nameOf({ name, email, account }: Member): string {
  return name || (email ?? account);
}
