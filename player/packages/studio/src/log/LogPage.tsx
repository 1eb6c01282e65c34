import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { Page } from '@weir/kit/Layout.tsx';
import { apps, keys, team } from '../api';
import { useApp } from '../shell/AppContext';
import { usePageTitle } from '../shell/title';
import { ACTIONS } from './actions';
import { AuditList, type Named } from './AuditList';

/** Who changed what in this app, newest first. */
export function LogPage() {
  const { t } = useLingui();
  usePageTitle(t`Audit log`);
  const { app, ask } = useApp();
  const { data: actors = [] } = useQuery({
    queryKey: [app.id, 'actors'],
    queryFn: async (): Promise<Named[]> => {
      const [members, held] = await Promise.all([ask(team.members), ask(keys.list)]);
      return [...members.map(({ account, name, email }) => ({ id: account, name: name || (email ?? account) })), ...held.map(({ id, name }) => ({ id, name: name || id }))];
    },
  });
  return (
    <Page title={<Trans>Audit log</Trans>} lead={<Trans>Every change, by whom and from where.</Trans>}>
      <AuditList queryKey={[app.id, 'audit']} read={(filter, cursor) => ask(apps.audit, filter, cursor)} csv={(filter) => ask(apps.auditCsv, filter)} actions={ACTIONS} actors={actors} pageOf={pageOf} />
    </Page>
  );
}

const PAGES: Record<string, string> = { str: '/streams', chn: '/channels', plc: '/places', whk: '/webhooks', src: '/sources', int: '/integrations', key: '/keys', prf: '/profiles', acc: '/team', inv: '/team', app: '/settings' };
const LISTS: ReadonlySet<string> = new Set(['key', 'prf', 'acc', 'inv', 'app']);

/** The page of what an entry is about, by the prefix of its id. */
function pageOf(target: string): string | null {
  const prefix = target.split('_', 1)[0] ?? '';
  const section = PAGES[prefix];
  if (section === undefined || !target.includes('_')) return null;
  // A space is named by its place and its number: `plc_….7`.
  return LISTS.has(prefix) ? section : `${section}/${target.split('.', 1)[0] ?? target}`;
}
