import { draft, inserted, placed, removed, type Message } from './messages';
import { noteOf, type Note } from './systemMessages';
import {
  isMessage, type Author, type ChannelEvent, type ChannelSettings, type Envelope, type MessageEnvelope, type Sequenced,
  type Updated,
} from './wire';

export type { Message } from './messages';

/** Messages kept on the page while it shows the newest, and while somebody reads older ones; the oldest go first. */
export const MOST = 1_000;
export const MOST_READ = 5_000;
/** They go by the hundred: a list that loses a line with each message is measured anew each time. */
const SLACK = 200;
const MOST_NOTES = 100;

/**
 * A channel as this page knows it: everything up to `seq` of `epoch` has been applied. Placed messages come first, in the
 * order of their seq; own ones without a place follow in the order they were written.
 *
 * Law: a snapshot and the events after it make the later snapshot, but for removed messages, which a snapshot leaves out.
 */
export interface ChatLog {
  epoch: string | null;
  seq: number;
  messages: readonly Message[];
  notes: readonly Note[];
  settings: ChannelSettings;
  /** The pinned message while it is known here; the settings name it. */
  pinned: Message | null;
  /** True when old messages were dropped from the page: older ones are read from the newest again. */
  trimmed: boolean;
  /** True while somebody reads older messages: these are not dropped under their eyes. */
  reading: boolean;
  /** True when messages may be shown again that only the server still has: a new snapshot is needed. */
  stale: boolean;
}

const OPEN: ChannelSettings = { slow: 0, guestwait: 0, guestsread: false, lockdown: false, subscribers: false, followers: false, emoteonly: false, pinned: null };
export const EMPTY: ChatLog = {
  epoch: null, seq: 0, messages: [], notes: [], settings: OPEN, pinned: null, trimmed: false, reading: false, stale: false,
};

/** Begins anew from the server's newest messages; own unplaced ones stay, and notes of the same sequence. */
export function snapshot(log: ChatLog, epoch: string, seq: number, envelopes: readonly MessageEnvelope[]): ChatLog {
  const unplaced = log.messages.filter((message) => message.seq === null);
  const notes = epoch === log.epoch ? log.notes : [];
  return { ...EMPTY, epoch, seq, messages: placed(unplaced, envelopes), notes, settings: log.settings, reading: log.reading };
}

/** A page of missed events, which the server says is complete up to `seq`: numbers left out are no gap. */
export function caughtUp(log: ChatLog, seq: number, events: readonly Sequenced[]): ChatLog {
  const after = events.reduce((held, event) => applied(held, event as ChannelEvent), log);
  return bounded({ ...after, seq: Math.max(log.seq, seq) });
}

/** One live event. `gap` when something before it is missing: nothing is applied then, join again from `seq`. */
export function apply(log: ChatLog, event: Sequenced): { log: ChatLog; gap: boolean } {
  if (event.epoch !== log.epoch) return { log, gap: true };
  if (event.seq === log.seq && isMessage(event)) return { log: beside(log, event), gap: false };
  if (event.seq <= log.seq) return { log, gap: false };
  if (event.seq > log.seq + 1) return { log, gap: true };
  return { log: caughtUp(log, event.seq, [event]), gap: false };
}

/** A message that has no number of its own: a shadow-banned author's, as the author and moderators see it. */
export function beside(log: ChatLog, envelope: MessageEnvelope): ChatLog {
  if (envelope.epoch !== log.epoch || log.messages.some(({ id }) => id === envelope.id)) return log;
  return bounded({ ...log, messages: placed(log.messages, [envelope]) });
}

/** Older messages, read backwards. What is here already is newer than what was read. */
export function withHistory(log: ChatLog, envelopes: readonly MessageEnvelope[]): ChatLog {
  const held = new Set(log.messages.map(({ id }) => id));
  const older = envelopes.filter((envelope) => envelope.epoch === log.epoch && !held.has(envelope.id));
  return withPinned({ ...log, messages: placed(log.messages, older), trimmed: false });
}

/** Somebody begins to read older messages, or is at the newest again. */
export function read(log: ChatLog, reading: boolean): ChatLog {
  return reading === log.reading ? log : bounded({ ...log, reading });
}

/** What the server says holds now. */
export function withSettings(log: ChatLog, settings: Partial<ChannelSettings>): ChatLog {
  return withPinned({ ...log, settings: { ...log.settings, ...settings } });
}

/** Finds the pinned message, among older ones too. */
export function withPinned(log: ChatLog, envelopes: readonly MessageEnvelope[] = []): ChatLog {
  const { pinned: wanted } = log.settings;
  if (wanted === null) return { ...log, pinned: null };
  const known = [...log.messages, ...placed([], envelopes), ...(log.pinned === null ? [] : [log.pinned])];
  return { ...log, pinned: known.find(({ id }) => id === wanted) ?? null };
}

