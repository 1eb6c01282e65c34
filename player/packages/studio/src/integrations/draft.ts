import type { CredentialKind, Credentials, EndpointWish, Environment, IntegrationHealth, NewIntegration, Operation, ShownEndpoint } from './api';
import type { Tone } from '../common/Pill';

export const CREDENTIAL_WORDS: Record<CredentialKind, string> = {
  none: 'None',
  api_key: 'A key in a header',
  bearer: 'A bearer token',
  basic: 'User name and password',
  oauth2: 'OAuth 2 client credentials',
};

/** The fields of a kind, in the form's order. */
export const CREDENTIAL_FIELDS: Record<CredentialKind, readonly string[]> = {
  none: [],
  api_key: ['header', 'prefix', 'key'],
  bearer: ['token'],
  basic: ['username', 'password'],
  oauth2: ['token_url', 'client_id', 'client_secret', 'scope'],
};

export const FIELD_WORDS: Record<string, string> = {
  header: 'Name of the header', prefix: 'Before the key, as “ApiKey ” (may be empty)', key: 'Key', token: 'Token', username: 'User name', password: 'Password',
  token_url: 'Address of the token server', client_id: 'Client id', client_secret: 'Client secret', scope: 'Scope (may be empty)',
};

export const SECRET_FIELDS: ReadonlySet<string> = new Set(['key', 'token', 'password', 'client_secret']);
export const MAY_BE_EMPTY: ReadonlySet<string> = new Set(['prefix', 'scope']);

/** An environment as it is typed. `renew`: credentials are sent; otherwise the stored ones stay. */
export interface EndpointDraft {
  url: string;
  renew: boolean;
  kind: CredentialKind;
  fields: Record<string, string>;
}

export function endpointDraft(shown: ShownEndpoint | null, usual: string): EndpointDraft {
  if (shown === null) return { url: usual, renew: true, kind: 'none', fields: { header: 'X-Api-Key' } };
  const { kind, ...known } = shown.credentials;
  const fields = Object.entries(known).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
  return { url: shown.url, renew: false, kind, fields: Object.fromEntries(fields) };
}

export function credentialsOf({ kind, fields }: EndpointDraft): Credentials {
  const given = CREDENTIAL_FIELDS[kind].filter((name) => !MAY_BE_EMPTY.has(name) || (fields[name] ?? '') !== '').map((name) => [name, fields[name] ?? '']);
  return { kind, ...(Object.fromEntries(given) as Record<string, string>) };
}

export function endpointWish(draft: EndpointDraft): EndpointWish {
  return { url: draft.url.trim(), ...(draft.renew ? { credentials: credentialsOf(draft) } : {}) };
}

export interface NewDraft {
  kind: string;
  name: string;
  environment: Environment;
  endpoint: EndpointDraft;
  kid: string;
  key: string;
  testPath: string;
}

export function newIntegration({ kind, name, environment, endpoint, kid, key, testPath }: NewDraft): NewIntegration {
  return {
    kind,
    name: name.trim(),
    environment,
    [environment]: endpointWish(endpoint),
    ...(kid === '' && key === '' ? {} : { encryption: { kid: kid.trim(), key: key.trim() } }),
    ...(testPath.trim() === '' ? {} : { test_path: testPath.trim() }),
  };
}

/** A test that passed is a success, but no call. */
export function stateWords({ state, breaker, last_success }: Pick<IntegrationHealth, 'state' | 'breaker' | 'last_success'>): { tone: Tone; words: string } {
  if (breaker === 'open') return { tone: 'bad', words: 'Failing, calls are refused' };
  if (breaker === 'half_open') return { tone: 'bad', words: 'Failing, one call is tried' };
  if (state === 'failing') return { tone: 'bad', words: 'Failing' };
  if (state === 'ok') return { tone: 'good', words: 'Working' };
  return last_success === null ? { tone: 'busy', words: 'Not called yet' } : { tone: 'good', words: 'Tested, not called yet' };
}

/** "plate, amount; optional: zone". */
export function fieldsText({ data }: Operation): string {
  const required = new Set(data.required ?? []);
  const names = Object.keys(data.properties ?? {});
  const must = names.filter((name) => required.has(name));
  const may = names.filter((name) => !required.has(name));
  return [must.join(', '), may.length > 0 ? `optional: ${may.join(', ')}` : ''].filter((one) => one !== '').join('; ');
}

export function environmentWords(environment: Environment): string {
  return environment === 'sandbox' ? 'Sandbox' : 'Production';
}
