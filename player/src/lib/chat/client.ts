import type { Access } from '../access';
import { Store } from '../store';
import { Line, type LineState } from './line';
import * as chatLog from './log';
import { isEnvelope, isSequenced, type Envelope, type HistoryAnswer, type JoinAnswer, type Refusal, type SendAnswer } from './wire';

const HISTORY_PAGE = 100;
const SHORT_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 15_000;

export interface ChatView {
  line: LineState;
  log: chatLog.ChatLog;
  role: string | null;
  /** Why the chat was closed, in words. */
  closedBecause: string | null;
  /** Seconds for which sending rests. */
  rest: number;
  older: 'idle' | 'loading' | 'none';
}

/** What the chat's connection tells the rest of the page. `pictureTime` is what the viewer sees now, ms since the epoch. */
export interface ChatSurroundings {
  streamEvent: (type: string, reason: string | null) => void;
  viewers: (count: number) => void;
  pictureTime: () => number | null;
}

const START: ChatView = { line: 'connecting', log: chatLog.EMPTY, role: null, closedBecause: null, rest: 0, older: 'idle' };

/** The chat of one channel: joins, stays complete over reconnects, shows own messages at once and sends each exactly once. */
export class ChatClient {
  readonly view = new Store<ChatView>(START);
  readonly #access: Access;
  readonly #channel: string;
  readonly #around: ChatSurroundings;
  readonly #line: Line;
  #joined = false;
  #joining = false;
  #dismissals = 0;
  #cursor: string | null = null;
  #timer: number | undefined;
  #restTimer: number | undefined;

