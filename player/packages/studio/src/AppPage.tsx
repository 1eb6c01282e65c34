import { useState } from 'react';
import { durationText, momentText } from '@weir/client/format.ts';
import { apps, type App, type AppChange } from './api';
import type { Ask } from './authorizedApi';
import { CopyField } from './CopyField';
import { atLeast } from './sections';
import { Sure } from './ConfirmButton';
import { useAction } from './useAction';

const GUESTS: Record<App['guests'], string> = {
  chat: 'Guests may watch, read and write',
  read: 'Guests may watch and read',
  none: 'Guests may watch; chat is for signed-in people',
};

const WAITS = [0, 60, 300, 600, 1_800, 3_600, 86_400];

function waitText(seconds: number): string {
  return seconds === 0 ? 'At once' : `${durationText(seconds)} after they came first`;
}

function planText({ plan, trial }: App): string {
  if (trial !== null) return `Plan: ${trial.plan}, to try out until ${momentText(trial.until)}${plan === null ? '' : `, then ${plan}`}. `;
  return plan === null ? '' : `Plan: ${plan}. `;
}

interface Props {
  ask: Ask;
  app: App;
  onChanged: () => Promise<void>;
}

interface EndProps extends Props {
  onDeleted: () => Promise<void>;
}

/** The app's name, who may use it, and its deletion. */
export function AppPage({ ask, app, onChanged, onDeleted }: EndProps) {
  return (
    <section className="page" aria-label="App">
      <header className="page-head"><h1>{app.name}</h1></header>
      <Settings key={app.id} ask={ask} app={app} onChanged={onChanged} />
      <div className="box">
        <h2>For developers</h2>
        <CopyField label="App id" value={app.id} testId="app-id" />
        <p className="soft after-field">{planText(app)}<a href="/docs" target="_blank" rel="noopener">API reference</a></p>
      </div>
      {atLeast(app.role, 'owner') && <TheEnd ask={ask} app={app} onChanged={onChanged} onDeleted={onDeleted} />}
    </section>
  );
}

function Settings({ ask, app, onChanged }: Props) {
  const [name, setName] = useState(app.name);
  const [description, setDescription] = useState(app.description);
  const [guests, setGuests] = useState(app.guests);
  const [wait, setWait] = useState(app.guest_wait_s);
  const [origins, setOrigins] = useState(app.origins.join('\n'));
  const [saved, setSaved] = useState(false);
  const { busy, error, run } = useAction();
  const submit = () => {
    const change: AppChange = { name: name.trim(), description, guests, guest_wait_s: wait, origins: origins.split(/\s+/).filter((one) => one !== '') };
    run(async () => {
      setSaved(false);
      await ask(apps.change, change);
      await onChanged();
      setSaved(true);
    });
  };
  return (
    <form className="box" aria-label="Settings" onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <label className="labelled"><span>Name</span><input className="field" name="app-name" required maxLength={80} value={name} onChange={(event) => setName(event.target.value)} /></label>
      <label className="labelled"><span>Description</span><textarea className="field" rows={2} maxLength={500} value={description} onChange={(event) => setDescription(event.target.value)} /></label>
      <label className="labelled"><span>People who are not signed in</span>
        <select className="field" value={guests} onChange={(event) => setGuests(event.target.value as App['guests'])}>
          {Object.entries(GUESTS).map(([value, words]) => <option key={value} value={value}>{words}</option>)}
        </select>
      </label>
      {guests === 'chat' && (
        <label className="labelled"><span>New guests may write</span>
          <select className="field" data-testid="guest-wait" value={wait} onChange={(event) => setWait(Number(event.target.value))}>
            {[...new Set([...WAITS, wait])].sort((one, other) => one - other).map((seconds) => <option key={seconds} value={seconds}>{waitText(seconds)}</option>)}
          </select>
        </label>
      )}
      <label className="labelled"><span>Allowed origins, one per line</span>
        <textarea className="field mono" rows={2} spellCheck={false} placeholder="https://example.org" value={origins} onChange={(event) => setOrigins(event.target.value)} />
      </label>
      <div className="form-end">
        <button type="submit" className="small-button" data-testid="save-app" disabled={busy}>Save</button>
        <span role="status" className="soft">{saved && error === null ? 'Saved' : ''}</span>
        {error !== null && <span className="error" role="alert">{error}</span>}
      </div>
    </form>
  );
}

function TheEnd({ ask, app, onChanged, onDeleted }: EndProps) {
  const [typed, setTyped] = useState('');
  const { busy, error, run } = useAction();
  const act = (deed: () => Promise<App>) => run(async () => { await deed(); await onChanged(); });
  const open = app.state === 'active';
  return (
    <div className="box">
      <h2>Close or delete</h2>
      <div className="end-row">
        <p className="soft">{open ? 'A closed app keeps its data; publishing, watching and chat are off.' : 'This app is closed. Its data is kept.'}</p>
        {open ? (
          <Sure
            label="Close the app" testId="close-app" busy={busy} plain yes="Close it"
            question="All broadcasts of this app end now. Nobody can publish, watch or chat until you open it again."
            onYes={() => act(() => ask(apps.archive))}
          />
        ) : <button type="button" className="small-button plain" disabled={busy} onClick={() => act(() => ask(apps.restore))}>Open it again</button>}
      </div>
      <form className="end-row" aria-label="Delete the app" onSubmit={(event) => { event.preventDefault(); run(async () => { await ask(apps.remove); await onDeleted(); }); }}>
        <label className="labelled"><span>Type “{app.name}” to delete it with its streams, recordings and chat</span>
          <input className="field" autoComplete="off" value={typed} onChange={(event) => setTyped(event.target.value)} />
        </label>
        <button type="submit" className="small-button danger" disabled={busy || typed !== app.name}>Delete for good</button>
      </form>
      {error !== null && <p className="error" role="alert">{error}</p>}
    </div>
  );
}
