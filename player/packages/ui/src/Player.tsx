import { useCallback, useEffect, useRef, useState, type MouseEvent, type ReactNode, type RefObject } from 'react';
import { useLingui } from '@lingui/react/macro';
import { followMediaSession } from '@weir/client/mediaSession.ts';
import type { Playback } from '@weir/client/playback/playback.ts';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Controls, type Switch } from './Controls';
import { toggleFullScreen } from './fullscreen';
import { Glyph } from './icons';
import { ReactionButtons, RisingReactions } from './Reactions';
import { PlayerOverlay } from './PlayerOverlay';
import { PlayerPanel, type PanelName } from './PlayerPanels';
import { useShortcuts, type PlayerActions } from './shortcuts';
import { SoundFace } from './SoundFace';
import { usePlayerState } from './usePlayerState';

const QUIET_AFTER_MS = 3_000;
const OFFER_MS = 10_000;

/** What the page around the player has. */
export interface Surroundings {
  /** What fills the full screen: the picture with what belongs to it. */
  frame?: RefObject<HTMLElement | null>;
  theatre?: Switch | null;
  chat?: Switch | null;
  /** Said on the scene of a stream that is off air. */
  next?: ReactNode;
}

interface Props extends Surroundings {
  watching: Watching;
}

/** The picture area, always 16:9: video, what is said over it, and the controls. */
export function Player({ watching, frame, theatre = null, chat = null, next = null }: Props) {
  const { t } = useLingui();
  const { playback } = watching;
  const view = useStore(playback.view);
  const scene = usePlayerState(watching);
  const { stream } = useStore(watching.follower.view);
  const own = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const [quiet, stir] = useQuiet();
  const [panel, setPanel] = useState<PanelName | null>(null);
  const toggle = (name: PanelName) => setPanel((open) => (open === name ? null : name));
  const closePanel = useCallback(() => setPanel(null), []);
  const fullScreen = () => toggleFullScreen((frame ?? own).current, video.current);
  useActions(playback, { fullScreen, theatre: theatre?.toggle ?? null, statistics: () => toggle('statistics'), keys: () => toggle('keys') });
  useEffect(() => (video.current === null ? undefined : playback.attach(video.current)), [playback]);
  useEffect(() => followMediaSession(watching), [watching]);

  return (
    <div className="player" ref={own} data-scene={scene} data-quiet={quiet && view.playing} onPointerMove={stir} onPointerDown={stir} onKeyDown={stir}>
      <video data-testid="video" ref={video} playsInline onClick={(event) => { if (!isTouch(event)) playback.toggle(); }} aria-label={t`Stream`} />
      {scene === 'air' ? <OnPicture watching={watching} /> : <PlayerOverlay scene={scene} watching={watching} next={next} />}
      {panel !== null && <PlayerPanel name={panel} playback={playback} video={video} onClose={closePanel} />}
      {view.picture && <Controls playback={playback} stream={stream} scene={scene} video={video} theatre={theatre} chat={chat} onFullScreen={fullScreen} onPanel={toggle} />}
    </div>
  );
}

/** The keys do what the page's newest rendering says. */
function useActions(playback: Playback, actions: PlayerActions): void {
  const newest = useRef(actions);
  useEffect(() => {
    newest.current = actions;
  });
  useShortcuts(playback, newest);
}

/** What lies over a running picture: sound, play, the sign that data is awaited, and what the viewers do. */
function OnPicture({ watching }: { watching: Watching }) {
  const { t } = useLingui();
  const { playback } = watching;
  const { playing, waiting, muted, offerSound } = useStore(playback.view);
  const { stream } = useStore(watching.follower.view);
  const { chat } = useStore(watching.view);
  return (
    <>
      {stream?.sound_alone && <SoundFace stream={stream} moving={playing && !waiting} />}
      {waiting && <div className="spinner" role="status" aria-label={t`Buffering`} />}
      {!playing && (
        <button type="button" className="big-play" aria-label={t`Play`} onClick={() => playback.play()}>
          <Glyph name="play" />
        </button>
      )}
      {playing && muted && offerSound && <SoundOffer playback={playback} />}
      <RisingReactions reactions={watching.reactions} />
      {chat !== null && <ReactionButtons chat={chat} />}
    </>
  );
}

/** Goes away by itself: the bar has sound too. */
function SoundOffer({ playback }: { playback: Playback }) {
  const { t } = useLingui();
  const [over, setOver] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setOver(true), OFFER_MS);
    return () => clearTimeout(timer);
  }, []);
  if (over) return null;
  return (
    <button type="button" className="sound-offer" onClick={() => playback.sound.toggle()}>
      <Glyph name="silent" />
      {matchMedia('(hover: none)').matches ? t`Tap for sound` : t`Click for sound`}
    </button>
  );
}

/** A finger on the picture asks for the controls; a mouse has them already and pauses. */
function isTouch(event: MouseEvent): boolean {
  return (event.nativeEvent as PointerEvent).pointerType === 'touch';
}

/** True when the player has not been touched for a while; the second value is called on every touch. */
function useQuiet(): [boolean, () => void] {
  const [quiet, setQuiet] = useState(false);
  const timer = useRef<number>(undefined);
  const stir = () => {
    setQuiet(false);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => setQuiet(true), QUIET_AFTER_MS);
  };
  useEffect(() => {
    timer.current = window.setTimeout(() => setQuiet(true), QUIET_AFTER_MS);
    return () => clearTimeout(timer.current);
  }, []);
  return [quiet, stir];
}
