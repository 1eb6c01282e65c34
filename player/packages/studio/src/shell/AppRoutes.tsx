import { useEffect, useMemo, type ReactNode } from 'react';
import { Redirect, Route, Switch, useLocation } from 'wouter';
import type { App, Role } from '../api';
import { HomePage } from '../home/HomePage';
import { ChannelPage, ChannelsPage, EventsPage, IntegrationsPage, KeysPage, LogPage, NewStreamPage, PlacePage, PlacesPage, ProfilesPage, RecordingsPage, SettingsPage, SourcesPage, StreamPage, StreamsPage, TeamPage, TokensPage, UsagePage, WebhooksPage } from './lazyPages';
import { atLeast } from '../roles';
import { AppContext, useApp, type StudioApp } from './AppContext';
import { AppSession } from './appSession';
import { GROUPS } from './sections';
import type { Studio } from './Studio';
import { Loading } from './Loading';
import { Lost } from './Lost';

/** The pages of one app. */
export function AppRoutes({ studio, app }: { studio: Studio; app: App }) {
  // A session holds its token over changes of the app's name or settings; the router makes a new one for another app.
  // eslint-disable-next-line react-hooks/exhaustive-deps
  const session = useMemo(() => new AppSession(studio.signIn, app), [studio.signIn, app.id]);
  const given = useMemo((): StudioApp => ({
    app, session, account: studio.account, signIn: studio.signIn, ask: session.ask, askAs: session.askAs, can: (least) => atLeast(app.role, least),
  }), [app, session, studio.account, studio.signIn]);
  return (
    <AppContext value={given}>
      <Route path={`/${app.id}`} nest>
        <Pages studio={studio} />
      </Route>
    </AppContext>
  );
}

function Pages({ studio }: { studio: Studio }) {
  const [location] = useLocation();
  useEffect(() => {
    scrollTo(0, 0); // newer browsers answer with a promise, which is no clean-up
  }, [location]);
  return (
    <Loading>
      <Switch>
        <Route path="/"><Redirect to="/home" replace /></Route>
        {part('home', <HomePage />)}
        <Route path="/streams/new"><Allowed least="editor"><NewStreamPage /></Allowed></Route>
        <Route path="/streams/:id/*?">{({ id }) => <StreamPage key={id} id={id} />}</Route>
        {part('streams', <StreamsPage />)}
        {part('recordings', <RecordingsPage />)}
        <Route path="/channels/:id/*?">{({ id }) => <ChannelPage key={id} id={id} />}</Route>
        {part('channels', <ChannelsPage />)}
        <Route path="/places/:id/*?">{({ id }) => <PlacePage key={id} id={id} />}</Route>
        {part('places', <PlacesPage />)}
        {part('profiles', <ProfilesPage />)}
        {part('events', <EventsPage />)}
        {part('tokens', <TokensPage />)}
        {part('usage', <UsagePage />)}
        {part('webhooks', <TextColumn>{({ askAs, can }) => <WebhooksPage ask={askAs} changes={can('admin')} />}</TextColumn>)}
        {part('sources', <TextColumn>{({ askAs, can }) => <SourcesPage ask={askAs} changes={can('admin')} />}</TextColumn>)}
        {part('integrations', <TextColumn>{({ askAs, can }) => <IntegrationsPage ask={askAs} changes={can('admin')} />}</TextColumn>)}
        {part('keys', <KeysPage />)}
        {part('team', <TeamPage onLeft={() => void studio.reload()} />)}
        {part('log', <LogPage />)}
        {part('settings', <SettingsPage studio={studio} />)}
        <Route><Lost /></Route>
      </Switch>
    </Loading>
  );
}

/** A section, for those whose role may see it. The switch looks at its children's paths, so that this is no component. */
function part(id: string, page: ReactNode) {
  const section = GROUPS.flatMap(({ sections }) => sections).find((one) => one.id === id);
  return <Route path={`/${id}/*?`}><Allowed least={section?.least ?? 'viewer'}>{page}</Allowed></Route>;
}

function Allowed({ least, children }: { least: Role; children: ReactNode }) {
  return useApp().can(least) ? children : <Lost />;
}

/** Pages in the width of a text. */
function TextColumn({ children }: { children: (app: StudioApp) => ReactNode }) {
  return <div className="pages">{children(useApp())}</div>;
}
