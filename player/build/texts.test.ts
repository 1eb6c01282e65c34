import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compileMessage } from '@lingui/message-utils/compileMessage';
import { getCatalogs } from '@lingui/cli/api';
import { getConfig } from '@lingui/conf';
import { describe, expect, it } from 'vitest';

const ROOT = join(import.meta.dirname, '..');
const LOCALES = readdirSync(join(ROOT, 'locales')).filter((name) => name.endsWith('.po')).map((name) => basename(name, '.po'));

/** Names of placeholders and numbers of tags that a message has: `{name}`, `<0>`. */
function slots(message: string): string[] {
  return [...message.matchAll(/\{(\w+)(?=[,}])|<(\d+)/g)].map(([, name, tag]) => name ?? `<${tag ?? ''}>`).filter((name) => !['zero', 'one', 'two', 'few', 'many', 'other'].includes(name));
}

const config = getConfig({ configPath: join(ROOT, 'lingui.config.ts'), cwd: ROOT });
const [catalog] = await getCatalogs(config);

describe('the texts of the pages', () => {
  it('are all in the catalogues: run `npm run texts` when this fails', async () => {
    const found = Object.keys((await catalog?.collect()) ?? {}).sort();
    expect(found.length).toBeGreaterThan(100);
    for (const locale of LOCALES) expect(Object.keys((await catalog?.read(locale)) ?? {}).sort(), locale).toEqual(found);
  }, 60_000);

  it.each(LOCALES.filter((locale) => locale !== 'en'))('are all translated into %s, with the same names in them', async (locale) => {
    const { messages, missing } = (await catalog?.getTranslations(locale, { sourceLocale: 'en', fallbackLocales: {} })) ?? { messages: {}, missing: [] };
    expect(missing.map(({ source }) => source)).toEqual([]);
    const english = (await catalog?.getTranslations('en', { sourceLocale: 'en', fallbackLocales: {} }))?.messages ?? {};
    for (const [id, source] of Object.entries(english)) {
      const translated = messages[id] ?? '';
      expect(() => compileMessage(translated), source).not.toThrow();
      expect([...new Set(slots(translated))].sort(), source).toEqual([...new Set(slots(source))].sort());
    }
  });
});
