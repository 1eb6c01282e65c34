import { createContext, use, useCallback, useSyncExternalStore } from 'react';
import type { ChatClient } from '@weir/client/chat/client.ts';
import type { Message } from '@weir/client/chat/messages.ts';
import type { Store } from '@weir/client/observable.ts';

/** How often a busy chat is drawn anew; a quiet one at once. */
const DRAW_MS = 90;

/** One part of a store's value; the component is drawn only when that part changes. `pick` gives the same object for the same value. */
export function usePick<T extends object, P>(store: Store<T>, pick: (value: T) => P): P {
  return useSyncExternalStore(store.subscribe, () => pick(store.get()));
}

/** The same, but at most eleven times a second, so that a crowd's messages leave time for the page. */
export function useCalmPick<T extends object, P>(store: Store<T>, pick: (value: T) => P): P {
  const subscribe = useCallback((listener: () => void) => calmly(store, listener), [store]);
  return useSyncExternalStore(subscribe, () => pick(store.get()));
}

function calmly<T extends object>(store: Store<T>, listener: () => void): () => void {
  let last = -Infinity;
  let timer: number | undefined;
  const tell = () => {
    timer = undefined;
    last = performance.now();
    listener();
  };
  const leave = store.subscribe(() => {
    const wait = last + DRAW_MS - performance.now();
    if (timer !== undefined) return;
    if (wait <= 0) tell();
    else timer = window.setTimeout(tell, wait);
  });
  return () => {
    clearTimeout(timer);
    leave();
  };
}

/** What the lines of the chat need of what is around them. */
export interface ChatScope {
  chat: ChatClient;
  ownId: string | null;
  ownName: string | null;
  role: string | null;
  answer: (message: Message) => void;
  mention: (name: string) => void;
  jump: (id: string) => void;
  card: (id: string) => void;
}

export const ScopeContext = createContext<ChatScope | null>(null);

export function useScope(): ChatScope {
  const scope = use(ScopeContext);
  if (scope === null) throw new Error('There is no chat around this.');
  return scope;
}
