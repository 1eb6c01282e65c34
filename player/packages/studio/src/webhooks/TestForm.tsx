import { t } from '@lingui/core/macro';
import { Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import type { AskAsApp } from '../authorizedApi';
import { CodeBlock } from '../common/CodeBlock';
import { TextArea, TextField } from '../common/fields';
import { parseJson } from '../json';
import { useAction } from '../common/useAction';
import { webhooks, type EventKind, type Example, type Preview, type Tested, type Webhook } from './api';
import { AttemptDetails } from './AttemptDetails';
import { includes } from './eventTypes';

interface Props {
  ask: AskAsApp;
  hook: Webhook;
  kinds: readonly EventKind[];
}

type Result = { tested: Tested } | { preview: Preview };

/** Sends an example now, or shows what would be sent. */
export function TestForm({ ask, hook, kinds }: Props) {
  const { t } = useLingui();
  const subscribed = kinds.filter(({ type }) => includes(hook.types, type));
  const [typed, setType] = useState<string | null>(null);
  const [text, setText] = useState('');
  const [result, setResult] = useState<Result | null>(null);
  const [mistake, setMistake] = useState<string | null>(null);
  const { busy, error, run } = useAction();
  const type = typed ?? firstOf(hook, subscribed);
  const start = (verb: (example: Example) => Promise<Result>) => {
    const example = exampleOf(type.trim(), text);
    setMistake(typeof example === 'string' ? example : null);
    setResult(null);
    if (typeof example !== 'string') run(async () => setResult(await verb(example)));
  };
  return (
    <form className="box" aria-label={t`Test`} onSubmit={(event) => { event.preventDefault(); start(async (example) => ({ tested: await ask(webhooks.test, hook.id, example) })); }}>
      <h2>{t`Test`}</h2>
      <p className="soft"><Trans>Sends an example event once, now, marked <code>"test": true</code>. It is not counted, and it is not in the list of deliveries.</Trans></p>
      <TextField label={t`Type of event`} className="mono" name="test-type" required list="test-types" spellCheck={false} value={type} onChange={setType} />
      <datalist id="test-types">{kinds.map((kind) => <option key={kind.type} value={kind.type}>{kind.about}</option>)}</datalist>
      <details className="more">
        <summary>{t`Data of your own`}</summary>
        <TextArea label={t`Data (a JSON object)`} className="mono" name="test-data" rows={4} spellCheck={false} placeholder={'{"data": {"plate": "XYZ789"}}'} hint={t`Empty: the example of this type.`} value={text} onChange={setText} />
      </details>
      <div className="form-end">
        <button type="submit" className="small-button" data-testid="send-test" disabled={busy}>{busy ? t`Waiting for the answer …` : t`Send test`}</button>
        <button type="button" className="small-button plain" data-testid="preview" disabled={busy || type.trim() === ''} onClick={() => start(async (example) => ({ preview: await ask(webhooks.preview, hook.id, example) }))}>{t`Show the request`}</button>
        {(mistake ?? error) !== null && <span className="error" role="alert">{mistake ?? error}</span>}
      </div>
      {result !== null && 'tested' in result && <TestResult {...result.tested} />}
      {result !== null && 'preview' in result && <PreviewResult {...result.preview} />}
    </form>
  );
}

function TestResult({ delivered, attempt }: Tested) {
  const { t } = useLingui();
  return (
    <div className="callout" data-tone={delivered ? 'good' : 'bad'} role="status" data-testid="test-result">
      <div className="callout-text">
        <p><strong>{delivered ? t`Your server took it.` : t`Your server did not take it.`}</strong></p>
        <AttemptDetails attempt={attempt} open />
      </div>
    </div>
  );
}

function PreviewResult({ headers, body, body_base64, curl }: Preview) {
  const { t } = useLingui();
  return (
    <div className="form" data-testid="preview-result">
      <p className="soft">{t`What would be sent now. Credentials are masked; put yours into the command before you run it.`}</p>
      <CodeBlock label={t`Headers`} text={Object.entries(headers).map(([name, value]) => `${name}: ${value}`).join('\n')} />
      <CodeBlock label={body_base64 ? t`Body in base64` : t`Body`} text={body} />
      <CodeBlock label="curl" text={curl} testId="curl" />
    </div>
  );
}

function firstOf(hook: Webhook, subscribed: readonly EventKind[]): string {
  const own = hook.types.find((type) => !type.endsWith('*'));
  return own ?? (subscribed.find(({ type }) => type === 'stream.live') ?? subscribed[0])?.type ?? '';
}

const EXAMPLE = '{"plate": "XYZ789"}';

/** The example that is asked for, or a sentence that says what is wrong with its data. */
function exampleOf(type: string, text: string): Example | string {
  if (text.trim() === '') return { type };
  const parsed = parseJson(text);
  if (!parsed.ok) return parsed.error;
  const { value } = parsed;
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? { type, data: value as Record<string, unknown> } : t`The data must be a JSON object, as ${EXAMPLE}.`;
}
