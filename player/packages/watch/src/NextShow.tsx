import { useLingui } from '@lingui/react/macro';
import type { WatchedStream } from '@weir/client/api.ts';
import { appointmentText, durationText } from '@weir/client/format.ts';
import { CalendarButton } from './CalendarButton';
import { useNow } from './useNow';

/** On the scene of a stream that is off air: when it goes on, and how long that is from now. */
export function NextShow({ stream }: { stream: WatchedStream }) {
  const { t } = useLingui();
  const now = useNow();
  const planned = stream.schedule.find((one) => Date.parse(one.starts_at) > now - LATE_MS);
  if (planned === undefined) return null;
  const seconds = Math.ceil((Date.parse(planned.starts_at) - now) / 1000);
  const rest = durationText(seconds);
  return (
    <div className="next-show" data-testid="next-show">
      {planned.title !== '' && <p className="next-title"><bdi>{planned.title}</bdi></p>}
      <p>
        <time dateTime={planned.starts_at}>{appointmentText(planned.starts_at)}</time>
        {' · '}
        <b role="timer" data-testid="countdown">{seconds > 0 ? t`in ${rest}` : t`any moment now`}</b>
      </p>
      <CalendarButton stream={stream} planned={planned} />
    </div>
  );
}

/** Shows begin late now and then. */
const LATE_MS = 15 * 60_000;
