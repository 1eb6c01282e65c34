import { useLingui } from '@lingui/react/macro';
import { ChevronsUpDown, Plus } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';
import { Avatar } from '@weir/kit/Avatar.tsx';
import { Menu } from '@weir/kit/Menu.tsx';
import { NewAppDialog } from './NewAppDialog';
import type { Studio } from './Studio';

/** Which app is shown, and the way to the others. */
export function AppMenu({ studio, appId }: { studio: Studio; appId: string | null }) {
  const { t } = useLingui();
  const [, go] = useLocation();
  const [making, setMaking] = useState(false);
  const app = studio.apps.find(({ id }) => id === appId);
  const trigger = (
    <button type="button" className="tap flex min-h-11 items-center gap-2.5 rounded-control px-1.5 text-start hover:bg-raised" data-testid="app-menu">
      <Avatar id={appId ?? 'weir'} name={app?.name ?? 'Weir'} size={28} />
      <span className="min-w-0 flex-1 truncate font-semibold" dir="auto">{app?.name ?? 'Weir'}</span>
      <span className="sr-only">{t`Choose an app`}</span>
      <ChevronsUpDown size={15} className="shrink-0 text-soft" aria-hidden />
    </button>
  );
  return (
    <>
      <Menu trigger={trigger} align="start" groups={[
        ...(studio.apps.length === 0 ? [] : [{ heading: t`Apps`, items: studio.apps.map(({ id, name }) => ({ label: name, chosen: id === appId, onChoose: () => go(`/${id}`) })) }]),
        { items: [{ label: t`New app`, icon: Plus, testId: 'new-app', onChoose: () => setMaking(true) }] },
      ]} />
      <NewAppDialog studio={studio} open={making} onClose={() => setMaking(false)} />
    </>
  );
}
