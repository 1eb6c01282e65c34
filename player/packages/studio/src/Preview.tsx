import { useEffect, useState } from 'react';
import { Watching } from '@weir/client/watchSession.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { Player } from '@weir/ui/Player.tsx';
import type { OwnStream } from './api';
import type { Desk } from './studioStore';
import { useAction } from './useAction';

/** What viewers see, without the chat. It costs the same data as a viewer, so it plays only when asked to. */
export function Preview({ desk, stream }: { desk: Desk; stream: OwnStream }) {
  const [watching, setWatching] = useState<Watching | null>(null);
  const { busy, error, run } = useAction();
  const show = () => run(async () => setWatching(silent(new Watching(stream.playback_id, false, await desk.previewToken(stream)))));
  if (watching === null) return <Covered stream={stream} busy={busy} error={error} onShow={show} />;
  return (
    <div className="preview">
      <Running watching={watching} />
      <p className="soft">
        The preview is not counted as a viewer. <button type="button" className="link-button" onClick={() => setWatching(null)}>Stop the preview</button>
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
  return <Player watching={watching} />;
}

interface CoveredProps {
  stream: OwnStream;
  busy: boolean;
  error: string | null;
  onShow: () => void;
}

function Covered({ stream, busy, error, onShow }: CoveredProps) {
  const offline = stream.state === 'idle';
  return (
    <div className="player">
      <div className="scene">
        <div className="scene-sign"><Glyph name={offline ? 'moon' : 'play'} /></div>
        <h2>{offline ? 'Offline' : 'Preview'}</h2>
        <p>{offline ? 'Start your encoder with the server and the stream key on this page.' : 'The preview is not counted as a viewer.'}</p>
        {!offline && <button type="button" className="small-button" data-testid="show-preview" disabled={busy} onClick={onShow}>Show the preview</button>}
        {error !== null && <p role="alert">{error}</p>}
      </div>
    </div>
  );
}
