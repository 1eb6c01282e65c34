import { Trans, useLingui } from '@lingui/react/macro';
import { useInfiniteQuery, useQuery, useQueryClient } from '@tanstack/react-query';
import { CircleStop, Clapperboard, Download, EllipsisVertical, Pencil, Play, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { bytesText, clockText, momentText } from '@weir/client/format.ts';
import { Badge, type Tone } from '@weir/kit/Badge.tsx';
import { IconButton } from '@weir/kit/Button.tsx';
import { ConfirmDialog } from '@weir/kit/Dialog.tsx';
import { Menu, type MenuItem } from '@weir/kit/Menu.tsx';
import { MoreButton } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useApp } from '../shell/AppContext';
import { recordingApi, type FullRecording, type RecordingQuery } from './api';
import { EditDialog } from './EditDialog';
import { stateText, useRecordingName } from './words';

const POLL_MS = 3_000;

/** Recordings as pictures. `without`: ids that are shown elsewhere, as files on their way. */
export function Gallery({ query, without = [] }: { query: RecordingQuery; without?: readonly string[] }) {
  const { app, askAs } = useApp();
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: [app.id, 'recordings', query],
    queryFn: ({ pageParam }) => askAs(recordingApi.page, { ...query, cursor: pageParam }),
    initialPageParam: '',
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    refetchInterval: POLL_MS,
  });
  if (data === undefined) return error === null ? <Skeleton rows={3} height={120} /> : <ErrorState error={error} onRetry={() => void refetch()} />;
  const rows = data.pages.flatMap((page) => page.data).filter(({ id }) => !without.includes(id));
  if (rows.length === 0) return <None filtered={Boolean(query.q) || Boolean(query.state)} />;
  return (
    <>
      <ul className="grid grid-cols-[repeat(auto-fill,minmax(min(100%,15.5rem),1fr))] gap-4">
        {rows.map((recording) => <Tile key={recording.id} recording={recording} />)}
      </ul>
      {hasNextPage && <MoreButton busy={isFetchingNextPage} onClick={() => void fetchNextPage()} />}
    </>
  );
}

function None({ filtered }: { filtered: boolean }) {
  if (filtered) return <EmptyState icon={Clapperboard} title={<Trans>No recording fits that search</Trans>} />;
  return <EmptyState icon={Clapperboard} title={<Trans>No recordings yet</Trans>}><Trans>Every broadcast is recorded unless its stream says otherwise; or upload a video into a stream.</Trans></EmptyState>;
}

const TONES: Partial<Record<FullRecording['state'], Tone>> = { recording: 'bad', failed: 'warn', processing: 'accent', uploading: 'neutral' };

function Tile({ recording }: { recording: FullRecording }) {
  const { id, state, started, duration_s, size, visibility } = recording;
  const { t } = useLingui();
  const name = useRecordingName(recording);
  const ready = state === 'ready';
  return (
    <li className="grid content-start overflow-hidden rounded-card border border-line bg-surface" data-testid="recording" data-state={state}>
      <div className="relative aspect-video bg-raised">
        {ready ? <Poster id={id} name={name} signed={visibility === 'signed'} /> : <span className="absolute inset-0 grid place-items-center text-soft"><Clapperboard size={28} aria-hidden /></span>}
        {ready && duration_s !== null && <span className="absolute end-2 bottom-2 rounded bg-black/75 px-1.5 text-[13px] text-white tabular-nums" dir="ltr">{clockText(duration_s)}</span>}
        {TONES[state] !== undefined && <span className="absolute start-2 top-2 rounded-full bg-surface"><Badge tone={TONES[state] ?? 'neutral'} dot={state === 'recording'}>{stateText(recording)}</Badge></span>}
      </div>
      <div className="flex items-start gap-1 p-3 pe-1.5">
        <div className="grid min-w-0 flex-1 gap-0.5">
          <strong className="line-clamp-2 [overflow-wrap:anywhere]" title={name}><bdi>{name}</bdi></strong>
          <span className="recording-facts text-[13px] text-soft tabular-nums">{ready ? [momentText(started), bytesText(size ?? 0), visibility === 'signed' ? t`Signed` : ''].filter(Boolean).join(' · ') : momentText(started)}</span>
          {state === 'failed' && <span className="recording-facts text-[13px] text-warn">{recording.reason ?? t`It could not be made ready.`}</span>}
        </div>
        <Deeds recording={recording} name={name} />
      </div>
    </li>
  );
}

