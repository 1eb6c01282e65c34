import { Trans, useLingui } from '@lingui/react/macro';
import { KeyRound, Plus, Radio, TriangleAlert, UserPlus, Webhook } from 'lucide-react';
import { Link } from 'wouter';
import { bytesText, countText } from '@weir/client/format.ts';
import { buttonClass } from '@weir/kit/Button.tsx';
import { Card, Page, Stat } from '@weir/kit/Layout.tsx';
import { ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Ago } from '@weir/kit/Time.tsx';
import { StateBadge } from '@weir/ui/StateBadge.tsx';
import { useApp } from '../shell/AppContext';
import { usePageTitle } from '../shell/title';
import type { FullStream } from '../streams/api';
import { useStreams } from '../streams/useStreams';
import { useUsage } from '../usage/useUsage';
import { Activity } from './Activity';
import { Checklist } from './Checklist';

const DAYS = 30;

/** What is live, what needs attention, what was lately, and the next steps of a new app. */
export function HomePage() {
  const { t } = useLingui();
  usePageTitle(t`Home`);
  const { app } = useApp();
  const { data, error, refetch } = useStreams();
  const { data: usage } = useUsage(DAYS);
  if (data === undefined) return <Page title={app.name}>{error === null ? <Skeleton rows={5} height={72} /> : <ErrorState error={error} onRetry={() => void refetch()} />}</Page>;
  const streams = data.data;
  const live = streams.filter(({ state }) => state !== 'idle');
  const watching = live.reduce((sum, { viewers }) => sum + (viewers ?? 0), 0);
  return (
    <Page title={app.name} lead={app.description === '' ? undefined : app.description} actions={<QuickActions />}>
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      <Closed />
      <Checklist streams={streams} usage={usage} />
      <div className="grid grid-cols-2 gap-3 lg:grid-cols-4">
        <Stat label={t`Live now`} value={countText(live.filter(({ state }) => state === 'live').length)} testId="live-now" />
        <Stat label={t`Viewers now`} value={countText(watching)} />
        <Stat label={t`Minutes watched`} value={usage === undefined ? '–' : countText(Math.round(usage.minutes_watched))} note={t`in 30 days`} />
        <Stat label={t`Data sent`} value={usage === undefined ? '–' : <bdi>{bytesText(usage.bytes)}</bdi>} note={t`in 30 days`} />
      </div>
      <div className="grid grid-cols-[minmax(0,1fr)] gap-6 lg:grid-cols-[minmax(0,1.5fr)_minmax(0,1fr)]">
        <LiveNow streams={live} />
        <Activity />
      </div>
    </Page>
  );
}

function QuickActions() {
  const { t } = useLingui();
  const { can } = useApp();
  return (
    <>
      {can('admin') && <Link href="/team" className={buttonClass('quiet')}><UserPlus size={16} aria-hidden />{t`Invite`}</Link>}
      {can('admin') && <Link href="/keys" className={buttonClass('quiet')}><KeyRound size={16} aria-hidden />{t`API key`}</Link>}
      {can('admin') && <Link href="/webhooks/new" className={buttonClass('quiet')}><Webhook size={16} aria-hidden />{t`Webhook`}</Link>}
      {can('editor') && <Link href="/streams/new" className={buttonClass('primary')}><Plus size={16} aria-hidden />{t`New stream`}</Link>}
    </>
  );
}

/** Why nothing works in the app at present. */
function Closed() {
  const { t } = useLingui();
  const { state } = useApp().app;
  if (state === 'active') return null;
  return <p className="rounded-card bg-warn/12 px-4 py-3 text-warn" role="status">{state === 'archived' ? t`This app is closed: nobody can publish, watch or chat. Open it again in its settings.` : t`This app is suspended by the operator of this installation.`}</p>;
}

/** Streams with an encoder, and those whose last broadcast could not be shown. */
function LiveNow({ streams }: { streams: readonly FullStream[] }) {
  const { t } = useLingui();
  const all = useStreams().data?.data ?? [];
  const troubled = all.filter(({ state, trouble }) => state === 'idle' && trouble !== null);
  return (
    <Card title={t`On air`} actions={<Link href="/streams" className="text-sm">{t`All streams`}</Link>}>
      {streams.length === 0 && troubled.length === 0 && <p className="flex items-center gap-2 text-soft"><Radio size={16} aria-hidden /><Trans>Nothing is on air.</Trans></p>}
      <ul className="grid divide-y divide-line">
        {streams.map((stream) => <LiveRow key={stream.id} stream={stream} />)}
        {troubled.map(({ id, title, trouble }) => (
          <li key={id} className="grid gap-1 py-3">
            <Link href={`/streams/${id}`} className="line-clamp-1 font-semibold text-ink"><bdi>{title || t`Untitled stream`}</bdi></Link>
            <span className="flex items-start gap-2 text-sm text-warn"><TriangleAlert size={15} className="mt-0.5 shrink-0" aria-hidden />{t`The last broadcast could not be shown: ${trouble}`}</span>
          </li>
        ))}
      </ul>
    </Card>
  );
}

function LiveRow({ stream: { id, title, state, viewers, live_since, trouble } }: { stream: FullStream }) {
  const { t } = useLingui();
  return (
    <li className="flex flex-wrap items-center gap-x-4 gap-y-1 py-3">
      <Link href={`/streams/${id}`} className="line-clamp-2 min-w-0 flex-1 basis-40 font-semibold text-ink no-underline hover:underline"><bdi>{title || t`Untitled stream`}</bdi></Link>
      <StateBadge state={state} />
      <span className="text-sm text-soft tabular-nums">{viewers === null ? '–' : t`${countText(viewers)} watching`}</span>
      {live_since !== null && state === 'live' && <span className="text-sm text-soft"><Ago value={live_since} /></span>}
      {trouble !== null && <span className="w-full text-sm text-warn">{trouble}</span>}
    </li>
  );
}
