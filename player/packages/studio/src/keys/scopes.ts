import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, t } from '@lingui/core/macro';
import { dateText } from '@weir/client/format.ts';
import type { Key } from '../api';

/** What a key may be allowed to do, in the form's order. */
export const SCOPES: readonly { scope: string; words: MessageDescriptor }[] = [
  { scope: 'streams:read', words: msg`See streams` },
  { scope: 'streams:write', words: msg`Create and change streams` },
  { scope: 'vod:write', words: msg`Upload videos` },
  { scope: 'chat:read', words: msg`Read chat` },
  { scope: 'chat:moderate', words: msg`Write and moderate chat` },
  { scope: 'events:read', words: msg`Follow events` },
  { scope: 'events:write', words: msg`Send events` },
  { scope: 'places:write', words: msg`Change places` },
  { scope: 'followers:write', words: msg`See and remove followers` },
  { scope: 'webhooks:read', words: msg`Read webhooks and what they delivered` },
  { scope: 'webhooks:write', words: msg`Change webhooks, with addresses and secrets` },
  { scope: 'integrations:read', words: msg`Read sources and integrations` },
  { scope: 'integrations:write', words: msg`Change sources and integrations, and call partners` },
  { scope: 'usage:read', words: msg`Read usage` },
];

export function nameOf({ name, id }: Key): string {
  return name || id;
}

export function scopesText({ kind, scopes, algorithm }: Key): string {
  if (kind === 'public') return t`Checks tokens signed with your ${algorithm} key`;
  if (kind === 'signing') return t`Signs your users’ tokens`;
  const known = SCOPES.filter(({ scope }) => scopes.includes(scope)).map(({ words }) => i18n._(words));
  return scopes.includes('*') || known.length === SCOPES.length ? t`Everything` : known.join(' · ');
}

export function lifeText({ revoked, replaced_by, expires, last_used }: Key): string {
  if (revoked !== null) return t`Revoked ${dateText(revoked)}`;
  const used = last_used === null ? t`Never used` : t`Used ${dateText(last_used)}`;
  if (expires === null) return used;
  return `${used} · ${replaced_by === null ? t`expires ${dateText(expires)}` : t`replaced, works until ${dateText(expires)}`}`;
}
