/** "2026-11-28" of a moment, in the reader's zone, as an `<input type="date">` has it. */
export function dayOf(moment: Date): string {
  return [moment.getFullYear(), moment.getMonth() + 1, moment.getDate()].map((part) => String(part).padStart(2, '0')).join('-');
}

/** The first moment of a day and of the next one, in the reader's zone; nothing for a text that is no day. */
export function spanOf(day: string): { since: string; until: string } | null {
  const first = new Date(`${day}T00:00`);
  if (Number.isNaN(first.getTime())) return null;
  const next = new Date(first.getFullYear(), first.getMonth(), first.getDate() + 1);
  return { since: first.toISOString(), until: next.toISOString() };
}

export function dayAfter(day: string, days: number): string {
  const first = new Date(`${day}T00:00`);
  return Number.isNaN(first.getTime()) ? day : dayOf(new Date(first.getFullYear(), first.getMonth(), first.getDate() + days));
}
