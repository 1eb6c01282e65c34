import Hls, { type LoadPolicy } from 'hls.js';

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

/** hls.js for low-latency playing. The token in each address is replaced by the present one, so it can be renewed in place. */
export function createHls(token: () => string): Hls {
  return new Hls({
    lowLatencyMode: true,
    maxLiveSyncPlaybackRate: 1.5,
    liveSyncOnStallIncrease: 0.5, // hls.js adds a whole second for each stall, which leaves low latency after the second one
    capLevelToPlayerSize: true,
    backBufferLength: 30,
    playlistLoadPolicy: PATIENT,
    xhrSetup: (xhr, url) => xhr.open('GET', withToken(url, token()), true),
  });
}

/** `/hls/<token>/…` with another token. */
export function withToken(url: string, token: string): string {
  return url.replace(/\/hls\/[^/]+\//, `/hls/${token}/`);
}

export function masterUrl(token: string, playback: string): string {
  return `/hls/${token}/${playback}/master.m3u8`;
}
