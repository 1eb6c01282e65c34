import { useState, type KeyboardEvent } from 'react';
import type { ChatClient } from '../lib/chat/client';
import type { LineState } from '../lib/chat/line';
import { bytesOf, LONGEST_TEXT_BYTES } from '../lib/wording';
import { Glyph } from '../ui/icons';

interface Props {
  chat: ChatClient;
  line: LineState;
  closedBecause: string | null;
  rest: number;
}

/** Where a viewer writes. Enter sends, Shift + Enter begins a new line. */
export function Composer({ chat, line, closedBecause, rest }: Props) {
  const [text, setText] = useState('');
  const excess = bytesOf(text) - LONGEST_TEXT_BYTES;
  const closed = line === 'closed';
  const ready = text.trim() !== '' && excess <= 0 && rest === 0 && !closed;
  const words = closed ? closedBecause : wordsFor(line, excess, rest);
  const send = () => {
    if (!ready) return;
    chat.send(text.trim());
    setText('');
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
    event.preventDefault();
    send();
  };
  return (
    <form className="composer" onSubmit={(event) => { event.preventDefault(); send(); }}>
      {words !== null && <p className="composer-notice" role="alert" data-testid="chat-notice">{words}</p>}
      <div className="composer-row">
        <textarea data-testid="chat-input" rows={1} value={text} placeholder={closed ? 'The chat is closed' : 'Write a message'} aria-label="Message" disabled={closed} onChange={(event) => setText(event.target.value)} onKeyDown={onKeyDown} />
        <button type="submit" className="send" data-testid="chat-send" aria-label="Send" title="Send" disabled={!ready}>
          {rest > 0 ? rest : <Glyph name="send" />}
        </button>
      </div>
    </form>
  );
}

function wordsFor(line: LineState, excess: number, rest: number): string | null {
  if (excess > 0) return `This message is too long by ${excess} ${excess === 1 ? 'byte' : 'bytes'}.`;
  if (rest > 0) return `Slow down: you may write again in ${rest} s.`;
  if (line === 'reconnecting') return 'Not connected: what you write is sent when the line is back.';
  return null;
}
