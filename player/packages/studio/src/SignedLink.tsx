import { useState } from 'react';
import { momentText } from '@weir/client/format.ts';
import type { OwnStream } from './api';
import { CopyField } from './CopyField';
import type { Desk } from './studioStore';
import { useAction } from './useAction';

const TIMES = [
  { seconds: 3_600, words: '1 hour' },
  { seconds: 28_800, words: '8 hours' },
  { seconds: 86_400, words: '24 hours' },
];

/** A link that opens a signed stream until a moment. */
export function SignedLink({ desk, stream }: { desk: Desk; stream: OwnStream }) {
  const [seconds, setSeconds] = useState(86_400);
  const [made, setMade] = useState<{ link: string; ends: string } | null>(null);
  const { busy, error, run } = useAction();
  const make = () => run(async () => {
    const token = await desk.playbackToken(stream, seconds);
    if (token === null) return; // it became public meanwhile
    setMade({ link: `${stream.watch_url}#token=${token}`, ends: new Date(Date.now() + seconds * 1000).toISOString() });
  });
  return (
    <>
      <div className="form-end">
        <select className="field short" aria-label="The link works for" value={seconds} onChange={(event) => setSeconds(Number(event.target.value))}>
          {TIMES.map((time) => <option key={time.seconds} value={time.seconds}>{time.words}</option>)}
        </select>
        <button type="button" className="small-button" data-testid="make-link" disabled={busy} onClick={make}>Create a signed link</button>
        {error !== null && <span className="error" role="alert">{error}</span>}
      </div>
      {made !== null && (
        <>
          <CopyField label="Signed link" value={made.link} testId="signed-link" />
          <p className="soft after-field">Works until {momentText(made.ends)}. Create one for each viewer: all who open the same link count as one.</p>
        </>
      )}
    </>
  );
}
