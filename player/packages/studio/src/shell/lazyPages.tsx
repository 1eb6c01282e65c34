import { Trans } from '@lingui/react/macro';
import { lazy, type ComponentType } from 'react';

/** Each page is a file of its own, loaded when it is opened. */
export const StreamsPage = page(async () => (await import('../streams/StreamsPage')).StreamsPage);
export const NewStreamPage = page(async () => (await import('../streams/NewStreamPage')).NewStreamPage);
export const StreamPage = page(async () => (await import('../streams/StreamPage')).StreamPage);
export const RecordingsPage = page(async () => (await import('../recordings/RecordingsPage')).RecordingsPage);
export const ChannelsPage = page(async () => (await import('../channels/ChannelsPage')).ChannelsPage);
export const ChannelPage = page(async () => (await import('../channels/ChannelPage')).ChannelPage);
export const PlacesPage = page(async () => (await import('../places/PlacesPage')).PlacesPage);
export const PlacePage = page(async () => (await import('../places/PlacePage')).PlacePage);
export const ProfilesPage = page(async () => (await import('../profiles/ProfilesPage')).ProfilesPage);
export const EventsPage = page(async () => (await import('../events/EventsPage')).EventsPage);
export const TokensPage = page(async () => (await import('../tokens/TokensPage')).TokensPage);
export const UsagePage = page(async () => (await import('../usage/UsagePage')).UsagePage);
export const WebhooksPage = page(async () => (await import('../webhooks/WebhooksPage')).WebhooksPage);
export const SourcesPage = page(async () => (await import('../sources/SourcesPage')).SourcesPage);
export const IntegrationsPage = page(async () => (await import('../integrations/IntegrationsPage')).IntegrationsPage);
export const KeysPage = page(async () => (await import('../keys/KeysPage')).KeysPage);
export const TeamPage = page(async () => (await import('../team/TeamPage')).TeamPage);
export const OperatorPage = page(async () => (await import('../operator/OperatorPage')).OperatorPage);
export const LogPage = page(async () => (await import('../log/LogPage')).LogPage);
export const SettingsPage = page(async () => (await import('../settings/SettingsPage')).SettingsPage);

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
  return <p className="p-8 text-warn" role="alert"><Trans>This page could not be loaded. Reload the studio.</Trans></p>;
}
