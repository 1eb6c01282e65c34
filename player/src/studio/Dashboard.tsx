import { useEffect, useState } from 'react';
import { useStore } from '../lib/store';
import type { SignIn } from './account';
import type { Account } from './api';
import { Desk } from './desk';
import { NewStream } from './NewStream';
import { StreamList } from './StreamList';
import { StreamPanel } from './StreamPanel';
import { useDeed } from './useDeed';

/** The signed-in studio: streams on the left, the chosen one beside them. */
export function Dashboard({ signIn, account }: { signIn: SignIn; account: Account }) {
  const [desk] = useState(() => new Desk(signIn));
  useEffect(() => {
    desk.start();
    return () => desk.stop();
  }, [desk]);
  const { streams, selected, trouble, apps } = useStore(desk.view);
  const stream = streams?.find(({ id }) => id === selected);
  return (
    <div className="studio">
      <TopBar signIn={signIn} account={account} desk={desk} />
      {trouble !== null && <p className="trouble" role="alert" data-testid="notice">{trouble}</p>}
      <div className="desk">
        <nav className="side" aria-label="Streams">
          <h2>Streams</h2>
          {streams !== null && <StreamList desk={desk} streams={streams} selected={selected} />}
          {apps?.length === 0 ? <FirstApp desk={desk} /> : <NewStream desk={desk} />}
        </nav>
        <main className="panel-place">
          {stream !== undefined && <StreamPanel key={stream.id} desk={desk} stream={stream} />}
          {streams?.length === 0 && <p className="soft panel-none">No streams yet. Make the first one to get a stream key.</p>}
        </main>
      </div>
    </div>
  );
}

function TopBar({ signIn, account, desk }: { signIn: SignIn; account: Account; desk: Desk }) {
  const { apps, app } = useStore(desk.view);
  const { error, run } = useDeed();
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
      <span className="soft account" title={account.email}>{account.name || account.email}</span>
      <button type="button" className="small-button plain" data-testid="sign-out" onClick={() => run(() => signIn.logout())}>Sign out</button>
    </header>
  );
}

function FirstApp({ desk }: { desk: Desk }) {
  const { busy, error, run } = useDeed();
  return (
    <div className="new-stream">
      <p className="soft">Streams belong to an app.</p>
      <button type="button" className="small-button wide" disabled={busy} onClick={() => run(() => desk.createApp('My app'))}>Make the first app</button>
      {error !== null && <p className="error" role="alert">{error}</p>}
    </div>
  );
}
