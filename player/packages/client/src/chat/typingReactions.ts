import { Store } from '../observable';
import { started, still, stopped, type Typist } from './typing';
import type { Envelope, Named } from './wire';

/** The server forwards it at most that often, and it expires 6 s after the last. */
const AGAIN_MS = 3_000;
const REACTION_MS = 200;

interface TypingStarted extends Envelope {
  user: Named;
  expires_in: number;
}

/** Events that are not stored: who is typing, here and elsewhere, and own reactions. `ask` drops them while unconnected. */
export class Signals {
  readonly view = new Store<{ typists: readonly Typist[] }>({ typists: [] });
  readonly #ask: (request: string, data: object) => void;
  #told = -Infinity;
  #reacted = -Infinity;
  #timer: number | undefined;

  constructor(ask: (request: string, data: object) => void) {
    this.#ask = ask;
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** The draft changed. A command is not announced as typing. */
  drafting(text: string): void {
    if (text.trim() === '' || text.startsWith('/')) {
      if (this.#told !== -Infinity) this.#ask('typing.stop', {});
      this.#told = -Infinity;
    } else if (performance.now() - this.#told >= AGAIN_MS) {
      this.#told = performance.now();
      this.#ask('typing.start', {});
    }
  }

  /** The draft was sent. */
  wrote(): void {
    this.drafting('');
  }

  react(kind: string): void {
    if (performance.now() - this.#reacted < REACTION_MS) return;
    this.#reacted = performance.now();
    this.#ask('reaction.send', { kind });
  }

  take(event: Envelope, self: string | null): void {
    const { user, expires_in } = event as TypingStarted;
    if (event.type === 'typing.started' && user.id !== self) {
      this.#became(started(this.view.get().typists, user, performance.now() + expires_in * 1_000));
    }
    if (event.type === 'typing.stopped' || event.type === 'chat.message.new') this.#became(stopped(this.view.get().typists, user.id));
  }

  #became(typists: readonly Typist[]): void {
    this.view.update({ typists });
    clearTimeout(this.#timer);
    if (typists.length === 0) return;
    const next = Math.min(...typists.map(({ until }) => until)) - performance.now();
    this.#timer = window.setTimeout(() => this.#became(still(this.view.get().typists, performance.now())), Math.max(next, 50));
  }
}
