import { request, requestTagged } from '@weir/client/http.ts';
import type { Page } from '../api';

export type SignatureKind = 'standard' | 'timestamped' | 'hmac' | 'token' | 'basic';

export interface SourceAuth {
  kind: SignatureKind;
  header: string | null;
  prefix: string | null;
  encoding: string | null;
  algorithm: string | null;
  username: string | null;
}

/** `expires` of a secret that another has replaced. `mapping` is null where the preset's is used. */
export interface Source {
  id: string;
  name: string;
  kind: string;
  url: string;
  auth: SourceAuth;
  secrets: { created: string; expires: string | null }[];
  mapping: Record<string, unknown> | null;
  networks: string[];
  enabled: boolean;
  created: string;
}

/** `secret` is in this answer only, and null where it is the partner's own. */
export interface SourceShown extends Source {
  secret: string | null;
}

export interface Preset {
  kind: string;
  title: string;
  note: string;
  auth: SourceAuth;
  mapping: Record<string, unknown>;
  sample: unknown;
  query: Record<string, string>;
  headers: Record<string, string>;
}

/** Of the last 24 hours. */
export interface SourceStats {
  received: number;
  repeated: number;
  rejected: number;
  refused: number;
  last_received: string | null;
  last_refused: { at: string; reason: string } | null;
}

export interface MappingError {
  field: string;
  detail: string;
}

export interface MappingWish {
  kind: string;
  mapping: Record<string, unknown>;
  sample: unknown;
  query: Record<string, string>;
  headers: Record<string, string>;
}

export interface MappingPreview {
  id: string | null;
  events: { type: string; data: unknown }[];
  readings: Record<string, unknown>[];
  errors: MappingError[];
}

export interface Reject {
  id: string;
  at: string;
  times: number;
  body: string;
  query: Record<string, string>;
  headers: Record<string, string>;
  errors: MappingError[];
}

export interface Taken {
  id: string;
  events: number;
  readings: number;
  repeated: boolean;
}

export type AuthWish = { kind: SignatureKind } & Partial<Record<'header' | 'prefix' | 'encoding' | 'algorithm' | 'username', string>>;

export interface NewSource {
  name: string;
  kind: string;
  auth?: AuthWish;
  secret?: string;
  mapping?: Record<string, unknown>;
  networks: string[];
}

export type SourceChange = Partial<{ name: string; mapping: Record<string, unknown> | null; networks: string[]; enabled: boolean }>;

/** A device that reports and is not registered. */
export interface PoolEntry {
  serial: string;
  source: string;
  first_seen: string;
  last_seen: string;
  state: string | null;
  space: number | null;
  battery: number | null;
}

export interface Place {
  id: string;
  name: string;
}

const at = (source: string) => `/v1/sources/${encodeURIComponent(source)}`;
const paged = (path: string, cursor: string | null) => `${path}?limit=25${cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`}`;

export const sources = {
  list: async (bearer: string) => (await request<Page<Source>>('GET', '/v1/sources?limit=200', { bearer })).data,
  presets: async (bearer: string) => (await request<{ data: Preset[] }>('GET', '/v1/sources/presets', { bearer })).data,
  preview: (bearer: string, body: MappingWish) => request<MappingPreview>('POST', '/v1/sources/preview', { bearer, body }),
  get: (bearer: string, source: string) => requestTagged<Source>('GET', at(source), { bearer }),
  create: (bearer: string, body: NewSource) => request<SourceShown>('POST', '/v1/sources', { bearer, body }),
  change: (bearer: string, source: string, body: SourceChange, match: string | null) => request<Source>('PATCH', at(source), { bearer, body, match }),
  remove: (bearer: string, source: string) => request<undefined>('DELETE', at(source), { bearer }),
  rotate: (bearer: string, source: string, body: { overlap_s: number; secret?: string }) => request<SourceShown>('POST', `${at(source)}/rotate-secret`, { bearer, body }),
  stats: (bearer: string, source: string) => request<SourceStats>('GET', `${at(source)}/stats`, { bearer }),
  rejects: (bearer: string, source: string, cursor: string | null) => request<Page<Reject>>('GET', paged(`${at(source)}/rejects`, cursor), { bearer }),
  replay: (bearer: string, source: string, reject: string) => request<Taken>('POST', `${at(source)}/rejects/${encodeURIComponent(reject)}/replay`, { bearer }),
  pool: (bearer: string, cursor: string | null) => request<Page<PoolEntry>>('GET', paged('/v1/devices/pool', cursor), { bearer }),
  places: async (bearer: string) => (await request<Page<Place>>('GET', '/v1/places?limit=200', { bearer })).data,
  adopt: (bearer: string, serial: string, body: { place: string; space?: number }) => request<object>('POST', `/v1/devices/pool/${encodeURIComponent(serial)}/adopt`, { bearer, body }),
};
