import { Store } from '../observable';
import type { Known } from './completion';
import type { Message } from './messages';
import type { CommandForm, CommandsAnswer, PresenceAnswer, Present } from './wire';

const FRESH_MS = 30_000;

export interface PromptsView {
  commands: readonly CommandForm[];
  people: readonly Present[];
}

/** What the composer offers: the commands of one's role, and who is here. Requested at its first use. */
export class Prompts {
  readonly view = new Store<PromptsView>({ commands: [], people: [] });
  readonly #ask: <T>(request: string) => Promise<T | null>;
  #asked = -Infinity;

  constructor(ask: <T>(request: string) => Promise<T | null>) {
    this.#ask = ask;
  }

  /** The role may have changed with a new join. */
  renew(): void {
    this.#asked = -Infinity;
  }

  async need(): Promise<void> {
    if (performance.now() - this.#asked < FRESH_MS) return;
    this.#asked = performance.now();
    const [commands, people] = await Promise.all([this.#ask<CommandsAnswer>('chat.commands'), this.#ask<PresenceAnswer>('presence.list')]);
    if (commands?.ok !== true || people?.ok !== true) {
      this.#asked = -Infinity;
      return;
    }
    this.view.update({ commands: commands.commands, people: people.users });
  }
}

/** Who wrote last first, then who is here. */
export function knownFrom({ commands, people }: PromptsView, messages: readonly Message[]): Known {
  const authors = messages.toReversed().map(({ author: { id, name, role } }) => ({ id, name, role }));
  const current = new Map(people.map((one) => [one.id, one]));
  const found = new Map<string, Present>();
  for (const one of [...authors, ...people]) if (!found.has(one.id)) found.set(one.id, current.get(one.id) ?? one);
  return { commands, people: [...found.values()] };
}
