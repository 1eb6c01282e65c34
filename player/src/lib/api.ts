import { request } from './http';

/** `idle` nobody publishes · `starting` no picture yet · `interrupted` the encoder is away and may come back · `recorded` a finished show. */
export type StreamState = 'idle' | 'starting' | 'live' | 'interrupted' | 'recorded';

/** `live_since` is RFC 3339, null before the stream has ever been live. `previews`: a recording has pictures for seeking. */
export interface Stream {
  id: string;
  playback_id: string;
  title: string;
  state: StreamState;
  live_since: string | null;
  previews?: boolean;
}

export interface WatchedStream extends Stream {
  viewers: number;
}

export interface Person {
  id: string;
  name: string;
}

/** `user_token` is null where the app has no chat for guests. */
export interface Session {
  playback_token: string;
  playback_ttl_s: number;
  channel: string;
  stream: Stream;
  user_token: string | null;
  user: Person | null;
}

export interface Renewal {
  playback_token: string;
  playback_ttl_s: number;
}

/** `resume` is an earlier guest's token, whose person comes back; `token` opens a signed stream; `user` is a user token that the app gave. */
export interface SessionRequest {
  name?: string;
  resume?: string;
  token?: string;
  user?: string;
}

export function getStream(playback: string): Promise<WatchedStream> {
  return request('GET', `/v1/watch/${playback}`);
}

export function postSession(playback: string, body: SessionRequest): Promise<Session> {
  return request('POST', `/v1/watch/${playback}/session`, { body });
}

export function postRenewal(playback: string, token: string): Promise<Renewal> {
  return request('POST', `/v1/watch/${playback}/renew`, { body: { playback_token: token } });
}
