import { useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { TextArea, TextField } from '../common/fields';
import { useAction } from '../common/useAction';
import type { EventKind, Webhook } from './api';
import { mistakeIn, usesMore, type Draft } from './draft';
import { EventPicker } from './EventPicker';
import { AuthFields, HeaderFields } from './AuthFields';
import { DispatchFields, PictureFields, SignatureFields } from './MoreFields';

export type Change = (part: Partial<Draft>) => void;

interface Props {
  start: Draft;
  kinds: readonly EventKind[];
  /** The endpoint that is edited; a new one has none. */
  before?: Webhook;
  save: string;
  /** Where “Cancel” leads. */
  cancel: string | (() => void);
  onSave: (draft: Draft) => Promise<void>;
}

export function WebhookForm({ start, kinds, before, save, cancel, onSave }: Props) {
  const { t } = useLingui();
  const [draft, setDraft] = useState(start);
  const [mistake, setMistake] = useState<string | null>(null);
  const { busy, error, run } = useAction();
  const change: Change = (part) => {
    setMistake(null);
    setDraft((now) => ({ ...now, ...part }));
  };
  const submit = () => {
    const wrong = mistakeIn(draft);
    setMistake(wrong);
    if (wrong === null) run(() => onSave(draft));
  };
  return (
    <form className="box" aria-label={t`Webhook`} onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <TextField label="URL" type="url" name="url" required maxLength={2048} spellCheck={false} placeholder="https://example.org/weir" hint={t`Your server’s address. Redirects are not followed.`} value={draft.url} onChange={(url) => change({ url })} />
      <TextField label={t`Description`} name="description" dir="auto" maxLength={500} hint={t`For you: what it is for.`} value={draft.description} onChange={(description) => change({ description })} />
      <EventPicker kinds={kinds} types={draft.types} onChange={(types) => change({ types })} />
      <details className="more" open={usesMore(start)}>
        <summary>{t`More: filters, authentication, headers, signature, speed, pictures`}</summary>
        <FilterFields draft={draft} onChange={change} />
        <AuthFields draft={draft} before={before} onChange={change} />
        <HeaderFields draft={draft} before={before} onChange={change} />
        <SignatureFields draft={draft} fixed={before !== undefined} onChange={change} />
        <DispatchFields draft={draft} onChange={change} />
        <PictureFields draft={draft} onChange={change} />
      </details>
      <div className="form-end">
        <button type="submit" className="small-button" data-testid="save-webhook" disabled={busy}>{save}</button>
        {typeof cancel === 'string' ? <a className="small-button plain" href={cancel}>{t`Cancel`}</a> : <button type="button" className="small-button plain" onClick={cancel}>{t`Cancel`}</button>}
        {(mistake ?? error) !== null && <span className="error" role="alert">{mistake ?? error}</span>}
      </div>
    </form>
  );
}

function FilterFields({ draft, onChange }: { draft: Draft; onChange: Change }) {
  const { t } = useLingui();
  const line = { rows: 2, className: 'mono', spellCheck: false } as const;
  return (
    <fieldset className="part">
      <legend>{t`Only events about …`}</legend>
      <div className="three">
        <TextArea label={t`Streams`} name="streams" placeholder="str_…" {...line} value={draft.streams} onChange={(streams) => onChange({ streams })} />
        <TextArea label={t`Channels`} name="channels" placeholder="chn_…" {...line} value={draft.channels} onChange={(channels) => onChange({ channels })} />
        <TextArea label={t`Places`} name="places" placeholder="plc_…" {...line} value={draft.places} onChange={(places) => onChange({ places })} />
      </div>
      <p className="soft">{t`Ids, one a line. Empty means all.`}</p>
      <TextField
        label={t`Filter (CEL)`} className="mono" name="filter" maxLength={500} spellCheck={false} placeholder={'data.available < 5 && type != "place.full"'} value={draft.filter} onChange={(filter) => onChange({ filter })}
        hint={t`An expression over type and data that must be true. An event without a field that it names is not sent.`}
      />
    </fieldset>
  );
}
