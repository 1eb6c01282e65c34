import { useEffect } from 'react';
import { useApp } from './AppContext';

/** What the browser's tab is called on a page of an app. */
export function usePageTitle(title: string): void {
  const { app } = useApp();
  useEffect(() => {
    document.title = `${title} – ${app.name} – Weir`;
  }, [title, app.name]);
}
