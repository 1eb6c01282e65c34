import type { Stream } from '@weir/client/api.ts';
import { request } from '@weir/client/http.ts';
import type { Page } from '../api';

export interface Link {
  label: string;
  url: string;
}

/** An announced broadcast; times in RFC 3339. */
export interface Announced {
  starts_at: string;
  title: string;
}

/** What an owner sets. null is the installation's or the app's default. */
export interface StreamSettings {
  title: string;
  description: string;
  category: string;
  tags: string[];
  streamer: string;
  avatar: string;
  links: Link[];
  schedule: Announced[];
  visibility: 'public' | 'signed';
  profile: string | null;
  recording: boolean | null;
  latency: 'low' | 'normal' | 'standard';
  priority: 'low' | 'normal' | 'high';
  dvr_s: number;
  encrypted: boolean;
  max_viewers: number | null;
  reconnect_grace_s: number | null;
  metadata: Record<string, string>;
}

/** A stream with everything that its app may know. `trouble`: why nothing could be made of the newest publish. */
export interface FullStream extends Omit<Stream, 'viewers'>, StreamSettings {
  title: string;
  channel: string;
  broadcast: string | null;
  viewers: number | null;
  watch_url: string;
  server: string;
  created: string;
  trouble: string | null;
  sound_alone: boolean;
  followers?: number;
  overlay?: boolean;
}

export type StreamChange = { [Name in keyof StreamSettings]?: StreamSettings[Name] | null };

/** `viewers` are different sessions; `trouble`: why nothing could be made of it. */
export interface Broadcast {
  id: string;
  started: string;
  ended: string | null;
  live_s: number;
  peak_viewers: number | null;
  viewers: number | null;
  minutes_watched: number;
  trouble: string | null;
}

export interface Profile {
  id: string;
  name: string;
}

export interface StreamQuery {
  q?: string;
  state?: string;
  cursor?: string;
}

export const streamApi = {
  page: (bearer: string, { q = '', state = '', cursor = '' }: StreamQuery) =>
    request<Page<FullStream>>('GET', `/v1/streams?${new URLSearchParams({ limit: '50', ...(q === '' ? {} : { q }), ...(state === '' ? {} : { state }), ...(cursor === '' ? {} : { cursor }) }).toString()}`, { bearer }),
  get: (bearer: string, id: string) => request<FullStream>('GET', `/v1/streams/${id}`, { bearer }),
  create: (bearer: string, body: StreamChange) => request<FullStream & { key: string }>('POST', '/v1/streams', { bearer, body }),
  change: (bearer: string, id: string, body: StreamChange) => request<FullStream>('PATCH', `/v1/streams/${id}`, { bearer, body }),
  remove: (bearer: string, id: string) => request<undefined>('DELETE', `/v1/streams/${id}`, { bearer }),
  rotateKey: (bearer: string, id: string, cut: boolean) => request<{ key: string }>('POST', `/v1/streams/${id}/key/rotate`, { bearer, body: { cut } }),
  broadcasts: (bearer: string, id: string, cursor: string) =>
    request<Page<Broadcast>>('GET', `/v1/streams/${id}/broadcasts?limit=20${cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`}`, { bearer }),
  profiles: async (bearer: string) => (await request<Page<Profile>>('GET', '/v1/profiles?limit=200', { bearer })).data,
  makeOverlay: (bearer: string, id: string) => request<{ key: string }>('POST', `/v1/streams/${id}/overlay`, { bearer }),
  endOverlay: (bearer: string, id: string) => request<undefined>('DELETE', `/v1/streams/${id}/overlay`, { bearer }),
};
