import { i18n } from '@lingui/core';
import { msg, plural, t } from '@lingui/core/macro';
import type { MessageDescriptor } from '@lingui/core';

/** Of dates and numbers. English days are written as most of the world writes them; Arabic with the digits of its keyboards. */
export function locale(): string {
  return { en: 'en-GB', ar: 'ar-u-nu-latn' }[i18n.locale] ?? i18n.locale;
}

/** A hue in degrees for a person, the same on every page. */
export function hueOf(id: string): number {
  let hash = 2166136261; // FNV-1a: neighbouring ids get distant hues
  for (const character of id) hash = Math.imul(hash ^ (character.codePointAt(0) ?? 0), 16777619);
  return (hash >>> 0) % 360;
}

export const LONGEST_TEXT_BYTES = 4096;

export function bytesOf(text: string): number {
  return new TextEncoder().encode(text).length;
}

/** A place on a clock: "7:05", "1:02:03". */
export function clockText(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const [hours, minutes, rest] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  const padded = String(rest).padStart(2, '0');
  return hours > 0 ? `${hours}:${String(minutes).padStart(2, '0')}:${padded}` : `${minutes}:${padded}`;
}

export function secondsText(seconds: number): string {
  return secondsUnit(seconds < 10 ? seconds.toFixed(1) : Math.round(seconds));
}

const UNITS = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];

/** Decimal units, as providers bill them. */
export function bytesText(bytes: number): string {
  const step = Math.min(UNITS.length - 1, bytes < 1 ? 0 : Math.floor(Math.log10(bytes) / 3));
  const value = bytes / 1000 ** step;
  return `${value.toFixed(step === 0 || value >= 100 ? 0 : 1)} ${UNITS[step] ?? ''}`;
}

/** "2.5 Mb/s". */
export function rateText(bitsPerSecond: number): string {
  return bitsPerSecond < 1e6 ? `${Math.round(bitsPerSecond / 1e3)} kb/s` : `${(bitsPerSecond / 1e6).toFixed(1)} Mb/s`;
}

export function countText(count: number): string {
  return count.toLocaleString(locale());
}

/** A day as people write it: "24 November 2026". */
export function dateText(rfc3339: string): string {
  return new Date(rfc3339).toLocaleDateString(locale(), { day: 'numeric', month: 'long', year: 'numeric' });
}

/** "24 Nov 2026, 18:05" in the reader's time zone. */
export function momentText(rfc3339: string): string {
  return new Date(rfc3339).toLocaleString(locale(), { day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit' });
}

/** "Sat 28 Nov, 18:00 GMT" in the reader's time zone, which is named because others have others. */
export function appointmentText(rfc3339: string): string {
  return new Date(rfc3339).toLocaleString(locale(), { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', timeZoneName: 'short' });
}

/** "18:05" in the reader's time zone. */
export function timeText(rfc3339: string): string {
  return new Date(rfc3339).toLocaleTimeString(locale(), { hour: '2-digit', minute: '2-digit' });
}

/** "28 Nov, 18:05:09" in the reader's time zone. */
export function secondText(rfc3339: string): string {
  return new Date(rfc3339).toLocaleString(locale(), { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit' });
}

export function viewersText(count: number): string {
  return plural(count, { one: '# viewer', other: '# viewers' });
}

const FIELD = /^([a-z][a-z_]*)((?:\.[a-z0-9_]+)*): (.)/;
const FIELD_NAMES: Record<string, MessageDescriptor> = { origins: msg`Allowed origins`, sub: msg`User id`, email: msg`E-mail` };

/** A refused request names a field by its path, as `origins.0: an origin is …`; people know it by the words of its label. */
export function fieldless(detail: string): string {
  return detail.replace(FIELD, (_all, field: string, rest: string, first: string) => {
    const named = FIELD_NAMES[field];
    const words = named !== undefined ? i18n._(named) : `${field.charAt(0).toUpperCase()}${field.slice(1).replaceAll('_', ' ')}`;
    const line = /^\.(\d+)$/.exec(rest)?.[1];
    return `${words}${line === undefined ? '' : t`, line ${Number(line) + 1}`}: ${first}`;
  });
}

export function waitingText(count: number): string {
  return plural(count, { one: '# person is waiting', other: '# people are waiting' });
}

/** Whole units, the largest two at most: "45 s", "10 min", "1 h 30 min", "7 days". */
export function durationText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return secondsUnit(whole);
  if (whole < 3_600) return joined(minutesUnit(Math.floor(whole / 60)), whole % 60, secondsUnit);
  if (whole < 86_400) return joined(hoursUnit(Math.floor(whole / 3_600)), Math.floor((whole % 3_600) / 60), minutesUnit);
  return joined(plural(Math.floor(whole / 86_400), { one: '# day', other: '# days' }), Math.floor((whole % 86_400) / 3_600), hoursUnit);
}

const secondsUnit = (count: number | string) => t`${count} s`;
const minutesUnit = (count: number) => t`${count} min`;
const hoursUnit = (count: number) => t`${count} h`;

function joined(large: string, small: number, unit: (count: number) => string): string {
  return small === 0 ? large : `${large} ${unit(small)}`;
}
