import { useState } from 'react';
import type { ChatClient } from '@weir/client/chat/client.ts';
import type { Message } from '@weir/client/chat/log.ts';
import { moderates } from '@weir/client/chat/rights.ts';

/** In the place of a removed message. Moderators read what it said when they ask for it. */
export function Removed({ message: { id, removedBy }, chat, role }: { message: Message; chat: ChatClient; role: string | null }) {
  const [said, setSaid] = useState<string | null>(null);
  const [trouble, setTrouble] = useState<string | null>(null);
  const show = async (message: string) => {
    const answer = await chat.original(message);
    if (answer === null) setTrouble('No answer came.');
    else if (answer.ok) setSaid(answer.message.text);
    else setTrouble(answer.error.message);
  };
  return (
    <>
      <span className="text gone">{removedBy === 'author' ? 'Message removed by its author' : 'Message removed by a moderator'}</span>
      {said !== null && <s className="text gone" dir="auto" data-testid="removed-text">{said}</s>}
      {trouble !== null && <span className="failed" role="alert">{trouble}</span>}
      {said === null && id !== null && moderates(role) && (
        <button type="button" className="link-button" data-testid="show-removed" onClick={() => void show(id)}>Show to me</button>
      )}
    </>
  );
}
