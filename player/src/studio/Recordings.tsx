import { useCallback } from 'react';
import { bytesText, clockText, momentText } from '../lib/wording';
import type { OwnStream, Recording } from './api';
import type { Desk } from './desk';
import { useDeed } from './useDeed';
import { useRead } from './useRead';

const POLL_MS = 3_000;

/** What was kept of a stream's broadcasts: to watch, to take home, to throw away. */
export function Recordings({ desk, stream, writes }: { desk: Desk; stream: OwnStream; writes: boolean }) {
  const { value: list, refresh } = useRead(useCallback(() => desk.recordings(stream.id), [desk, stream.id]), POLL_MS);
  const { busy, error, run } = useDeed();
  const act = (deed: () => Promise<void>) => run(async () => { await deed(); await refresh(); });
  if (list === null) return null;
  const running = list.some(({ state }) => state === 'recording');
  return (
    <section className="box recordings" aria-label="Recordings">
      <header className="recordings-head">
        <h2>Recordings</h2>
        {writes && stream.state === 'live' && !running && (
          <button type="button" className="small-button" disabled={busy} onClick={() => act(() => desk.record(stream.id))}>Record now</button>
        )}
      </header>
      {error !== null && <p className="error" role="alert">{error}</p>}
      {list.length === 0 ? (
        <p className="soft">Nothing recorded yet. Broadcasts are kept from their first picture on and appear here when they end.</p>
      ) : (
        <ul className="recording-list">
          {list.map((recording) => <Row key={recording.id} desk={desk} recording={recording} writes={writes} busy={busy} act={act} />)}
        </ul>
      )}
    </section>
  );
}

interface RowProps {
  desk: Desk;
  recording: Recording;
  writes: boolean;
  busy: boolean;
  act: (deed: () => Promise<void>) => void;
}

function Row({ desk, recording, writes, busy, act }: RowProps) {
  const { id, state, started, duration_s, size } = recording;
  const download = async () => { location.assign(await desk.downloadOf(id)); };
  const remove = async () => { if (confirm(`Delete the recording of ${momentText(started)}? Nobody can watch it afterwards.`)) await desk.removeRecording(id); };
  return (
    <li className="recording" data-testid="recording" data-state={state}>
      <span className="recording-when">{momentText(started)}</span>
      <span className="soft recording-facts">{wordsFor(recording, duration_s, size)}</span>
      <span className="recording-deeds">
        {state === 'ready' && <a className="small-button plain" href={`/watch/${id}`} target="_blank" rel="noopener">Watch</a>}
        {state === 'ready' && <button type="button" className="small-button plain" disabled={busy} onClick={() => act(download)}>Download</button>}
        {writes && state === 'recording' && <button type="button" className="small-button plain" disabled={busy} onClick={() => act(() => desk.stopRecording(id))}>Stop</button>}
        {writes && (state === 'ready' || state === 'failed') && <button type="button" className="small-button danger" disabled={busy} onClick={() => act(remove)}>Delete</button>}
      </span>
    </li>
  );
}

function wordsFor({ state, reason }: Recording, duration: number | null, size: number | null): string {
  if (state === 'recording') return 'Recording now';
  if (state === 'processing') return 'Being made ready …';
  if (state === 'failed') return reason ?? 'It could not be made ready.';
  return `${clockText(duration ?? 0)} · ${bytesText(size ?? 0)}`;
}
