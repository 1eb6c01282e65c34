import { Trans, useLingui } from '@lingui/react/macro';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Button } from '@weir/kit/Button.tsx';
import { CopyField } from '@weir/kit/CopyField.tsx';
import { ConfirmDialog } from '@weir/kit/Dialog.tsx';
import { SelectField } from '@weir/kit/Field.tsx';
import { Card } from '@weir/kit/Layout.tsx';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import { streamApi, type FullStream } from './api';

type Kind = 'chat' | 'viewers' | 'alerts' | 'reactions';

/** Browser sources for OBS: their address holds a secret, which is shown once. */
export function OverlayCard({ stream }: { stream: FullStream }) {
  const { t } = useLingui();
  const { app, askAs } = useApp();
  const known = useQueryClient();
  const [key, setKey] = useState<string | null>(null);
  const [kind, setKind] = useState<Kind>('chat');
  const [ending, setEnding] = useState(false);
  const { busy, error, run } = useAction();
  const again = () => known.invalidateQueries({ queryKey: [app.id, 'stream', stream.id] });
  const make = () => run(async () => {
    setKey((await askAs(streamApi.makeOverlay, stream.id)).key);
    await again();
  });
  const origin = new URL(stream.watch_url).origin;
  return (
    <Card title={t`Overlays for OBS`} lead={t`Add a browser source with this address: chat, viewer count, alerts or reactions over your picture, on a transparent ground.`} data-testid="overlays">
      {key === null ? <p className="text-sm text-soft">{stream.overlay === true ? t`There is a link, which can’t be shown again. A new one replaces it.` : t`There is no link yet.`}</p> : (
        <>
          <SelectField label={t`Kind`} value={kind} onChange={({ target }) => setKind(target.value as Kind)}>
            <option value="chat">{t`Chat`}</option>
            <option value="viewers">{t`Viewer count`}</option>
            <option value="alerts">{t`Alerts`}</option>
            <option value="reactions">{t`Reactions`}</option>
          </SelectField>
          <CopyField label={t`Address of the browser source`} value={`${origin}/overlay/${kind}#key=${key}`} secret testId="overlay-url" />
          <p className="text-sm text-soft"><Trans>Copy it now: it is not shown again. Whoever has it can read this chat.</Trans></p>
        </>
      )}
      {error !== null && <p className="text-warn" role="alert">{error}</p>}
      <div className="flex flex-wrap gap-2">
        <Button busy={busy} data-testid="make-overlay" onClick={make}>{stream.overlay === true ? t`Replace the link` : t`Make a link`}</Button>
        {stream.overlay === true && <Button look="danger" onClick={() => setEnding(true)}>{t`End the link`}</Button>}
      </div>
      <ConfirmDialog open={ending} onClose={() => setEnding(false)} title={t`End the overlays’ link?`} action={t`End the link`} onConfirm={async () => { await askAs(streamApi.endOverlay, stream.id); setKey(null); await again(); }}>
        <Trans>All browser sources with it go dark within seconds.</Trans>
      </ConfirmDialog>
    </Card>
  );
}
