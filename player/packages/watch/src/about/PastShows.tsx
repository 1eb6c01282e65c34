import { useCallback, useEffect, useState } from 'react';
import { useLingui } from '@lingui/react/macro';
import { getPastShows, type PastShow, type WatchedStream } from '@weir/client/api.ts';
import { clockText, dateText } from '@weir/client/format.ts';
import { Problem, wordsOf } from '@weir/client/http.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Glyph } from '@weir/ui/icons.tsx';

const AT_ONCE = 12;

interface Props {
  watching: Watching;
  stream: WatchedStream;
}

/** Recordings of the same stream, newest first; absent where there are none. */
export function PastShows({ watching, stream }: Props) {
  const { t } = useLingui();
  const { shows, more, asking, problem, ask } = usePastShows(watching, stream);
  const others = shows.filter(({ id }) => id !== stream.playback_id);
  if (others.length === 0) return null;
  return (
    <section className="past" aria-label={t`Past broadcasts`} data-testid="past-shows">
      <h2>{t`Past broadcasts`}</h2>
      <ul>{others.map((show) => <li key={show.id}><Card show={show} fallback={stream.title} signed={watching.poster('') !== '' ? watching : null} /></li>)}</ul>
      {problem !== null && <p role="alert" className="past-problem">{problem}</p>}
      {more && <button type="button" className="small-button plain" disabled={asking} onClick={ask}>{t`Show more`}</button>}
    </section>
  );
}

interface Asked {
  shows: readonly PastShow[];
  cursor: string | null;
  asking: boolean;
  problem: string | null;
}

/** Anew whenever a broadcast has ended and its recording is there. */
function usePastShows(watching: Watching, stream: WatchedStream) {
  const playback = stream.playback_id;
  const [asked, setAsked] = useState<Asked>({ shows: [], cursor: null, asking: false, problem: null });
  const load = useCallback(async (cursor: string | null) => {
    setAsked((before) => ({ ...before, asking: true, problem: null }));
    try {
      const token = watching.poster('') === '' ? null : watching.access.playbackToken();
      const page = await getPastShows(playback, token, cursor, AT_ONCE);
      setAsked((before) => ({ shows: cursor === null ? page.data : [...before.shows, ...page.data], cursor: page.next_cursor, asking: false, problem: null }));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      setAsked((before) => ({ ...before, asking: false, problem: before.shows.length > 0 ? wordsOf(error) : null }));
    }
  }, [watching, playback]);
  useEffect(() => {
    void load(null);
  }, [load, stream.recording]);
  return { shows: asked.shows, more: asked.cursor !== null, asking: asked.asking, problem: asked.problem, ask: () => void load(asked.cursor) };
}

function Card({ show, fallback, signed }: { show: PastShow; fallback: string; signed: Watching | null }) {
  const [broken, setBroken] = useState(false);
  const title = show.title || fallback;
  return (
    <a className="card" href={`/watch/${show.id}`} title={title}>
      <span className="card-picture">
        {broken ? <Glyph name="play" /> : <img src={signed === null ? show.poster : signed.poster(show.poster)} alt="" loading="lazy" onError={() => setBroken(true)} />}
        {show.duration_s !== null && <span className="card-duration" dir="ltr">{clockText(show.duration_s)}</span>}
      </span>
      <span className="card-title"><bdi>{title}</bdi></span>
      <time dateTime={show.started}>{dateText(show.started)}</time>
    </a>
  );
}
