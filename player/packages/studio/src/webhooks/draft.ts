import { t } from '@lingui/core/macro';
import type { AuthKind, AuthWish, Crop, Settings, Webhook, WebhookChange, WebhookWish } from './api';

/** The form as it is typed. Lists are texts with one value a line; numbers are texts, empty for none. */
export interface Draft {
  url: string;
  description: string;
  types: readonly string[];
  streams: string;
  channels: string;
  places: string;
  filter: string;
  rate: string;
  concurrency: string;
  ordered: boolean;
  batched: boolean;
  batchMost: string;
  batchWait: string;
  pictured: boolean;
  imageType: string;
  crop: string;
  signature: 'hmac' | 'ed25519';
  encrypted: boolean;
  /** False while the stored headers, or credentials, stay as they are. */
  newHeaders: boolean;
  headers: readonly (readonly [string, string])[];
  newAuth: boolean;
  auth: Record<AuthField, string> & { kind: AuthKind };
}

export type AuthField = 'name' | 'value' | 'username' | 'password' | 'token' | 'token_url' | 'client_id' | 'client_secret' | 'scope';

export const AUTH_FIELDS: Record<AuthKind, readonly AuthField[]> = {
  none: [],
  header: ['name', 'value'],
  basic: ['username', 'password'],
  bearer: ['token'],
  oauth2: ['token_url', 'client_id', 'client_secret', 'scope'],
};

const NO_AUTH: Draft['auth'] = { kind: 'none', name: '', value: '', username: '', password: '', token: '', token_url: '', client_id: '', client_secret: '', scope: '' };

export const EMPTY: Draft = {
  url: '', description: '', types: [], streams: '', channels: '', places: '', filter: '', rate: '', concurrency: '10', ordered: false, batched: false, batchMost: '100', batchWait: '1000',
  pictured: false, imageType: 'full', crop: '', signature: 'hmac', encrypted: false, newHeaders: true, headers: [], newAuth: true, auth: NO_AUTH,
};

export function draftOf(hook: Webhook): Draft {
  const { batch, image, auth } = hook;
  return {
    ...EMPTY,
    url: hook.url,
    description: hook.description,
    types: hook.types,
    streams: hook.streams.join('\n'),
    channels: hook.channels.join('\n'),
    places: hook.places.join('\n'),
    filter: hook.filter ?? '',
    rate: hook.rate === null ? '' : String(hook.rate),
    concurrency: String(hook.concurrency),
    ordered: hook.ordered,
    ...(batch === null ? {} : { batched: true, batchMost: String(batch.most), batchWait: String(batch.wait_ms) }),
    ...(image === null ? {} : { pictured: true, imageType: image.type, crop: cropText(image.crop) }),
    signature: hook.signature,
    encrypted: hook.encrypted,
    newHeaders: hook.header_names.length === 0,
    newAuth: auth.kind === 'none',
    auth: { ...NO_AUTH, kind: auth.kind, name: auth.name ?? '', username: auth.username ?? '', token_url: auth.token_url ?? '', client_id: auth.client_id ?? '', scope: auth.scope ?? '' },
  };
}

/** True when a draft uses what the form folds away. */
export function usesMore(draft: Draft): boolean {
  const plain = { ...EMPTY, url: draft.url, description: draft.description, types: draft.types };
  return JSON.stringify(draft) !== JSON.stringify(plain);
}

export function linesOf(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter((one) => one !== ''))];
}

/** "0, 0, 50, 100": left, top, width and height in percent of the picture. */
function cropText(crop: Crop | null): string {
  if (crop === null) return '';
  return [crop.left, crop.top, crop.width, crop.height].map((share) => Math.round(share * 10_000) / 100).join(', ');
}

/** Errors: a sentence in place of the crop. */
export function cropOf(text: string): Crop | null | string {
  if (text.trim() === '') return null;
  const shares = text.split(/[\s,;]+/).filter((one) => one !== '').map((one) => Number(one) / 100);
  const [left = NaN, top = NaN, width = NaN, height = NaN] = shares;
  if (shares.length !== 4 || !shares.every(Number.isFinite)) return t`A crop is four numbers in percent: left, top, width, height.`;
  const inside = Math.min(left, top) >= 0 && Math.min(width, height) > 0 && Math.max(left + width, top + height) <= 1.0001;
  return inside ? { left, top, width, height } : t`The crop must lie inside the picture: left + width and top + height are 100 at most.`;
}

/** What is missing or wrong before the server is asked; null when nothing is. */
export function mistakeIn(draft: Draft): string | null {
  if (!URL.canParse(draft.url.trim())) return t`The URL must be a whole address, as https://example.org/weir.`;
  if (draft.types.length === 0) return t`Choose at least one type of event.`;
  if (draft.newHeaders && draft.headers.some(([name, value]) => (name.trim() === '') !== (value === ''))) return t`Each header needs a name and a value.`;
  const crop = draft.pictured ? cropOf(draft.crop) : null;
  return typeof crop === 'string' ? crop : null;
}

function settingsOf(draft: Draft): Settings {
  const crop = cropOf(draft.crop);
  return {
    url: draft.url.trim(),
    description: draft.description.trim(),
    types: [...draft.types],
    streams: linesOf(draft.streams),
    channels: linesOf(draft.channels),
    places: linesOf(draft.places),
    filter: draft.filter.trim() || null,
    rate: draft.rate === '' ? null : Number(draft.rate),
    concurrency: Number(draft.concurrency || EMPTY.concurrency),
    ordered: draft.ordered,
    batch: draft.batched ? { most: Number(draft.batchMost), wait_ms: Number(draft.batchWait) } : null,
    image: draft.pictured ? { type: draft.imageType.trim() || 'full', crop: typeof crop === 'string' ? null : crop } : null,
  };
}

function headersOf(draft: Draft): Record<string, string> {
  return Object.fromEntries(draft.headers.filter(([name]) => name.trim() !== '').map(([name, value]) => [name.trim(), value]));
}

/** Only the fields of its kind; an empty scope is none. */
function authOf({ auth }: Draft): AuthWish {
  const given = AUTH_FIELDS[auth.kind].filter((field) => field !== 'scope' || auth.scope !== '').map((field) => [field, auth[field]]);
  return { kind: auth.kind, ...(Object.fromEntries(given) as Partial<Record<AuthField, string>>) };
}

export function wishOf(draft: Draft): WebhookWish {
  return { ...settingsOf(draft), headers: headersOf(draft), auth: authOf(draft), signature: draft.signature, encrypted: draft.encrypted };
}

/** Only what differs from the endpoint as it was read. */
export function changeOf(draft: Draft, before: Webhook): WebhookChange {
  const settings = settingsOf(draft);
  const names = Object.keys(settings) as (keyof Settings)[];
  const changed = names.filter((name) => JSON.stringify(settings[name]) !== JSON.stringify(before[name]));
  const headers = headersOf(draft);
  return {
    ...Object.fromEntries(changed.map((name) => [name, settings[name]])),
    ...(draft.newHeaders && (before.header_names.length > 0 || Object.keys(headers).length > 0) ? { headers } : {}),
    ...(draft.newAuth && (before.auth.kind !== 'none' || draft.auth.kind !== 'none') ? { auth: authOf(draft) } : {}),
  };
}
