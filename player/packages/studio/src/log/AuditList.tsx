import { Trans, useLingui } from '@lingui/react/macro';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { Download, ScrollText } from 'lucide-react';
import { useState, type ReactNode } from 'react';
import { Link } from 'wouter';
import { Button } from '@weir/kit/Button.tsx';
import { FilterSelect, MoreButton } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Moment } from '@weir/kit/Time.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import type { AuditEntry, Page } from '../api';
import { actionText, type ActionTable } from './actions';
import { EVERYTHING, type AuditFilter } from './filter';

export interface Named {
  id: string;
  name: string;
}

interface Props {
  /** Tells logs apart in the memory of what was read. */
  queryKey: readonly unknown[];
  read: (filter: AuditFilter, cursor: string) => Promise<Page<AuditEntry>>;
  csv: (filter: AuditFilter) => Promise<void>;
  actions: ActionTable;
  /** Those who may have done something, by name. */
  actors: readonly Named[];
  /** Where a target has a page. */
  pageOf?: ((target: string) => string | null) | undefined;
}

/** Who changed what, newest first, with filters and the same as a file. */
export function AuditList({ queryKey, read, csv, actions, actors, pageOf }: Props) {
  const { t } = useLingui();
  const [filter, setFilter] = useState(EVERYTHING);
  const say = useToast();
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: [...queryKey, filter],
    queryFn: ({ pageParam }) => read(filter, pageParam),
    initialPageParam: '',
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    placeholderData: keepPreviousData,
  });
  const entries = data?.pages.flatMap((page) => page.data);
  return (
    <>
      <Filters filter={filter} actions={actions} actors={actors} onChange={setFilter}>
        <Button icon={Download} data-testid="log-csv" onClick={() => { csv(filter).catch(say.failed); }}>{t`Download CSV`}</Button>
      </Filters>
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      {entries === undefined ? error === null && <Skeleton rows={6} /> : entries.length === 0
        ? <EmptyState icon={ScrollText} title={filter === EVERYTHING ? <Trans>Nothing has been changed yet</Trans> : <Trans>Nothing fits these filters</Trans>} />
        : <ul className="grid divide-y divide-line rounded-card border border-line bg-surface">{entries.map((entry) => <Row key={entry.id} entry={entry} actions={actions} actors={actors} page={pageOf?.(entry.target) ?? null} />)}</ul>}
      {hasNextPage && <MoreButton busy={isFetchingNextPage} onClick={() => void fetchNextPage()} />}
    </>
  );
}

function Filters({ filter, actions, actors, onChange, children }: { filter: AuditFilter; actions: ActionTable; actors: readonly Named[]; onChange: (filter: AuditFilter) => void; children: ReactNode }) {
  const { t, i18n } = useLingui();
  const words = Object.entries(actions).map(([action, about]) => [action, i18n._(about)] as const);
  return (
    <div className="flex flex-wrap items-end gap-2" role="search">
      <FilterSelect label={t`Action`} value={filter.action} onChange={(action) => onChange({ ...filter, action })} options={[['', t`All actions`], ...words.sort(([, one], [, other]) => one.localeCompare(other))]} />
      {actors.length > 0 && <FilterSelect label={t`By whom`} value={filter.actor} onChange={(actor) => onChange({ ...filter, actor })} options={[['', t`By anybody`], ...actors.map(({ id, name }) => [id, name] as const)]} />}
      <Day label={t`From`} name="since" value={filter.since} onChange={(since) => onChange({ ...filter, since })} />
      <Day label={t`Until`} name="until" value={filter.until} onChange={(until) => onChange({ ...filter, until })} />
      <span className="flex-1" />
      {children}
    </div>
  );
}

function Day({ label, name, value, onChange }: { label: string; name: string; value: string; onChange: (day: string) => void }) {
  return (
    <label className="flex items-center gap-2 text-sm text-soft">
      {label}
      <input type="date" name={name} className="entry w-auto!" value={value} onChange={({ target }) => onChange(target.value)} />
    </label>
  );
}

function Row({ entry: { at, actor, address, action, target }, actions, actors, page }: { entry: AuditEntry; actions: ActionTable; actors: readonly Named[]; page: string | null }) {
  const name = actors.find(({ id }) => id === actor)?.name ?? actor;
  return (
    <li className="flex flex-wrap items-center justify-between gap-x-6 gap-y-1 px-4 py-2.5" data-testid="entry">
      <div className="grid min-w-0 flex-1 basis-64">
        <strong title={action}>{actionText(action, actions)}</strong>
        {page === null ? <code className="text-[13px] text-soft [overflow-wrap:anywhere]">{target}</code> : <Link href={page} className="w-fit font-mono text-[13px] [overflow-wrap:anywhere]">{target}</Link>}
      </div>
      <div className="grid min-w-0 text-sm sm:text-end">
        <bdi className="[overflow-wrap:anywhere]" title={actor}>{name}</bdi>
        <span className="text-soft"><Moment value={at} />{address !== '' && <> · <bdi>{address}</bdi></>}</span>
      </div>
    </li>
  );
}
