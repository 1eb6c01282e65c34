import { msg } from '@lingui/core/macro';
import type { MessageDescriptor } from '@lingui/core';
import { useLingui } from '@lingui/react/macro';
import { Check, Choice, TextField } from '../common/fields';
import type { Draft } from './draft';
import type { Change } from './WebhookForm';

interface Props {
  draft: Draft;
  onChange: Change;
}

const SIGNATURES: Record<Draft['signature'], MessageDescriptor> = {
  hmac: msg`HMAC-SHA256 with a shared secret (v1)`,
  ed25519: msg`Ed25519: you verify with a public key (v1a)`,
};

/** `fixed`: an endpoint that exists keeps both. */
export function SignatureFields({ draft, fixed, onChange }: Props & { fixed: boolean }) {
  const { t, i18n } = useLingui();
  return (
    <fieldset className="part">
      <legend>{t`Signature and encryption`}</legend>
      {fixed ? (
        <p className="soft">{[i18n._(SIGNATURES[draft.signature]), draft.encrypted ? t`bodies are encrypted with AES-256-GCM` : t`bodies are not encrypted`].join('; ')}. {t`To change this, create another webhook.`}</p>
      ) : (
        <>
          <Choice label={t`Signature`} name="signature" value={draft.signature} onChange={(signature) => onChange({ signature: signature as Draft['signature'] })}>
            {Object.entries(SIGNATURES).map(([kind, words]) => <option key={kind} value={kind}>{i18n._(words)}</option>)}
          </Choice>
          <Check name="encrypted" label={t`Encrypt the body (AES-256-GCM)`} hint={t`The key is shown once, with the secret.`} checked={draft.encrypted} onChange={(encrypted) => onChange({ encrypted })} />
        </>
      )}
    </fieldset>
  );
}

export function DispatchFields({ draft, onChange }: Props) {
  const { t } = useLingui();
  return (
    <fieldset className="part">
      <legend>{t`Speed and order`}</legend>
      <div className="three">
        <TextField label={t`Requests a second`} type="number" name="rate" min={1} max={10_000} placeholder={t`No limit`} value={draft.rate} onChange={(rate) => onChange({ rate })} />
        <TextField label={t`At the same time`} type="number" name="concurrency" min={1} max={20} value={draft.concurrency} onChange={(concurrency) => onChange({ concurrency })} />
      </div>
      <Check name="ordered" label={t`In the order of events, one at a time`} hint={t`An event that fails delays those after it.`} checked={draft.ordered} onChange={(ordered) => onChange({ ordered })} />
      <Check name="batched" label={t`Several events in one request`} hint={t`As an event of the type webhook.batch.`} checked={draft.batched} onChange={(batched) => onChange({ batched })} />
      {draft.batched && (
        <div className="three">
          <TextField label={t`Events at most`} type="number" name="batch-most" required min={2} max={500} value={draft.batchMost} onChange={(batchMost) => onChange({ batchMost })} />
          <TextField label={t`Wait for more (ms)`} type="number" name="batch-wait" required min={100} max={60_000} value={draft.batchWait} onChange={(batchWait) => onChange({ batchWait })} />
        </div>
      )}
    </fieldset>
  );
}

export function PictureFields({ draft, onChange }: Props) {
  const { t } = useLingui();
  return (
    <fieldset className="part">
      <legend>{t`Picture`}</legend>
      <Check name="pictured" label={t`Send the stream’s picture as JPEG`} hint={t`With events of a stream that is on air, as multipart/form-data: json, image_type, image.`} checked={draft.pictured} onChange={(pictured) => onChange({ pictured })} />
      {draft.pictured && (
        <>
          <TextField label={t`Label (image_type)`} name="image-type" required maxLength={64} pattern="[A-Za-z0-9 _.\-]+" value={draft.imageType} onChange={(imageType) => onChange({ imageType })} />
          <TextField label={t`Crop, in percent`} name="crop" placeholder="0, 0, 50, 100" hint={t`Left, top, width, height. Empty sends the whole picture.`} value={draft.crop} onChange={(crop) => onChange({ crop })} />
        </>
      )}
    </fieldset>
  );
}
