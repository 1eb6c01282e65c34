import { useRef } from 'react';
import { bytesText } from '@weir/client/format.ts';
import type { Desk } from './studioStore';
import { Sure } from './ConfirmButton';
import type { Transfer } from './uploads';

/** The button that asks for files. Dropping them on the box does the same. */
export function ChooseVideos({ desk, stream }: { desk: Desk; stream: string }) {
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <button type="button" className="small-button plain" onClick={() => input.current?.click()}>Upload a video</button>
      <input
        ref={input} hidden type="file" multiple accept="video/*,.mkv,.ts,.flv" data-testid="upload-file" aria-label="Videos to upload"
        onChange={({ target }) => {
          desk.upload(stream, target.files ?? []);
          target.value = '';
        }}
      />
    </>
  );
}

/** Files that are on their way. */
export function Transfers({ desk, transfers }: { desk: Desk; transfers: readonly Transfer[] }) {
  if (transfers.length === 0) return null;
  return (
    <ul className="recording-list" aria-label="Uploads">
      {transfers.map((transfer) => <TransferRow key={transfer.key} desk={desk} transfer={transfer} />)}
    </ul>
  );
}

function TransferRow({ desk, transfer }: { desk: Desk; transfer: Transfer }) {
  const { key, name, sent, size, state, trouble } = transfer;
  return (
    <li className="recording transfer" data-testid="transfer" data-state={state}>
      <span className="recording-when transfer-name">{name}</span>
      <span className="recording-facts">
        <progress max={size} value={sent} aria-label={`Upload of ${name}`} />
        <span className={state === 'failed' ? 'error' : 'soft'} role={state === 'failed' ? 'alert' : undefined}>
          {state === 'failed' ? trouble : `${wordsFor(state)} · ${bytesText(sent)} of ${bytesText(size)}`}
        </span>
      </span>
      <span className="recording-deeds">
        {state === 'sending' && <button type="button" className="small-button plain" onClick={() => void desk.uploads.pause(key)}>Pause</button>}
        {(state === 'paused' || state === 'failed') && (
          <button type="button" className="small-button plain" onClick={() => desk.uploads.resume(key)}>{state === 'paused' ? 'Go on' : 'Try again'}</button>
        )}
        {state !== 'sent' && (
          <Sure label="Cancel" testId="cancel-upload" busy={false} yes="Cancel the upload" question={`What has been sent of “${name}” is deleted.`} onYes={() => void desk.uploads.cancel(key)} />
        )}
      </span>
    </li>
  );
}

function wordsFor(state: Transfer['state']): string {
  if (state === 'paused') return 'Paused';
  return state === 'sent' ? 'Sent' : 'Sending';
}
