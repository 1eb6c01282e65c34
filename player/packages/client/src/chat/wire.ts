/** A chat member as others see them, with each message. */
export interface Author {
  id: string;
  name: string;
  role: string;
  badges: string[];
  /** An https address. */
  avatar?: string;
}

/** Somebody, named in an event. */
export interface Named {
  id: string;
  name: string;
}

/** Every event's frame. Ephemeral events have no epoch and no seq. `at` is RFC 3339. */
export interface Envelope {
  id: string;
  type: string;
  at: string;
  channel?: string;
  epoch?: string;
  seq?: number;
}

export interface Sequenced extends Envelope {
  epoch: string;
  seq: number;
}

/** Moderators also get what shadow-banned people write: `shadow`, without a seq, after the entry `after_seq`. */
export interface MessageEnvelope extends Envelope {
  type: 'chat.message.new';
  epoch: string;
  after_seq?: number;
  shadow?: boolean;
  cid: string;
  user: Author;
  text: string;
  reply_to?: string | null;
  /** What the author saw when it was sent, ms since the epoch on the picture's own clock. */
  picture_time?: number | null;
  me?: boolean;
  announcement?: boolean;
}

/** What holds in a channel. `slow` and `guestwait` are in seconds, 0 when off; `pinned` is a message's id. */
export interface ChannelSettings {
  slow: number;
  guestwait: number;
  guestsread: boolean;
  lockdown: boolean;
  subscribers: boolean;
  followers: boolean;
  emoteonly: boolean;
  pinned: string | null;
}

/** What a command did, as its author sees it. */
export interface Action {
  id: string;
  kind: string;
}

/** The event that a message was deleted; in missed events also the replacement of the message, under its own seq. */
interface Deleted extends Sequenced {
  type: 'chat.message.deleted';
  message: string;
  by?: 'author' | 'moderator';
}

/** What a ban or a clearing had hidden is shown again: `messages` has all of it from `from_seq` on. */
interface Restored extends Sequenced {
  type: 'chat.restored';
  messages: MessageEnvelope[];
  from_seq: number;
}

export interface Updated extends Sequenced {
  type: 'chat.message.updated';
  message: string;
  pinned?: boolean;
  restored?: MessageEnvelope;
}

interface Cleared extends Sequenced {
  type: 'chat.cleared';
  user?: Named;
}

interface SettingsUpdated extends Sequenced {
  type: 'chat.settings.updated';
  settings: Partial<ChannelSettings>;
}

/** `expires` is RFC 3339; without it a mute has no end. To the one concerned it comes once more, without a seq and with the reason. */
export interface UserEvent extends Envelope {
  type: 'user.banned' | 'user.unbanned' | 'user.muted' | 'user.unmuted' | 'user.warned' | 'user.role.changed';
  user: Named;
  reason?: string;
  expires?: string;
  role?: string;
}

export type ChannelEvent = (MessageEnvelope & Sequenced) | Deleted | Updated | Restored | Cleared | SettingsUpdated | (UserEvent & Sequenced);

export interface Refusal {
  ok: false;
  error: { code: string; message: string; retry_after?: number; choices?: Choice[] };
}

/** Who may have been meant by a command: `text` is the same command about that person. */
export interface Choice extends Named {
  role: string;
  text?: string;
}

/** A command as one may use it: `usage` is its whole line. */
export interface CommandForm {
  name: string;
  usage: string;
  about: string;
}

interface Joined {
  ok: true;
  role: string;
  epoch: string;
  seq: number;
  viewers: number;
  /** Set where another user has the name that one came with. */
  renamed?: { name: string; message: string };
  settings: ChannelSettings;
  muted: { until: string | null; reason?: string } | null;
  warned?: { reason: string; at: string };
  badges: string[];
  /** Set for guests: for how long this one has been known, and how long the app lets new ones wait, in seconds. */
  guest?: { known_s: number; wait_s: number };
}

/** `recovered` answers have the events after the client's position, in pages; others begin anew. */
export type JoinAnswer =
  | (Joined & { recovered: true; events: Sequenced[]; more: boolean })
  | (Joined & { recovered: false; messages: MessageEnvelope[]; pinned?: MessageEnvelope })
  | Refusal;
/** `held`: a moderator sees the message first. */
export type SendAnswer = { ok: true; id: string; seq?: number; held?: boolean } | Refusal;
export type CommandAnswer = { ok: true; reply: string; action?: Action; commands?: CommandForm[] } | Refusal;
export type HistoryAnswer = { ok: true; messages: MessageEnvelope[]; next: string | null } | Refusal;
export type OriginalAnswer = { ok: true; message: MessageEnvelope; removed: boolean } | Refusal;
export type MessageAnswer = { ok: true; message: MessageEnvelope } | Refusal;
export type CommandsAnswer = { ok: true; commands: CommandForm[] } | Refusal;
export type PresenceAnswer = { ok: true; users: Present[]; total: number; next: string | null } | Refusal;

export interface Present extends Named {
  role: string;
}

export function isEnvelope(data: unknown): data is Envelope {
  return typeof data === 'object' && data !== null && typeof (data as Envelope).type === 'string';
}

export function isSequenced(envelope: Envelope): envelope is Sequenced {
  return envelope.seq !== undefined && envelope.epoch !== undefined;
}

export function isMessage(envelope: Envelope): envelope is MessageEnvelope {
  return envelope.type === 'chat.message.new';
}

/** Something that happened to a person. */
export function isPersonal(envelope: Envelope): envelope is UserEvent {
  return envelope.type.startsWith('user.') && 'user' in envelope;
}

/** What a moderator did, as the API names it. */
export interface ModerationAction {
  id: string;
  kind: string;
  actor: { id: string; name: string };
  target?: Named;
  message?: string;
  reason?: string;
  at: string;
  expires?: string;
  value?: string | number;
  undoes?: string;
  undone?: string;
}

/** A message that waits for a moderator. */
export interface HeldMessage {
  id: string;
  user: Author;
  text: string;
  created: string;
  reason?: string;
}

/** A measure in force; `action` is what to undo. */
export interface Restriction {
  user: Named;
  kind: 'ban' | 'mute' | 'timeout' | 'shadowban';
  action: string;
  actor: { id: string; name: string };
  at: string;
  reason?: string;
  expires?: string;
}

/** One person as moderators see them. `messages_found` counts those among the newest entries; `more`: there may be earlier ones. */
export interface UserCard {
  user: Present;
  restrictions: Restriction[];
  actions: ModerationAction[];
  messages: MessageEnvelope[];
  messages_found: number;
  more: boolean;
}

export type HeldAnswer = { ok: true; held: HeldMessage[]; next_cursor: string | null } | Refusal;
export type DecisionAnswer = { ok: true; id: string; seq?: number } | Refusal;
export type ActionsAnswer = { ok: true; actions: ModerationAction[]; next_cursor: string | null } | Refusal;
export type RestrictionsAnswer = { ok: true; restrictions: Restriction[] } | Refusal;
export type CardAnswer = ({ ok: true } & UserCard) | Refusal;
