import { useLingui } from '@lingui/react/macro';
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
  const { t } = useLingui();
  const [step, setStep] = useState<'new' | 'asked' | 'kept'>('new');
  if (step !== 'asked') {
    return (
      <button type="button" className={`small-button ${plain ? 'plain' : 'danger'}`} data-testid={testId} disabled={busy} autoFocus={step === 'kept'} onClick={() => setStep('asked')}>
        {label}
      </button>
    );
  }
  const keep = () => setStep('kept');
  return (
    <div className="sure" role="group" aria-label={label} onKeyDown={(event) => { if (event.key === 'Escape') keep(); }}>
      <p>{question}</p>
      <button type="button" className="small-button danger" data-testid={`${testId}-yes`} disabled={busy} autoFocus onClick={() => { setStep('new'); onYes(); }}>{yes}</button>
      <button type="button" className="small-button plain" data-testid={`${testId}-no`} onClick={keep}>{t`Keep it`}</button>
    </div>
  );
}
