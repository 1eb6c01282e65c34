import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, t } from '@lingui/core/macro';
import type { ModerationAction, Restriction } from '@weir/client/chat/wire.ts';

const KINDS: Record<string, MessageDescriptor> = {
  ban: msg`Ban`, unban: msg`End of a ban`, timeout: msg`Timeout`, untimeout: msg`End of a timeout`, mute: msg`Mute`, unmute: msg`End of a mute`, warn: msg`Warning`,
  shadowban: msg`Shadow ban`, unshadowban: msg`End of a shadow ban`, delete: msg`Message removed`, clear: msg`Messages removed`, pin: msg`Pinned`, unpin: msg`Unpinned`,
  announce: msg`Announcement`, mod: msg`Made a moderator`, unmod: msg`No longer a moderator`, vip: msg`Made a VIP`, unvip: msg`No longer a VIP`, undo: msg`Undone`,
  slow: msg`Slow mode on`, slowoff: msg`Slow mode off`, subscribers: msg`Subscribers only`, subscribersoff: msg`Subscribers only: off`, followers: msg`Followers only`,
  followersoff: msg`Followers only: off`, emoteonly: msg`Emotes only`, emoteonlyoff: msg`Emotes only: off`, lockdown: msg`Chat locked`, lockdownoff: msg`Chat opened`,
  guestwait: msg`New guests wait`, guestwaitoff: msg`New guests may write`, guestsread: msg`Guests only read`, guestsreadoff: msg`Guests may write`,
};

export function kindWords({ kind }: Pick<ModerationAction, 'kind'> | Restriction): string {
  const known = KINDS[kind];
  return known === undefined ? kind : i18n._(known);
}

/** Undoing is an action too, and what was undone can't be undone again. */
export function mayUndo({ kind, undone }: ModerationAction): boolean {
  return kind !== 'undo' && kind !== 'warn' && undone === undefined;
}

export function byWords(name: string): string {
  return t`by ${name}`;
}
