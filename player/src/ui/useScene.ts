import { sceneOf, type Scene } from '../lib/scene';
import { useStore } from '../lib/store';
import type { Watching } from '../lib/watching';

/** What the picture area of this page shows now; badge and bar go by it too. */
export function useScene(watching: Watching): Scene {
  const { refusal } = useStore(watching.access.view);
  const { failure, picture, playing, waiting } = useStore(watching.playback.view);
  const { missing, unreachable, stream, wasLive } = useStore(watching.follower.view);
  const moving = picture && playing && !waiting;
  const about = stream === null ? { state: null, hadShow: false } : { state: stream.state, hadShow: stream.ended !== null };
  return sceneOf({ refusal, failure, missing, unreachable, wasLive, picture, moving, ...about });
}
