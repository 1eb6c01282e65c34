import type { Stream } from '@weir/client/api.ts';
import { download, request } from '@weir/client/http.ts';
import { auditQuery, LONGEST_PAGE, type AuditFilter } from './log/filter';

/** `operator` of the account that owns the installation. */
export interface Account {
  id: string;
  email: string;
  name: string;
  operator: boolean;
}

/** `expires_in` in seconds. The refresh token travels in a cookie that scripts cannot read. */
export interface SignedIn {
  account: Account;
  access_token: string;
  expires_in: number;
}

export type Role = 'viewer' | 'editor' | 'admin' | 'owner';

/** `role` is the reader's own. `origins` are the pages of other hosts that may call the API with a person's token. */
export interface App {
  id: string;
  name: string;
  description: string;
  guests: 'none' | 'read' | 'chat';
  guest_wait_s: number;
  origins: string[];
  plan: string | null;
  trial: { plan: string; until: string } | null;
  state: 'active' | 'archived' | 'suspended' | 'deleting';
  role: Role;
}

export type AppChange = Partial<Pick<App, 'name' | 'description' | 'guests' | 'guest_wait_s' | 'origins'>>;

/** Times in RFC 3339. A `signing` key signs tokens and opens nothing; a `public` one checks those that the app's own servers sign. */
export interface Key {
  id: string;
  kind: 'key' | 'signing' | 'public';
  name: string;
  scopes: string[];
  algorithm: string;
  replaced_by: string | null;
  expires: string | null;
  revoked: string | null;
  last_used: string | null;
  created: string;
}

/** Secrets are in this answer only, and null in a repeat of it. A key that may sign nothing has no `signing_secret`. */
export interface NewKey extends Key {
  api_key: string | null;
  signing_secret: string | null;
}

export interface KeyWishes {
  name: string;
  scopes: string[];
  expires?: string;
}

/** `email` is null for readers who may not change members. */
export interface Member {
  account: string;
  email: string | null;
  name: string;
  role: Role;
  since: string;
}

export interface Invitation {
  id: string;
  email: string;
  role: Role;
  expires: string;
}

/** Without `mailed` there is no mail server, or the address has been sent enough of late. */
export interface Invited extends Invitation {
  link: string | null;
  mailed: boolean;
}

/** One day in UTC, "2026-11-24". */
export interface UsageDay extends Figures {
  day: string;
}

/** `storage_bytes` is not added up: of a total it is the newest day's. */
interface Figures {
  bytes: number;
  viewers: number;
  messages: number;
  minutes_watched: number;
  minutes_published: number;
  storage_bytes: number;
}

export interface Usage extends Figures {
  days: UsageDay[];
}

export interface AuditEntry {
  id: string;
  at: string;
  actor: string;
  address: string;
  action: string;
  target: string;
}

