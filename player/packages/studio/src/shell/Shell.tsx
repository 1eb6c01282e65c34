import { Dialog } from '@base-ui/react/dialog';
import { useLingui } from '@lingui/react/macro';
import { Menu as MenuIcon, Search, X } from 'lucide-react';
import { useEffect, useState, type ReactNode } from 'react';
import { useLocation } from 'wouter';
import { IconButton } from '@weir/kit/Button.tsx';
import { AccountMenu } from './AccountMenu';
import { AppMenu } from './AppMenu';
import { Palette } from './Palette';
import { SideNav } from './SideNav';
import type { Studio } from './Studio';

/** The frame of all pages: the side bar, on phones behind a button, and the search. `nav` are the pages of the present app. */
export function Shell({ studio, appId, nav, children }: { studio: Studio; appId: string | null; nav: boolean; children: ReactNode }) {
  const { t } = useLingui();
  const [open, setOpen] = useState(false);
  const [palette, setPalette] = usePaletteKey();
  const [location] = useLocation();
  const [shownAt, setShownAt] = useState(location);
  if (shownAt !== location) {
    setShownAt(location);
    setOpen(false);
  }
  const side = (
    <>
      <AppMenu studio={studio} appId={appId} />
      <button type="button" className="entry flex items-center gap-2 text-start text-soft" data-testid="search" onClick={() => setPalette(true)}>
        <Search size={15} aria-hidden />
        <span className="flex-1">{t`Search`}</span>
        <kbd className="rounded bg-raised px-1.5 text-[12px]">{navigator.userAgent.includes('Mac') ? '⌘K' : 'Ctrl K'}</kbd>
      </button>
      {nav && appId !== null ? <SideNav studio={studio} appId={appId} /> : <span className="flex-1" />}
      <AccountMenu studio={studio} />
    </>
  );
  return (
    <div className="studio min-h-dvh lg:grid lg:grid-cols-[15.5rem_minmax(0,1fr)]">
      <a href="#content" className="sr-only rounded-control bg-accent px-3 py-2 text-accent-ink focus:not-sr-only focus:fixed focus:start-3 focus:top-3 focus:z-60">{t`Skip to the content`}</a>
      <aside className="no-print sticky top-0 hidden h-dvh flex-col gap-3 border-e border-line bg-surface p-3 lg:flex">{side}</aside>
      <header className="top no-print sticky top-0 z-30 flex items-center gap-1 border-b border-line bg-surface px-2 py-1.5 lg:hidden">
        <Dialog.Root open={open} onOpenChange={setOpen}>
          <Dialog.Trigger render={<IconButton label={t`Menu`} icon={MenuIcon} data-testid="open-menu" />} />
          <Dialog.Portal>
            <Dialog.Backdrop className="fixed inset-0 z-40 bg-black/50" />
            <Dialog.Popup aria-label={t`Menu`} className="fixed inset-y-0 start-0 z-50 flex w-72 max-w-[88vw] flex-col gap-3 overflow-y-auto border-e border-line bg-surface p-3">
              <Dialog.Close render={<IconButton label={t`Close`} icon={X} className="self-end" />} />
              {side}
            </Dialog.Popup>
          </Dialog.Portal>
        </Dialog.Root>
        <strong className="min-w-0 flex-1 truncate" dir="auto">{studio.apps.find(({ id }) => id === appId)?.name ?? 'Weir'}</strong>
        <IconButton label={t`Search`} icon={Search} onClick={() => setPalette(true)} />
      </header>
      <main id="content" tabIndex={-1} className="min-w-0 outline-none">{children}</main>
      <Palette studio={studio} appId={appId} open={palette} onClose={() => setPalette(false)} />
    </div>
  );
}

/** Ctrl or ⌘ with K opens the search from everywhere. */
function usePaletteKey(): [boolean, (open: boolean) => void] {
  const [open, setOpen] = useState(false);
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || !(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey) return;
      event.preventDefault();
      setOpen(true);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return [open, setOpen];
}
