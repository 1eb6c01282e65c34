import { memo } from 'react';
import { Trans, useLingui } from '@lingui/react/macro';
import { mentions, saidOf } from '@weir/client/chat/mentions.ts';
import type { Message } from '@weir/client/chat/messages.ts';
import { locale } from '@weir/client/format.ts';
import { hostOf } from '@weir/client/links.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { useScope } from './hooks';
import type { MenuPlace } from './Menu';
import { Avatar, Badges, Name, RolePill } from './person';
import { QuoteLine } from './QuoteLine';
import { Removed } from './Removed';

interface Props {
  message: Message;
  /** The list's only tab stop is on this line. */
  stop: boolean;
  flash: boolean;
  line: string;
  onMenu: (place: MenuPlace) => void;
}

/** One message. Its buttons are for pointers: by keyboard the line itself opens the menu that has them all. */
export const MessageLine = memo(function MessageLine({ message, stop, flash, line, onMenu }: Props) {
  const { ownId, ownName, card } = useScope();
  const { author, state, seq, manner, shadow } = message;
  const own = author.id === ownId;
  const named = !own && state !== 'removed' && mentions(message.text, ownName);
  return (
    <article
      className="message" data-line={line} data-testid="chat-message" data-seq={seq ?? undefined} data-state={state} data-own={own} data-manner={manner}
      data-shadow={shadow || undefined} data-mentioned={named || undefined} data-flash={flash || undefined} tabIndex={stop ? 0 : -1}
    >
      <Above message={message} />
      <span className="body">
        <At at={message.at} />
        <Avatar author={author} />
        <span className="badges"><Badges badges={author.badges} /></span>
        <button type="button" tabIndex={-1} className="author-button" data-testid="author" onClick={() => card(author.id)}><Name id={author.id} name={author.name} /></button>
        <RolePill role={author.role} />
        {shadow && <Shadow />}
        {state === 'removed' ? <Removed message={message} /> : <Said message={message} ownName={own ? null : ownName} />}
      </span>
      <Standing message={message} />
      <Tools message={message} onMenu={onMenu} />
    </article>
  );
});

function Above({ message: { manner, replyTo, state } }: { message: Message }) {
  if (manner === 'announced') return <span className="announced"><Trans>Announcement</Trans></span>;
  return replyTo === null || state === 'removed' ? null : <QuoteLine id={replyTo} />;
}

function Shadow() {
  const { t } = useLingui();
  return <span className="role" data-role="shadow" title={t`Only moderators and the author see this message.`}><Trans>Shadow-banned</Trans></span>;
}

function Said({ message: { text }, ownName }: { message: Message; ownName: string | null }) {
  return (
    <span className="text" dir="auto">
      {saidOf(text, ownName).map(({ text: words, href, mention }, index) => {
        if (href !== null) return <a key={index} href={href} tabIndex={-1} target="_blank" rel="noopener noreferrer nofollow ugc" title={hostOf(href)}>{words}</a>;
        return mention === null ? words : <span key={index} className="mention" data-self={mention === 'self'}>{words}</span>;
      })}
    </span>
  );
}

/** Where an own message is on its way. */
function Standing({ message: { state, error, cid } }: { message: Message }) {
  const { chat } = useScope();
  if (state === 'pending') return <span className="sending"><Trans>Sending …</Trans></span>;
  if (state === 'held') return <span className="sending"><Trans>Waits for a moderator</Trans></span>;
  if (state !== 'failed') return null;
  return (
    <span className="failed">
      <Trans>Not sent: {error}</Trans>
      <button type="button" className="link-button" onClick={() => chat.resend(cid)}><Trans>Send again</Trans></button>
    </span>
  );
}

function Tools({ message, onMenu }: { message: Message; onMenu: (place: MenuPlace) => void }) {
  const { t } = useLingui();
  const { answer, role, chat } = useScope();
  const { id, author: { name }, state } = message;
  const mayAnswer = id !== null && state === 'sent' && !message.shadow && role !== 'guest' && chat.self() !== null;
  return (
    <span className="tools">
      {mayAnswer && (
        <button type="button" tabIndex={-1} className="tool" data-testid="reply" aria-label={t`Reply to ${name}`} title={t`Reply`} onClick={() => answer(message)}><Glyph name="reply" /></button>
      )}
      <button type="button" tabIndex={-1} className="tool" data-testid="message-menu" aria-haspopup="menu" aria-label={t`Actions on the message of ${name}`} title={t`Actions`} onClick={(event) => onMenu({ message, at: event.currentTarget })}>
        <Glyph name="more" />
      </button>
    </span>
  );
}

function At({ at }: { at: string }) {
  const time = new Date(at);
  if (Number.isNaN(time.getTime())) return null;
  return <time className="at" dateTime={at} title={time.toLocaleString(locale())} data-time={time.toLocaleTimeString(locale(), { hour: '2-digit', minute: '2-digit' })} />;
}
