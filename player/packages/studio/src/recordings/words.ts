import { plural, t } from '@lingui/core/macro';
import { useLingui } from '@lingui/react/macro';
import { momentText } from '@weir/client/format.ts';
import type { FullRecording } from './api';

/** What a recording is called: its title, else when it was. */
export function useRecordingName({ source, title, started }: FullRecording): string {
  const { t } = useLingui();
  if (title !== '') return title;
  return source === 'upload' ? t`Untitled video` : t`Recording of ${momentText(started)}`;
}

/** What happens to one that is not ready. */
export function stateText(recording: FullRecording): string {
  const { state, progress, waits_for, files_before } = recording;
  if (state === 'recording') return t`Recording now`;
  if (state === 'uploading') return t`Upload not finished: choose the file again to continue`;
  if (state === 'failed') return t`Failed`;
  if (state === 'ready') return t`Ready`;
  if (waits_for === 'live') return t`Waiting: live streams come first`;
  if (waits_for === 'uploads') return t`Waiting: ${plural(files_before ?? 0, { one: '# file', other: '# files' })} before yours`;
  return progress === null ? t`Processing` : t`Processing: ${progress} %`;
}
