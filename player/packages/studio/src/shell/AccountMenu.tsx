import { useLingui } from '@lingui/react/macro';
import { BookOpen, ChevronsUpDown, LogOut, MonitorCog, Moon, ServerCog, Sun, UserRound } from 'lucide-react';
import { useState } from 'react';
import { useLocation } from 'wouter';
import * as texts from 'virtual:messages/studio';
import { Avatar } from '@weir/kit/Avatar.tsx';
import { Menu } from '@weir/kit/Menu.tsx';
import { useToast } from '@weir/kit/Toasts.tsx';
import { chooseLanguage, nameOfLanguage } from '@weir/ui/language.tsx';
import { chooseTheme, chosenTheme } from '@weir/ui/theme.ts';
import type { Studio } from './Studio';

/** Who is signed in: the account, language, theme, and the way out. */
export function AccountMenu({ studio: { account, signIn } }: { studio: Studio }) {
  const { t, i18n } = useLingui();
  const [, go] = useLocation();
  const [theme, setTheme] = useState(chosenTheme);
  const say = useToast();
  const choose = (next: typeof theme) => () => {
    chooseTheme(next);
    setTheme(next);
  };
  const trigger = (
    <button type="button" className="tap flex min-h-11 items-center gap-2.5 rounded-control px-1.5 text-start hover:bg-raised" title={account.email} data-testid="account">
      <Avatar id={account.id} name={account.name || account.email} size={28} />
      <span className="min-w-0 flex-1 truncate" dir="auto">{account.name || account.email}</span>
      <ChevronsUpDown size={15} className="shrink-0 text-soft" aria-hidden />
    </button>
  );
  return (
    <Menu trigger={trigger} align="start" groups={[
      { heading: account.email, items: [
        { label: t`Account`, icon: UserRound, testId: 'to-account', onChoose: () => go('/account') },
        ...(account.operator ? [{ label: t`Operator`, icon: ServerCog, testId: 'to-operator', onChoose: () => go('/operator') }] : []),
        { label: t`API reference`, icon: BookOpen, onChoose: () => { window.open('/docs', '_blank', 'noopener'); } },
      ] },
      { heading: t`Language`, items: ['en', ...Object.keys(texts.languages)].map((language) => ({ label: nameOfLanguage(language), chosen: i18n.locale === language, onChoose: () => chooseLanguage(language) })) },
      { heading: t`Theme`, items: [
        { label: t`As the system`, icon: MonitorCog, chosen: theme === 'system', onChoose: choose('system') },
        { label: t`Light`, icon: Sun, chosen: theme === 'light', onChoose: choose('light') },
        { label: t`Dark`, icon: Moon, chosen: theme === 'dark', onChoose: choose('dark') },
      ] },
      { items: [{ label: t`Sign out`, icon: LogOut, testId: 'sign-out', onChoose: () => { signIn.logout().catch(say.failed); } }] },
    ]} />
  );
}
