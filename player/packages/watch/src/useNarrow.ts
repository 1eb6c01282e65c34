import { useSyncExternalStore } from 'react';

/** As in page.css: chat and text share one column. */
const narrow = matchMedia('(max-width: 899px)');

function follow(listener: () => void): () => void {
  narrow.addEventListener('change', listener);
  return () => narrow.removeEventListener('change', listener);
}

export function useNarrow(): boolean {
  return useSyncExternalStore(follow, () => narrow.matches);
}
