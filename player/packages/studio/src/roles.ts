import { msg } from '@lingui/core/macro';
import type { MessageDescriptor } from '@lingui/core';
import type { Role } from './api';

const ROLES: readonly Role[] = ['viewer', 'editor', 'admin', 'owner'];

export function atLeast(role: Role, least: Role): boolean {
  return ROLES.indexOf(role) >= ROLES.indexOf(least);
}

export const ROLE_NAMES: Record<Role, MessageDescriptor> = { viewer: msg`Viewer`, editor: msg`Editor`, admin: msg`Admin`, owner: msg`Owner` };

export const ROLE_WORDS: Record<Role, MessageDescriptor> = {
  viewer: msg`Viewer – sees everything, changes nothing`,
  editor: msg`Editor – streams and chat`,
  admin: msg`Admin – also keys, team and settings`,
  owner: msg`Owner – everything, including deleting the app`,
};

/** Roles that a member may give: only owners make owners. */
export function givable(role: Role): readonly Role[] {
  return ROLES.filter((one) => one !== 'owner' || role === 'owner');
}
