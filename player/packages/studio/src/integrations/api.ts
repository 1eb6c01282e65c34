import { request, requestTagged } from '@weir/client/http.ts';
import type { Page } from '../api';

export type Environment = 'sandbox' | 'production';
export type CredentialKind = 'none' | 'api_key' | 'bearer' | 'basic' | 'oauth2';

/** Without what is secret. */
export interface ShownCredentials {
  kind: CredentialKind;
  header: string | null;
  prefix: string | null;
  username: string | null;
  token_url: string | null;
  client_id: string | null;
  scope: string | null;
}

export interface ShownEndpoint {
  url: string;
  credentials: ShownCredentials;
  credentials_set: string;
}

/** `environment` is the one in use. */
export interface Integration {
  id: string;
  kind: string;
  name: string;
  environment: Environment;
  sandbox: ShownEndpoint | null;
  production: ShownEndpoint | null;
  encryption: { kid: string } | null;
  timeout_s: number;
  test_path: string;
  created: string;
}

export interface OperationHealth {
  calls: number;
  failures: number;
  cents: number;
}

export interface IntegrationHealth {
  id: string;
  kind: string;
  name: string;
  environment: Environment;
  state: 'ok' | 'failing' | 'unused';
  breaker: 'closed' | 'open' | 'half_open';
  calls: number;
  failures: number;
  mean_ms: number | null;
  last_success: string | null;
  last_error: string | null;
  last_error_at: string | null;
  operations: Record<string, OperationHealth>;
}

/** `data` is the JSON Schema of the operation's fields. */
export interface Operation {
  name: string;
  summary: string;
  method: string;
  path: string;
  data: { properties?: Record<string, unknown>; required?: string[] };
}

/** Empty addresses: this kind has no usual one. */
export interface PartnerKind {
  kind: string;
  title: string;
  production_url: string;
  sandbox_url: string;
  test_path: string;
  operations: Operation[];
}

export interface Tested {
  ok: boolean;
  environment: Environment;
  status: number;
  latency_ms: number;
  detail: string;
}

export type Credentials = { kind: CredentialKind } & Record<string, string>;

export interface EndpointWish {
  url?: string;
  credentials?: Credentials;
}

export interface NewIntegration {
  kind: string;
  name: string;
  environment: Environment;
  sandbox?: EndpointWish;
  production?: EndpointWish;
  encryption?: { kid: string; key: string };
  timeout_s?: number;
  test_path?: string;
}

export type IntegrationChange = Partial<{ name: string; environment: Environment; sandbox: EndpointWish; production: EndpointWish; encryption: { kid: string; key: string } | null; timeout_s: number; test_path: string | null }>;

// A test may wait for the partner's answer and, before it, for a token.
const PATIENCE_MS = 70_000;
const at = (integration: string) => `/v1/integrations/${encodeURIComponent(integration)}`;

export const integrations = {
  list: async (bearer: string) => (await request<Page<Integration>>('GET', '/v1/integrations?limit=200', { bearer })).data,
  kinds: async (bearer: string) => (await request<{ data: PartnerKind[] }>('GET', '/v1/integrations/kinds', { bearer })).data,
  health: async (bearer: string) => (await request<{ integrations: IntegrationHealth[] }>('GET', '/v1/integrations/health', { bearer })).integrations,
  get: (bearer: string, integration: string) => requestTagged<Integration>('GET', at(integration), { bearer }),
  create: (bearer: string, body: NewIntegration) => request<Integration>('POST', '/v1/integrations', { bearer, body }),
  change: (bearer: string, integration: string, body: IntegrationChange, match: string | null) =>
    request<Integration>('PATCH', at(integration), { bearer, body, match }),
  test: (bearer: string, integration: string) => request<Tested>('POST', `${at(integration)}/test`, { bearer, patienceMs: PATIENCE_MS }),
  remove: (bearer: string, integration: string) => request<undefined>('DELETE', at(integration), { bearer }),
};
