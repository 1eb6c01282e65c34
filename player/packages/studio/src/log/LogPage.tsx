import { useCallback, useState } from 'react';
import { momentText } from '@weir/client/format.ts';
import { apps, team, type AuditEntry } from '../api';
import type { Ask } from '../authorizedApi';
import { useAction } from '../common/useAction';
import { useQuery } from '../common/useQuery';
import { actionText } from './actions';

/** Who changed what, newest first. */
export function LogPage({ ask }: { ask: Ask }) {
  const { value: first, error: unread } = useQuery(useCallback(() => ask(apps.audit, null), [ask]));
  const { value: members } = useQuery(useCallback(() => ask(team.members), [ask]));
  const [more, setMore] = useState<readonly AuditEntry[]>([]);
  const [next, setNext] = useState<string | null | undefined>(undefined);
  const { busy, error, run } = useAction();
  const cursor = next === undefined ? first?.next_cursor ?? null : next;
  const older = () => run(async () => {
    const page = await ask(apps.audit, cursor);
    setMore([...more, ...page.data]);
    setNext(page.next_cursor);
  });
  const nameOf = (actor: string) => members?.find(({ account }) => account === actor)?.email ?? actor;
  const entries = [...(first?.data ?? []), ...more];
  const trouble = error ?? unread;
  return (
    <section className="page" aria-label="Log">
      <header className="page-head with-deed">
        <div><h1>Log</h1><p className="soft">Every change, by whom and from where.</p></div>
        <button type="button" className="small-button plain" disabled={busy} onClick={() => run(() => ask(apps.auditCsv))}>Download CSV</button>
      </header>
      {trouble !== null && <p className="error" role="alert">{trouble}</p>}
      <ul className="rows">
        {entries.map(({ id, at, actor, address, action, target }) => (
          <li key={id} className="row of-two" data-testid="entry">
            <span className="row-main"><strong title={action}>{actionText(action)}</strong><span className="soft mono">{target}</span></span>
            <span className="row-facts soft">{momentText(at)}<br />{nameOf(actor)}{address !== '' && ` · ${address}`}</span>
          </li>
        ))}
      </ul>
      {first !== null && entries.length === 0 && <p className="soft">Nothing has been changed yet.</p>}
      {cursor !== null && <button type="button" className="small-button plain" disabled={busy} onClick={older}>Older</button>}
    </section>
  );
}
