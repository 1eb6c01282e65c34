import { readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createCompiledCatalog, getCatalogs } from '@lingui/cli/api';
import { getConfig } from '@lingui/conf';
import type { Plugin } from 'vite';

const PREFIX = 'virtual:messages/';

/**
 * Which packages' texts a page shows: `locales/xx.po` holds all of a language, and a page loads its own alone.
 */
const PAGES: Readonly<Record<string, readonly string[]>> = {
  watch: ['client', 'ui', 'watch'],
  studio: ['client', 'ui', 'kit', 'studio'],
  kit: ['client', 'ui', 'kit'],
  overlay: ['client', 'overlay'],
};

/** `virtual:messages/watch` exports `languages`: code → loader of that page's texts; English is in the page itself. */
export function messages(root: string): Plugin {
  const config = getConfig({ configPath: join(root, 'lingui.config.ts'), cwd: root });
  const folder = join(root, 'locales');
  const locales = () => readdirSync(folder).filter((name) => name.endsWith('.po')).map((name) => basename(name, '.po'));
  return {
    name: 'weir-messages',
    resolveId: (id) => (id.startsWith(PREFIX) ? `\0${id}` : null),
    async load(id) {
      if (!id.startsWith(`\0${PREFIX}`)) return null;
      const [page = '', locale] = id.slice(PREFIX.length + 1).split('/');
      if (locale === undefined) return index(page, locales());
      this.addWatchFile(join(folder, `${locale}.po`));
      return await compiled(config, page, locale);
    },
  };
}

function index(page: string, locales: readonly string[]): string {
  const others = locales.filter((locale) => locale !== 'en').map((locale) => `${JSON.stringify(locale)}: () => import('${PREFIX}${page}/${locale}')`);
  return `import { messages } from '${PREFIX}${page}/en';\nexport const english = messages;\nexport const languages = { ${others.join(', ')} };\n`;
}

async function compiled(config: ReturnType<typeof getConfig>, page: string, locale: string): Promise<string> {
  const [catalog] = await getCatalogs(config);
  const packages = PAGES[page];
  if (catalog === undefined || packages === undefined) throw new Error(`No page is called ${page}.`);
  const read = (await catalog.read(locale)) ?? {};
  const { messages } = await catalog.getTranslations(locale, { sourceLocale: 'en', fallbackLocales: { default: 'en' } });
  const shown = (id: string) => (read[id]?.origin ?? []).some(([file]) => packages.some((name) => file.startsWith(`packages/${name}/`)));
  const own = Object.fromEntries(Object.entries(messages).filter(([id]) => shown(id)));
  const { source, errors } = createCompiledCatalog(locale, own, { namespace: 'es' });
  if (errors.length > 0) throw new Error(errors.map(({ error }) => error.message).join('\n'));
  return source;
}
