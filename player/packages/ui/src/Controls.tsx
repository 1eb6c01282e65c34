import { useLingui } from '@lingui/react/macro';
import type { RefObject } from 'react';
import type { Stream } from '@weir/client/api.ts';
import type { Playback } from '@weir/client/playback/playback.ts';
import type { Scene } from '@weir/client/playerState.ts';
import { useStore } from '@weir/client/observable.ts';
import { clockText, secondsText } from '@weir/client/format.ts';
import { Control } from './Control';
import { togglePictureInPicture, useFullScreen } from './fullscreen';
import type { PanelName } from './PlayerPanels';
import { RemoteButton } from './RemoteButton';
import { SeekBar } from './SeekBar';
import { SettingsMenu } from './SettingsMenu';
import { TrackMenu } from './TrackMenu';

/** On or off, and the way to the other. */
export interface Switch {
  on: boolean;
  toggle: () => void;
}

interface Props {
  playback: Playback;
  stream: Stream | null;
  scene: Scene;
  video: RefObject<HTMLVideoElement | null>;
  /** Null where the page has no such view. */
  theatre: Switch | null;
  /** The chat over the picture, on the full screen. */
  chat: Switch | null;
  onFullScreen: () => void;
  onPanel: (panel: PanelName) => void;
}

/** The bar at the lower edge of the picture. While a card covers the picture it offers only what has nothing to do with it. */
export function Controls(props: Props) {
  const { t } = useLingui();
  const { playback, stream, scene } = props;
  const onAir = scene === 'air';
  return (
    <div className="controls" role="group" aria-label={t`Player`}>
      {onAir && <Place playback={playback} stream={stream} />}
      <Volume playback={playback} />
      {onAir && <Time playback={playback} stream={stream} />}
      <span className="spacer" />
      {onAir && <OfPicture {...props} />}
      <Views {...props} />
    </div>
  );
}

function OfPicture({ playback, video, onPanel }: Props) {
  const { t } = useLingui();
  const inWindow = document.pictureInPictureEnabled ? () => void togglePictureInPicture(video.current) : null;
  return (
    <>
      <TrackMenu tracks={playback.tracks} />
      <RemoteButton video={video} />
      <SettingsMenu playback={playback} onPanel={onPanel} onPictureInPicture={inWindow} />
      {inWindow && <Control icon="window" label={t`Picture in picture`} className="wide-only" onClick={inWindow} />}
    </>
  );
}

/** How large the picture is, and whether the chat lies over it. */
function Views({ theatre, chat, onFullScreen }: Props) {
  const { t } = useLingui();
  if (useFullScreen()) {
    return (
      <>
        {chat !== null && <Control icon="chat" label={chat.on ? t`Hide the chat` : t`Show the chat`} pressed={chat.on} onClick={chat.toggle} />}
        <Control icon="small" label={t`Leave full screen (f)`} onClick={onFullScreen} />
      </>
    );
  }
  return (
    <>
      {theatre !== null && <Control icon={theatre.on ? 'narrow' : 'theatre'} label={theatre.on ? t`Leave theatre view (t)` : t`Theatre view (t)`} className="theatre-button" onClick={theatre.toggle} />}
      <Control icon="full" label={t`Full screen (f)`} onClick={onFullScreen} />
    </>
  );
}

type OfStream = Pick<Props, 'playback' | 'stream'>;

function Place({ playback, stream }: OfStream) {
  const { t } = useLingui();
  const { playing } = useStore(playback.view);
  return (
    <>
      <SeekBar playback={playback} recorded={stream?.state === 'recorded'} previews={stream?.previews ?? false} />
      <Control icon={playing ? 'pause' : 'play'} label={playing ? t`Pause (space)` : t`Play (space)`} onClick={() => playback.toggle()} />
    </>
  );
}

/** Nothing while the last seconds of a broadcast that has ended play out. */
function Time({ playback, stream }: OfStream) {
  if (stream?.state === 'recorded') return <Clock playback={playback} />;
  return stream?.state === 'live' ? <LiveIndicator playback={playback} /> : null;
}

function Volume({ playback }: { playback: Playback }) {
  const { t } = useLingui();
  const { muted, volume } = useStore(playback.view);
  return (
    <div className="volume">
      <Control icon={muted ? 'silent' : 'sound'} label={muted ? t`Sound on (m)` : t`Sound off (m)`} onClick={() => playback.sound.toggle()} />
      <input type="range" min="0" max="1" step="0.05" aria-label={t`Volume`} value={muted ? 0 : volume} onChange={(event) => playback.sound.set(Number(event.target.value))} />
    </div>
  );
}

const LONG_BEHIND_S = 60;

/** Where in a recording, and how long it is. */
function Clock({ playback }: { playback: Playback }) {
  const { at, from, to } = useStore(playback.view);
  return at === null ? null : <span className="clock" dir="ltr" data-testid="clock">{`${clockText(at - from)} / ${clockText(to - from)}`}</span>;
}

/** Whether this is the present moment, how far behind the encoder it is, and the way back to it. */
function LiveIndicator({ playback }: { playback: Playback }) {
  const { t } = useLingui();
  const { atLive, latency, picture } = useStore(playback.view);
  const behind = latency === null ? '' : latency < LONG_BEHIND_S ? secondsText(latency) : clockText(latency);
  return (
    <>
      <span className="live" data-testid="live-indicator" data-live={atLive} data-latency={latency?.toFixed(2)} title={behind && t`${behind} behind the streamer`}>
        <span className="live-dot" />
        {atLive || !behind ? t`Live` : t`${behind} behind`}
        {atLive && behind && <bdi className="live-seconds">{behind}</bdi>}
      </span>
      {picture && !atLive && (
        <button type="button" className="jump" data-testid="jump-to-live" onClick={() => playback.jumpToLive()}>
          {t`Jump to live`}
        </button>
      )}
    </>
  );
}
