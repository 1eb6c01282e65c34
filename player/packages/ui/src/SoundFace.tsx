import { useLingui } from '@lingui/react/macro';
import type { WatchedStream } from '@weir/client/api.ts';
import { Avatar } from './Avatar';
import { Glyph } from './icons';

const BARS = [0, 1, 2, 3, 4] as const;

/** In the place of a picture that the broadcast does not have. */
export function SoundFace({ stream, moving }: { stream: WatchedStream; moving: boolean }) {
  const { t } = useLingui();
  return (
    <div className="scene sound-poster" data-testid="sound-poster">
      {stream.streamer === '' ? <div className="scene-sign"><Glyph name="sound" /></div> : <Avatar className="sound-avatar" name={stream.streamer} address={stream.avatar} />}
      <h2 className="scene-title"><bdi>{stream.title}</bdi></h2>
      <div className="sound-level" data-moving={moving} aria-hidden="true">{BARS.map((bar) => <span key={bar} />)}</div>
      <p>{t`Audio only`}</p>
    </div>
  );
}
