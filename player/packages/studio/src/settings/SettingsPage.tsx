import { Trans, useLingui } from '@lingui/react/macro';
import { Trash2 } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { durationText, momentText } from '@weir/client/format.ts';
import { Button } from '@weir/kit/Button.tsx';
import { CopyField } from '@weir/kit/CopyField.tsx';
import { ConfirmDialog } from '@weir/kit/Dialog.tsx';
import { SelectField, TextArea, TextField } from '@weir/kit/Field.tsx';
import { Card, Page } from '@weir/kit/Layout.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { apps, type App, type AppChange } from '../api';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import type { Studio } from '../shell/Studio';
import { usePageTitle } from '../shell/title';

const WAITS = [0, 60, 300, 600, 1_800, 3_600, 86_400];

/** The app's name, who may use it, and its end. */
export function SettingsPage({ studio }: { studio: Studio }) {
  const { t } = useLingui();
  usePageTitle(t`Settings`);
  const { app, can } = useApp();
  return (
    <Page title={<Trans>Settings</Trans>} lead={<bdi>{app.name}</bdi>}>
      <div className="grid max-w-3xl grid-cols-[minmax(0,1fr)] gap-6">
        <Settings key={app.id} studio={studio} />
        <Card title={t`For developers`} lead={<PlanText app={app} />}>
          <CopyField label={t`App id`} value={app.id} testId="app-id" />
          <p className="text-sm"><a href="/docs" target="_blank" rel="noopener">{t`API reference`}</a></p>
        </Card>
        {can('owner') && <TheEnd studio={studio} />}
      </div>
    </Page>
  );
}

function PlanText({ app: { plan, trial } }: { app: App }) {
  if (trial !== null) return plan === null ? <Trans>Plan: {trial.plan}, on trial until {momentText(trial.until)}.</Trans> : <Trans>Plan: {trial.plan}, on trial until {momentText(trial.until)}, then {plan}.</Trans>;
  return plan === null ? null : <Trans>Plan: {plan}.</Trans>;
}

function Settings({ studio }: { studio: Studio }) {
  const { t } = useLingui();
  const { app, ask } = useApp();
  const [name, setName] = useState(app.name);
  const [description, setDescription] = useState(app.description);
  const [guests, setGuests] = useState(app.guests);
  const [wait, setWait] = useState(app.guest_wait_s);
  const [origins, setOrigins] = useState(app.origins.join('\n'));
  const { busy, error, run } = useAction();
  const say = useToast();
  const submit = () => {
    const change: AppChange = { name: name.trim(), description, guests, guest_wait_s: wait, origins: origins.split(/\s+/).filter((one) => one !== '') };
    run(async () => {
      await ask(apps.change, change);
      await studio.reload();
      say.done(t`The settings are saved.`);
    });
  };
  return (
    <form aria-label={t`Settings`} onSubmit={(event) => { event.preventDefault(); submit(); }}>
      <Card title={t`App`}>
        <TextField label={t`Name`} name="app-name" required maxLength={80} value={name} onChange={({ target }) => setName(target.value)} />
        <TextArea label={t`Description`} rows={2} maxLength={500} value={description} onChange={({ target }) => setDescription(target.value)} />
        <SelectField label={t`People who are not signed in`} value={guests} onChange={({ target }) => setGuests(target.value as App['guests'])}>
          <option value="chat">{t`Guests may watch, read and write`}</option>
          <option value="read">{t`Guests may watch and read`}</option>
          <option value="none">{t`Guests may watch; chat is for signed-in people`}</option>
        </SelectField>
        {guests === 'chat' && (
          <SelectField label={t`New guests may write`} data-testid="guest-wait" value={wait} onChange={({ target }) => setWait(Number(target.value))}>
            {[...new Set([...WAITS, wait])].sort((one, other) => one - other).map((seconds) => <option key={seconds} value={seconds}>{seconds === 0 ? t`At once` : t`${durationText(seconds)} after they came first`}</option>)}
          </SelectField>
        )}
        <TextArea label={t`Allowed origins, one per line`} hint={t`Web sites of yours whose pages may call the API and open sockets.`} className="font-mono text-[13px]" dir="ltr" rows={2} spellCheck={false} placeholder="https://example.org" value={origins} onChange={({ target }) => setOrigins(target.value)} />
        {error !== null && <p className="text-warn" role="alert">{error}</p>}
        <Button type="submit" look="primary" busy={busy} className="justify-self-start" data-testid="save-app">{t`Save`}</Button>
      </Card>
    </form>
  );
}

function TheEnd({ studio }: { studio: Studio }) {
  const { t } = useLingui();
  const { app, ask } = useApp();
  const [asked, setAsked] = useState<'close' | 'delete' | null>(null);
  const [, go] = useLocation();
  const { busy, error, run } = useAction();
  const say = useToast();
  const open = app.state === 'active';
  return (
    <Card title={t`Close or delete`}>
      <div className="flex flex-wrap items-center justify-between gap-3">
        <p className="min-w-0 flex-1 basis-64 text-sm text-soft">{open ? t`A closed app keeps its data; publishing, watching and chat are off.` : t`This app is closed. Its data is kept.`}</p>
        {open ? <Button data-testid="close-app" onClick={() => setAsked('close')}>{t`Close the app`}</Button>
          : <Button busy={busy} onClick={() => run(async () => { await ask(apps.restore); await studio.reload(); })}>{t`Open it again`}</Button>}
      </div>
      <div className="flex flex-wrap items-center justify-between gap-3 border-t border-line pt-4">
        <p className="min-w-0 flex-1 basis-64 text-sm text-soft">{t`Deletes the app with its streams, recordings, chat, keys and team.`}</p>
        <Button look="danger" icon={Trash2} data-testid="delete-app" onClick={() => setAsked('delete')}>{t`Delete the app`}</Button>
      </div>
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
      <ConfirmDialog open={asked === 'close'} onClose={() => setAsked(null)} title={t`Close “${app.name}”?`} action={t`Close the app`} onConfirm={async () => { await ask(apps.archive); await studio.reload(); }}>
        <Trans>All broadcasts of this app end now. Nobody can publish, watch or chat until you open it again.</Trans>
      </ConfirmDialog>
      <ConfirmDialog open={asked === 'delete'} onClose={() => setAsked(null)} title={t`Delete “${app.name}”?`} action={t`Delete for good`} typed={app.name}
        onConfirm={async () => {
          await ask(apps.remove);
          say.done(t`“${app.name}” and its data are being deleted.`);
          await studio.reload();
          go('~/studio');
        }}>
        <Trans>All its streams, recordings, messages, keys and members are deleted for good. This can’t be undone.</Trans>
      </ConfirmDialog>
    </Card>
  );
}
