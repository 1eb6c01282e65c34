import type Hls from 'hls.js';
import type { FragBufferedData, LoadPolicy } from 'hls.js';
import Light from 'hls.js/light';

/**
 * A stream whose encoder is away keeps its playlist, and the server answers waiting requests with 503 after 6 s: that is
 * asked again without end. A refusal (4xx) is not asked again and comes out as an error at once.
 */
const PATIENT: LoadPolicy = {
  default: {
    maxTimeToFirstByteMs: 10_000,
    maxLoadTimeMs: 15_000,
    timeoutRetry: { maxNumRetry: Infinity, retryDelayMs: 0, maxRetryDelayMs: 0 },
    errorRetry: { maxNumRetry: Infinity, retryDelayMs: 500, maxRetryDelayMs: 2_000, backoff: 'linear' },
  },
};

const BEHIND_S = 30;

type Engine = typeof Hls;

/**
 * Which hls.js plays. A recording may have several sounds and subtitles, which the small one of live streams can't play; the full one is
 * fetched only then (178 KB instead of 114).
 */
export class EngineLoader {
  #count = 0;

  /** `done` gets null when it can't be fetched; it is not called after `cancel`. */
  load(recorded: boolean, done: (Engine: Engine | null) => void): void {
    const count = ++this.#count;
    if (!recorded) {
      done(Light);
      return;
    }
    const fetched = import('hls.js').then(({ default: Full }) => Full, () => null);
    void fetched.then((Full) => { if (count === this.#count) done(Full); });
  }

  cancel(): void {
    this.#count += 1;
  }
}

/** hls.js (`Engine`: small or full) for low-latency playing. The token in each address is replaced by the present one, so it can be renewed in place. */
export function createHls(Engine: Engine, token: () => string): Hls {
  const hls = new Engine({
    lowLatencyMode: true,
    maxLiveSyncPlaybackRate: 1, // see paceFor
    liveSyncOnStallIncrease: 0.5, // hls.js adds a whole second for each stall, which leaves low latency after the second one
    capLevelToPlayerSize: true,
    backBufferLength: Infinity, // see trimBehind
    playlistLoadPolicy: PATIENT,
    xhrSetup: (xhr, url) => xhr.open('GET', withToken(url, token()), true),
  });
  hls.on(Light.Events.FRAG_BUFFERED, (_event, data) => trimBehind(hls, data));
  return hls;
}

/**
 * Drops what was played long ago. hls.js would do it whenever the picture enters the next segment, and if a part is on its way into the
 * buffer at that moment, it forgets that it has the segment's parts and stalls at the segment's end. So it is done here when the newest
 * part has just arrived: nothing comes before the server has the next one.
 */
function trimBehind(hls: Hls, { part }: FragBufferedData): void {
  const { media } = hls;
  if (media === null || media.buffered.length === 0) return;
  const newest = hls.latestLevelDetails?.partList?.at(-1);
  if (part !== null && (part.fragment.sn !== newest?.fragment.sn || part.index !== newest.index)) return;
  const endOffset = trimmedTo(media.buffered.start(0), media.currentTime);
  if (endOffset !== null) hls.trigger(Light.Events.BUFFER_FLUSHING, { startOffset: 0, endOffset, type: null });
}

/** Where the buffer should begin, in seconds on the video's clock; null while that is not worth a removal. */
export function trimmedTo(begin: number, current: number): number | null {
  return current - begin > 2 * BEHIND_S ? current - BEHIND_S : null;
}

/** `/hls/<token>/…` with another token. */
export function withToken(url: string, token: string): string {
  return url.replace(/\/hls\/[^/]+\//, `/hls/${token}/`);
}

export function masterUrl(token: string, playback: string): string {
  return `/hls/${token}/${playback}/master.m3u8`;
}
