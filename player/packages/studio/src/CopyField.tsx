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
  const [feedback, show] = useFeedback();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      show('Copied');
    } catch {
      // Pages without https may not write the clipboard: the value is selected for the keyboard instead.
      setShown(true);
      input.current?.select();
      show('Press Ctrl + C');
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
          <Glyph name={feedback === null ? 'copy' : 'done'} />
          <span role="status">{feedback ?? 'Copy'}</span>
        </button>
      </div>
    </div>
  );
}

export function useFeedback(): [string | null, (words: string) => void] {
  const [words, setWords] = useState<string | null>(null);
  useEffect(() => {
    if (words === null) return;
    const timer = setTimeout(() => setWords(null), FEEDBACK_MS);
    return () => clearTimeout(timer);
  }, [words]);
  return [words, setWords];
}
