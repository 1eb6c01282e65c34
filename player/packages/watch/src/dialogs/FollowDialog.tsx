import { useId, useState, type SyntheticEvent } from 'react';
import { useLingui } from '@lingui/react/macro';
import { wordsOf } from '@weir/client/http.ts';
import { followByMail, followByPush, isFollowed, unfollow } from '@weir/client/followers.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Glyph } from '@weir/ui/icons.tsx';
import { Dialog } from './Dialog';
import { PushRefused, subscribe } from './push';

interface Props {
  watching: Watching;
  email: boolean;
  push: boolean;
  onClose: () => void;
}

interface Said {
  good: boolean;
  words: string;
}

/** How this viewer is told of the next broadcast. */
export function FollowDialog({ watching, email, push, onClose }: Props) {
  const { t } = useLingui();
  const [said, setSaid] = useState<Said | null>(null);
  const [busy, setBusy] = useState(false);
  const run = async (deed: () => Promise<string>) => {
    setBusy(true);
    setSaid(null);
    try {
      setSaid({ good: true, words: await deed() });
    } catch (error) {
      setSaid({ good: false, words: error instanceof PushRefused ? error.message : wordsOf(error) });
    }
    setBusy(false);
  };
  return (
    <Dialog title={t`Follow`} onClose={onClose}>
      <p>{t`Get told when the next broadcast starts.`}</p>
      {email && <ByMail watching={watching} busy={busy} run={run} />}
      {push && <ByPush watching={watching} busy={busy} run={run} />}
      {said !== null && <p className="follow-said" data-good={said.good} role={said.good ? 'status' : 'alert'} data-testid="follow-said">{said.words}</p>}
    </Dialog>
  );
}

interface WayProps {
  watching: Watching;
  busy: boolean;
  run: (deed: () => Promise<string>) => Promise<void>;
}

/** In this browser: on, or off again. */
function ByPush({ watching, busy, run }: WayProps) {
  const { t } = useLingui();
  const [on, setOn] = useState(() => isFollowed(watching));
  const start = async () => {
    await followByPush(watching, await subscribe());
    setOn(true);
    return t`This browser will show a notification when the next broadcast starts.`;
  };
  const end = async () => {
    await unfollow(watching);
    setOn(false);
    return t`This browser will show no more notifications of this stream.`;
  };
  return (
    <button type="button" className="small-button plain follow-push" data-testid="follow-push" disabled={busy} onClick={() => void run(on ? end : start)}>
      <Glyph name="bell" />
      {on ? t`Stop notifications in this browser` : t`Notify me in this browser`}
    </button>
  );
}

function ByMail({ watching, busy, run }: WayProps) {
  const { t } = useLingui();
  const id = useId();
  const [address, setAddress] = useState('');
  const send = (event: SyntheticEvent) => {
    event.preventDefault();
    void run(async () => {
      await followByMail(watching, address.trim());
      return t`Check your e-mail: the link in it confirms that you want to follow. Until then nothing else is sent.`;
    });
  };
  return (
    <form className="follow-form" onSubmit={send}>
      <label htmlFor={id}>{t`Your e-mail`}</label>
      <div>
        <input id={id} className="field" type="email" dir="ltr" autoComplete="email" required maxLength={254} value={address} data-testid="follow-email" onChange={(event) => setAddress(event.target.value)} />
        <button type="submit" className="small-button" disabled={busy} data-testid="follow-send">{t`Follow`}</button>
      </div>
    </form>
  );
}
