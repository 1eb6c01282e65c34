import { useEffect, useState } from 'react';
import { Watching } from '../lib/watching';
import { Player } from '../ui/Player';

/** What viewers see, without the chat. It counts as a viewer like any other player. `token` opens a signed stream. */
export function Preview({ playback, token }: { playback: string; token: string | null }) {
  const [watching] = useState(() => new Watching(playback, false, token));
  useEffect(() => {
    watching.start();
    return () => watching.stop();
  }, [watching]);
  return <Player watching={watching} />;
}
