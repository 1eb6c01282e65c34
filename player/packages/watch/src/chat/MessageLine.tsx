import { memo, type CSSProperties } from 'react';
import type { ChatClient } from '@weir/client/chat/client.ts';
import type { Message } from '@weir/client/chat/log.ts';
import { deedsFor } from '@weir/client/chat/rights.ts';
import { piecesOf } from '@weir/client/links.ts';
import { hueOf } from '@weir/client/format.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import type { MenuPlace } from './MessageMenu';
import { Removed } from './Removed';

export const ROLE_WORDS: Record<string, string> = { owner: 'Host', moderator: 'Mod', vip: 'VIP' };
const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

interface Props {
  message: Message;
  chat: ChatClient;
  own: boolean;
  role: string | null;
  onMenu: (place: MenuPlace) => void;
}

export const MessageLine = memo(function MessageLine({ message, chat, own, role, onMenu }: Props) {
  const { author, state, seq, manner, shadow } = message;
  const hue = { '--hue': hueOf(author.id) } as CSSProperties;
  const badge = ROLE_WORDS[author.role];
  const deeds = deedsFor(message, role, own);
  return (
    <article className="message" data-testid="chat-message" data-seq={seq ?? undefined} data-state={state} data-own={own} data-manner={manner} data-shadow={shadow || undefined} title={timeOf(message.at)}>
      {manner === 'announced' && <span className="announced">Announcement</span>}
      <span className="author" style={hue}>{author.name}</span>
      {badge !== undefined && <span className="role">{badge}</span>}
      {shadow && <span className="role shadow" title="Only moderators and the author see this message.">Shadow-banned</span>}
      {state === 'removed' ? <Removed message={message} chat={chat} role={role} /> : <Said message={message} />}
      {state === 'pending' && <span className="sending">Sending …</span>}
      {state === 'held' && <span className="sending">Waits for a moderator</span>}
      {state === 'failed' && (
        <span className="failed">
          Not sent: {message.error}
          <button type="button" className="link-button" onClick={() => chat.resend(message.cid)}>Send again</button>
        </span>
      )}
      {deeds.length > 0 && (
        <button type="button" className="more" data-testid="message-menu" aria-haspopup="menu" aria-label={`Actions on the message of ${author.name}`} title="Actions" onClick={(event) => onMenu({ message, deeds, button: event.currentTarget })}>
          <Glyph name="more" />
        </button>
      )}
    </article>
  );
});

function Said({ message: { text } }: { message: Message }) {
  return (
    <span className="text" dir="auto">
      {piecesOf(text).map((piece, index) =>
        piece.href === null ? piece.text : <a key={index} href={piece.href} target="_blank" rel="noopener noreferrer nofollow ugc">{piece.text}</a>,
      )}
    </span>
  );
}

function timeOf(at: string): string {
  const time = new Date(at);
  return Number.isNaN(time.getTime()) ? '' : TIME.format(time);
}
