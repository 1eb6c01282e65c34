import { t } from '@lingui/core/macro';
import type { EventKind } from './api';

export const ALL = '*';

export interface Group {
  /** "stream" of `stream.live`. */
  prefix: string;
  kinds: readonly EventKind[];
}

/** Types by what they begin with, in the API's order; those that hold the search in their name or meaning. */
export function groupsOf(kinds: readonly EventKind[], search: string): Group[] {
  const wanted = search.trim().toLowerCase();
  const groups = new Map<string, EventKind[]>();
  for (const kind of kinds) {
    if (!`${kind.type} ${kind.about}`.toLowerCase().includes(wanted)) continue;
    const prefix = prefixOf(kind.type);
    groups.set(prefix, [...(groups.get(prefix) ?? []), kind]);
  }
  return [...groups].map(([prefix, members]) => ({ prefix, kinds: members }));
}

function prefixOf(type: string): string {
  return type.split('.', 1)[0] ?? type;
}

/** Whether a subscription to `types` gets events of this type. */
export function includes(types: readonly string[], type: string): boolean {
  return types.some((one) => one === ALL || one === type || (one.endsWith('.*') && type.startsWith(one.slice(0, -1))));
}

/** `types` with one type switched. A group or `*` that contained it is replaced by its other members. */
export function toggled(types: readonly string[], type: string, kinds: readonly EventKind[]): string[] {
  if (!includes(types, type)) return [...types, type];
  return expanded(types, (one) => one === ALL || matchesGroup(one, type), kinds).filter((one) => one !== type);
}

/** `types` with a whole group (`stream.*`) switched; its single members leave the list. */
export function groupToggled(types: readonly string[], prefix: string, kinds: readonly EventKind[]): string[] {
  const group = `${prefix}.*`;
  const rest = expanded(types, (one) => one === ALL, kinds).filter((one) => prefixOf(one) !== prefix);
  return types.includes(ALL) || types.includes(group) ? rest : [...rest, group];
}

function matchesGroup(one: string, type: string): boolean {
  return one.endsWith('.*') && type.startsWith(one.slice(0, -1));
}

function expanded(types: readonly string[], which: (one: string) => boolean, kinds: readonly EventKind[]): string[] {
  const out = new Set<string>();
  for (const one of types) {
    if (!which(one)) out.add(one);
    else for (const { type } of kinds) if (includes([one], type)) out.add(type);
  }
  return [...out];
}

/** Names that the list does not show: an app's own events, and a partner's. */
export function ownTypes(types: readonly string[], kinds: readonly EventKind[]): string[] {
  const prefixes = new Set(kinds.map(({ type }) => `${prefixOf(type)}.*`));
  return types.filter((one) => one !== ALL && !prefixes.has(one) && !kinds.some(({ type }) => type === one));
}

/** "All events", "stream.live, stream.offline", "chat.* and 3 more". */
export function typesText(types: readonly string[]): string {
  if (types.includes(ALL)) return t`All events`;
  return types.length <= 3 ? types.join(', ') : t`${types.slice(0, 2).join(', ')} and ${types.length - 2} more`;
}

/** The body of an event of this type, as a receiver gets it. */
export function exampleBody({ type, example }: EventKind): string {
  return JSON.stringify({ type, timestamp: '2026-11-28T12:00:00.000Z', data: { id: 'evt_…', seq: 42, ...example } }, null, 2);
}
