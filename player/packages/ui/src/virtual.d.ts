/** A page's texts, built from `locales/` (see build/messages.ts). */
declare module 'virtual:messages/*' {
  import type { Messages } from '@lingui/core';
  export const english: Messages;
  export const languages: Readonly<Record<string, () => Promise<{ messages: Messages }>>>;
}
