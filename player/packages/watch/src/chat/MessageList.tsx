import { useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { ChatClient, ChatView } from '@weir/client/chat/client.ts';
import type { ChatLog } from '@weir/client/chat/log.ts';
import { countText } from '@weir/client/format.ts';
import type { Message } from '@weir/client/chat/messages.ts';
import type { Note } from '@weir/client/chat/systemMessages.ts';
import { MessageLine } from './MessageLine';
import { MessageMenu, type MenuPlace } from './MessageMenu';

const NEAR_END_PX = 48;
const FIRST_PAGE = 50;

interface Props {
  chat: ChatClient;
  log: ChatLog;
  older: ChatView['older'];
  ownId: string | null;
  role: string | null;
  closed: boolean;
}

/** Shown where there are no messages. A banned user finds the reason at the composer. */
function noneWords(role: string | null, closed: boolean): string {
  if (closed) return 'The chat is closed to you.';
  return role !== null ? 'No messages yet. Say hello!' : 'Loading the chat …';
}

/** The messages, held at the newest one until the reader scrolls back. */
export function MessageList({ chat, log, older, ownId, role, closed }: Props) {
  const { list, unread, onScroll, toEnd } = useHeldScroll(log, ownId);
  const { messages } = log;
  const [menu, setMenu] = useState<MenuPlace | null>(null);
  const mayHaveOlder = older !== 'none' && messages.length >= FIRST_PAGE && !log.trimmed;
  return (
    <div className="messages-frame">
      <div className="messages" role="log" aria-label="Messages" tabIndex={0} ref={list} onScroll={onScroll}>
        {mayHaveOlder && (
          <button type="button" className="quiet-button" disabled={older === 'loading'} onClick={() => void chat.loadOlder()}>
            {older === 'loading' ? 'Loading …' : 'Earlier messages'}
          </button>
        )}
        {messages.length === 0 && log.notes.length === 0 && <p className="messages-none">{noneWords(role, closed)}</p>}
        {linesOf(messages, log.notes).map((line) =>
          'words' in line ? (
            <p key={`note ${line.seq} ${line.words}`} className="note" data-testid="chat-note">{line.words}</p>
          ) : (
            <MessageLine key={`${line.author.id} ${line.cid}`} message={line} chat={chat} own={line.author.id === ownId} role={role} onMenu={setMenu} />
          ),
        )}
      </div>
      {menu !== null && <MessageMenu key={menu.message.cid} place={menu} chat={chat} onClose={() => setMenu(null)} />}
      {unread > 0 && (
        <button type="button" className="unread" onClick={toEnd}>
          {unread === 1 ? '1 new message' : `${countText(unread)} new messages`} ↓
        </button>
      )}
    </div>
  );
}

/** Messages with the notes after the entries they belong to. */
function linesOf(messages: readonly Message[], notes: readonly Note[]): (Message | Note)[] {
  const lines: (Message | Note)[] = [];
  let next = 0;
  for (const message of messages) {
    for (let note = notes[next]; note !== undefined && (message.seq === null || note.seq < message.seq); note = notes[next]) {
      lines.push(note);
      next += 1;
    }
    lines.push(message);
  }
  return [...lines, ...notes.slice(next)];
}

/** Keeps the reader's place: at the end while they are there, else where they are, also when older messages come above. */
function useHeldScroll(log: ChatLog, ownId: string | null) {
  const list = useRef<HTMLDivElement>(null);
  const held = useRef({ atEnd: true, height: 0, first: '' });
  const [readTo, setReadTo] = useState<number | null>(null);
  const last = log.messages.at(-1);
  const writing = last?.state === 'pending' && last.author.id === ownId ? last.cid : null;

  useLayoutEffect(() => {
    if (writing !== null) held.current.atEnd = true; // who writes wants to see it
  }, [writing]);
  useLayoutEffect(() => {
    const box = list.current;
    if (box === null) return;
    const first = log.messages[0]?.cid ?? '';
    if (held.current.atEnd) box.scrollTop = box.scrollHeight;
    else if (first !== held.current.first) box.scrollTop += box.scrollHeight - held.current.height;
    held.current.first = first;
    held.current.height = box.scrollHeight;
  }, [log]);

  useEffect(() => {
    const box = list.current;
    if (box === null) return;
    // A notice below, a keyboard on a phone: the list changes its height, and the end stays in view.
    const observer = new ResizeObserver(() => {
      if (held.current.atEnd) box.scrollTop = box.scrollHeight;
    });
    observer.observe(box);
    return () => observer.disconnect();
  }, []);

  const onScroll = () => {
    const box = list.current;
    if (box === null) return;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
    setReadTo((before) => (atEnd ? null : (before ?? log.seq)));
    held.current.atEnd = atEnd;
  };
  const toEnd = () => list.current?.scrollTo({ top: list.current.scrollHeight, behavior: 'smooth' });
  const unread = readTo === null ? 0 : log.messages.filter(({ seq, author }) => seq !== null && seq > readTo && author.id !== ownId).length;
  return { list, unread, onScroll, toEnd };
}
