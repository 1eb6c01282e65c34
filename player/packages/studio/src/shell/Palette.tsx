import { useLingui } from '@lingui/react/macro';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, Plus, Radio, UserRound } from 'lucide-react';
import { useLocation } from 'wouter';
import { CommandPalette, type CommandGroup } from '@weir/kit/CommandPalette.tsx';
import type { OwnStream } from '../api';
import { atLeast } from '../roles';
import { GROUPS } from './sections';
import type { Studio } from './Studio';

interface Props {
  studio: Studio;
  appId: string | null;
  open: boolean;
  onClose: () => void;
}

/** Pages, streams and actions by their names. */
export function Palette({ open, ...props }: Props) {
  return open ? <Opened {...props} /> : null;
}

function Opened({ studio, appId, onClose }: Omit<Props, 'open'>) {
  const { t, i18n } = useLingui();
  const [, go] = useLocation();
  const known = useQueryClient();
  const { data: streams = [] } = useQuery<readonly OwnStream[]>({ queryKey: [appId, 'streams'], queryFn: () => known.getQueryData([appId, 'streams']) ?? [], staleTime: Infinity });
  const app = studio.apps.find(({ id }) => id === appId);
  const role = app?.role ?? 'viewer';
  const to = (path: string) => () => go(path);
  const pages = app === undefined ? [] : GROUPS.flatMap(({ sections }) => sections).filter(({ least }) => atLeast(role, least));
  const groups: CommandGroup[] = [
    { value: t`Pages`, items: [
      ...pages.map(({ id, title, icon }) => ({ id, label: i18n._(title), icon, onChoose: to(`/${app?.id ?? ''}/${id}`) })),
      { id: 'account', label: t`Account`, icon: UserRound, onChoose: to('/account') },
    ] },
    { value: t`Streams`, items: app === undefined ? [] : streams.map(({ id, title }) => ({ id, label: title || t`Untitled stream`, words: id, icon: Radio, onChoose: to(`/${app.id}/streams/${id}`) })) },
    { value: t`Apps`, items: studio.apps.filter(({ id }) => id !== appId).map(({ id, name }) => ({ id, label: name, onChoose: to(`/${id}`) })) },
    { value: t`Actions`, items: [
      ...(app !== undefined && atLeast(role, 'editor') ? [{ id: 'new-stream', label: t`New stream`, icon: Plus, onChoose: to(`/${app.id}/streams/new`) }] : []),
      ...(app !== undefined && atLeast(role, 'admin') ? [{ id: 'new-key', label: t`New API key`, icon: KeyRound, onChoose: to(`/${app.id}/keys`) }] : []),
    ] },
  ];
  return <CommandPalette open groups={groups.filter(({ items }) => items.length > 0)} onClose={onClose} />;
}
