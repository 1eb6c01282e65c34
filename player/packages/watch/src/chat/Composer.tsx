import { Suspense, lazy, useImperativeHandle, useLayoutEffect, useRef, useState, type KeyboardEvent, type Ref } from 'react';
import { Trans, useLingui } from '@lingui/react/macro';
import { plural, t as translate } from '@lingui/core/macro';
import type { ChatClient } from '@weir/client/chat/client.ts';
import type { LineState } from '@weir/client/chat/connection.ts';
import type { Message } from '@weir/client/chat/messages.ts';
import { holdWords, type Hold, type Rule } from '@weir/client/chat/rights.ts';
import { roomIn } from '@weir/client/chat/room.ts';
import { fetched } from '@weir/client/fetched.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { Quoted } from './QuoteLine';
import { Suggestions, useSuggestions } from './Suggestions';

const EmojiPicker = lazy(async () => ({ default: (await fetched(() => import('./EmojiPicker'))).EmojiPicker }));

export interface ComposerHandle {
  focus: () => void;
  insert: (text: string) => void;
}

interface Props {
  chat: ChatClient;
  line: LineState;
  closedBecause: string | null;
  hold: Hold | null;
  rule: Rule;
  answered: Message | null;
  onAnswered: () => void;
  composer: Ref<ComposerHandle>;
}

interface Draft {
  text: string;
  caret: number;
}

/** Where a viewer writes, and why not. Commands are taken where messages must wait. Enter sends, Shift + Enter begins a new line. */
export function Composer({ chat, line, closedBecause, hold, rule, answered, onAnswered, composer }: Props) {
  const { t } = useLingui();
  const { draft, change, moved, field, insert } = useDraft(chat, composer);
  const { text } = draft;
  const closed = line === 'closed';
  const { words, barred, waits, ready } = judge(text, line, hold, rule);
  const suggested = useSuggestions(chat, draft, (option) => {
    change(option.text, option.caret);
    field.current?.focus();
  });
  const send = () => {
    if (!ready || !chat.send(text.trim(), text.startsWith('/') ? null : (answered?.id ?? null))) return;
    change('', 0);
    if (!text.startsWith('/')) onAnswered();
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (suggested.onKey(event)) return;
    if (event.key === 'Escape') onAnswered();
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form className="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
      {!closed && rule.words !== null && <p className="composer-rule" data-testid="chat-rule">{rule.words}</p>}
      <Words words={closed ? closedBecause : words} />
      {answered !== null && <Answering message={answered} onCancel={onAnswered} />}
      <div className="composer-row">
        <Suggestions {...suggested} />
        <div className="composer-field">
          <textarea id="chat-field" ref={field} {...suggested.field} dir={text === '' ? undefined : 'auto'} autoComplete="off" data-testid="chat-input" rows={1} value={text} placeholder={placeholderFor(closed, barred)} aria-label={t`Message`} disabled={barred} onChange={(event) => change(event.target.value, event.target.selectionStart)} onSelect={(event) => moved(event.currentTarget)} onKeyDown={onKeyDown} />
          {!barred && <Emoji onPick={insert} />}
        </div>
        <button type="submit" className="send" data-testid="chat-send" aria-label={t`Send`} title={t`Send`} disabled={!ready}>
          {waits !== null && waits < 100 ? waits : <Glyph name="send" />}
        </button>
      </div>
    </form>
  );
}

/** The draft with its caret, which other parts of the chat may write into. */
function useDraft(chat: ChatClient, composer: Ref<ComposerHandle>) {
  const [draft, setDraft] = useState<Draft>({ text: '', caret: 0 });
  const field = useRef<HTMLTextAreaElement>(null);
  const change = (text: string, caret: number) => {
    setDraft({ text, caret });
    chat.signals.drafting(text);
  };
  const insert = (words: string) => {
    const { text, caret } = draft;
    change(text.slice(0, caret) + words + text.slice(caret), caret + words.length);
    field.current?.focus();
  };
  useImperativeHandle(composer, () => ({ focus: () => field.current?.focus(), insert }));
  useLayoutEffect(() => {
    if (field.current?.selectionStart !== draft.caret) field.current?.setSelectionRange(draft.caret, draft.caret);
  }, [draft]);
  const moved = ({ selectionStart: caret, selectionEnd: end }: HTMLTextAreaElement) => {
    if (caret === end && caret !== draft.caret) setDraft({ text: draft.text, caret });
  };
  return { draft, change, moved, field, insert };
}

/** The picker is loaded at its first use. */
function Emoji({ onPick }: { onPick: (emoji: string) => void }) {
  const { t } = useLingui();
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const close = (refocus: boolean) => {
    setOpen(false);
    if (refocus) button.current?.focus();
  };
  return (
    <>
      <button ref={button} type="button" className="emoji-button" data-testid="emoji-button" aria-label={t`Emoji`} title={t`Emoji`} aria-haspopup="dialog" aria-expanded={open} onClick={() => setOpen(!open)}><Glyph name="smile" /></button>
      {open && <Suspense fallback={<div className="emoji" aria-busy="true" />}><EmojiPicker onPick={(emoji) => { close(false); onPick(emoji); }} onClose={() => close(true)} /></Suspense>}
    </>
  );
}

function Answering({ message, onCancel }: { message: Message; onCancel: () => void }) {
  const { t } = useLingui();
  return (
    <div className="answering" data-testid="answering">
      <Glyph name="reply" />
      <span className="unseen"><Trans>You answer:</Trans></span>
      <Quoted message={message} />
      <button type="button" className="plain-icon" aria-label={t`Don’t answer this message`} title={t`Don’t answer this message`} onClick={onCancel}><Glyph name="close" /></button>
    </div>
  );
}

function Words({ words }: { words: string | null }) {
  return words === null ? null : <p className="composer-notice" role="alert" data-testid="chat-notice">{words}</p>;
}

/** `waits` is the number of seconds for which this draft must wait. */
function judge(text: string, line: LineState, hold: Hold | null, rule: Rule) {
  const room = roomIn(text);
  const barred = line === 'closed' || hold?.why === 'muted' || rule.barred;
  const waits = hold === null || hold.why === 'muted' || text.startsWith('/') ? null : hold.left;
  return { barred, waits, ready: text.trim() !== '' && room.over === 0 && !barred && waits === null, words: wordsFor(line, room, hold) };
}

function placeholderFor(closed: boolean, barred: boolean): string {
  if (closed) return translate`The chat is closed`;
  return barred ? translate`You can’t write now` : translate`Write a message`;
}

function wordsFor(line: LineState, { over, left }: ReturnType<typeof roomIn>, hold: Hold | null): string | null {
  if (over > 0) return plural(over, { one: 'This message is # character too long.', other: 'This message is # characters too long.' });
  if (hold !== null) return holdWords(hold);
  if (line === 'reconnecting') return translate`Not connected: what you write is sent when the connection is restored.`;
  return left === null ? null : plural(left, { one: 'Room for # more character.', other: 'Room for # more characters.' });
}
