import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { Link, Route, Switch } from 'wouter';
import { Problem } from '@weir/client/http.ts';
import { Page } from '@weir/kit/Layout.tsx';
import { ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { useApp } from '../shell/AppContext';
import { Lost } from '../shell/Lost';
import { Tabs } from '../shell/Tabs';
import { usePageTitle } from '../shell/title';
import { useStream } from '../streams/useStreams';
import { channelApi, type Channel } from './api';
import { HeldList } from './HeldList';
import { ModerationLog } from './ModerationLog';
import { ModesForm } from './ModesForm';
import { RoleList } from './RoleList';
import { RestrictionList } from './RestrictionList';

const POLL_MS = 5_000;

/** One channel: its modes, who is kept away, what moderators did, and what waits for them. */
export function ChannelPage({ id }: { id: string }) {
  const { app, askAs } = useApp();
  const { data, error, refetch } = useQuery({ queryKey: [app.id, 'channel', id], queryFn: () => askAs(channelApi.get, id), refetchInterval: POLL_MS });
  if (error instanceof Problem && (error.status === 404 || error.status === 400)) return <Lost />;
  if (data === undefined) return <div className="mx-auto w-full max-w-6xl p-8">{error === null ? <Skeleton rows={6} /> : <ErrorState error={error} onRetry={() => void refetch()} />}</div>;
  return <Shown channel={data} />;
}

function Shown({ channel }: { channel: Channel }) {
  const { t } = useLingui();
  const { can } = useApp();
  const { data: stream } = useStream(channel.stream);
  const title = stream === undefined ? t`Channel` : stream.title || t`Untitled stream`;
  usePageTitle(title);
  const base = `/channels/${channel.id}`;
  const moderates = can('editor');
  return (
    <Page
      title={<span className="line-clamp-3"><bdi>{title}</bdi></span>}
      back={<Link href="/channels" className="text-sm text-soft"><Trans>Channels</Trans></Link>}
      actions={<Link href={`/streams/${channel.stream}`}>{t`The stream`}</Link>}
    >
      <Tabs label={t`This channel`} tabs={[
        [base, t`Modes`],
        ...(moderates ? [[`${base}/held`, t`Waiting`], [`${base}/restrictions`, t`Banned and muted`], [`${base}/roles`, t`Roles`], [`${base}/log`, t`Moderation log`]] as const : []),
      ]} />
      <Switch>
        <Route path={base}><ModesForm channel={channel} /></Route>
        {moderates && <Route path={`${base}/held`}><HeldList channel={channel.id} /></Route>}
        {moderates && <Route path={`${base}/restrictions`}><RestrictionList channel={channel.id} /></Route>}
        {moderates && <Route path={`${base}/roles`}><RoleList channel={channel.id} /></Route>}
        {moderates && <Route path={`${base}/log`}><ModerationLog channel={channel.id} /></Route>}
        <Route><Lost /></Route>
      </Switch>
    </Page>
  );
}
