import { msg } from '@lingui/core/macro';
import type { MessageDescriptor } from '@lingui/core';
import { ChartNoAxesColumn, Clapperboard, Gauge, History, House, KeyRound, MapPin, MessagesSquare, Plug, Radio, ScrollText, Settings, Shuffle, SlidersHorizontal, Users, Webhook, type LucideIcon } from 'lucide-react';
import type { Role } from '../api';

export interface Section {
  id: string;
  title: MessageDescriptor;
  icon: LucideIcon;
  least: Role;
}

export interface SectionGroup {
  title: MessageDescriptor | null;
  sections: readonly Section[];
}

/** The studio's pages of an app, in the order of the side bar. */
export const GROUPS: readonly SectionGroup[] = [
  { title: null, sections: [
    { id: 'home', title: msg`Home`, icon: House, least: 'viewer' },
    { id: 'streams', title: msg`Streams`, icon: Radio, least: 'viewer' },
    { id: 'recordings', title: msg`Recordings`, icon: Clapperboard, least: 'viewer' },
    { id: 'channels', title: msg`Channels`, icon: MessagesSquare, least: 'viewer' },
    { id: 'places', title: msg`Places`, icon: MapPin, least: 'viewer' },
    { id: 'usage', title: msg`Usage`, icon: ChartNoAxesColumn, least: 'viewer' },
  ] },
  { title: msg`Developers`, sections: [
    { id: 'events', title: msg`Events`, icon: History, least: 'editor' },
    { id: 'webhooks', title: msg`Webhooks`, icon: Webhook, least: 'editor' },
    { id: 'sources', title: msg`Sources`, icon: Shuffle, least: 'editor' },
    { id: 'integrations', title: msg`Integrations`, icon: Plug, least: 'editor' },
    { id: 'keys', title: msg`Keys`, icon: KeyRound, least: 'admin' },
    { id: 'tokens', title: msg`Tokens`, icon: Gauge, least: 'editor' },
  ] },
  { title: msg`App`, sections: [
    { id: 'profiles', title: msg`Profiles`, icon: SlidersHorizontal, least: 'viewer' },
    { id: 'team', title: msg`Team`, icon: Users, least: 'viewer' },
    { id: 'log', title: msg`Audit log`, icon: ScrollText, least: 'admin' },
    { id: 'settings', title: msg`Settings`, icon: Settings, least: 'admin' },
  ] },
];

/** Former addresses after the `#`, as old mails and bookmarks have them: `#webhooks/whk_…`. */
const FORMER: Record<string, string> = { app: 'settings' };

/** The path inside an app that a former address means, null when it names no page. */
export function formerPath(hash: string): string | null {
  const [section = '', item] = hash.slice(1).split('/');
  const id = FORMER[section] ?? section;
  if (!GROUPS.some(({ sections }) => sections.some((one) => one.id === id))) return null;
  return item === undefined ? `/${id}` : `/${id}/${item}`;
}
