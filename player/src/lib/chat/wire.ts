/** A chat member as others see them, beside each message. */
export interface Author {
  id: string;
  name: string;
  role: string;
  badges: string[];
}

/** Every event's frame. Ephemeral events have no epoch and no seq. `at` is RFC 3339. */
export interface Envelope {
  id: string;
  type: string;
  at: string;
  channel?: string;
  epoch?: string;
  seq?: number;
}

export interface Sequenced extends Envelope {
  epoch: string;
  seq: number;
}

export interface MessageEnvelope extends Sequenced {
  type: 'chat.message.new';
  cid: string;
  user: Author;
  text: string;
}

export interface Refusal {
  ok: false;
  error: { code: string; message: string; retry_after?: number };
}

interface Joined {
  ok: true;
  role: string;
  epoch: string;
  seq: number;
  viewers: number;
}

/** `recovered` answers hold what was missed behind the client's position, in pages; others begin anew. */
export type JoinAnswer =
  | (Joined & { recovered: true; events: Sequenced[]; more: boolean })
  | (Joined & { recovered: false; messages: MessageEnvelope[] })
  | Refusal;
export type SendAnswer = { ok: true; id: string; seq: number } | Refusal;
export type HistoryAnswer = { ok: true; messages: MessageEnvelope[]; next: string | null } | Refusal;

export function isEnvelope(data: unknown): data is Envelope {
  return typeof data === 'object' && data !== null && typeof (data as Envelope).type === 'string';
}

export function isSequenced(envelope: Envelope): envelope is Sequenced {
  return envelope.seq !== undefined && envelope.epoch !== undefined;
}

export function isMessage(envelope: Envelope): envelope is MessageEnvelope {
  return envelope.type === 'chat.message.new';
}
