import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { Badge } from '@weir/kit/Badge.tsx';
import { Card, Facts } from '@weir/kit/Layout.tsx';
import { ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Moment } from '@weir/kit/Time.tsx';
import { operator } from './api';

const POLL_MS = 5_000;

/** Whether the parts that everything stands on answer. */
export function SystemHealth() {
  const { t } = useLingui();
  const { data, error, refetch } = useQuery({ queryKey: ['operator', 'health'], queryFn: operator.health, refetchInterval: POLL_MS });
  if (data === undefined) return error === null ? <Skeleton rows={3} /> : <ErrorState error={error} onRetry={() => void refetch()} />;
  return (
    <div className="grid max-w-3xl grid-cols-[minmax(0,1fr)] gap-6">
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      <Card title={t`Now`} actions={<Answering answers={data.status === 'ok'} />} data-testid="system-health">
        <Facts facts={[
          [t`Web server and API`, <Answering key="web" answers={error === null} />],
          [t`Database`, <Answering key="database" answers={data.database === 'ok'} />],
          [t`Redis`, <Answering key="redis" answers={data.redis === 'ok'} />],
          [t`Read`, <Moment key="at" value={data.timestamp} />],
        ]} />
      </Card>
      <Card title={t`More about it`}>
        <p className="text-sm text-soft"><Trans>On the server, <code>weir status</code> lists what is on air, and <code>/metrics</code> gives figures for Prometheus to the networks that you allow.</Trans></p>
      </Card>
    </div>
  );
}

function Answering({ answers }: { answers: boolean }) {
  const { t } = useLingui();
  return answers ? <Badge tone="good" dot>{t`Works`}</Badge> : <Badge tone="bad" dot>{t`Does not answer`}</Badge>;
}
