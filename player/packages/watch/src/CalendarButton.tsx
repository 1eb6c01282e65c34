import { useLingui } from '@lingui/react/macro';
import type { Planned, WatchedStream } from '@weir/client/api.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { calendarFile } from './calendar';

/** One announced broadcast as a file that every calendar takes. */
export function CalendarButton({ stream, planned }: { stream: WatchedStream; planned: Planned }) {
  const { t } = useLingui();
  const save = () => {
    const address = new URL(location.pathname, location.href).href;
    const file = calendarFile(planned, stream, address, Date.now());
    const blob = URL.createObjectURL(new Blob([file], { type: 'text/calendar' }));
    Object.assign(document.createElement('a'), { href: blob, download: 'broadcast.ics' }).click();
    URL.revokeObjectURL(blob);
  };
  return (
    <button type="button" className="calendar-button" data-testid="to-calendar" onClick={save}>
      <Glyph name="calendar" />
      {t`Add to calendar`}
    </button>
  );
}
