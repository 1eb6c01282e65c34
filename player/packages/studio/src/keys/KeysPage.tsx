import { useCallback, useState } from 'react';
import { dateText } from '@weir/client/format.ts';
import { keys, type Key, type KeyWishes, type NewKey } from '../api';
import type { Ask } from '../authorizedApi';
import { CopyField } from '@weir/kit/CopyField.tsx';
import { PublicKeyForm } from './PublicKeyForm';
import { SigningKeyForm } from './SigningKeyForm';
import { Sure } from '../common/ConfirmButton';
import { useAction } from '../common/useAction';
import { useQuery } from '../common/useQuery';

const SCOPES = [
  { scope: 'streams:read', words: 'See streams' },
  { scope: 'streams:write', words: 'Make and change streams' },
  { scope: 'vod:write', words: 'Upload videos' },
  { scope: 'chat:read', words: 'Read chat' },
  { scope: 'chat:moderate', words: 'Write and moderate chat' },
  { scope: 'events:read', words: 'Follow events' },
  { scope: 'events:write', words: 'Send events' },
  { scope: 'places:write', words: 'Change places' },
  { scope: 'followers:write', words: 'See and remove followers' },
  { scope: 'webhooks:read', words: 'Read webhooks and what they delivered' },
  { scope: 'webhooks:write', words: 'Change webhooks, with addresses and secrets' },
  { scope: 'integrations:read', words: 'Read sources and integrations' },
  { scope: 'integrations:write', words: 'Change sources and integrations, and call partners' },
  { scope: 'usage:read', words: 'Read usage' },
];
const LIVES = [
  { days: 0, words: 'Never' },
  { days: 30, words: 'In 30 days' },
  { days: 90, words: 'In 90 days' },
  { days: 365, words: 'In a year' },
];
const OVERLAP_S = 86_400;
const DAY_MS = 86_400_000;

/** Keys by which the app's servers call the API and sign tokens. */
export function KeysPage({ ask }: { ask: Ask }) {
  const { value: list, error: unread, refresh } = useQuery(useCallback(() => ask(keys.list), [ask]));
  const [fresh, setFresh] = useState<NewKey | null>(null);
  const { busy, error, run } = useAction();
  const act = (deed: () => Promise<void>) => run(async () => { await deed(); await refresh(); });
  const make = async (deed: () => Promise<NewKey>) => {
    setFresh(await deed());
    await refresh();
  };
  const add = async (body: { name: string; public_key: string }) => {
    await ask(keys.upload, body);
    await refresh();
  };
  const rotate = (key: Key) => act(async () => setFresh(await ask(keys.rotate, key.id, OVERLAP_S)));
  const revoke = (key: Key) => act(async () => { await ask(keys.revoke, key.id); });
  const trouble = error ?? unread;
  return (
    <section className="page" aria-label="Keys">
      <header className="page-head">
        <h1>Keys</h1>
        <p className="soft">Your servers call the API with a key and sign their users’ tokens with its signing secret. Never put a key into a web page or a mobile app.</p>
      </header>
      {trouble !== null && <p className="error" role="alert">{trouble}</p>}
      {fresh !== null && <Fresh made={fresh} onDone={() => setFresh(null)} />}
      <ul className="rows">
        {list?.map((key) => <KeyRow key={key.id} held={key} busy={busy} onRotate={() => rotate(key)} onRevoke={() => revoke(key)} />)}
      </ul>
      {list?.length === 0 && fresh === null && <p className="soft">No keys yet. Create the first one below.</p>}
      <NewKeyForm onCreate={(wishes) => make(() => ask(keys.create, wishes))} />
      <SigningKeyForm onCreate={(body) => make(() => ask(keys.sign, body))} />
      <PublicKeyForm onUpload={add} />
    </section>
  );
}

/** The only moment in which the secrets can be read. */
function Fresh({ made, onDone }: { made: NewKey; onDone: () => void }) {
  return (
    <div className="box fresh" role="status" data-testid="fresh-key">
      <h2>{nameOf(made)} is ready</h2>
      <p className="soft">Copy what is secret now: it cannot be shown again.</p>
      {made.api_key !== null && <CopyField label="API key" value={made.api_key} secret testId="api-key" />}
      {made.signing_secret !== null && <CopyField label="Signing secret" value={made.signing_secret} secret testId="signing-secret" />}
      <CopyField label="Key id (the tokens’ issuer)" value={made.id} testId="key-id" />
      <button type="button" className="small-button" onClick={onDone}>I have copied them</button>
    </div>
  );
}

