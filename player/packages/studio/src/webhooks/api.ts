import { request, requestTagged } from '@weir/client/http.ts';
import type { Page } from '../api';

export type AuthKind = 'none' | 'header' | 'basic' | 'bearer' | 'oauth2';
export type Breaker = 'closed' | 'open' | 'half_open';
export type DeliveryState = 'pending' | 'delivered' | 'failed';

/** Without what is secret. */
export interface ShownAuth {
  kind: AuthKind;
  name: string | null;
  username: string | null;
  token_url: string | null;
  client_id: string | null;
  scope: string | null;
}

/** `failures`: attempts in a row that have failed. Nothing is sent before `next_attempt`. */
export interface WebhookHealth {
  breaker: Breaker;
  failures: number;
  failing_since: string | null;
  next_attempt: string | null;
  last_success: string | null;
  last_failure: string | null;
  last_error: string | null;
  advice: string | null;
}

/** Shares of the picture's width and height, from the top left. */
export interface Crop {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** What a person may change about an endpoint, apart from what is secret. */
export interface Settings {
  url: string;
  description: string;
  types: string[];
  streams: string[];
  channels: string[];
  places: string[];
  filter: string | null;
  rate: number | null;
  concurrency: number;
  ordered: boolean;
  batch: { most: number; wait_ms: number } | null;
  image: { type: string; crop: Crop | null } | null;
}

/** `name` belongs to one that a file of the operator's sets up. `public_key` checks ed25519 signatures. */
export interface Webhook extends Settings {
  id: string;
  name: string | null;
  enabled: boolean;
  disabled_reason: string | null;
  header_names: string[];
  auth: ShownAuth;
  signature: 'hmac' | 'ed25519';
  public_key: string | null;
  encrypted: boolean;
  health: WebhookHealth;
  created: string;
}

/** What is secret is in this answer only. */
export interface NewWebhook extends Webhook {
  secret: string | null;
  encryption_key: string | null;
  kid: string | null;
}

export interface NewSecret {
  secret: string | null;
  public_key: string | null;
  old_until: string;
}

export type AuthWish = { kind: AuthKind } & Partial<Record<'name' | 'value' | 'username' | 'password' | 'token' | 'token_url' | 'client_id' | 'client_secret' | 'scope', string>>;

export interface WebhookWish extends Settings {
  headers: Record<string, string>;
  auth: AuthWish;
  signature: 'hmac' | 'ed25519';
  encrypted: boolean;
}

export type WebhookChange = Partial<Settings & { headers: Record<string, string>; auth: AuthWish; enabled: boolean }>;

export interface EventKind {
  type: string;
  about: string;
  example: Record<string, unknown>;
}

/** `status` 0: there was no answer, and `detail` says why. */
export interface Attempt {
  at: string;
  status: number;
  latency_ms: number;
  error: string;
  detail: string;
  headers: Record<string, string>;
  answer: string;
}

export interface Delivery {
  id: string;
  event: string;
  type: string;
  state: DeliveryState;
  events: number;
  tries: number;
  created: string;
  next_attempt: string | null;
  last_status: number | null;
  last_error: string | null;
  latency_ms: number | null;
}

export interface DeliveryInFull extends Delivery {
  body: string;
  attempts: Attempt[];
}

export interface Tested {
  delivered: boolean;
  event: string;
  attempt: Attempt;
}

export interface Preview {
  url: string;
  headers: Record<string, string>;
  body: string;
  body_base64: boolean;
  curl: string;
}

/** Of the last 24 hours, but for what waits. */
export interface Stats {
  delivered: number;
  failed: number;
  pending: number;
  success_rate: number | null;
  latency_p50_ms: number | null;
  latency_p95_ms: number | null;
  oldest_waiting_s: number | null;
  breaker: Breaker;
}

export interface ReplayWish {
  state: 'failed' | 'delivered' | 'all';
  since?: string;
  until?: string;
  recover?: boolean;
}

export interface Replayed {
  deliveries: number;
  recovered: number;
  more: boolean;
}

export interface Example {
  type: string;
  data?: Record<string, unknown>;
}

export interface DeliveryFilter {
  state: DeliveryState | '';
  type: string;
}

// A receiver may take 15 s, its OAuth2 server and a second try as long again; a replay reads many documents.
const PATIENCE_MS = 70_000;
const at = (webhook: string) => `/v1/webhooks/${encodeURIComponent(webhook)}`;

function query(pairs: Record<string, string | null>): string {
  const given = Object.entries(pairs).filter((pair): pair is [string, string] => pair[1] !== null && pair[1] !== '');
  return given.length === 0 ? '' : `?${new URLSearchParams(given).toString()}`;
}

export const webhooks = {
  list: async (bearer: string) => (await request<Page<Webhook>>('GET', '/v1/webhooks?limit=100', { bearer })).data,
  kinds: async (bearer: string) => (await request<{ data: EventKind[] }>('GET', '/v1/webhooks/event-types', { bearer })).data,
  get: (bearer: string, webhook: string) => requestTagged<Webhook>('GET', at(webhook), { bearer }),
  create: (bearer: string, body: WebhookWish) => request<NewWebhook>('POST', '/v1/webhooks', { bearer, body }),
  change: (bearer: string, webhook: string, body: WebhookChange, match: string | null) =>
    requestTagged<Webhook>('PATCH', at(webhook), { bearer, body, match }),
  remove: (bearer: string, webhook: string) => request<undefined>('DELETE', at(webhook), { bearer }),
  rotate: (bearer: string, webhook: string, overlap_s: number) =>
    request<NewSecret>('POST', `${at(webhook)}/rotate-secret`, { bearer, body: { overlap_s } }),
  test: (bearer: string, webhook: string, body: Example) =>
    request<Tested>('POST', `${at(webhook)}/test`, { bearer, body, patienceMs: PATIENCE_MS }),
  preview: (bearer: string, webhook: string, body: Example) =>
    request<Preview>('POST', `${at(webhook)}/preview`, { bearer, body, patienceMs: PATIENCE_MS }),
  stats: (bearer: string, webhook: string) => request<Stats>('GET', `${at(webhook)}/stats`, { bearer }),
  deliveries: (bearer: string, webhook: string, filter: DeliveryFilter, cursor: string | null) =>
    request<Page<Delivery>>('GET', `${at(webhook)}/deliveries${query({ limit: '25', ...filter, cursor })}`, { bearer }),
  delivery: (bearer: string, delivery: string) => request<DeliveryInFull>('GET', `/v1/deliveries/${delivery}`, { bearer }),
  sendAgain: (bearer: string, delivery: string) => request<Delivery>('POST', `/v1/deliveries/${delivery}/replay`, { bearer }),
  replay: (bearer: string, webhook: string, body: ReplayWish) =>
    request<Replayed>('POST', `${at(webhook)}/replay`, { bearer, body, patienceMs: PATIENCE_MS }),
};
