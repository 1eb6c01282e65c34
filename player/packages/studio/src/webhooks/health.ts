import { t } from '@lingui/core/macro';
import { secondText } from '@weir/client/format.ts';
import type { Tone } from '../common/Pill';
import type { Attempt, Webhook } from './api';

export interface StateWords {
  tone: Tone;
  words: string;
  /** A sentence more, empty where there is none. */
  reason: string;
}

/** How an endpoint is, from what the server says of it. */
export function stateOf({ enabled, disabled_reason, health }: Pick<Webhook, 'enabled' | 'disabled_reason' | 'health'>): StateWords {
  if (!enabled) return { tone: 'off', words: t`Disabled`, reason: disabled_reason ?? t`A person switched it off.` };
  const failed = health.last_error ?? '';
  if (health.next_attempt !== null) return { tone: 'bad', words: t`Waiting until ${secondText(health.next_attempt)}`, reason: failed };
  if (health.failing_since !== null) return { tone: 'bad', words: t`Failing since ${secondText(health.failing_since)}`, reason: failed };
  if (health.last_success !== null) return { tone: 'good', words: t`Working`, reason: '' };
  return { tone: 'busy', words: t`Ready`, reason: '' };
}

/** "98.5 %"; never "100 %" while anything failed. */
export function rateText(rate: number | null): string {
  if (rate === null) return '–';
  const percent = Math.floor(rate * 1000) / 10;
  return `${Number.isInteger(percent) ? percent : percent.toFixed(1)} %`;
}

export function msText(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 1000 ? `${ms} ms` : `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}

const PHRASES: Record<number, string> = {
  200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No Content', 301: 'Moved', 302: 'Found', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden', 404: 'Not Found',
  405: 'Method Not Allowed', 410: 'Gone', 413: 'Too Large', 429: 'Too Many Requests', 500: 'Server Error', 502: 'Bad Gateway', 503: 'Unavailable', 504: 'Gateway Timeout',
};

/** "204 No Content", or why there was no answer. */
export function answerText({ status, detail, error }: Pick<Attempt, 'status' | 'detail' | 'error'>): string {
  if (status === 0) return detail || error || t`There was no answer.`;
  return [status, PHRASES[status]].filter((one) => one !== undefined).join(' ');
}
