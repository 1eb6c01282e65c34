import { useLingui } from '@lingui/react/macro';
import { useCallback } from 'react';
import { countText, durationText } from '@weir/client/format.ts';
import type { AskAsApp } from '../authorizedApi';
import { useQuery } from '../common/useQuery';
import { webhooks } from './api';
import { msText, rateText } from './health';

const POLL_MS = 5_000;

/** Numbers of the last 24 hours. */
export function Figures({ ask, id }: { ask: AskAsApp; id: string }) {
  const { t } = useLingui();
  const { value: stats, error } = useQuery(useCallback(() => ask(webhooks.stats, id), [ask, id]), POLL_MS);
  if (stats === null) return error === null ? null : <p className="error" role="alert">{error}</p>;
  const shown = [
    [t`Delivered`, countText(stats.delivered)],
    [t`Failed`, countText(stats.failed)],
    [t`Waiting`, countText(stats.pending)],
    [t`Success rate`, rateText(stats.success_rate)],
    ['p50 · p95', stats.latency_p50_ms === null ? '–' : `${msText(stats.latency_p50_ms)} · ${msText(stats.latency_p95_ms)}`],
    [t`Oldest waiting`, stats.oldest_waiting_s === null ? '–' : durationText(stats.oldest_waiting_s)],
  ];
  return (
    <div>
      <dl className="figures six" data-testid="figures">
        {shown.map(([name, words]) => <div key={name}><dt>{name}</dt><dd>{words}</dd></div>)}
      </dl>
      <p className="soft below">{t`The last 24 hours. p50 and p95 are the latency of half and of 95 % of the newest 200 deliveries; what waits may be older.`}</p>
    </div>
  );
}
