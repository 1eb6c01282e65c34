import { plural } from '@lingui/core/macro';
import { useLingui } from '@lingui/react/macro';
import { useCallback, useState } from 'react';
import { useLocation } from 'wouter';
import { momentText } from '@weir/client/format.ts';
import type { AskAsApp } from '../authorizedApi';
import { Sure } from '../common/ConfirmButton';
import { BackLink, PageTitle } from '../common/PageTitle';
import { Pill } from '../common/Pill';
import { useAction } from '../common/useAction';
import { useQuery } from '../common/useQuery';
import { webhooks, type EventKind, type NewWebhook, type Webhook } from './api';
import { Deliveries } from './Deliveries';
import { changeOf, draftOf, type Draft } from './draft';
import { typesText } from './eventTypes';
import { stateOf } from './health';
import { FreshSecrets, SecretBox } from './Secrets';
import { Figures } from './Figures';
import { ReplayForm } from './ReplayForm';
import { TestForm } from './TestForm';
import { WebhookForm } from './WebhookForm';

const POLL_MS = 5_000;

interface Props {
  ask: AskAsApp;
  changes: boolean;
  id: string;
  kinds: readonly EventKind[];
  /** Its secrets, when it has just been created. */
  made: NewWebhook | null;
  onCopied: () => void;
}

/** One endpoint: how it is, what it got, and everything that can be done with it. */
export function WebhookPanel({ ask, changes, id, kinds, made, onCopied }: Props) {
  const { t } = useLingui();
  const { value, error, refresh } = useQuery(useCallback(() => ask(webhooks.get, id), [ask, id]), POLL_MS);
  const [editing, setEditing] = useState<{ hook: Webhook; etag: string | null } | null>(null);
  const hook = value?.value;
  const save = async (draft: Draft) => {
    if (editing === null) return;
    const change = changeOf(draft, editing.hook);
    if (Object.keys(change).length > 0) await ask(webhooks.change, id, change, editing.etag);
    await refresh();
    setEditing(null);
  };
  if (hook === undefined) {
    return error === null ? <p className="soft" role="status">{t`Loading …`}</p> : <><BackLink section="webhooks">{t`Webhooks`}</BackLink><p className="error" role="alert">{error}</p></>;
  }
  return (
    <>
      <Head hook={hook} />
      {error !== null && <p className="error" role="alert">{error}</p>}
      {made !== null && <FreshSecrets made={made} onCopied={onCopied} />}
      <HealthBox ask={ask} changes={changes} hook={hook} onChanged={refresh} />
      {editing === null
        ? <Parts ask={ask} changes={changes} hook={hook} kinds={kinds} onChanged={refresh} onEdit={() => setEditing({ hook, etag: value?.etag ?? null })} />
        : <WebhookForm start={draftOf(editing.hook)} before={editing.hook} kinds={kinds} save={t`Save`} cancel={() => setEditing(null)} onSave={save} />}
    </>
  );
}

function Parts({ ask, changes, hook, kinds, onChanged, onEdit }: HealthProps & { kinds: readonly EventKind[]; onEdit: () => void }) {
  return (
    <>
      <Figures ask={ask} id={hook.id} />
      {changes && <TestForm ask={ask} hook={hook} kinds={kinds} />}
      <Deliveries ask={ask} changes={changes} hook={hook} kinds={kinds} />
      {changes && <ReplayForm ask={ask} hook={hook} />}
      {changes && <SecretBox ask={ask} hook={hook} onChanged={onChanged} />}
      {changes && <Manage ask={ask} hook={hook} onEdit={onEdit} />}
    </>
  );
}

function Head({ hook }: { hook: Webhook }) {
  const { t } = useLingui();
  return (
    <header className="page-head">
      <PageTitle section="webhooks" back={t`Webhooks`}>{hook.description || hook.url}</PageTitle>
      {hook.description !== '' && <p className="soft mono anywhere">{hook.url}</p>}
      <p className="soft anywhere">{[typesText(hook.types), t`created ${momentText(hook.created)}`, ...(hook.name === null ? [] : [t`set up by the operator’s file as “${hook.name}”`])].join(' · ')}</p>
    </header>
  );
}

interface HealthProps {
  ask: AskAsApp;
  changes: boolean;
  hook: Webhook;
  onChanged: () => Promise<void>;
}

/** The state in words, and what helps. */
function HealthBox({ ask, changes, hook, onChanged }: HealthProps) {
  const { t } = useLingui();
  const { busy, error, run } = useAction();
  const state = stateOf(hook);
  const { health, enabled } = hook;
  const enable = (on: boolean) => run(async () => {
    await ask(webhooks.change, hook.id, { enabled: on }, null);
    await onChanged();
  });
  return (
    <div className="callout" data-tone={state.tone} data-testid="webhook-state">
      <div className="callout-text">
        <p><Pill tone={state.tone} words={state.words} /> {enabled && health.last_success !== null && <span className="soft">{t`Last delivered ${momentText(health.last_success)}`}</span>}</p>
        {state.reason !== '' && <p>{state.reason}</p>}
        {enabled && health.breaker !== 'closed' && <p className="soft">{plural(health.failures, { one: '# attempt has failed.', other: '# attempts in a row have failed.' })} {t`Events are stored; one request at a time tests whether your server answers again.`}</p>}
        {health.advice !== null && <p data-testid="advice"><strong>{health.advice}</strong></p>}
        {!enabled && <p className="soft">{t`Nothing is sent. When it is enabled, what waited is sent; events since then can be sent by “Send again” with “events that were never sent”.`}</p>}
        {error !== null && <p className="error" role="alert">{error}</p>}
      </div>
      {changes && (enabled
        ? <Sure label={t`Disable`} testId="disable" plain busy={busy} yes={t`Disable it`} question={t`Nothing is sent until you enable it again.`} onYes={() => enable(false)} />
        : <button type="button" className="small-button" data-testid="enable" disabled={busy} onClick={() => enable(true)}>{t`Enable`}</button>)}
    </div>
  );
}

function Manage({ ask, hook, onEdit }: { ask: AskAsApp; hook: Webhook; onEdit: () => void }) {
  const { t } = useLingui();
  const [, go] = useLocation();
  const { busy, error, run } = useAction();
  const remove = () => run(async () => {
    await ask(webhooks.remove, hook.id);
    go('/webhooks');
  });
  return (
    <div className="box">
      <h2>{t`Settings`}</h2>
      <div className="end-row">
        <p className="soft">{t`URL, events, filters, authentication and the rest.`}</p>
        <button type="button" className="small-button plain" data-testid="edit-webhook" onClick={onEdit}>{t`Edit`}</button>
      </div>
      <div className="end-row">
        <p className="soft">{t`Deletes the webhook and its list of deliveries.`}</p>
        <Sure label={t`Delete`} testId="delete-webhook" busy={busy} yes={t`Delete it`} question={t`What waits is not sent, and the list of deliveries is deleted. This cannot be undone.`} onYes={remove} />
      </div>
      {error !== null && <p className="error" role="alert">{error}</p>}
    </div>
  );
}
