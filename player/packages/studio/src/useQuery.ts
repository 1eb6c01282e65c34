import { useCallback, useEffect, useState } from 'react';
import { wordsOf } from '@weir/client/http.ts';

/** Null until known; `refresh` reads it again. `read` has to be the same function as long as it reads the same thing. */
export function useQuery<T>(read: () => Promise<T>, everyMs?: number): { value: T | null; error: string | null; refresh: () => Promise<void> } {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<string | null>(null);
  const refresh = useCallback(async () => {
    try {
      setValue(await read());
      setError(null);
    } catch (problem) {
      setError(wordsOf(problem));
    }
  }, [read]);
  useEffect(() => {
    const look = () => void refresh();
    look();
    if (everyMs === undefined) return;
    const timer = window.setInterval(look, everyMs);
    return () => clearInterval(timer);
  }, [refresh, everyMs]);
  return { value, error, refresh };
}
