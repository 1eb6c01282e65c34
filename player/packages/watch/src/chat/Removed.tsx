import { useState } from 'react';
import { Trans, useLingui } from '@lingui/react/macro';
import type { Message } from '@weir/client/chat/messages.ts';
import { moderates } from '@weir/client/chat/rights.ts';
import { useScope } from './hooks';

/** In the place of a removed message. Moderators read what it said when they ask for it. */
export function Removed({ message: { id, removedBy } }: { message: Message }) {
  const { t } = useLingui();
  const { chat, role } = useScope();
  const [said, setSaid] = useState<string | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const show = async (message: string) => {
    const answer = await chat.original(message);
    if (answer === null) setTrouble(t`No answer came.`);
    else if (answer.ok) setSaid(answer.message.text);
    else setTrouble(answer.error.message);
  };
  return (
    <>
      <span className="text gone">{removedBy === 'author' ? <Trans>Message removed by its author</Trans> : <Trans>Message removed by a moderator</Trans>}</span>
      {said !== null && <s className="text gone" dir="auto" data-testid="removed-text">{said}</s>}
      {trouble !== null && <span className="failed" role="alert">{trouble}</span>}
      {said === null && id !== null && moderates(role) && (
        <button type="button" className="link-button" data-testid="show-removed" onClick={() => void show(id)}><Trans>Show to me</Trans></button>
      )}
    </>
  );
}