export interface OwnStream extends Stream {
  channel: string;
  visibility: 'public' | 'signed';
  viewers: number;
  watch_url: string;
  /** Why nothing could be made of the newest publish. */
  trouble: string | null;
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

/** `mail` is true when mails reach mailboxes. */
export interface SignInOptions {
  sign_up: 'open' | 'invitation';
  mail: boolean;
}

/** What an invitation shows to a person with its link. */
export interface FoundInvitation {
  app_name: string;
  email: string;
  role: Role;
  invited_by: string | null;
  expires: string;
}

/** Without tokens the address has to be verified by a mailed link first. */
export interface Registered {
  account: Account;
  access_token: string | null;
  expires_in: number | null;
}

/** `duration_s` and `size` (bytes of the MP4) are null until it is ready; `progress` is a percentage of an upload's processing. */
export interface Recording {
  id: string;
  source: 'broadcast' | 'upload';
  title: string;
  state: 'recording' | 'uploading' | 'processing' | 'ready' | 'failed';
  progress: number | null;
  /** What an upload waits for before it is processed, and how many files come before it. */
  waits_for: 'uploads' | 'live' | null;
  files_before: number | null;
  started: string;
  duration_s: number | null;
  size: number | null;
  reason: string | null;
}

/** What an encoder sends and how transcoding keeps up; null where nothing is known. */
export interface Health {
  publishing: boolean;
  bitrate: number | null;
  height: number | null;
  frame_rate: number | null;
  keyframe_s: number | null;
  dropped_frames: number | null;
  speed: number | null;
  behind_s: number | null;
  left_out: number[];
  trouble: string | null;
  history: { at: string; bitrate: number }[];
}

export const auth = {
  register: (body: Registration) => request<Registered>('POST', '/v1/auth/register', { body }),
  options: () => request<SignInOptions>('GET', '/v1/auth/options'),
  invitation: (token: string) => request<FoundInvitation>('POST', '/v1/invitations/lookup', { body: { token } }),
  forgotten: (email: string) => request<undefined>('POST', '/v1/auth/password/forgot', { body: { email } }),
  reset: (token: string, password: string) => request<SignedIn>('POST', '/v1/auth/password/reset', { body: { token, password } }),
  verify: (token: string) => request<SignedIn>('POST', '/v1/auth/verify', { body: { token } }),
  join: (bearer: string, token: string) => request<object>('POST', '/v1/invitations/accept', { bearer, body: { token } }),
  login: (email: string, password: string) => request<SignedIn>('POST', '/v1/auth/login', { body: { email, password } }),
  refresh: () => request<SignedIn>('POST', '/v1/auth/refresh'),
  logout: (everywhere: boolean) => request<undefined>('POST', '/v1/auth/logout', { body: { everywhere } }),
  changePassword: (bearer: string, present: string, password: string) => request<SignedIn>('POST', '/v1/auth/password', { bearer, body: { present, password } }),
  erase: (bearer: string, password: string) => request<undefined>('DELETE', '/v1/auth/me', { bearer, body: { password } }),
};

export interface Page<T> {
  data: T[];
  next_cursor: string | null;
}

export const apps = {
  list: async (bearer: string) => (await request<Page<App>>('GET', '/v1/apps', { bearer })).data,
  create: (bearer: string, name: string) => request<App>('POST', '/v1/apps', { bearer, body: { name } }),
  session: (bearer: string, app: string) =>
    request<{ app_token: string; expires_in: number }>('POST', `/v1/apps/${app}/session`, { bearer }),
  change: (bearer: string, app: string, body: AppChange) => request<App>('PATCH', `/v1/apps/${app}`, { bearer, body }),
  archive: (bearer: string, app: string) => request<App>('POST', `/v1/apps/${app}/archive`, { bearer }),
  restore: (bearer: string, app: string) => request<App>('POST', `/v1/apps/${app}/restore`, { bearer }),
  remove: (bearer: string, app: string) => request<App>('DELETE', `/v1/apps/${app}`, { bearer }),
  usage: (bearer: string, app: string, since: string) => request<Usage>('GET', `/v1/apps/${app}/usage?since=${since}`, { bearer }),
  usageCsv: (bearer: string, app: string, since: string) => download(`/v1/apps/${app}/usage?since=${since}&format=csv`, bearer, 'usage.csv'),
  auditCsv: (bearer: string, app: string, filter: AuditFilter) => download(`/v1/apps/${app}/audit?${auditQuery(filter, '', LONGEST_PAGE)}&format=csv`, bearer, 'log.csv'),
  audit: (bearer: string, app: string, filter: AuditFilter, cursor: string) => request<Page<AuditEntry>>('GET', `/v1/apps/${app}/audit?${auditQuery(filter, cursor)}`, { bearer }),
};

export const keys = {
  list: async (bearer: string, app: string) => (await request<Page<Key>>('GET', `/v1/apps/${app}/keys?limit=200`, { bearer })).data,
  create: (bearer: string, app: string, body: KeyWishes) => request<NewKey>('POST', `/v1/apps/${app}/keys`, { bearer, body }),
  sign: (bearer: string, app: string, body: { name: string }) => request<NewKey>('POST', `/v1/apps/${app}/keys/signing`, { bearer, body: { ...body, scopes: ['*'] } }),
  upload: (bearer: string, app: string, body: { name: string; public_key: string }) =>
    request<Key>('POST', `/v1/apps/${app}/keys/public`, { bearer, body: { ...body, scopes: ['*'] } }),
  rotate: (bearer: string, app: string, key: string, overlap_s: number) =>
    request<NewKey>('POST', `/v1/apps/${app}/keys/${key}/rotate`, { bearer, body: { overlap_s } }),
  revoke: (bearer: string, app: string, key: string) => request<Key>('DELETE', `/v1/apps/${app}/keys/${key}`, { bearer }),
};

export const team = {
  members: async (bearer: string, app: string) => (await request<Page<Member>>('GET', `/v1/apps/${app}/members?limit=200`, { bearer })).data,
  setRole: (bearer: string, app: string, account: string, role: Role) =>
    request<Member>('PATCH', `/v1/apps/${app}/members/${account}`, { bearer, body: { role } }),
  remove: (bearer: string, app: string, account: string) => request<undefined>('DELETE', `/v1/apps/${app}/members/${account}`, { bearer }),
  invitations: async (bearer: string, app: string) =>
    (await request<Page<Invitation>>('GET', `/v1/apps/${app}/invitations?limit=200`, { bearer })).data,
  invite: (bearer: string, app: string, email: string, role: Role) =>
    request<Invited>('POST', `/v1/apps/${app}/invitations`, { bearer, body: { email, role } }),
  withdraw: (bearer: string, app: string, invitation: string) =>
    request<undefined>('DELETE', `/v1/apps/${app}/invitations/${invitation}`, { bearer }),
};

export const streams = {
  list: async (bearer: string) => (await request<Page<OwnStream>>('GET', '/v1/streams?limit=200', { bearer })).data,
  create: (bearer: string, title: string) => request<OwnStream>('POST', '/v1/streams', { bearer, body: { title } }),
  key: (bearer: string, stream: string) => request<PublishFields>('GET', `/v1/streams/${stream}/key`, { bearer }),
  health: (bearer: string, stream: string) => request<Health>('GET', `/v1/streams/${stream}/health`, { bearer }),
  analytics: (bearer: string, stream: string) => request<Analytics>('GET', `/v1/streams/${stream}/analytics`, { bearer }),
  complete: (bearer: string, stream: string) => request<object>('POST', `/v1/streams/${stream}/complete`, { bearer }),
  disconnect: (bearer: string, stream: string) => request<object>('POST', `/v1/streams/${stream}/disconnect`, { bearer }),
  previewToken: (bearer: string, stream: string) =>
    request<{ token: string }>('POST', `/v1/streams/${stream}/preview-tokens`, { bearer }),
  playbackToken: (bearer: string, stream: string, ttl_s: number) =>
    request<{ token: string; expires_in: number }>('POST', `/v1/streams/${stream}/playback-tokens`, { bearer, body: { ttl_s } }),
  userToken: (bearer: string, body: { user: string; name: string; roles: Record<string, string>; staff: boolean; ttl_s: number }) =>
    request<{ token: string }>('POST', '/v1/user-tokens', { bearer, body }),
  seat: (bearer: string, body: { sub: string; name: string; roles: Record<string, 'owner' | 'moderator'>; staff: boolean; ttl_s: number }) =>
    request<{ token: string }>('POST', '/v1/user-tokens', { bearer, body }),
};

export const recordings = {
  list: async (bearer: string, stream: string) => (await request<Page<Recording>>('GET', `/v1/recordings?stream=${stream}&limit=50`, { bearer })).data,
  start: (bearer: string, stream: string) => request<Recording>('POST', `/v1/streams/${stream}/recordings`, { bearer }),
  stop: (bearer: string, recording: string) => request<Recording>('POST', `/v1/recordings/${recording}/stop`, { bearer }),
  remove: (bearer: string, recording: string) => request<undefined>('DELETE', `/v1/recordings/${recording}`, { bearer }),
  access: (bearer: string, recording: string) => request<{ mp4_url: string }>('POST', `/v1/recordings/${recording}/playback-tokens`, { bearer, body: {} }),
};
