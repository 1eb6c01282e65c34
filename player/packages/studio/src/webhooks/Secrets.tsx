import { useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { durationText, momentText } from '@weir/client/format.ts';
import type { AskAsApp } from '../authorizedApi';
import { CopyField } from '@weir/kit/CopyField.tsx';
import { Sure } from '../common/ConfirmButton';
import { Choice } from '../common/fields';
import { useAction } from '../common/useAction';
import { webhooks, type NewSecret, type NewWebhook, type Webhook } from './api';

/** The only moment in which the secrets can be read. */
export function FreshSecrets({ made, onCopied }: { made: NewWebhook; onCopied: () => void }) {
  const { t } = useLingui();
  return (
    <div className="box fresh" role="status" data-testid="fresh-webhook">
      <h2>{t`The webhook is ready`}</h2>
      <p className="soft">{made.encryption_key === null ? t`Copy what is secret now: it cannot be shown again. Your receiver needs it to check signatures.` : t`Copy what is secret now: it cannot be shown again. Your receiver needs it to check signatures and to decrypt bodies.`}</p>
      {made.secret !== null && <CopyField label={t`Signing secret`} value={made.secret} secret testId="webhook-secret" />}
      {made.public_key !== null && <CopyField label={t`Public key (not secret)`} value={made.public_key} testId="webhook-public-key" />}
      {made.encryption_key !== null && <CopyField label={t`Encryption key ${made.kid ?? ''}`} value={made.encryption_key} secret testId="encryption-key" />}
      <button type="button" className="small-button" data-testid="secrets-copied" onClick={onCopied}>{t`I have copied them`}</button>
    </div>
  );
}

const OVERLAPS_S = [86_400, 3_600, 7 * 86_400, 0];

interface Props {
  ask: AskAsApp;
  hook: Webhook;
  onChanged: () => Promise<void>;
}

export function SecretBox({ ask, hook, onChanged }: Props) {
  const { t } = useLingui();
  const { busy, error, run } = useAction();
  const [overlap, setOverlap] = useState('86400');
  const [fresh, setFresh] = useState<NewSecret | null>(null);
  const rotate = () => run(async () => {
    setFresh(await ask(webhooks.rotate, hook.id, Number(overlap)));
    await onChanged();
  });
  return (
    <div className={`box${fresh === null ? '' : ' fresh'}`}>
      <h2>{t`Signing secret`}</h2>
      {fresh === null ? (
        <>
          <p className="soft">{t`It is not shown again. If it may be known to others, replace it; requests can carry both signatures while you change your receiver.`}</p>
          {hook.public_key !== null && <CopyField label={t`Public key (not secret)`} value={hook.public_key} testId="webhook-public-key" />}
          <div className="end-row">
            <Choice label={t`The old one is used for another`} name="overlap" value={overlap} onChange={setOverlap}>
              {OVERLAPS_S.map((seconds) => <option key={seconds} value={seconds}>{seconds === 0 ? t`no time: it ends now` : durationText(seconds)}</option>)}
            </Choice>
            <Sure
              label={t`Replace the secret`} testId="rotate" plain busy={busy} yes={t`Replace it`} onYes={rotate}
              question={overlap === '0' ? t`Receivers that know only the old secret refuse requests from now on.` : t`A new secret is made and shown once. An older one, if it still signs, ends now.`}
            />
          </div>
        </>
      ) : (
        <div role="status" className="form">
          <p>{t`The old secret signs too until ${momentText(fresh.old_until)}. Copy the new one now: it cannot be shown again.`}</p>
          {fresh.secret !== null && <CopyField label={t`New signing secret`} value={fresh.secret} secret testId="new-secret" />}
          {fresh.public_key !== null && <CopyField label={t`New public key`} value={fresh.public_key} testId="new-public-key" />}
          <button type="button" className="small-button start" onClick={() => setFresh(null)}>{t`I have copied it`}</button>
        </div>
      )}
      {error !== null && <p className="error" role="alert">{error}</p>}
    </div>
  );
}
