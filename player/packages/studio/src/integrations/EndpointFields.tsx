import { useLingui } from '@lingui/react/macro';
import { Choice, SecretField, TextField } from '../common/fields';
import type { CredentialKind } from './api';
import { CREDENTIAL_FIELDS, CREDENTIAL_WORDS, FIELD_WORDS, MAY_BE_EMPTY, SECRET_FIELDS, type EndpointDraft } from './draft';

interface Props {
  draft: EndpointDraft;
  onChange: (draft: EndpointDraft) => void;
}

/** Where a partner is reached, and how it knows you. Stored secrets are never shown, only replaced. */
export function EndpointFields({ draft, onChange }: Props) {
  const { t, i18n } = useLingui();
  return (
    <>
      <TextField label={t`Address`} type="url" name="endpoint-url" required maxLength={2048} spellCheck={false} placeholder="https://api.example.org/v1" value={draft.url} onChange={(url) => onChange({ ...draft, url })} />
      {draft.renew ? (
        <>
          <Choice label={t`Credentials`} name="credential-kind" value={draft.kind} onChange={(kind) => onChange({ ...draft, kind: kind as CredentialKind })}>
            {Object.entries(CREDENTIAL_WORDS).map(([kind, words]) => <option key={kind} value={kind}>{i18n._(words)}</option>)}
          </Choice>
          {CREDENTIAL_FIELDS[draft.kind].map((name) => {
            const Field = SECRET_FIELDS.has(name) ? SecretField : TextField;
            return (
              <Field
                key={name} label={FIELD_WORDS[name] === undefined ? name : i18n._(FIELD_WORDS[name])} name={`credential-${name}`} required={!MAY_BE_EMPTY.has(name)} spellCheck={false} value={draft.fields[name] ?? ''}
                onChange={(value) => onChange({ ...draft, fields: { ...draft.fields, [name]: value } })}
              />
            );
          })}
        </>
      ) : (
        <p className="kept">
          <span>{t`${i18n._(CREDENTIAL_WORDS[draft.kind])}: stored, secrets are not shown again. Another host needs them anew.`}</span>
          <button type="button" className="small-button plain" data-testid="replace-credentials" onClick={() => onChange({ ...draft, renew: true })}>{t`Replace`}</button>
        </p>
      )}
    </>
  );
}
