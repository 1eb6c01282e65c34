import { useEffect, useState } from 'react';
import { locale, momentText } from '@weir/client/format.ts';

const STEPS = [[60, 'second', 1], [3_600, 'minute', 60], [86_400, 'hour', 3_600], [30 * 86_400, 'day', 86_400], [365 * 86_400, 'month', 30 * 86_400]] as const;

/** "3 minutes ago", "in 2 days". */
export function relativeText(rfc3339: string, now = Date.now()): string {
  const seconds = (Date.parse(rfc3339) - now) / 1000;
  const words = new Intl.RelativeTimeFormat(locale(), { numeric: 'auto' });
  for (const [below, unit, size] of STEPS) {
    if (Math.abs(seconds) < below) return words.format(Math.round(seconds / size), unit);
  }
  return words.format(Math.round(seconds / (365 * 86_400)), 'year');
}

/** How long ago; the whole moment, in the reader's zone, as its title. */
export function Ago({ value }: { value: string }) {
  const [, again] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => again((count) => count + 1), 20_000);
    return () => clearInterval(timer);
  }, []);
  return <time dateTime={value} title={momentText(value)}>{relativeText(value)}</time>;
}

export function Moment({ value }: { value: string }) {
  return <time dateTime={value} title={new Date(value).toISOString()}>{momentText(value)}</time>;
}
