import { useEffect, useRef } from 'react';
import { mentions } from '@weir/client/chat/mentions.ts';
import { usePick, useScope } from './hooks';
import { keyOf, type Line } from './lines';

const COUNTED = /^\(\d+\) /;

/** Counts mentions in the page's title while nobody looks at the page. */
export function useTitleCount(lines: readonly Line[]): void {
  const { chat, ownId, ownName } = useScope();
  const wanted = usePick(chat.settings.view, ({ titleCount }) => titleCount);
  const seen = useRef<string | null>(null);
  const count = useRef(0);
  useEffect(() => {
    const read = lines.findLastIndex((line) => keyOf(line) === seen.current);
    const fresh = read === -1 ? [] : lines.slice(read + 1);
    const last = lines.at(-1);
    seen.current = last === undefined ? null : keyOf(last);
    if (!document.hidden || !wanted) return;
    const found = fresh.filter((line) => 'cid' in line && line.author.id !== ownId && mentions(line.text, ownName)).length;
    if (found === 0) return;
    count.current += found;
    document.title = `(${count.current}) ${document.title.replace(COUNTED, '')}`;
  }, [lines, wanted, ownId, ownName]);
  useEffect(() => {
    const seenNow = () => {
      if (document.hidden) return;
      count.current = 0;
      document.title = document.title.replace(COUNTED, '');
    };
    document.addEventListener('visibilitychange', seenNow);
    return () => document.removeEventListener('visibilitychange', seenNow);
  }, []);
}
