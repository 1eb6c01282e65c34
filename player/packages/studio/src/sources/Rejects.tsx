import { useLingui } from '@lingui/react/macro';
import { useCallback, useState } from 'react';
import { secondText } from '@weir/client/format.ts';
import type { AskAsApp } from '../authorizedApi';
import { CodeBlock } from '../common/CodeBlock';
import { prettyJson } from '../json';
import { useAction } from '../common/useAction';
import { useQuery } from '../common/useQuery';
import { sources, type Reject } from './api';
import { takenText, type MappingDraft } from './draft';

const POLL_MS = 5_000;

interface Props {
  ask: AskAsApp;
  changes: boolean;
  id: string;
  /** Puts a body into the mapping's editor. */
  onTry: (sample: Pick<MappingDraft, 'sample' | 'query' | 'headers'>) => void;
}

/** Bodies that the mapping could not take. One that is taken leaves the list. */
export function Rejects({ ask, changes, id, onTry }: Props) {
  const { t } = useLingui();
  const [cursors, setCursors] = useState<readonly string[]>([]);
  const cursor = cursors.at(-1) ?? null;
  const { value: page, error, refresh } = useQuery(useCallback(() => ask(sources.rejects, id, cursor), [ask, id, cursor]), POLL_MS);
  const [taken, setTaken] = useState<string | null>(null);
  const next = page?.next_cursor ?? null;
  const replay = async (reject: string) => {
    setTaken(null);
    setTaken(takenText(await ask(sources.replay, id, reject)));
    await refresh();
  };
  return (
    <div className="box" data-testid="rejects">
      <h2>{t`Rejected`}</h2>
      {error !== null && <p className="error" role="alert">{error}</p>}
      {page?.data.length === 0 && <p className="soft">{t`The mapping has taken everything that came.`}</p>}
      <p role="status" className={taken === null ? 'only-heard' : undefined}>{taken ?? ''}</p>
      <ul className="rows">{page?.data.map((one) => <RejectRow key={one.id} reject={one} changes={changes} onReplay={() => replay(one.id)} onTry={onTry} />)}</ul>
      {(cursor !== null || next !== null) && (
        <div className="form-end">
          <button type="button" className="small-button plain" disabled={cursor === null} onClick={() => setCursors(cursors.slice(0, -1))}>{t`Newer`}</button>
          <button type="button" className="small-button plain" disabled={next === null} onClick={() => setCursors([...cursors, ...(next === null ? [] : [next])])}>{t`Older`}</button>
        </div>
      )}
    </div>
  );
}

function RejectRow({ reject, changes, onReplay, onTry }: { reject: Reject; changes: boolean; onReplay: () => Promise<void>; onTry: Props['onTry'] }) {
  const { t } = useLingui();
  const { at, times, body, query, headers, errors } = reject;
  const [open, setOpen] = useState(false);
  const { busy, error, run } = useAction();
  return (
    <li className="delivery" data-testid="reject" onKeyDown={(event) => { if (event.key === 'Escape') setOpen(false); }}>
      <button type="button" className="delivery-head" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span className="delivery-type">{errors[0]?.detail ?? t`It could not be taken.`}</span>
        <span className="soft delivery-facts">{secondText(at)}{times > 1 && ` · ${t`tried ${times} times`}`}</span>
      </button>
      {open && (
        <div className="delivery-body">
          <ul className="steps">{errors.map(({ field, detail }) => <li key={`${field} ${detail}`}><code className="anywhere">{field}</code> {detail}</li>)}</ul>
          <CodeBlock label={t`Body`} text={prettyJson(body)} testId="reject-body" />
          {Object.keys(query).length > 0 && <CodeBlock label={t`Query`} text={JSON.stringify(query, null, 2)} />}
          <div className="form-end">
            {changes && <button type="button" className="small-button plain" data-testid="replay-reject" aria-disabled={busy} onClick={() => { if (!busy) run(onReplay); }}>{t`Take it now`}</button>}
            <button type="button" className="small-button plain" data-testid="try-reject" onClick={() => onTry({ sample: prettyJson(body), query, headers })}>{t`Try the mapping on it`}</button>
            {error !== null && <span className="error" role="alert">{error}</span>}
          </div>
        </div>
      )}
    </li>
  );
}
