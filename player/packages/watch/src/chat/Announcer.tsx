import { useEffect, useRef, useState } from 'react';
import { plural, t } from '@lingui/core/macro';
import { useScope } from './hooks';
import { keyOf, type Line } from './lines';

const EVERY_MS = 2_500;
const MOST_READ_OUT = 2;

/** Reads new messages to those who listen: a few in full, more as a number, so that a busy chat is no flood. */
export function Announcer({ lines }: { lines: readonly Line[] }) {
  const { ownId } = useScope();
  const newest = useRef<readonly Line[]>(lines);
  const [words, setWords] = useState('');
  useEffect(() => {
    newest.current = lines;
  }, [lines]);
  useEffect(() => {
    let told = lastKey(newest.current);
    const timer = window.setInterval(() => {
      const fresh = linesAfter(newest.current, told);
      told = lastKey(newest.current);
      if (fresh.length > 0) setWords(wordsOf(fresh.filter((line) => 'words' in line || line.author.id !== ownId)));
    }, EVERY_MS);
    return () => clearInterval(timer);
  }, [ownId]);
  return <p className="unseen" role="log" aria-live="polite" aria-label={t`New messages`}>{words}</p>;
}

function lastKey(lines: readonly Line[]): string | null {
  const last = lines.at(-1);
  return last === undefined ? null : keyOf(last);
}

function linesAfter(lines: readonly Line[], key: string | null): readonly Line[] {
  const at = lines.findLastIndex((line) => keyOf(line) === key);
  return at === -1 ? [] : lines.slice(at + 1);
}

function wordsOf(lines: readonly Line[]): string {
  if (lines.length > MOST_READ_OUT) return plural(lines.length, { one: '# new message', other: '# new messages' });
  return lines.map((line) => ('words' in line ? line.words : `${line.author.name}: ${line.text}`)).join('\n');
}
