import { useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { apps } from '../api';
import { useApp } from '../shell/AppContext';
import { lastDays } from './days';

const POLL_MS = 30_000;

/** What the app has used in the last days, today included; `list` are these days, as they were when the page was opened. */
export function useUsage(days: number) {
  const { app, ask } = useApp();
  const [now] = useState(() => Date.now());
  const list = lastDays(days, now);
  const since = list[0] ?? '';
  return { list, since, ...useQuery({ queryKey: [app.id, 'usage', since], queryFn: () => ask(apps.usage, since), refetchInterval: POLL_MS }) };
}
