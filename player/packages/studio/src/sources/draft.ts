import { i18n, type MessageDescriptor } from '@lingui/core';
import { msg, plural, t } from '@lingui/core/macro';
import { parseJson } from '../json';
import type { AuthWish, MappingWish, NewSource, Preset, SignatureKind, Source, SourceAuth, Taken } from './api';

export const CUSTOM = 'custom';

const CUSTOM_MAPPING = { id: 'body.id', rules: [{ event: { type: 'partner.example.order', data: { order: 'body.order', total: 'body.total' } } }] };
const CUSTOM_SAMPLE = { id: 'a-1', order: 'A-17', total: 12.5 };

/** The editor as it is typed: JSON texts. */
export interface MappingDraft {
  mapping: string;
  sample: string;
  query: Record<string, string>;
  headers: Record<string, string>;
}

function text(value: unknown): string {
  return JSON.stringify(value, null, 2);
}

/** What an editor begins with: the source's mapping, the preset's, or a first example. */
export function mappingDraft(preset: Preset | undefined, mapping: Source['mapping']): MappingDraft {
  return {
    mapping: text(mapping ?? preset?.mapping ?? CUSTOM_MAPPING),
    sample: text(preset?.sample ?? CUSTOM_SAMPLE),
    query: preset?.query ?? {},
    headers: preset?.headers ?? {},
  };
}

function objectOf(json: string): Record<string, unknown> | string {
  const parsed = parseJson(json);
  if (!parsed.ok) return parsed.error;
  const { value } = parsed;
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : t`A mapping is a JSON object with “rules”.`;
}

/** The mapping, or a sentence that says why the text is none. */
export function mappingOf(draft: MappingDraft): Record<string, unknown> | string {
  return objectOf(draft.mapping);
}

/** What is asked of the server, or which text is wrong and why. */
export function previewWish(kind: string, draft: MappingDraft): MappingWish | { mistake: string } {
  const mapping = mappingOf(draft);
  if (typeof mapping === 'string') return { mistake: t`Mapping: ${mapping}` };
  const sample = parseJson(draft.sample);
  if (!sample.ok) return { mistake: t`Sample: ${sample.error}` };
  return { kind, mapping, sample: sample.value, query: draft.query, headers: draft.headers };
}

export interface AuthDraft {
  kind: SignatureKind;
  header: string;
  prefix: string;
  encoding: string;
  algorithm: string;
  username: string;
}

export const AUTH_WORDS: Record<SignatureKind, MessageDescriptor> = {
  standard: msg`Standard Webhooks signature`,
  timestamped: msg`Signature with a time (t=…,v1=…)`,
  hmac: msg`HMAC of the body in a header`,
  token: msg`The secret itself in a header`,
  basic: msg`User name and password`,
};

export const NO_AUTH: AuthDraft = { kind: 'standard', header: '', prefix: '', encoding: 'hex', algorithm: 'sha256', username: '' };

const AUTH_NAMES: Record<SignatureKind, readonly (keyof Omit<AuthDraft, 'kind'>)[]> = {
  standard: [], timestamped: ['header'], hmac: ['header', 'prefix', 'encoding', 'algorithm'], token: ['header'], basic: ['username'],
};

export function authOf(draft: AuthDraft): AuthWish {
  const given = AUTH_NAMES[draft.kind].filter((name) => draft[name].trim() !== '').map((name) => [name, name === 'header' ? draft[name].trim().toLowerCase() : draft[name].trim()]);
  return { kind: draft.kind, ...(Object.fromEntries(given) as Partial<Record<string, string>>) };
}

/** "HMAC of the body in a header (x-signature, sha256, hex)". */
export function authText(auth: SourceAuth): string {
  const facts = [auth.header, auth.algorithm, auth.encoding, auth.username].filter((one) => one !== null && one !== '');
  return `${i18n._(AUTH_WORDS[auth.kind])}${facts.length > 0 ? ` (${facts.join(', ')})` : ''}`;
}

export interface NewDraft {
  kind: string;
  name: string;
  ownAuth: boolean;
  auth: AuthDraft;
  secret: string;
  networks: string;
  ownMapping: boolean;
  mapping: MappingDraft;
}

/** Errors: a sentence in place of the request. */
export function newSource(draft: NewDraft): NewSource | string {
  const custom = draft.kind === CUSTOM;
  const mapping = custom || draft.ownMapping ? mappingOf(draft.mapping) : undefined;
  if (typeof mapping === 'string') return t`Mapping: ${mapping}`;
  return {
    name: draft.name.trim(),
    kind: draft.kind,
    networks: networksOf(draft.networks),
    ...(custom || draft.ownAuth ? { auth: authOf(draft.auth) } : {}),
    ...(draft.secret === '' ? {} : { secret: draft.secret }),
    ...(mapping === undefined ? {} : { mapping }),
  };
}

export function networksOf(typed: string): string[] {
  return [...new Set(typed.split(/[\s,]+/).filter((one) => one !== ''))];
}

export function takenText({ events, readings, repeated }: Taken): string {
  if (repeated) return t`It had been taken before; nothing was done.`;
  const made = [events > 0 ? plural(events, { one: '# event', other: '# events' }) : '', readings > 0 ? plural(readings, { one: '# reading', other: '# readings' }) : ''].filter((one) => one !== '');
  const [first, second] = made;
  if (first === undefined) return t`It was taken; the mapping makes nothing of it.`;
  return second === undefined ? t`Taken: ${first}.` : t`Taken: ${first} and ${second}.`;
}
