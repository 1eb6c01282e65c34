import { Trans, useLingui } from '@lingui/react/macro';
import { useQuery } from '@tanstack/react-query';
import { Pencil, Plus, SlidersHorizontal, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { rateText } from '@weir/client/format.ts';
import { Button, IconButton } from '@weir/kit/Button.tsx';
import { ConfirmDialog } from '@weir/kit/Dialog.tsx';
import { Card, Page } from '@weir/kit/Layout.tsx';
import { EmptyState, ErrorState, Skeleton } from '@weir/kit/States.tsx';
import { useApp } from '../shell/AppContext';
import { usePageTitle } from '../shell/title';
import { profileApi, type Profile } from './api';
import { ProfileDialog } from './ProfileDialog';

/** Ladders of qualities that streams can have in place of the installation's own. */
export function ProfilesPage() {
  const { t } = useLingui();
  usePageTitle(t`Profiles`);
  const { app, askAs, can } = useApp();
  const [shown, setShown] = useState<{ what: 'edit' | 'delete'; profile: Profile | null } | null>(null);
  const { data, error, refetch } = useQuery({ queryKey: [app.id, 'profiles', 'full'], queryFn: () => askAs(profileApi.list) });
  const close = () => setShown(null);
  const profile = shown?.profile ?? null;
  const name = profile?.name ?? '';
  const again = async () => { await refetch(); };
  const add = can('editor') && <Button look="primary" icon={Plus} data-testid="new-profile" onClick={() => setShown({ what: 'edit', profile: null })}>{t`New profile`}</Button>;
  return (
    <Page title={<Trans>Profiles</Trans>} lead={<Trans>A profile says which qualities are made of a stream. Streams without one get the installation’s own ladder.</Trans>} actions={add}>
      {data === undefined && <Reading error={error} onRetry={() => void refetch()} />}
      {data?.length === 0 && <EmptyState icon={SlidersHorizontal} title={<Trans>No profiles yet</Trans>} action={add}><Trans>For example: 720p and 360p only, to spare the server; or 1080p with a higher bitrate for sports.</Trans></EmptyState>}
      <div className="grid gap-4 md:grid-cols-2">
        {data?.map((profile) => <ProfileCard key={profile.id} profile={profile} onEdit={() => setShown({ what: 'edit', profile })} onDelete={() => setShown({ what: 'delete', profile })} />)}
      </div>
      <ProfileDialog open={shown?.what === 'edit'} profile={profile} onClose={close} onSaved={again} />
      <ConfirmDialog open={shown?.what === 'delete'} onClose={close} title={t`Delete “${name}”?`} action={t`Delete`} onConfirm={async () => {
        if (profile !== null) await askAs(profileApi.remove, profile.id);
        await again();
      }}><Trans>Streams with this profile get the installation’s own ladder.</Trans></ConfirmDialog>
    </Page>
  );
}

function Reading({ error, onRetry }: { error: Error | null; onRetry: () => void }) {
  return error === null ? <Skeleton /> : <ErrorState error={error} onRetry={onRetry} />;
}

function ProfileCard({ profile, onEdit, onDelete }: { profile: Profile; onEdit: () => void; onDelete: () => void }) {
  const { t } = useLingui();
  const { can } = useApp();
  const deeds = can('editor') && <span className="flex"><IconButton label={t`Change`} icon={Pencil} onClick={onEdit} /><IconButton label={t`Delete`} icon={Trash2} onClick={onDelete} /></span>;
  return (
    <Card data-testid="profile" title={<bdi>{profile.name}</bdi>} actions={deeds}>
      <ul className="grid gap-1 text-sm">
        {profile.rungs.map(({ height, bit_rate, frame_rate }) => (
          <li key={height} className="flex justify-between gap-3"><b className="font-semibold">{height}p</b><span className="text-soft tabular-nums">{[frame_rate === null ? '' : t`at most ${frame_rate} frames/s`, bit_rate === null ? t`bitrate by height` : rateText(bit_rate)].filter(Boolean).join(' · ')}</span></li>
        ))}
        {profile.audio_only && <li>{t`Sound alone`}</li>}
      </ul>
      {profile.copy_top && <p className="text-sm text-soft">{t`A fitting source is handed on without encoding it again.`}</p>}
    </Card>
  );
}
