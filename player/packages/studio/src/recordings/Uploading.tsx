import { Trans, useLingui } from '@lingui/react/macro';
import { Upload } from 'lucide-react';
import { useRef, useState } from 'react';
import { bytesText } from '@weir/client/format.ts';
import { Button } from '@weir/kit/Button.tsx';
import { ConfirmDialog } from '@weir/kit/Dialog.tsx';
import type { Transfer, Uploads } from './uploads';

/** The button that asks for files. Dropping them on the list does the same. */
export function ChooseVideos({ onFiles }: { onFiles: (files: Iterable<File>) => void }) {
  const { t } = useLingui();
  const input = useRef<HTMLInputElement>(null);
  return (
    <>
      <Button icon={Upload} onClick={() => input.current?.click()}>{t`Upload a video`}</Button>
      <input
        ref={input} hidden type="file" multiple accept="video/*,.mkv,.ts,.flv" data-testid="upload-file" aria-label={t`Videos to upload`}
        onChange={({ target }) => {
          onFiles([...(target.files ?? [])]);
          target.value = '';
        }}
      />
    </>
  );
}

/** Files that are on their way. */
export function Transfers({ uploads, transfers }: { uploads: Uploads; transfers: readonly Transfer[] }) {
  const { t } = useLingui();
  if (transfers.length === 0) return null;
  return (
    <ul className="grid gap-2" aria-label={t`Uploads`}>
      {transfers.map((transfer) => <TransferRow key={transfer.key} uploads={uploads} transfer={transfer} />)}
    </ul>
  );
}

function TransferRow({ uploads, transfer }: { uploads: Uploads; transfer: Transfer }) {
  const { t } = useLingui();
  const [asked, setAsked] = useState(false);
  const { key, name, sent, size, state, trouble } = transfer;
  const words = { sending: t`Sending`, paused: t`Paused`, sent: t`Sent`, failed: trouble ?? '' }[state];
  return (
    <li className="transfer flex flex-wrap items-center gap-3 rounded-card border border-line bg-surface px-4 py-3" data-testid="transfer" data-state={state}>
      <div className="grid min-w-0 flex-1 basis-52 gap-1">
        <strong className="truncate" title={name}><bdi>{name}</bdi></strong>
        <progress className="h-1.5 w-full accent-accent" max={size} value={sent} aria-label={t`Upload of ${name}`} />
        <span className={`text-[13px] ${state === 'failed' ? 'text-warn' : 'text-soft'}`} role={state === 'failed' ? 'alert' : undefined}>
          {state === 'failed' ? words : t`${words} · ${bytesText(sent)} of ${bytesText(size)}`}
        </span>
      </div>
      {state === 'sending' && <Button size="small" onClick={() => void uploads.pause(key)}>{t`Pause`}</Button>}
      {(state === 'paused' || state === 'failed') && <Button size="small" onClick={() => uploads.resume(key)}>{state === 'paused' ? t`Continue` : t`Try again`}</Button>}
      {state !== 'sent' && <Button size="small" look="danger" data-testid="cancel-upload" onClick={() => setAsked(true)}>{t`Cancel`}</Button>}
      <ConfirmDialog open={asked} onClose={() => setAsked(false)} title={t`Cancel the upload?`} action={t`Cancel the upload`} onConfirm={() => uploads.cancel(key)}>
        <Trans>What has been sent of “{name}” is deleted.</Trans>
      </ConfirmDialog>
    </li>
  );
}
