import { msg } from '@lingui/core/macro';
import type { MessageDescriptor } from '@lingui/core';
import { useLingui } from '@lingui/react/macro';
import { Choice, SecretField, TextField } from '../common/fields';
import type { AuthKind, Webhook } from './api';
import { AUTH_FIELDS, type AuthField, type Draft } from './draft';
import type { Change } from './WebhookForm';

const KINDS: Record<AuthKind, MessageDescriptor> = {
  none: msg`The signature alone`,
  header: msg`A header with a key`,
  basic: msg`User name and password`,
  bearer: msg`A bearer token`,
  oauth2: msg`OAuth 2 client credentials`,
};

const LABELS: Record<AuthField, MessageDescriptor> = {
  name: msg`Name of the header`,
  value: msg`Value`,
  username: msg`User name`,
  password: msg`Password`,
  token: msg`Token`,
  token_url: msg`Address of the token server`,
  client_id: msg`Client id`,
  client_secret: msg`Client secret`,
  scope: msg`Scope (may be empty)`,
};

const SECRET: ReadonlySet<AuthField> = new Set(['value', 'password', 'token', 'client_secret']);

interface Props {
  draft: Draft;
  before: Webhook | undefined;
  onChange: Change;
}

/** How the receiver knows that a request comes from here. Stored secrets are never shown, only replaced. */
export function AuthFields({ draft, before, onChange }: Props) {
  const { t, i18n } = useLingui();
  const { auth } = draft;
  const set = (field: AuthField, value: string) => onChange({ auth: { ...auth, [field]: value } });
  return (
    <fieldset className="part">
      <legend>{t`Authentication`}</legend>
      {!draft.newAuth && before !== undefined ? (
        <Kept words={t`${i18n._(KINDS[before.auth.kind])}: stored, and not shown again.`} onReplace={() => onChange({ newAuth: true })} />
      ) : (
        <>
          <Choice label={t`Your server asks for`} name="auth-kind" value={auth.kind} onChange={(kind) => onChange({ auth: { ...auth, kind: kind as AuthKind } })}>
            {Object.entries(KINDS).map(([kind, words]) => <option key={kind} value={kind}>{i18n._(words)}</option>)}
          </Choice>
          {AUTH_FIELDS[auth.kind].map((field) => {
            const Field = SECRET.has(field) ? SecretField : TextField;
            return <Field key={field} label={i18n._(LABELS[field])} name={`auth-${field}`} required={field !== 'scope'} spellCheck={false} value={auth[field]} onChange={(value) => set(field, value)} />;
          })}
        </>
      )}
    </fieldset>
  );
}

export function HeaderFields({ draft, before, onChange }: Props) {
  const { t } = useLingui();
  const { headers } = draft;
  const put = (index: number, name: string, value: string) => onChange({ headers: headers.map((one, place) => (place === index ? [name, value] as const : one)) });
  return (
    <fieldset className="part">
      <legend>{t`Headers of your own`}</legend>
      {!draft.newHeaders && before !== undefined ? (
        <Kept words={t`${before.header_names.join(', ')}: stored, values are not shown again.`} onReplace={() => onChange({ newHeaders: true, headers: before.header_names.map((name) => [name, ''] as const) })} />
      ) : (
        <>
          {headers.map(([name, value], index) => (
            <div key={index} className="pair">
              <input className="field mono" aria-label={t`Name of header ${index + 1}`} placeholder="X-Tenant" maxLength={64} value={name} onChange={(event) => put(index, event.target.value, value)} />
              <input className="field mono" aria-label={t`Value of header ${index + 1}`} placeholder={t`Value`} maxLength={4096} value={value} onChange={(event) => put(index, name, event.target.value)} />
              <button type="button" className="small-button plain" aria-label={t`Remove header ${index + 1}`} onClick={() => onChange({ headers: headers.filter((_, place) => place !== index) })}>{t`Remove`}</button>
            </div>
          ))}
          {headers.length < 20 && <button type="button" className="small-button plain start" data-testid="add-header" onClick={() => onChange({ headers: [...headers, ['', '']] })}>{t`Add a header`}</button>}
        </>
      )}
    </fieldset>
  );
}

function Kept({ words, onReplace }: { words: string; onReplace: () => void }) {
  const { t } = useLingui();
  return <p className="kept"><span>{words}</span><button type="button" className="small-button plain" onClick={onReplace}>{t`Replace`}</button></p>;
}
