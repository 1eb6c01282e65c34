import { request } from './http';
import type { Watching } from './watchSession';

/** What a browser's push service needs to know. */
export interface PushTarget {
  endpoint: string;
  keys: { p256dh: string; auth: string };
}

/** Errors: Problem. The answer never says whether an address is known. */
export async function postFollower(watching: Watching, follower: { email: string } | { push: PushTarget }): Promise<void> {
  const signed = watching.follower.view.get().stream?.visibility === 'signed';
  await request('POST', `/v1/watch/${watching.address}/followers`, { body: follower, ...(signed ? { bearer: watching.access.playbackToken() } : {}) });
}

/** The server's public key, as a browser asks for it when it subscribes. Errors: Problem. */
export async function getPushKey(): Promise<string> {
  return (await request<{ key: string }>('GET', '/v1/push-key')).key;
}
