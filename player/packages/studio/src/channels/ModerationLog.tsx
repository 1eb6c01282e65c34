import { Trans, useLingui } from '@lingui/react/macro';
import { useInfiniteQuery } from '@tanstack/react-query';
import { ScrollText, Undo2 } from 'lucide-react';
import { Badge } from '@weir/kit/Badge.tsx';
import { Button } from '@weir/kit/Button.tsx';
import { MoreButton } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Ago } from '@weir/kit/Time.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useApp } from '../shell/AppContext';
import { channelApi, type ModerationAction } from './api';
import { kindText } from './words';

const POLL_MS = 5_000;

/** What moderators did, newest first; what can be undone has a button for it. */
export function ModerationLog({ channel }: { channel: string }) {
  const { app, askAs } = useApp();
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: [app.id, 'moderation', channel],
    queryFn: ({ pageParam }) => askAs(channelApi.moderation, channel, pageParam),
    initialPageParam: '',
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    refetchInterval: POLL_MS,
  });
  if (data === undefined) return error === null ? <Skeleton /> : <ErrorState error={error} onRetry={() => void refetch()} />;
  const rows = data.pages.flatMap((page) => page.data);
  if (rows.length === 0) return <EmptyState icon={ScrollText} title={<Trans>No moderation yet</Trans>}><Trans>Every action of a moderator stands here with its reason, and can be undone.</Trans></EmptyState>;
  return (
    <>
      <ul className="grid divide-y divide-line rounded-card border border-line bg-surface">
        {rows.map((action) => <Row key={action.id} channel={channel} action={action} onDone={() => void refetch()} />)}
      </ul>
      {hasNextPage && <MoreButton busy={isFetchingNextPage} onClick={() => void fetchNextPage()} />}
    </>
  );
}

function Row({ channel, action, onDone }: { channel: string; action: ModerationAction; onDone: () => void }) {
  const { t } = useLingui();
  const { askAs } = useApp();
  const say = useToast();
  const { id, actor, target, reason, at, undone, undoes } = action;
  const undo = () => { askAs(channelApi.undo, channel, id).then(({ reply }) => { say.done(reply); onDone(); }).catch(say.failed); };
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 px-4 py-3" data-testid="moderation">
      <div className="grid min-w-0 flex-1 basis-56">
        <span className="flex flex-wrap items-center gap-2"><strong>{kindText(action)}</strong>{target !== undefined && <bdi className="line-clamp-1 [overflow-wrap:anywhere]">{target.name || target.id}</bdi>}{undone !== undefined && <Badge>{t`Undone`}</Badge>}</span>
        <span className="text-sm text-soft"><bdi>{actor.name ?? actor.id ?? '–'}</bdi> · <Ago value={at} />{reason !== undefined && reason !== '' && <> · <bdi>{reason}</bdi></>}</span>
      </div>
      {undone === undefined && undoes === undefined && <Button size="small" icon={Undo2} onClick={undo}>{t`Undo`}</Button>}
    </li>
  );
}
