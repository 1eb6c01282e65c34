import { Check, Choice, TextField } from '../common/fields';
import type { Draft } from './draft';
import type { Change } from './WebhookForm';

interface Props {
  draft: Draft;
  onChange: Change;
}

const SIGNATURES: Record<Draft['signature'], string> = {
  hmac: 'HMAC-SHA256 with a shared secret (v1)',
  ed25519: 'Ed25519: you verify with a public key (v1a)',
};

/** `fixed`: an endpoint that exists keeps both. */
export function SignatureFields({ draft, fixed, onChange }: Props & { fixed: boolean }) {
  return (
    <fieldset className="part">
      <legend>Signature and encryption</legend>
      {fixed ? (
        <p className="soft">{SIGNATURES[draft.signature]}; bodies are {draft.encrypted ? 'encrypted with AES-256-GCM' : 'not encrypted'}. To change this, create another webhook.</p>
      ) : (
        <>
          <Choice label="Signature" name="signature" value={draft.signature} onChange={(signature) => onChange({ signature: signature as Draft['signature'] })}>
            {Object.entries(SIGNATURES).map(([kind, words]) => <option key={kind} value={kind}>{words}</option>)}
          </Choice>
          <Check name="encrypted" label="Encrypt the body (AES-256-GCM)" hint="The key is shown once, with the secret." checked={draft.encrypted} onChange={(encrypted) => onChange({ encrypted })} />
        </>
      )}
    </fieldset>
  );
}

export function DispatchFields({ draft, onChange }: Props) {
  return (
    <fieldset className="part">
      <legend>Speed and order</legend>
      <div className="three">
        <TextField label="Requests a second" type="number" name="rate" min={1} max={10_000} placeholder="No limit" value={draft.rate} onChange={(rate) => onChange({ rate })} />
        <TextField label="At the same time" type="number" name="concurrency" min={1} max={20} value={draft.concurrency} onChange={(concurrency) => onChange({ concurrency })} />
      </div>
      <Check name="ordered" label="In the order of events, one at a time" hint="An event that fails delays those after it." checked={draft.ordered} onChange={(ordered) => onChange({ ordered })} />
      <Check name="batched" label="Several events in one request" hint="As an event of the type webhook.batch." checked={draft.batched} onChange={(batched) => onChange({ batched })} />
      {draft.batched && (
        <div className="three">
          <TextField label="Events at most" type="number" name="batch-most" required min={2} max={500} value={draft.batchMost} onChange={(batchMost) => onChange({ batchMost })} />
          <TextField label="Wait for more (ms)" type="number" name="batch-wait" required min={100} max={60_000} value={draft.batchWait} onChange={(batchWait) => onChange({ batchWait })} />
        </div>
      )}
    </fieldset>
  );
}

export function PictureFields({ draft, onChange }: Props) {
  return (
    <fieldset className="part">
      <legend>Picture</legend>
      <Check name="pictured" label="Send the stream’s picture as JPEG" hint="With events of a stream that is on air, as multipart/form-data: json, image_type, image." checked={draft.pictured} onChange={(pictured) => onChange({ pictured })} />
      {draft.pictured && (
        <>
          <TextField label="Label (image_type)" name="image-type" required maxLength={64} pattern="[A-Za-z0-9 _.\-]+" value={draft.imageType} onChange={(imageType) => onChange({ imageType })} />
          <TextField label="Crop, in percent" name="crop" placeholder="0, 0, 50, 100" hint="Left, top, width, height. Empty sends the whole picture." value={draft.crop} onChange={(crop) => onChange({ crop })} />
        </>
      )}
    </fieldset>
  );
}
