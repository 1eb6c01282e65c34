import { msg, t } from '@lingui/core/macro';
import type { MessageDescriptor } from '@lingui/core';
import type { CredentialKind, Credentials, EndpointWish, Environment, IntegrationHealth, NewIntegration, Operation, ShownEndpoint } from './api';
import type { Tone } from '../common/Pill';

export const CREDENTIAL_WORDS: Record<CredentialKind, MessageDescriptor> = {
  none: msg`None`,
  api_key: msg`A key in a header`,
  bearer: msg`A bearer token`,
  basic: msg`User name and password`,
  oauth2: msg`OAuth 2 client credentials`,
};

/** The fields of a kind, in the form's order. */
export const CREDENTIAL_FIELDS: Record<CredentialKind, readonly string[]> = {
  none: [],
  api_key: ['header', 'prefix', 'key'],
  bearer: ['token'],
  basic: ['username', 'password'],
  oauth2: ['token_url', 'client_id', 'client_secret', 'scope'],
};

export const FIELD_WORDS: Readonly<Record<string, MessageDescriptor | undefined>> = {
  header: msg`Name of the header`, prefix: msg`Before the key, as “ApiKey ” (may be empty)`, key: msg`Key`, token: msg`Token`, username: msg`User name`, password: msg`Password`,
  token_url: msg`Address of the token server`, client_id: msg`Client id`, client_secret: msg`Client secret`, scope: msg`Scope (may be empty)`,
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
  if (breaker === 'open') return { tone: 'bad', words: t`Failing, calls are refused` };
  if (breaker === 'half_open') return { tone: 'bad', words: t`Failing, one call is tried` };
  if (state === 'failing') return { tone: 'bad', words: t`Failing` };
  if (state === 'ok') return { tone: 'good', words: t`Working` };
  return last_success === null ? { tone: 'busy', words: t`Not called yet` } : { tone: 'good', words: t`Tested, not called yet` };
}

/** "plate, amount; optional: zone". */
export function fieldsText({ data }: Operation): string {
  const required = new Set(data.required ?? []);
  const names = Object.keys(data.properties ?? {});
  const must = names.filter((name) => required.has(name));
  const may = names.filter((name) => !required.has(name));
  return [must.join(', '), may.length > 0 ? t`optional: ${may.join(', ')}` : ''].filter((one) => one !== '').join('; ');
}

export function environmentWords(environment: Environment): string {
  return environment === 'sandbox' ? t`Sandbox` : t`Production`;
}
