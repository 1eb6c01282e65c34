import { lazy, type ComponentType } from 'react';

/** Pages that most visits never open: files of their own, loaded when they are. */
export const WebhooksPage = page(async () => (await import('./webhooks/WebhooksPage')).WebhooksPage);
export const SourcesPage = page(async () => (await import('./sources/SourcesPage')).SourcesPage);
export const IntegrationsPage = page(async () => (await import('./integrations/IntegrationsPage')).IntegrationsPage);

function page<Props extends object>(load: () => Promise<ComponentType<Props>>) {
  return lazy(async (): Promise<{ default: ComponentType<Props> }> => {
    try {
      return { default: await load() };
    } catch {
      return { default: Missing }; // after an update the former version's files may no longer exist
    }
  });
}

function Missing() {
  return <p className="error" role="alert">This page could not be loaded. Reload the studio.</p>;
}
