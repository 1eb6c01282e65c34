import { memo, type CSSProperties } from 'react';
import type { ChatClient } from '../lib/chat/client';
import type { Message } from '../lib/chat/log';
import { piecesOf } from '../lib/links';
import { hueOf } from '../lib/wording';

const ROLE_WORDS: Record<string, string> = { owner: 'Host', moderator: 'Mod', vip: 'VIP' };
const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

interface Props {
  message: Message;
  chat: ChatClient;
  own: boolean;
}

export const MessageLine = memo(function MessageLine({ message, chat, own }: Props) {
  const { author, state } = message;
  const hue = { '--hue': hueOf(author.id) } as CSSProperties;
  const role = ROLE_WORDS[author.role];
  return (
    <article className="message" data-testid="chat-message" data-seq={message.seq ?? undefined} data-state={state} data-own={own} title={timeOf(message.at)}>
      <span className="author" style={hue}>{author.name}</span>
      {role !== undefined && <span className="role">{role}</span>}
      <span className="text">
        {piecesOf(message.text).map(({ text, href }, index) =>
          href === null ? text : <a key={index} href={href} target="_blank" rel="noopener noreferrer nofollow ugc">{text}</a>,
        )}
      </span>
      {state === 'pending' && <span className="sending">Sending …</span>}
      {state === 'failed' && (
        <span className="failed">
          Not sent: {message.error}
          <button type="button" className="link-button" onClick={() => chat.resend(message.cid)}>Send again</button>
        </span>
      )}
    </article>
  );
});

function timeOf(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? '' : TIME.format(time);
}
