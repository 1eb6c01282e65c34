import { t } from '@lingui/core/macro';
import type { Completion, Option } from '@weir/client/chat/completion.ts';

const PEOPLE = ['ban', 'unban', 'timeout', 'untimeout', 'mute', 'unmute', 'warn', 'shadowban', 'unshadowban', 'mod', 'unmod', 'vip', 'unvip', 'user', 'mods'];
const MESSAGES = ['delete', 'clear', 'pin', 'unpin', 'announce', 'me', 'undo', 'help'];
/** Shorter lists need no headings. */
const WORTH_GROUPS = 8;

export interface Group {
  /** Null for a list without headings. */
  title: string | null;
  options: { option: Option; index: number }[];
}

/** Commands under headings, in the order in which the arrow keys go through them. */
export function groupsOf({ kind, options }: Completion): Group[] {
  const numbered = options.map((option, index) => ({ option, index }));
  if (kind !== 'commands' || options.length < WORTH_GROUPS) return [{ title: null, options: numbered }];
  const groups: Group[] = [
    { title: t`People`, options: numbered.filter(({ option }) => groupOf(option) === 'people') },
    { title: t`Messages`, options: numbered.filter(({ option }) => groupOf(option) === 'messages') },
    { title: t`Who may write`, options: numbered.filter(({ option }) => groupOf(option) === 'modes') },
  ];
  return groups.filter((group) => group.options.length > 0);
}

/** Options in the order of their groups. */
export function grouped(completion: Completion): Completion {
  if (completion.kind !== 'commands' || completion.options.length < WORTH_GROUPS) return completion;
  const order = ['people', 'messages', 'modes'];
  return { ...completion, options: completion.options.toSorted((one, other) => order.indexOf(groupOf(one)) - order.indexOf(groupOf(other))) };
}

function groupOf({ key }: Option): 'people' | 'messages' | 'modes' {
  if (PEOPLE.includes(key)) return 'people';
  return MESSAGES.includes(key) ? 'messages' : 'modes';
}
