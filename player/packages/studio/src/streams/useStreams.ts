import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useApp } from '../shell/AppContext';
import { streamApi, type FullStream, type StreamChange } from './api';

const POLL_MS = 2_000;

/** The streams of the app, newest first, kept fresh; `next_cursor` when there are more than the first page. */
export function useStreams(q = '', state = '') {
  const { app, askAs } = useApp();
  return useQuery({
    queryKey: [app.id, 'streams', q, state],
    queryFn: () => askAs(streamApi.page, { q, state }),
    refetchInterval: POLL_MS,
    placeholderData: keepPreviousData,
  });
}

export function useStream(id: string) {
  const { app, askAs } = useApp();
  return useQuery({ queryKey: [app.id, 'stream', id], queryFn: () => askAs(streamApi.get, id), refetchInterval: POLL_MS });
}

/** Changes a stream and shows it at once. Errors: Problem. */
export function useStreamChange(id: string) {
  const { app, askAs } = useApp();
  const known = useQueryClient();
  return useMutation({
    mutationFn: (change: StreamChange) => askAs(streamApi.change, id, change),
    onSuccess: (stream: FullStream) => {
      known.setQueryData([app.id, 'stream', id], stream);
      void known.invalidateQueries({ queryKey: [app.id, 'streams'] });
    },
  });
}
