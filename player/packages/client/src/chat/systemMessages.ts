import { i18n } from '@lingui/core';
import { msg, t } from '@lingui/core/macro';
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
      return event.user === undefined ? t`A moderator cleared the chat.` : null;
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

function userWords({ type, user: { name }, at, expires, role = 'member' }: UserEvent): string {
  if (type === 'user.banned') return t`${name} was banned.`;
  if (type === 'user.unbanned') return t`${name} is no longer banned.`;
  if (type === 'user.unmuted') return t`${name} may write again.`;
  if (type === 'user.role.changed') return ROLE_WORDS[role]?.(name) ?? t`${name} has no special role any more.`;
  if (expires === undefined) return t`${name} was muted.`;
  return t`${name} was timed out for ${durationText((Date.parse(expires) - Date.parse(at)) / 1000)}.`;
}

const ROLE_WORDS: Record<string, (name: string) => string> = {
  moderator: (name) => t`${name} is a moderator now.`,
  vip: (name) => t`${name} is a VIP now.`,
};

const MODES = {
  guestsread: [msg`Guests may only read now.`, msg`Guests may write again.`],
  lockdown: [msg`The chat was locked.`, msg`The chat is open again.`],
  subscribers: [msg`Only subscribers may write now.`, msg`Subscriber-only mode is off.`],
  followers: [msg`Only followers may write now.`, msg`Follower-only mode is off.`],
  emoteonly: [msg`Only emotes may be sent now.`, msg`Emotes-only mode is off.`],
} as const;

function settingsWords(settings: Partial<ChannelSettings>): string | null {
  if (settings.slow !== undefined) {
    return settings.slow > 0 ? t`Slow mode: one message every ${durationText(settings.slow)}.` : t`Slow mode is off.`;
  }
  if (settings.guestwait !== undefined) {
    return settings.guestwait > 0 ? t`New guests may write after ${durationText(settings.guestwait)}.` : t`New guests may write at once.`;
  }
  for (const [mode, [on, off]] of Object.entries(MODES)) {
    const value = settings[mode as keyof typeof MODES];
    if (value !== undefined) return i18n._(value ? on : off);
  }
  return null;
}
