import { useCallback, useState, type DragEvent } from 'react';
import { useStore } from '@weir/client/observable.ts';
import { bytesText, clockText, momentText } from '@weir/client/format.ts';
import type { OwnStream, Recording } from './api';
import type { Desk } from './studioStore';
import { ChooseVideos, Transfers } from './Uploading';
import { Sure } from './ConfirmButton';
import { useAction } from './useAction';
import { useQuery } from './useQuery';

const POLL_MS = 3_000;

/** What was kept of a stream's broadcasts: to watch, to take home, to throw away. */
export function Recordings({ desk, stream, writes }: { desk: Desk; stream: OwnStream; writes: boolean }) {
  const { value: list, refresh } = useQuery(useCallback(() => desk.recordings(stream.id), [desk, stream.id]), POLL_MS);
  const { busy, error, run } = useAction();
  const { transfers } = useStore(desk.uploads.view);
  const [dragging, drop] = useDrop((files) => desk.upload(stream.id, files));
  const act = (deed: () => Promise<void>) => run(async () => { await deed(); await refresh(); });
  if (list === null) return null;
  const running = list.some(({ state }) => state === 'recording');
  const own = new Set(transfers.filter(({ state }) => state !== 'sent').map(({ video }) => video));
  const shown = list.filter(({ id }) => !own.has(id));
  const sending = transfers.filter((one) => one.stream === stream.id && !shown.some(({ id }) => id === one.video));
  return (
    <section className="box recordings" aria-label="Recordings" data-dragging={dragging} {...(writes ? drop : {})}>
      <header className="recordings-head">
        <h2>Recordings</h2>
        {writes && (
          <span className="recording-deeds">
            {stream.state === 'live' && !running && (
              <button type="button" className="small-button" disabled={busy} onClick={() => act(() => desk.record(stream.id))}>Record now</button>
            )}
            <ChooseVideos desk={desk} stream={stream.id} />
          </span>
        )}
      </header>
      {error !== null && <p className="error" role="alert">{error}</p>}
      <Transfers desk={desk} transfers={sending} />
      {shown.length === 0 && sending.length === 0 && (
        <p className="soft">Nothing here yet. Broadcasts are kept from their first picture on and appear when they end; videos can be dropped here.</p>
      )}
      {shown.length > 0 && (
        <ul className="recording-list">
          {shown.map((recording) => <Row key={recording.id} desk={desk} recording={recording} writes={writes} busy={busy} act={act} />)}
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
  const { id, state, source, title, started, duration_s, size } = recording;
  const download = async () => { location.assign(await desk.downloadOf(id)); };
  const name = source === 'upload' ? `“${title}”` : `The recording of ${momentText(started)}`;
  return (
    <li className="recording" data-testid="recording" data-state={state}>
      <span className="recording-when">{source === 'upload' ? title || 'Untitled video' : momentText(started)}</span>
      <span className="soft recording-facts">{wordsFor(recording, duration_s, size)}</span>
      <span className="recording-deeds">
        {state === 'ready' && <a className="small-button plain" href={`/watch/${id}`} target="_blank" rel="noopener">Watch</a>}
        {state === 'ready' && <button type="button" className="small-button plain" disabled={busy} onClick={() => act(download)}>Download</button>}
        {writes && state === 'recording' && (
          <Sure label="Stop" testId="stop-recording" busy={busy} plain yes="Stop recording" question="The recording ends here; the broadcast continues." onYes={() => act(() => desk.stopRecording(id))} />
        )}
        {writes && (state === 'ready' || state === 'failed' || state === 'uploading') && (
          <Sure label="Delete" testId="delete-recording" busy={busy} yes="Delete for good" question={`${name} will be deleted. It can't be watched afterwards.`} onYes={() => act(() => desk.removeRecording(id))} />
        )}
      </span>
    </li>
  );
}

/** Of an upload that has arrived. */
function processingWords({ progress, waits_for, files_before }: Recording): string {
  if (waits_for === 'live') return 'Waiting: live streams come first';
  if (waits_for === 'uploads') return files_before === 1 ? 'Waiting: 1 file before yours' : `Waiting: ${files_before} files before yours`;
  return progress === null ? 'Processing' : `Processing: ${progress} %`;
}

function wordsFor(recording: Recording, duration: number | null, size: number | null): string {
  const { state, reason } = recording;
  if (state === 'recording') return 'Recording now';
  if (state === 'uploading') return 'Upload not finished: choose the file again to continue';
  if (state === 'processing') return processingWords(recording);
  if (state === 'failed') return reason ?? 'It could not be made ready.';
  return `${clockText(duration ?? 0)} · ${bytesText(size ?? 0)}`;
}

/** Whether files hang over the element, and its handlers; `took` gets those that were dropped. */
function useDrop(took: (files: FileList) => void) {
  const [over, setOver] = useState(false);
  const holdsFiles = (event: DragEvent) => event.dataTransfer.types.includes('Files');
  const handlers = {
    onDragOver: (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: (event: DragEvent) => setOver(event.currentTarget.contains(event.relatedTarget as Node | null)),
    onDrop: (event: DragEvent) => {
      if (!holdsFiles(event)) return;
      event.preventDefault();
      setOver(false);
      took(event.dataTransfer.files);
    },
  };
  return [over, handlers] as const;
}
