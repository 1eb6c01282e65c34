import { Problem, request } from '@weir/client/http.ts';
import type { Page } from '../api';

export type SpaceState = 'free' | 'occupied' | 'reserved' | 'maintenance' | 'unknown';
export type Cause = 'arrive' | 'leave' | 'lose' | 'reserve' | 'release' | 'close' | 'open';
export type ReservationStatus = 'booked' | 'completed' | 'cancelled' | 'expired';
export type DeviceKind = 'sensor' | 'display';

/** `no_show_minutes`: how long an unused reservation is kept; null for its whole time. */
export interface Place {
  id: string;
  name: string;
  site: string | null;
  no_show_minutes: number | null;
  full: boolean;
  metadata: Record<string, string>;
  created: string;
}

export interface PlaceWish {
  name: string;
  site: string | null;
  spaces: number;
  no_show_minutes: number | null;
}

export type PlaceChange = Partial<Pick<Place, 'name' | 'site' | 'no_show_minutes' | 'metadata'>>;

/** `available` are the free ones; `peak` is the day's, in UTC. */
export interface Occupancy {
  total: number;
  available: number;
  occupied: number;
  reserved: number;
  maintenance: number;
  unknown: number;
  peak: number;
}

/** `reservations` are those that are not over. */
export interface Space {
  n: number;
  label: string | null;
  state: SpaceState;
  since: string;
  reservations: { id: string; starts: string; ends: string }[];
}

export interface SpaceChange {
  state?: SpaceState;
  label?: string | null;
}

export interface Transition {
  id: string;
  at: string;
  space: number;
  before: SpaceState;
  state: SpaceState;
  cause: Cause;
  device: string | null;
}

export interface Reservation {
  id: string;
  client_id: string | null;
  space: number;
  user: string | null;
  starts: string;
  ends: string;
  status: ReservationStatus;
  note: string | null;
}

export interface ReservationWish {
  space?: number;
  starts: string;
  ends: string;
  user?: string;
  note?: string;
}

export interface Device {
  id: string;
  serial: string;
  kind: DeviceKind;
  space: number | null;
  last_seen: string | null;
  battery: number | null;
  rssi: number | null;
}

export interface DeviceWish {
  serial: string;
  kind: DeviceKind;
  space?: number;
}

type Filter = Record<string, string | number | undefined>;

/** A page's size is the largest that the API gives unless it is said. */
function query(filter: Filter): string {
  const given = Object.entries<Filter[string]>({ limit: 200, ...filter }).flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, String(value)]]));
  return new URLSearchParams(given).toString();
}

const at = (place: string) => `/v1/places/${encodeURIComponent(place)}`;
const NUMBER = /^\d{1,4}$/;

export const placeApi = {
  page: (bearer: string, filter: { q?: string; site?: string; cursor?: string }) => request<Page<Place>>('GET', `/v1/places?${query({ ...filter, limit: 24 })}`, { bearer }),
  /** The sites that the first places name. */
  sites: async (bearer: string) => {
    const { data } = await request<Page<Place>>('GET', `/v1/places?${query({})}`, { bearer });
    return [...new Set(data.flatMap(({ site }) => (site === null ? [] : [site])))].sort();
  },
  get: (bearer: string, place: string) => request<Place>('GET', at(place), { bearer }),
  create: (bearer: string, body: PlaceWish) => request<Place>('POST', '/v1/places', { bearer, body }),
  change: (bearer: string, place: string, body: PlaceChange) => request<Place>('PATCH', at(place), { bearer, body }),
  remove: (bearer: string, place: string) => request<undefined>('DELETE', at(place), { bearer }),
  occupancy: (bearer: string, place: string) => request<Occupancy>('GET', `${at(place)}/occupancy`, { bearer }),

  spaces: (bearer: string, place: string, filter: { state?: string; q?: string; cursor?: string }) => request<Page<Space>>('GET', `${at(place)}/spaces?${query(filter)}`, { bearer }),
  /** One space by its number, none where the text is no number or no space has it. */
  numbered: async (bearer: string, place: string, text: string): Promise<Space[]> => {
    if (!NUMBER.test(text) || Number(text) < 1) return [];
    try {
      return [await request<Space>('GET', `${at(place)}/spaces/${Number(text)}`, { bearer })];
    } catch (error) {
      if (error instanceof Problem && error.status === 404) return [];
      throw error;
    }
  },
  space: (bearer: string, place: string, n: number) => request<Space>('GET', `${at(place)}/spaces/${n}`, { bearer }),
  addSpaces: (bearer: string, place: string, body: { first: number; count: number }) => request<{ added: number }>('POST', `${at(place)}/spaces`, { bearer, body }),
  changeSpace: (bearer: string, place: string, n: number, body: SpaceChange) => request<Space>('PATCH', `${at(place)}/spaces/${n}`, { bearer, body }),
  removeSpace: (bearer: string, place: string, n: number) => request<undefined>('DELETE', `${at(place)}/spaces/${n}`, { bearer }),
  history: (bearer: string, place: string, filter: { space?: number; limit?: number; cursor?: string }) => request<Page<Transition>>('GET', `${at(place)}/history?${query({ limit: 50, ...filter })}`, { bearer }),

  reservations: (bearer: string, place: string, filter: { since?: string; until?: string; status?: string; cursor?: string }) =>
    request<Page<Reservation>>('GET', `${at(place)}/reservations?${query({ ...filter, limit: 50 })}`, { bearer }),
  reserve: (bearer: string, place: string, body: ReservationWish) => request<Reservation>('POST', `${at(place)}/reservations`, { bearer, body }),
  cancel: (bearer: string, place: string, reservation: string) => request<Reservation>('DELETE', `${at(place)}/reservations/${reservation}`, { bearer }),

  devices: (bearer: string, place: string, filter: { space?: number; serial?: string; cursor?: string }) => request<Page<Device>>('GET', `${at(place)}/devices?${query({ ...filter, limit: 50 })}`, { bearer }),
  addDevice: (bearer: string, place: string, body: DeviceWish) => request<Device>('POST', `${at(place)}/devices`, { bearer, body }),
  assign: (bearer: string, place: string, device: string, space: number | null) => request<Device>('PATCH', `${at(place)}/devices/${device}`, { bearer, body: { space } }),
  removeDevice: (bearer: string, place: string, device: string) => request<undefined>('DELETE', `${at(place)}/devices/${device}`, { bearer }),
};
