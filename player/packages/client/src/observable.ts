import { useSyncExternalStore } from 'react';

/** A value that React components and plain code can follow. Values are replaced, never changed in place. */
export class Store<T extends object> {
  #value: T;
  readonly #listeners = new Set<() => void>();

  constructor(value: T) {
    this.#value = value;
  }

  readonly get = (): T => this.#value;

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  /** Notifies no listener when nothing differs: the player's clock asks twice a second. */
  update(patch: Partial<T>): void {
    const changed = Object.entries(patch).some(([name, value]) => !Object.is(this.#value[name as keyof T], value));
    if (!changed) return;
    this.#value = { ...this.#value, ...patch };
    for (const listener of [...this.#listeners]) listener();
  }
}

export function useStore<T extends object>(store: Store<T>): T {
  return useSyncExternalStore(store.subscribe, store.get);
}
