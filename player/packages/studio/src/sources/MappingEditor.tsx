import { useLingui } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { wordsOf } from '@weir/client/http.ts';
import type { AskAsApp } from '../authorizedApi';
import { CodeBlock } from '../common/CodeBlock';
import { TextArea } from '../common/fields';
import { sources, type MappingPreview } from './api';
import { previewWish, type MappingDraft } from './draft';

const PAUSE_MS = 1_000; // the server allows 60 a minute

interface Props {
  ask: AskAsApp;
  kind: string;
  draft: MappingDraft;
  onChange: (draft: MappingDraft) => void;
}

/** A mapping and a sample, and what the one makes of the other, asked for when the typing pauses. */
export function MappingEditor({ ask, kind, draft, onChange }: Props) {
  const { t } = useLingui();
  const result = usePreview(ask, kind, draft);
  const area = { className: 'mono', rows: 14, spellCheck: false, wrap: 'off' } as const;
  return (
    <div className="mapping">
      <TextArea label={t`Mapping`} name="mapping" {...area} hint={t`JSON. Expressions are CEL over body, query and headers.`} value={draft.mapping} onChange={(mapping) => onChange({ ...draft, mapping })} />
      <TextArea label={t`Sample`} name="sample" {...area} hint={t`A body as the partner sends it.`} value={draft.sample} onChange={(sample) => onChange({ ...draft, sample })} />
      <div className="mapping-result" role="status" data-testid="mapping-result"><Result result={result} /></div>
    </div>
  );
}

type Outcome = { asked: string } & ({ preview: MappingPreview } | { error: string });
type Shown = { mistake: string } | { waiting: true } | { preview: MappingPreview } | { error: string };

function usePreview(ask: AskAsApp, kind: string, draft: MappingDraft): Shown {
  const wish = previewWish(kind, draft);
  const asked = JSON.stringify(wish);
  const [outcome, setOutcome] = useState<Outcome | null>(null);
  useEffect(() => {
    const known = JSON.parse(asked) as ReturnType<typeof previewWish>;
    if ('mistake' in known) return;
    let current = true;
    const timer = setTimeout(() => {
      ask(sources.preview, known).then(
        (preview) => { if (current) setOutcome({ asked, preview }); },
        (problem: unknown) => { if (current) setOutcome({ asked, error: wordsOf(problem) }); },
      );
    }, PAUSE_MS);
    return () => {
      current = false;
      clearTimeout(timer);
    };
  }, [ask, asked]);
  if ('mistake' in wish) return wish;
  return outcome?.asked === asked ? outcome : { waiting: true };
}

function Result({ result }: { result: Shown }) {
  const { t } = useLingui();
  if ('mistake' in result) return <p className="error">{result.mistake}</p>;
  if ('waiting' in result) return <p className="soft">{t`Trying the mapping …`}</p>;
  if ('error' in result) return <p className="error">{result.error}</p>;
  const { id, events, readings, errors } = result.preview;
  if (errors.length > 0) return <ul className="steps error">{errors.map(({ field, detail }) => <li key={`${field} ${detail}`}><code className="anywhere">{field}</code> {detail}</li>)}</ul>;
  return (
    <>
      <p className="soft">{events.length + readings.length === 0 ? t`The mapping takes this sample and makes nothing of it: no rule applies.` : t`The mapping takes this sample.`} {id === null ? t`It names no id: a repeat is known by the header webhook-id or by a signed time; without them each body is new.` : t`A repeat is known by the id ${id}.`}</p>
      {events.map(({ type, data }, index) => <CodeBlock key={`e${index}`} label={t`Event ${type}`} text={JSON.stringify(data, null, 2)} />)}
      {readings.map((reading, index) => <CodeBlock key={`r${index}`} label={t`Reading`} text={JSON.stringify(reading, null, 2)} />)}
    </>
  );
}
