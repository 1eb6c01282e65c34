import { Trans, useLingui } from '@lingui/react/macro';
import { ExternalLink, MessagesSquare } from 'lucide-react';
import { Link, Route, Switch } from 'wouter';
import { Problem } from '@weir/client/http.ts';
import { Button } from '@weir/kit/Button.tsx';
import { Page } from '@weir/kit/Layout.tsx';
import { ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { StateBadge } from '@weir/ui/StateBadge.tsx';
import { useApp } from '../shell/AppContext';
import { Lost } from '../shell/Lost';
import { Tabs } from '../shell/Tabs';
import { usePageTitle } from '../shell/title';
import { useAction } from '../common/useAction';
import { RecordingList } from '../recordings/RecordingList';
import type { FullStream } from './api';
import { BroadcastList } from './BroadcastList';
import { Overview } from './Overview';
import { SettingsForm } from './SettingsForm';
import { openSeat } from './seat';
import { useStream } from './useStreams';

/** One stream: what it does now, its settings, its broadcasts and recordings, each with an address of its own. */
export function StreamPage({ id }: { id: string }) {
  const { data: stream, error, refetch } = useStream(id);
  if (error instanceof Problem && (error.status === 404 || error.status === 400)) return <Lost />;
  if (stream === undefined) return <div className="mx-auto w-full max-w-6xl p-8">{error === null ? <Skeleton rows={6} /> : <ErrorState error={error} onRetry={() => void refetch()} />}</div>;
  return <Shown stream={stream} lost={error !== null} />;
}

function Shown({ stream, lost }: { stream: FullStream; lost: boolean }) {
  const { t } = useLingui();
  const title = stream.title || t`Untitled stream`;
  usePageTitle(title);
  const base = `/streams/${stream.id}`;
  return (
    <Page
      title={<span className="line-clamp-3"><bdi>{title}</bdi></span>}
      back={<Link href="/streams" className="text-sm text-soft"><Trans>Streams</Trans></Link>}
      actions={<><StateBadge state={lost ? 'lost' : stream.state} /><WatchLinks stream={stream} /></>}
    >
      <Tabs label={t`This stream`} tabs={[[base, t`Overview`], [`${base}/settings`, t`Settings`], [`${base}/broadcasts`, t`Broadcasts`], [`${base}/recordings`, t`Recordings`]]} />
      <Switch>
        <Route path={`${base}/settings`}><SettingsForm stream={stream} /></Route>
        <Route path={`${base}/broadcasts`}><BroadcastList stream={stream.id} /></Route>
        <Route path={`${base}/recordings`}><RecordingList stream={stream} /></Route>
        <Route path={base}><Overview stream={stream} /></Route>
        <Route><Lost /></Route>
      </Switch>
    </Page>
  );
}

/** The ways to the watch page: for those who may moderate, with their own name and the commands. */
function WatchLinks({ stream }: { stream: FullStream }) {
  const studio = useApp();
  const { t } = useLingui();
  const { busy, error, run } = useAction();
  if (!studio.can('editor')) {
    return stream.visibility === 'signed'
      ? <p className="text-sm text-soft" data-testid="ask-for-link">{t`An editor of this app can create a signed link for you.`}</p>
      : <a className="inline-flex items-center gap-2" href={`/watch/${stream.playback_id}`} target="_blank" rel="noopener"><ExternalLink size={16} aria-hidden />{t`Open the watch page`}</a>;
  }
  return (
    <>
      <Button icon={MessagesSquare} busy={busy} data-testid="take-seat" onClick={() => run(() => openSeat(studio, stream))}>{t`Open as host`}</Button>
      {error !== null && <span className="text-warn" role="alert">{error}</span>}
    </>
  );
}
