import { request } from '@weir/client/http.ts';
import type { Page } from '../api';

/** `bit_rate` in bits a second, null by height; `frame_rate` the most frames a second, null as the source. */
export interface Rung {
  height: number;
  bit_rate: number | null;
  frame_rate: number | null;
  preset: string | null;
}

export interface ProfileFields {
  name: string;
  rungs: Rung[];
  audio_only: boolean;
  copy_top: boolean;
}

export interface Profile extends ProfileFields {
  id: string;
  created: string;
}

export const profileApi = {
  list: async (bearer: string) => (await request<Page<Profile>>('GET', '/v1/profiles?limit=200', { bearer })).data,
  create: (bearer: string, body: ProfileFields) => request<Profile>('POST', '/v1/profiles', { bearer, body }),
  change: (bearer: string, id: string, body: Partial<ProfileFields>) => request<Profile>('PATCH', `/v1/profiles/${id}`, { bearer, body }),
  remove: (bearer: string, id: string) => request<undefined>('DELETE', `/v1/profiles/${id}`, { bearer }),
};
