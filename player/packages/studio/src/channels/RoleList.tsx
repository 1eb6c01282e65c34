import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { Users } from 'lucide-react';
import { DataTable, type Column } from '@weir/kit/DataTable.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { useApp } from '../shell/AppContext';
import { channelApi, type Standing } from './api';

/** Who has a role in this channel beyond what their token says. */
export function RoleList({ channel }: { channel: string }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const { data, error, refetch } = useQuery({ queryKey: [app.id, 'standing', channel], queryFn: () => askAs(channelApi.members, channel), refetchInterval: 10_000 });
  if (data === undefined) return error === null ? <Skeleton /> : <ErrorState error={error} onRetry={() => void refetch()} />;
  const rows = data.filter(({ role }) => role !== null);
  if (rows.length === 0) return <EmptyState icon={Users} title={<Trans>Nobody has a role here</Trans>}><Trans>Owners and moderators give roles in the chat, e.g. /mod Ada, /vip Ben. Your servers give them by user tokens.</Trans></EmptyState>;
  const columns: readonly Column<Standing>[] = [
    { id: 'name', title: t`Person`, sortBy: ({ name }) => name, cell: ({ id, name }) => <span className="grid"><bdi className="font-semibold [overflow-wrap:anywhere]">{name || id}</bdi><code className="text-[12px] text-soft [overflow-wrap:anywhere]">{id}</code></span> },
    { id: 'role', title: t`Role`, sortBy: ({ role }) => role ?? '', cell: ({ role }) => role },
  ];
  return <DataTable label={t`Roles`} rows={rows} columns={columns} rowId={({ id }) => id} />;
}
