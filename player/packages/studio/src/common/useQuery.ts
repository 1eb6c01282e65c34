import { useCallback, useEffect, useRef, useState } from 'react';
import { wordsOf } from '@weir/client/http.ts';

/** Null until known; `refresh` reads it again. `read` has to be the same function as long as it reads the same thing. */
export function useQuery<T>(read: () => Promise<T>, everyMs?: number): { value: T | null; error: string | null; refresh: () => Promise<void> } {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<string | null>(null);
  // Answers are numbered by their requests: one that a newer answer, or another question, has overtaken is ignored.
  const started = useRef(0);
  const applied = useRef(0);
  const refresh = useCallback(async () => {
    const number = ++started.current;
    const apply = (change: () => void) => {
      if (number <= applied.current) return;
      applied.current = number;
      change();
    };
    try {
      const known = await read();
      apply(() => { setValue(known); setError(null); });
    } catch (problem) {
      apply(() => setError(wordsOf(problem)));
    }
  }, [read]);
  useEffect(() => {
    applied.current = started.current;
    const look = () => void refresh();
    look();
    if (everyMs === undefined) return;
    const timer = window.setInterval(look, everyMs);
    return () => clearInterval(timer);
  }, [refresh, everyMs]);
  return { value, error, refresh };
}
