import { sceneOf, type Scene } from '@weir/client/playerState.ts';
import { useStore } from '@weir/client/observable.ts';
import type { Watching } from '@weir/client/watchSession.ts';

/** What the picture area of this page shows now; badge and bar go by it too. */
export function usePlayerState(watching: Watching): Scene {
  const { refusal } = useStore(watching.access.view);
  const { failure, picture, playing, waiting } = useStore(watching.playback.view);
  const { missing, unreachable, stream, wasLive } = useStore(watching.follower.view);
  const moving = picture && playing && !waiting;
  const about = stream === null ? { state: null, hadShow: false } : { state: stream.state, hadShow: stream.ended !== null };
  return sceneOf({ refusal, failure, missing, unreachable, wasLive, picture, moving, ...about });
}
