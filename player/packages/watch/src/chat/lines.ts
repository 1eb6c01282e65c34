import { useMemo } from 'react';
import type { ChatClient } from '@weir/client/chat/client.ts';
import type { Message } from '@weir/client/chat/messages.ts';
import type { Note } from '@weir/client/chat/systemMessages.ts';
import { useCalmPick, usePick } from './hooks';

export type Line = Message | Note;

/** A line is known by its author's own id for it, which an own message has before the server knows it. */
export function keyOf(line: Line): string {
  return 'words' in line ? `note ${line.seq} ${line.words}` : `${line.author.id} ${line.cid}`;
}

/** What is shown: without messages that wait for the picture, and without ignored people. */
export function useLines(chat: ChatClient): readonly Line[] {
  const log = useCalmPick(chat.view, (view) => view.log);
  const waiting = usePick(chat.alignment.view, (view) => view.waiting);
  const ignored = usePick(chat.settings.view, (settings) => settings.ignored);
  return useMemo(() => {
    const shown = log.messages.filter(({ id, author }) => (id === null || !waiting.has(id)) && !Object.hasOwn(ignored, author.id));
    return linesOf(shown, log.notes);
  }, [log.messages, log.notes, waiting, ignored]);
}

/** Messages with the notes after the entries they belong to. */
function linesOf(messages: readonly Message[], notes: readonly Note[]): Line[] {
  const lines: Line[] = [];
  const oldest = messages[0]?.seq ?? 0;
  let next = 0;
  for (const message of messages) {
    for (let note = notes[next]; note !== undefined && (message.seq === null || note.seq < message.seq); note = notes[next]) {
      if (note.seq >= oldest) lines.push(note);
      next += 1;
    }
    lines.push(message);
  }
  return [...lines, ...notes.slice(next)];
}
