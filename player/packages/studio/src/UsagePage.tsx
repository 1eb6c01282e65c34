import { useCallback } from 'react';
import { bytesText, countText } from '@weir/client/format.ts';
import { apps, type UsageDay } from './api';
import type { Ask } from './authorizedApi';
import { Bars } from './BarChart';
import { lastDays } from './days';
import { useAction } from './useAction';
import { useQuery } from './useQuery';

const DAYS = 30;
const POLL_MS = 30_000;
const rounded = (figure: number) => countText(Math.round(figure));
const CHARTS = [
  { title: 'Minutes watched', name: 'minutes_watched', words: rounded },
  { title: 'Viewing sessions', name: 'viewers', words: countText },
  { title: 'Data sent', name: 'bytes', words: bytesText },
  { title: 'Chat messages', name: 'messages', words: countText },
  { title: 'Minutes on air', name: 'minutes_published', words: rounded },
  { title: 'Stored', name: 'storage_bytes', words: bytesText },
] as const;

/** What the app has used in the last month, day by day. */
export function UsagePage({ ask }: { ask: Ask }) {
  const { value, error: unread } = useQuery(useCallback(() => ask(apps.usage, firstDay()), [ask]), POLL_MS);
  const { busy, error: unsaved, run } = useAction();
  const error = unsaved ?? unread;
  const days = filled(value?.days ?? []);
  return (
    <section className="page" aria-label="Usage">
      <header className="page-head with-deed">
        <div><h1>Usage</h1><p className="soft">The last 30 days, in UTC.</p></div>
        <button type="button" className="small-button plain" data-testid="usage-csv" disabled={busy} onClick={() => run(() => ask(apps.usageCsv, firstDay()))}>Download CSV</button>
      </header>
      {error !== null && <p className="error" role="alert">{error}</p>}
      {value !== null && (
        <div className="charts">
          {CHARTS.map(({ title, name, words }) => <Bars key={name} title={title} total={words(value[name])} days={days} of={(day) => day[name]} words={words} />)}
        </div>
      )}
    </section>
  );
}

function firstDay(): string {
  return lastDays(DAYS, Date.now())[0] ?? '';
}

/** Days on which nothing happened are zeros, not holes. */
function filled(known: readonly UsageDay[]): UsageDay[] {
  const byDay = new Map(known.map((day) => [day.day, day]));
  return lastDays(DAYS, Date.now()).map((day) => byDay.get(day) ?? { day, bytes: 0, viewers: 0, messages: 0, minutes_watched: 0, minutes_published: 0, storage_bytes: 0 });
}
