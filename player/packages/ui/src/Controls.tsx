import type { RefObject } from 'react';
import type { Stream } from '@weir/client/api.ts';
import type { Playback } from '@weir/client/playback/playback.ts';
import type { Scene } from '@weir/client/playerState.ts';
import { useStore } from '@weir/client/observable.ts';
import { clockText, secondsText } from '@weir/client/format.ts';
import { togglePictureInPicture, toggleFullScreen, useFullScreen } from './fullscreen';
import { Glyph, type IconName } from './icons';
import { QualityMenu, TrackMenu } from './QualityMenu';
import { SeekBar } from './SeekBar';

interface Props {
  playback: Playback;
  stream: Stream | null;
  scene: Scene;
  frame: RefObject<HTMLDivElement | null>;
  video: RefObject<HTMLVideoElement | null>;
}

/** The bar at the lower edge of the picture. While a card covers the picture it offers only what has nothing to do with it. */
export function Controls({ playback, stream, scene, frame, video }: Props) {
  const full = useFullScreen();
  const onAir = scene === 'air';
  return (
    <div className="controls" role="group" aria-label="Player">
      {onAir && <Place playback={playback} stream={stream} />}
      <Volume playback={playback} />
      {onAir && <Time playback={playback} stream={stream} />}
      <span className="spacer" />
      {onAir && <TrackMenu tracks={playback.tracks} />}
      {onAir && <QualityMenu playback={playback} />}
      {onAir && document.pictureInPictureEnabled && (
        <Control icon="window" label="Picture in picture" className="pip" onClick={() => void togglePictureInPicture(video.current)} />
      )}
      <Control icon={full ? 'small' : 'full'} label={full ? 'Leave full screen (f)' : 'Full screen (f)'} onClick={() => toggleFullScreen(frame.current, video.current)} />
    </div>
  );
}

type OfStream = Pick<Props, 'playback' | 'stream'>;

function Place({ playback, stream }: OfStream) {
  const { playing } = useStore(playback.view);
  return (
    <>
      <SeekBar playback={playback} recorded={stream?.state === 'recorded'} previews={stream?.previews ?? false} />
      <Control icon={playing ? 'pause' : 'play'} label={playing ? 'Pause (space)' : 'Play (space)'} onClick={() => playback.toggle()} />
    </>
  );
}

/** Nothing while the last seconds of a broadcast that has ended play out. */
function Time({ playback, stream }: OfStream) {
  if (stream?.state === 'recorded') return <Clock playback={playback} />;
  return stream?.state === 'live' ? <LiveIndicator playback={playback} /> : null;
}

function Volume({ playback }: { playback: Playback }) {
  const { muted, volume } = useStore(playback.view);
  return (
    <div className="volume">
      <Control icon={muted ? 'silent' : 'sound'} label={muted ? 'Sound on (m)' : 'Sound off (m)'} onClick={() => playback.toggleSound()} />
      <input type="range" min="0" max="1" step="0.05" aria-label="Volume" value={muted ? 0 : volume} onChange={(event) => playback.setVolume(Number(event.target.value))} />
    </div>
  );
}

const LONG_BEHIND_S = 60;

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

/** Where in a recording, and how long it is. */
function Clock({ playback }: { playback: Playback }) {
  const { at, from, to } = useStore(playback.view);
  return at === null ? null : <span className="clock" data-testid="clock">{`${clockText(at - from)} / ${clockText(to - from)}`}</span>;
}

/** Whether this is the present moment, how far behind the encoder it is, and the way back to it. */
function LiveIndicator({ playback }: { playback: Playback }) {
  const { atLive, latency, picture } = useStore(playback.view);
  const behind = latency === null ? '' : latency < LONG_BEHIND_S ? secondsText(latency) : clockText(latency);
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
