import { keep, recall, forget } from '@weir/client/browserStorage.ts';

export type Theme = 'system' | 'light' | 'dark';

/** What this reader chose; `system` as the browser is set. */
export function chosenTheme(): Theme {
  const stored = recall('theme');
  return stored === 'light' || stored === 'dark' ? stored : 'system';
}

export function chooseTheme(theme: Theme): void {
  if (theme === 'system') forget('theme');
  else keep('theme', theme);
  applyTheme();
}

/** Before the first render. */
export function applyTheme(): void {
  const theme = chosenTheme();
  if (theme === 'system') delete document.documentElement.dataset['theme'];
  else document.documentElement.dataset['theme'] = theme;
}
