import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { Redirect, Route, Router, Switch } from 'wouter';
import { keep, recall } from '@weir/client/browserStorage.ts';
import { Card, Page } from '@weir/kit/Layout.tsx';
import { ErrorState, Skeleton } from '@weir/kit/States.tsx';
import type { SignIn } from '../account/signIn';
import { apps, type Account, type App } from '../api';
import { AccountPage } from '../account/AccountPage';
import { AppRoutes } from './AppRoutes';
import { OperatorPage } from './lazyPages';
import { Loading } from './Loading';
import { Lost } from './Lost';
import { NewAppForm } from './NewAppDialog';
import { formerPath } from './sections';
import { Shell } from './Shell';
import type { Studio } from './Studio';

const APPS_MS = 30_000;

/** The signed-in studio: `/studio/account`, or `/studio/<app>/<page>/…`. */
export function StudioRoutes({ signIn, account }: { signIn: SignIn; account: Account }) {
  const known = useQueryClient();
  const { data, error, refetch } = useQuery({
    queryKey: ['apps', account.id],
    queryFn: async () => await apps.list(await signIn.token()),
    refetchInterval: APPS_MS,
  });
  if (data === undefined) {
    return <main className="mx-auto grid max-w-xl gap-4 p-8">{error === null ? <Skeleton rows={6} /> : <ErrorState error={error} onRetry={() => void refetch()} />}</main>;
  }
  const studio: Studio = {
    signIn, account,
    apps: data.filter(({ state }) => state !== 'deleting'),
    reload: async () => { await known.invalidateQueries({ queryKey: ['apps'] }); },
  };
  return (
    <Router base="/studio">
      <Switch>
        <Route path="/account/*?"><Shell studio={studio} appId={lastApp(studio.apps)?.id ?? null} nav><AccountPage studio={studio} /></Shell></Route>
        <Route path="/operator/*?"><Shell studio={studio} appId={lastApp(studio.apps)?.id ?? null} nav><Loading><OperatorPage studio={studio} /></Loading></Shell></Route>
        <Route path="/:app/*?">{({ app }) => <OneApp key={app} studio={studio} id={app} />}</Route>
        <Route><Start studio={studio} /></Route>
      </Switch>
    </Router>
  );
}

/** `/studio` itself: the app that was open last, the page of a former address, or the first app's creation. */
function Start({ studio }: { studio: Studio }) {
  const app = lastApp(studio.apps);
  if (app === undefined) return <Shell studio={studio} appId={null} nav={false}><FirstApp studio={studio} /></Shell>;
  return <Redirect to={`/${app.id}${formerPath(location.hash) ?? '/home'}`} replace />;
}

function lastApp(list: readonly App[]): App | undefined {
  return list.find(({ id }) => id === recall('app')) ?? list[0];
}

function OneApp({ studio, id }: { studio: Studio; id: string }) {
  const app = studio.apps.find((one) => one.id === id);
  useEffect(() => {
    if (app !== undefined) keep('app', app.id);
  }, [app]);
  const [seen, setSeen] = useState(app !== undefined);
  if (app !== undefined && !seen) setSeen(true);
  // One that was deleted or left while it was shown leads to the next one.
  if (app === undefined && seen) return <Redirect to="/" replace />;
  if (app === undefined) return <Shell studio={studio} appId={null} nav={false}><Lost /></Shell>;
  return <Shell studio={studio} appId={id} nav><AppRoutes key={id} studio={studio} app={app} /></Shell>;
}

function FirstApp({ studio }: { studio: Studio }) {
  const { t } = useLingui();
  useEffect(() => {
    document.title = `${t`Welcome`} – Weir`;
  }, [t]);
  return (
    <Page title={<Trans>Welcome</Trans>} lead={<Trans>Streams, chat, keys and your team belong to an app. Create one to begin.</Trans>}>
      <Card title={t`Create the first app`} className="max-w-xl"><NewAppForm studio={studio} onDone={() => undefined} /></Card>
    </Page>
  );
}
