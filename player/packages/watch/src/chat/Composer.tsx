import { useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react';
import type { ChatClient } from '@weir/client/chat/client.ts';
import type { LineState } from '@weir/client/chat/connection.ts';
import { holdWords, type Hold, type Rule } from '@weir/client/chat/rights.ts';
import { bytesOf, LONGEST_TEXT_BYTES } from '@weir/client/format.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { Suggestions, useSuggestions } from './Suggestions';

interface Props {
  chat: ChatClient;
  line: LineState;
  closedBecause: string | null;
  hold: Hold | null;
  rule: Rule;
}

/** Where a viewer writes, and why not. Commands are taken where messages must wait. Enter sends, Shift + Enter begins a new line. */
export function Composer({ chat, line, closedBecause, hold, rule }: Props) {
  const [draft, setDraft] = useState({ text: '', caret: 0 });
  const { text } = draft;
  const field = useRef<HTMLTextAreaElement>(null);
  const closed = line === 'closed';
  const { words, barred, waits, ready } = judge(text, line, hold, rule);
  const change = (next: string, caret: number) => {
    setDraft({ text: next, caret });
    chat.signals.drafting(next);
  };
  const suggested = useSuggestions(chat, draft, (option) => {
    change(option.text, option.caret);
    field.current?.focus();
  });
  useLayoutEffect(() => {
    if (field.current?.selectionStart !== draft.caret) field.current?.setSelectionRange(draft.caret, draft.caret);
  }, [draft]);
  const moved = ({ selectionStart: caret, selectionEnd: end }: HTMLTextAreaElement) => {
    if (caret === end && caret !== draft.caret) setDraft({ text, caret });
  };
  const send = () => {
    if (!ready) return;
    if (chat.send(text.trim())) setDraft({ text: '', caret: 0 });
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (suggested.onKey(event)) return;
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form className="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
      {!closed && rule.words !== null && <p className="composer-rule" data-testid="chat-rule">{rule.words}</p>}
      <Words words={closed ? closedBecause : words} />
      <div className="composer-row">
        <Suggestions {...suggested} />
        <textarea ref={field} {...suggested.field} dir="auto" autoComplete="off" data-testid="chat-input" rows={1} value={text} placeholder={placeholderFor(closed, barred)} aria-label="Message" disabled={barred} onChange={(event) => change(event.target.value, event.target.selectionStart)} onSelect={(event) => moved(event.currentTarget)} onKeyDown={onKeyDown} />
        <button type="submit" className="send" data-testid="chat-send" aria-label="Send" title="Send" disabled={!ready}>
          {waits !== null && waits < 100 ? waits : <Glyph name="send" />}
        </button>
      </div>
    </form>
  );
}

function Words({ words }: { words: string | null }) {
  return words === null ? null : <p className="composer-notice" role="alert" data-testid="chat-notice">{words}</p>;
}

/** `waits` is the number of seconds for which this draft must wait. */
function judge(text: string, line: LineState, hold: Hold | null, rule: Rule) {
  const excess = bytesOf(text) - LONGEST_TEXT_BYTES;
  const barred = line === 'closed' || hold?.why === 'muted' || rule.barred;
  const waits = hold === null || hold.why === 'muted' || text.startsWith('/') ? null : hold.left;
  return { barred, waits, ready: text.trim() !== '' && excess <= 0 && !barred && waits === null, words: wordsFor(line, excess, hold) };
}

function placeholderFor(closed: boolean, barred: boolean): string {
  if (closed) return 'The chat is closed';
  return barred ? 'You cannot write now' : 'Write a message';
}

function wordsFor(line: LineState, excess: number, hold: Hold | null): string | null {
  if (excess > 0) return `This message is too long by ${excess} ${excess === 1 ? 'byte' : 'bytes'}.`;
  if (hold !== null) return holdWords(hold);
  if (line === 'reconnecting') return 'Not connected: what you write is sent when the connection is restored.';
  return null;
}
