import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { formatter } from '@lingui/format-po';
import { defineConfig } from '@lingui/conf';

/** A language is one file of `locales/`; English is the text in the source. */
export default defineConfig({
  sourceLocale: 'en',
  locales: readdirSync(join(import.meta.dirname, 'locales')).filter((name) => name.endsWith('.po')).map((name) => name.slice(0, -3)),
  fallbackLocales: { default: 'en' },
  catalogs: [{ path: '<rootDir>/locales/{locale}', include: ['<rootDir>/packages/client/src', '<rootDir>/packages/kit/src', '<rootDir>/packages/overlay/src', '<rootDir>/packages/studio/src', '<rootDir>/packages/ui/src', '<rootDir>/packages/watch/src'] }],
  format: formatter({ lineNumbers: false }),
  orderBy: 'origin',
});
