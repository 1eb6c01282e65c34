import type { Stream } from '../lib/api';
import { request } from '../lib/http';

export interface Account {
  id: string;
  email: string;
  name: string;
}

/** `expires_in` in seconds. The refresh token travels in a cookie that scripts cannot read. */
export interface SignedIn {
  account: Account;
  access_token: string;
  expires_in: number;
}

export interface App {
  id: string;
  name: string;
}

export interface OwnStream extends Stream {
  viewers: number;
  watch_url: string;
}

export interface PublishFields {
  server: string;
  key: string;
}

export interface Analytics {
  bytes: number;
  minutes_watched: number;
}

export interface Registration {
  email: string;
  password: string;
  name: string;
  setup?: string;
  invitation?: string;
}

/** Without tokens the address has to be verified by a mailed link first. */
export interface Registered {
  account: Account;
  access_token: string | null;
  expires_in: number | null;
}

/** `duration_s` and `size` (bytes of the MP4) are null until it is ready. */
export interface Recording {
  id: string;
  state: 'recording' | 'processing' | 'ready' | 'failed';
  started: string;
  duration_s: number | null;
  size: number | null;
  reason: string | null;
}

export const auth = {
  register: (body: Registration) => request<Registered>('POST', '/v1/auth/register', { body }),
  options: () => request<{ sign_up: 'open' | 'invitation' }>('GET', '/v1/auth/options'),
  forgotten: (email: string) => request<undefined>('POST', '/v1/auth/password/forgot', { body: { email } }),
  reset: (token: string, password: string) => request<SignedIn>('POST', '/v1/auth/password/reset', { body: { token, password } }),
  verify: (token: string) => request<SignedIn>('POST', '/v1/auth/verify', { body: { token } }),
  join: (bearer: string, token: string) => request<object>('POST', '/v1/invitations/accept', { bearer, body: { token } }),
  login: (email: string, password: string) => request<SignedIn>('POST', '/v1/auth/login', { body: { email, password } }),
  refresh: () => request<SignedIn>('POST', '/v1/auth/refresh'),
  logout: () => request<undefined>('POST', '/v1/auth/logout'),
};

interface Page<T> {
  data: T[];
}

export const apps = {
  list: async (bearer: string) => (await request<Page<App>>('GET', '/v1/apps', { bearer })).data,
  create: (bearer: string, name: string) => request<App>('POST', '/v1/apps', { bearer, body: { name } }),
  session: (bearer: string, app: string) =>
    request<{ app_token: string; expires_in: number }>('POST', `/v1/apps/${app}/session`, { bearer }),
};

export const streams = {
  list: async (bearer: string) => (await request<Page<OwnStream>>('GET', '/v1/streams?limit=200', { bearer })).data,
  create: (bearer: string, title: string) => request<OwnStream>('POST', '/v1/streams', { bearer, body: { title } }),
  key: (bearer: string, stream: string) => request<PublishFields>('GET', `/v1/streams/${stream}/key`, { bearer }),
  analytics: (bearer: string, stream: string) => request<Analytics>('GET', `/v1/streams/${stream}/analytics`, { bearer }),
  disconnect: (bearer: string, stream: string) => request<object>('POST', `/v1/streams/${stream}/disconnect`, { bearer }),
};

export const recordings = {
  list: async (bearer: string, stream: string) => (await request<Page<Recording>>('GET', `/v1/recordings?stream=${stream}&limit=50`, { bearer })).data,
  start: (bearer: string, stream: string) => request<Recording>('POST', `/v1/streams/${stream}/recordings`, { bearer }),
  stop: (bearer: string, recording: string) => request<Recording>('POST', `/v1/recordings/${recording}/stop`, { bearer }),
  remove: (bearer: string, recording: string) => request<undefined>('DELETE', `/v1/recordings/${recording}`, { bearer }),
  access: (bearer: string, recording: string) => request<{ mp4_url: string }>('POST', `/v1/recordings/${recording}/playback-tokens`, { bearer, body: {} }),
};
