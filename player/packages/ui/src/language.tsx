import { i18n, type Messages } from '@lingui/core';
import { I18nProvider } from '@lingui/react';
import type { ReactNode } from 'react';
import { keep, recall } from '@weir/client/browserStorage.ts';

const RIGHT_TO_LEFT = new Set(['ar', 'fa', 'he', 'ur']);

/** A page's texts: English is part of it, the others are loaded when they are wanted. */
export interface PageTexts {
  english: Messages;
  languages: Readonly<Record<string, () => Promise<{ messages: Messages }>>>;
}

/** The language asked for by `?lang=`, chosen before, or set in the browser, if this page has it; else English. */
export function preferredLanguage(known: readonly string[], search = location.search, wanted: readonly string[] = navigator.languages): string {
  const asked = [new URLSearchParams(search).get('lang'), recall('language'), ...wanted];
  for (const one of asked) {
    const base = one?.toLowerCase().split('-', 1)[0];
    if (base === 'en' || (base !== undefined && known.includes(base))) return base;
  }
  return 'en';
}

/** Before the first render. A language that can't be loaded falls back to English. */
export async function loadLanguage({ english, languages }: PageTexts): Promise<void> {
  const locale = preferredLanguage(Object.keys(languages));
  const load = languages[locale];
  try {
    i18n.loadAndActivate(load === undefined ? { locale: 'en', messages: english } : { locale, messages: (await load()).messages });
  } catch {
    i18n.loadAndActivate({ locale: 'en', messages: english });
  }
  document.documentElement.lang = i18n.locale;
  document.documentElement.dir = directionOf(i18n.locale);
}

export function directionOf(locale: string): 'ltr' | 'rtl' {
  return RIGHT_TO_LEFT.has(locale) ? 'rtl' : 'ltr';
}

/** Remembered in this browser; the page is loaded anew, so that nothing stays in the former language. */
export function chooseLanguage(locale: string): void {
  keep('language', locale);
  const address = new URL(location.href);
  address.searchParams.delete('lang');
  location.replace(address);
  location.reload();
}

/** How a language calls itself: `العربية`. */
export function nameOfLanguage(locale: string): string {
  return new Intl.DisplayNames([locale], { type: 'language' }).of(locale) ?? locale;
}

export function Texts({ children }: { children: ReactNode }) {
  return <I18nProvider i18n={i18n}>{children}</I18nProvider>;
}
