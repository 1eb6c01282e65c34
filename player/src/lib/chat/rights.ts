import { durationText } from '../wording';
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

/** Why writing rests: for `left` seconds, or null without an end. */
export interface Hold {
  why: 'slow' | 'muted';
  left: number | null;
  reason: string | null;
}

export interface Rule {
  words: string | null;
  /** True when this person cannot write at all. */
  barred: boolean;
}

/** The channel's mode in words, for somebody with this role. People of this page have no badges of their own. */
export function ruleOf(settings: ChannelSettings, role: string | null): Rule {
  const modes = [
    settings.lockdown ? 'The chat is locked: only moderators and VIPs may write.' : null,
    settings.subscribers ? 'Only subscribers may write.' : null,
    settings.followers ? 'Only followers may write.' : null,
    settings.emoteonly ? 'Emotes only.' : null,
    settings.slow > 0 ? `Slow mode: one message every ${durationText(settings.slow)}.` : null,
  ].filter((words) => words !== null);
  const barred = !isExempt(role) && (settings.lockdown || settings.subscribers || settings.followers);
  return { words: modes.length === 0 ? null : modes.join(' '), barred };
}

export function holdWords({ why, left, reason }: Hold): string {
  if (why === 'slow') return `Slow down: you may write again in ${durationText(left ?? 0)}.`;
  const because = reason === null ? '' : ` Reason: ${reason}`;
  if (left === null) return `A moderator muted you.${because}`;
  return `You are timed out: you may write again in ${durationText(left)}.${because}`;
}

/** One entry of a message's menu: the command it stands for. */
export interface Deed {
  label: string;
  command: string;
  grave: boolean;
}

/** What somebody with this role may do about a message. Everybody may delete their own; nobody acts on equals or betters. */
export function deedsFor(message: Message, role: string | null, own: boolean): Deed[] {
  const { id, author, shadow, state } = message;
  if (id === null || role === null) return [];
  const above = moderates(role) && !own && rankOf(role) > rankOf(author.role);
  const onMessage = state === 'sent' && !shadow ? messageDeeds(id, moderates(role), own || above) : [];
  return above ? [...onMessage, ...userDeeds(userWord(author.id), shadow)] : onMessage;
}

function messageDeeds(id: string, mayPin: boolean, mayDelete: boolean): Deed[] {
  const pin = { label: 'Pin', command: `/pin ${id}`, grave: false };
  const remove = { label: 'Delete message', command: `/delete ${id}`, grave: false };
  return [...(mayPin ? [pin] : []), ...(mayDelete ? [remove] : [])];
}

function userDeeds(user: string, shadow: boolean): Deed[] {
  return [
    { label: 'Time out for 10 min', command: `/timeout ${user} 10m`, grave: false },
    { label: 'Mute', command: `/mute ${user}`, grave: false },
    shadow
      ? { label: 'End shadow ban', command: `/unshadowban ${user}`, grave: false }
      : { label: 'Shadow-ban', command: `/shadowban ${user}`, grave: true },
    { label: 'Ban', command: `/ban ${user}`, grave: true },
  ];
}

/** Somebody by their id, which is never taken for a name. */
export function userWord(id: string): string {
  return /\s/.test(id) ? `@id:"${id}"` : `@id:${id}`;
}
