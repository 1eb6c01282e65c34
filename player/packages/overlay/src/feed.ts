import { Line } from '@weir/client/chat/connection.ts';
import * as chatLog from '@weir/client/chat/log.ts';
import { isEnvelope, isMessage, isSequenced, type Envelope, type JoinAnswer, type Sequenced } from '@weir/client/chat/wire.ts';
import { Problem, request } from '@weir/client/http.ts';
import { Store } from '@weir/client/observable.ts';
import { alertOf, type Alert } from './alerts';

const AGAIN_MS = 3_000;
const LONGEST_MS = 30_000;
const ENDED_AGAIN_MS = 60_000;
/** The token is renewed when this part of its time has passed. */
const RENEW_AT = 2 / 3;

interface Session {
  channel: string;
  user_token: string;
  expires_in: number;
  viewers: number | null;
}

export interface FeedView {
  log: chatLog.ChatLog;
  viewers: number | null;
  /** True when the key is no longer that of a stream: nothing of the stream is shown then. */
  ended: boolean;
}

/** What an overlay shows, for ever: it comes back by itself after everything, and shows nothing once its key has ended. */
export class Feed {
  readonly view = new Store<FeedView>({ log: chatLog.EMPTY, viewers: null, ended: false });
  readonly #key: string;
  readonly #onAlert: (alert: Alert) => void;
  readonly #onReactions: (counts: Readonly<Record<string, number>>) => void;
  readonly #line: Line;
  #session: Session | null = null;
  #wait = AGAIN_MS;
  #timer: number | undefined;
  #joining = false;

  constructor(key: string, onAlert: (alert: Alert) => void, onReactions: (counts: Readonly<Record<string, number>>) => void) {
    this.#key = key;
    this.#onAlert = onAlert;
    this.#onReactions = onReactions;
    this.#line = new Line(() => ({ token: this.#session?.user_token ?? '' }), {
      connected: () => void this.#join(),
      lost: () => undefined,
      event: (data) => this.#take(data),
      dismissed: () => void this.open(),
    });
  }

  /** A new session, and a connection with it. */
  async open(): Promise<void> {
    clearTimeout(this.#timer);
    try {
      const session = await request<Session>('POST', '/v1/overlay-sessions', { body: { key: this.#key } });
      this.#session = session;
      this.#wait = AGAIN_MS;
      this.view.update({ viewers: session.viewers, ended: false });
      this.#again(session.expires_in * RENEW_AT * 1_000);
      this.#line.close();
      this.#line.connect();
    } catch (error) {
      this.#failed(error);
    }
  }

  /** A key that is refused is looked at again rarely: it may be a server that has just been restored. */
  #failed(error: unknown): void {
    const ended = error instanceof Problem && error.status === 401;
    if (ended) {
      this.#line.close();
      this.#session = null;
      this.view.update({ log: chatLog.EMPTY, viewers: null, ended: true });
    }
    this.#again(ended ? ENDED_AGAIN_MS : this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_MS);
  }

  #again(milliseconds: number): void {
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.open(), milliseconds);
  }

  async #join(): Promise<void> {
    if (this.#joining || this.#session === null) return;
    this.#joining = true;
    try {
      while (this.#line.open && !(await this.#joinOnce())) await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    } finally {
      this.#joining = false;
    }
  }

  async #joinOnce(): Promise<boolean> {
    const { log } = this.view.get();
    const position = log.epoch === null || log.stale ? {} : { epoch: log.epoch, seq: log.seq };
    const answer = await this.#line.ask<JoinAnswer>('channel.join', { channel: this.#session?.channel, ...position });
    if (!answer?.ok) return false;
    if (!answer.recovered) {
      this.view.update({ log: chatLog.snapshot(log, answer.epoch, answer.seq, answer.messages), viewers: answer.viewers });
      return true;
    }
    answer.events.forEach((event) => this.#alert(event));
    this.view.update({ log: chatLog.caughtUp(log, answer.seq, answer.events), viewers: answer.viewers });
    return answer.more ? await this.#joinOnce() : !this.view.get().log.stale;
  }

  #take(data: unknown): void {
    if (!isEnvelope(data)) return;
    if (data.type === 'system.notice' && (data as Envelope & { code?: string }).code === 'resync') void this.#join();
    if (data.channel !== this.#session?.channel) return;
    if (data.type === 'viewer.count.update') this.view.update({ viewers: (data as Envelope & { count: number }).count });
    if (data.type === 'reaction.sent') this.#onReactions((data as Envelope & { counts: Record<string, number> }).counts);
    if (isSequenced(data) && this.view.get().log.epoch !== null) this.#entry(data);
  }

  #entry(event: Sequenced): void {
    const { log, gap } = chatLog.apply(this.view.get().log, event);
    if (gap || log.stale) void this.#join();
    if (gap || log === this.view.get().log) return;
    this.view.update({ log });
    if (!isMessage(event)) this.#alert(event);
  }

  #alert(event: Envelope): void {
    const alert = alertOf(event);
    if (alert !== null) this.#onAlert(alert);
  }
}
