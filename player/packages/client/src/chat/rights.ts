import { t } from '@lingui/core/macro';
import { durationText } from '../format';
import type { Message } from './messages';
import type { ChannelSettings } from './wire';

const RANK: Record<string, number> = { owner: 4, moderator: 3, vip: 2, member: 1, guest: 0 };

export function rankOf(role: string): number {
  return RANK[role] ?? 1;
}

export function moderates(role: string | null): boolean {
  return role !== null && rankOf(role) >= 3;
}

/** Owner, moderators and VIPs write whatever the channel's mode. */
export function isExempt(role: string | null): boolean {
  return role !== null && rankOf(role) >= 2;
}

/** Who one is in a channel, as joining it was answered. */
export interface Self {
  role: string | null;
  badges: readonly string[];
  guest: boolean;
}

export const NOBODY: Self = { role: null, badges: [], guest: false };

/** Why writing is blocked: for `left` seconds, or null without an end. `new`: new guests wait before their first message. */
export interface Hold {
  why: 'slow' | 'muted' | 'new';
  left: number | null;
  reason: string | null;
}

export interface Rule {
  words: string | null;
  /** True when this person cannot write at all. */
  barred: boolean;
}

/** The channel's mode in words, and whether it bars this person. */
export function ruleOf(settings: ChannelSettings, { role, badges, guest }: Self): Rule {
  const lacks = (badge: string) => !badges.includes(badge);
  const bars = [settings.lockdown, settings.guestsread && guest, settings.subscribers && lacks('subscriber'), settings.followers && lacks('follower')];
  return { words: wordsOf(settings), barred: !isExempt(role) && bars.includes(true) };
}

function wordsOf(settings: ChannelSettings): string | null {
  const modes = [
    settings.lockdown && t`The chat is locked: only moderators and VIPs may write.`,
    settings.subscribers && t`Only subscribers may write.`,
    settings.followers && t`Only followers may write.`,
    settings.guestsread && t`Guests may only read: sign in to write.`,
    settings.guestwait > 0 && t`New guests may write after ${durationText(settings.guestwait)}.`,
    settings.emoteonly && t`Only emotes may be sent.`,
    settings.slow > 0 && t`Slow mode: one message every ${durationText(settings.slow)}.`,
  ].filter((words) => words !== false);
  return modes.length === 0 ? null : modes.join(' ');
}

/** By this machine's clock, which may be wrong: never more than the whole time. A refusal says it exactly. */
export function secondsLeft(at: string, expires: string): number {
  const end = Date.parse(expires);
  return Math.max(0, Math.min(end - Date.now(), end - Date.parse(at))) / 1_000;
}

export function holdWords({ why, left, reason }: Hold): string {
  if (why === 'slow') return t`Slow down: you may write again in ${durationText(left ?? 0)}.`;
  if (why === 'new') return t`You are new here: you may write in ${durationText(left ?? 0)}.`;
  const because = reason === null ? '' : ` ${t`Reason: ${reason}`}`;
  if (left === null) return `${t`A moderator muted you.`}${because}`;
  return `${t`You are timed out: you may write again in ${durationText(left)}.`}${because}`;
}

/** One entry of a message's menu, and its command. */
export interface Deed {
  label: string;
  command: string;
  grave: boolean;
}

/** What a member with this role may do about a message. All members may delete their own; the others need a lower role than one's own. */
export function deedsFor(message: Message, role: string | null, own: boolean): Deed[] {
  const { id, author, shadow, state } = message;
  if (id === null || role === null) return [];
  const above = moderates(role) && !own && rankOf(role) > rankOf(author.role);
  const onMessage = state === 'sent' && !shadow ? messageDeeds(id, moderates(role), own || above) : [];
  return above ? [...onMessage, ...userDeeds(userWord(author.id), shadow)] : onMessage;
}

function messageDeeds(id: string, mayPin: boolean, mayDelete: boolean): Deed[] {
  const pin = { label: t`Pin`, command: `/pin ${id}`, grave: false };
  const remove = { label: t`Delete message`, command: `/delete ${id}`, grave: false };
  return [...(mayPin ? [pin] : []), ...(mayDelete ? [remove] : [])];
}

function userDeeds(user: string, shadow: boolean): Deed[] {
  return [
    { label: t`Time out for 10 min`, command: `/timeout ${user} 10m`, grave: false },
    { label: t`Mute`, command: `/mute ${user}`, grave: false },
    shadow
      ? { label: t`End shadow ban`, command: `/unshadowban ${user}`, grave: false }
      : { label: t`Shadow-ban`, command: `/shadowban ${user}`, grave: true },
    { label: t`Ban`, command: `/ban ${user}`, grave: true },
  ];
}

/** Somebody by their id, which is never taken for a name. */
export function userWord(id: string): string {
  return /\s/.test(id) ? `@id:"${id}"` : `@id:${id}`;
}
