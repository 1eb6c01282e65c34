import { keep, recall } from './browserStorage';
import { request } from './http';
import type { Watching } from './watchSession';

/** What a browser's push service needs to know. */
export interface PushTarget {
  endpoint: string;
  keys: { p256dh: string; auth: string };
}

/** `unsubscribe` is the token that ends a push subscription. */
interface FollowAsked {
  kind: 'email' | 'push';
  unsubscribe: string | null;
}

/** Asks to be told of the next broadcast by e-mail. The answer never says whether an address is known. Errors: Problem. */
export async function followByMail(watching: Watching, email: string): Promise<void> {
  await ask(watching, { email });
}

/** This browser is told from now on. Errors: Problem. */
export async function followByPush(watching: Watching, push: PushTarget): Promise<void> {
  const { unsubscribe } = await ask(watching, { push });
  if (unsubscribe !== null) keepFollowed({ ...followed(), [watching.address]: unsubscribe });
}

/** Whether this browser is told of this stream. */
export function isFollowed(watching: Watching): boolean {
  return followed()[watching.address] !== undefined;
}

/** Errors: Problem. */
export async function unfollow(watching: Watching): Promise<void> {
  const { [watching.address]: token, ...others } = followed();
  if (token === undefined) return;
  const answer = await fetch(`/v1/followers/unsubscribe?token=${encodeURIComponent(token)}`, { method: 'POST' }).catch(() => null);
  if (answer !== null && (answer.ok || answer.status === 404)) keepFollowed(others);
  else throw new Error('The server did not end it.');
}

/** The server's public key, as a browser asks for it when it subscribes. Errors: Problem. */
export async function getPushKey(): Promise<string> {
  return (await request<{ key: string }>('GET', '/v1/push-key')).key;
}

function ask(watching: Watching, follower: { email: string } | { push: PushTarget }): Promise<FollowAsked> {
  const signed = watching.follower.view.get().stream?.visibility === 'signed';
  return request('POST', `/v1/watch/${watching.address}/followers`, { body: { ...follower, ...(signed ? { token: watching.access.playbackToken() } : {}) } });
}

/** Tokens by the address of their stream, kept in this browser. */
function followed(): Record<string, string> {
  try {
    const kept: unknown = JSON.parse(recall('followed') ?? '{}');
    return typeof kept === 'object' && kept !== null ? (kept as Record<string, string>) : {};
  } catch {
    return {};
  }
}

function keepFollowed(tokens: Record<string, string>): void {
  keep('followed', JSON.stringify(tokens));
}