/** True when an event takes messages away that an answer on its way may still hold. */
export function redacts(event: Envelope): boolean {
  return event.type === 'chat.message.deleted' || event.type === 'chat.cleared';
}

/** The local echo of an own message. */
export function written(log: ChatLog, cid: string, author: Author, text: string, at: string, replyTo: string | null = null): ChatLog {
  return { ...log, messages: [...log.messages, draft(cid, author, text, at, replyTo)] };
}

/** The server has it under `seq`; its event may still be on the way, or may have come first. */
export function acknowledged(log: ChatLog, cid: string, id: string, seq: number): ChatLog {
  const own = unplacedWith(log, cid);
  if (own === undefined) return log;
  const rest = log.messages.filter((message) => message !== own);
  return { ...log, messages: inserted(rest, { ...own, id, seq, state: 'sent', error: null }) };
}

/** Those that were removed before this page showed them leave nothing behind. */
export function withoutUnseen(log: ChatLog, unseen: ReadonlySet<string>): ChatLog {
  return { ...log, messages: log.messages.filter(({ id, state }) => state !== 'removed' || id === null || !unseen.has(id)) };
}

/** A moderator decides on it; when it is approved, it comes like any message. */
export function held(log: ChatLog, cid: string): ChatLog {
  return marked(log, cid, { state: 'held', error: null });
}

export function failed(log: ChatLog, cid: string, error: string): ChatLog {
  return marked(log, cid, { state: 'failed', error });
}

/** The same message once more, under the same cid: the server stores it once however often it is sent. */
export function resent(log: ChatLog, cid: string): ChatLog {
  return marked(log, cid, { state: 'pending', error: null });
}

function applied(log: ChatLog, event: ChannelEvent): ChatLog {
  const changed = changedBy(log, event);
  const note = noteOf(event);
  return note === null ? changed : { ...changed, notes: [...changed.notes, note].slice(-MOST_NOTES) };
}

function changedBy(log: ChatLog, event: ChannelEvent): ChatLog {
  switch (event.type) {
    case 'chat.message.new':
      return { ...log, messages: placed(log.messages, [event]) };
    case 'chat.message.deleted':
      return withPinned(without(log, ({ id }) => id === event.message, event.by));
    case 'chat.message.updated':
      return updated(log, event);
    case 'chat.cleared':
      return cleared(log, event.seq, event.user?.id ?? null);
    case 'chat.settings.updated':
      return withSettings(log, event.settings);
    case 'chat.restored':
      return restored(log, event.messages, event.from_seq);
    default:
      return log;
  }
}

function updated(log: ChatLog, { message, pinned, restored }: Updated): ChatLog {
  if (restored !== undefined) return withPinned({ ...log, messages: placed(log.messages, [restored]) });
  return pinned === undefined ? log : withSettings(log, { pinned: pinned ? message : null });
}

/** One person's messages leave a mark; a cleared chat is empty. */
function cleared(log: ChatLog, below: number, user: string | null): ChatLog {
  const gone = ({ seq, author }: Message) => seq !== null && seq < below && (user === null || author.id === user);
  if (user !== null) return withPinned(without(log, gone));
  return { ...without(log, gone), messages: log.messages.filter((message) => !gone(message)) };
}

function without(log: ChatLog, gone: (message: Message) => boolean, by: Message['removedBy'] = 'moderator'): ChatLog {
  return { ...log, messages: removed(log.messages, gone, by), pinned: log.pinned !== null && gone(log.pinned) ? null : log.pinned };
}

/** Messages older than `from` may be shown again too: a page that shows such reads them anew. */
function restored(log: ChatLog, messages: readonly MessageEnvelope[], from: number): ChatLog {
  const oldest = log.messages.find(({ seq }) => seq !== null)?.seq ?? from;
  return withPinned({ ...log, messages: placed(log.messages, messages), stale: log.stale || oldest < from }, messages);
}

function unplacedWith(log: ChatLog, cid: string): Message | undefined {
  return log.messages.find((message) => message.cid === cid && message.seq === null);
}

function marked(log: ChatLog, cid: string, mark: Partial<Message>): ChatLog {
  const own = unplacedWith(log, cid);
  return { ...log, messages: log.messages.map((message) => (message === own ? { ...message, ...mark } : message)) };
}

function bounded(log: ChatLog): ChatLog {
  const excess = log.messages.length - (log.reading ? MOST_READ : MOST);
  return excess > SLACK ? { ...log, messages: log.messages.slice(excess), trimmed: true } : log;
}
