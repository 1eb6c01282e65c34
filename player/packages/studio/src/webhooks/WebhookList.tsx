import { useLingui } from '@lingui/react/macro';
import { useCallback } from 'react';
import { Link } from 'wouter';
import { momentText } from '@weir/client/format.ts';
import type { AskAsApp } from '../authorizedApi';
import { CodeBlock } from '../common/CodeBlock';
import { Pill } from '../common/Pill';
import { useQuery } from '../common/useQuery';
import { webhooks, type Webhook } from './api';
import { typesText } from './eventTypes';
import { rateText, stateOf } from './health';

const POLL_MS = 10_000;
const STATS_MS = 60_000;
const RECEIVER = `from flask import Flask, request
from standardwebhooks import Webhook        # pip install flask standardwebhooks
app, hook = Flask(__name__), Webhook("whsec_… the secret of your webhook")
@app.post("/weir")
def receive():
    event = hook.verify(request.get_data(), dict(request.headers))  # raises if it is not from us
    print(event["type"], event["data"]["id"])                       # a repeated id: ignore it
    return "", 204`;

interface Props {
  ask: AskAsApp;
  changes: boolean;
}

export function WebhookList({ ask, changes }: Props) {
  const { t } = useLingui();
  const { value: list, error } = useQuery(useCallback(() => ask(webhooks.list), [ask]), POLL_MS);
  return (
    <section className="page" aria-label={t`Webhooks`}>
      <header className="page-head with-deed">
        <div>
          <h1>{t`Webhooks`}</h1>
          <p className="soft">{t`Events of this app, sent to your servers by HTTP as they happen.`} {!changes && t`Admins can add and change them.`}</p>
        </div>
        {changes && list !== null && list.length > 0 && <Link className="small-button" href="/webhooks/new" data-testid="new-webhook">{t`New webhook`}</Link>}
      </header>
      {error !== null && <p className="error" role="alert">{error}</p>}
      {list === null && error === null && <p className="soft" role="status">{t`Loading …`}</p>}
      {list !== null && list.length > 0 && <ul className="rows">{list.map((hook) => <WebhookRow key={hook.id} ask={ask} hook={hook} />)}</ul>}
      {list?.length === 0 && <Nothing changes={changes} />}
    </section>
  );
}

function WebhookRow({ ask, hook }: { ask: AskAsApp; hook: Webhook }) {
  const { t } = useLingui();
  const { value: stats } = useQuery(useCallback(() => ask(webhooks.stats, hook.id), [ask, hook.id]), STATS_MS);
  const state = stateOf(hook);
  return (
    <li className="row of-two" data-testid="webhook">
      <span className="row-main">
        <Link className="row-link" href={`/webhooks/${hook.id}`} dir="auto">{hook.description || hook.url}</Link>
        {hook.description !== '' && <span className="soft mono">{hook.url}</span>}
        <span className="soft">{typesText(hook.types)}</span>
      </span>
      <span className="row-facts">
        <Pill tone={state.tone} words={state.words} />
        {state.reason !== '' && <span className="soft reason">{state.reason}</span>}
        <span className="soft">{hook.health.last_success === null ? t`Never delivered` : t`Delivered ${momentText(hook.health.last_success)}`}{stats !== null && stats.success_rate !== null && ` · ${t`${rateText(stats.success_rate)} in 24 h`}`}</span>
      </span>
    </li>
  );
}

/** What a webhook is, for who has none. */
function Nothing({ changes }: { changes: boolean }) {
  const { t } = useLingui();
  return (
    <div className="box teach" data-testid="no-webhooks">
      <h2>{t`No webhooks yet`}</h2>
      <p className="soft">{t`A webhook is an address on your server. When a stream goes live, a recording is ready or a message arrives, Weir sends a POST request with the event as JSON to it, signs it, and repeats it, less and less often, for days until your server answers with a 2xx status.`}</p>
      <ol className="steps">
        <li>{t`Write a receiver that checks the signature, remembers the event’s id, and answers within seconds:`}</li>
      </ol>
      <CodeBlock label={t`Receiver in Python`} text={RECEIVER} />
      <ol className="steps" start={2}>
        <li>{t`Add its address here and choose the events.`}</li>
        <li>{t`Put the secret, which you see once, into your receiver, and send a test.`}</li>
      </ol>
      {changes ? <Link className="small-button" href="/webhooks/new" data-testid="new-webhook">{t`Add the first webhook`}</Link> : <p className="soft">{t`An admin of this app can add one.`}</p>}
    </div>
  );
}
