import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { Clapperboard, ScrollText } from 'lucide-react';
import { Link } from 'wouter';
import { Card } from '@weir/kit/Layout.tsx';
import { Ago } from '@weir/kit/Time.tsx';
import { apps, type AuditEntry } from '../api';
import { recordingApi, type FullRecording } from '../recordings/api';
import { stateText, useRecordingName } from '../recordings/words';
import { useApp } from '../shell/AppContext';
import { actionText } from '../log/actions';
import { EVERYTHING } from '../log/filter';

const SHOWN = 8;
const POLL_MS = 15_000;

/** The newest recordings and, for those who may read the audit log, the newest changes. */
export function Activity() {
  const { t } = useLingui();
  const { app, ask, askAs, can } = useApp();
  const recordings = useQuery({ queryKey: [app.id, 'recordings', 'newest'], queryFn: () => askAs(recordingApi.page, {}), refetchInterval: POLL_MS }).data?.data ?? [];
  const audit = useQuery({ queryKey: [app.id, 'audit', 'newest'], queryFn: () => ask(apps.audit, EVERYTHING, ''), refetchInterval: POLL_MS, enabled: can('admin') }).data?.data ?? [];
  const entries = [
    ...recordings.slice(0, SHOWN).map((recording) => ({ id: recording.id, at: recording.started, row: <RecordingRow recording={recording} /> })),
    ...audit.slice(0, SHOWN).map((entry) => ({ id: entry.id, at: entry.at, row: <ChangeRow entry={entry} /> })),
  ].sort((one, other) => Date.parse(other.at) - Date.parse(one.at)).slice(0, SHOWN);
  return (
    <Card title={t`Recent activity`} actions={can('admin') && <Link href="/log" className="text-sm">{t`Audit log`}</Link>}>
      {entries.length === 0 ? <p className="text-soft"><Trans>Nothing has happened yet.</Trans></p> : (
        <ul className="grid gap-3">
          {entries.map(({ id, at, row }) => <li key={id} className="flex items-start gap-2.5 text-sm">{row}<span className="shrink-0 text-[13px] text-soft"><Ago value={at} /></span></li>)}
        </ul>
      )}
    </Card>
  );
}

function RecordingRow({ recording }: { recording: FullRecording }) {
  const { t } = useLingui();
  const name = useRecordingName(recording);
  return (
    <>
      <Clapperboard size={16} className="mt-0.5 shrink-0 text-soft" aria-hidden />
      <span className="line-clamp-2 min-w-0 flex-1 [overflow-wrap:anywhere]">
        {recording.state === 'ready' ? <a href={`/watch/${recording.id}`} target="_blank" rel="noopener"><bdi>{name}</bdi></a> : <bdi>{name}</bdi>}
        {recording.state !== 'ready' && <span className="text-soft"> · {stateText(recording)}</span>}
        {recording.state === 'ready' && <span className="text-soft"> · {t`Recording`}</span>}
      </span>
    </>
  );
}

function ChangeRow({ entry }: { entry: AuditEntry }) {
  return (
    <>
      <ScrollText size={16} className="mt-0.5 shrink-0 text-soft" aria-hidden />
      <span className="line-clamp-2 min-w-0 flex-1">{actionText(entry.action)}</span>
    </>
  );
}
