import { request } from '@weir/client/http.ts';
import type { Page } from '../api';

/** `slow` and `guestwait` in seconds; `pinned` is a message's id. */
export interface Modes {
  slow: number;
  guestwait: number;
  guestsread: boolean;
  lockdown: boolean;
  subscribers: boolean;
  followers: boolean;
  emoteonly: boolean;
  pinned: string | null;
}

export interface Channel {
  id: string;
  stream: string;
  playback: string;
  seq: number;
  viewers: number;
  settings: Modes;
}

export interface ChatPerson {
  id: string;
  name: string;
}

/** `undone`: the id of the action that undid it. */
export interface ModerationAction {
  id: string;
  kind: string;
  actor: { id?: string; name?: string };
  target?: ChatPerson;
  message?: string;
  reason?: string;
  at: string;
  expires?: string | null;
  value?: string | number;
  undoes?: string;
  undone?: string;
  everywhere?: boolean;
}

export type RestrictionKind = 'bans' | 'timeouts' | 'mutes';

/** `action` is what to undo. */
export interface Restriction {
  user: ChatPerson;
  action: string;
  actor: { id?: string; name?: string };
  reason: string;
  at: string;
  expires: string | null;
}

export interface HeldMessage {
  id: string;
  user: { id: string; name?: string };
  text: string;
  reason: string | null;
  created: string;
}

export interface Standing extends ChatPerson {
  role: string | null;
}

const paged = (cursor: string) => (cursor === '' ? '' : `&cursor=${encodeURIComponent(cursor)}`);

export const channelApi = {
  get: (bearer: string, id: string) => request<Channel>('GET', `/v1/channels/${id}`, { bearer }),
  change: (bearer: string, id: string, body: Partial<Omit<Modes, 'pinned'>>) => request<Modes>('PATCH', `/v1/channels/${id}/settings`, { bearer, body }),
  moderation: (bearer: string, id: string, cursor: string) => request<Page<ModerationAction>>('GET', `/v1/channels/${id}/moderation?limit=30${paged(cursor)}`, { bearer }),
  undo: (bearer: string, id: string, action: string) => request<{ reply: string }>('POST', `/v1/channels/${id}/moderation/${action}/undo`, { bearer }),
  restricted: async (bearer: string, id: string, kind: RestrictionKind) => (await request<Page<Restriction>>('GET', `/v1/channels/${id}/${kind}`, { bearer })).data,
  restrict: (bearer: string, id: string, kind: RestrictionKind, body: { user: string; reason: string; expires_s?: number }) => request<{ reply: string }>('POST', `/v1/channels/${id}/${kind}`, { bearer, body }),
  release: (bearer: string, id: string, kind: RestrictionKind, user: string) => request<{ reply: string }>('DELETE', `/v1/channels/${id}/${kind}/${encodeURIComponent(user)}`, { bearer }),
  members: async (bearer: string, id: string) => (await request<Page<Standing>>('GET', `/v1/channels/${id}/members`, { bearer })).data,
  held: async (bearer: string, id: string) => (await request<Page<HeldMessage>>('GET', `/v1/channels/${id}/held?limit=100`, { bearer })).data,
  approve: (bearer: string, id: string, message: string) => request<object>('POST', `/v1/channels/${id}/held/${message}/approve`, { bearer }),
  reject: (bearer: string, id: string, message: string) => request<undefined>('DELETE', `/v1/channels/${id}/held/${message}`, { bearer }),
};
