import { Line } from '@weir/client/chat/connection.ts';
import { Store } from '@weir/client/observable.ts';

const KEPT = 500;
const RECONNECT_MS = 5_000;

/** One event of the app's log, or an ephemeral one without a `seq`. */
export interface AppEvent {
  id: string;
  type: string;
  at: string;
  seq?: number;
  epoch?: string;
  channel?: string;
  stream?: string;
  place?: string;
}

interface FeedView {
  state: 'connecting' | 'live' | 'lost';
  /** Newest first, at most 500. */
  events: readonly AppEvent[];
  /** Why the server refused, in words. */
  refused: string | null;
}

interface Subscribed {
  ok: boolean;
  message?: string;
}

/** What happens in an app, as it happens; after a lost connection it continues where it was. */
export class EventFeed {
  readonly view = new Store<FeedView>({ state: 'connecting', events: [], refused: null });
  readonly #token: () => Promise<string>;
  readonly #types: readonly string[];
  #line: Line | null = null;
  #timer: number | undefined;
  #position: { epoch: string; seq: number } | null = null;
  #running = false;

  constructor(token: () => Promise<string>, types: readonly string[]) {
    this.#token = token;
    this.#types = types;
  }

  start(): void {
    this.#running = true;
    void this.#connect();
  }

  stop(): void {
    this.#running = false;
    clearTimeout(this.#timer);
    this.#line?.close();
  }

  clear(): void {
    this.view.update({ events: [] });
  }

  async #connect(): Promise<void> {
    let token: string;
    try {
      token = await this.#token();
    } catch {
      this.#later();
      return;
    }
    if (!this.#running) return;
    const line = new Line(() => ({ token }), {
      connected: () => void this.#subscribe(line),
      lost: () => this.view.update({ state: 'lost' }),
      event: (data) => this.#take(data),
      dismissed: () => this.#later(), // its token has ended, or its right: a new one is asked for
    });
    this.#line = line;
    line.connect();
  }

  #later(): void {
    this.view.update({ state: 'lost' });
    clearTimeout(this.#timer);
    if (this.#running) this.#timer = window.setTimeout(() => void this.#connect(), RECONNECT_MS);
  }

  async #subscribe(line: Line): Promise<void> {
    const answer = await line.ask<Subscribed>('events.subscribe', { types: this.#types, ...this.#position });
    if (answer === null) return;
    this.view.update(answer.ok ? { state: 'live', refused: null } : { state: 'lost', refused: answer.message ?? '' });
  }

  #take(data: unknown): void {
    const event = data as AppEvent;
    if (typeof event.type !== 'string' || event.type === 'system.notice') return;
    const { events } = this.view.get();
    if (event.seq !== undefined && event.epoch !== undefined) {
      if (this.#position?.epoch === event.epoch && event.seq <= this.#position.seq) return;
      this.#position = { epoch: event.epoch, seq: event.seq };
    }
    this.view.update({ events: [event, ...events].slice(0, KEPT) });
  }
}
