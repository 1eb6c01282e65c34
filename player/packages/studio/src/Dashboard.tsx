import { Suspense, useEffect, useState } from 'react';
import { useStore } from '@weir/client/observable.ts';
import type { SignIn } from './account';
import { AccountPanel } from './AccountPanel';
import type { Account, App, Role } from './api';
import { AppPage } from './AppPage';
import { asker } from './authorizedApi';
import { Desk } from './studioStore';
import { KeysPage } from './KeysPage';
import { IntegrationsPage, SourcesPage, WebhooksPage } from './lazyPages';
import { LogPage } from './LogPage';
import { NewStream } from './NewStream';
import { SECTIONS, atLeast, useSection } from './sections';
import { StreamList } from './StreamList';
import { StreamPanel } from './StreamPanel';
import { TeamPage } from './TeamPage';
import { UsagePage } from './UsagePage';
import { useAction } from './useAction';

/** The signed-in studio: one section at a time. */
export function Dashboard({ signIn, account }: { signIn: SignIn; account: Account }) {
  const [desk] = useState(() => new Desk(signIn));
  useEffect(() => {
    desk.start();
    return () => desk.stop();
  }, [desk]);
  const { trouble, apps, app } = useStore(desk.view);
  const [deleted, setDeleted] = useState<string | null>(null);
  const [personal, setPersonal] = useState(false);
  return (
    <div className="studio">
      <TopBar signIn={signIn} account={account} desk={desk} personal={personal} onPersonal={() => setPersonal(!personal)} />
      {trouble !== null && <p className="trouble" role="alert" data-testid="notice">{trouble}</p>}
      {deleted !== null && <p className="told" role="status">“{deleted}” and its data are being deleted.</p>}
      {personal && <AccountPanel signIn={signIn} account={account} />}
      {!personal && apps?.length === 0 && <FirstApp desk={desk} />}
      {!personal && app !== null && <Sections key={app.id} signIn={signIn} account={account} desk={desk} app={app} onDeleted={() => setDeleted(app.name)} />}
    </div>
  );
}

function Sections({ signIn, account, desk, app, onDeleted }: { signIn: SignIn; account: Account; desk: Desk; app: App; onDeleted: () => void }) {
  const section = useSection(app.role);
  const [ask] = useState(() => asker(signIn, app));
  const [askAsApp] = useState(() => desk.asker(app.id));
  const changes = atLeast(app.role, 'admin');
  const changed = () => desk.readApps();
  const deleted = async () => {
    onDeleted();
    location.hash = '#streams';
    await changed();
  };
  return (
    <>
      <nav className="sections" aria-label="Studio">
        {SECTIONS.filter(({ least }) => atLeast(app.role, least)).map(({ id, title }) => (
          <a key={id} href={`#${id}`} aria-current={id === section ? 'page' : undefined}>{title}</a>
        ))}
      </nav>
      {section === 'streams' && <Streams desk={desk} account={account} role={app.role} />}
      {section === 'usage' && <main className="pages"><UsagePage ask={ask} /></main>}
      {section === 'keys' && <main className="pages"><KeysPage ask={ask} /></main>}
      <Suspense fallback={<p className="pages soft" role="status">Loading …</p>}>
        {section === 'webhooks' && <main className="pages"><WebhooksPage ask={askAsApp} changes={changes} /></main>}
        {section === 'sources' && <main className="pages"><SourcesPage ask={askAsApp} changes={changes} /></main>}
        {section === 'integrations' && <main className="pages"><IntegrationsPage ask={askAsApp} changes={changes} /></main>}
      </Suspense>
      {section === 'team' && <main className="pages"><TeamPage ask={ask} account={account} role={app.role} onLeft={() => void changed()} /></main>}
      {section === 'log' && <main className="pages"><LogPage ask={ask} /></main>}
      {section === 'app' && <main className="pages"><AppPage ask={ask} app={app} onChanged={changed} onDeleted={deleted} /></main>}
    </>
  );
}

/** Streams on the left, the chosen one on the right. */
function Streams({ desk, account, role }: { desk: Desk; account: Account; role: Role }) {
  const { streams, selected } = useStore(desk.view);
  const stream = streams?.find(({ id }) => id === selected);
  return (
    <div className="desk">
      <nav className="side" aria-label="Streams">
        <h2>Streams</h2>
        {streams !== null && <StreamList desk={desk} streams={streams} selected={selected} />}
        {atLeast(role, 'editor') && <NewStream desk={desk} />}
      </nav>
      <main className="panel-place">
        {stream !== undefined && <StreamPanel key={stream.id} desk={desk} account={account} stream={stream} role={role} />}
        {streams?.length === 0 && <p className="soft panel-none">{atLeast(role, 'editor') ? 'No streams yet. Create the first one to get a stream key.' : 'No streams yet.'}</p>}
      </main>
    </div>
  );
}

interface TopProps {
  signIn: SignIn;
  account: Account;
  desk: Desk;
  personal: boolean;
  onPersonal: () => void;
}

function TopBar({ signIn, account, desk, personal, onPersonal }: TopProps) {
  const { apps, app } = useStore(desk.view);
  const { error, run } = useAction();
  return (
    <header className="top">
      <strong className="brand">Weir<span> studio</span></strong>
      {apps !== null && apps.length > 1 ? (
        <select className="field app-choice" aria-label="App" value={app?.id} onChange={(event) => {
          const chosen = apps.find(({ id }) => id === event.target.value);
          if (chosen !== undefined) run(() => desk.chooseApp(chosen));
        }}>
          {apps.map(({ id, name }) => <option key={id} value={id}>{name}</option>)}
        </select>
      ) : (
        <span className="soft app-name">{app?.name}</span>
      )}
      <span className="spacer" />
      {error !== null && <span className="error" role="alert">{error}</span>}
      <button type="button" className="small-button plain account" title={account.email} data-testid="account" aria-pressed={personal} onClick={onPersonal}>{account.name || account.email}</button>
      <button type="button" className="small-button plain" data-testid="sign-out" onClick={() => run(() => signIn.logout())}>Sign out</button>
    </header>
  );
}

function FirstApp({ desk }: { desk: Desk }) {
  const { busy, error, run } = useAction();
  return (
    <div className="first-app">
      <h1>Welcome</h1>
      <p className="soft">Streams, chat and keys belong to an app. Create one to begin.</p>
      <button type="button" className="small-button" disabled={busy} onClick={() => run(() => desk.createApp('My app'))}>Create the first app</button>
      {error !== null && <p className="error" role="alert">{error}</p>}
    </div>
  );
}
