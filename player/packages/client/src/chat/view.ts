import type { LineState } from './connection';
import type { Picture } from './alignment';
import * as chatLog from './log';
import { NOBODY, type Hold, type Self } from './rights';
import type { Choice, CommandForm } from './wire';

/** Words for this person alone. `undo` is the command that takes back what was done; `choices` are people who may have been meant. */
export interface Notice {
  kind: 'reply' | 'error' | 'warning';
  words: string;
  undo: string | null;
  choices: readonly Choice[];
  /** What `/help` lists; empty for any other answer. */
  commands: readonly CommandForm[];
}

export interface ChatView {
  line: LineState;
  log: chatLog.ChatLog;
  role: string | null;
  self: Self;
  /** Why the chat was closed, in words. */
  closedBecause: string | null;
  hold: Hold | null;
  notice: Notice | null;
  older: 'idle' | 'loading' | 'none';
}

/** What the chat's connection gives to the rest of the page. */
export interface ChatSurroundings {
  streamEvent: (type: string, reason: string | null) => void;
  viewers: (count: number) => void;
  picture: () => Picture;
  reactions: (counts: Readonly<Record<string, number>>) => void;
}

export const START: ChatView = { line: 'connecting', log: chatLog.EMPTY, role: null, self: NOBODY, closedBecause: null, hold: null, notice: null, older: 'idle' };
