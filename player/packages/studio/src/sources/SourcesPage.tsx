import { Trans, useLingui } from '@lingui/react/macro';
import { useCallback, useState } from 'react';
import { Link } from 'wouter';
import { countText, momentText } from '@weir/client/format.ts';
import '../connections.css';
import type { AskAsApp } from '../authorizedApi';
import { CopyField } from '@weir/kit/CopyField.tsx';
import { PageTitle } from '../common/PageTitle';
import { Pill } from '../common/Pill';
import { useItem } from '../shell/useItem';
import { useQuery } from '../common/useQuery';
import { sources, type Preset, type Source, type SourceShown } from './api';
import { DevicePool } from './DevicePool';
import { NewSourceForm } from './NewSourceForm';
import { SourcePanel } from './SourcePanel';

const POLL_MS = 10_000;
const STATS_MS = 10_000;

interface Props {
  ask: AskAsApp;
  /** Whether the reader may change sources. */
  changes: boolean;
}

/** Addresses to which partners and sensors send. */
export function SourcesPage({ ask, changes }: Props) {
  const { t } = useLingui();
  const item = useItem();
  const { value: presets, error } = useQuery(useCallback(() => ask(sources.presets), [ask]));
  const [made, setMade] = useState<SourceShown | null>(null);
  return (
    <section className="page" aria-label={t`Sources`}>
      {error !== null && <p className="error" role="alert">{error}</p>}
      {item === '' && <SourceList ask={ask} changes={changes} presets={presets ?? []} />}
      {item === 'new' && changes && presets !== null && (
        <>
          <header className="page-head"><PageTitle section="sources" back={t`Sources`}>{t`New source`}</PageTitle></header>
          <NewSourceForm ask={ask} presets={presets} onMade={setMade} />
        </>
      )}
      {item !== '' && item !== 'new' && presets !== null && <SourcePanel key={item} ask={ask} changes={changes} id={item} presets={presets} made={made?.id === item ? made : null} onCopied={() => setMade(null)} />}
    </section>
  );
}

function SourceList({ ask, changes, presets }: Props & { presets: readonly Preset[] }) {
  const { t } = useLingui();
  const { value: list, error } = useQuery(useCallback(() => ask(sources.list), [ask]), POLL_MS);
  return (
    <>
      <header className="page-head with-deed">
        <div>
          <h1>{t`Sources`}</h1>
          <p className="soft">{t`What partners and sensors send to this app becomes events and states of places.`} {!changes && t`Admins can add and change sources.`}</p>
        </div>
        {changes && list !== null && list.length > 0 && <Link className="small-button" href="/sources/new" data-testid="new-source">{t`New source`}</Link>}
      </header>
      {error !== null && <p className="error" role="alert">{error}</p>}
      {list === null && error === null && <p className="soft" role="status">{t`Loading …`}</p>}
      <ul className="rows">{list?.map((one) => <SourceRow key={one.id} ask={ask} source={one} title={presets.find(({ kind }) => kind === one.kind)?.title ?? t`Own mapping`} />)}</ul>
      {list?.length === 0 && <Nothing changes={changes} presets={presets.length} />}
      <DevicePool ask={ask} sources={list ?? []} />
    </>
  );
}

/** What a source is, for who has none. */
function Nothing({ changes, presets }: { changes: boolean; presets: number }) {
  const { t } = useLingui();
  return (
    <div className="box teach" data-testid="no-sources">
      <h2>{t`No sources yet`}</h2>
      <p className="soft"><Trans>A source is an address that a partner or a gateway of sensors calls. Weir checks the signature, and a mapping makes events (<code>{t`partner.…`}</code>) and readings of sensors from each body. Ready mappings exist for {presets} vendors; for any other you write one and see at once what it makes of a sample. What a mapping cannot take is kept, so that you can correct it and take the body then.</Trans></p>
      {changes ? <Link className="small-button" href="/sources/new" data-testid="new-source">{t`Add the first source`}</Link> : <p className="soft">{t`An admin of this app can add one.`}</p>}
    </div>
  );
}

function SourceRow({ ask, source, title }: { ask: AskAsApp; source: Source; title: string }) {
  const { t } = useLingui();
  const { value: stats, error } = useQuery(useCallback(() => ask(sources.stats, source.id), [ask, source.id]), STATS_MS);
  return (
    <li className="row of-two with-address" data-testid="source">
      <span className="row-main">
        <Link className="row-link" href={`/sources/${source.id}`} dir="auto">{source.name}</Link>
        <span className="soft">{title}</span>
      </span>
      <span className="row-facts">
        {!source.enabled && <Pill tone="off" words={t`Disabled`} />}
        {error !== null && <span className="error">{error}</span>}
        {stats !== null && (
          <>
            <span data-testid="source-counts">{t`In 24 h: ${countText(stats.received)} received · ${countText(stats.repeated)} repeated`} · <Alarming count={stats.rejected} words={t`${countText(stats.rejected)} rejected`} /> · <Alarming count={stats.refused} words={t`${countText(stats.refused)} refused`} /></span>
            <span className="soft">{stats.last_received === null ? t`Nothing received in 7 days` : t`Received ${momentText(stats.last_received)}`}</span>
          </>
        )}
      </span>
      <div className="row-address"><CopyField label={t`Address of ${source.name}`} value={source.url} testId="source-url" /></div>
    </li>
  );
}

function Alarming({ count, words }: { count: number; words: string }) {
  return <span className={count > 0 ? 'error' : undefined}>{words}</span>;
}
