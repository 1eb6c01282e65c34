import { Store } from './observable';

/** The kinds that this page sends and shows, as they are on the wire. */
export const KINDS = { heart: '❤', clap: '👏' } as const;
export type ReactionName = keyof typeof KINDS;

const FLIGHT_MS = 2_600;
const MOST_AT_ONCE = 5;
const MOST_IN_FLIGHT = 30;

/** One sign on its way up. `lane` is 0…1 across; `count` is how many reactions it represents. */
export interface Float {
  key: number;
  name: ReactionName;
  lane: number;
  count: number;
}

/** Splits a number of reactions into at most five signs, so that a thousand hearts are no thousand elements. */
export function shares(count: number): number[] {
  const signs = Math.min(MOST_AT_ONCE, count);
  return Array.from({ length: signs }, (_, index) => Math.floor((count + index) / signs));
}

/** Reactions that rise over the picture. */
export class Reactions {
  readonly view = new Store<{ floats: readonly Float[] }>({ floats: [] });
  #key = 0;

  show(counts: Readonly<Record<string, number>>): void {
    const fresh = Object.entries(KINDS).flatMap(([name, kind]) =>
      shares(counts[kind] ?? 0).map((count) => ({ key: (this.#key += 1), name: name as ReactionName, lane: Math.random(), count })),
    );
    if (fresh.length === 0) return;
    this.view.update({ floats: [...this.view.get().floats, ...fresh].slice(-MOST_IN_FLIGHT) });
    const keys = new Set(fresh.map(({ key }) => key));
    window.setTimeout(() => this.view.update({ floats: this.view.get().floats.filter(({ key }) => !keys.has(key)) }), FLIGHT_MS);
  }
}
