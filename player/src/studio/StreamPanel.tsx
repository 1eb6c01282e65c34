import { useEffect, useState } from 'react';
import { useStore } from '../lib/store';
import { bytesText, countText } from '../lib/wording';
import { StateBadge } from '../ui/StateBadge';
import type { Account, OwnStream, PublishFields, Role } from './api';
import { CopyField } from './CopyField';
import type { Desk } from './desk';
import { Health } from './Health';
import { Preview } from './Preview';
import { Recordings } from './Recordings';
import { atLeast } from './sections';
import { useDeed } from './useDeed';

/** Everything about one stream: picture, figures, what OBS and viewers need. */
export function StreamPanel({ desk, account, stream, role }: { desk: Desk; account: Account; stream: OwnStream; role: Role }) {
  const writes = atLeast(role, 'editor');
  return (
    <section className="panel" aria-label={stream.title}>
      <header className="panel-head">
        <h1>{stream.title || 'Untitled stream'}</h1>
        <StateBadge state={stream.state} />
      </header>
      <div className="panel-grid">
        <div className="panel-picture">
          <Picture desk={desk} stream={stream} writes={writes} />
          <Figures desk={desk} stream={stream} />
          {stream.state !== 'idle' && <Health desk={desk} stream={stream.id} />}
          {stream.state === 'idle' && stream.trouble !== null && (
            <p className="health-trouble" role="status">The last broadcast could not be shown: {stream.trouble}</p>
          )}
          {writes && <Disconnect desk={desk} stream={stream} />}
        </div>
        <div className="panel-fields">
          {writes && <ObsFields desk={desk} stream={stream} />}
          <div className="box">
            <h2>For viewers</h2>
            <CopyField label="Watch page" value={stream.watch_url} testId="watch-url" />
            {stream.visibility === 'signed' && <p className="soft">The stream is signed: it opens with a playback token behind this address, as <code>#token=…</code></p>}
            <Seat desk={desk} account={account} stream={stream} writes={writes} />
          </div>
        </div>
      </div>
      <Recordings desk={desk} stream={stream} writes={writes} />
    </section>
  );
}

/** Who may make tokens sees a signed stream by one. */
function Picture({ desk, stream, writes }: { desk: Desk; stream: OwnStream; writes: boolean }) {
  const signed = stream.visibility === 'signed' && writes;
  const [token, setToken] = useState<string | null>(null);
  const { error, run } = useDeed();
  useEffect(() => {
    if (signed) run(async () => setToken(await desk.tokenOf(stream)));
    // One token for each stream, whatever else changes of it.
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [desk, stream.id, signed]);
  if (!signed) return <Preview playback={stream.playback_id} token={null} />;
  if (token === null) return <div className="player">{error !== null && <p className="error" role="alert">{error}</p>}</div>;
  return <Preview key={token} playback={stream.playback_id} token={token} />;
}

function Figures({ desk, stream }: { desk: Desk; stream: OwnStream }) {
  const { analytics } = useStore(desk.view);
  const minutes = analytics === null ? '–' : countText(Math.round(analytics.minutes_watched));
  return (
    <dl className="figures">
      <div><dt>Viewers now</dt><dd data-testid="viewer-count" data-count={stream.viewers}>{countText(stream.viewers)}</dd></div>
      <div><dt>Minutes watched</dt><dd data-testid="minutes-watched">{minutes}</dd></div>
      <div><dt>Data sent</dt><dd data-testid="bytes-sent">{analytics === null ? '–' : bytesText(analytics.bytes)}</dd></div>
    </dl>
  );
}

function ObsFields({ desk, stream }: { desk: Desk; stream: OwnStream }) {
  const [fields, setFields] = useState<PublishFields | null>(null);
  const { error, run } = useDeed();
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
  const { busy, error, run } = useDeed();
  if (!writes) return <a className="open-watch" href={`/watch/${stream.playback_id}`} target="_blank" rel="noopener">Open the watch page</a>;
  const open = () => run(async () => { window.open(await desk.seatAt(stream, account), '_blank', 'noopener'); });
  return (
    <div className="form-end">
      <button type="button" className="small-button plain" data-testid="take-seat" disabled={busy} onClick={open}>Open with my seat in the chat</button>
      {error !== null && <span className="error" role="alert">{error}</span>}
    </div>
  );
}

function Disconnect({ desk, stream }: { desk: Desk; stream: OwnStream }) {
  const { busy, error, run } = useDeed();
  if (stream.state === 'idle') return null;
  return (
    <div className="disconnect">
      <button type="button" className="small-button danger" data-testid="disconnect" disabled={busy} onClick={() => run(() => desk.disconnect(stream.id))}>
        Disconnect the encoder
      </button>
      <small className="soft">{error ?? 'The broadcast ends unless the encoder comes back within the grace time.'}</small>
    </div>
  );
}
