import { plural } from '@lingui/core/macro';
import { Trans, useLingui } from '@lingui/react/macro';
import { useCallback, useState } from 'react';
import { useLocation } from 'wouter';
import { countText, momentText } from '@weir/client/format.ts';
import type { AskAsApp } from '../authorizedApi';
import { Sure } from '../common/ConfirmButton';
import { BackLink, PageTitle } from '../common/PageTitle';
import { Pill } from '../common/Pill';
import { useAction } from '../common/useAction';
import { useQuery } from '../common/useQuery';
import { answerText, msText } from '../webhooks/health';
import { integrations, type Environment, type Integration, type IntegrationHealth, type PartnerKind, type ShownEndpoint, type Tested } from './api';
import { CREDENTIAL_WORDS, endpointDraft, endpointWish, environmentWords, stateWords } from './draft';
import { EndpointFields } from './EndpointFields';
import { Operations } from './NewIntegrationForm';

const POLL_MS = 10_000;

interface Props {
  ask: AskAsApp;
  changes: boolean;
  id: string;
  kinds: readonly PartnerKind[];
  /** Null until it is read. */
  health: IntegrationHealth | null;
  onChanged: () => Promise<void>;
}

/** One connection: how it is, its environments, and everything that can be done with it. */
export function IntegrationPanel({ ask, changes, id, kinds, health, onChanged }: Props) {
  const { t } = useLingui();
  const { value, error, refresh } = useQuery(useCallback(() => ask(integrations.get, id), [ask, id]), POLL_MS);
  const again = async () => { await Promise.all([refresh(), onChanged()]); };
  if (value === null) {
    return error === null ? <p className="soft" role="status">{t`Loading …`}</p> : <><BackLink section="integrations">{t`Integrations`}</BackLink><p className="error" role="alert">{error}</p></>;
  }
  const { value: one, etag } = value;
  const kind = kinds.find((known) => known.kind === one.kind);
  return (
    <>
      <header className="page-head">
        <PageTitle section="integrations" back={t`Integrations`}>{one.name}</PageTitle>
        <p className="soft">{[kind?.title ?? one.kind, t`${environmentWords(one.environment)} in use`, t`connected ${momentText(one.created)}`, ...(one.encryption === null ? [] : [t`bodies encrypted with the key ${one.encryption.kid}`])].join(' · ')}</p>
      </header>
      {error !== null && <p className="error" role="alert">{error}</p>}
      {health !== null && <HealthBox health={health} />}
      {changes && <TestBox ask={ask} one={one} onTested={onChanged} />}
      {(['sandbox', 'production'] as const).map((environment) => (
        <EnvironmentBox key={environment} ask={ask} changes={changes} one={one} etag={etag} environment={environment} usual={(environment === 'sandbox' ? kind?.sandbox_url : kind?.production_url) ?? ''} onChanged={again} />
      ))}
      {kind !== undefined && <div className="box"><Operations kind={kind} /></div>}
      {changes && <Removal ask={ask} id={id} onChanged={onChanged} />}
    </>
  );
}

function HealthBox({ health }: { health: IntegrationHealth }) {
  const { t } = useLingui();
  const state = stateWords(health);
  const used = Object.entries(health.operations).filter(([, { calls }]) => calls > 0);
  return (
    <div className="callout" data-tone={state.tone} data-testid="integration-state">
      <div className="callout-text">
        <p><Pill tone={state.tone} words={state.words} /> {health.last_success !== null && <span className="soft">{t`Last success ${momentText(health.last_success)}`}</span>}</p>
        {health.last_error !== null && health.last_error_at !== null && <p>{t`Last error, ${momentText(health.last_error_at)}`}: {health.last_error}</p>}
        {health.calls > 0 && <p className="soft">{plural(health.calls, { one: '# call', other: '# calls' })}, {t`${countText(health.failures)} failed, ${msText(health.mean_ms)} on average.`}</p>}
        {used.map(([name, { calls, failures }]) => <p key={name} className="soft"><span className="mono">{name}</span>: {plural(calls, { one: '# call', other: '# calls' })}, {t`${countText(failures)} failed`}</p>)}
      </div>
    </div>
  );
}

function TestBox({ ask, one, onTested }: { ask: AskAsApp; one: Integration; onTested: () => Promise<void> }) {
  const { t } = useLingui();
  const { busy, error, run } = useAction();
  const [result, setResult] = useState<Tested | null>(null);
  const test = () => run(async () => {
    setResult(null);
    setResult(await ask(integrations.test, one.id));
    await onTested();
  });
  return (
    <div className="box">
      <h2>{t`Test`}</h2>
      <p className="soft"><Trans>Asks {environmentWords(one.environment)} for <code className="anywhere">GET {one.test_path}</code> with your credentials. It changes nothing there and is not counted.</Trans></p>
      <div className="form-end">
        <button type="button" className="small-button" data-testid="test-integration" disabled={busy} onClick={test}>{busy ? t`Waiting for the answer …` : t`Test the connection`}</button>
        {error !== null && <span className="error" role="alert">{error}</span>}
      </div>
      {result !== null && (
        <div className="callout" data-tone={result.ok ? 'good' : 'bad'} role="status" data-testid="integration-result">
          <div className="callout-text">
            <p><strong>{result.ok ? t`The partner answers.` : t`The test failed.`}</strong></p>
            <p>{answerText({ ...result, error: '' })} · {msText(result.latency_ms)}</p>
            {result.status !== 0 && result.detail !== '' && <p className="soft">{result.detail}</p>}
          </div>
        </div>
      )}
    </div>
  );
}

