import { useSyncExternalStore } from 'react';
import type { Role } from './api';

export const SECTIONS = [
  { id: 'streams', title: 'Streams', least: 'viewer' },
  { id: 'usage', title: 'Usage', least: 'viewer' },
  { id: 'keys', title: 'Keys', least: 'admin' },
  { id: 'webhooks', title: 'Webhooks', least: 'editor' },
  { id: 'sources', title: 'Sources', least: 'editor' },
  { id: 'integrations', title: 'Integrations', least: 'editor' },
  { id: 'team', title: 'Team', least: 'viewer' },
  { id: 'log', title: 'Log', least: 'admin' },
  { id: 'app', title: 'App', least: 'admin' },
] as const satisfies readonly { id: string; title: string; least: Role }[];

export type SectionId = (typeof SECTIONS)[number]['id'];

const ROLES: readonly Role[] = ['viewer', 'editor', 'admin', 'owner'];

export function atLeast(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least);
}

export const ROLE_WORDS: Record<Role, string> = {
  viewer: 'Viewer – sees everything, changes nothing',
  editor: 'Editor – streams and chat',
  admin: 'Admin – also keys, team and settings',
  owner: 'Owner – everything, including deleting the app',
};

/** Roles that a member may give: only owners make owners. */
export function givable(role: Role): readonly Role[] {
  return ROLES.filter((one) => one !== 'owner' || role === 'owner');
}

/** The section that an address names after its `#`, streams when it names none that this role may see. */
export function sectionOf(hash: string, role: Role): SectionId {
  const named = hash.slice(1).split('/', 1)[0];
  const found = SECTIONS.find(({ id, least }) => id === named && atLeast(role, least));
  return found?.id ?? 'streams';
}

/** What an address names inside its section: `whk_…` of `#webhooks/whk_…`; empty for the section itself. */
export function itemOf(hash: string): string {
  return hash.split('/')[1] ?? '';
}

export function useItem(): string {
  return itemOf(useSyncExternalStore(followHash, () => location.hash));
}

export function useSection(role: Role): SectionId {
  const hash = useSyncExternalStore(followHash, () => location.hash);
  return sectionOf(hash, role);
}

function followHash(listener: () => void): () => void {
  addEventListener('hashchange', listener);
  return () => removeEventListener('hashchange', listener);
}
