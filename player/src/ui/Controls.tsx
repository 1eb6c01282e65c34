import type { RefObject } from 'react';
import type { Playback } from '../lib/playback/playback';
import { useStore } from '../lib/store';
import { secondsText } from '../lib/wording';
import { togglePictureInPicture, toggleFullScreen, useFullScreen } from './fullscreen';
import { Glyph, type IconName } from './icons';
import { QualityMenu } from './QualityMenu';

interface Props {
  playback: Playback;
  frame: RefObject<HTMLDivElement | null>;
  video: RefObject<HTMLVideoElement | null>;
}

/** The bar at the lower edge of the picture. */
export function Controls({ playback, frame, video }: Props) {
  const { playing, muted, volume } = useStore(playback.view);
  const full = useFullScreen();
  return (
    <div className="controls" role="group" aria-label="Player">
      <Control icon={playing ? 'pause' : 'play'} label={playing ? 'Pause (space)' : 'Play (space)'} onClick={() => playback.toggle()} />
      <div className="volume">
        <Control icon={muted ? 'silent' : 'sound'} label={muted ? 'Sound on (m)' : 'Sound off (m)'} onClick={() => playback.toggleSound()} />
        <input type="range" min="0" max="1" step="0.05" aria-label="Volume" value={muted ? 0 : volume} onChange={(event) => playback.setVolume(Number(event.target.value))} />
      </div>
      <LiveIndicator playback={playback} />
      <span className="spacer" />
      <QualityMenu playback={playback} />
      {document.pictureInPictureEnabled && (
        <Control icon="window" label="Picture in picture" className="pip" onClick={() => void togglePictureInPicture(video.current)} />
      )}
      <Control icon={full ? 'small' : 'full'} label={full ? 'Leave full screen (f)' : 'Full screen (f)'} onClick={() => toggleFullScreen(frame.current, video.current)} />
    </div>
  );
}

interface ControlProps {
  icon: IconName;
  label: string;
  className?: string;
  onClick: () => void;
}

function Control({ icon, label, className = '', onClick }: ControlProps) {
  return (
    <button type="button" className={`control ${className}`} aria-label={label} title={label} onClick={onClick}>
      <Glyph name={icon} />
    </button>
  );
}

/** Whether this is the present moment, how far behind the encoder it is, and the way back to it. */
function LiveIndicator({ playback }: { playback: Playback }) {
  const { atLive, latency, picture } = useStore(playback.view);
  const behind = latency === null ? '' : secondsText(latency);
  return (
    <>
      <span className="live" data-testid="live-indicator" data-live={atLive} data-latency={latency?.toFixed(2)} title="Behind the streamer">
        <span className="live-dot" />
        {atLive ? 'Live' : 'Behind'}
        {behind && <span className="live-seconds">{atLive ? behind : `−${behind}`}</span>}
      </span>
      {picture && !atLive && (
        <button type="button" className="jump" data-testid="jump-to-live" onClick={() => playback.jumpToLive()}>
          Jump to live
        </button>
      )}
    </>
  );
}
