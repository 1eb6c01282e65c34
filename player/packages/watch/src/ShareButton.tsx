import { Suspense, lazy, useState } from 'react';
import { useLingui } from '@lingui/react/macro';
import type { WatchedStream } from '@weir/client/api.ts';
import { fetched } from '@weir/client/fetched.ts';
import type { Watching } from '@weir/client/watchSession.ts';
import { Glyph } from '@weir/ui/icons.tsx';

const ShareDialog = lazy(async () => ({ default: (await fetched(() => import('./dialogs/ShareDialog'))).ShareDialog }));

export function ShareButton({ watching, stream }: { watching: Watching; stream: WatchedStream }) {
  const { t } = useLingui();
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" className="action" data-testid="share" title={t`Share`} aria-haspopup="dialog" onClick={() => setOpen(true)}>
        <Glyph name="share" />
        <span>{t`Share`}</span>
      </button>
      {open && <Suspense><ShareDialog watching={watching} stream={stream} onClose={() => setOpen(false)} /></Suspense>}
    </>
  );
}
