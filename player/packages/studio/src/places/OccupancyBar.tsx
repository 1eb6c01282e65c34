import { useLingui } from '@lingui/react/macro';
import { countText } from '@weir/client/format.ts';
import type { Occupancy } from './api';

/** How full a place is: taken and reserved spaces as a part of all. */
export function OccupancyBar({ occupancy: { total, occupied, reserved } }: { occupancy: Occupancy }) {
  const { t } = useLingui();
  const share = (count: number) => `${total === 0 ? 0 : (count / total) * 100}%`;
  const words = t`${countText(occupied)} of ${countText(total)} occupied`;
  return (
    <div className="flex h-2 overflow-hidden rounded-full bg-raised" role="img" aria-label={words} title={words}>
      <span className="bg-live" style={{ inlineSize: share(occupied) }} />
      <span className="bg-accent" style={{ inlineSize: share(reserved) }} />
    </div>
  );
}
