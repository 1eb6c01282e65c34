import { useEffect, useState } from 'react';
import { useStore } from '@weir/client/observable.ts';
import { bytesText, countText } from '@weir/client/format.ts';
import { StateBadge } from '@weir/ui/StateBadge.tsx';
import type { Account, OwnStream, PublishFields, Role } from './api';
import { CopyField } from './CopyField';
import type { Desk } from './studioStore';
import { Health } from './Health';
import { Preview } from './Preview';
import { Recordings } from './Recordings';
import { SignedLink } from './SignedLink';
import { Sure } from './ConfirmButton';
import { atLeast } from './sections';
import { useAction } from './useAction';

/** Everything about one stream: picture, figures, what OBS and viewers need. */
export function StreamPanel({ desk, account, stream, role }: { desk: Desk; account: Account; stream: OwnStream; role: Role }) {
  const writes = atLeast(role, 'editor');
  const { trouble } = useStore(desk.view);
  return (
    <section className="panel" aria-label={stream.title}>
      <header className="panel-head">
        <h1 title={stream.title}><bdi>{stream.title || 'Untitled stream'}</bdi></h1>
        <StateBadge state={trouble === null ? stream.state : 'lost'} />
      </header>
      <div className="panel-grid">
        <div className="panel-picture">
          <Preview desk={desk} stream={stream} />
          <Figures desk={desk} stream={stream} />
          {stream.state !== 'idle' && <Health desk={desk} stream={stream.id} />}
          {troubleOf(stream) !== null && (
            <p className="health-trouble" role="status">{troubleOf(stream)}</p>
          )}
          {writes && <Disconnect desk={desk} stream={stream} />}
        </div>
        <div className="panel-fields">
          {writes && <ObsFields desk={desk} stream={stream} />}
          <div className="box">
            <h2>For viewers</h2>
            {stream.visibility === 'signed' && <p className="soft" data-testid="signed">This stream is signed: the watch page opens with a signed link only.</p>}
            <CopyField label="Watch page" value={stream.watch_url} testId="watch-url" />
            {writes && stream.visibility === 'signed' && <SignedLink desk={desk} stream={stream} />}
            <Seat desk={desk} account={account} stream={stream} writes={writes} />
          </div>
        </div>
      </div>
      <Recordings desk={desk} stream={stream} writes={writes} />
    </section>
  );
}

function Figures({ desk, stream }: { desk: Desk; stream: OwnStream }) {
  const { analytics, trouble } = useStore(desk.view);
  const watched = stream.state !== 'idle';
  const minutes = analytics === null ? '–' : countText(Math.round(analytics.minutes_watched));
  return (
    <dl className="figures" title="Each open player counts as a viewer; the studio’s preview does not.">
      <div><dt>{watched ? 'Viewers now' : 'Waiting now'}</dt><dd data-testid="viewer-count" data-count={stream.viewers}>{trouble === null ? countText(stream.viewers) : '–'}</dd></div>
      <div><dt>Minutes watched</dt><dd data-testid="minutes-watched">{minutes}</dd></div>
      <div><dt>Data sent</dt><dd data-testid="bytes-sent">{analytics === null ? '–' : bytesText(analytics.bytes)}</dd></div>
    </dl>
  );
}

function ObsFields({ desk, stream }: { desk: Desk; stream: OwnStream }) {
  const [fields, setFields] = useState<PublishFields | null>(null);
  const { error, run } = useAction();
  useEffect(() => {
    run(async () => setFields(await desk.publishFields(stream.id)));
    // The key is read once for each stream; the panel is made anew for another one.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [desk, stream.id]);
  return (
    <div className="box">
      <h2>For OBS</h2>
      <p className="soft">Settings → Stream → Service “Custom”. Keyframe interval 2 s, rate control CBR.</p>
      <CopyField label="Server" value={fields?.server ?? ''} testId="obs-server" />
      <CopyField label="Stream key" value={fields?.key ?? ''} secret testId="obs-key" />
      {error !== null && <p className="error" role="alert">{error}</p>}
    </div>
  );
}

/** The way to the watch page: for those who may moderate, with their own name and the commands. */
function Seat({ desk, account, stream, writes }: { desk: Desk; account: Account; stream: OwnStream; writes: boolean }) {
  const { busy, error, run } = useAction();
  if (!writes && stream.visibility === 'signed') return <p className="soft" data-testid="ask-for-link">An editor of this app can create a signed link for you.</p>;
  if (!writes) return <a className="open-watch" href={`/watch/${stream.playback_id}`} target="_blank" rel="noopener">Open the watch page</a>;
  const open = () => run(async () => { window.open(await desk.seatAt(stream, account), '_blank', 'noopener'); });
  return (
    <div className="form-end">
      <button type="button" className="small-button plain" data-testid="take-seat" disabled={busy} onClick={open}>Open as host</button>
      {error !== null && <span className="error" role="alert">{error}</span>}
    </div>
  );
}

function Disconnect({ desk, stream }: { desk: Desk; stream: OwnStream }) {
  const { busy, error, run } = useAction();
  if (stream.state === 'idle') return null;
  return (
    <div className="disconnect">
      <Sure
        label="Disconnect the encoder" testId="disconnect" busy={busy} plain yes="Disconnect"
        question="Viewers see that the encoder is away. The broadcast continues if the encoder reconnects within the grace time; most encoders do so by themselves."
        onYes={() => run(() => desk.disconnect(stream.id))}
      />
      <Sure
        label="End the broadcast" testId="complete" busy={busy} yes="End it now"
        question="The broadcast ends for all viewers now, and its recording is finished."
        onYes={() => run(() => desk.complete(stream.id))}
      />
      {error !== null && <small className="error" role="alert">{error}</small>}
    </div>
  );
}

/** Why nothing was or is shown. While an encoder is connected its health says it. */
function troubleOf({ state, trouble }: OwnStream): string | null {
  if (trouble === null) return null;
  if (state === 'idle') return `The last broadcast could not be shown: ${trouble}`;
  return state === 'interrupted' ? `Nothing can be shown: ${trouble}` : null;
}
