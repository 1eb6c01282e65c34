import { Trans, useLingui } from '@lingui/react/macro';
import { useDeferredValue, useState } from 'react';
import { FilterSelect, ListBar } from '@weir/kit/ListBar.tsx';
import { Page } from '@weir/kit/Layout.tsx';
import { usePageTitle } from '../shell/title';
import { useStreams } from '../streams/useStreams';
import { Gallery } from './Gallery';

/** Recordings and uploads of all streams. */
export function RecordingsPage() {
  const { t } = useLingui();
  usePageTitle(t`Recordings`);
  const [q, setQ] = useState('');
  const [stream, setStream] = useState('');
  const [state, setState] = useState('');
  const { data } = useStreams();
  return (
    <Page title={<Trans>Recordings</Trans>} lead={<Trans>Recorded broadcasts and uploaded videos. Open a stream to upload into it.</Trans>}>
      <ListBar label={t`Search recordings`} value={q} onChange={setQ}>
        <FilterSelect label={t`Stream`} value={stream} onChange={setStream} options={[['', t`All streams`], ...(data?.data ?? []).map(({ id, title }) => [id, title || t`Untitled stream`] as const)]} />
        <FilterSelect label={t`State`} value={state} onChange={setState} options={[['', t`All states`], ['ready', t`Ready`], ['processing', t`Processing`], ['recording', t`Recording now`], ['failed', t`Failed`]]} />
      </ListBar>
      <Gallery query={{ q: useDeferredValue(q), stream, state }} />
    </Page>
  );
}
