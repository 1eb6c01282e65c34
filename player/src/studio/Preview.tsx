import { useEffect, useState } from 'react';
import { Watching } from '../lib/watching';
import { Player } from '../ui/Player';

/** What viewers see, without the chat. It counts as a viewer like any other player. */
export function Preview({ playback }: { playback: string }) {
  const [watching] = useState(() => new Watching(playback, false));
  useEffect(() => {
    watching.start();
    return () => watching.stop();
  }, [watching]);
  return <Player watching={watching} />;
}