interface EnvironmentProps {
  ask: AskAsApp;
  changes: boolean;
  one: Integration;
  etag: string | null;
  environment: Environment;
  usual: string;
  onChanged: () => Promise<void>;
}

function EnvironmentBox({ ask, changes, one, etag, environment, usual, onChanged }: EnvironmentProps) {
  const { t } = useLingui();
  const [editing, setEditing] = useState(false);
  const { busy, error, run } = useAction();
  const shown = one[environment];
  const words = environmentWords(environment);
  const used = one.environment === environment;
  const use = () => run(async () => {
    await ask(integrations.change, one.id, { environment }, etag);
    await onChanged();
  });
  return (
    <div className="box" data-testid={`environment-${environment}`}>
      <div className="with-deed"><h2>{words}</h2>{used && <Pill tone="good" words={t`In use`} />}</div>
      {shown === null ? !editing && <p className="soft">{t`Not set up.`}</p> : <Known shown={shown} />}
      {editing ? <EndpointForm {...{ ask, one, etag, environment, usual, onChanged }} shown={shown} onClose={() => setEditing(false)} /> : changes && (
        <div className="form-end">
          <button type="button" className="small-button plain" data-testid={`edit-${environment}`} onClick={() => setEditing(true)}>{shown === null ? t`Set it up` : t`Change`}</button>
          {shown !== null && !used && (
            <Sure
              label={t`Switch to ${environment}`} testId={`use-${environment}`} plain busy={busy} yes={t`Use ${environment}`} onYes={use}
              question={environment === 'production' ? t`From now on calls reach the partner’s real system: payments, citations and commands take effect.` : t`From now on calls reach the partner’s sandbox. Nothing is done in its real system.`}
            />
          )}
        </div>
      )}
      {error !== null && <p className="error" role="alert">{error}</p>}
    </div>
  );
}

function Known({ shown }: { shown: ShownEndpoint }) {
  const { t, i18n } = useLingui();
  const { kind, header, username, client_id } = shown.credentials;
  const name = kind === 'api_key' ? header : kind === 'basic' ? username : kind === 'oauth2' ? client_id : null;
  return (
    <dl className="pairs">
      <div><dt>{t`Address`}</dt><dd className="mono">{shown.url}</dd></div>
      <div><dt>{t`Credentials`}</dt><dd>{i18n._(CREDENTIAL_WORDS[kind])}{name !== null && ` (${name})`}, {t`set ${momentText(shown.credentials_set)}`}</dd></div>
    </dl>
  );
}

type FormProps = Omit<EnvironmentProps, 'changes'> & { shown: ShownEndpoint | null; onClose: () => void };

function EndpointForm({ ask, one, etag, environment, usual, shown, onChanged, onClose }: FormProps) {
  const { t } = useLingui();
  const [draft, setDraft] = useState(() => endpointDraft(shown, usual));
  const [read] = useState(etag); // the state that the form shows, whatever is read meanwhile
  const { busy, error, run } = useAction();
  const save = () => run(async () => {
    await ask(integrations.change, one.id, { [environment]: endpointWish(draft) }, read);
    await onChanged();
    onClose();
  });
  return (
    <form className="form" aria-label={environmentWords(environment)} onSubmit={(event) => { event.preventDefault(); save(); }}>
      <EndpointFields draft={draft} onChange={setDraft} />
      <div className="form-end">
        <button type="submit" className="small-button" data-testid={`save-${environment}`} disabled={busy}>{t`Save`}</button>
        <button type="button" className="small-button plain" onClick={onClose}>{t`Cancel`}</button>
        {error !== null && <span className="error" role="alert">{error}</span>}
      </div>
    </form>
  );
}

function Removal({ ask, id, onChanged }: { ask: AskAsApp; id: string; onChanged: () => Promise<void> }) {
  const { t } = useLingui();
  const [, go] = useLocation();
  const { busy, error, run } = useAction();
  const remove = () => run(async () => {
    await ask(integrations.remove, id);
    await onChanged();
    go('/integrations');
  });
  return (
    <div className="box">
      <div className="end-row">
        <p className="soft">{t`Deletes the integration with its credentials and counts.`}</p>
        <Sure label={t`Delete`} testId="delete-integration" busy={busy} yes={t`Delete it`} question={t`Your servers can no longer call this partner. The credentials are deleted, too.`} onYes={remove} />
      </div>
      {error !== null && <p className="error" role="alert">{error}</p>}
    </div>
  );
}
