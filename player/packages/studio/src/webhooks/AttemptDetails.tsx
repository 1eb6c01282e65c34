import { useLingui } from '@lingui/react/macro';
import { secondText } from '@weir/client/format.ts';
import { CodeBlock } from '../common/CodeBlock';
import type { Attempt } from './api';
import { answerText, msText } from './health';

/** One request: its answer in a line, what was sent and what came below. */
export function AttemptDetails({ attempt, open = false }: { attempt: Attempt; open?: boolean }) {
  const { t } = useLingui();
  const { at, status, latency_ms, detail, headers, answer } = attempt;
  return (
    <details className="attempt" open={open}>
      <summary><strong data-testid="attempt-answer">{answerText(attempt)}</strong> <span className="soft">{secondText(at)} · {msText(latency_ms)}</span></summary>
      {status !== 0 && detail !== '' && <p className="soft">{detail}</p>}
      {Object.keys(headers).length > 0 && <CodeBlock label={t`Request headers`} text={Object.entries(headers).map(([name, value]) => `${name}: ${value}`).join('\n')} />}
      {answer === '' ? <p className="soft">{status === 0 ? t`There was no answer.` : t`The answer had no body.`}</p> : <CodeBlock label={t`Answer`} text={answer} testId="answer" />}
    </details>
  );
}
