import { Trans, useLingui } from '@lingui/react/macro';
import { useEffect } from 'react';
import { Route, Switch } from 'wouter';
import { Page } from '@weir/kit/Layout.tsx';
import { INSTALLATION_ACTIONS } from '../log/actions';
import { AuditList } from '../log/AuditList';
import { Lost } from '../shell/Lost';
import type { Studio } from '../shell/Studio';
import { Tabs } from '../shell/Tabs';
import { operator } from './api';
import { AppList } from './AppList';
import { SystemHealth } from './SystemHealth';

/** The whole installation, for the account that owns it. Others don't learn that this page exists. */
export function OperatorPage({ studio }: { studio: Studio }) {
  const { t } = useLingui();
  useEffect(() => {
    document.title = `${t`Operator`} – Weir`;
  }, [t]);
  if (!studio.account.operator) return <Lost />;
  return (
    <Page title={<Trans>Operator</Trans>} lead={<Trans>All apps of this installation, whether it works, and who signed in.</Trans>}>
      <Tabs label={t`Operator`} tabs={[['/operator', t`Apps`], ['/operator/health', t`System health`], ['/operator/audit', t`Audit log`]]} />
      <Switch>
        <Route path="/operator"><AppList studio={studio} /></Route>
        <Route path="/operator/health"><SystemHealth /></Route>
        <Route path="/operator/audit"><InstallationLog studio={studio} /></Route>
        <Route><Lost /></Route>
      </Switch>
    </Page>
  );
}

function InstallationLog({ studio: { signIn, account } }: { studio: Studio }) {
  return (
    <AuditList
      queryKey={['operator', account.id, 'audit']} actions={INSTALLATION_ACTIONS} actors={[{ id: account.id, name: account.name || account.email }]}
      read={async (filter, cursor) => await operator.audit(await signIn.token(), filter, cursor)}
      csv={async (filter) => await operator.auditCsv(await signIn.token(), filter)}
    />
  );
}
