import { useId, useRef, useState } from 'react';
import type { ChatClient } from '@weir/client/chat/client.ts';
import type { Present } from '@weir/client/chat/wire.ts';
import { countText } from '@weir/client/format.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { ROLE_WORDS } from './MessageLine';

interface Listed {
  users: readonly Present[];
  total: number;
  next: string | null;
}

/** Who is in the chat, asked anew each time the list is opened. */
export function People({ chat }: { chat: ChatClient }) {
  const id = useId();
  const root = useRef<HTMLDivElement>(null);
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
      <button type="button" className="plain-icon" data-testid="people-button" aria-label="People in the chat" title="People in the chat" popoverTarget={id}>
        <Glyph name="people" />
      </button>
      <div ref={root} id={id} popover="auto" className="people" role="dialog" aria-label="People in the chat" data-testid="people" onToggle={(event) => onToggle(event.newState)}>
        <h3>{listed === null ? 'People in the chat' : `${countText(listed.total)} in the chat`}</h3>
        <ul>
          {listed?.users.map(({ id: user, name, role }) => (
            <li key={user}>
              <span>{name}</span>
              {ROLE_WORDS[role] !== undefined && <span className="role">{ROLE_WORDS[role]}</span>}
            </li>
          ))}
        </ul>
        {listed !== null && listed.next !== null && (
          <button type="button" className="quiet-button" onClick={() => void load(listed)}>Show more</button>
        )}
      </div>
    </>
  );
}
