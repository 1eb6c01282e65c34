import { msg } from '@lingui/core/macro';
import type { MessageDescriptor } from '@lingui/core';
import type { Tone } from '@weir/kit/Badge.tsx';
import type { Cause, DeviceKind, Occupancy, ReservationStatus, SpaceState } from './api';

/** In the order of the board's legend. `count` is the field of the occupancy that has their number. */
export const STATES: Record<SpaceState, { words: MessageDescriptor; tone: Tone; count: keyof Occupancy }> = {
  free: { words: msg`Free`, tone: 'good', count: 'available' },
  occupied: { words: msg`Occupied`, tone: 'bad', count: 'occupied' },
  reserved: { words: msg`Reserved`, tone: 'accent', count: 'reserved' },
  maintenance: { words: msg`Out of service`, tone: 'warn', count: 'maintenance' },
  unknown: { words: msg`Unknown`, tone: 'neutral', count: 'unknown' },
};

export const SPACE_STATES = Object.keys(STATES) as SpaceState[];

/** What a person may say of a space; reserved is what a reservation makes of it. */
export const BY_HAND: readonly SpaceState[] = ['free', 'occupied', 'maintenance', 'unknown'];

export const CAUSES: Record<Cause, MessageDescriptor> = {
  arrive: msg`Somebody arrived`,
  leave: msg`Somebody left`,
  lose: msg`The sensor lost contact`,
  reserve: msg`A reservation began`,
  release: msg`No reservation holds it any more`,
  close: msg`Taken out of service`,
  open: msg`Back in service`,
};

export const STATUSES: Record<ReservationStatus, { words: MessageDescriptor; tone: Tone }> = {
  booked: { words: msg`Booked`, tone: 'accent' },
  completed: { words: msg`Completed`, tone: 'good' },
  cancelled: { words: msg`Cancelled`, tone: 'neutral' },
  expired: { words: msg`Not used`, tone: 'warn' },
};

export const KINDS: Record<DeviceKind, MessageDescriptor> = { sensor: msg`Sensor`, display: msg`Display` };
