import type { ErrorData } from 'hls.js';
import Light from 'hls.js/light';

/** What a fatal or refused load asks for: new rights, a decoder started anew, or the whole source taken up anew; `give up` where this browser can't
 * decode it. */
export type Cure = 'give up' | 'authorise' | 'decode' | 'reload' | 'none';

export interface Failure {
  network: boolean;
  media: boolean;
  /** There is no decoder for it. */
  codec: boolean;
  fatal: boolean;
  /** HTTP status, when there was an answer. */
  status: number | null;
}

const CODEC_ERRORS: ReadonlySet<string> = new Set(['manifestIncompatibleCodecsError', 'bufferAddCodecError', 'bufferIncompatibleCodecsError']);

export function failureOf({ type, details, fatal, response }: ErrorData): Failure {
  const [network, media] = [type === Light.ErrorTypes.NETWORK_ERROR, type === Light.ErrorTypes.MEDIA_ERROR];
  return { network, media, codec: CODEC_ERRORS.has(details), fatal, status: response?.code ?? null };
}

const DECODER_REST_MS = 10_000;

/** `sinceDecoder` is how long ago the decoder was last started anew, ms. */
export function cureFor(failure: Failure, sinceDecoder: number): Cure {
  if (failure.network && (failure.status === 401 || failure.status === 403)) return 'authorise';
  if (!failure.fatal) return 'none';
  if (failure.codec) return 'give up';
  return failure.media && sinceDecoder > DECODER_REST_MS ? 'decode' : 'reload';
}

/** Seconds behind the wanted latency from which playing faster does not help: hls.js only catches up from near. */
export const FAR_S = 2;
const GAIN_S = 1;
const SEEK_REST_MS = 4_000;

export interface Position {
  /** Seconds behind where low-latency playing should be. */
  lag: number;
  /** Where playing would be in step with the live edge, on the video's clock. */
  target: number;
  current: number;
  /** The viewer paused or went back: the place is theirs. */
  chosen: boolean;
  /** Since the last jump, ms. */
  sinceSeek: number;
}

/** True when the player should jump towards the live edge by itself, which must gain something worth the jump. */
export function shouldCatchUp({ lag, target, current, chosen, sinceSeek }: Position): boolean {
  return !chosen && lag > FAR_S && target - current > GAIN_S && sinceSeek > SEEK_REST_MS;
}
