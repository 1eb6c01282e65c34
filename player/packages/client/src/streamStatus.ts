import { getStream, type StreamState, type WatchedStream } from './api';
import { Problem } from './http';
import { Store } from './observable';

const SOON_MS = 1_500;
const CALM_MS = 5_000;
/** One answer may be lost; after two in a row nothing is known any more. */
const LOST_AFTER = 2;

export interface FollowedView {
  stream: WatchedStream | null;
  /** True once the stream was seen on air by this page: idle then means ended. */
  wasLive: boolean;
  /** When the newest broadcast that this page saw went on air. */
  since: string | null;
  missing: boolean;
  unreachable: boolean;
  /** Why the last broadcast could not be shown, from the server. */
  error: string | null;
}

const STATES: Record<string, StreamState> = {
  'stream.starting': 'starting',
  'stream.live': 'live',
  'stream.stalled': 'interrupted',
  'stream.resumed': 'live',
  'stream.offline': 'idle',
};

/** The state of one stream, from polls and from the channel's events, whichever comes first. */
export class Follower {
  readonly view = new Store<FollowedView>({ stream: null, wasLive: false, since: null, missing: false, unreachable: false, error: null });
  readonly #playback: string;
  readonly #token: () => string;
  #timer: number | undefined;
  #told = 0;
  #failures = 0;
  #stopped = false;

  /** `token` is the present playback token, without which a signed stream says nothing. */
  constructor(playback: string, token: () => string) {
    this.#playback = playback;
    this.#token = token;
  }

  start(): void {
    for (const change of ['online', 'offline']) window.addEventListener(change, this.#look);
    void this.#poll();
  }

  stop(): void {
    this.#stopped = true;
    for (const change of ['online', 'offline']) window.removeEventListener(change, this.#look);
    clearTimeout(this.#timer);
  }

  /** An event of the stream's channel. */
  told(type: string, reason: string | null): void {
    this.#told += 1;
    const state = STATES[type];
    if (state !== undefined) this.#became({ state });
    this.view.update({ error: type === 'stream.error' ? reason : null });
    this.#pollIn(0);
  }

  readonly #look = (): void => this.#pollIn(0);

  counted(viewers: number): void {
    this.#became({ viewers });
  }

  #became(patch: Partial<WatchedStream>): void {
    const { stream, wasLive, since } = this.view.get();
    if (stream === null) return;
    const next = { ...stream, ...patch };
    if (JSON.stringify(next) === JSON.stringify(stream)) return; // each poll brings new arrays with the same in them
    this.view.update({ stream: next, wasLive: wasLive || next.state === 'live', since: next.live_since ?? since });
  }

  async #poll(): Promise<void> {
    const told = this.#told;
    try {
      const stream = await getStream(this.#playback, this.#token());
      this.#failures = 0;
      if (told !== this.#told) return; // an event came meanwhile and is newer than this answer; it has asked for a new poll
      this.view.update({ missing: false, unreachable: false });
      if (stream === null) this.view.update({ stream: null });
      else if (this.view.get().stream === null) this.view.update({ stream, wasLive: stream.state === 'live', since: stream.live_since });
      else this.#became(stream);
    } catch (error) {
      const missing = error instanceof Problem && error.status === 404;
      this.#failed(missing);
    }
    this.#pollNext();
  }

  #failed(missing: boolean): void {
    this.#failures += 1;
    const lost = this.#failures >= LOST_AFTER || this.view.get().stream === null;
    this.view.update({ missing, unreachable: lost && !missing });
  }

  #pollNext(): void {
    const { stream, missing } = this.view.get();
    if (stream?.state === 'recorded') return; // it does not change any more
    this.#pollIn(missing || (stream?.state === 'live' && this.#failures === 0) ? CALM_MS : SOON_MS);
  }

  #pollIn(milliseconds: number): void {
    clearTimeout(this.#timer);
    if (!this.#stopped) this.#timer = window.setTimeout(() => void this.#poll(), milliseconds);
  }
}
