import { isMessage, type Author, type MessageEnvelope, type Sequenced } from './wire';

/** Messages kept on the page; the oldest go first. */
export const MOST = 500;

/** `seq` is null until the server has placed the message. `at` is RFC 3339, the browser's clock until then. */
export interface Message {
  cid: string;
  seq: number | null;
  author: Author;
  text: string;
  at: string;
  state: 'pending' | 'sent' | 'failed';
  error: string | null;
}

/**
 * A channel as this page knows it: everything up to `seq` of `epoch` has been applied. Placed messages stand first, in the
 * order of their seq; own ones without a place follow in the order they were written.
 *
 * Law: a snapshot and the events after it make the later snapshot.
 */
export interface ChatLog {
  epoch: string | null;
  seq: number;
  messages: readonly Message[];
  /** True when old messages were dropped from the page. */
  trimmed: boolean;
}

export const EMPTY: ChatLog = { epoch: null, seq: 0, messages: [], trimmed: false };

/** Begins anew from the server's newest messages; own unplaced ones stay. */
export function snapshot(log: ChatLog, epoch: string, seq: number, envelopes: readonly MessageEnvelope[]): ChatLog {
  const unplaced = log.messages.filter((message) => message.state !== 'sent');
  return { epoch, seq, messages: placed(unplaced, envelopes), trimmed: false };
}

/** A page of missed events, which the server says is complete up to `seq`: numbers left out are no gap. */
export function caughtUp(log: ChatLog, seq: number, events: readonly Sequenced[]): ChatLog {
  return bounded({ ...log, seq: Math.max(log.seq, seq), messages: placed(log.messages, events.filter(isMessage)) });
}

/** One live event. `gap` when something before it is missing: nothing is applied then, join again from `seq`. */
export function apply(log: ChatLog, event: Sequenced): { log: ChatLog; gap: boolean } {
  if (event.epoch !== log.epoch) return { log, gap: true };
  if (event.seq <= log.seq) return { log, gap: false };
  if (event.seq > log.seq + 1) return { log, gap: true };
  return { log: caughtUp(log, event.seq, [event]), gap: false };
}

/** Older messages, read backwards. */
export function withHistory(log: ChatLog, envelopes: readonly MessageEnvelope[]): ChatLog {
  return { ...log, messages: placed(log.messages, envelopes.filter((envelope) => envelope.epoch === log.epoch)) };
}

/** The local echo of an own message. */
export function written(log: ChatLog, cid: string, author: Author, text: string, at: string): ChatLog {
  const message: Message = { cid, seq: null, author, text, at, state: 'pending', error: null };
  return { ...log, messages: [...log.messages, message] };
}

/** The server has it under `seq`; its event may still be on the way, or may have come first. */
export function acknowledged(log: ChatLog, cid: string, seq: number): ChatLog {
  const own = unplacedWith(log, cid);
  if (own === undefined) return log;
  const rest = log.messages.filter((message) => message !== own);
  return { ...log, messages: inserted(rest, { ...own, seq, state: 'sent', error: null }) };
}

export function failed(log: ChatLog, cid: string, error: string): ChatLog {
  return marked(log, cid, { state: 'failed', error });
}

/** The same message once more, under the same cid: the server stores it once however often it is sent. */
export function resent(log: ChatLog, cid: string): ChatLog {
  return marked(log, cid, { state: 'pending', error: null });
}

function unplacedWith(log: ChatLog, cid: string): Message | undefined {
  return log.messages.find((message) => message.cid === cid && message.state !== 'sent');
}

function marked(log: ChatLog, cid: string, mark: Partial<Message>): ChatLog {
  const own = unplacedWith(log, cid);
  return { ...log, messages: log.messages.map((message) => (message === own ? { ...message, ...mark } : message)) };
}

function placed(messages: readonly Message[], envelopes: readonly MessageEnvelope[]): readonly Message[] {
  return envelopes.reduce((held, envelope) => {
    const { cid, seq, user: author, text, at } = envelope;
    const others = held.filter((one) => one.seq !== seq && !(one.cid === cid && one.author.id === author.id));
    return inserted(others, { cid, seq, author, text, at, state: 'sent', error: null });
  }, messages);
}

/** In its place by seq, before those without one. New messages are nearly always the last: searched from behind. */
function inserted(messages: readonly Message[], message: Message): readonly Message[] {
  const before = messages.findLastIndex((one) => one.seq !== null && one.seq < (message.seq ?? Infinity));
  return messages.toSpliced(before + 1, 0, message);
}

function bounded(log: ChatLog): ChatLog {
  const excess = log.messages.length - MOST;
  return excess > 0 ? { ...log, messages: log.messages.slice(excess), trimmed: true } : log;
}
