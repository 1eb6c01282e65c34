import { durationText } from '../format';
import type { ChannelEvent, ChannelSettings, UserEvent } from './wire';

/** A quiet line between the messages about what moderators did, after the entry `seq`. */
export interface Note {
  seq: number;
  at: string;
  words: string;
}

/** The line for an event that everybody should understand, null where there is nothing to say. */
export function noteOf(event: ChannelEvent): Note | null {
  const words = wordsFor(event);
  return words === null ? null : { seq: event.seq, at: event.at, words };
}

function wordsFor(event: ChannelEvent): string | null {
  switch (event.type) {
    case 'chat.cleared':
      return event.user === undefined ? 'A moderator cleared the chat.' : null;
    case 'chat.settings.updated':
      return settingsWords(event.settings);
    case 'user.banned':
    case 'user.unbanned':
    case 'user.muted':
    case 'user.unmuted':
    case 'user.role.changed':
      return userWords(event);
    default:
      return null;
  }
}

function userWords({ type, user, at, expires, role = 'member' }: UserEvent): string {
  if (type === 'user.banned') return `${user.name} was banned.`;
  if (type === 'user.unbanned') return `${user.name} is no longer banned.`;
  if (type === 'user.unmuted') return `${user.name} may write again.`;
  if (type === 'user.role.changed') return ROLE_WORDS[role]?.(user.name) ?? `${user.name} has no special role any more.`;
  if (expires === undefined) return `${user.name} was muted.`;
  return `${user.name} was timed out for ${durationText((Date.parse(expires) - Date.parse(at)) / 1000)}.`;
}

const ROLE_WORDS: Record<string, (name: string) => string> = {
  moderator: (name) => `${name} is a moderator now.`,
  vip: (name) => `${name} is a VIP now.`,
};

const MODES = {
  guestsread: ['Guests may only read now.', 'Guests may write again.'],
  lockdown: ['The chat was locked.', 'The chat is open again.'],
  subscribers: ['Only subscribers may write now.', 'Subscriber-only mode is off.'],
  followers: ['Only followers may write now.', 'Follower-only mode is off.'],
  emoteonly: ['Only emotes may be sent now.', 'Emotes-only mode is off.'],
} as const;

function settingsWords(settings: Partial<ChannelSettings>): string | null {
  if (settings.slow !== undefined) {
    return settings.slow > 0 ? `Slow mode: one message every ${durationText(settings.slow)}.` : 'Slow mode is off.';
  }
  if (settings.guestwait !== undefined) {
    return settings.guestwait > 0 ? `New guests may write after ${durationText(settings.guestwait)}.` : 'New guests may write at once.';
  }
  for (const [mode, [on, off]] of Object.entries(MODES)) {
    const value = settings[mode as keyof typeof MODES];
    if (value !== undefined) return value ? on : off;
  }
  return null;
}
