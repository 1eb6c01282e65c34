const NEAR_S = 0.05;
const FASTEST = 1.5;

/**
 * How fast to play, `lag` seconds behind the wanted latency with `ahead` seconds of picture. hls.js plays faster only with more than a second ahead,
 * which low latency never has; a part and a half is enough while the next one is on its way.
 */
export function paceFor(lag: number, ahead: number, partS: number): number {
  if (lag < NEAR_S || ahead < 1.5 * partS) return 1;
  return Math.min(FASTEST, Math.max(1.05, Math.round((2 / (1 + Math.exp(-0.75 * lag))) * 20) / 20));
}
