import { useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import type { AskAsApp } from '../authorizedApi';
import { Check, Choice, SecretField, TextArea, TextField } from '../common/fields';
import { useAction } from '../common/useAction';
import { sources, type Preset, type SignatureKind, type SourceShown } from './api';
import { AUTH_WORDS, CUSTOM, NO_AUTH, authText, mappingDraft, newSource, type AuthDraft, type NewDraft } from './draft';
import { MappingEditor } from './MappingEditor';

interface Props {
  ask: AskAsApp;
  presets: readonly Preset[];
  onMade: (made: SourceShown) => void;
}

/** A source from a preset, or with a mapping of one's own. */
export function NewSourceForm({ ask, presets, onMade }: Props) {
  const { t } = useLingui();
  const [, go] = useLocation();
  const [draft, setDraft] = useState<NewDraft>({ kind: '', name: '', ownAuth: false, auth: NO_AUTH, secret: '', networks: '', ownMapping: false, mapping: mappingDraft(undefined, null) });
  const [mistake, setMistake] = useState<string | null>(null);
  const { busy, error, run } = useAction();
  const preset = presets.find(({ kind }) => kind === draft.kind);
  const change = (part: Partial<NewDraft>) => {
    setMistake(null);
    setDraft((now) => ({ ...now, ...part }));
  };
  const choose = (kind: string) => {
    const chosen = presets.find((one) => one.kind === kind);
    const named = draft.name === '' || draft.name === preset?.title;
    change({ kind, mapping: mappingDraft(chosen, null), ...(named ? { name: chosen?.title ?? '' } : {}) });
  };
  const submit = () => {
    const wish = newSource(draft);
    setMistake(typeof wish === 'string' ? wish : null);
    if (typeof wish === 'string') return;
    run(async () => {
      const made = await ask(sources.create, wish);
      onMade(made);
      go(`/sources/${made.id}`);
    });
  };
  return (
    <form className="box" aria-label={t`New source`} onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <Choice label={t`Who sends`} name="kind" required value={draft.kind} onChange={choose}>
        <option value="" disabled>{t`Choose …`}</option>
        {presets.map(({ kind, title }) => <option key={kind} value={kind}>{title}</option>)}
        <option value={CUSTOM}>{t`Another system, with a mapping of your own`}</option>
      </Choice>
      {preset !== undefined && <p className="soft anywhere" data-testid="preset-note">{preset.note}</p>}
      <TextField label={t`Name`} name="name" dir="auto" required maxLength={140} value={draft.name} onChange={(name) => change({ name })} />
      {draft.kind !== '' && <Security draft={draft} preset={preset} onChange={change} />}
      {preset !== undefined && <Check name="own-mapping" label={t`Change the mapping`} hint={t`Without it, the preset’s is used.`} checked={draft.ownMapping} onChange={(ownMapping) => change({ ownMapping })} />}
      {(draft.kind === CUSTOM || (preset !== undefined && draft.ownMapping)) && <MappingEditor ask={ask} kind={draft.kind} draft={draft.mapping} onChange={(mapping) => change({ mapping })} />}
      <div className="form-end">
        <button type="submit" className="small-button" data-testid="save-source" disabled={busy}>{t`Create the source`}</button>
        <Link className="small-button plain" href="/sources">{t`Cancel`}</Link>
        {(mistake ?? error) !== null && <span className="error" role="alert">{mistake ?? error}</span>}
      </div>
    </form>
  );
}

function Security({ draft, preset, onChange }: { draft: NewDraft; preset: Preset | undefined; onChange: (part: Partial<NewDraft>) => void }) {
  const { t } = useLingui();
  return (
    <fieldset className="part">
      <legend>{t`How it proves who it is`}</legend>
      {preset !== undefined && <p className="soft">{t`This vendor: ${authText(preset.auth)}`}</p>}
      {preset !== undefined && <Check name="own-auth" label={t`In another way`} checked={draft.ownAuth} onChange={(ownAuth) => onChange({ ownAuth })} />}
      {(preset === undefined || draft.ownAuth) && <AuthChoice auth={draft.auth} onChange={(auth) => onChange({ auth })} />}
      <SecretField label={t`The partner’s own secret`} name="secret" minLength={8} maxLength={200} hint={t`Only if it gives you one. Empty: one is made and shown once.`} value={draft.secret} onChange={(secret) => onChange({ secret })} />
      <TextArea label={t`Networks it sends from`} className="mono" name="networks" rows={2} spellCheck={false} placeholder="203.0.113.0/24" hint={t`One a line. Empty: from everywhere.`} value={draft.networks} onChange={(networks) => onChange({ networks })} />
    </fieldset>
  );
}

function AuthChoice({ auth, onChange }: { auth: AuthDraft; onChange: (auth: AuthDraft) => void }) {
  const { t, i18n } = useLingui();
  const { kind } = auth;
  return (
    <>
      <Choice label={t`Proof`} name="auth-kind" value={kind} onChange={(chosen) => onChange({ ...auth, kind: chosen as SignatureKind })}>
        {Object.entries(AUTH_WORDS).map(([one, words]) => <option key={one} value={one}>{i18n._(words)}</option>)}
      </Choice>
      {(kind === 'timestamped' || kind === 'hmac' || kind === 'token') && <TextField label={t`Name of the header`} className="mono" name="auth-header" required={kind !== 'token'} placeholder={kind === 'token' ? 'authorization' : 'x-signature'} value={auth.header} onChange={(header) => onChange({ ...auth, header })} />}
      {kind === 'basic' && <TextField label={t`User name`} name="auth-username" required value={auth.username} onChange={(username) => onChange({ ...auth, username })} />}
      {kind === 'hmac' && (
        <div className="three">
          <TextField label={t`Before it`} className="mono" name="auth-prefix" placeholder="sha256=" value={auth.prefix} onChange={(prefix) => onChange({ ...auth, prefix })} />
          <Choice label={t`Written in`} name="auth-encoding" value={auth.encoding} onChange={(encoding) => onChange({ ...auth, encoding })}><option value="hex">{t`hex`}</option><option value="base64">{t`base64`}</option></Choice>
          <Choice label={t`Algorithm`} name="auth-algorithm" value={auth.algorithm} onChange={(algorithm) => onChange({ ...auth, algorithm })}><option value="sha256">{t`SHA-256`}</option><option value="sha512">{t`SHA-512`}</option><option value="sha1">{t`SHA-1`}</option></Choice>
        </div>
      )}
    </>
  );
}
