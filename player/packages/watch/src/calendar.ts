import type { Planned } from '@weir/client/api.ts';

const HOUR_MS = 3_600_000;
const LONGEST_OCTETS = 75;

interface Of {
  id: string;
  title: string;
}

/** An iCalendar file (RFC 5545) with one event of an hour. `now` is milliseconds since the epoch. */
export function calendarFile(planned: Planned, stream: Of, address: string, now: number): string {
  const start = Date.parse(planned.starts_at);
  const lines = [
    'BEGIN:VCALENDAR', 'VERSION:2.0', 'PRODID:-//Weir//Schedule//EN', 'BEGIN:VEVENT',
    `UID:${stream.id}-${start}@${new URL(address).hostname}`, `DTSTAMP:${stamp(now)}`, `DTSTART:${stamp(start)}`, `DTEND:${stamp(start + HOUR_MS)}`,
    `SUMMARY:${escaped(planned.title || stream.title)}`, `DESCRIPTION:${escaped(stream.title)}`, `URL:${address}`,
    'END:VEVENT', 'END:VCALENDAR',
  ];
  return lines.map(folded).join('\r\n') + '\r\n';
}

/** `20261128T180000Z` */
function stamp(moment: number): string {
  return new Date(moment).toISOString().replace(/[-:]|\.\d+/g, '');
}

function escaped(text: string): string {
  return text.replace(/[\\;,]/g, '\\$&').replace(/\r\n|\r|\n/g, '\\n');
}

/** Lines have 75 octets at most; what follows begins with a blank. No character is cut in two. */
function folded(line: string): string {
  let [shown, octets] = ['', 0];
  for (const character of line) {
    const size = new TextEncoder().encode(character).length;
    if (octets + size > LONGEST_OCTETS) [shown, octets] = [`${shown}\r\n `, 1];
    shown += character;
    octets += size;
  }
  return shown;
}
