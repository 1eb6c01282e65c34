import { useLingui } from '@lingui/react/macro';
import { useQueryClient } from '@tanstack/react-query';
import { CircleDot } from 'lucide-react';
import { useStore } from '@weir/client/observable.ts';
import { Button } from '@weir/kit/Button.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { useApp } from '../shell/AppContext';
import type { FullStream } from '../streams/api';
import { recordingApi } from './api';
import { Gallery } from './Gallery';
import { ChooseVideos, Transfers } from './Uploading';
import { useDrop } from './useDrop';

/** What was kept of a stream's broadcasts, and videos that are uploaded into it. */
export function RecordingList({ stream }: { stream: FullStream }) {
  const { t } = useLingui();
  const { app, askAs, can, session } = useApp();
  const known = useQueryClient();
  const say = useToast();
  const { transfers } = useStore(session.uploads.view);
  const upload = (files: Iterable<File>) => {
    for (const file of files) void session.uploads.send(stream.id, file, () => session.token());
  };
  const [dragging, drop] = useDrop(upload);
  const writes = can('editor');
  const own = transfers.filter((one) => one.stream === stream.id);
  const record = () => { askAs(recordingApi.start, stream.id).then(() => known.invalidateQueries({ queryKey: [app.id, 'recordings'] })).catch(say.failed); };
  return (
    <section aria-label={t`Recordings`} className="grid grid-cols-[minmax(0,1fr)] gap-4 rounded-card data-[dragging=true]:outline-2 data-[dragging=true]:outline-offset-8 data-[dragging=true]:outline-accent" data-dragging={dragging} {...(writes ? drop : {})}>
      {writes && (
        <div className="flex flex-wrap items-center gap-2">
          <ChooseVideos onFiles={upload} />
          {stream.state === 'live' && <Button icon={CircleDot} data-testid="record-now" onClick={record}>{t`Record now`}</Button>}
          <span className="text-sm text-soft">{t`Videos can be dropped here.`}</span>
        </div>
      )}
      <Transfers uploads={session.uploads} transfers={own} />
      <Gallery query={{ stream: stream.id }} without={own.filter(({ state }) => state !== 'sent').map(({ video }) => video)} />
    </section>
  );
}
