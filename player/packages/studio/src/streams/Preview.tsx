import { Trans, useLingui } from '@lingui/react/macro';
import { useEffect, useState } from 'react';
import { Watching } from '@weir/client/watchSession.ts';
import { Button } from '@weir/kit/Button.tsx';
import { Glyph } from '@weir/ui/icons.tsx';
import { Player } from '@weir/ui/Player.tsx';
import '@weir/ui/player.css';
import { streams } from '../api';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import type { FullStream } from './api';

/** What viewers see, without the chat. It costs the same data as a viewer, so it plays only when asked to. */
export function Preview({ stream }: { stream: FullStream }) {
  const { askAs } = useApp();
  const [watching, setWatching] = useState<Watching | null>(null);
  const { busy, error, run } = useAction();
  const show = () => run(async () => {
    const { token } = await askAs(streams.previewToken, stream.id);
    setWatching(silent(new Watching(stream.playback_id, false, token)));
  });
  if (watching === null) return <Covered offline={stream.state === 'idle'} busy={busy} error={error} onShow={show} />;
  return (
    <div className="grid gap-1.5">
      <Running watching={watching} />
      <p className="text-[13px] text-soft">
        <Trans>The preview is not counted as a viewer. <button type="button" className="link-button" onClick={() => setWatching(null)}>Stop the preview</button></Trans>
      </p>
    </div>
  );
}

/** Muted: streamers hear their own sound already. */
function silent(watching: Watching): Watching {
  watching.playback.sound.set(watching.playback.view.get().volume, true);
  return watching;
}

function Running({ watching }: { watching: Watching }) {
  useEffect(() => {
    watching.start();
    return () => watching.stop();
  }, [watching]);
  return <div className="preview overflow-hidden rounded-card"><Player watching={watching} /></div>;
}

function Covered({ offline, busy, error, onShow }: { offline: boolean; busy: boolean; error: string | null; onShow: () => void }) {
  const { t } = useLingui();
  return (
    <div className="player overflow-hidden rounded-card">
      <div className="scene">
        <div className="scene-sign"><Glyph name={offline ? 'moon' : 'play'} /></div>
        <h2>{offline ? t`Offline` : t`Preview`}</h2>
        <p>{t`The preview is not counted as a viewer.`}</p>
        {!offline && <Button look="primary" data-testid="show-preview" busy={busy} onClick={onShow}>{t`Show the preview`}</Button>}
        {error !== null && <p role="alert">{error}</p>}
      </div>
    </div>
  );
}
