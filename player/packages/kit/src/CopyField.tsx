import { useLingui } from '@lingui/react/macro';
import { Check, Copy, Eye, EyeOff, QrCode } from 'lucide-react';
import { useEffect, useId, useRef, useState } from 'react';
import { Button, IconButton } from './Button';
import { QrDialog } from './QrDialog';

const FEEDBACK_MS = 1_600;

interface Props {
  label: string;
  value: string;
  /** Hidden until the reader asks to see it; copying works without showing. */
  secret?: boolean;
  /** Offers the value as a QR code. */
  qr?: boolean;
  testId: string;
}

/** A value to be pasted elsewhere. */
export function CopyField({ label, value, secret = false, qr = false, testId }: Props) {
  const { t } = useLingui();
  const id = useId();
  const [shown, setShown] = useState(!secret);
  const [code, setCode] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  const [feedback, show] = useFeedback();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      show(t`Copied`);
    } catch {
      // Pages without https may not write the clipboard: the value is selected for the keyboard instead.
      setShown(true);
      input.current?.select();
      show(t`Press Ctrl + C`);
    }
  };
  return (
    <div className="grid grid-cols-[minmax(0,1fr)] gap-1.5">
      <label htmlFor={id} className="text-[13px] font-semibold [overflow-wrap:anywhere]">{label}</label>
      <div className="flex flex-wrap gap-2">
        <input id={id} ref={input} className="entry min-w-0 flex-1 basis-40 font-mono text-[13px]" dir="ltr" readOnly data-testid={testId} type={shown ? 'text' : 'password'} value={value} autoComplete="off" onFocus={(event) => event.target.select()} />
        <div className="flex gap-1">
          {secret && <IconButton label={shown ? t`Hide` : t`Show`} icon={shown ? EyeOff : Eye} data-testid={`${testId}-show`} onClick={() => setShown(!shown)} />}
          {qr && <IconButton label={t`Show as QR code`} icon={QrCode} disabled={value === ''} onClick={() => setCode(true)} />}
          <Button className="min-w-24" icon={feedback === null ? Copy : Check} disabled={value === ''} aria-label={t`Copy ${label}`} onClick={() => void copy()}>
            <span role="status">{feedback ?? t`Copy`}</span>
          </Button>
        </div>
      </div>
      {qr && <QrDialog open={code} title={label} value={value} onClose={() => setCode(false)} />}
    </div>
  );
}

/** Words that stand for a moment. */
export function useFeedback(): [string | null, (words: string) => void] {
  const [words, setWords] = useState<string | null>(null);
  useEffect(() => {
    if (words === null) return;
    const timer = setTimeout(() => setWords(null), FEEDBACK_MS);
    return () => clearTimeout(timer);
  }, [words]);
  return [words, setWords];
}
