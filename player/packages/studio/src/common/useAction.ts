import { useState } from 'react';
import { wordsOf } from '@weir/client/http.ts';

/** One thing done at a time, and in words what went wrong with it. */
export function useAction(): { busy: boolean; error: string | null; run: (deed: () => Promise<void>) => void } {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<string | null>(null);
  const perform = async (deed: () => Promise<void>) => {
    setBusy(true);
    setError(null);
    try {
      await deed();
    } catch (problem) {
      setError(wordsOf(problem));
    }
    setBusy(false);
  };
  return { busy, error, run: (deed) => void perform(deed) };
}
