import { useEffect, useRef, useState } from 'react';
import { Glyph } from '@weir/ui/icons.tsx';

const FEEDBACK_MS = 1_600;

interface Props {
  label: string;
  value: string;
  /** Hidden until the owner asks to see it; copying works without showing. */
  secret?: boolean;
  testId: string;
}

/** A value to be pasted elsewhere. */
export function CopyField({ label, value, secret = false, testId }: Props) {
  const [shown, setShown] = useState(!secret);
  const input = useRef<HTMLInputElement>(null);
  const [told, tell] = useFeedback();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      tell('Copied');
    } catch {
      // Pages without https may not write the clipboard: the value is selected for the keyboard instead.
      setShown(true);
      input.current?.select();
      tell('Press Ctrl + C');
    }
  };
  return (
    <div className="labelled">
      <span>{label}</span>
      <div className="copy-row">
        <input ref={input} className="field mono" readOnly aria-label={label} data-testid={testId} type={shown ? 'text' : 'password'} value={value} autoComplete="off" onFocus={(event) => event.target.select()} />
        {secret && (
          <button type="button" className="small-button plain" data-testid={`${testId}-show`} onClick={() => setShown(!shown)}>{shown ? 'Hide' : 'Show'}</button>
        )}
        <button type="button" className="small-button plain with-icon copy" disabled={value === ''} onClick={() => void copy()} aria-label={`Copy ${label}`}>
          <Glyph name={told === null ? 'copy' : 'done'} />
          <span role="status">{told ?? 'Copy'}</span>
        </button>
      </div>
    </div>
  );
}

function useFeedback(): [string | null, (words: string) => void] {
  const [told, setTold] = useState<string | null>(null);
  useEffect(() => {
    if (told === null) return;
    const timer = setTimeout(() => setTold(null), FEEDBACK_MS);
    return () => clearTimeout(timer);
  }, [told]);
  return [told, setTold];
}
