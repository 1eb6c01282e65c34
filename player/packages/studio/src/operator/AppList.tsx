import { Trans, useLingui } from '@lingui/react/macro';
import { keepPreviousData, useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { AppWindow } from 'lucide-react';
import { useDeferredValue, useState } from 'react';
import { momentText } from '@weir/client/format.ts';
import { Badge } from '@weir/kit/Badge.tsx';
import { Button } from '@weir/kit/Button.tsx';
import { DataTable, type Column } from '@weir/kit/DataTable.tsx';
import { ConfirmDialog, Dialog } from '@weir/kit/Dialog.tsx';
import { FilterSelect, ListBar, MoreButton } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { Ago } from '@weir/kit/Time.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import type { Studio } from '../shell/Studio';
import { operator, type OperatorApp } from './api';
import { PlanForm } from './PlanForm';
import { APP_STATES, PLAN_WORDS } from './words';

const POLL_MS = 30_000;

/** All apps of the installation, newest first; each can be suspended, resumed and re-planned. */
export function AppList({ studio }: { studio: Studio }) {
  const { t, i18n } = useLingui();
  const [text, setText] = useState('');
  const [state, setState] = useState('');
  const q = useDeferredValue(text.trim());
  const { data, error, refetch, fetchNextPage, hasNextPage, isFetchingNextPage } = useInfiniteQuery({
    queryKey: ['operator', studio.account.id, 'apps', q, state],
    queryFn: async ({ pageParam }) => await operator.apps(await studio.signIn.token(), { q, state, cursor: pageParam }),
    initialPageParam: '',
    getNextPageParam: ({ next_cursor }) => next_cursor ?? undefined,
    refetchInterval: POLL_MS,
    placeholderData: keepPreviousData,
  });
  const rows = data?.pages.flatMap((page) => page.data);
  const states = Object.entries(APP_STATES).map(([one, { words }]) => [one, i18n._(words)] as const);
  return (
    <>
      <ListBar label={t`Search apps by name or id`} value={text} onChange={setText}>
        <FilterSelect label={t`State`} value={state} onChange={setState} options={[['', t`All states`], ...states]} />
      </ListBar>
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      {rows === undefined ? error === null && <Skeleton rows={5} /> : rows.length > 0 ? <AppTable studio={studio} rows={rows} />
        : <EmptyState icon={AppWindow} title={q === '' && state === '' ? <Trans>No apps yet</Trans> : <Trans>No app fits that search</Trans>}><Trans>Every app of this installation stands here, also those of other accounts.</Trans></EmptyState>}
      {hasNextPage && <MoreButton busy={isFetchingNextPage} onClick={() => void fetchNextPage()} />}
    </>
  );
}

function AppTable({ studio, rows }: { studio: Studio; rows: readonly OperatorApp[] }) {
  const { t } = useLingui();
  const [planning, setPlanning] = useState<OperatorApp | null>(null);
  const [switching, setSwitching] = useState<OperatorApp | null>(null);
  const columns: readonly Column<OperatorApp>[] = [
    { id: 'name', title: t`App`, sortBy: ({ name }) => name.toLowerCase(), cell: ({ id, name, state }) => <span className="grid"><bdi className="line-clamp-2 font-semibold [overflow-wrap:anywhere]" title={name}>{name}</bdi><code className="text-[12px] text-soft [overflow-wrap:anywhere]">{id}</code><span className="mt-1 md:hidden"><StateBadge state={state} /></span></span> },
    { id: 'state', title: t`State`, wide: true, sortBy: ({ state }) => state, cell: ({ state }) => <StateBadge state={state} /> },
    { id: 'plan', title: t`Plan`, wide: true, sortBy: ({ plan }) => plan ?? '', cell: (app) => <PlanCell app={app} /> },
    { id: 'created', title: t`Created`, wide: true, sortBy: ({ created }) => created, cell: ({ created }) => <Ago value={created} /> },
    { id: 'deeds', title: '', figure: true, cell: (app) => app.state !== 'deleting' && (
      <span className="flex flex-wrap justify-end gap-1.5">
        <Button size="small" data-testid="replan" onClick={() => setPlanning(app)}>{t`Plan`}</Button>
        {app.state === 'suspended'
          ? <Button size="small" data-testid="resume" onClick={() => setSwitching(app)}>{t`Resume`}</Button>
          : <Button size="small" look="danger" data-testid="suspend" onClick={() => setSwitching(app)}>{t`Suspend`}</Button>}
      </span>
    ) },
  ];
  return (
    <>
      <DataTable label={t`Apps`} rows={rows} columns={columns} rowId={({ id }) => id} testId="operator-app" />
      <Dialog open={planning !== null} onClose={() => setPlanning(null)} title={t`Plan of “${planning?.name ?? ''}”`} lead={t`It counts within a few seconds.`}>
        {planning !== null && <PlanForm key={planning.id} studio={studio} app={planning} onDone={() => setPlanning(null)} />}
      </Dialog>
      <SwitchDialog studio={studio} app={switching} onClose={() => setSwitching(null)} />
    </>
  );
}

function StateBadge({ state }: { state: OperatorApp['state'] }) {
  const { i18n } = useLingui();
  return <Badge tone={APP_STATES[state].tone}>{i18n._(APP_STATES[state].words)}</Badge>;
}

function PlanCell({ app: { plan, trial } }: { app: OperatorApp }) {
  const { t, i18n } = useLingui();
  const words = (name: string | null) => (name === null ? t`No plan` : PLAN_WORDS[name] === undefined ? name : i18n._(PLAN_WORDS[name]));
  return <span className="grid">{words(plan)}{trial !== null && <small className="text-soft">{t`${words(trial.plan)} on trial until ${momentText(trial.until)}`}</small>}</span>;
}

/** Suspends an app, or ends that. */
function SwitchDialog({ studio, app, onClose }: { studio: Studio; app: OperatorApp | null; onClose: () => void }) {
  const { t } = useLingui();
  const known = useQueryClient();
  const say = useToast();
  const name = app?.name ?? '';
  const suspended = app?.state === 'suspended';
  return (
    <ConfirmDialog open={app !== null} onClose={onClose} title={suspended ? t`Resume “${name}”?` : t`Suspend “${name}”?`} action={suspended ? t`Resume` : t`Suspend`}
      onConfirm={async () => {
        if (app === null) return;
        await operator.change(await studio.signIn.token(), app.id, { state: suspended ? 'active' : 'suspended' });
        await known.invalidateQueries({ queryKey: ['operator'] });
        await studio.reload();
        say.done(suspended ? t`“${name}” works again.` : t`“${name}” is suspended.`);
      }}>
      {suspended ? <Trans>Its keys, its studio and its watch pages work again at once.</Trans> : <Trans>Its broadcasts end, its keys are refused and its watch pages are closed. Nothing is deleted, and only an operator can resume it.</Trans>}
    </ConfirmDialog>
  );
}