  constructor(access: Access, channel: string, around: ChatSurroundings) {
    this.#access = access;
    this.#channel = channel;
    this.#around = around;
    this.#line = new Line(() => this.#credentials(), {
      connected: () => void this.#join(),
      lost: () => this.#lost(),
      event: (data) => this.#take(data),
      dismissed: (code) => void this.#dismissed(code),
    });
  }

  start(): void {
    this.#line.connect();
  }

  stop(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#restTimer);
    this.#line.close();
  }

  /** Connects anew with the present tokens, e.g. under another name. */
  reconnect(): void {
    this.#lost();
    this.#line.close();
    this.#line.connect();
  }

  send(text: string): void {
    const user = this.#access.view.get().session?.user;
    if (!user) return;
    const author = { ...user, role: this.view.get().role ?? 'member', badges: [] };
    const cid = crypto.randomUUID();
    this.#change(chatLog.written(this.view.get().log, cid, author, text, new Date().toISOString()));
    void this.#deliver(cid, text);
  }

  resend(cid: string): void {
    const message = this.view.get().log.messages.find((one) => one.cid === cid && one.state === 'failed');
    if (message === undefined) return;
    this.#change(chatLog.resent(this.view.get().log, cid));
    void this.#deliver(cid, message.text);
  }

  /** One page of older messages. The server's cursor begins at the newest, so the first page overlaps what is shown. */
  async loadOlder(): Promise<void> {
    if (this.view.get().older !== 'idle' || !this.#joined) return;
    this.view.update({ older: 'loading' });
    const before = this.#cursor === null ? {} : { before: this.#cursor };
    const answer = await this.#line.ask<HistoryAnswer>('chat.history', { channel: this.#channel, limit: HISTORY_PAGE, ...before });
    if (!answer?.ok) {
      this.#cursor = null;
      this.view.update({ older: 'idle' });
      return;
    }
    this.#cursor = answer.next;
    this.view.update({ older: answer.next === null ? 'none' : 'idle', log: chatLog.withHistory(this.view.get().log, answer.messages) });
  }

  #credentials(): object {
    const session = this.#access.view.get().session;
    return { token: session?.user_token ?? '', playback: session?.playback_token };
  }

  #change(log: chatLog.ChatLog): void {
    this.view.update({ log });
  }

  // -- joining

  /** Takes the channel up where this page left it, page by page; a second call while one runs is the same call. */
  async #join(): Promise<void> {
    if (this.#joining) return;
    this.#joining = true;
    this.#joined = false;
    try {
      let done = false;
      while (this.#line.open && !done) done = await this.#joinOnce();
    } finally {
      this.#joining = false;
    }
  }

  /** True when there is nothing more to ask. */
  async #joinOnce(): Promise<boolean> {
    const { epoch, seq } = this.view.get().log;
    const position = epoch === null ? {} : { epoch, seq };
    const answer = await this.#line.ask<JoinAnswer>('channel.join', { channel: this.#channel, ...position });
    if (answer?.ok === false && answer.error.code !== 'unavailable' && answer.error.code !== 'rate_limited') {
      this.#close(answer.error.message);
      return true;
    }
    if (answer?.ok) return this.#joinedWith(answer);
    await new Promise((resolve) => setTimeout(resolve, SHORT_WAIT_MS));
    return false;
  }

  #joinedWith(answer: Exclude<JoinAnswer, Refusal>): boolean {
    const { log } = this.view.get();
    this.#around.viewers(answer.viewers);
    if (answer.recovered) {
      this.#change(chatLog.caughtUp(log, answer.seq, answer.events));
      answer.events.forEach((event) => this.#tellStream(event));
      if (answer.more) return false;
    } else {
      this.#cursor = null;
      this.view.update({ log: chatLog.snapshot(log, answer.epoch, answer.seq, answer.messages), older: 'idle' });
    }
    this.#joined = true;
    this.#dismissals = 0;
    this.view.update({ line: 'online', role: answer.role });
    for (const message of this.view.get().log.messages) {
      if (message.state === 'pending') void this.#deliver(message.cid, message.text);
    }
    return true;
  }

  #lost(): void {
    this.#joined = false;
    const { line } = this.view.get();
    if (line === 'online') this.view.update({ line: 'reconnecting' });
  }

  #close(closedBecause: string): void {
    this.view.update({ line: 'closed', closedBecause });
    this.#line.close();
  }

  async #dismissed(code: string): Promise<void> {
    this.#dismissals += 1;
    if (code !== 'unavailable' && (await this.#access.reauthenticate()) === 'refused') {
      this.#close('You cannot take part in this chat any more.');
      return;
    }
    clearTimeout(this.#timer);
    const wait = Math.min(SHORT_WAIT_MS * 2 ** (this.#dismissals - 1), LONGEST_WAIT_MS);
    this.#timer = window.setTimeout(() => this.#line.connect(), wait);
  }

  // -- what comes in

  #take(data: unknown): void {
    if (!isEnvelope(data)) return;
    if (data.type === 'viewer.count.update') this.#around.viewers((data as Envelope & { count: number }).count);
    if (data.type === 'system.notice' && (data as Envelope & { code?: string }).code === 'resync') void this.#join();
    if (!isSequenced(data) || data.channel !== this.#channel || this.view.get().log.epoch === null) return;
    const { log, gap } = chatLog.apply(this.view.get().log, data);
    if (gap) {
      void this.#join();
      return;
    }
    if (log === this.view.get().log) return; // a repeat
    this.#change(log);
    this.#tellStream(data);
  }

  #tellStream(event: Envelope): void {
    if (event.type.startsWith('stream.')) {
      this.#around.streamEvent(event.type, (event as Envelope & { reason?: string }).reason ?? null);
    }
  }

  // -- what goes out

  /** Sends what is written. While there is no connection it stays pending; joining sends it then. */
  async #deliver(cid: string, text: string): Promise<void> {
    if (!this.#joined) return;
    const picture = this.#around.pictureTime();
    const time = picture === null ? {} : { picture_time: Math.round(picture) };
    const answer = await this.#line.ask<SendAnswer>('chat.send', { channel: this.#channel, cid, text, ...time });
    const { log } = this.view.get();
    if (answer === null) {
      if (this.#line.open) this.#change(chatLog.failed(log, cid, 'No answer came.'));
    } else if (answer.ok) {
      this.#change(chatLog.acknowledged(log, cid, answer.seq));
    } else {
      this.#declined(cid, answer.error);
    }
  }

  #declined(cid: string, error: Refusal['error']): void {
    this.#change(chatLog.failed(this.view.get().log, cid, error.message));
    if (error.retry_after !== undefined) this.#rest(Math.ceil(error.retry_after));
  }

  /** Counts down to the moment when the next message will be taken. */
  #rest(seconds: number): void {
    clearTimeout(this.#restTimer);
    this.view.update({ rest: seconds });
    if (seconds > 0) this.#restTimer = window.setTimeout(() => this.#rest(seconds - 1), 1_000);
  }
}
