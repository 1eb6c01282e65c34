import { Trans, useLingui } from '@lingui/react/macro';
import { useState } from 'react';
import { durationText, momentText } from '@weir/client/format.ts';
import { Button } from '@weir/kit/Button.tsx';
import { CopyField } from '@weir/kit/CopyField.tsx';
import { streams } from '../api';
import { useAction } from '../common/useAction';
import { useApp } from '../shell/AppContext';
import type { FullStream } from './api';

const TIMES = [3_600, 28_800, 86_400];

/** A link that opens a signed stream until a moment. */
export function SignedLink({ stream }: { stream: FullStream }) {
  const { t } = useLingui();
  const { askAs } = useApp();
  const [seconds, setSeconds] = useState(86_400);
  const [made, setMade] = useState<{ link: string; ends: string } | null>(null);
  const { busy, error, run } = useAction();
  const make = () => run(async () => {
    const { token } = await askAs(streams.playbackToken, stream.id, seconds);
    setMade({ link: `${stream.watch_url}#token=${token}`, ends: new Date(Date.now() + seconds * 1000).toISOString() });
  });
  return (
    <>
      <div className="flex flex-wrap items-center gap-2">
        <select className="entry w-auto!" aria-label={t`The link works for`} value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
          {TIMES.map((time) => <option key={time} value={time}>{durationText(time)}</option>)}
        </select>
        <Button look="primary" data-testid="make-link" busy={busy} onClick={make}>{t`Create a signed link`}</Button>
        {error !== null && <span className="text-warn" role="alert">{error}</span>}
      </div>
      {made !== null && (
        <>
          <CopyField label={t`Signed link`} value={made.link} qr testId="signed-link" />
          <p className="text-sm text-soft"><Trans>Works until {momentText(made.ends)}. Create one for each viewer: all who open the same link count as one.</Trans></p>
        </>
      )}
    </>
  );
}