/** The poster, as a link to the recording. The app's token is made only for one that is not public: its makings are audited. */
function Poster({ id, name, signed }: { id: string; name: string; signed: boolean }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const [closed, setClosed] = useState(signed);
  const { data } = useQuery({ queryKey: [app.id, 'access', id], queryFn: () => askAs(recordingApi.access, id), staleTime: 30 * 60_000, enabled: closed });
  const picture = closed ? data?.poster_url : `/v1/watch/${id}/poster.jpg`;
  return (
    <a href={closed && data !== undefined ? `/watch/${id}#token=${data.token}` : `/watch/${id}`} target="_blank" rel="noopener" aria-label={t`Watch ${name}`} className="group absolute inset-0 grid place-items-center">
      {picture !== undefined && <img key={picture} src={picture} alt="" loading="lazy" className="absolute inset-0 size-full object-cover" onError={({ currentTarget }) => { currentTarget.hidden = true; setClosed(true); }} />}
      <span className="relative grid size-11 place-items-center rounded-full bg-black/60 text-white opacity-0 transition-opacity group-hover:opacity-100 group-focus-visible:opacity-100 pointer-coarse:opacity-100"><Play size={20} aria-hidden /></span>
    </a>
  );
}

function Deeds({ recording, name }: { recording: FullRecording; name: string }) {
  const { t } = useLingui();
  const { app, askAs, can } = useApp();
  const known = useQueryClient();
  const say = useToast();
  const [shown, setShown] = useState<'edit' | 'delete' | null>(null);
  const { id, state } = recording;
  const again = () => known.invalidateQueries({ queryKey: [app.id, 'recordings'] });
  const act = (deed: () => Promise<unknown>) => { deed().then(again).catch(say.failed); };
  const writes = can('editor');
  const items: MenuItem[] = [
    ...(state === 'ready' ? [{ label: t`Download`, icon: Download, onChoose: () => act(async () => { location.assign((await askAs(recordingApi.access, id)).mp4_url); }) }] : []),
    ...(writes ? [{ label: t`Rename and change`, icon: Pencil, testId: 'edit-recording', onChoose: () => setShown('edit') }] : []),
    ...(writes && state === 'recording' ? [{ label: t`Stop recording`, icon: CircleStop, testId: 'stop-recording', onChoose: () => act(() => askAs(recordingApi.stop, id)) }] : []),
    ...(writes && state !== 'recording' && state !== 'processing' ? [{ label: t`Delete`, icon: Trash2, danger: true, testId: 'delete-recording', onChoose: () => setShown('delete') }] : []),
  ];
  if (items.length === 0) return null;
  return (
    <>
      <Menu trigger={<IconButton label={t`Actions for ${name}`} icon={EllipsisVertical} data-testid="recording-menu" />} groups={[{ items }]} />
      <EditDialog recording={recording} open={shown === 'edit'} onClose={() => setShown(null)} onSaved={again} />
      <ConfirmDialog open={shown === 'delete'} onClose={() => setShown(null)} title={t`Delete “${name}”?`} action={t`Delete for good`} onConfirm={async () => { await askAs(recordingApi.remove, id); await again(); }}>
        <Trans>It can’t be watched afterwards, and its file is deleted.</Trans>
      </ConfirmDialog>
    </>
  );
}
