import { useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import type { AskAsApp } from '../authorizedApi';
import { Choice, SecretField, TextField } from '../common/fields';
import { useAction } from '../common/useAction';
import { integrations, type Environment, type PartnerKind } from './api';
import { endpointDraft, fieldsText, newIntegration, type NewDraft } from './draft';
import { EndpointFields } from './EndpointFields';

interface Props {
  ask: AskAsApp;
  kinds: readonly PartnerKind[];
  onMade: () => Promise<void>;
}

function usualAddress(kind: PartnerKind | undefined, environment: Environment): string {
  return (environment === 'sandbox' ? kind?.sandbox_url : kind?.production_url) ?? '';
}

export function NewIntegrationForm({ ask, kinds, onMade }: Props) {
  const { t } = useLingui();
  const [, go] = useLocation();
  const [draft, setDraft] = useState<NewDraft>({ kind: '', name: '', environment: 'sandbox', endpoint: endpointDraft(null, ''), kid: '', key: '', testPath: '' });
  const { busy, error, run } = useAction();
  const kind = kinds.find((one) => one.kind === draft.kind);
  const change = (part: Partial<NewDraft>) => setDraft((now) => ({ ...now, ...part }));
  const choose = (name: string, environment: Environment) => {
    const chosen = kinds.find((one) => one.kind === name);
    const untouched = draft.endpoint.url === usualAddress(kind, draft.environment);
    const url = untouched ? usualAddress(chosen, environment) : draft.endpoint.url;
    change({ kind: name, environment, endpoint: { ...draft.endpoint, url }, name: draft.name === '' || draft.name === kind?.title ? chosen?.title ?? '' : draft.name });
  };
  const submit = () => run(async () => {
    const made = await ask(integrations.create, newIntegration(draft));
    await onMade();
    go(`/integrations/${made.id}`);
  });
  return (
    <form className="box" aria-label={t`New integration`} onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <Choice label={t`Partner`} name="kind" required value={draft.kind} onChange={(name) => choose(name, draft.environment)}>
        <option value="" disabled>{t`Choose …`}</option>
        {kinds.map((one) => <option key={one.kind} value={one.kind}>{one.title}</option>)}
      </Choice>
      {kind !== undefined && <Operations kind={kind} />}
      <TextField label={t`Name`} name="name" dir="auto" required maxLength={80} value={draft.name} onChange={(name) => change({ name })} />
      <Choice label={t`Environment`} name="environment" value={draft.environment} hint={t`Begin with the sandbox. The other one can be added later.`} onChange={(environment) => choose(draft.kind, environment as Environment)}>
        <option value="sandbox">{t`Sandbox`}</option>
        <option value="production">{t`Production`}</option>
      </Choice>
      <EndpointFields draft={draft.endpoint} onChange={(endpoint) => change({ endpoint })} />
      <details className="more">
        <summary>{t`More: encryption, path of the test`}</summary>
        <TextField label={t`Path that a test asks for`} className="mono" name="test-path" pattern="/[A-Za-z0-9._~/?=&%\-]{0,200}" placeholder={kind?.test_path ?? '/health'} value={draft.testPath} onChange={(testPath) => change({ testPath })} />
        <TextField label={t`Name of the encryption key`} name="kid" maxLength={64} hint={t`With a key, bodies are encrypted with AES-256-GCM.`} value={draft.kid} onChange={(kid) => change({ kid })} />
        <SecretField label={t`Encryption key (32 bytes in base64)`} name="encryption-key" required={draft.kid !== ''} value={draft.key} onChange={(key) => change({ key })} />
      </details>
      <div className="form-end">
        <button type="submit" className="small-button" data-testid="save-integration" disabled={busy}>{t`Connect`}</button>
        <Link className="small-button plain" href="/integrations">{t`Cancel`}</Link>
        {error !== null && <span className="error" role="alert">{error}</span>}
      </div>
    </form>
  );
}

/** What this partner can be asked for, with the fields of each operation. */
export function Operations({ kind }: { kind: PartnerKind }) {
  const { t } = useLingui();
  return (
    <details className="more" data-testid="operations">
      <summary>{kind.operations.length === 1 ? t`1 operation` : t`${kind.operations.length} operations`}</summary>
      <ul className="rows">
        {kind.operations.map((one) => (
          <li key={one.name} className="row of-two">
            <span className="row-main"><strong className="mono">{one.name}</strong><span className="soft">{one.summary}</span></span>
            <span className="row-facts soft"><span className="mono">{one.method} {one.path}</span><span>{fieldsText(one)}</span></span>
          </li>
        ))}
      </ul>
    </details>
  );
}
