import { useState } from 'react';

interface Props {
  label: string;
  /** What will be lost, as a question. */
  question: string;
  yes: string;
  plain?: boolean;
  busy: boolean;
  testId: string;
  onYes: () => void;
}

/** A button for what ends something: it asks once before it does. */
export function Sure({ label, question, yes, plain, busy, testId, onYes }: Props) {
  const [asked, setAsked] = useState(false);
  if (!asked) {
    return (
      <button type="button" className={`small-button ${plain ? 'plain' : 'danger'}`} data-testid={testId} disabled={busy} onClick={() => setAsked(true)}>
        {label}
      </button>
    );
  }
  return (
    <div className="sure" role="group" aria-label={label}>
      <p>{question}</p>
      <button type="button" className="small-button danger" data-testid={`${testId}-yes`} disabled={busy} autoFocus onClick={() => { setAsked(false); onYes(); }}>{yes}</button>
      <button type="button" className="small-button plain" data-testid={`${testId}-no`} onClick={() => setAsked(false)}>Keep it</button>
    </div>
  );
}
