import { Choice, SecretField, TextField } from '../common/fields';
import type { AuthKind, Webhook } from './api';
import { AUTH_FIELDS, type AuthField, type Draft } from './draft';
import type { Change } from './WebhookForm';

const KINDS: Record<AuthKind, string> = {
  none: 'The signature alone',
  header: 'A header with a key',
  basic: 'User name and password',
  bearer: 'A bearer token',
  oauth2: 'OAuth 2 client credentials',
};

const LABELS: Record<AuthField, string> = {
  name: 'Name of the header',
  value: 'Value',
  username: 'User name',
  password: 'Password',
  token: 'Token',
  token_url: 'Address of the token server',
  client_id: 'Client id',
  client_secret: 'Client secret',
  scope: 'Scope (may be empty)',
};

const SECRET: ReadonlySet<AuthField> = new Set(['value', 'password', 'token', 'client_secret']);

interface Props {
  draft: Draft;
  before: Webhook | undefined;
  onChange: Change;
}

/** How the receiver knows that a request comes from here. Stored secrets are never shown, only replaced. */
export function AuthFields({ draft, before, onChange }: Props) {
  const { auth } = draft;
  const set = (field: AuthField, value: string) => onChange({ auth: { ...auth, [field]: value } });
  return (
    <fieldset className="part">
      <legend>Authentication</legend>
      {!draft.newAuth && before !== undefined ? (
        <Kept words={`${KINDS[before.auth.kind]}: stored, and not shown again.`} onReplace={() => onChange({ newAuth: true })} />
      ) : (
        <>
          <Choice label="Your server asks for" name="auth-kind" value={auth.kind} onChange={(kind) => onChange({ auth: { ...auth, kind: kind as AuthKind } })}>
            {Object.entries(KINDS).map(([kind, words]) => <option key={kind} value={kind}>{words}</option>)}
          </Choice>
          {AUTH_FIELDS[auth.kind].map((field) => {
            const Field = SECRET.has(field) ? SecretField : TextField;
            return <Field key={field} label={LABELS[field]} name={`auth-${field}`} required={field !== 'scope'} spellCheck={false} value={auth[field]} onChange={(value) => set(field, value)} />;
          })}
        </>
      )}
    </fieldset>
  );
}

export function HeaderFields({ draft, before, onChange }: Props) {
  const { headers } = draft;
  const put = (index: number, name: string, value: string) => onChange({ headers: headers.map((one, place) => (place === index ? [name, value] as const : one)) });
  return (
    <fieldset className="part">
      <legend>Headers of your own</legend>
      {!draft.newHeaders && before !== undefined ? (
        <Kept words={`${before.header_names.join(', ')}: stored, values are not shown again.`} onReplace={() => onChange({ newHeaders: true, headers: before.header_names.map((name) => [name, ''] as const) })} />
      ) : (
        <>
          {headers.map(([name, value], index) => (
            <div key={index} className="pair">
              <input className="field mono" aria-label={`Name of header ${index + 1}`} placeholder="X-Tenant" maxLength={64} value={name} onChange={(event) => put(index, event.target.value, value)} />
              <input className="field mono" aria-label={`Value of header ${index + 1}`} placeholder="Value" maxLength={4096} value={value} onChange={(event) => put(index, name, event.target.value)} />
              <button type="button" className="small-button plain" aria-label={`Remove header ${index + 1}`} onClick={() => onChange({ headers: headers.filter((_, place) => place !== index) })}>Remove</button>
            </div>
          ))}
          {headers.length < 20 && <button type="button" className="small-button plain start" data-testid="add-header" onClick={() => onChange({ headers: [...headers, ['', '']] })}>Add a header</button>}
        </>
      )}
    </fieldset>
  );
}

function Kept({ words, onReplace }: { words: string; onReplace: () => void }) {
  return <p className="kept"><span>{words}</span><button type="button" className="small-button plain" onClick={onReplace}>Replace</button></p>;
}
