import { Suspense, lazy, useId, useRef, useState } from 'react';
import { useLingui } from '@lingui/react/macro';
import type { WatchedStream } from '@weir/client/api.ts';
import { fetched } from '@weir/client/fetched.ts';
import { clockText } from '@weir/client/format.ts';
import { momentIn } from '@weir/client/playback/place.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { Dialog } from './Dialog';
import { embedCode } from './embedCode';

const QRCode = lazy(async () => ({ default: (await fetched(() => import('qrcode.react'))).QRCodeSVG }));
const QR_PIXELS = 148;

interface Props {
  watching: Watching;
  stream: WatchedStream;
  onClose: () => void;
}

/** Link, embed code and QR code of this stream; none of them holds anybody's token. */
export function ShareDialog({ watching, stream, onClose }: Props) {
  const { t } = useLingui();
  const [moment] = useState(() => watching.playback.moment());
  const [timed, setTimed] = useState(false);
  const link = new URL(`/watch/${watching.address}`, location.origin);
  if (timed && moment !== null) link.searchParams.set('t', momentIn(moment));
  const embed = embedCode(new URL(`/embed/${watching.address}`, location.origin).href, stream.title);
  const at = moment === null ? '' : clockText(moment);
  return (
    <Dialog title={t`Share`} onClose={onClose}>
      {stream.visibility === 'signed' && <p className="dialog-note">{t`Who opens this link needs access of their own: ask the stream’s owner for it.`}</p>}
      <CopyRow name="link" label={t`Link`} value={link.href} />
      {moment !== null && (
        <label className="dialog-check">
          <input type="checkbox" checked={timed} onChange={(event) => setTimed(event.target.checked)} />
          {t`Start at ${at}`}
        </label>
      )}
      <CopyRow name="embed" label={t`Code to embed the player`} value={embed} />
      <div className="share-qr">
        <span className="qr" data-testid="qr">
          <Suspense><QRCode value={link.href} title={t`QR code of the link`} size={QR_PIXELS} marginSize={3} bgColor="#ffffff" fgColor="#000000" /></Suspense>
        </span>
        <p>{t`Scan the code to open the link on a phone.`}</p>
      </div>
      <NativeShare title={stream.title} link={link.href} />
    </Dialog>
  );
}

function NativeShare({ title, link }: { title: string; link: string }) {
  const { t } = useLingui();
  if (!('share' in navigator)) return null;
  return (
    <button type="button" className="small-button" data-testid="share-native" onClick={() => { navigator.share({ title, url: link }).catch(() => undefined); /* closed again */ }}>
      {t`Share with an app …`}
    </button>
  );
}

interface RowProps {
  name: string;
  label: string;
  value: string;
}

/** A text to take along. Without the right to write the clipboard it is selected, to be copied by hand. */
function CopyRow({ name, label, value }: RowProps) {
  const { t } = useLingui();
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [said, setSaid] = useState('');
  const copy = async () => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(value);
      setSaid(t`Copied`);
    } catch {
      setSaid(t`Press Ctrl+C to copy`);
    }
  };
  return (
    <div className="copy-row">
      <label htmlFor={id}>{label}</label>
      <div>
        <input id={id} ref={field} className="field" dir="ltr" readOnly value={value} data-testid={`share-${name}`} onFocus={(event) => event.target.select()} />
        <button type="button" className="small-button plain" data-testid={`copy-${name}`} onClick={() => void copy()}>
          <Glyph name="copy" />
          {t`Copy`}
        </button>
      </div>
      <p className="copy-said" role="status">{said}</p>
    </div>
  );
}
