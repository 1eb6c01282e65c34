import { useCallback, useEffect, useRef, useState, type MouseEvent } from 'react';
import type { Playback } from '@weir/client/playback/playback.ts';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Controls } from './Controls';
import { Glyph } from './icons';
import { ReactionButtons, RisingReactions } from './Reactions';
import { PlayerOverlay } from './PlayerOverlay';
import { PlayerPanel, type PanelName } from './PlayerPanels';
import { useShortcuts } from './shortcuts';
import { usePlayerState } from './usePlayerState';

const QUIET_AFTER_MS = 3_000;
const OFFER_MS = 10_000;

/** The picture area, always 16:9: video, what is said over it, and the controls. */
export function Player({ watching }: { watching: Watching }) {
  const { playback } = watching;
  const view = useStore(playback.view);
  const scene = usePlayerState(watching);
  const { error, stream } = useStore(watching.follower.view);
  const frame = useRef<HTMLDivElement>(null);
  const video = useRef<HTMLVideoElement>(null);
  const [quiet, stir] = useQuiet();
  const [panel, setPanel] = useState<PanelName | null>(null);
  const toggle = useCallback((name: PanelName) => setPanel((open) => (open === name ? null : name)), []);
  useShortcuts(playback, frame, video, toggle);
  useEffect(() => (video.current === null ? undefined : playback.attach(video.current)), [playback]);

  return (
    <div className="player" ref={frame} data-scene={scene} data-quiet={quiet && view.playing} onPointerMove={stir} onPointerDown={stir} onKeyDown={stir}>
      <video data-testid="video" ref={video} playsInline onClick={(event) => { if (!isTouch(event)) playback.toggle(); }} aria-label="Stream" />
      {scene !== 'air' && <PlayerOverlay scene={scene} stream={stream} error={scene === 'interrupted' || scene === 'starting' ? error : null} />}
      {scene === 'air' && <OnPicture watching={watching} />}
      {panel !== null && <PlayerPanel name={panel} playback={playback} video={video} onClose={() => setPanel(null)} />}
      {view.picture && <Controls playback={playback} stream={stream} scene={scene} frame={frame} video={video} />}
    </div>
  );
}

/** In the place of a picture that the broadcast does not have. */
function SoundPoster({ title }: { title: string }) {
  return (
    <div className="scene sound-poster" data-testid="sound-poster">
      <div className="scene-sign"><Glyph name="sound" /></div>
      <h2>{title}</h2>
      <p>Audio only</p>
    </div>
  );
}

/** What lies over a running picture: sound, play, the sign that data is awaited, and what the viewers do. */
function OnPicture({ watching }: { watching: Watching }) {
  const { playback } = watching;
  const { playing, waiting, offerSound } = useStore(playback.view);
  const { stream } = useStore(watching.follower.view);
  const { chat } = useStore(watching.view);
  return (
    <>
      {stream?.sound_alone && <SoundPoster title={stream.title} />}
      {waiting && <div className="spinner" role="status" aria-label="Buffering" />}
      {!playing && (
        <button type="button" className="big-play" aria-label="Play" onClick={() => playback.play()}>
          <Glyph name="play" />
        </button>
      )}
      {playing && offerSound && <SoundOffer playback={playback} />}
      <RisingReactions reactions={watching.reactions} />
      {chat !== null && <ReactionButtons chat={chat} />}
    </>
  );
}

/** Goes away by itself: the bar has sound too. */
function SoundOffer({ playback }: { playback: Playback }) {
  const [over, setOver] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setOver(true), OFFER_MS);
    return () => clearTimeout(timer);
  }, []);
  if (over) return null;
  return (
    <button type="button" className="sound-offer" onClick={() => playback.toggleSound()}>
      <Glyph name="silent" />
      {matchMedia('(hover: none)').matches ? 'Tap' : 'Click'} for sound
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
