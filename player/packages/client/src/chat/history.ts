import type { Store } from '../observable';
import * as chatLog from './log';
import type { ChatView } from './view';
import type { HistoryAnswer } from './wire';

const PAGE = 100;
/** Pages read at once while they hold only what is shown already. */
const MOST_PAGES = 12;

/** Reads the channel backwards, as far as this page keeps it. */
export class History {
  readonly #view: Store<ChatView>;
  /** Null when nothing came: no connection, or no answer. */
  readonly #ask: (request: string, data: object) => Promise<HistoryAnswer | null>;
  #cursor: string | null = null;
  #redactions = 0;

  constructor(view: Store<ChatView>, ask: (request: string, data: object) => Promise<HistoryAnswer | null>) {
    this.#view = view;
    this.#ask = ask;
  }

  /** The page shows the newest messages anew. */
  begin(): void {
    this.#cursor = null;
  }

  /** Messages were taken away, which a page on its way may still hold. */
  redacted(): void {
    this.#redactions += 1;
  }

  /** Older messages. The server's cursor begins at the newest, so pages of what is shown are passed over. */
  async load(): Promise<void> {
    const { older, line, log } = this.#view.get();
    if (older !== 'idle' || line !== 'online') return;
    if (log.trimmed) this.#cursor = null;
    this.#view.update({ older: 'loading' });
    let after: ChatView['older'] | 'again' = 'again';
    for (let page = 0; after === 'again' && page < MOST_PAGES; page += 1) after = await this.#page();
    this.#view.update({ older: after === 'again' ? 'idle' : after });
  }

  /** Reads until this message is on the page. False when it is too old, or gone. */
  async until(id: string): Promise<boolean> {
    const shown = () => this.#view.get().log.messages.some((message) => message.id === id);
    this.reading(true);
    while (!shown() && this.#view.get().older === 'idle') {
      const count = this.#view.get().log.messages.length;
      await this.load();
      if (this.#view.get().log.messages.length === count) break;
    }
    return shown();
  }

  /** While somebody reads older messages, more are kept. */
  reading(reading: boolean): void {
    const { log, older } = this.#view.get();
    const next = chatLog.read(log, reading);
    this.#view.update({ log: next, older: older === 'none' && next.trimmed ? 'idle' : older });
  }

  async #page(): Promise<ChatView['older'] | 'again'> {
    const before = this.#cursor === null ? {} : { before: this.#cursor };
    const redactions = this.#redactions;
    const answer = await this.#ask('chat.history', { limit: PAGE, ...before });
    if (!answer?.ok) {
      this.#cursor = null;
      return 'idle';
    }
    if (redactions !== this.#redactions) return 'idle';
    const { log } = this.#view.get();
    const fuller = chatLog.withHistory(log, answer.messages);
    this.#cursor = answer.next;
    this.#view.update({ log: fuller });
    if (answer.next === null || fuller.messages.length >= chatLog.MOST_READ) return 'none';
    return fuller.messages.length > log.messages.length ? 'idle' : 'again';
  }
}
