import { Trans, useLingui } from '@lingui/react/macro';
import { Download } from 'lucide-react';
import { useState } from 'react';
import { bytesText, countText } from '@weir/client/format.ts';
import { Button } from '@weir/kit/Button.tsx';
import { Card, Page } from '@weir/kit/Layout.tsx';
import { FilterSelect } from '@weir/kit/ListBar.tsx';
import { ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { TimeChart } from '@weir/kit/TimeChart.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { apps, type UsageDay } from '../api';
import { useApp } from '../shell/AppContext';
import { usePageTitle } from '../shell/title';
import { useUsage } from './useUsage';

const rounded = (figure: number) => countText(Math.round(figure));

/** What the app has used, day by day. */
export function UsagePage() {
  const { t } = useLingui();
  usePageTitle(t`Usage`);
  const { ask } = useApp();
  const say = useToast();
  const [days, setDays] = useState(30);
  const { list, since, data, error, refetch } = useUsage(days);
  const charts = [
    { title: t`Minutes watched`, name: 'minutes_watched', words: rounded }, { title: t`Viewing sessions`, name: 'viewers', words: countText },
    { title: t`Data sent`, name: 'bytes', words: bytesText }, { title: t`Chat messages`, name: 'messages', words: countText },
    { title: t`Minutes on air`, name: 'minutes_published', words: rounded }, { title: t`Stored`, name: 'storage_bytes', words: bytesText },
  ] as const;
  const rows = filled(data?.days ?? [], list);
  const times = rows.map(({ day }) => Date.parse(`${day}T00:00:00Z`) / 1000);
  return (
    <Page
      title={<Trans>Usage</Trans>} lead={<Trans>Days in UTC.</Trans>}
      actions={<>
        <FilterSelect label={t`Time`} value={String(days)} options={[['7', t`7 days`], ['30', t`30 days`], ['90', t`90 days`], ['365', t`A year`]]} onChange={(value) => setDays(Number(value))} />
        <Button icon={Download} data-testid="usage-csv" onClick={() => { ask(apps.usageCsv, since).catch(say.failed); }}>{t`Download CSV`}</Button>
      </>}
    >
      {error !== null && <ErrorState error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null && <Skeleton rows={3} height={160} />}
      {data !== undefined && (
        <div className="grid grid-cols-[minmax(0,1fr)] gap-4 lg:grid-cols-[repeat(2,minmax(0,1fr))]">
          {charts.map(({ title, name, words }) => (
            <Card key={name} title={title} actions={<span className="text-xl font-semibold tabular-nums"><bdi>{words(data[name])}</bdi></span>}>
              <TimeChart label={title} times={times} bars format={words} height={150} lines={[{ name: t`Today`, values: rows.map((day) => day[name]) }]} />
            </Card>
          ))}
        </div>
      )}
    </Page>
  );
}

/** Days on which nothing happened are zeros, not holes. */
function filled(known: readonly UsageDay[], list: readonly string[]): UsageDay[] {
  const byDay = new Map(known.map((day) => [day.day, day]));
  return list.map((day) => byDay.get(day) ?? { day, bytes: 0, viewers: 0, messages: 0, minutes_watched: 0, minutes_published: 0, storage_bytes: 0 });
}
