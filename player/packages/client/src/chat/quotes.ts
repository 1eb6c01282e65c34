import { Store } from '../observable';
import { messageOf, type Message } from './messages';
import type { MessageAnswer } from './wire';

const MOST = 200;

/** `gone`: it was removed, or it is kept no longer. */
export type Quote = Message | 'loading' | 'gone';

/** Messages that answers quote and that are not on the page; each is asked for once. */
export class Quotes {
  readonly view = new Store<{ known: ReadonlyMap<string, Quote> }>({ known: new Map() });
  readonly #ask: (id: string) => Promise<MessageAnswer | null>;
  #last: Promise<void> = Promise.resolve();

  constructor(ask: (id: string) => Promise<MessageAnswer | null>) {
    this.#ask = ask;
  }

  /** One after another, so that a page full of answers is no flood of questions. */
  want(id: string): void {
    if (this.view.get().known.has(id)) return;
    this.#set(id, 'loading');
    this.#last = this.#last.then(async () => {
      const answer = await this.#ask(id);
      if (answer === null || (!answer.ok && answer.error.code !== 'not_found')) this.#forget(id);
      else this.#set(id, answer.ok ? messageOf(answer.message) : 'gone');
    });
  }

  /** Messages were taken away, or shown again. */
  clear(): void {
    if (this.view.get().known.size > 0) this.view.update({ known: new Map() });
  }

  #set(id: string, quote: Quote): void {
    const known = new Map(this.view.get().known).set(id, quote);
    const [oldest] = known.keys();
    if (known.size > MOST && oldest !== undefined) known.delete(oldest);
    this.view.update({ known });
  }

  #forget(id: string): void {
    const known = new Map(this.view.get().known);
    known.delete(id);
    this.view.update({ known });
  }
}
