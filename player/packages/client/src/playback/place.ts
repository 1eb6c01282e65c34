import type { PlaybackView } from './view';

const LONG_S = 60; // a window of this length is worth a bar to seek in
const NEAR_EDGE_S = 2;
export const SPEEDS: readonly number[] = [0.5, 0.75, 1, 1.25, 1.5, 2];

export type Span = Pick<PlaybackView, 'at' | 'from' | 'to'>;

const NOTHING: Span = { at: null, from: 0, to: 0 };

/** Where the viewer is in what can be sought; `edge` is where a live stream plays in step, null while unknown. Nothing where a bar
 * would have nothing to offer: a live stream without a DVR window. */
export function spanOf({ seekable, currentTime }: Pick<HTMLVideoElement, 'seekable' | 'currentTime'>, live: boolean, edge: number | null): Span {
  if (seekable.length === 0) return NOTHING;
  const from = seekable.start(0);
  const to = (live ? edge : null) ?? seekable.end(seekable.length - 1);
  if (!Number.isFinite(to) || (live && to - from < LONG_S)) return NOTHING;
  const at = live && to - currentTime < NEAR_EDGE_S ? to : currentTime;
  return { at: Math.min(Math.max(at, from), to), from, to };
}

/** The next speed in a direction. */
export function nextSpeed(speed: number, step: 1 | -1): number {
  const at = SPEEDS.indexOf(speed);
  return SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at + step))] ?? 1;
}

const MOMENT = /^(?:(\d{1,3})h)?(?:(\d{1,4})m)?(?:(\d{1,6})s?)?$/;

/** Seconds of `1h2m3s`, `90s` or `90`; null for anything else. */
export function secondsOf(moment: string | null): number | null {
  const found = moment === null || moment === '' ? null : MOMENT.exec(moment);
  if (found === null) return null;
  const [, hours = 0, minutes = 0, seconds = 0] = found;
  return Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
}

/** As it stands in an address: `1h2m3s`. */
export function momentIn(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [[Math.floor(whole / 3600), 'h'], [Math.floor(whole / 60) % 60, 'm'], [whole % 60, 's']] as const;
  return parts.filter(([count]) => count > 0).map(([count, unit]) => `${count}${unit}`).join('') || '0s';
}
