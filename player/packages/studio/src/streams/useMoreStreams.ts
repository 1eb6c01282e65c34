import { useState } from 'react';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useApp } from '../shell/AppContext';
import { streamApi, type FullStream } from './api';

interface Loaded {
  of: string;
  rows: readonly FullStream[];
  cursor: string | null;
}

/** What follows the first page, which is read again and again by itself; these rows stay as they were read. */
export function useMoreStreams(q: string, state: string, first: string | null) {
  const { askAs } = useApp();
  const say = useToast();
  const [busy, setBusy] = useState(false);
  const of = `${q}\n${state}`;
  const [loaded, setLoaded] = useState<Loaded>({ of, rows: [], cursor: null });
  const own = loaded.of === of && loaded.rows.length > 0 ? loaded : { of, rows: [], cursor: first };
  const load = async () => {
    setBusy(true);
    try {
      const page = await askAs(streamApi.page, { q, state, cursor: own.cursor ?? '' });
      setLoaded({ of, rows: [...own.rows, ...page.data], cursor: page.next_cursor });
    } catch (error) {
      say.failed(error);
    }
    setBusy(false);
  };
  return { rows: own.rows, cursor: own.cursor, busy, load: () => void load() };
}
