import { Suspense, lazy, useState } from 'react';
import { useLingui } from '@lingui/react/macro';
import type { WatchedStream } from '@weir/client/api.ts';
import { fetched } from '@weir/client/fetched.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Glyph } from '@weir/ui/icons.tsx';

const FollowDialog = lazy(async () => ({ default: (await fetched(() => import('./dialogs/FollowDialog'))).FollowDialog }));

/** Absent where a viewer can be told of the next broadcast neither by e-mail nor by this browser. */
export function FollowButton({ watching, stream }: { watching: Watching; stream: WatchedStream }) {
  const { t } = useLingui();
  const [open, setOpen] = useState(false);
  const email = stream.follow?.email === true;
  const push = stream.follow?.push === true && canPush();
  if ((!email && !push) || stream.state === 'recorded') return null;
  return (
    <>
      <button type="button" className="action main" data-testid="follow" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <Glyph name="bell" />
        <span>{t`Follow`}</span>
      </button>
      {open && <Suspense><FollowDialog watching={watching} email={email} push={push} onClose={() => setOpen(false)} /></Suspense>}
    </>
  );
}

function canPush(): boolean {
  return window.isSecureContext && 'serviceWorker' in navigator && 'PushManager' in window;
}
