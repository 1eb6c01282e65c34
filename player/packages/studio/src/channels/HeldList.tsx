import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { Check, Hourglass, X } from 'lucide-react';
import { Button } from '@weir/kit/Button.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Ago } from '@weir/kit/Time.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useApp } from '../shell/AppContext';
import { channelApi } from './api';

const POLL_MS = 3_000;

/** Messages that the app's own server wants a moderator to see first, oldest first. */
export function HeldList({ channel }: { channel: string }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const say = useToast();
  const { data, error, refetch } = useQuery({ queryKey: [app.id, 'held', channel], queryFn: () => askAs(channelApi.held, channel), refetchInterval: POLL_MS });
  if (data === undefined) return error === null ? <Skeleton /> : <ErrorState error={error} onRetry={() => void refetch()} />;
  if (data.length === 0) return <EmptyState icon={Hourglass} title={<Trans>Nothing waits</Trans>}><Trans>When your server answers a question before a message with “hold”, the message waits here for a moderator.</Trans></EmptyState>;
  const act = (deed: () => Promise<unknown>) => { deed().then(() => refetch()).catch(say.failed); };
  return (
    <ul className="grid gap-3">
      {data.map(({ id, user, text, reason, created }) => (
        <li key={id} className="flex flex-wrap items-center gap-3 rounded-card border border-line bg-surface p-4" data-testid="held">
          <div className="grid min-w-0 flex-1 basis-64 gap-1">
            <span className="text-sm text-soft"><bdi className="font-semibold text-ink">{user.name ?? user.id}</bdi> · <Ago value={created} />{reason !== null && <> · <bdi>{reason}</bdi></>}</span>
            <span className="[overflow-wrap:anywhere]" dir="auto">{text}</span>
          </div>
          <Button size="small" icon={Check} onClick={() => act(() => askAs(channelApi.approve, channel, id))}>{t`Let through`}</Button>
          <Button size="small" look="danger" icon={X} onClick={() => act(() => askAs(channelApi.reject, channel, id))}>{t`Reject`}</Button>
        </li>
      ))}
    </ul>
  );
}
