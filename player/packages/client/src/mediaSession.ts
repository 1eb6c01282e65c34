import type { Watching } from './watchSession';

const STEP_S = 10;

/** What the system shows and offers outside the page: on the lock screen, by the keys of a keyboard or of headphones. Returns the way out of it. */
export function followMediaSession(watching: Watching): () => void {
  if (!('mediaSession' in navigator)) return () => undefined;
  const { playback, follower } = watching;
  const session = navigator.mediaSession;
  handle(session, 'play', () => playback.play());
  handle(session, 'pause', () => playback.pause());
  handle(session, 'seekbackward', ({ seekOffset }) => playback.step(-(seekOffset ?? STEP_S)));
  handle(session, 'seekforward', ({ seekOffset }) => playback.step(seekOffset ?? STEP_S));
  handle(session, 'seekto', ({ seekTime }) => { if (seekTime !== undefined) playback.seek(playback.view.get().from + seekTime); });
  const show = () => {
    const { stream } = follower.view.get();
    session.metadata = stream === null ? null : new MediaMetadata({ title: stream.title, artist: stream.streamer, artwork: stream.poster === null ? [] : [{ src: new URL(watching.poster(stream.poster), location.href).href, type: 'image/jpeg' }] });
  };
  const place = () => {
    const { playing, at, from, to, speed } = playback.view.get();
    session.playbackState = playing ? 'playing' : 'paused';
    session.setPositionState(at === null ? undefined : { duration: to - from, position: Math.max(0, at - from), playbackRate: speed });
  };
  const ends = [follower.view.subscribe(show), playback.view.subscribe(place)];
  show();
  return () => {
    for (const end of ends) end();
    session.metadata = null;
  };
}

/** A browser may know only some of the actions. */
function handle(session: MediaSession, action: MediaSessionAction, handler: MediaSessionActionHandler): void {
  try {
    session.setActionHandler(action, handler);
  } catch {
    return;
  }
}
