import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { CircleStop, KeyRound, Unplug } from 'lucide-react';
import { useState } from 'react';
import { bytesText, countText, durationText } from '@weir/client/format.ts';
import { Button } from '@weir/kit/Button.tsx';
import { CopyField } from '@weir/kit/CopyField.tsx';
import { ConfirmDialog } from '@weir/kit/Dialog.tsx';
import { Card, Stat } from '@weir/kit/Layout.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { streams } from '../api';
import { useApp } from '../shell/AppContext';
import { streamApi, type FullStream } from './api';
import { Health } from './Health';
import { OverlayCard } from './OverlayCard';
import { Preview } from './Preview';
import { SignedLink } from './SignedLink';
import { useNow } from './useNow';

const ANALYTICS_MS = 10_000;

/** What one stream does now, and what an encoder and viewers need. */
export function Overview({ stream }: { stream: FullStream }) {
  const { can } = useApp();
  const writes = can('editor');
  const trouble = useTrouble(stream);
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-6 xl:grid-cols-[minmax(0,1.35fr)_minmax(20rem,1fr)]">
      <div className="grid grid-cols-[minmax(0,1fr)] content-start gap-4">
        {stream.state === 'idle' && writes ? <FirstSteps stream={stream} /> : <Preview stream={stream} />}
        {trouble !== null && <p className="rounded-card bg-warn/12 px-4 py-3 text-warn" role="status">{trouble}</p>}
        <Figures stream={stream} />
        {stream.state !== 'idle' && <Health stream={stream.id} />}
        {writes && stream.state !== 'idle' && <EndOfShow stream={stream} />}
      </div>
      <div className="grid grid-cols-[minmax(0,1fr)] content-start gap-4">
        {writes && <ObsFields stream={stream} />}
        <ForViewers stream={stream} writes={writes} />
        {writes && <OverlayCard stream={stream} />}
      </div>
    </div>
  );
}

/** In the place of a picture that is not there yet. */
function FirstSteps({ stream }: { stream: FullStream }) {
  const { t } = useLingui();
  const again = stream.broadcast !== null;
  return (
    <Card title={again ? t`Offline` : t`Three steps to go live`} lead={again ? t`The last broadcast has ended. Start the encoder again with the same key.` : undefined}>
      <ol className="grid gap-3">
        {[t`In OBS, open Settings → Stream and choose the service “Custom”.`, t`Copy the server and the stream key from this page.`, t`Under Output set a keyframe interval of 2 s and CBR, then press “Start streaming”.`].map((step, index) => (
          <li key={step} className="flex items-start gap-3">
            <span className="grid size-6 shrink-0 place-items-center rounded-full bg-accent/15 text-[13px] font-bold text-accent">{index + 1}</span>
            <span>{step}</span>
          </li>
        ))}
      </ol>
      <p className="text-sm text-soft"><Trans>The picture appears here as soon as the encoder sends it.</Trans></p>
    </Card>
  );
}

/** Why nothing was or is shown. While an encoder is connected its health says it. */
function useTrouble({ state, trouble }: FullStream): string | null {
  const { t } = useLingui();
  if (trouble === null) return null;
  if (state === 'idle') return t`The last broadcast could not be shown: ${trouble}`;
  return state === 'interrupted' ? t`Nothing can be shown: ${trouble}` : null;
}

function Figures({ stream }: { stream: FullStream }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const { data } = useQuery({ queryKey: [app.id, 'analytics', stream.id], queryFn: () => askAs(streams.analytics, stream.id), refetchInterval: ANALYTICS_MS });
  const now = useNow(stream.state === 'live');
  const live = stream.state !== 'idle';
  return (
    <div className="grid grid-cols-2 gap-3 sm:grid-cols-4" title={t`Each open player counts as a viewer; the studio’s preview does not.`}>
      <Stat label={live ? t`Viewers now` : t`Waiting now`} value={<span data-count={stream.viewers} data-testid="viewer-count">{stream.viewers === null ? '–' : countText(stream.viewers)}</span>} />
      <Stat label={t`On air for`} value={stream.state === 'live' && stream.live_since !== null ? durationText((now - Date.parse(stream.live_since)) / 1000) : '–'} />
      <Stat label={t`Minutes watched`} value={data === undefined ? '–' : countText(Math.round(data.minutes_watched))} testId="minutes-watched" note={t`in all`} />
      <Stat label={t`Data sent`} value={data === undefined ? '–' : bytesText(data.bytes)} testId="bytes-sent" note={t`in all`} />
    </div>
  );
}

