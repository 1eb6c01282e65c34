import { request } from '@weir/client/http.ts';
import type { Page, Recording } from '../api';

export interface FullRecording extends Recording {
  stream: string | null;
  description: string;
  visibility: 'public' | 'signed' | null;
  metadata: Record<string, string>;
  height: number | null;
  renditions: number[];
  code: string | null;
}

export interface RecordingChange {
  title?: string;
  description?: string;
  visibility?: 'public' | 'signed' | null;
}

export interface Access {
  token: string;
  mp4_url: string;
  poster_url: string;
}

export interface RecordingQuery {
  stream?: string;
  q?: string;
  state?: string;
  cursor?: string;
}

export const recordingApi = {
  page: (bearer: string, query: RecordingQuery) => {
    const given = Object.fromEntries(Object.entries(query).filter(([, value]) => value !== ''));
    return request<Page<FullRecording>>('GET', `/v1/recordings?${new URLSearchParams({ limit: '24', ...given }).toString()}`, { bearer });
  },
  start: (bearer: string, stream: string) => request<FullRecording>('POST', `/v1/streams/${stream}/recordings`, { bearer }),
  stop: (bearer: string, id: string) => request<FullRecording>('POST', `/v1/recordings/${id}/stop`, { bearer }),
  change: (bearer: string, id: string, body: RecordingChange) => request<FullRecording>('PATCH', `/v1/recordings/${id}`, { bearer, body }),
  remove: (bearer: string, id: string) => request<undefined>('DELETE', `/v1/recordings/${id}`, { bearer }),
  access: (bearer: string, id: string) => request<Access>('POST', `/v1/recordings/${id}/playback-tokens`, { bearer, body: {} }),
};