interface RowProps {
  held: Key;
  busy: boolean;
  onRotate: () => void;
  onRevoke: () => void;
}

function KeyRow({ held, busy, onRotate, onRevoke }: RowProps) {
  const over = held.revoked !== null;
  return (
    <li className="row" data-testid="key" data-over={over}>
      <span className="row-main">
        <strong>{nameOf(held)}</strong>
        <span className="soft">{scopesText(held)}</span>
      </span>
      <span className="soft row-facts">{lifeText(held)}</span>
      {!over && (
        <span className="row-deeds">
          {held.kind !== 'public' && held.replaced_by === null && (
            <Sure label="Replace" testId="replace-key" busy={busy} plain yes="Replace it" question={`A new “${nameOf(held)}” is made. The old one works for another 24 hours.`} onYes={onRotate} />
          )}
          <Sure label="Revoke" testId="revoke-key" busy={busy} yes="Revoke it" question={`What uses “${nameOf(held)}”, and every token made with it, stops working within ten seconds. It cannot be brought back.`} onYes={onRevoke} />
        </span>
      )}
    </li>
  );
}

function NewKeyForm({ onCreate }: { onCreate: (wishes: KeyWishes) => Promise<void> }) {
  const { busy, error, run } = useAction();
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<ReadonlySet<string>>(new Set());
  const [days, setDays] = useState(0);
  const toggle = (scope: string) => setScopes((held) => new Set(held.has(scope) ? [...held].filter((one) => one !== scope) : [...held, scope]));
  const submit = () => {
    const expires = days === 0 ? {} : { expires: new Date(Date.now() + days * DAY_MS).toISOString() };
    run(async () => {
      await onCreate({ name: name.trim(), scopes: [...scopes], ...expires });
      setName('');
      setScopes(new Set());
    });
  };
  return (
    <form className="box" aria-label="New key" onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <h2>New key</h2>
      <label className="labelled"><span>Name</span><input className="field" name="name" required maxLength={80} placeholder="What will use it" value={name} onChange={(event) => setName(event.target.value)} /></label>
      <fieldset className="choices">
        <legend>Permissions</legend>
        {SCOPES.map(({ scope, words }) => (
          <label key={scope} className="choice"><input type="checkbox" name={scope} checked={scopes.has(scope)} onChange={() => toggle(scope)} />{words}</label>
        ))}
      </fieldset>
      <label className="labelled"><span>Expires</span>
        <select className="field" value={days} onChange={(event) => setDays(Number(event.target.value))}>
          {LIVES.map((life) => <option key={life.days} value={life.days}>{life.words}</option>)}
        </select>
      </label>
      <div className="form-end">
        <button type="submit" className="small-button" data-testid="create-key" disabled={busy || scopes.size === 0}>Create the key</button>
        {scopes.size === 0 && <span className="soft">Choose what it may do.</span>}
        {error !== null && <span className="error" role="alert">{error}</span>}
      </div>
    </form>
  );
}

function nameOf({ name, id }: Key): string {
  return name || id;
}

function scopesText({ kind, scopes, algorithm }: Key): string {
  if (kind === 'public') return `Checks tokens signed with your ${algorithm} key`;
  if (kind === 'signing') return 'Signs your users’ tokens';
  const known = SCOPES.filter(({ scope }) => scopes.includes(scope)).map(({ words }) => words);
  return known.length === SCOPES.length ? 'Everything' : known.join(' · ');
}

function lifeText({ revoked, replaced_by, expires, last_used }: Key): string {
  if (revoked !== null) return `Revoked ${dateText(revoked)}`;
  const used = last_used === null ? 'Never used' : `Used ${dateText(last_used)}`;
  if (expires === null) return used;
  return `${used} · ${replaced_by === null ? 'expires' : 'replaced, works until'} ${dateText(expires)}`;
}
