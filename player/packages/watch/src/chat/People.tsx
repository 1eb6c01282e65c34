import { useId, useState } from 'react';
import { Plural, Trans, useLingui } from '@lingui/react/macro';
import { moderates } from '@weir/client/chat/rights.ts';
import type { Present } from '@weir/client/chat/wire.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { useScope } from './hooks';
import { Name, RolePill } from './person';

interface Listed {
  users: readonly Present[];
  total: number;
  next: string | null;
}

/** Who is in the chat, asked anew each time the list is opened. */
export function People() {
  const { t } = useLingui();
  const { chat } = useScope();
  const id = useId();
  const [listed, setListed] = useState<Listed | null>(null);
  const load = async (before: Listed | null) => {
    const page = await chat.people(before?.next ?? null);
    if (page === null) return;
    const known = new Map([...(before?.users ?? []), ...page.users].map((user) => [user.id, user]));
    setListed({ users: [...known.values()], total: page.total, next: page.next });
  };
  const onToggle = (state: string) => {
    setListed(null);
    if (state === 'open') void load(null);
  };
  return (
    <>
      <button type="button" className="plain-icon" data-testid="people-button" aria-label={t`People in the chat`} title={t`People in the chat`} popoverTarget={id}><Glyph name="people" /></button>
      <div id={id} popover="auto" className="people" role="dialog" aria-label={t`People in the chat`} data-testid="people" onToggle={(event) => onToggle(event.newState)}>
        <h3>{listed === null ? <Trans>People in the chat</Trans> : <Plural value={listed.total} one="# person in the chat" other="# in the chat" />}</h3>
        <ul>{listed?.users.map((user) => <Row key={user.id} user={user} />)}</ul>
        {listed !== null && listed.next !== null && <button type="button" className="quiet-button" onClick={() => void load(listed)}><Trans>Show more</Trans></button>}
      </div>
    </>
  );
}

/** Moderators see the person's card; everybody else writes to them. */
function Row({ user: { id, name, role } }: { user: Present }) {
  const { t } = useLingui();
  const { card, mention, ownId, role: ownRole } = useScope();
  const carded = moderates(ownRole);
  return (
    <li>
      <button type="button" className="person" disabled={id === ownId && !carded} title={carded ? t`About ${name}` : t`Mention ${name}`} onClick={(event) => {
        event.currentTarget.closest<HTMLElement>('[popover]')?.hidePopover();
        if (carded) card(id);
        else mention(name);
      }}>
        <Name id={id} name={name} />
        <RolePill role={role} />
      </button>
    </li>
  );
}
