const DAY_MS = 86_400_000;

/** The last `count` days in UTC, today included, oldest first: "2026-11-24". */
export function lastDays(count: number, now: number): string[] {
  return Array.from({ length: count }, (_, index) => new Date(now - (count - 1 - index) * DAY_MS).toISOString().slice(0, 10));
}

/** "24 Nov" for "2026-11-24". */
export function dayText(day: string): string {
  return new Date(`${day}T00:00:00Z`).toLocaleDateString('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
}
