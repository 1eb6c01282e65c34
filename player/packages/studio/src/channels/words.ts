import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, t } from '@lingui/core/macro';
import { durationText } from '@weir/client/format.ts';
import type { ModerationAction } from './api';

const KINDS: Record<string, MessageDescriptor> = {
  ban: msg`Banned`, unban: msg`Unbanned`, timeout: msg`Timed out`, untimeout: msg`Timeout ended`, mute: msg`Muted`, unmute: msg`Unmuted`,
  shadowban: msg`Shadow-banned`, unshadowban: msg`Shadow ban ended`, warn: msg`Warned`, delete: msg`Removed a message`, clear: msg`Cleared the chat`, purge: msg`Removed messages of`,
  pin: msg`Pinned a message`, unpin: msg`Unpinned a message`, announce: msg`Announced`, mod: msg`Made moderator`, unmod: msg`No longer moderator`, vip: msg`Made VIP`, unvip: msg`No longer VIP`,
  lockdown: msg`Lockdown`, unlockdown: msg`Lockdown ended`, undo: msg`Undid an action`, approve: msg`Let a message through`, reject: msg`Rejected a message`,
};

/** What was done, in words; the command's own name where we have none. */
export function kindText({ kind, value }: ModerationAction): string {
  const known = KINDS[kind];
  if (known !== undefined) return i18n._(known);
  if (kind === 'slow' && typeof value === 'number') return value === 0 ? t`Slow mode ended` : t`Slow mode: ${durationText(value)}`;
  return value === undefined ? `/${kind}` : `/${kind} ${value}`;
}
