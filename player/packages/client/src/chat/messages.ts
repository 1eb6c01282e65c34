import type { Author, MessageEnvelope } from './wire';

/**
 * `seq` and `id` are null until the server has placed the message. `at` is RFC 3339, the browser's clock until then.
 * A removed message keeps its place and loses its text. `shadow`: its author is shadow-banned, which moderators see.
 */
export interface Message {
  cid: string;
  id: string | null;
  seq: number | null;
  author: Author;
  text: string;
  at: string;
  state: 'pending' | 'sent' | 'held' | 'failed' | 'removed';
  error: string | null;
  manner: 'said' | 'me' | 'announced';
  shadow: boolean;
  removedBy: 'moderator' | 'author' | null;
  /** The id of the message that this one answers. */
  replyTo: string | null;
  /** When it was said, ms since the epoch on the picture's clock. */
  moment: number;
}

type Messages = readonly Message[];

/** An own message before the server knows it. */
export function draft(cid: string, author: Author, text: string, at: string, replyTo: string | null = null): Message {
  const start = { state: 'pending', error: null, manner: 'said', shadow: false, removedBy: null } as const;
  return { cid, id: null, seq: null, author, text, at, ...start, replyTo, moment: Date.parse(at) };
}

/** Each message once: it is known by its id, an own one also by its cid. Seqs are not unique: see `shadow`. */
export function placed(messages: Messages, envelopes: readonly MessageEnvelope[]): Messages {
  return envelopes.reduce((held, envelope) => {
    const message = messageOf(envelope);
    return inserted(held.filter((one) => one.id !== message.id && !isSame(one, message)), message);
  }, messages);
}

function isSame(one: Message, other: Message): boolean {
  return one.cid === other.cid && one.author.id === other.author.id;
}

export function messageOf(envelope: MessageEnvelope): Message {
  const { cid, id, user: author, text, at, shadow = false, me = false, announcement = false } = envelope;
  const manner = announcement ? 'announced' : me ? 'me' : 'said';
  const seq = envelope.seq ?? envelope.after_seq ?? null;
  const said = { replyTo: envelope.reply_to ?? null, moment: envelope.picture_time ?? Date.parse(at) };
  return { cid, id, seq, author, text, at, state: 'sent', error: null, manner, shadow, removedBy: null, ...said };
}

/** In its place by seq, before those without one. New messages are nearly always the last, so the search begins at the end. */
export function inserted(messages: Messages, message: Message): Messages {
  const before = messages.findLastIndex((one) => one.seq !== null && one.seq <= (message.seq ?? Infinity));
  return messages.toSpliced(before + 1, 0, message);
}

/** Takes the text of those that `which` names and keeps their places. */
export function removed(messages: Messages, which: (message: Message) => boolean, removedBy: Message['removedBy']): Messages {
  return messages.map((one) => (which(one) ? { ...one, text: '', state: 'removed', removedBy } : one));
}
