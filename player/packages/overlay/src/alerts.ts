import { t } from '@lingui/core/macro';
import { Store } from '@weir/client/observable.ts';
import type { Envelope } from '@weir/client/chat/wire.ts';

const SHOWN_MS = 6_000;
const MOST_WAITING = 50;
const LONGEST = 140;

/** What an app tells the people of a channel, for the picture. */
export interface Alert {
  id: string;
  title: string;
  text: string;
}

/** An app's own event in the channel (`custom.<name>`, delivered to the channel). Its data may name a `title`, and a `text` or a person's `name`. */
export function alertOf(event: Envelope): Alert | null {
  if (!event.type.startsWith('custom.')) return null;
  const { data } = event as Envelope & { data?: unknown };
  const told = typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : {};
  const name = lineOf(told['name']) || lineOf(told['user']);
  const kind = event.type.slice('custom.'.length);
  return { id: event.id, title: lineOf(told['title']) || titleOf(kind, name), text: lineOf(told['text']) || lineOf(told['message']) };
}

function titleOf(kind: string, name: string): string {
  const who = name || t`Somebody`;
  if (/^(follow|follower)/.test(kind)) return t`${who} follows now`;
  if (/^(subscription|subscriber|subscribe)/.test(kind)) return t`${who} is a subscriber now`;
  if (/^(tip|donation)/.test(kind)) return t`${who} gave a tip`;
  return name || kind.replace(/[._-]+/g, ' ');
}

function lineOf(value: unknown): string {
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value.replace(/\s+/g, ' ').trim().slice(0, LONGEST) : '';
}

/** Shows alerts one after another. When a crowd comes at once, the oldest that wait are dropped. */
export class AlertQueue {
  readonly view = new Store<{ shown: Alert | null }>({ shown: null });
  #waiting: Alert[] = [];

  readonly add = (alert: Alert): void => {
    this.#waiting = [...this.#waiting, alert].slice(-MOST_WAITING);
    if (this.view.get().shown === null) this.#next();
  };

  #next(): void {
    const [shown = null, ...rest] = this.#waiting;
    this.#waiting = rest;
    this.view.update({ shown });
    if (shown !== null) window.setTimeout(() => this.#next(), SHOWN_MS);
  }
}
