import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { KeyRound } from 'lucide-react';
import { useState } from 'react';
import { Button } from '@weir/kit/Button.tsx';
import { CopyField } from '@weir/kit/CopyField.tsx';
import { ConfirmDialog } from '@weir/kit/Dialog.tsx';
import { Card, Page } from '@weir/kit/Layout.tsx';
import { FilterSelect, ListBar } from '@weir/kit/ListBar.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { keys, type Key, type NewKey } from '../api';
import { useApp } from '../shell/AppContext';
import { usePageTitle } from '../shell/title';
import { NewKeyForm } from './NewKeyForm';
import { PublicKeyForm } from './PublicKeyForm';
import { lifeText, nameOf, scopesText } from './scopes';
import { SigningKeyForm } from './SigningKeyForm';

const OVERLAP_S = 86_400;

/** Keys by which the app's servers call the API and sign tokens. */
export function KeysPage() {
  const { t } = useLingui();
  usePageTitle(t`Keys`);
  const { app, ask } = useApp();
  const { data: list, error, refetch } = useQuery({ queryKey: [app.id, 'keys'], queryFn: () => ask(keys.list) });
  const [fresh, setFresh] = useState<NewKey | null>(null);
  const make = async (deed: () => Promise<NewKey>) => {
    setFresh(await deed());
    await refetch();
  };
  const add = async (body: { name: string; public_key: string }) => {
    await ask(keys.upload, body);
    await refetch();
  };
  const rotate = (key: Key) => make(() => ask(keys.rotate, key.id, OVERLAP_S));
  const revoke = async (key: Key) => {
    await ask(keys.revoke, key.id);
    await refetch();
  };
  return (
    <Page title={<Trans>Keys</Trans>} lead={<Trans>Your servers call the API with a key and sign their users’ tokens with its signing secret. Never put a key into a web page or a mobile app.</Trans>}>
      {fresh !== null && <Fresh made={fresh} onDone={() => setFresh(null)} />}
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      {list === undefined ? error === null && <Skeleton /> : list.length === 0
        ? <EmptyState icon={KeyRound} title={<Trans>No keys yet</Trans>}><Trans>Create the first one below. It is shown once; keep it where your server keeps its secrets.</Trans></EmptyState>
        : <KeyList list={list} onRotate={rotate} onRevoke={revoke} />}
      <NewKeyForm onCreate={(wishes) => make(() => ask(keys.create, wishes))} />
      <SigningKeyForm onCreate={(body) => make(() => ask(keys.sign, body))} />
      <PublicKeyForm onUpload={add} />
    </Page>
  );
}

/** The only moment in which the secrets can be read. */
function Fresh({ made, onDone }: { made: NewKey; onDone: () => void }) {
  const { t } = useLingui();
  return (
    <div role="status">
      <Card className="border-accent" title={t`${nameOf(made)} is ready`} lead={t`Copy what is secret now: it cannot be shown again.`} data-testid="fresh-key">
        {made.api_key !== null && <CopyField label={t`API key`} value={made.api_key} secret testId="api-key" />}
        {made.signing_secret !== null && <CopyField label={t`Signing secret`} value={made.signing_secret} secret testId="signing-secret" />}
        <CopyField label={t`Key id (the tokens’ issuer)`} value={made.id} testId="key-id" />
        <Button look="primary" className="justify-self-start" onClick={onDone}>{t`I have copied them`}</Button>
      </Card>
    </div>
  );
}

interface ListProps {
  list: readonly Key[];
  onRotate: (key: Key) => Promise<void>;
  onRevoke: (key: Key) => Promise<void>;
}

function KeyList({ list, onRotate, onRevoke }: ListProps) {
  const { t } = useLingui();
  const [q, setQ] = useState('');
  const [state, setState] = useState('');
  const [asked, setAsked] = useState<{ key: Key; deed: 'rotate' | 'revoke' } | null>(null);
  const wanted = q.trim().toLowerCase();
  const shown = list.filter((key) => `${key.name} ${key.id}`.toLowerCase().includes(wanted) && (state === '' || (state === 'revoked') === (key.revoked !== null)));
  const name = asked === null ? '' : nameOf(asked.key);
  const close = () => setAsked(null);
  return (
    <section className="grid grid-cols-[minmax(0,1fr)] gap-3" aria-label={t`Keys`}>
      <ListBar label={t`Search keys`} value={q} onChange={setQ}>
        <FilterSelect label={t`State`} value={state} onChange={setState} options={[['', t`All keys`], ['used', t`In use`], ['revoked', t`Revoked`]]} />
      </ListBar>
      {shown.length === 0 ? <EmptyState icon={KeyRound} title={<Trans>No key fits that search</Trans>} /> : (
        <ul className="grid divide-y divide-line rounded-card border border-line bg-surface">
          {shown.map((key) => <KeyRow key={key.id} held={key} onRotate={() => setAsked({ key, deed: 'rotate' })} onRevoke={() => setAsked({ key, deed: 'revoke' })} />)}
        </ul>
      )}
      <ConfirmDialog open={asked?.deed === 'rotate'} onClose={close} title={t`Replace “${name}”?`} action={t`Replace`} onConfirm={async () => { if (asked !== null) await onRotate(asked.key); }}>
        <Trans>A new key of the same name is made and shown once. The old one works for another 24 hours.</Trans>
      </ConfirmDialog>
      <ConfirmDialog open={asked?.deed === 'revoke'} onClose={close} title={t`Revoke “${name}”?`} action={t`Revoke`} onConfirm={async () => { if (asked !== null) await onRevoke(asked.key); }}>
        <Trans>What uses it, and every token made with it, stops working within ten seconds. This can’t be undone.</Trans>
      </ConfirmDialog>
    </section>
  );
}

function KeyRow({ held, onRotate, onRevoke }: { held: Key; onRotate: () => void; onRevoke: () => void }) {
  const { t } = useLingui();
  const over = held.revoked !== null;
  return (
    <li className="flex flex-wrap items-center gap-x-5 gap-y-2 px-4 py-3" data-testid="key" data-over={over}>
      <div className="grid min-w-0 flex-1 basis-64">
        <strong className={`line-clamp-2 [overflow-wrap:anywhere] ${over ? 'text-soft line-through' : ''}`} title={nameOf(held)}><bdi>{nameOf(held)}</bdi></strong>
        <span className="text-sm text-soft [overflow-wrap:anywhere]">{scopesText(held)}</span>
      </div>
      <span className="text-sm text-soft">{lifeText(held)}</span>
      {!over && (
        <span className="flex flex-wrap gap-1.5">
          {held.kind !== 'public' && held.replaced_by === null && <Button size="small" data-testid="replace-key" onClick={onRotate}>{t`Replace`}</Button>}
          <Button size="small" look="danger" data-testid="revoke-key" onClick={onRevoke}>{t`Revoke`}</Button>
        </span>
      )}
    </li>
  );
}
