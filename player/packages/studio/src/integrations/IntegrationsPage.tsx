import { plural } from '@lingui/core/macro';
import { useLingui } from '@lingui/react/macro';
import { useCallback } from 'react';
import { Link } from 'wouter';
import { countText, momentText } from '@weir/client/format.ts';
import '../connections.css';
import type { AskAsApp } from '../authorizedApi';
import { msText } from '../webhooks/health';
import { PageTitle } from '../common/PageTitle';
import { Pill } from '../common/Pill';
import { useItem } from '../shell/useItem';
import { useQuery } from '../common/useQuery';
import { integrations, type IntegrationHealth, type PartnerKind } from './api';
import { environmentWords, stateWords } from './draft';
import { IntegrationPanel } from './IntegrationPanel';
import { NewIntegrationForm } from './NewIntegrationForm';

const POLL_MS = 10_000;

interface Props {
  ask: AskAsApp;
  /** Whether the reader may change integrations. */
  changes: boolean;
}

/** Connections to partners: how each is, and what it is connected with. */
export function IntegrationsPage({ ask, changes }: Props) {
  const { t } = useLingui();
  const item = useItem();
  const { value: kinds, error } = useQuery(useCallback(() => ask(integrations.kinds), [ask]));
  const { value: board, error: unread, refresh } = useQuery(useCallback(() => ask(integrations.health), [ask]), POLL_MS);
  const trouble = error ?? unread;
  return (
    <section className="page" aria-label={t`Integrations`}>
      {trouble !== null && <p className="error" role="alert">{trouble}</p>}
      {item === '' && <Board board={board} kinds={kinds ?? []} changes={changes} loading={board === null && trouble === null} />}
      {item !== '' && <Item ask={ask} changes={changes} item={item} kinds={kinds} board={board} onChanged={refresh} />}
    </section>
  );
}

interface ItemProps extends Props {
  item: string;
  kinds: readonly PartnerKind[] | null;
  board: readonly IntegrationHealth[] | null;
  onChanged: () => Promise<void>;
}

function Item({ ask, changes, item, kinds, board, onChanged }: ItemProps) {
  const { t } = useLingui();
  if (item !== 'new') return <IntegrationPanel key={item} ask={ask} changes={changes} id={item} kinds={kinds ?? []} health={board?.find(({ id }) => id === item) ?? null} onChanged={onChanged} />;
  if (!changes || kinds === null) return null;
  return (
    <>
      <header className="page-head"><PageTitle section="integrations" back={t`Integrations`}>{t`New integration`}</PageTitle></header>
      <NewIntegrationForm ask={ask} kinds={kinds} onMade={onChanged} />
    </>
  );
}

function Board({ board, kinds, changes, loading }: { board: readonly IntegrationHealth[] | null; kinds: readonly PartnerKind[]; changes: boolean; loading: boolean }) {
  const { t } = useLingui();
  return (
    <>
      <header className="page-head with-deed">
        <div>
          <h1>{t`Integrations`}</h1>
          <p className="soft">{t`Systems of partners that your servers call through Weir.`} {!changes && t`Admins can add and change them.`}</p>
        </div>
        {changes && board !== null && board.length > 0 && <Link className="small-button" href="/integrations/new" data-testid="new-integration">{t`New integration`}</Link>}
      </header>
      {loading && <p className="soft" role="status">{t`Loading …`}</p>}
      {board !== null && board.length > 0 && (
        <ul className="rows">
          {board.map((one) => <BoardRow key={one.id} health={one} title={kinds.find(({ kind }) => kind === one.kind)?.title ?? one.kind} />)}
        </ul>
      )}
      {board?.length === 0 && (
        <div className="box teach" data-testid="no-integrations">
          <h2>{t`No integrations yet`}</h2>
          <p className="soft">{t`An integration stores a partner’s address and your credentials for it, sealed. Your servers call the partner through Weir, which repeats what may be repeated, stops calling a partner that fails, and counts every call. Begin with the partner’s sandbox, test it, and switch to production when it works.`}</p>
          {changes ? <Link className="small-button" href="/integrations/new" data-testid="new-integration">{t`Add the first integration`}</Link> : <p className="soft">{t`An admin of this app can add one.`}</p>}
        </div>
      )}
    </>
  );
}

function BoardRow({ health, title }: { health: IntegrationHealth; title: string }) {
  const { t } = useLingui();
  const { id, name, environment, last_success, last_error, last_error_at, calls, failures, mean_ms } = health;
  const state = stateWords(health);
  return (
    <li className="row of-two" data-testid="integration">
      <span className="row-main">
        <Link className="row-link" href={`/integrations/${id}`} dir="auto">{name}</Link>
        <span className="soft">{title} · {environmentWords(environment)}</span>
        {last_error !== null && last_error_at !== null && <span className="soft reason">{t`Last error, ${momentText(last_error_at)}`}: {last_error}</span>}
      </span>
      <span className="row-facts">
        <Pill tone={state.tone} words={state.words} />
        <span className="soft">{last_success === null ? t`No call has succeeded yet` : t`Succeeded ${momentText(last_success)}`}</span>
        {calls > 0 && <span className="soft">{plural(calls, { one: '# call', other: '# calls' })} · {t`${countText(failures)} failed · ${msText(mean_ms)} on average`}</span>}
      </span>
    </li>
  );
}