function ObsFields({ stream }: { stream: FullStream }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const { data, error, refetch } = useQuery({ queryKey: [app.id, 'key', stream.id], queryFn: () => askAs(streams.key, stream.id), staleTime: Infinity });
  const [asked, setAsked] = useState(false);
  const say = useToast();
  return (
    <Card title={t`For OBS`} lead={t`Settings → Stream → Service “Custom”. Keyframe interval 2 s, rate control CBR.`} actions={<Button size="small" look="quiet" icon={KeyRound} data-testid="rotate-key" onClick={() => setAsked(true)}>{t`New key`}</Button>}>
      <CopyField label={t`Server`} value={data?.server ?? ''} testId="obs-server" />
      <CopyField label={t`Stream key`} value={data?.key ?? ''} secret qr testId="obs-key" />
      {error !== null && <p className="text-warn" role="alert">{error.message}</p>}
      <ConfirmDialog open={asked} onClose={() => setAsked(false)} title={t`Make a new stream key?`} action={t`Make a new key`}
        onConfirm={async () => {
          await askAs(streamApi.rotateKey, stream.id, false);
          await refetch();
          say.done(t`The stream has a new key. The old one works no longer.`);
        }}>
        <Trans>The present key stops working: every encoder needs the new one. A broadcast that is on air continues.</Trans>
      </ConfirmDialog>
    </Card>
  );
}

function ForViewers({ stream, writes }: { stream: FullStream; writes: boolean }) {
  const { t } = useLingui();
  const embed = `<iframe src="${stream.watch_url.replace('/watch/', '/embed/')}" width="640" height="360" allow="autoplay; fullscreen; picture-in-picture" style="border:0"></iframe>`;
  return (
    <Card title={t`For viewers`}>
      {stream.visibility === 'signed' && <p className="text-sm text-soft" data-testid="signed"><Trans>This stream is signed: the watch page opens with a signed link only.</Trans></p>}
      <CopyField label={t`Watch page`} value={stream.watch_url} qr testId="watch-url" />
      {stream.visibility === 'public' && <CopyField label={t`Code to embed the player`} value={embed} testId="embed-code" />}
      {writes && stream.visibility === 'signed' && <SignedLink stream={stream} />}
    </Card>
  );
}

function EndOfShow({ stream }: { stream: FullStream }) {
  const { t } = useLingui();
  const { askAs } = useApp();
  const [asked, setAsked] = useState<'disconnect' | 'complete' | null>(null);
  const close = () => setAsked(null);
  return (
    <div className="flex flex-wrap gap-2">
      <Button icon={Unplug} data-testid="disconnect" onClick={() => setAsked('disconnect')}>{t`Disconnect the encoder`}</Button>
      <Button look="danger" icon={CircleStop} data-testid="complete" onClick={() => setAsked('complete')}>{t`End the broadcast`}</Button>
      <ConfirmDialog open={asked === 'disconnect'} onClose={close} title={t`Disconnect the encoder?`} action={t`Disconnect`} onConfirm={async () => { await askAs(streams.disconnect, stream.id); }}>
        <Trans>Viewers see that the encoder is away. The broadcast continues if the encoder reconnects within the grace time; most encoders do so by themselves.</Trans>
      </ConfirmDialog>
      <ConfirmDialog open={asked === 'complete'} onClose={close} title={t`End the broadcast?`} action={t`End it now`} onConfirm={async () => { await askAs(streams.complete, stream.id); }}>
        <Trans>The broadcast ends for all viewers now, and its recording is finished.</Trans>
      </ConfirmDialog>
    </div>
  );
}
