import { request } from './http';

/** `idle` no encoder publishes · `starting` no picture yet · `interrupted` the encoder is away and may reconnect · `recorded` a finished show. */
export type StreamState = 'idle' | 'starting' | 'live' | 'interrupted' | 'recorded';

/** `live_since` is RFC 3339, null before the stream has ever been live. `previews`: a recording has pictures for seeking. */
export interface Stream {
  id: string;
  playback_id: string;
  title: string;
  state: StreamState;
  live_since: string | null;
  previews?: boolean;
  visibility: 'public' | 'signed';
  description: string;
  category: string;
  tags: string[];
  /** Who streams. */
  streamer: string;
  avatar: string;
  links: StreamLink[];
  /** What is announced and still to come, the next one first. */
  schedule: Planned[];
  /** A path; there may be no picture behind it. */
  poster: string | null;
  /** Of a recording. */
  duration_s: number | null;
}

export interface StreamLink {
  label: string;
  url: string;
}

export interface Planned {
  /** RFC 3339. */
  starts_at: string;
  title: string;
}

/** `ended`: RFC 3339, of the newest broadcast. `recording`: the id under which it can be watched again. */
export interface WatchedStream extends Stream {
  viewers: number;
  ended: string | null;
  recording: string | null;
  sound_alone: boolean;
  /** The stream that a recording is of, when anybody may know it. */
  of: { playback_id: string; title: string } | null;
  /** By what a viewer can be told of the next broadcast. */
  follow: { email: boolean; push: boolean } | null;
}

/** All that is shown of a signed stream without a token. */
type Told = WatchedStream | { state: null };

export interface Person {
  id: string;
  name: string;
}

/** `user_token` is null where the app has no chat for guests. */
export interface Session {
  playback_token: string;
  playback_ttl_s: number;
  /** RFC 3339; null where the token can be renewed for as long as one likes. */
  access_ends: string | null;
  channel: string;
  stream: Stream;
  user_token: string | null;
  user: Person | null;
  /** Of a guest: to be kept and sent along, so that this browser is known as the same one. */
  device: string | null;
}

export interface Renewal {
  playback_token: string;
  playback_ttl_s: number;
  access_ends: string | null;
}

/** `resume` is an earlier guest's token, to be the same guest again, `device` what an earlier session gave; `token` opens a signed stream; `user` is a user token that the app gave. */
export interface SessionRequest {
  name?: string;
  resume?: string;
  device?: string;
  token?: string;
  user?: string;
}

/** `token` is a playback token; null for a signed stream that it does not open. */
export async function getStream(playback: string, token: string): Promise<WatchedStream | null> {
  const told = await request<Told>('GET', `/v1/watch/${playback}`, token === '' ? {} : { bearer: token });
  return told.state === null ? null : told;
}

export function postSession(playback: string, body: SessionRequest): Promise<Session> {
  return request('POST', `/v1/watch/${playback}/session`, { body });
}

export function postRenewal(playback: string, token: string): Promise<Renewal> {
  return request('POST', `/v1/watch/${playback}/renew`, { body: { playback_token: token } });
}

/** A finished broadcast or a video, watched under its `id`. */
export interface PastShow {
  id: string;
  title: string;
  description: string;
  started: string;
  duration_s: number | null;
  poster: string;
}

export interface Page<T> {
  data: readonly T[];
  next_cursor: string | null;
}

/** Of one stream, newest first. `token` is a playback token, for a signed stream. */
export function getPastShows(playback: string, token: string | null, cursor: string | null, limit: number): Promise<Page<PastShow>> {
  const query = new URLSearchParams({ limit: String(limit), ...(cursor === null ? {} : { cursor }) });
  return request('GET', `/v1/watch/${playback}/recordings?${query.toString()}`, token === null ? {} : { bearer: token });
}
