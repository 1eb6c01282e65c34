import { useLocation } from 'wouter';

/** What an address names inside its section: `whk_…` of `/webhooks/whk_…`; empty for the section itself. */
export function useItem(): string {
  return useLocation()[0].split('/')[2] ?? '';
}
